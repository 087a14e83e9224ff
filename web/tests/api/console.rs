//! The console, whether it has been built in or not.

use super::support::Site;

#[actix_web::test]
async fn any_page_gets_the_console_with_the_scope_as_base() {
    for (scope, base) in [("", "<base href=\"/\" />"), ("/plant", "<base href=\"/plant/\" />")] {
        let site = Site::start_under(scope).await;
        for path in ["/", "/trends", "/trends/x/y", "/index.html"] {
            let page = site.get(path).await;
            assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"), "{scope}{path}");
            assert!(std::str::from_utf8(&page.body).unwrap().contains(base), "{scope}{path}");
            assert_eq!(page.header("x-content-type-options"), "nosniff");
            assert_eq!(page.header("x-frame-options"), "DENY");
            assert_eq!(page.header("referrer-policy"), "no-referrer");
            assert!(page.header("content-security-policy").starts_with("default-src 'self'"));
        }
        assert_eq!(site.get("/api/v1/tags").await.status, 200);
        site.stop().await;
    }
}

#[actix_web::test]
async fn a_page_that_is_known_is_answered_304() {
    let site = Site::start().await;
    let tag = site.get("/").await.header("etag").to_owned();
    let again = site.send(awc::http::Method::GET, "/", &[("if-none-match", &tag)], "").await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    site.stop().await;
}

#[actix_web::test]
async fn files_of_a_built_console_are_immutable_compressed_and_of_their_type() {
    let site = Site::start_under("/plant").await;
    let page = site.get("/trends/x").await;
    let html = String::from_utf8(page.body).unwrap();
    let files: Vec<&str> =
        html.split('"').filter_map(|text| text.strip_prefix("./")).filter(|file| file.starts_with("assets/")).collect();
    assert_eq!(files.is_empty(), flyball_web::console::state() == "placeholder", "{html}");
    for file in files {
        let plain = site.get(&format!("/{file}")).await;
        assert_eq!(plain.status, 200, "{file}");
        assert_eq!(plain.header("cache-control"), "public, max-age=31536000, immutable");
        let kind = if file.ends_with(".css") { "text/css; charset=utf-8" } else { "text/javascript; charset=utf-8" };
        assert_eq!(plain.header("content-type"), kind);
        let small = site.send(awc::http::Method::GET, &format!("/{file}"), &[("accept-encoding", "br")], "").await;
        assert_eq!((small.header("content-encoding"), small.header("vary")), ("br", "Accept-Encoding"), "{file}");
        assert!(small.body.len() < plain.body.len());
        assert_ne!(small.header("etag"), plain.header("etag"));
    }
    site.stop().await;
}

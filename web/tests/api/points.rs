//! Linear referencing over HTTP.

use super::support::{Answer, Site};
use awc::http::Method;
use serde_json::{Value as Json, json};

const CSV: (&str, &str) = ("content-type", "text/csv; charset=utf-8");

const SURVEY: &str = "\u{feff}segment,post,latitude,longitude,elevation\r\n\
                      Main line/1,10,48,11,500\r\n\
                      Main line/1,12,48.2,11.2,520\r\n\
                      Main line/1,13,48.2,11.5,\r\n";

const SEGMENT: &str = "/api/v1/segments/Main%20line%2F1";

async fn import(site: &Site, query: &str, body: &str) -> Answer {
    site.send(Method::POST, &format!("/api/v1/points/import{query}"), &[CSV], body).await
}

async fn segments(site: &Site) -> Json {
    site.get("/api/v1/segments").await.json()["items"].clone()
}

#[actix_web::test]
async fn points_are_imported_and_a_post_between_them_is_located() {
    let site = Site::start().await;
    let tried = import(&site, "?dry_run=true", SURVEY).await.json();
    assert_eq!(tried, json!({"points": 3, "segments": 1, "removed": 0, "stored": false}));
    assert_eq!(segments(&site).await, json!([]));
    let done = import(&site, "", SURVEY).await.json();
    assert_eq!(done, json!({"points": 3, "segments": 1, "removed": 0, "stored": true}));
    let segment = json!({"segment": "Main line/1", "points": 3, "first_post": 10.0, "last_post": 13.0});
    assert_eq!(segments(&site).await, json!([segment]));

    let position = site.get(&format!("{SEGMENT}/position?post=11")).await.json();
    assert_eq!((&position["kind"], &position["nearest"]), (&json!("interpolated"), &Json::Null));
    assert!((position["latitude"].as_f64().unwrap() - 48.1).abs() < 1e-9, "{position}");
    assert!((position["longitude"].as_f64().unwrap() - 11.1).abs() < 1e-9, "{position}");
    assert!((position["elevation"].as_f64().unwrap() - 510.0).abs() < 1e-9, "{position}");
    let outside = site.get(&format!("{SEGMENT}/position?post=-5")).await.json();
    assert_eq!((&outside["kind"], &outside["nearest"]), (&json!("outside"), &json!(10.0)));

    let first = site.get(&format!("{SEGMENT}/points?limit=2")).await.json();
    assert_eq!(first["items"][1], json!({"post": 12.0, "latitude": 48.2, "longitude": 11.2, "elevation": 520.0}));
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = site.get(&format!("{SEGMENT}/points?limit=2&cursor={cursor}")).await.json();
    assert_eq!((&second["items"][0]["post"], &second["items"][0]["elevation"]), (&json!(13.0), &Json::Null));
    assert_eq!(second["next_cursor"], Json::Null);
    let middle = site.get(&format!("{SEGMENT}/points?from=11&to=12")).await.json();
    assert_eq!(middle["items"].as_array().unwrap().len(), 1);
    site.stop().await;
}

#[actix_web::test]
async fn a_file_with_wrong_rows_is_refused_with_each_of_them_and_nothing_is_stored() {
    let site = Site::start().await;
    let wrong = "segment,post,latitude,longitude,elevation\nL1,1,48,11,\nL1,2,91,11,\n\nL1,3,48,east,\n";
    for query in ["", "?replace=true", "?dry_run=true"] {
        let answer = import(&site, query, wrong).await;
        assert_eq!(answer.problem(), (422, "invalid_points".to_owned()));
        let problem = answer.json();
        assert_eq!(problem["detail"], "2 rows cannot be imported; nothing was stored");
        assert_eq!(
            problem["errors"],
            json!([
                {
                    "pointer": "/line/3/latitude",
                    "code": "invalid_latitude",
                    "detail": "line 3, column 3: latitude 91.0 is not allowed: -90 to 90 degrees",
                },
                {
                    "pointer": "/line/5/longitude",
                    "code": "invalid_longitude",
                    "detail": "line 5, column 4: longitude: \"east\" is no number with a decimal point",
                },
            ])
        );
    }
    assert_eq!(segments(&site).await, json!([]));
    site.stop().await;
}

#[actix_web::test]
async fn points_that_are_stored_are_refused_or_replaced_and_a_segment_is_deleted() {
    let site = Site::start().await;
    import(&site, "", SURVEY).await;
    let again = import(&site, "", SURVEY).await;
    assert_eq!(again.problem(), (422, "invalid_points".to_owned()));
    assert_eq!(again.json()["errors"].as_array().unwrap().len(), 3);
    assert_eq!(again.json()["errors"][0]["pointer"], "/line/2/post");
    assert_eq!(again.json()["errors"][0]["code"], "stored_post");
    let other = "segment,post,latitude,longitude\nMain line/1,10,48,11\n";
    let replaced = import(&site, "?replace=true", other).await.json();
    assert_eq!(replaced, json!({"points": 1, "segments": 1, "removed": 3, "stored": true}));
    assert_eq!(site.send(Method::DELETE, SEGMENT, &[], "").await.json(), json!({"points": 1}));
    assert_eq!(site.send(Method::DELETE, SEGMENT, &[], "").await.problem(), (404, "unknown_segment".to_owned()));
    site.stop().await;
}

#[actix_web::test]
async fn every_wrong_request_about_points_is_a_problem_that_says_what_is_wrong() {
    let site = Site::start().await;
    import(&site, "", SURVEY).await;
    for (path, status, code) in [
        ("/api/v1/segments?cursor=zzz", 400, "malformed"),
        ("/api/v1/segments?limit=0", 422, "invalid_limit"),
        ("/api/v1/segments/L9/points", 404, "unknown_segment"),
        ("/api/v1/segments/L9/position?post=1", 404, "unknown_segment"),
        ("/api/v1/segments/L9", 405, "method_not_allowed"),
        ("/api/v1/segments/Main%20line%2F1/points?from=2&to=1", 422, "invalid_range"),
        ("/api/v1/segments/Main%20line%2F1/position", 400, "malformed"),
        ("/api/v1/segments/Main%20line%2F1/position?post=x", 400, "malformed"),
        ("/api/v1/segments/Main%20line%2F1/position?post=NaN", 422, "invalid_post"),
    ] {
        assert_eq!(site.get(path).await.problem(), (status, code.to_owned()), "{path}");
    }
    let json = site.post("/api/v1/points/import", "{}").await;
    assert_eq!(json.problem(), (415, "unsupported_media_type".to_owned()));
    assert_eq!(import(&site, "", "").await.problem(), (422, "invalid_points".to_owned()));
    assert_eq!(import(&site, "?replace=yes", SURVEY).await.problem(), (400, "malformed".to_owned()));
    let mut large = String::from(SURVEY);
    large.push_str(&" ".repeat(16 * 1024 * 1024));
    assert_eq!(import(&site, "", &large).await.problem(), (413, "too_large".to_owned()));
    let beyond_json = format!("{SURVEY}{}", "\r\n".repeat(1024 * 1024));
    assert_eq!(import(&site, "?replace=true", &beyond_json).await.status, 200);
    site.stop().await;
}

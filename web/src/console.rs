//! The console's files, embedded by `build.rs`, and how they are served.
//!
//! Files below `assets/` carry a hash in their name and never change; all others are asked for again each time
//! and answered with 304 while they are the same. Any path that is no file and not below `api/` is a page of the
//! console: it gets `index.html`, with the scope it is mounted under as base of its relative addresses.

use crate::problem::Problem;
use actix_web::http::header::{self, HeaderMap};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse};
use std::borrow::Cow;

/// A file of the console.
#[derive(Debug, Clone, Copy)]
struct Asset {
    path: &'static str,
    content_type: &'static str,
    hash: &'static str,
    body: &'static [u8],
    br: Option<&'static [u8]>,
    gz: Option<&'static [u8]>,
}

static ASSETS: &[Asset] = include!(concat!(env!("OUT_DIR"), "/console_assets.rs"));

/// Served where the console was not built.
static PLACEHOLDER: Asset = Asset {
    path: "index.html",
    content_type: "text/html; charset=utf-8",
    hash: "placeholder",
    body: include_bytes!("placeholder.html"),
    br: None,
    gz: None,
};

/// Nothing from another origin, no framing, no inline code.
const CONTENT_SECURITY_POLICY: &str =
    "default-src 'self'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'; object-src 'none'";

/// Whether the console has been built into this program: `embedded` or `placeholder`.
#[must_use]
pub fn state() -> &'static str {
    if ASSETS.is_empty() { "placeholder" } else { "embedded" }
}

/// Answers every request that no route took.
///
/// # Errors
/// 404 below `api/` and `assets/`, 405 for methods other than GET and HEAD.
pub async fn serve(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let (scope, tail) = split(&request);
    let path = tail.trim_start_matches('/');
    if path == "api" || path.starts_with("api/") {
        return Err(Problem::unknown("route", format!("there is nothing at {}", request.path())));
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Err(Problem::method_not_allowed("GET, HEAD"));
    }
    match find(path) {
        Some(asset) if asset.path != "index.html" => Ok(file(asset, request.headers())),
        None if path.starts_with("assets/") => {
            Err(Problem::unknown("route", format!("the console has no file {}", request.path())))
        }
        _ => Ok(page(find("index.html").unwrap_or(&PLACEHOLDER), scope, request.headers())),
    }
}

/// The scope we are mounted under, without a slash at its end, and the path below it.
fn split(request: &HttpRequest) -> (&str, &str) {
    let info = request.match_info();
    let (whole, tail) = (info.as_str(), info.unprocessed());
    let scope = whole.strip_suffix(tail).unwrap_or_default();
    (scope.trim_end_matches('/'), tail)
}

fn find(path: &str) -> Option<&'static Asset> {
    ASSETS.binary_search_by(|asset| asset.path.cmp(path)).ok().map(|place| &ASSETS[place])
}

fn file(asset: &Asset, headers: &HeaderMap) -> HttpResponse {
    let (encoding, body) = choose(asset, headers);
    let tag = format!("\"{}{}\"", asset.hash, encoding.map_or("", |name| if name == "br" { "-br" } else { "-gz" }));
    let caching = if asset.path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mut response = HttpResponse::build(StatusCode::OK);
    secure(&mut response);
    response.insert_header((header::ETAG, tag.clone()));
    response.insert_header((header::CACHE_CONTROL, caching));
    if asset.br.is_some() || asset.gz.is_some() {
        response.insert_header((header::VARY, "Accept-Encoding"));
    }
    if is_known(&tag, headers) {
        return response.status(StatusCode::NOT_MODIFIED).finish();
    }
    if let Some(encoding) = encoding {
        response.insert_header((header::CONTENT_ENCODING, encoding));
    }
    response.insert_header((header::CONTENT_TYPE, asset.content_type)).body(body)
}

/// `index.html` with the scope as base, so that its relative addresses hold at any depth.
fn page(index: &Asset, scope: &str, headers: &HeaderMap) -> HttpResponse {
    let base = escape(scope);
    let tag = format!("\"{}-{:x}\"", index.hash, fingerprint(&base));
    let mut response = HttpResponse::build(StatusCode::OK);
    secure(&mut response);
    response.insert_header((header::ETAG, tag.clone()));
    response.insert_header((header::CACHE_CONTROL, "no-cache"));
    if is_known(&tag, headers) {
        return response.status(StatusCode::NOT_MODIFIED).finish();
    }
    let html = String::from_utf8_lossy(index.body);
    let html = html.replacen("<head>", &format!("<head>\n    <base href=\"{base}/\" />"), 1);
    response.insert_header((header::CONTENT_TYPE, index.content_type)).body(html)
}

fn secure(response: &mut actix_web::HttpResponseBuilder) {
    response
        .insert_header((header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .insert_header((header::X_FRAME_OPTIONS, "DENY"));
}

fn choose(asset: &Asset, headers: &HeaderMap) -> (Option<&'static str>, &'static [u8]) {
    if let Some(body) = asset.br.filter(|_| accepts(headers, "br")) {
        return (Some("br"), body);
    }
    if let Some(body) = asset.gz.filter(|_| accepts(headers, "gzip")) {
        return (Some("gzip"), body);
    }
    (None, asset.body)
}

/// Whether `Accept-Encoding` names `encoding` and does not rule it out by `q=0`.
fn accepts(headers: &HeaderMap, encoding: &str) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|item| {
        let mut parts = item.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(encoding));
        let weight = parts.find_map(|part| part.strip_prefix("q=")).map(str::parse::<f32>);
        named && !matches!(weight, Some(Ok(weight)) if weight <= 0.0)
    })
}

/// Whether `If-None-Match` names the tag.
fn is_known(tag: &str, headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH).filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

fn escape(text: &str) -> Cow<'_, str> {
    if text.contains(['&', '<', '>', '"', '\'']) {
        let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        return text.replace('"', "&quot;").replace('\'', "&#39;").into();
    }
    text.into()
}

/// FNV-1a: tells the few scopes of a host application apart.
fn fingerprint(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::body::to_bytes;
    use actix_web::http::header::HeaderValue;

    static SCRIPT: Asset = Asset {
        path: "assets/index-abc.js",
        content_type: "text/javascript; charset=utf-8",
        hash: "h",
        body: b"plain",
        br: Some(b"brotli"),
        gz: Some(b"gzip"),
    };

    fn headers(name: header::HeaderName, value: &'static str) -> HeaderMap {
        [(name, HeaderValue::from_static(value))].into_iter().collect()
    }

    fn sent(accept: &'static str) -> (Option<&'static str>, &'static [u8]) {
        choose(&SCRIPT, &headers(header::ACCEPT_ENCODING, accept))
    }

    #[test]
    fn the_best_encoding_that_the_browser_takes_is_sent() {
        assert_eq!(sent("gzip, deflate, br, zstd"), (Some("br"), &b"brotli"[..]));
        assert_eq!(sent("gzip;q=1.0, br;q=0"), (Some("gzip"), &b"gzip"[..]));
        assert_eq!(sent("identity"), (None, &b"plain"[..]));
    }

    #[test]
    fn a_hashed_file_is_immutable_and_answered_304_when_known() {
        let first = file(&SCRIPT, &HeaderMap::new());
        assert_eq!(first.headers().get(header::CACHE_CONTROL).unwrap(), "public, max-age=31536000, immutable");
        assert_eq!(first.headers().get(header::ETAG).unwrap(), "\"h\"");
        let again = file(&SCRIPT, &headers(header::IF_NONE_MATCH, "\"x\", W/\"h\""));
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    }

    #[actix_web::test]
    async fn a_page_has_the_scope_as_base_of_its_addresses() {
        let response = page(&PLACEHOLDER, "/plant\"x", &HeaderMap::new());
        assert_eq!(response.headers().get(header::CACHE_CONTROL).unwrap(), "no-cache");
        assert!(response.headers().contains_key(header::CONTENT_SECURITY_POLICY));
        let body = to_bytes(response.into_body()).await.unwrap();
        assert!(std::str::from_utf8(&body).unwrap().contains("<base href=\"/plant&quot;x/\" />"));
    }
}

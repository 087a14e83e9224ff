//! Who may call from a browser: cross-site requests and DNS rebinding are refused.
//!
//! A page of another site can make a visitor's browser send requests to this server. Such a request tells where it
//! comes from, in `Origin` and `Sec-Fetch-Site`; programs send neither and are let through.

use crate::problem::Problem;
use crate::state::WebState;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap, HeaderName};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::web;
use std::net::IpAddr;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Middleware that refuses with 403 what [`check`] does not let through.
///
/// # Errors
/// [`Problem`] with `forbidden`, and whatever the service answers.
pub async fn guard(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let on_loopback = request.app_config().local_addr().ip().is_loopback();
    let allowed = request.app_data::<web::Data<WebState>>().map_or(&[][..], |state| state.allowed_hosts());
    check(request.method(), request.headers(), on_loopback, allowed)
        .map_err(|reason| Problem::new(StatusCode::FORBIDDEN, "forbidden", reason))?;
    next.call(request).await
}

/// Whether a request may pass.
///
/// * `on_loopback`: the server listens on a loopback address, so the host asked for must be a loopback name, or one of
///   `allowed_hosts` (names of a reverse proxy, without port).
///
/// # Errors
/// The reason of the refusal.
pub fn check(
    method: &Method,
    headers: &HeaderMap,
    on_loopback: bool,
    allowed_hosts: &[String],
) -> Result<(), &'static str> {
    let host = text(headers, &header::HOST);
    if on_loopback && host.is_some_and(|host| !is_local(host) && !is_listed(host, allowed_hosts)) {
        return Err("the host name is not one of this server");
    }
    if is_safe(method) && !is_upgrade(headers) {
        return Ok(());
    }
    match text(headers, &SEC_FETCH_SITE) {
        Some("same-origin" | "none") => return Ok(()),
        Some(_) => return Err("the request comes from another site"),
        None => {}
    }
    match (text(headers, &header::ORIGIN), host) {
        (None, _) => Ok(()),
        (Some(origin), Some(host)) if is_same(origin, host) => Ok(()),
        _ => Err("the request comes from another origin"),
    }
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE)
}

fn is_upgrade(headers: &HeaderMap) -> bool {
    headers.contains_key(header::UPGRADE)
}

/// A header as text. One that is there and is not ASCII counts as a text that equals nothing.
fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap_or("\u{fffd}"))
}

/// Origin is `scheme://host[:port]`; it is ours where host and port are those that were asked for.
fn is_same(origin: &str, host: &str) -> bool {
    origin.split_once("://").is_some_and(|(scheme, authority)| {
        let port = if scheme == "https" { ":443" } else { ":80" };
        let bare = |name: &str| name.strip_suffix(port).unwrap_or(name).to_ascii_lowercase();
        bare(authority) == bare(host)
    })
}

/// The host without its port, and an IPv6 address without brackets.
fn name_of(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split_once(']').map_or(rest, |(address, _)| address);
    }
    host.split_once(':').map_or(host, |(name, _)| name)
}

fn is_local(host: &str) -> bool {
    let name = name_of(host);
    name.eq_ignore_ascii_case("localhost")
        || name.to_ascii_lowercase().ends_with(".localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn is_listed(host: &str, allowed: &[String]) -> bool {
    allowed.iter().any(|name| name.eq_ignore_ascii_case(name_of(host)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    fn post(pairs: &[(&'static str, &'static str)]) -> bool {
        check(&Method::POST, &headers(pairs), false, &[]).is_ok()
    }

    #[test]
    fn a_command_from_another_site_is_refused() {
        assert!(!post(&[("host", "plant:8080"), ("origin", "http://evil.example")]));
        assert!(!post(&[("host", "plant:8080"), ("origin", "http://plant:9090")]));
        assert!(!post(&[("host", "plant:8080"), ("origin", "null")]));
        assert!(!post(&[("host", "plant"), ("sec-fetch-site", "cross-site")]));
        assert!(!post(&[("host", "plant"), ("sec-fetch-site", "same-site")]));
    }

    #[test]
    fn a_command_from_the_console_or_a_program_is_let_through() {
        assert!(post(&[("host", "plant:8080"), ("origin", "http://plant:8080")]));
        assert!(post(&[("host", "plant"), ("origin", "https://Plant:443")]));
        assert!(post(&[("host", "plant"), ("sec-fetch-site", "same-origin")]));
        assert!(post(&[("host", "plant:8080")]));
    }

    #[test]
    fn a_socket_of_another_site_is_refused_though_it_is_a_get() {
        let foreign = [("host", "plant"), ("origin", "http://evil.example")];
        assert!(check(&Method::GET, &headers(&foreign), false, &[]).is_ok());
        let socket = [foreign[0], foreign[1], ("upgrade", "websocket")];
        assert!(check(&Method::GET, &headers(&socket), false, &[]).is_err());
    }

    #[test]
    fn on_loopback_only_loopback_names_and_those_listed_are_answered() {
        let get = |host| check(&Method::GET, &headers(&[("host", host)]), true, &["plant.example".to_owned()]).is_ok();
        for host in ["localhost:8080", "127.0.0.1", "127.0.0.1:80", "[::1]:8080", "a.localhost", "plant.example:443"] {
            assert!(get(host), "{host}");
        }
        for host in ["evil.example", "10.0.0.1:8080", "localhost.evil.example", "127.0.0.1.evil.example", ""] {
            assert!(!get(host), "{host}");
        }
    }
}

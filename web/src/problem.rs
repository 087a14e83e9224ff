//! Problem details for HTTP APIs (RFC 9457): the body of every error answer.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::ops::Deref;
use utoipa::ToSchema;
use uuid::Uuid;

/// Content type of every error answer.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// Seconds a client is asked to wait before it tries again after 429 and 503.
const RETRY_AFTER_SECONDS: &str = "1";

/// Why a request was not done, as the client is told (RFC 9457). One pointer wide, as it is the error of every handler.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(transparent)]
pub struct Problem(Box<ProblemDetails>);

/// What a [`Problem`] says.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ProblemDetails {
    /// Always `about:blank`: the kind of problem is told by `code`.
    #[serde(rename = "type")]
    #[schema(example = "about:blank")]
    pub kind: &'static str,
    /// Reason phrase of the status.
    #[schema(example = "Not Found")]
    pub title: &'static str,
    /// HTTP status.
    #[schema(minimum = 400, maximum = 599, example = 404)]
    pub status: u16,
    /// What went wrong, for a person.
    #[schema(example = "unknown tag 7")]
    pub detail: String,
    /// What went wrong, for a program. Stable.
    #[schema(value_type = String, pattern = "^[a-z_]+$", example = "unknown_tag")]
    pub code: Cow<'static, str>,
    /// Which parts of the request are wrong.
    pub errors: Vec<ProblemPart>,
    /// What would be allowed in the present state, with `wrong_state`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed: Option<Vec<String>>,
    /// Methods that would do, for the `Allow` header of a 405.
    #[serde(skip)]
    pub allow: Option<String>,
    /// Identity of this answer; the log has the details under it.
    #[serde(serialize_with = "as_text")]
    #[schema(value_type = String, format = "uuid")]
    pub request_id: Uuid,
}

/// One part of a request that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ProblemPart {
    /// JSON pointer into the body (`/value`), or the query parameter (`?limit`).
    pub pointer: String,
    /// What is wrong, for a program.
    #[schema(value_type = String)]
    pub code: Cow<'static, str>,
    /// What is wrong, for a person.
    pub detail: String,
}

impl Problem {
    /// A problem with `status`, told apart by `code`.
    #[must_use]
    pub fn new(status: StatusCode, code: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self(Box::new(ProblemDetails {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: detail.into(),
            code: code.into(),
            errors: Vec::new(),
            allowed: None,
            allow: None,
            request_id: Uuid::new_v4(),
        }))
    }

    /// 400: the request cannot be read.
    #[must_use]
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", detail)
    }

    /// 400: the query parameter `name` cannot be read.
    #[must_use]
    pub fn malformed_parameter(name: &str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self::malformed(format!("query parameter \"{name}\": {detail}")).at(format!("?{name}"), "malformed", detail)
    }

    /// 404: there is no such `noun`.
    #[must_use]
    pub fn unknown(noun: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("unknown_{noun}"), detail)
    }

    /// 422: `field` was understood and is not acceptable; `pointer` says where it stands.
    #[must_use]
    pub fn invalid(field: &str, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        let (code, detail) = (format!("invalid_{field}"), detail.into());
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code.clone(), detail.clone()).at(pointer, code, detail)
    }

    /// 409: not in this state; `allowed` is what would be.
    #[must_use]
    pub fn wrong_state(detail: impl Into<String>, allowed: Vec<String>) -> Self {
        let mut problem = Self::new(StatusCode::CONFLICT, "wrong_state", detail);
        problem.0.allowed = Some(allowed);
        problem
    }

    /// 503: the part of the plant that would answer cannot, for now.
    #[must_use]
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
    }

    /// 503: too much is under way already.
    #[must_use]
    pub fn busy(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail)
    }

    /// 504: no answer in time.
    #[must_use]
    pub fn deadline(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::GATEWAY_TIMEOUT, "deadline", detail)
    }

    /// 405: `methods` would do.
    #[must_use]
    pub fn method_not_allowed(methods: &str) -> Self {
        let detail = format!("allowed here: {methods}");
        let mut problem = Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail);
        problem.0.allow = Some(methods.to_owned());
        problem
    }

    /// 500: constant text for the client; `error` and its causes go to the log under the same request id.
    #[must_use]
    pub fn internal(error: &dyn Error) -> Self {
        let detail = "the server could not do this; its log says why under the request id";
        let problem = Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail);
        log::error!("request {}: {}", problem.request_id, chain(error));
        problem
    }

    /// Adds a part of the request that is wrong.
    #[must_use]
    pub fn at(
        mut self,
        pointer: impl Into<String>,
        code: impl Into<Cow<'static, str>>,
        detail: impl Into<String>,
    ) -> Self {
        self.0.errors.push(ProblemPart { pointer: pointer.into(), code: code.into(), detail: detail.into() });
        self
    }

    /// The same problem in other words.
    #[must_use]
    pub(crate) fn saying(mut self, detail: String) -> Self {
        self.0.detail = detail;
        self
    }

    fn http_status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn as_text<S: serde::Serializer>(id: &Uuid, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}

impl Deref for Problem {
    type Target = ProblemDetails;
    fn deref(&self) -> &ProblemDetails {
        &self.0
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.status, self.code, self.detail)
    }
}

impl Error for Problem {}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.http_status()
    }

    fn error_response(&self) -> HttpResponse {
        let status = self.http_status();
        let mut response = HttpResponse::build(status);
        response.insert_header((header::CONTENT_TYPE, PROBLEM_JSON));
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        response.insert_header(("X-Request-Id", self.request_id.to_string()));
        if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
            response.insert_header((header::RETRY_AFTER, RETRY_AFTER_SECONDS));
        }
        if let Some(methods) = &self.allow {
            response.insert_header((header::ALLOW, methods.as_str()));
        }
        // A problem is texts and numbers, which always have a JSON form.
        response.body(serde_json::to_string(self).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_internal_error_tells_the_client_nothing_of_its_cause() {
        let secret = std::io::Error::other("password=hunter2");
        let problem = Problem::internal(&secret);
        assert!(!serde_json::to_string(&problem).unwrap().contains("hunter2"));
    }

    #[test]
    fn a_problem_carries_its_request_id_in_body_and_header() {
        let mut problem = Problem::invalid("value", "/value", "must be finite");
        let response = problem.error_response();
        assert_eq!(response.headers().get("X-Request-Id").unwrap(), problem.request_id.to_string().as_str());
        assert_eq!(response.headers().get(header::CONTENT_TYPE).unwrap(), PROBLEM_JSON);
        problem.0.request_id = Uuid::nil();
        insta::assert_json_snapshot!(problem, @r#"
        {
          "type": "about:blank",
          "title": "Unprocessable Entity",
          "status": 422,
          "detail": "must be finite",
          "code": "invalid_value",
          "errors": [
            {
              "pointer": "/value",
              "code": "invalid_value",
              "detail": "must be finite"
            }
          ],
          "request_id": "00000000-0000-0000-0000-000000000000"
        }
        "#);
    }
}

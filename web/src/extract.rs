//! How bodies, queries and paths are read, and the problems of those that cannot be.

use crate::problem::Problem;
use actix_web::error::{JsonPayloadError, PathError, QueryPayloadError};
use actix_web::http::StatusCode;
use actix_web::web::{JsonConfig, PathConfig, PayloadConfig, QueryConfig, ServiceConfig};

/// Largest body that is taken, bytes.
pub const MAX_BODY: usize = 1024 * 1024;

/// Sets limits and problems for everything below.
pub(crate) fn configure(config: &mut ServiceConfig) {
    config
        .app_data(PayloadConfig::new(MAX_BODY))
        .app_data(JsonConfig::default().limit(MAX_BODY).error_handler(|error, _| json(&error).into()))
        .app_data(QueryConfig::default().error_handler(|error, _| query(&error).into()))
        .app_data(PathConfig::default().error_handler(|error, _| path(&error).into()));
}

fn json(error: &JsonPayloadError) -> Problem {
    match error {
        JsonPayloadError::OverflowKnownLength { .. } | JsonPayloadError::Overflow { .. } => {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", format!("a body has {MAX_BODY} bytes at the most"))
        }
        JsonPayloadError::ContentType => {
            let detail = "the body must be JSON and say so: Content-Type: application/json";
            Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail)
        }
        JsonPayloadError::Deserialize(error) => Problem::malformed(format!("the body cannot be read: {error}")),
        JsonPayloadError::Payload(error) => Problem::malformed(format!("the body did not arrive whole: {error}")),
        other => Problem::malformed(format!("the body cannot be read: {other}")),
    }
}

fn query(error: &QueryPayloadError) -> Problem {
    match error {
        QueryPayloadError::Deserialize(error) => Problem::malformed(format!("the query cannot be read: {error}")),
        other => Problem::malformed(format!("the query cannot be read: {other}")),
    }
}

fn path(error: &PathError) -> Problem {
    match error {
        PathError::Deserialize(error) => Problem::malformed(format!("the path cannot be read: {error}")),
        other => Problem::malformed(format!("the path cannot be read: {other}")),
    }
}

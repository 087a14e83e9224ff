//! The HTTP API, one file per resource, read top-down: read the request, ask the plant, answer.

pub mod alarms;
pub mod expressions;
pub mod health;
pub mod history;
pub mod links;
pub mod machines;
pub mod notifications;
pub mod page;
pub mod plan;
pub mod plant;
pub mod points;
pub mod tags;
pub mod units;

use crate::problem::Problem;
use crate::state::WebState;
use actix_web::http::header::IF_MATCH;
use actix_web::{HttpRequest, web};
use flyball::configuration::{Author, ChangePlant, ConfigurationError, Plan};
use flyball::schema::{Quality, Value};
use flyball::send::ask;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use utoipa::ToSchema;

/// How long a change of the plant may take: it is held against every rule, stored and put into effect.
const CHANGE_DEADLINE: Duration = Duration::from_secs(120);

/// What every handler gets.
pub(crate) type State = web::Data<WebState>;

/// A value of a tag or parameter, as the description of the API tells it: number, truth value or text.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Scalar {
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
    /// True or false.
    Boolean(bool),
    /// Text.
    Text(String),
}

/// Query of a route that takes no parameters: any is refused.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoQuery {}

/// Why a value is not plainly good; none where nothing is known against it.
pub(crate) fn reason(quality: Quality) -> Option<&'static str> {
    Some(quality.reason()).filter(|reason| !reason.is_empty())
}

/// The value of a JSON scalar.
pub(crate) fn scalar(json: serde_json::Value, pointer: &str) -> Result<Value, Problem> {
    let invalid = |detail: &str| Problem::invalid("value", pointer, detail);
    match json {
        serde_json::Value::Bool(value) => Ok(Value::Boolean(value)),
        serde_json::Value::String(text) => Ok(Value::from(text.as_str())),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(value), _) => Ok(Value::Integer(value)),
            (None, Some(value)) => Ok(Value::Float(value)),
            (None, None) => Err(invalid("a number that cannot be kept")),
        },
        _ => Err(invalid("a value is a number, true, false or a text")),
    }
}

/// What a client says it has seen (`If-Match`): an `ETag` without its quotes, none for any; nothing where it does not say.
pub(crate) fn if_match(request: &HttpRequest) -> Option<Option<String>> {
    // One that is no text is none of ours: it matches nothing.
    let header = request.headers().get(IF_MATCH)?.to_str().unwrap_or_default().trim();
    Some((header != "*").then(|| header.trim_matches('"').to_owned()))
}

/// Who changes something: nobody has said, so where they come from.
pub(crate) fn author(request: &HttpRequest, reason: Option<String>) -> Author {
    let peer = request.peer_addr().map(|address| address.ip().to_string());
    Author::anonymous(peer).because(reason)
}

/// Asks who changes the plant, and waits until it is done even where the client goes away meanwhile.
///
/// # Errors
/// `unavailable`, `deadline`; within, why it was refused.
pub(crate) async fn change(state: &State, change: ChangePlant) -> Result<Result<Plan, ConfigurationError>, Problem> {
    let plant = state.plant().clone();
    command(async move { Ok(ask(plant.configuration(), change, CHANGE_DEADLINE).await?) }).await
}

/// Runs a command to its end even where the client goes away meanwhile.
///
/// # Errors
/// Those of the command; `internal` where it panicked.
pub(crate) async fn command<T: 'static>(
    work: impl Future<Output = Result<T, Problem>> + 'static,
) -> Result<T, Problem> {
    match actix_web::rt::spawn(work).await {
        Ok(result) => result,
        Err(error) => Err(Problem::internal(&error)),
    }
}

/// Reads the words of a comma-separated parameter.
///
/// # Errors
/// `malformed`, with the words that would do.
pub(crate) fn words<T: Copy>(name: &str, text: Option<&str>, known: &[(&str, T)]) -> Result<Vec<T>, Problem> {
    let Some(text) = text else { return Ok(Vec::new()) };
    text.split(',')
        .map(|word| {
            known.iter().find(|(name, _)| *name == word).map(|(_, value)| *value).ok_or_else(|| {
                let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
                Problem::malformed_parameter(name, format!("\"{word}\" is none of {}", names.join(", ")))
            })
        })
        .collect()
}

/// Refuses a text that is longer than `most` characters.
///
/// # Errors
/// `invalid_<field>`.
pub(crate) fn short(field: &str, text: Option<String>, most: usize) -> Result<Option<String>, Problem> {
    match text {
        Some(text) if text.chars().count() > most => {
            let detail = format!("{field} has {most} characters at the most");
            Err(Problem::invalid(field, format!("/{field}"), detail))
        }
        text => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_json_scalar_keeps_its_type_and_null_is_no_value() {
        let read = |text: &str| scalar(serde_json::from_str(text).unwrap(), "/value");
        assert_eq!(read("3").unwrap(), Value::Integer(3));
        assert_eq!(read("3.0").unwrap(), Value::Float(3.0));
        assert_eq!(read("18446744073709551615").unwrap(), Value::Float(18_446_744_073_709_551_615.0));
        assert_eq!(read("\"a\"").unwrap(), Value::from("a"));
        for text in ["null", "[1]", "{}"] {
            assert_eq!(read(text).unwrap_err().code, "invalid_value", "{text}");
        }
    }

    #[test]
    fn a_word_that_is_not_known_is_refused_with_those_that_are() {
        let known = [("good", 0), ("bad", 2)];
        assert_eq!(words("quality", Some("bad,good"), &known).unwrap(), [2, 0]);
        assert!(words("quality", None, &known).unwrap().is_empty());
        let problem = words("quality", Some("good,ugly"), &known).unwrap_err();
        assert_eq!(problem.detail, "query parameter \"quality\": \"ugly\" is none of good, bad");
    }

    #[actix_web::test]
    async fn a_command_goes_on_when_nobody_waits_for_it() {
        let (done, seen) = tokio::sync::oneshot::channel();
        let (go, start) = tokio::sync::oneshot::channel::<()>();
        let mut request = Box::pin(command(async move {
            start.await.ok();
            done.send(()).ok();
            Ok(())
        }));
        assert!(futures_util::poll!(request.as_mut()).is_pending());
        drop(request);
        go.send(()).unwrap();
        tokio::time::timeout(std::time::Duration::from_secs(5), seen).await.unwrap().unwrap();
    }
}

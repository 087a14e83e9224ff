//! What people do to alarms.

use super::AlarmView;
use crate::api::{NoQuery, State, command, short};
use crate::problem::Problem;
use actix_web::web::{Json, Path, Query};
use flyball::alarms::{AcknowledgeAlarm, AlarmCommand, CommandAlarm};
use flyball::plant::Plant;
use flyball::schema::AlarmId;
use flyball::send::{DEADLINE, ask};
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use utoipa::ToSchema;

/// Who acts, where the request does not say.
const UNNAMED: &str = "operator";
/// Alarms of one bulk request at the most.
const MAX_BULK: usize = 1_000;

/// Who acknowledges, and what they say.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcknowledgeInput {
    /// Who; `operator` where it is not given.
    #[serde(default)]
    #[schema(max_length = 100)]
    by: Option<String>,
    /// What they say.
    #[serde(default)]
    #[schema(max_length = 1000)]
    comment: Option<String>,
}

impl AcknowledgeInput {
    fn check(self) -> Result<(String, Option<String>), Problem> {
        let by = short("by", self.by, 100)?.filter(|by| !by.trim().is_empty());
        Ok((by.unwrap_or_else(|| UNNAMED.to_owned()), short("comment", self.comment, 1_000)?))
    }
}

/// Acknowledges one alarm and answers when that is durable.
///
/// # Errors
/// `unknown_alarm`, `wrong_state`, `invalid_by`, `invalid_comment`, `unavailable`, `deadline`.
#[utoipa::path(post, path = "/api/v1/alarms/{id}/ack", tag = "alarms", params(("id" = u32, Path, description = "the alarm")),
    request_body = AcknowledgeInput, responses(
    (status = 200, description = "the alarm afterwards", body = AlarmView),
    (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json"),
))]
pub async fn acknowledge(
    state: State,
    id: Path<u32>,
    _: Query<NoQuery>,
    input: Json<AcknowledgeInput>,
) -> Result<Json<AlarmView>, Problem> {
    let (by, comment) = input.into_inner().check()?;
    let (plant, alarm) = (state.plant().clone(), AlarmId(*id));
    Ok(Json(command(acknowledge_one(plant, alarm, by, comment)).await?))
}

async fn acknowledge_one(
    plant: Plant,
    alarm: AlarmId,
    by: String,
    comment: Option<String>,
) -> Result<AlarmView, Problem> {
    Ok(ask(plant.alarms(), AcknowledgeAlarm { alarm, by, comment }, DEADLINE).await??.into())
}

/// What is done to an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CommandName {
    /// UNACK → ACKED, RTNUN → NORM, LTUNK → LTACK.
    Acknowledge,
    /// LTACK → NORM, while the condition is false.
    Reset,
    /// Ends the horn, not the alarm.
    Silence,
    /// Says something about the present or last occurrence: `reason`.
    Comment,
    /// Puts it aside; it comes back by the clock. Needs a `reason`.
    Shelve,
    /// Takes it from the shelf.
    Unshelve,
    /// Takes it out of service until somebody puts it back. Needs a `reason`.
    OutOfService,
    /// Puts it back into service.
    ReturnToService,
}

/// A command, who gives it and why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandRequest {
    /// What is done.
    command: CommandName,
    /// Of `shelve`: for so many seconds; as long as may be where it is not given.
    #[schema(minimum = 1, maximum = 604_800)]
    seconds: Option<u32>,
    /// Of `shelve`: only until its condition is false, where that is sooner.
    one_shot: Option<bool>,
    /// Who; `operator` where it is not given.
    #[schema(max_length = 100)]
    by: Option<String>,
    /// Why, or what they say.
    #[schema(max_length = 1000)]
    reason: Option<String>,
}

impl CommandRequest {
    fn command(&self) -> Result<AlarmCommand, Problem> {
        let of_shelve =
            |field: &str| Problem::invalid(field, format!("/{field}"), format!("{field} is of shelve alone"));
        let (seconds, one_shot) = match (self.command, self.seconds, self.one_shot) {
            (CommandName::Shelve, seconds, one_shot) => (seconds, one_shot.unwrap_or(false)),
            (_, Some(_), _) => return Err(of_shelve("seconds")),
            (_, _, Some(_)) => return Err(of_shelve("one_shot")),
            _ => (None, false),
        };
        Ok(match self.command {
            CommandName::Acknowledge => AlarmCommand::Acknowledge,
            CommandName::Reset => AlarmCommand::Reset,
            CommandName::Silence => AlarmCommand::Silence,
            CommandName::Comment => AlarmCommand::Comment,
            CommandName::Shelve => {
                AlarmCommand::Shelve { time: seconds.map(|seconds| Duration::from_secs(seconds.into())), one_shot }
            }
            CommandName::Unshelve => AlarmCommand::Unshelve,
            CommandName::OutOfService => AlarmCommand::TakeOutOfService,
            CommandName::ReturnToService => AlarmCommand::ReturnToService,
        })
    }
}

/// Does something to one alarm and answers when that is durable: see `allowed` of the alarm.
///
/// # Errors
/// `unknown_alarm`, `wrong_state`, `invalid_reason`, `invalid_seconds`, `invalid_by`, `unavailable`, `deadline`.
#[utoipa::path(post, path = "/api/v1/alarms/{id}/commands", tag = "alarms", params(("id" = u32, Path, description = "the alarm")),
    request_body = CommandRequest, responses(
    (status = 200, description = "the alarm afterwards", body = AlarmView),
    (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json"),
))]
pub async fn run(
    state: State,
    id: Path<u32>,
    _: Query<NoQuery>,
    request: Json<CommandRequest>,
) -> Result<Json<AlarmView>, Problem> {
    let request = request.into_inner();
    let given = request.command()?;
    let CommandRequest { by, reason, .. } = request;
    let (by, _) = AcknowledgeInput { by, comment: None }.check()?;
    let reason = short("reason", reason, 1_000)?;
    let message = CommandAlarm { alarm: AlarmId(*id), command: given, by, reason };
    let plant = state.plant().clone();
    Ok(Json(command(async move { Ok(ask(plant.alarms(), message, DEADLINE).await??.into()) }).await?))
}

/// Several alarms to be acknowledged.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcknowledgeManyInput {
    /// The alarms.
    #[schema(min_items = 1, max_items = 1000)]
    ids: Vec<u32>,
    /// Who; `operator` where it is not given.
    #[serde(default)]
    #[schema(max_length = 100)]
    by: Option<String>,
    /// What they say.
    #[serde(default)]
    #[schema(max_length = 1000)]
    comment: Option<String>,
}

/// What became of several alarms.
#[derive(Debug, Serialize, ToSchema)]
pub struct AcknowledgedView {
    /// One per id, in the order asked.
    pub items: Vec<AcknowledgedItem>,
}

/// What became of one of several alarms: the alarm, or the problem.
#[derive(Debug, Serialize, ToSchema)]
pub struct AcknowledgedItem {
    /// The alarm.
    pub id: u32,
    /// The alarm afterwards.
    pub alarm: Option<AlarmView>,
    /// Why it was not acknowledged.
    pub problem: Option<Problem>,
}

/// Acknowledges several alarms, each for itself.
///
/// # Errors
/// `invalid_ids`, `invalid_by`, `invalid_comment`; those of single alarms are in the answer.
#[utoipa::path(post, path = "/api/v1/alarms/ack", tag = "alarms", request_body = AcknowledgeManyInput, responses(
    (status = 200, description = "what became of each", body = AcknowledgedView),
    (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json"),
))]
pub async fn acknowledge_many(
    state: State,
    _: Query<NoQuery>,
    input: Json<AcknowledgeManyInput>,
) -> Result<Json<AcknowledgedView>, Problem> {
    let AcknowledgeManyInput { ids, by, comment } = input.into_inner();
    let (by, comment) = AcknowledgeInput { by, comment }.check()?;
    if !(1..=MAX_BULK).contains(&ids.len()) {
        return Err(Problem::invalid("ids", "/ids", format!("1 to {MAX_BULK} alarms at a time")));
    }
    let plant = state.plant().clone();
    let items = command(async move {
        let one = |id: u32| {
            let work = acknowledge_one(plant.clone(), AlarmId(id), by.clone(), comment.clone());
            async move {
                let (alarm, problem) = match work.await {
                    Ok(alarm) => (Some(alarm), None),
                    Err(problem) => (None, Some(problem)),
                };
                AcknowledgedItem { id, alarm, problem }
            }
        };
        Ok(join_all(ids.into_iter().map(one)).await)
    });
    Ok(Json(AcknowledgedView { items: items.await? }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::StatusCode;

    #[test]
    fn a_nameless_acknowledgement_is_the_operators_and_a_long_comment_is_refused() {
        let input = |by: Option<&str>, comment: Option<String>| AcknowledgeInput { by: by.map(str::to_owned), comment };
        assert_eq!(input(None, None).check().unwrap().0, "operator");
        assert_eq!(input(Some("  "), None).check().unwrap().0, "operator");
        assert_eq!(input(Some("ann"), None).check().unwrap().0, "ann");
        let problem = input(None, Some("x".repeat(1_001))).check().unwrap_err();
        assert_eq!((problem.status, &*problem.code), (StatusCode::UNPROCESSABLE_ENTITY.as_u16(), "invalid_comment"));
    }

    #[test]
    fn a_command_is_read_with_what_it_needs() {
        let read = |text: &str| serde_json::from_str::<CommandRequest>(text);
        let shelve = read(r#"{"command": "shelve", "seconds": 60, "reason": "cleaning"}"#).unwrap().command().unwrap();
        assert_eq!(shelve, AlarmCommand::Shelve { time: Some(Duration::from_secs(60)), one_shot: false });
        assert_eq!(read(r#"{"command": "reset"}"#).unwrap().command().unwrap(), AlarmCommand::Reset);
        let misspelt = read(r#"{"command": "shelve", "second": 60, "reason": "cleaning"}"#);
        assert!(misspelt.is_err(), "or it were shelved for as long as may be");
        let other = read(r#"{"command": "unshelve", "seconds": 60}"#).unwrap().command().unwrap_err();
        assert_eq!(&*other.code, "invalid_seconds");
        assert!(read(r#"{"command": "explode"}"#).is_err());
    }
}

//! History of tags: columns, grids, aggregates, and CSV.

pub mod aggregates;
pub mod columns;
mod csv;
mod cursor;
pub mod table;

use crate::problem::Problem;
use crate::range::{parse_span, parse_time};
use actix::Message;
use actix::dev::ToEnvelope;
use flyball::Plant;
use flyball::cvt::{ReadTags, TagRecord};
use flyball::history::{DataLogger, HistoryError};
use flyball::schema::{Quality, Severity, TagId, Timestamp};
use flyball::send::ask;
use std::time::Duration;

/// A question about the past may take this long: longer than the plant's own deadline for it.
const DEADLINE: Duration = Duration::from_secs(35);
/// Range where the client names none.
const DEFAULT_SPAN: Duration = Duration::from_secs(15 * 60);

/// Reads the parameter `tags`.
fn tags(text: &str) -> Result<Vec<TagId>, Problem> {
    let ids: Result<Vec<TagId>, _> = text.split(',').map(|id| id.parse().map(TagId)).collect();
    ids.map_err(|_| Problem::malformed_parameter("tags", "ids separated by commas are expected"))
}

/// Reads the parameters `from` and `to`.
pub(crate) fn range(from: Option<&str>, to: Option<&str>, now: Timestamp) -> Result<(Timestamp, Timestamp), Problem> {
    let time = |name: &str, text: Option<&str>, default: Timestamp| match text {
        Some(text) => parse_time(text, now).map_err(|error| Problem::malformed_parameter(name, error.to_string())),
        None => Ok(default),
    };
    let to = time("to", to, now)?;
    let from = time("from", from, to - DEFAULT_SPAN)?;
    if from < to {
        return Ok((from, to));
    }
    Err(Problem::invalid("range", "?from", format!("there is no time from {from} to {to}")))
}

/// Reads a parameter that is a span of time.
fn span(name: &str, text: &str) -> Result<Duration, Problem> {
    let span = parse_span(text).map_err(|error| Problem::malformed_parameter(name, error.to_string()))?;
    if span.is_zero() {
        return Err(Problem::invalid(name, format!("?{name}"), format!("{name} is 1 ms at the least")));
    }
    Ok(span)
}

/// Reads a parameter that counts, `default` where the client does not say.
fn count(name: &str, asked: Option<usize>, default: usize, most: usize) -> Result<usize, Problem> {
    let count = asked.unwrap_or(default);
    if (1..=most).contains(&count) {
        return Ok(count);
    }
    Err(Problem::invalid(name, format!("?{name}"), format!("{name} is 1 to {most} here")))
}

/// The tags themselves: one that does not exist has no history either, and that is said instead of an empty answer.
async fn records(plant: &Plant, tags: &[TagId]) -> Result<Vec<TagRecord>, Problem> {
    Ok(ask(plant.cvt(), ReadTags(tags.to_vec()), flyball::send::DEADLINE).await??)
}

/// Asks the plant about the past.
async fn question<M, T>(plant: &Plant, question: M) -> Result<Result<T, HistoryError>, Problem>
where
    M: Message<Result = Result<T, HistoryError>> + Send + 'static,
    T: Send + 'static,
    DataLogger: actix::Handler<M>,
    <DataLogger as actix::Actor>::Context: ToEnvelope<DataLogger, M>,
{
    Ok(ask(&plant.data_logger(), question, DEADLINE).await?)
}

/// A quality as columns tell it.
fn code(quality: Quality) -> u8 {
    match quality.severity() {
        Severity::Good => 0,
        Severity::Uncertain => 1,
        Severity::Bad => 2,
    }
}

//! Transitions, memories and occurrences as rows of the database, and back. Pure.

use super::transition::AlarmEvent;
use super::{AlarmMemory, AlarmState, AlarmTransition, Flags, JournalEntry, Occurrence, Pending, Record};
use crate::db::{DbError, storable};
use flyball_schema::tables::alarms::{AlarmJournalRow, AlarmOccurrenceRow, AlarmStateRow};
use flyball_schema::{AlarmId, Quality, Timestamp, Value};
use serde::{Deserialize, Serialize};

/// What of a memory has no column of its own.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct More {
    #[serde(skip_serializing_if = "Option::is_none")]
    returned_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cleared_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Flags::is_empty")]
    flags: Flags,
    #[serde(skip_serializing_if = "Option::is_none")]
    pending: Option<Pending>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    silenced: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    first_out: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    peak: Option<Value>,
}

/// The row of a transition, without its number and hash.
pub(super) fn journal_row(transition: &AlarmTransition) -> Result<AlarmJournalRow, DbError> {
    Ok(AlarmJournalRow {
        id: 0,
        alarm_id: transition.alarm.to_i32(),
        occurrence: to_i64(transition.occurrence),
        from_state: transition.from.as_str().to_owned(),
        to_state: transition.to.as_str().to_owned(),
        event: transition.event.to_owned(),
        value: to_json(transition.value.as_ref())?,
        quality: i64::from(transition.quality.status_code()),
        occurred: transition.occurred.as_micros(),
        recorded: transition.recorded.as_micros(),
        actor: storable(&transition.actor).into_owned(),
        reason: transition.reason.as_deref().map(|reason| storable(reason).into_owned()),
        annunciated: transition.annunciated,
        hash: None,
    })
}

pub(super) fn entry_of(row: AlarmJournalRow, alarm_name: Option<String>) -> Result<JournalEntry, DbError> {
    let corrupt = |problem: &str| DbError::Corrupt { table: "alarm_journal", id: row.id, problem: problem.to_owned() };
    let state = |text: &str| AlarmState::parse(text).ok_or_else(|| corrupt(&format!("\"{text}\" is no state")));
    let transition = AlarmTransition {
        alarm: AlarmId::from_i32(row.alarm_id).ok_or_else(|| corrupt("a negative alarm id"))?,
        occurrence: u64::try_from(row.occurrence).map_err(|_| corrupt("a negative occurrence"))?,
        from: state(&row.from_state)?,
        to: state(&row.to_state)?,
        event: AlarmEvent::parse(&row.event).ok_or_else(|| corrupt("an unknown event"))?.as_str(),
        annunciated: row.annunciated,
        value: of_json(row.value.as_deref()).map_err(|error| corrupt(&error.to_string()))?,
        quality: Quality::from_status_code(u32::try_from(row.quality).map_err(|_| corrupt("no status code"))?),
        occurred: Timestamp::from_micros(row.occurred),
        recorded: Timestamp::from_micros(row.recorded),
        actor: row.actor,
        reason: row.reason,
    };
    Ok(JournalEntry { id: row.id, alarm_name, transition })
}

pub(super) fn state_row(id: AlarmId, memory: &AlarmMemory) -> Result<AlarmStateRow, DbError> {
    let more = More {
        returned_at: memory.returned_at,
        cleared_at: memory.cleared_at,
        flags: memory.flags.clone(),
        pending: memory.pending,
        silenced: memory.silenced,
        first_out: memory.first_out,
        peak: memory.peak.clone(),
    };
    let more = Some(&more).filter(|more| **more != More::default());
    Ok(AlarmStateRow {
        alarm_id: id.to_i32(),
        state: memory.state.as_str().to_owned(),
        occurrence: to_i64(memory.occurrence),
        value: to_json(memory.value.as_ref())?,
        raised_at: memory.raised_at.map(Timestamp::as_micros),
        since: memory.since.map(Timestamp::as_micros),
        acknowledged_at: memory.acknowledged_at.map(Timestamp::as_micros),
        acknowledged_by: memory.acknowledged_by.as_deref().map(|name| storable(name).into_owned()),
        more: more.map(crate::db::to_json).transpose()?,
    })
}

pub(super) fn memory_of(row: AlarmStateRow) -> Result<(AlarmId, AlarmMemory), DbError> {
    let corrupt = |problem: &str| DbError::Corrupt {
        table: "alarm_state",
        id: i64::from(row.alarm_id),
        problem: problem.to_owned(),
    };
    let id = AlarmId::from_i32(row.alarm_id).ok_or_else(|| corrupt("a negative alarm id"))?;
    let more: Option<More> =
        row.more.as_deref().map(serde_json::from_str).transpose().map_err(|error| corrupt(&error.to_string()))?;
    let More { returned_at, cleared_at, flags, pending, silenced, first_out, peak } = more.unwrap_or_default();
    let state = AlarmState::parse(&row.state).filter(|state| state.is_core());
    let memory = AlarmMemory {
        state: state.ok_or_else(|| corrupt(&format!("\"{}\" is no state", row.state)))?,
        occurrence: u64::try_from(row.occurrence).map_err(|_| corrupt("a negative occurrence"))?,
        value: of_json(row.value.as_deref()).map_err(|error| corrupt(&error.to_string()))?,
        raised_at: row.raised_at.map(Timestamp::from_micros),
        since: row.since.map(Timestamp::from_micros),
        acknowledged_at: row.acknowledged_at.map(Timestamp::from_micros),
        acknowledged_by: row.acknowledged_by,
        returned_at,
        cleared_at,
        flags,
        pending,
        silenced,
        first_out,
        peak,
    };
    Ok((id, memory))
}

/// The row of the occurrence that a record is about; none before the first.
pub(super) fn occurrence_row(record: &Record) -> Result<Option<AlarmOccurrenceRow>, DbError> {
    let memory = &record.memory;
    let Some(raised_at) = memory.raised_at.filter(|_| memory.occurrence > 0) else { return Ok(None) };
    Ok(Some(AlarmOccurrenceRow {
        alarm_id: record.alarm.to_i32(),
        occurrence: to_i64(memory.occurrence),
        raised_at: raised_at.as_micros(),
        acknowledged_at: memory.acknowledged_at.map(Timestamp::as_micros),
        acknowledged_by: memory.acknowledged_by.as_deref().map(|name| storable(name).into_owned()),
        returned_at: memory.returned_at.map(Timestamp::as_micros),
        cleared_at: memory.cleared_at.map(Timestamp::as_micros),
        peak: to_json(memory.peak.as_ref())?,
        first_out: memory.first_out,
    }))
}

pub(super) fn occurrence_of(row: AlarmOccurrenceRow, alarm_name: Option<String>) -> Result<Occurrence, DbError> {
    let corrupt = |problem: &str| DbError::Corrupt {
        table: "alarm_occurrence",
        id: i64::from(row.alarm_id),
        problem: problem.to_owned(),
    };
    Ok(Occurrence {
        alarm: AlarmId::from_i32(row.alarm_id).ok_or_else(|| corrupt("a negative alarm id"))?,
        alarm_name,
        occurrence: u64::try_from(row.occurrence).map_err(|_| corrupt("a negative occurrence"))?,
        raised_at: Timestamp::from_micros(row.raised_at),
        acknowledged_at: row.acknowledged_at.map(Timestamp::from_micros),
        acknowledged_by: row.acknowledged_by,
        returned_at: row.returned_at.map(Timestamp::from_micros),
        cleared_at: row.cleared_at.map(Timestamp::from_micros),
        peak: of_json(row.peak.as_deref()).map_err(|error| corrupt(&error.to_string()))?,
        first_out: row.first_out,
    })
}

pub(super) fn to_i64(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn to_json(value: Option<&Value>) -> Result<Option<String>, DbError> {
    value.map(crate::db::to_json).transpose()
}

fn of_json(text: Option<&str>) -> Result<Option<Value>, serde_json::Error> {
    text.map(serde_json::from_str).transpose()
}

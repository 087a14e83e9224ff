//! Journal and states of the alarms in the database. **Engine.**

use super::alarm::SYSTEM;
use super::transition::{AlarmEvent, Rule, dispatch};
use super::{
    AlarmMemory, AlarmState, AlarmTransition, JournalEntry, LoadAlarmMemory, ReadAlarmJournal, Record, StoreTransitions,
};
use crate::db::{Database, DbError, insert_all, storable};
use actix::{Actor, Context, Handler, ResponseFuture};
use diesel::prelude::*;
use flyball_schema::db::Connection;
use flyball_schema::tables::alarm;
use flyball_schema::tables::alarms::{AlarmJournalRow, AlarmStateRow, NewAlarmJournalRow, alarm_journal, alarm_state};
use flyball_schema::{AlarmId, Quality, Timestamp, Value};
use std::collections::{BTreeMap, HashMap};

/// Keeps journal and states of the alarms. **Engine.**
///
/// Its handlers only hand jobs to the database; these run in the order they were sent where they write.
#[derive(Debug)]
pub struct AlarmsLogger {
    database: Database,
}

impl AlarmsLogger {
    /// An engine on `database`, which is migrated.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

impl Actor for AlarmsLogger {
    type Context = Context<Self>;
}

impl Handler<StoreTransitions> for AlarmsLogger {
    type Result = ResponseFuture<Result<(), DbError>>;

    fn handle(&mut self, StoreTransitions(records): StoreTransitions, _ctx: &mut Self::Context) -> Self::Result {
        let database = self.database.clone();
        Box::pin(async move { database.write(move |connection| store(connection, &records)).await })
    }
}

impl Handler<LoadAlarmMemory> for AlarmsLogger {
    type Result = ResponseFuture<Result<HashMap<AlarmId, AlarmMemory>, DbError>>;

    fn handle(&mut self, _: LoadAlarmMemory, _ctx: &mut Self::Context) -> Self::Result {
        let database = self.database.clone();
        Box::pin(async move { database.read(load_memory).await })
    }
}

impl Handler<ReadAlarmJournal> for AlarmsLogger {
    type Result = ResponseFuture<Result<Vec<JournalEntry>, DbError>>;

    fn handle(&mut self, query: ReadAlarmJournal, _ctx: &mut Self::Context) -> Self::Result {
        let database = self.database.clone();
        Box::pin(async move { database.read(move |connection| read_journal(connection, query)).await })
    }
}

/// Appends to the journal and brings the states up to date.
fn store(connection: &mut Connection, records: &[Record]) -> Result<(), DbError> {
    let Some((first, _)) = records.first() else { return Ok(()) };
    // A batch is stored whole or not at all, and is written again from its first row: that one tells for all.
    let may_repeat = is_stored(connection, first)?;
    let mut rows = Vec::with_capacity(records.len());
    for (transition, _) in records {
        if !may_repeat || !is_stored(connection, transition)? {
            rows.push(journal_row(transition)?);
        }
    }
    insert_all!(connection, alarm_journal::table, rows);
    let newest: BTreeMap<AlarmId, &AlarmMemory> =
        records.iter().map(|(transition, memory)| (transition.alarm, memory)).collect();
    newest.into_iter().try_for_each(|(id, memory)| store_state(connection, id, memory))
}

fn is_stored(connection: &mut Connection, transition: &AlarmTransition) -> Result<bool, DbError> {
    let same = alarm_journal::table.filter(
        alarm_journal::alarm_id
            .eq(transition.alarm.to_i32())
            .and(alarm_journal::occurrence.eq(to_i64(transition.occurrence)))
            .and(alarm_journal::event.eq(transition.event))
            .and(alarm_journal::recorded.eq(transition.recorded.as_micros())),
    );
    Ok(diesel::select(diesel::dsl::exists(same)).get_result(connection)?)
}

fn store_state(connection: &mut Connection, id: AlarmId, memory: &AlarmMemory) -> Result<(), DbError> {
    let row = state_row(id, memory)?;
    if diesel::update(alarm_state::table.find(row.alarm_id)).set(&row).execute(connection)? > 0 {
        return Ok(());
    }
    // One alarm that the catalogue does not know must not hold up the journal of all others.
    let known = alarm::table.filter(alarm::id.eq(row.alarm_id));
    if diesel::select(diesel::dsl::exists(known)).get_result(connection)? {
        diesel::insert_into(alarm_state::table).values(&row).execute(connection)?;
    } else {
        log::error!("state of alarm {id} is not kept: the catalogue does not know it");
    }
    Ok(())
}

fn load_memory(connection: &mut Connection) -> Result<HashMap<AlarmId, AlarmMemory>, DbError> {
    let rows = alarm_state::table.select(AlarmStateRow::as_select()).load(connection)?;
    rows.into_iter().map(memory_of).collect()
}

/// What some alarms remember; nothing of those that have never left NORM.
pub(crate) fn load_memory_of(
    connection: &mut Connection,
    alarms: &[AlarmId],
) -> Result<HashMap<AlarmId, AlarmMemory>, DbError> {
    let mut memories = HashMap::new();
    for id in alarms {
        let row = alarm_state::table.find(id.to_i32()).select(AlarmStateRow::as_select());
        memories.extend(row.first(connection).optional()?.map(memory_of).transpose()?);
    }
    Ok(memories)
}

/// Ends what alarms stand for by an event of the configuration, for alarms of which no manager knows; those in NORM stay as
/// they are. With `journalled` the transitions are appended to the journal, without it only the states follow.
pub(crate) fn end_standing(
    connection: &mut Connection,
    ended: &HashMap<AlarmId, AlarmEvent>,
    journalled: bool,
    now: Timestamp,
) -> Result<(), DbError> {
    let standing = alarm_state::table.filter(alarm_state::state.ne(AlarmState::Norm.as_str()));
    let rows: Vec<AlarmStateRow> =
        standing.order(alarm_state::alarm_id).select(AlarmStateRow::as_select()).load(connection)?;
    let mut records: Vec<Record> = Vec::new();
    for row in rows {
        let (id, mut memory) = memory_of(row)?;
        let Some(event) = ended.get(&id) else { continue };
        let Ok(rule) = dispatch(memory.state, *event) else { continue };
        // Nobody knows what the tag shows.
        (memory.state, memory.since, memory.value) = (rule.to, Some(now), None);
        records.push((ended_unseen(id, memory.occurrence, rule, now, now), memory));
    }
    if journalled {
        return store(connection, &records);
    }
    records.iter().try_for_each(|(transition, memory)| store_state(connection, transition.alarm, memory))
}

/// Journals the ends that [`end_standing`] left to a manager which was killed before it was told. Where none runs.
pub(crate) fn journal_missing_ends(connection: &mut Connection, now: Timestamp) -> Result<(), DbError> {
    // An end of which nobody knew what the tag showed.
    let unseen = alarm_state::value.is_null().and(alarm_state::since.is_not_null());
    let candidates = alarm_state::table.filter(alarm_state::state.eq(AlarmState::Norm.as_str()).and(unseen));
    let candidates: Vec<AlarmStateRow> =
        candidates.order(alarm_state::alarm_id).select(AlarmStateRow::as_select()).load(connection)?;
    let mut records: Vec<Record> = Vec::new();
    for row in candidates {
        let (id, memory) = memory_of(row)?;
        let last = ReadAlarmJournal { alarm: Some(id), limit: 1, ..ReadAlarmJournal::default() };
        let Some(last) = read_journal(connection, last)?.pop() else { continue };
        let retired_at: Option<i64> = alarm::table.find(id.to_i32()).select(alarm::retired_at).first(connection)?;
        let event = if retired_at.is_some() { AlarmEvent::Removed } else { AlarmEvent::Reconfigured };
        if let Ok(rule) = dispatch(last.transition.to, event) {
            let occurred = memory.since.unwrap_or(now);
            records.push((ended_unseen(id, memory.occurrence, rule, occurred, now), memory));
        }
    }
    store(connection, &records)
}

/// The transition of an alarm whose tag nobody saw.
fn ended_unseen(
    alarm: AlarmId,
    occurrence: u64,
    rule: &Rule,
    occurred: Timestamp,
    recorded: Timestamp,
) -> AlarmTransition {
    AlarmTransition {
        alarm,
        occurrence,
        from: rule.from,
        to: rule.to,
        event: rule.event.as_str(),
        value: None,
        quality: Quality::BAD_WAITING_FOR_INITIAL_DATA,
        occurred,
        recorded,
        actor: SYSTEM.to_owned(),
        reason: None,
    }
}

fn read_journal(connection: &mut Connection, query: ReadAlarmJournal) -> Result<Vec<JournalEntry>, DbError> {
    let mut select = alarm_journal::table
        .left_join(alarm::table)
        .select((AlarmJournalRow::as_select(), alarm::name.nullable()))
        .order(alarm_journal::id.desc())
        .limit(i64::try_from(query.limit).unwrap_or(i64::MAX))
        .into_boxed();
    if let Some(alarm) = query.alarm {
        select = select.filter(alarm_journal::alarm_id.eq(alarm.to_i32()));
    }
    if let Some(before) = query.before {
        select = select.filter(alarm_journal::id.lt(before));
    }
    let rows: Vec<(AlarmJournalRow, Option<String>)> = select.load(connection)?;
    rows.into_iter().map(|(row, alarm_name)| entry_of(row, alarm_name)).collect()
}

fn journal_row(transition: &AlarmTransition) -> Result<NewAlarmJournalRow<'_>, DbError> {
    Ok(NewAlarmJournalRow {
        alarm_id: transition.alarm.to_i32(),
        occurrence: to_i64(transition.occurrence),
        from_state: transition.from.as_str(),
        to_state: transition.to.as_str(),
        event: transition.event,
        value: to_json(transition.value.as_ref())?,
        quality: i64::from(transition.quality.status_code()),
        occurred: transition.occurred.as_micros(),
        recorded: transition.recorded.as_micros(),
        actor: storable(&transition.actor),
        reason: transition.reason.as_deref().map(storable),
    })
}

fn entry_of(row: AlarmJournalRow, alarm_name: Option<String>) -> Result<JournalEntry, DbError> {
    let corrupt = |problem: &str| DbError::Corrupt { table: "alarm_journal", id: row.id, problem: problem.to_owned() };
    let state = |text: &str| AlarmState::parse(text).ok_or_else(|| corrupt(&format!("\"{text}\" is no state")));
    let transition = AlarmTransition {
        alarm: AlarmId::from_i32(row.alarm_id).ok_or_else(|| corrupt("a negative alarm id"))?,
        occurrence: u64::try_from(row.occurrence).map_err(|_| corrupt("a negative occurrence"))?,
        from: state(&row.from_state)?,
        to: state(&row.to_state)?,
        event: AlarmEvent::parse(&row.event).ok_or_else(|| corrupt("an unknown event"))?.as_str(),
        value: of_json(row.value.as_deref()).map_err(|error| corrupt(&error.to_string()))?,
        quality: Quality::from_status_code(u32::try_from(row.quality).map_err(|_| corrupt("no status code"))?),
        occurred: Timestamp::from_micros(row.occurred),
        recorded: Timestamp::from_micros(row.recorded),
        actor: row.actor,
        reason: row.reason,
    };
    Ok(JournalEntry { id: row.id, alarm_name, transition })
}

fn state_row(id: AlarmId, memory: &AlarmMemory) -> Result<AlarmStateRow, DbError> {
    Ok(AlarmStateRow {
        alarm_id: id.to_i32(),
        state: memory.state.as_str().to_owned(),
        occurrence: to_i64(memory.occurrence),
        value: to_json(memory.value.as_ref())?,
        raised_at: memory.raised_at.map(Timestamp::as_micros),
        since: memory.since.map(Timestamp::as_micros),
        acknowledged_at: memory.acknowledged_at.map(Timestamp::as_micros),
        acknowledged_by: memory.acknowledged_by.as_deref().map(|name| storable(name).into_owned()),
    })
}

fn memory_of(row: AlarmStateRow) -> Result<(AlarmId, AlarmMemory), DbError> {
    let corrupt = |problem: &str| DbError::Corrupt {
        table: "alarm_state",
        id: i64::from(row.alarm_id),
        problem: problem.to_owned(),
    };
    let id = AlarmId::from_i32(row.alarm_id).ok_or_else(|| corrupt("a negative alarm id"))?;
    let memory = AlarmMemory {
        state: AlarmState::parse(&row.state).ok_or_else(|| corrupt(&format!("\"{}\" is no state", row.state)))?,
        occurrence: u64::try_from(row.occurrence).map_err(|_| corrupt("a negative occurrence"))?,
        value: of_json(row.value.as_deref()).map_err(|error| corrupt(&error.to_string()))?,
        raised_at: row.raised_at.map(Timestamp::from_micros),
        since: row.since.map(Timestamp::from_micros),
        acknowledged_at: row.acknowledged_at.map(Timestamp::from_micros),
        acknowledged_by: row.acknowledged_by,
    };
    Ok((id, memory))
}

fn to_i64(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn to_json(value: Option<&Value>) -> Result<Option<String>, DbError> {
    let serialized = value.map(serde_json::to_string).transpose();
    serialized.map_err(|error| DbError::Query(diesel::result::Error::SerializationError(Box::new(error))))
}

fn of_json(text: Option<&str>) -> Result<Option<Value>, serde_json::Error> {
    text.map(serde_json::from_str).transpose()
}

#[cfg(test)]
mod tests;

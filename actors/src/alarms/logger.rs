//! Journal, states and occurrences of the alarms in the database. **Engine.**

use super::alarm::SYSTEM;
use super::chain::{BrokenJournal, Link};
use super::rows::{entry_of, journal_row, memory_of, occurrence_of, occurrence_row, state_row, to_i64};
use super::transition::AlarmEvent;
use super::{
    AlarmMemory, AlarmState, AlarmTransition, JournalEntry, LoadAlarmMemory, Occurrence, ReadAlarmJournal,
    ReadOccurrences, Record, StoreTransitions, VerifyAlarmJournal,
};
use crate::db::{Database, DbError, insert_all, limit};
use actix::{Actor, Context, Handler, ResponseFuture};
use diesel::prelude::*;
use flyball_schema::db::Connection;
use flyball_schema::tables::alarm;
use flyball_schema::tables::alarms::{
    AlarmJournalRow, AlarmOccurrenceRow, AlarmStateRow, alarm_journal, alarm_occurrence, alarm_state,
};
use flyball_schema::{AlarmId, Quality, Timestamp};
use std::collections::{BTreeMap, HashMap};

/// Rows of the journal that are looked at in one job of a verification.
const VERIFY_PAGE: i64 = 10_000;

/// Keeps journal, states and occurrences of the alarms. **Engine.**
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

impl Handler<ReadOccurrences> for AlarmsLogger {
    type Result = ResponseFuture<Result<Vec<Occurrence>, DbError>>;

    fn handle(&mut self, query: ReadOccurrences, _ctx: &mut Self::Context) -> Self::Result {
        let database = self.database.clone();
        Box::pin(async move { database.read(move |connection| read_occurrences(connection, query)).await })
    }
}

impl Handler<VerifyAlarmJournal> for AlarmsLogger {
    type Result = ResponseFuture<Result<super::JournalVerification, DbError>>;

    fn handle(&mut self, _: VerifyAlarmJournal, _ctx: &mut Self::Context) -> Self::Result {
        Box::pin(verify(self.database.clone()))
    }
}

/// Walks the journal from its beginning, a page per job, so that others get their turn.
async fn verify(database: Database) -> Result<super::JournalVerification, DbError> {
    let (mut link, mut checked) = (Link::BEGINNING, 0);
    loop {
        let after = link;
        let (end, rows, broken) = database.read(move |connection| verify_page(connection, after)).await?;
        (link, checked) = (end, checked + rows);
        if broken.is_some() || rows == 0 {
            return Ok(super::JournalVerification { checked, head: link.is_begun.then_some(link.hash), broken });
        }
    }
}

fn verify_page(connection: &mut Connection, mut link: Link) -> Result<(Link, u64, Option<BrokenJournal>), DbError> {
    let rows: Vec<AlarmJournalRow> = alarm_journal::table
        .filter(alarm_journal::id.gt(link.id))
        .order(alarm_journal::id)
        .limit(VERIFY_PAGE)
        .select(AlarmJournalRow::as_select())
        .load(connection)?;
    let mut checked = 0;
    for row in &rows {
        if let Err(broken) = link.follow(row) {
            return Ok((link, checked, Some(broken)));
        }
        checked += 1;
    }
    Ok((link, checked, None))
}

/// Verifies the journal of a database where no plant runs.
///
/// # Errors
/// [`DbError`].
pub fn verify_offline(connection: &mut Connection) -> Result<super::JournalVerification, DbError> {
    let (mut link, mut checked) = (Link::BEGINNING, 0);
    loop {
        let (end, rows, broken) = verify_page(connection, link)?;
        (link, checked) = (end, checked + rows);
        if broken.is_some() || rows == 0 {
            return Ok(super::JournalVerification { checked, head: link.is_begun.then_some(link.hash), broken });
        }
    }
}

/// Appends to the journal and brings states and occurrences up to date.
fn store(connection: &mut Connection, records: &[Record]) -> Result<(), DbError> {
    let mut transitions = records.iter().filter_map(|record| record.transition.as_ref()).peekable();
    // A batch is stored whole or not at all, and is written again from its first row: that one tells for all.
    let may_repeat = transitions.peek().map_or(Ok(false), |first| is_stored(connection, first))?;
    let mut end = chain_end(connection)?;
    let mut rows = Vec::with_capacity(records.len());
    for transition in transitions {
        if !may_repeat || !is_stored(connection, transition)? {
            let mut row = journal_row(transition)?;
            end.append(&mut row);
            rows.push(row);
        }
    }
    insert_all!(connection, alarm_journal::table, rows);
    let newest: BTreeMap<AlarmId, &AlarmMemory> = records.iter().map(|record| (record.alarm, &record.memory)).collect();
    newest.into_iter().try_for_each(|(id, memory)| store_state(connection, id, memory))?;
    let mut occurrences = BTreeMap::new();
    for record in records.iter().filter(|record| record.transition.is_some()) {
        occurrences.extend(occurrence_row(record)?.map(|row| ((row.alarm_id, row.occurrence), row)));
    }
    occurrences.into_values().try_for_each(|row| {
        end_earlier(connection, &row)?;
        store_occurrence(connection, &row)
    })
}

/// Ends the occurrences that were still on the list, returned and not acknowledged, when the next one began: that one
/// stands for them now.
fn end_earlier(connection: &mut Connection, begun: &AlarmOccurrenceRow) -> Result<(), DbError> {
    if begun.occurrence == 1 {
        return Ok(());
    }
    let earlier = alarm_occurrence::table
        .filter(alarm_occurrence::alarm_id.eq(begun.alarm_id))
        .filter(alarm_occurrence::occurrence.lt(begun.occurrence))
        .filter(alarm_occurrence::cleared_at.is_null());
    diesel::update(earlier).set(alarm_occurrence::cleared_at.eq(begun.raised_at)).execute(connection)?;
    Ok(())
}

/// The end of the journal, to which the next row is chained.
fn chain_end(connection: &mut Connection) -> Result<Link, DbError> {
    let last: Option<(i64, Option<Vec<u8>>)> = alarm_journal::table
        .select((alarm_journal::id, alarm_journal::hash))
        .order(alarm_journal::id.desc())
        .first(connection)
        .optional()?;
    let Some((id, hash)) = last else { return Ok(Link::BEGINNING) };
    let Some(hash) = hash else { return Ok(Link { id, ..Link::BEGINNING }) };
    let corrupt = |hash: Vec<u8>| DbError::Corrupt {
        table: "alarm_journal",
        id,
        problem: format!("a hash of {} bytes", hash.len()),
    };
    Ok(Link { id, hash: hash.try_into().map_err(corrupt)?, is_begun: true })
}

fn store_occurrence(connection: &mut Connection, row: &AlarmOccurrenceRow) -> Result<(), DbError> {
    let same = alarm_occurrence::table.find((row.alarm_id, row.occurrence));
    if diesel::update(same).set(row).execute(connection)? == 0 && is_known(connection, row.alarm_id)? {
        diesel::insert_into(alarm_occurrence::table).values(row).execute(connection)?;
    }
    Ok(())
}

fn is_known(connection: &mut Connection, id: i32) -> Result<bool, DbError> {
    Ok(diesel::select(diesel::dsl::exists(alarm::table.filter(alarm::id.eq(id)))).get_result(connection)?)
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
    if is_known(connection, row.alarm_id)? {
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

/// Ends what alarms stand for by an event of the configuration, with every flag and delay, for alarms of which no manager
/// knows; those at rest stay as they are. With `journalled` the transitions are appended to the journal, without it only
/// the states follow.
pub(crate) fn end_standing(
    connection: &mut Connection,
    ended: &HashMap<AlarmId, AlarmEvent>,
    journalled: bool,
    now: Timestamp,
) -> Result<(), DbError> {
    let stands = alarm_state::state.ne(AlarmState::Norm.as_str()).or(alarm_state::more.is_not_null());
    let rows: Vec<AlarmStateRow> = alarm_state::table
        .filter(stands)
        .order(alarm_state::alarm_id)
        .select(AlarmStateRow::as_select())
        .load(connection)?;
    let mut records: Vec<Record> = Vec::new();
    for row in rows {
        let (id, mut memory) = memory_of(row)?;
        let Some(event) = ended.get(&id) else { continue };
        let from = memory.shown();
        if from == AlarmState::Norm && memory.pending.is_none() {
            continue;
        }
        // Nobody knows what the tag shows.
        (memory.since, memory.value) = (Some(now), None);
        memory.end(now);
        let transition =
            (from != AlarmState::Norm).then(|| ended_unseen((id, memory.occurrence), from, *event, now, now));
        records.push(Record { alarm: id, transition, memory });
    }
    if journalled {
        return store(connection, &records);
    }
    records.iter().try_for_each(|record| store_state(connection, record.alarm, &record.memory))
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
        let Some(shown) = shown_last(connection, id)? else { continue };
        let retired_at: Option<i64> = alarm::table.find(id.to_i32()).select(alarm::retired_at).first(connection)?;
        let event = if retired_at.is_some() { AlarmEvent::Removed } else { AlarmEvent::Reconfigured };
        if shown != AlarmState::Norm && memory.flags.is_empty() {
            let occurred = memory.since.unwrap_or(now);
            let transition = ended_unseen((id, memory.occurrence), shown, event, occurred, now);
            records.push(Record { alarm: id, transition: Some(transition), memory });
        }
    }
    store(connection, &records)
}

/// The state of an alarm that was shown last, as the journal has it.
fn shown_last(connection: &mut Connection, id: AlarmId) -> Result<Option<AlarmState>, DbError> {
    let last = ReadAlarmJournal { alarm: Some(id), limit: 1, ..ReadAlarmJournal::default() };
    let Some(last) = read_journal(connection, last)?.pop() else { return Ok(None) };
    if last.transition.annunciated {
        return Ok(Some(last.transition.to));
    }
    // It was beneath a flag: what put that there tells which.
    let flags = AlarmState::ALL.into_iter().filter(|state| !state.is_core()).map(AlarmState::as_str);
    let hidden: Option<String> = alarm_journal::table
        .filter(alarm_journal::alarm_id.eq(id.to_i32()).and(alarm_journal::to_state.eq_any(flags)))
        .order(alarm_journal::id.desc())
        .select(alarm_journal::to_state)
        .first(connection)
        .optional()?;
    Ok(hidden.as_deref().and_then(AlarmState::parse))
}

/// The transition of an alarm whose tag nobody saw.
fn ended_unseen(
    (alarm, occurrence): (AlarmId, u64),
    from: AlarmState,
    event: AlarmEvent,
    occurred: Timestamp,
    recorded: Timestamp,
) -> AlarmTransition {
    AlarmTransition {
        alarm,
        occurrence,
        from,
        to: AlarmState::Norm,
        event: event.as_str(),
        annunciated: true,
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

fn read_occurrences(connection: &mut Connection, query: ReadOccurrences) -> Result<Vec<Occurrence>, DbError> {
    let mut select = alarm_occurrence::table
        .left_join(alarm::table)
        .select((AlarmOccurrenceRow::as_select(), alarm::name.nullable()))
        .order((alarm_occurrence::raised_at.desc(), alarm_occurrence::alarm_id.desc()))
        .filter(alarm_occurrence::raised_at.ge(query.from.as_micros()))
        .filter(alarm_occurrence::raised_at.lt(query.to.as_micros()))
        .limit(limit(query.limit))
        .into_boxed();
    if let Some(alarm) = query.alarm {
        select = select.filter(alarm_occurrence::alarm_id.eq(alarm.to_i32()));
    }
    if let Some((raised_at, alarm)) = query.before {
        let (raised_at, alarm) = (raised_at.as_micros(), alarm.to_i32());
        let same_time = alarm_occurrence::raised_at.eq(raised_at).and(alarm_occurrence::alarm_id.lt(alarm));
        select = select.filter(alarm_occurrence::raised_at.lt(raised_at).or(same_time));
    }
    let rows: Vec<(AlarmOccurrenceRow, Option<String>)> = select.load(connection)?;
    rows.into_iter().map(|(row, alarm_name)| occurrence_of(row, alarm_name)).collect()
}

#[cfg(test)]
mod tests;

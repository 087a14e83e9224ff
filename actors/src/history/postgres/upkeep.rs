//! Partitions ahead, and what is past its retention.

use super::super::historian::{HistorianError, Retention, Upkeep};
use super::OUTLYING;
use super::catalog::{self, Layout, parameter};
use super::parts::{Part, Parts, SENSIBLE};
use super::sweep::{Classes, Expired, Sweep, UnderWay};
use super::write::{PostgresWriter, alone};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Text, Timestamptz};
use flyball_schema::Timestamp;
use std::collections::HashMap;
use std::ops::Range;

/// How long a partition that is to be dropped waits for the questions under way: others wait behind it. Longer with
/// every try that was in vain.
pub(super) const PATIENCE_MS: Range<u32> = 100..1_600;

/// Pages that are swept in one step: about 80,000 rows.
const PAGES: i64 = 512;

/// What a step did: it is known once it is committed.
#[derive(Default)]
struct Done {
    upkeep: Upkeep,
    /// Partitions made or dropped.
    parts: Option<Parts>,
    /// Whether a partition could not be dropped, because it is read.
    in_vain: bool,
    swept: Option<Swept>,
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

/// A step of the sweep.
struct Swept {
    /// The partition under way; `None` once it is done.
    under_way: Option<UnderWay>,
    part: String,
    rows: i64,
}

impl PostgresWriter {
    pub(super) fn keep_up(&mut self, retention: &Retention, now: Timestamp) -> Result<Upkeep, HistorianError> {
        let Self { connection, layout, me, known, sweep, patience_ms, .. } = self;
        let classes = sweep.classes(retention);
        let done = alone(connection, me, *layout, known, |connection, known| {
            let ahead = make_ahead(connection, *layout, &known.parts, now)?;
            let parts = ahead.as_ref().unwrap_or(&known.parts);
            if let Some(part) = to_drop(connection, *layout, parts, &classes, retention, now)? {
                return Ok(drop_part(connection, parts, part, &classes, now, *patience_ms)?);
            }
            let swept =
                if *layout == Layout::Partitions { sweep_some(connection, parts, &classes, sweep, now)? } else { None };
            Ok(Done { parts: ahead, ..Done::of(swept) })
        })?;
        *patience_ms = if done.in_vain { (*patience_ms * 2).min(PATIENCE_MS.end) } else { PATIENCE_MS.start };
        if let Some(parts) = done.parts {
            known.parts = parts;
        }
        if let Some(swept) = done.swept {
            known.parts.count(&swept.part, -swept.rows);
            sweep.under_way = swept.under_way;
        }
        Ok(done.upkeep)
    }
}

impl Done {
    fn of(swept: Option<Swept>) -> Self {
        let dropped = swept.as_ref().map_or(0, |swept| swept.rows.unsigned_abs());
        Self { upkeep: Upkeep { dropped, more: swept.is_some() }, swept, ..Self::default() }
    }
}

/// Makes the partition that follows that of now, in the last eighth of its time.
fn make_ahead(
    connection: &mut PgConnection,
    layout: Layout,
    parts: &Parts,
    now: Timestamp,
) -> QueryResult<Option<Parts>> {
    let Some(part) = parts.at(now.as_micros()).filter(|_| layout == Layout::Partitions) else { return Ok(None) };
    let (end, eighth) = (part.until, (part.until - part.from) / 8);
    if now.as_micros() < end - eighth || !SENSIBLE.contains(&end) || parts.find(end).is_some() {
        return Ok(None);
    }
    let mut parts = parts.clone();
    let index = parts.add(end);
    catalog::make(connection, parts.get_mut(index))?;
    Ok(Some(parts))
}

/// The oldest partition, where nobody wants it longer or the store is too big; never that of now.
fn to_drop<'a>(
    connection: &mut PgConnection,
    layout: Layout,
    parts: &'a Parts,
    classes: &Classes,
    retention: &Retention,
    now: Timestamp,
) -> QueryResult<Option<&'a Part>> {
    let Some(oldest) = parts.iter().next().filter(|part| part.until <= now.as_micros()) else { return Ok(None) };
    if classes.longest().is_some_and(|longest| oldest.until <= (now - longest).as_micros()) {
        return Ok(Some(oldest));
    }
    let Some(max_bytes) = retention.max_bytes else { return Ok(None) };
    Ok((catalog::size_bytes(connection, layout)? > max_bytes).then_some(oldest))
}

// A question holds a lock on history.sample, so that what it reads stays. In a block of its own, because a wait that is
// given up must not end the transaction.
fn drop_part(
    connection: &mut PgConnection,
    parts: &Parts,
    part: &Part,
    classes: &Classes,
    now: Timestamp,
    patience_ms: u32,
) -> QueryResult<Done> {
    let name = &part.name;
    let samples = match part.samples {
        Some(samples) => samples,
        None => number(connection, &format!("SELECT count(*) AS number FROM {name}"))?,
    };
    connection.batch_execute(&format!(
        "SET LOCAL lock_timeout = '{patience_ms}ms';
         DO $$ BEGIN DROP TABLE {name}; EXCEPTION WHEN lock_not_available THEN NULL; END $$;"
    ))?;
    let mut left = parts.clone();
    if catalog::is_there(connection, name)? {
        return Ok(Done { parts: Some(left), in_vain: true, ..Done::default() });
    }
    diesel::sql_query("DELETE FROM history.part WHERE name = $1").bind::<Text, _>(name).execute(connection)?;
    if let Some(longest) = classes.longest() {
        diesel::sql_query("DELETE FROM history.downtime WHERE ended < $1")
            .bind::<Timestamptz, _>(parameter((now - longest).as_micros()))
            .execute(connection)?;
    }
    left.remove(name);
    let upkeep = Upkeep { dropped: samples.unsigned_abs(), more: true };
    Ok(Done { upkeep, parts: Some(left), ..Done::default() })
}

/// Sweeps some pages of the oldest partition that has to lose something.
fn sweep_some(
    connection: &mut PgConnection,
    parts: &Parts,
    classes: &Classes,
    sweep: &Sweep,
    now: Timestamp,
) -> QueryResult<Option<Swept>> {
    #[derive(QueryableByName)]
    struct SweptBy {
        #[diesel(sql_type = Text)]
        name: String,
        #[diesel(sql_type = BigInt)]
        swept: i64,
    }
    let ends =
        std::iter::once((OUTLYING, SENSIBLE.start)).chain(parts.iter().map(|part| (part.name.as_str(), part.until)));
    let mut expired = ends.filter_map(|(name, until)| Some((name, classes.expired(until, now)?))).peekable();
    if expired.peek().is_none() {
        return Ok(None);
    }
    let rows: Vec<SweptBy> = diesel::sql_query("SELECT name, swept FROM history.part").get_results(connection)?;
    let by: HashMap<String, i64> = rows.into_iter().map(|row| (row.name, row.swept)).collect();
    // What is not counted has no samples of ours.
    let to_sweep = |&(name, ref expired): &(&str, Expired)| by.get(name).is_some_and(|&by| by != expired.fingerprint);
    let Some((name, expired)) = expired.find(to_sweep) else { return Ok(None) };
    let part = UnderWay { name: name.to_owned(), fingerprint: expired.fingerprint, pages_done: 0 };
    let is_same = |part: &&UnderWay| part.name == name && part.fingerprint == expired.fingerprint;
    let part = sweep.under_way.as_ref().filter(is_same).cloned().unwrap_or(part);
    sweep_pages(connection, part, &expired).map(Some)
}

fn sweep_pages(connection: &mut PgConnection, mut part: UnderWay, expired: &Expired) -> QueryResult<Swept> {
    let name = &part.name;
    let size = format!("SELECT pg_relation_size('{name}') / current_setting('block_size')::int8 AS number");
    let pages = number(connection, &size)?;
    let (from, until) = (part.pages_done, part.pages_done + PAGES);
    let tags = if expired.all_but { "<> ALL ($1)" } else { "= ANY ($1)" };
    let early = if name == OUTLYING { "AND time < 0" } else { "" };
    // Page by page: by the index every step would meet what the steps before it have deleted.
    connection.batch_execute("SET LOCAL enable_indexscan = off; SET LOCAL enable_indexonlyscan = off")?;
    let delete = format!(
        "DELETE FROM {name} WHERE ctid >= '({from},0)'::tid AND ctid < '({until},0)'::tid AND tag_id {tags} {early}"
    );
    let rows = diesel::sql_query(delete).bind::<Array<Integer>, _>(&expired.tags).execute(connection)?;
    let rows = i64::try_from(rows).unwrap_or(i64::MAX);
    let is_done = until >= pages;
    diesel::sql_query("UPDATE history.part SET samples = samples - $2, swept = $3 WHERE name = $1")
        .bind::<Text, _>(name)
        .bind::<BigInt, _>(if name == OUTLYING { 0 } else { rows })
        .bind::<BigInt, _>(if is_done { part.fingerprint } else { 0 })
        .execute(connection)?;
    part.pages_done = until;
    Ok(Swept { part: part.name.clone(), rows, under_way: (!is_done).then_some(part) })
}

fn number(connection: &mut PgConnection, query: &str) -> QueryResult<i64> {
    Ok(diesel::sql_query(query).get_result::<Number>(connection)?.number)
}

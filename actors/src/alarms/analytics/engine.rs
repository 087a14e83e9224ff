//! Figures of the past, out of the journal. **Engine.**

use super::{
    Analysis, AnalyticsError, AnalyticsReport, AreaId, Areas, LONGEST_RANGE, Occurrence, ReadAlarmAnalytics, Report,
    Standing, Thresholds, What, Withholding,
};
use crate::alarms::AlarmState;
use crate::clock::Clock;
use crate::db::{Database, DbError, limit};
use actix::{Actor, Context, Handler, ResponseFuture};
use diesel::prelude::*;
use flyball_schema::db::Connection;
use flyball_schema::definition::Priority;
use flyball_schema::tables::alarms::alarm_journal;
use flyball_schema::tables::{alarm, tag};
use flyball_schema::{AlarmId, Timestamp};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, HashMap};

/// Rows of one job: some milliseconds, between which other readers get their turn.
const PAGE: usize = 5_000;

/// Alarms of one job that looks how they stood, two queries each.
const ALARMS: usize = 500;

/// Times to acknowledge that are kept exactly, 8 MB.
const EXACT_TIMES: usize = 1_000_000;

/// Reads figures of the alarm system out of the journal. **Engine.**
///
/// A question is answered by many short jobs on the readers, which also do the counting. The figures are exact up to a
/// million acknowledgements.
#[derive(Debug)]
pub struct AlarmAnalytics {
    clock: Clock,
    database: Database,
}

impl AlarmAnalytics {
    /// An engine on `database`, which is migrated.
    #[must_use]
    pub fn new(clock: Clock, database: Database) -> Self {
        Self { clock, database }
    }
}

impl Actor for AlarmAnalytics {
    type Context = Context<Self>;
}

impl Handler<ReadAlarmAnalytics> for AlarmAnalytics {
    type Result = ResponseFuture<Result<AnalyticsReport, AnalyticsError>>;

    fn handle(&mut self, question: ReadAlarmAnalytics, _ctx: &mut Self::Context) -> Self::Result {
        let (database, now) = (self.database.clone(), self.clock.now());
        Box::pin(async move {
            let ReadAlarmAnalytics { from, to, area } = question;
            let range = AnalyticsError::Range { from, to };
            // Nothing has happened yet after now, which is no rest to be counted.
            let to = to.min(now);
            if from >= to || to.since(from) > LONGEST_RANGE {
                return Err(range);
            }
            let catalogue = read_catalogue(&database).await?;
            let unknown = |path: &str| AnalyticsError::UnknownArea(path.to_owned());
            let asked = match area.as_deref() {
                Some(path) => catalogue.areas.find(path).ok_or_else(|| unknown(path))?,
                None => AreaId::PLANT,
            };
            let scan = Scan::new(catalogue, asked, from, to);
            let scan = Job::Standing(scan.cards_within()).run(&database, scan).await?;
            let scan = Job::Journal(None).run(&database, scan).await?;
            Ok(scan.answer())
        })
    }
}

/// What the catalogue says of an alarm.
#[derive(Debug)]
struct Card {
    name: String,
    area: AreaId,
    priority: Priority,
}

#[derive(Debug, Default)]
struct Catalogue {
    areas: Areas,
    alarms: HashMap<AlarmId, Card>,
}

/// Those fields of a definition that matter here.
#[derive(Deserialize)]
struct TagPlace {
    area: Option<String>,
}

#[derive(Deserialize)]
struct AlarmTag {
    tag: String,
    #[serde(default)]
    priority: Priority,
}

async fn read_catalogue(database: &Database) -> Result<Catalogue, DbError> {
    let mut catalogue = Catalogue::default();
    let mut places = HashMap::new();
    let mut after = 0;
    loop {
        let rows: Vec<(i32, String, String)> = database
            .read(move |connection| {
                let rows = tag::table.filter(tag::id.gt(after)).order(tag::id).limit(limit(PAGE));
                Ok(rows.select((tag::id, tag::name, tag::definition)).load(connection)?)
            })
            .await?;
        let Some((last, ..)) = rows.last() else { break };
        after = *last;
        for (id, name, definition) in rows {
            let place: TagPlace = parse("tag", id, &definition)?;
            places.insert(name, catalogue.areas.intern(place.area.as_deref()));
        }
    }
    after = 0;
    loop {
        let rows: Vec<(i32, String, String)> = database
            .read(move |connection| {
                let rows = alarm::table.filter(alarm::id.gt(after)).order(alarm::id).limit(limit(PAGE));
                Ok(rows.select((alarm::id, alarm::name, alarm::definition)).load(connection)?)
            })
            .await?;
        let Some((last, ..)) = rows.last() else { break };
        after = *last;
        for (id, name, definition) in rows {
            let AlarmTag { tag, priority } = parse("alarm", id, &definition)?;
            let area = places.get(&tag).copied().unwrap_or(AreaId::PLANT);
            catalogue.alarms.extend(AlarmId::from_i32(id).map(|id| (id, Card { name, area, priority })));
        }
    }
    Ok(catalogue)
}

fn parse<T: DeserializeOwned>(table: &'static str, id: i32, definition: &str) -> Result<T, DbError> {
    let corrupt = |error: serde_json::Error| DbError::Corrupt { table, id: i64::from(id), problem: error.to_string() };
    serde_json::from_str(definition).map_err(corrupt)
}

/// A question on its way, which jobs hand on.
#[derive(Debug)]
struct Scan {
    alarms: HashMap<AlarmId, Card>,
    analysis: Analysis,
    asked: AreaId,
    from: Timestamp,
    to: Timestamp,
}

impl Scan {
    fn new(catalogue: Catalogue, asked: AreaId, from: Timestamp, to: Timestamp) -> Self {
        let thresholds = Thresholds { exact_times: EXACT_TIMES, ..Thresholds::default() };
        let analysis = Analysis::new(catalogue.areas, from, thresholds);
        Self { alarms: catalogue.alarms, analysis, asked, from, to }
    }

    /// Area and priority of an alarm in the area asked for; one that the catalogue does not know is somewhere in the
    /// plant, of medium priority.
    fn place(&self, alarm: AlarmId) -> Option<(AreaId, Priority)> {
        let card = self.alarms.get(&alarm);
        let (area, priority) = card.map_or((AreaId::PLANT, Priority::Medium), |card| (card.area, card.priority));
        self.analysis.areas().is_within(area, self.asked).then_some((area, priority))
    }

    fn cards_within(&self) -> Vec<AlarmId> {
        self.alarms.keys().copied().filter(|&id| self.place(id).is_some()).collect()
    }

    fn answer(self) -> AnalyticsReport {
        let report = self.analysis.report(self.asked, self.to);
        let mut names = BTreeMap::new();
        let mut alarms = self.alarms;
        for id in listed(&report) {
            names.extend(alarms.remove(&id).map(|card| (id, card.name)));
        }
        AnalyticsReport { report, names }
    }
}

/// Every alarm that a list of the report names.
fn listed(report: &Report) -> impl Iterator<Item = AlarmId> {
    let rankings = [&report.load, &report.chattering, &report.fleeting];
    let worst = rankings.into_iter().flat_map(|ranking| &ranking.worst).map(|load| load.alarm);
    let stale = report.stale.oldest.iter().map(|standing| standing.alarm);
    worst.chain(stale).chain(report.withheld.iter().map(|withheld| withheld.alarm))
}

/// What is left to be read.
#[derive(Debug)]
enum Job {
    /// How these alarms stood when the range began.
    Standing(Vec<AlarmId>),
    /// The journal behind a row: its time and number.
    Journal(Option<(i64, i64)>),
    Done,
}

impl Job {
    async fn run(mut self, database: &Database, mut scan: Scan) -> Result<Scan, DbError> {
        while !matches!(self, Self::Done) {
            (self, scan) = database.read(move |connection| self.step(connection, scan)).await?;
        }
        Ok(scan)
    }

    fn step(self, connection: &mut Connection, mut scan: Scan) -> Result<(Self, Scan), DbError> {
        let next = match self {
            Self::Standing(mut alarms) => {
                for alarm in alarms.split_off(alarms.len().saturating_sub(ALARMS)) {
                    stood(connection, &mut scan, alarm)?;
                }
                if alarms.is_empty() { Self::Done } else { Self::Standing(alarms) }
            }
            Self::Journal(after) => {
                let rows = page(connection, &scan, after)?;
                let last = rows.last().map(|row| (row.recorded, row.id));
                rows.iter().for_each(|row| feed(&mut scan, row));
                if rows.len() < PAGE { Self::Done } else { Self::Journal(last) }
            }
            Self::Done => Self::Done,
        };
        Ok((next, scan))
    }
}

/// Those columns of the journal that matter here.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = alarm_journal)]
struct Row {
    id: i64,
    alarm_id: i32,
    occurrence: i64,
    to_state: String,
    event: String,
    recorded: i64,
    annunciated: bool,
}

fn page(connection: &mut Connection, scan: &Scan, after: Option<(i64, i64)>) -> Result<Vec<Row>, DbError> {
    let (time, id) = after.unwrap_or((scan.from.as_micros(), i64::MIN));
    let rows = alarm_journal::table
        .filter(alarm_journal::recorded.ge(time).and(alarm_journal::recorded.lt(scan.to.as_micros())))
        .filter(alarm_journal::recorded.gt(time).or(alarm_journal::id.gt(id)))
        .order((alarm_journal::recorded, alarm_journal::id))
        .limit(limit(PAGE));
    Ok(rows.select(Row::as_select()).load(connection)?)
}

fn feed(scan: &mut Scan, row: &Row) {
    let Some(alarm) = AlarmId::from_i32(row.alarm_id) else { return };
    let Some((area, priority)) = scan.place(alarm) else { return };
    for what in meaning(row) {
        let at = Timestamp::from_micros(row.recorded);
        scan.analysis.feed(&Occurrence { at, alarm, area, priority, what });
    }
}

/// What a row of the journal says, in order, by its words. Words that no figure needs say nothing.
fn meaning(row: &Row) -> Vec<What> {
    let mut all = match row.event.as_str() {
        "activated" => vec![What::Activated { annunciated: row.annunciated }],
        "returned" => vec![What::Returned],
        "acknowledged" => vec![What::Acknowledged],
        "shelved" => vec![What::Withheld(Withholding::Shelved)],
        "unshelved" => vec![What::Released(Withholding::Shelved)],
        "suppressed" => vec![What::Withheld(Withholding::Suppressed)],
        "unsuppressed" => vec![What::Released(Withholding::Suppressed)],
        "out_of_service" => vec![What::Withheld(Withholding::OutOfService)],
        "returned_to_service" => vec![What::Released(Withholding::OutOfService)],
        // Whatever is over an alarm goes with it.
        "removed" | "reconfigured" => Withholding::ALL.map(What::Released).to_vec(),
        _ => Vec::new(),
    };
    if row.to_state == AlarmState::Norm.as_str() {
        all.push(What::Cleared);
    }
    all
}

/// Notes an alarm that stood when the range began: the last occurrence before, gone through row by row.
fn stood(connection: &mut Connection, scan: &mut Scan, alarm: AlarmId) -> Result<(), DbError> {
    let Some((area, _)) = scan.place(alarm) else { return Ok(()) };
    let before = || {
        let of_alarm = alarm_journal::alarm_id.eq(alarm.to_i32());
        alarm_journal::table.filter(of_alarm.and(alarm_journal::recorded.lt(scan.from.as_micros())))
    };
    let newest = before().order((alarm_journal::recorded.desc(), alarm_journal::id.desc()));
    let last: Option<Row> = newest.select(Row::as_select()).first(connection).optional()?;
    let Some(last) = last.filter(|row| row.to_state != AlarmState::Norm.as_str()) else { return Ok(()) };
    let occurrence = before().filter(alarm_journal::occurrence.eq(last.occurrence)).order(alarm_journal::id);
    let rows: Vec<Row> = occurrence.select(Row::as_select()).load(connection)?;
    let mut standing: Option<Standing> = None;
    for row in &rows {
        for what in meaning(row) {
            match (what, &mut standing) {
                (What::Activated { .. }, _) => {
                    let since = Timestamp::from_micros(row.recorded);
                    standing = Some(Standing { alarm, area, since, active: true, acknowledged: false });
                }
                (What::Returned, Some(standing)) => standing.active = false,
                (What::Acknowledged, Some(standing)) => standing.acknowledged = true,
                (What::Cleared, _) => standing = None,
                _ => {}
            }
        }
    }
    if let Some(standing) = standing {
        scan.analysis.stood(&standing);
    }
    Ok(())
}

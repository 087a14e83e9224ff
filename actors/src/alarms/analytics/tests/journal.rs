//! Figures out of a journal, on either backend.

use super::*;
use crate::alarms::test_support::transition;
use crate::alarms::{AlarmMemory, AlarmState, AlarmTransition, AlarmsLogger, Record, StoreTransitions};
use crate::clock::Clock;
use crate::db::Database;
use crate::db::test_support::open;
use crate::send::{DEADLINE, ask};
use actix::{Actor, Addr};
use flyball_schema::definition::{AlarmDefinition, AlarmKind, PlantDefinition, TagDefinition};
use flyball_schema::test_support::TestDatabase;

struct Site {
    _test_database: TestDatabase,
    database: Database,
    engine: Addr<AlarmAnalytics>,
}

/// On each backend: alarms 1 `a1` (low) and 2 `a2` (high) on tags in `north/tanks` and `south`, and 3 on a tag in none.
/// It is a day later than the journal.
async fn sites(rows: &[AlarmTransition]) -> Vec<Site> {
    let mut sites = Vec::new();
    for test_database in TestDatabase::each() {
        let database = open(&test_database);
        let tag = |name: &str, area: Option<&str>| TagDefinition {
            area: area.map(str::to_owned),
            ..TagDefinition::float(name)
        };
        let alarm = |id: u32, priority| {
            let definition = AlarmDefinition::new(format!("a{id}"), format!("t{id}"), AlarmKind::High, 10.0);
            definition.with_priority(priority)
        };
        let definition = PlantDefinition {
            tags: vec![tag("t1", Some("north/tanks")), tag("t2", Some("south")), tag("t3", None)],
            alarms: vec![alarm(1, Priority::Low), alarm(2, Priority::High), alarm(3, Priority::Medium)],
            ..PlantDefinition::default()
        };
        let register = move |connection: &mut flyball_schema::db::Connection| {
            crate::configuration::catalogue::register(connection, &definition, at(0))
        };
        database.write(register).await.unwrap();
        let logger = AlarmsLogger::new(database.clone()).start();
        let records: Vec<Record> = rows.iter().map(record).collect();
        ask(&logger, StoreTransitions(records), DEADLINE).await.unwrap().unwrap();
        let engine = AlarmAnalytics::new(Clock::starting_at(at(10 * 86_400)), database.clone()).start();
        sites.push(Site { _test_database: test_database, database, engine });
    }
    sites
}

fn row(alarm: u32, occurrence: u64, second: i64, event: &'static str, to: AlarmState) -> AlarmTransition {
    AlarmTransition { event, to, recorded: at(second), occurred: at(0), ..transition(alarm, occurrence) }
}

async fn read(site: &Site, from: i64, to: i64, area: Option<&str>) -> Result<AnalyticsReport, AnalyticsError> {
    let question = ReadAlarmAnalytics { from: at(from), to: at(to), area: area.map(str::to_owned) };
    ask(&site.engine, question, DEADLINE).await.unwrap()
}

#[actix_rt::test]
async fn a_range_of_the_journal_has_its_figures_and_those_of_an_area() {
    let rows = [
        row(1, 1, 100, "activated", AlarmState::Unack),
        row(1, 1, 105, "returned", AlarmState::Rtnun),
        row(2, 1, 200, "activated", AlarmState::Unack),
        row(1, 1, 220, "acknowledged", AlarmState::Norm),
        row(3, 1, 300, "activated", AlarmState::Unack),
        row(9, 1, 400, "activated", AlarmState::Unack),
        row(2, 1, 500, "acknowledged", AlarmState::Acked),
        row(2, 1, 3_600, "returned", AlarmState::Norm),
        row(2, 2, 3_700, "activated", AlarmState::Unack),
    ];
    for site in sites(&rows).await {
        let all = read(&site, 0, 3_600, None).await.unwrap();
        let spread = PrioritySpread { low: 1, medium: 2, high: 1, critical: 0 };
        assert_eq!((all.report.activations, all.report.priorities), (4, spread), "also one that nobody knows any more");
        assert_eq!(all.report.fleeting.times, 1);
        let times = all.report.acknowledgement;
        assert_eq!((times.count, times.p95.unwrap().duration, times.waiting), (2, Duration::from_secs(300), 2));
        assert_eq!(all.names.into_iter().collect::<Vec<_>>(), [1, 2, 3].map(|id| (AlarmId(id), format!("a{id}"))));

        let north = read(&site, 0, 3_600, Some("north")).await.unwrap().report;
        assert_eq!((north.area.as_deref(), north.activations, north.load.alarms), (Some("north"), 1, 1));
        let later = read(&site, 3_600, 7_200, Some("south")).await.unwrap().report;
        assert_eq!((later.activations, later.acknowledgement.waiting), (1, 1));
    }
}

#[actix_rt::test]
async fn what_stood_before_the_range_is_known() {
    const DAY: i64 = 86_400;
    let rows = [
        // 1 is over before the range, 2 waits, 3 is acknowledged and stands.
        row(1, 1, 10, "activated", AlarmState::Unack),
        row(1, 1, 20, "reconfigured", AlarmState::Norm),
        row(2, 1, 30, "activated", AlarmState::Unack),
        row(2, 1, 31, "returned", AlarmState::Rtnun),
        row(2, 2, 40, "activated", AlarmState::Unack),
        row(3, 1, 50, "activated", AlarmState::Unack),
        row(3, 1, 60, "acknowledged", AlarmState::Acked),
        row(2, 2, DAY + 40, "acknowledged", AlarmState::Acked),
    ];
    for site in sites(&rows).await {
        let report = read(&site, DAY, 2 * DAY, None).await.unwrap().report;
        let stale = [(2, 40), (3, 50)].map(|(id, since)| StandingAlarm { alarm: AlarmId(id), since: at(since) });
        assert_eq!(report.stale.oldest, stale);
        let times = report.acknowledgement;
        assert_eq!((times.count, times.p50.unwrap().duration), (1, Duration::from_secs(86_400)));
        assert_eq!((times.waiting, report.activations), (0, 0));
        let before = read(&site, 45, DAY, None).await.unwrap().report;
        assert_eq!((before.acknowledgement.waiting, before.activations), (1, 1), "2 waits, and 3 comes");
    }
}

#[actix_rt::test]
async fn nobody_is_loaded_by_what_is_shelved() {
    let rows = [
        row(1, 0, 10, "activated", AlarmState::Unack),
        row(1, 0, 20, "out_of_service", AlarmState::Norm),
        row(1, 1, 30, "activated", AlarmState::Unack),
        row(1, 1, 40, "returned", AlarmState::Norm),
        row(2, 0, 50, "activated", AlarmState::Unack),
        row(2, 0, 55, "acknowledged", AlarmState::Norm),
    ];
    for site in sites(&[]).await {
        let logger = AlarmsLogger::new(site.database.clone()).start();
        let records = rows.iter().map(record).collect();
        ask(&logger, StoreTransitions(records), DEADLINE).await.unwrap().unwrap();
        let report = read(&site, 0, 100, None).await.unwrap().report;
        assert_eq!((report.activations, report.withheld_activations, report.fleeting.times), (2, 1, 0));
        let withheld = WithheldAlarm { alarm: AlarmId(1), by: Withholding::OutOfService, since: at(20) };
        assert_eq!(report.withheld, [withheld]);
    }
}

#[actix_rt::test]
async fn a_journal_of_many_pages_is_read_whole() {
    let rows: Vec<_> = (0..11_000)
        .map(|n| row(1, n, 100 + i64::try_from(n).unwrap() / 5_100, "activated", AlarmState::Unack))
        .collect();
    for site in sites(&rows).await {
        assert_eq!(read(&site, 0, 3_600, None).await.unwrap().report.activations, 11_000);
        assert_eq!(read(&site, 101, 102, None).await.unwrap().report.activations, 5_100);
    }
}

#[actix_rt::test]
async fn a_question_without_an_answer_is_an_error() {
    for site in sites(&[]).await {
        let told = |from, to, area| {
            let site = &site;
            async move { read(site, from, to, area).await.unwrap_err().to_string() }
        };
        assert_eq!(told(0, 10, Some("nroth")).await, "unknown area \"nroth\"");
        assert!(told(10, 10, None).await.contains("up to 400 days"));
        assert!(told(-400 * 86_400, 1, None).await.contains("up to 400 days"));
        assert!(told(11 * 86_400, 12 * 86_400, None).await.contains("up to 400 days"), "nothing has happened yet");
        let cut = read(&site, 9 * 86_400, 12 * 86_400, None).await.unwrap().report;
        assert!(cut.to < at(10 * 86_400 + 60), "a range ends now at the latest");

        site.database
            .write(|connection| {
                use diesel::RunQueryDsl as _;
                Ok(diesel::sql_query("UPDATE alarm SET definition = '7' WHERE id = 2").execute(connection)?)
            })
            .await
            .unwrap();
        assert!(told(0, 10, None).await.starts_with("alarm 2: "));
    }
}

fn record(row: &AlarmTransition) -> Record {
    Record { alarm: row.alarm, transition: Some(row.clone()), memory: AlarmMemory::default() }
}

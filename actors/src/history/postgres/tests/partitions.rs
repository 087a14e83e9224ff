//! Partitions: made, read newest first, swept, dropped.

use super::*;
use crate::history::historian::{Cancel, Retention};
use crate::history::store_suite::{DAY, OTHER, days, keep_up, read};
use diesel::sql_types::Text;
use flyball_schema::{TagId, Timestamp};
use std::collections::HashMap;

const PARTITIONS: &str = "SELECT count(*) AS answer FROM pg_inherits WHERE inhparent = 'history.sample'::regclass";

#[test]
fn the_next_partition_is_made_shortly_ahead() {
    let Some((test, mut connection)) = made_with_database() else { return };
    let mut writer = test.writer();
    store(&mut *writer, TAG, integers(&[(DAY_0, 1)]));
    let mut at = |now: i64| {
        keep_up(&mut *writer, &Retention::default(), now);
        number(&mut connection, PARTITIONS)
    };
    assert_eq!(at(DAY_0 + DAY / 2), 1);
    assert_eq!(at(DAY_0 + DAY - DAY / 16), 2);
    assert_eq!(at(DAY_0 + DAY - DAY / 32), 2);
    store(&mut *writer, TAG, integers(&[(DAY_0 + DAY, 2)]));
    assert_eq!(number(&mut connection, PARTITIONS), 2);
}

#[test]
fn a_partition_that_somebody_detached_is_in_nobodys_way() {
    let Some((test, mut connection)) = made_with_database() else { return };
    store(&mut *test.writer(), TAG, integers(&[(DAY_0, 1)]));
    let detach = "ALTER TABLE history.sample DETACH PARTITION history.sample_20261122_0000";
    connection.batch_execute(detach).unwrap();
    store(&mut *test.writer(), TAG, integers(&[(DAY_0, 2)]));
    assert_eq!(pairs(&test.all(TAG)), [(DAY_0, 2)]);
}

#[test]
fn the_last_sample_is_looked_for_in_the_newest_partitions_only() {
    #[derive(diesel::QueryableByName)]
    struct Line {
        #[diesel(sql_type = Text, column_name = "QUERY PLAN")]
        line: String,
    }
    let Some((test, _)) = made_with_database() else { return };
    let each_day: Vec<(i64, i64)> = (0..60).map(|day| (DAY_0 + day * DAY, day)).collect();
    let mut writer = test.writer();
    each_day.iter().for_each(|one| store(&mut *writer, TAG, integers(&[*one])));
    let mut connection =
        connect::connect(test._kept.downcast_ref::<TestDatabase>().unwrap().url(), Access::Read).unwrap();
    let plan = diesel::sql_query(format!(
        "EXPLAIN (ANALYZE, COSTS OFF) SELECT ts FROM history.sample WHERE tag_id = {TAG} AND ts >= '1970-01-01' \
         AND ts < '2100-01-01' ORDER BY ts DESC, tie DESC NULLS LAST LIMIT 1"
    ));
    let plan: Vec<String> = plan.load::<Line>(&mut connection).unwrap().into_iter().map(|line| line.line).collect();
    let scans: Vec<&String> = plan.iter().filter(|line| line.contains("Scan")).collect();
    assert!(scans.iter().all(|line| line.contains("Index Scan Backward")), "{plan:#?}");
    let executed = scans.iter().filter(|line| !line.contains("never executed")).count();
    assert!(scans.len() > 3, "{plan:#?}");
    // The last sample, and the one before it: is there another of its time?
    assert!(executed <= 3, "{plan:#?}");
}

#[test]
fn a_question_over_more_partitions_than_one_statement_reads_is_whole() {
    let Some((test, mut connection)) = made_with_database() else { return };
    let mut writer = test.writer();
    // So many that each is narrow: the count says that there were many samples.
    let samples: Vec<(i64, i64)> = (0..150).map(|step| (DAY_0 + step * DAY / 8, step)).collect();
    for one in &samples {
        store(&mut *writer, TAG, integers(&[*one]));
        connection
            .batch_execute("UPDATE history.part SET samples = 30000000; UPDATE history.meta SET writer = NULL")
            .unwrap();
    }
    assert!(number(&mut connection, PARTITIONS) > 100);
    assert_eq!(pairs(&test.all(TAG)), samples);
    let mut reader = test.reader();
    reader.begin(JOURNAL).unwrap();
    assert_eq!(pairs(&read(&mut *reader, TAG, samples[3].0..samples[147].0)), samples[3..147]);
    assert_eq!(reader.last_before(OTHER, Timestamp::MAX, &Cancel::default()).unwrap(), None);
}

#[test]
fn a_partition_that_is_read_is_dropped_later() {
    let Some((test, mut connection)) = made_with_database() else { return };
    let mut writer = test.writer();
    store(&mut *writer, TAG, integers(&[(DAY_0 - 100 * DAY, 1), (DAY_0, 2)]));
    let retention = Retention { default: days(10), ..Retention::default() };
    let mut reader = test.reader();
    reader.begin(JOURNAL).unwrap();
    assert_eq!(keep_up(&mut *writer, &retention, DAY_0), 0);
    assert_eq!(number(&mut connection, PARTITIONS), 2);
    // Nor does it hold up who writes.
    store(&mut *writer, TAG, integers(&[(DAY_0 + DAY, 3), (DAY_0 - 90 * DAY, 4)]));
    assert_eq!(pairs(&read(&mut *reader, TAG, i64::MIN..i64::MAX)), [(DAY_0 - 100 * DAY, 1), (DAY_0, 2)]);
    reader.end();
    assert!(keep_up(&mut *writer, &retention, DAY_0) >= 1);
    assert_eq!(pairs(&test.all(TAG)), [(DAY_0, 2), (DAY_0 + DAY, 3)]);
}

#[test]
fn a_partition_is_swept_once_and_again_when_late_samples_came() {
    let Some((test, mut connection)) = made_with_database() else { return };
    let mut writer = test.writer();
    let early: Vec<(i64, i64)> = (0..100).map(|index| (DAY_0 + index, index)).collect();
    for tag in [TAG, OTHER] {
        store(&mut *writer, tag, integers(&early));
    }
    let by_tag: HashMap<TagId, _> = [(TAG, days(2))].into();
    let retention = Retention { by_tag, ..Retention::default() };
    let now = DAY_0 + 10 * DAY;
    let samples = "SELECT samples AS answer FROM history.part WHERE name = 'history.sample_20261122_0000'";
    assert_eq!(keep_up(&mut *writer, &retention, now), 100);
    assert_eq!(number(&mut connection, samples), 100);
    assert!(!writer.upkeep(&retention, Timestamp::from_micros(now)).unwrap().more);
    // After a restart too there is nothing to do.
    drop(writer);
    let mut writer = test.writer();
    assert!(!writer.upkeep(&retention, Timestamp::from_micros(now)).unwrap().more);
    store(&mut *writer, TAG, integers(&early[..3]));
    assert_eq!(keep_up(&mut *writer, &retention, now), 3);
    // Another retention is another sweep.
    let other = Retention { by_tag: [(OTHER, days(2))].into(), ..Retention::default() };
    assert_eq!(keep_up(&mut *writer, &other, now), 100);
    assert_eq!(number(&mut connection, samples), 0);
    assert_eq!((test.all(TAG), test.all(OTHER)), (Vec::new(), Vec::new()));
}

#[test]
fn samples_of_a_broken_clock_make_no_partitions_and_go_with_the_first_retention() {
    let Some((test, mut connection)) = made_with_database() else { return };
    let mut writer = test.writer();
    store(&mut *writer, TAG, integers(&[(-5, 1), (i64::MIN, 2), (DAY_0, 3), (i64::MAX - 1, 4)]));
    assert_eq!(number(&mut connection, PARTITIONS), 1);
    let retention = Retention { default: days(10_000), by_tag: [(OTHER, None)].into(), ..Retention::default() };
    assert_eq!(keep_up(&mut *writer, &retention, DAY_0), 2);
    assert_eq!(pairs(&test.all(TAG)), [(DAY_0, 3), (i64::MAX - 1, 4)]);
}

//! What is stored is read.

use super::*;

#[test]
fn what_was_stored_is_read_by_another_handle_and_after_reopening() {
    let mut store = Store::new(Limits::REAL);
    store.store(&[(1, ramp(0..10)), (2, ramp(5..7))]);
    assert_eq!(times(&store.read(1, ALL)), (0..10).collect::<Vec<_>>());
    assert_eq!(times(&store.read(1, micros(3)..micros(6))), [3, 4, 5]);
    assert_eq!(store.read(3, ALL), []);
    store.reopen();
    assert_eq!(times(&store.read(2, ALL)), [5, 6]);
    assert_eq!(store.writer.position(JOURNAL).unwrap(), 12);
}

#[test]
fn a_store_that_nobody_has_begun_is_empty_until_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let historian = SqliteHistorian::new(folder.path().join("history.db"));
    let mut reader = historian.open_reader().unwrap();
    assert_eq!(reader.begin(JOURNAL).unwrap(), 0);
    assert_eq!(read(&mut *reader, 1, ALL), []);
    assert_eq!(reader.last_before(TagId(1), micros(9), &Cancel::default()).unwrap(), None);
    assert_eq!(reader.downtimes(ALL).unwrap(), []);
    assert!(!historian.path().exists(), "a reader begins no file");
    let mut writer = historian.open_writer().unwrap();
    let series = vec![(TagId(1), ramp(0..3))];
    writer.store(&Batch { journal: JOURNAL, behind: 0, upto: 3, series, downtimes: Vec::new() }).unwrap();
    assert_eq!(read(&mut *reader, 1, ALL), [], "the question that was begun sees one state");
    reader.end();
    assert_eq!(reader.begin(JOURNAL).unwrap(), 3);
    assert_eq!(read(&mut *reader, 1, ALL).len(), 3);
}

#[test]
fn every_value_comes_back_bit_by_bit() {
    let mut store = Store::new(Limits::REAL);
    let samples = [
        sample(i64::MIN, i64::MIN),
        sample(-5, i64::MAX),
        sample(1, -0.0),
        sample(2, 0.1),
        sample(3, "manual"),
        sample(4, true),
        Sample { time: micros(5), value: None, quality: Quality::BAD_NO_COMMUNICATION },
        Sample { quality: Quality::from_status_code(0xFFFF_FFFF), ..sample(6, f64::INFINITY) },
    ];
    store.store(&[(9, samples.iter().cloned().collect())]);
    let read = store.read(9, ALL);
    assert_eq!(read, samples);
    assert!(matches!(read[2].value, Some(Value::Float(zero)) if zero.is_sign_negative()));
    let nan = sample(7, f64::from_bits(0x7FF8_0000_0000_1234));
    store.store(&[(9, [nan].into_iter().collect())]);
    let Some(Value::Float(nan)) = store.last_before(9, 8).unwrap().value else { panic!("a float") };
    assert_eq!(nan.to_bits(), 0x7FF8_0000_0000_1234);
}

#[test]
fn a_batch_that_does_not_begin_at_the_position_is_refused() {
    let mut store = Store::new(Limits::REAL);
    store.store(&[(1, ramp(0..4))]);
    let batch = Batch { behind: 2, upto: 6, ..store.batch(&[(1, ramp(9..12))]) };
    let refused = store.writer.store(&batch);
    assert!(matches!(refused, Err(HistorianError::Position { expected: 2, found: 4 })));
    assert_eq!(store.read(1, ALL).len(), 4);
    let other = JournalId(uuid::Uuid::from_u128(8));
    assert_eq!(store.writer.position(other).unwrap(), 0, "a journal says nothing of another");
    store.writer.store(&Batch { journal: other, behind: 0, upto: 3, ..batch }).unwrap();
    assert_eq!(store.reader().begin(other).unwrap(), 3);
    assert_eq!(store.reader().begin(JOURNAL).unwrap(), 4);
    assert_eq!(store.read(1, ALL).len(), 7);
}

#[test]
fn a_question_sees_one_state_from_its_begin_to_its_end() {
    let mut store = Store::new(SMALL);
    store.store(&[(1, ramp(0..4))]);
    let mut reader = store.reader();
    assert_eq!(reader.begin(JOURNAL).unwrap(), 4);
    for start in [4, 8, 12] {
        store.store(&[(1, ramp(start..start + 4))]);
    }
    store.keep_up(&Retention::default(), 0);
    assert_eq!(read(&mut *reader, 1, ALL).len(), 4);
    reader.end();
    assert_eq!(read(&mut *reader, 1, ALL).len(), 16);
}

#[test]
fn late_samples_appear_in_their_places() {
    let mut store = Store::new(Limits::REAL);
    store.store(&[(1, [sample(10, 1_i64), sample(20, 2_i64)].into_iter().collect())]);
    // Behind those of the same time, before what was stored, and later.
    let late = [sample(30, 5_i64), sample(10, 3_i64), sample(5, 4_i64)];
    store.store(&[(1, late.into_iter().collect())]);
    let expected = [sample(5, 4_i64), sample(10, 1_i64), sample(10, 3_i64), sample(20, 2_i64), sample(30, 5_i64)];
    assert_eq!(store.read(1, ALL), expected);
    assert_eq!(store.count("sample_late"), 1);
    assert_eq!(store.last_before(1, 11), Some(sample(10, 3_i64)));
    assert_eq!(store.last_before(1, 10), Some(sample(5, 4_i64)));
    assert_eq!(store.last_before(1, 5), None);
    assert_eq!(store.last_before(1, i64::MAX), Some(sample(30, 5_i64)));
    store.reopen();
    store.keep_up(&Retention::default(), 0);
    assert_eq!(store.count("sample_late"), 0);
    assert_eq!(store.read(1, ALL), expected);
}

#[test]
fn many_late_samples_are_put_in_their_places_at_once() {
    let mut store = Store::new(SMALL);
    store.store(&[(1, ramp((0..100).step_by(2)))]);
    store.store(&[(1, ramp((1..99).step_by(2)))]);
    assert_eq!(store.count("sample_late"), 0);
    assert_eq!(times(&store.read(1, ALL)), (0..99).collect::<Vec<_>>());
    store.assert_chunks_do_not_overlap();
}

#[test]
fn samples_of_one_time_without_end_stay_in_order() {
    let mut store = Store::new(SMALL);
    let mut expected = Vec::new();
    for value in 0..200_i64 {
        store.store(&[(1, [sample(5, value)].into_iter().collect())]);
        expected.push(sample(5, value));
    }
    store.store(&[(1, (200..300).map(|value| sample(5, value)).collect())]);
    expected.extend((200..300).map(|value| sample(5, value)));
    assert_eq!(store.read(1, ALL), expected);
    store.store(&[(1, [sample(2, 0_i64), sample(9, 1_i64)].into_iter().collect())]);
    store.reopen();
    store.keep_up(&Retention::default(), 0);
    expected.insert(0, sample(2, 0_i64));
    expected.push(sample(9, 1_i64));
    assert_eq!(store.read(1, ALL), expected);
    assert_eq!(store.last_before(1, 9), Some(sample(5, 299_i64)));
    store.assert_chunks_do_not_overlap();
}

#[test]
fn an_import_lies_beside_what_is_there() {
    let mut store = Store::new(SMALL);
    store.store(&[(1, ramp([100, 110, 120]))]);
    store.store(&[(1, [sample(110, 7_i64)].into_iter().collect())]);
    let imported = |time| sample(time, "imported");
    let series = [(TagId(1), [10, 105, 110, 130].map(imported).into_iter().collect()), (TagId(2), ramp(0..100))];
    store.writer.import(&series).unwrap();
    assert_eq!(times(&store.read(1, ALL)), [10, 100, 105, 110, 110, 110, 120, 130]);
    let at_110: Vec<_> = store.read(1, micros(110)..micros(111)).into_iter().map(|sample| sample.value).collect();
    assert_eq!(at_110, [Some(1_i64.into()), Some(7_i64.into()), Some("imported".into())], "in order of arrival");
    assert_eq!(store.read(2, ALL).len(), 100);
    assert_eq!(store.writer.position(JOURNAL).unwrap(), 4);
    store.store(&[(1, ramp([125, 140])), (2, ramp([50, 100]))]);
    assert_eq!(times(&store.read(1, micros(120)..Timestamp::MAX)), [120, 125, 130, 140]);
    store.assert_chunks_do_not_overlap();
}

#[test]
fn downtimes_are_kept_with_their_batch() {
    let mut store = Store::new(Limits::REAL);
    let downtimes = vec![micros(10)..micros(20), micros(30)..micros(40)];
    let batch = Batch { downtimes: downtimes.clone(), ..store.batch(&[(1, ramp(40..42))]) };
    store.writer.store(&batch).unwrap();
    assert_eq!(store.reader().downtimes(ALL).unwrap(), downtimes);
    assert_eq!(store.reader().downtimes(micros(20)..micros(31)).unwrap(), downtimes[1..]);
}

#[test]
fn a_wide_trend_decodes_nothing() {
    let mut store = Store::new(Limits::REAL);
    store.store(&[(1, (0..50_000).map(|time| sample(time, time as f64)).collect())]);
    store.execute("UPDATE chunk_data SET data = x'00'");
    let mut buckets = Buckets::new(50_000);
    let mut reader = store.reader();
    reader.read(TagId(1), ALL, &Cancel::default(), &mut buckets).unwrap();
    assert_eq!((reader.damaged(), buckets.summaries), (0, 7));
    let sum = (0..50_000).map(f64::from).sum::<f64>();
    assert_eq!(buckets.found[&0], (50_000, 0.0, 49_999.0, sum, 0.0, 49_999.0, Quality::GOOD));
}

#[test]
fn a_visitor_that_has_enough_is_asked_no_more() {
    struct One(usize);
    impl Visitor for One {
        fn block(&mut self, _: &Block, rows: Range<usize>) -> ControlFlow<()> {
            self.0 += rows.len();
            ControlFlow::Break(())
        }
    }
    let mut store = Store::new(SMALL);
    store.store(&[(1, ramp(10..100))]);
    store.store(&[(1, ramp([50, 5]))]);
    let mut one = One(0);
    store.reader().read(TagId(1), ALL, &Cancel::default(), &mut one).unwrap();
    assert_eq!(one.0, 1, "the late sample before all others");
    let mut one = One(0);
    store.reader().read(TagId(1), micros(20)..micros(90), &Cancel::default(), &mut one).unwrap();
    assert!((1..=16).contains(&one.0), "{} samples", one.0);
}

#[test]
fn a_question_that_was_withdrawn_ends() {
    let mut store = Store::new(SMALL);
    store.store(&[(1, ramp(0..100))]);
    let cancel = Cancel::default();
    cancel.cancel();
    let outcome = store.reader().read(TagId(1), ALL, &cancel, &mut Samples::default());
    assert!(matches!(outcome, Err(HistorianError::Cancelled)));
    let outcome = store.reader().last_before(TagId(1), micros(50), &cancel);
    assert!(matches!(outcome, Err(HistorianError::Cancelled)));
}

#[test]
fn a_file_of_a_later_version_is_left_alone() {
    let mut store = Store::new(Limits::REAL);
    store.store(&[(1, ramp(0..3))]);
    store.execute("PRAGMA user_version = 99");
    let refused = store.historian.open_writer().err().unwrap();
    assert!(matches!(refused, HistorianError::Version { version: 99, .. }));
    assert!(matches!(store.reader().begin(JOURNAL), Err(HistorianError::Version { .. })));
    assert_eq!(store.count("chunk"), 1);
}

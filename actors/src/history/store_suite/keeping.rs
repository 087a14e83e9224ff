//! What is stored is stored once, is seen in one state, and goes when its time is over.

use super::*;
use crate::history::historian::HistorianError;

pub(crate) fn a_batch_is_stored_once(store: &TestStore) {
    let mut writer = store.writer();
    let first = batch(0, vec![(TAG, integers(&[(DAY_0, 1), (DAY_0 + 1, 2)]))]);
    assert_eq!(writer.store(&first).unwrap().samples, 2);
    for mut writer in [writer, store.writer()] {
        let again = writer.store(&first);
        assert!(matches!(again, Err(HistorianError::Position { expected: 0, found: 2 })), "{again:?}");
    }
    let mut writer = store.writer();
    let ahead = writer.store(&batch(5, vec![(TAG, integers(&[(DAY_0 + 2, 3)]))]));
    assert!(matches!(ahead, Err(HistorianError::Position { expected: 5, found: 2 })), "{ahead:?}");
    // The refused ones have left nothing behind, and the handle stores what follows.
    writer.store(&batch(2, vec![(TAG, integers(&[(DAY_0 + 2, 3)]))])).unwrap();
    assert_eq!(pairs(&store.all(TAG)), [(DAY_0, 1), (DAY_0 + 1, 2), (DAY_0 + 2, 3)]);
}

pub(crate) fn each_journal_has_its_own_position(store: &TestStore) {
    let another = JournalId(uuid::Uuid::from_u128(u128::MAX - 1));
    let mut writer = store.writer();
    writer.store(&batch(0, vec![(TAG, integers(&[(DAY_0, 1)]))])).unwrap();
    let far = Batch { journal: another, upto: u64::MAX, ..batch(0, vec![(TAG, integers(&[(DAY_0, 2)]))]) };
    writer.store(&far).unwrap();
    assert_eq!(writer.position(JOURNAL).unwrap(), 1);
    assert_eq!(writer.position(another).unwrap(), u64::MAX);
    assert_eq!(writer.position(JournalId(uuid::Uuid::from_u128(3))).unwrap(), 0);
    let mut reader = store.reader();
    assert_eq!(reader.begin(another).unwrap(), u64::MAX);
    assert_eq!(pairs(&read(&mut *reader, TAG, i64::MIN..i64::MAX)), [(DAY_0, 1), (DAY_0, 2)]);
}

pub(crate) fn a_batch_without_samples_moves_the_position(store: &TestStore) {
    let mut writer = store.writer();
    let skipped = Batch { upto: 40, ..batch(0, vec![(TAG, Block::default())]) };
    assert_eq!(writer.store(&skipped).unwrap().samples, 0);
    assert_eq!(writer.store(&Batch { upto: 41, ..batch(40, Vec::new()) }).unwrap().samples, 0);
    assert_eq!(writer.position(JOURNAL).unwrap(), 41);
    assert_eq!(store.all(TAG), []);
}

pub(crate) fn what_was_stored_is_there_for_the_next_handle(store: &TestStore) {
    for round in 0..4 {
        let mut writer = store.writer();
        assert_eq!(writer.position(JOURNAL).unwrap(), round);
        writer.store(&batch(round, vec![(TAG, integers(&[(DAY_0, round.cast_signed())]))])).unwrap();
        assert!(writer.size_bytes().unwrap() > 0);
    }
    assert_eq!(pairs(&store.all(TAG)), [(DAY_0, 0), (DAY_0, 1), (DAY_0, 2), (DAY_0, 3)]);
}

pub(crate) fn downtimes_that_overlap_a_range_are_told_by_start(store: &TestStore) {
    let mut writer = store.writer();
    let down = |from: i64, to: i64| times(DAY_0 + from..DAY_0 + to);
    writer.store(&Batch { upto: 1, downtimes: vec![down(100, 200), down(300, 400)], ..batch(0, Vec::new()) }).unwrap();
    writer.store(&Batch { upto: 2, downtimes: vec![down(-50, 20)], ..batch(1, Vec::new()) }).unwrap();
    let again = writer.store(&Batch { upto: 2, downtimes: vec![down(-50, 20)], ..batch(1, Vec::new()) });
    assert!(matches!(again, Err(HistorianError::Position { .. })));
    let mut reader = store.reader();
    reader.begin(JOURNAL).unwrap();
    let mut told = |from: i64, to: i64| reader.downtimes(down(from, to)).unwrap();
    assert_eq!(told(-1_000, 1_000), [down(-50, 20), down(100, 200), down(300, 400)]);
    assert_eq!(told(150, 350), [down(100, 200), down(300, 400)]);
    assert_eq!(told(120, 130), [down(100, 200)]);
    assert_eq!(told(200, 300), []);
    assert_eq!(told(400, 1_000), []);
}

pub(crate) fn imported_samples_lie_between_the_others(store: &TestStore) {
    let mut writer = store.writer();
    self::store(&mut *writer, TAG, integers(&[(DAY_0, 1), (DAY_0 + 10, 2)]));
    let old = integers(&[(DAY_0 - 700 * DAY, 3), (DAY_0, 4), (DAY_0 + 5, 5)]);
    writer.import(&[(TAG, old.clone()), (OTHER, old)]).unwrap();
    // Of one tag in several pieces, as a file has them.
    let pieces = [(TAG, integers(&[(DAY_0 + 20, 6)])), (TAG, integers(&[(DAY_0 + 20, 7), (DAY_0 + 30, 8)]))];
    writer.import(&pieces).unwrap();
    assert_eq!(writer.position(JOURNAL).unwrap(), 2);
    self::store(&mut *writer, TAG, integers(&[(DAY_0 + 20, 9), (DAY_0 + 40, 10)]));
    let values: Vec<i64> = pairs(&store.all(TAG)).into_iter().map(|(_, value)| value).collect();
    assert_eq!(values, [3, 1, 4, 5, 2, 6, 7, 9, 8, 10]);
    assert_eq!(store.all(OTHER).len(), 3);
}

pub(crate) fn a_question_sees_one_state(store: &TestStore) {
    let mut writer = store.writer();
    let old = DAY_0 - 800 * DAY;
    self::store(&mut *writer, TAG, integers(&[(old, 1), (DAY_0, 2)]));
    let mut reader = store.reader();
    assert_eq!(reader.begin(JOURNAL).unwrap(), 2);
    self::store(&mut *writer, TAG, integers(&[(old, 3), (DAY_0 + 1, 4), (DAY_0 + 900 * DAY, 5)]));
    let retention = Retention { default: days(30), ..Retention::default() };
    for _ in 0..5 {
        writer.upkeep(&retention, Timestamp::from_micros(DAY_0 + 2)).unwrap();
    }
    for _ in 0..2 {
        assert_eq!(pairs(&read(&mut *reader, TAG, i64::MIN..i64::MAX)), [(old, 1), (DAY_0, 2)]);
        let last = reader.last_before(TAG, Timestamp::MAX, &Cancel::default()).unwrap();
        assert_eq!(pairs(&[last.unwrap()]), [(DAY_0, 2)]);
    }
    reader.end();
    keep_up(&mut *writer, &retention, DAY_0 + 2);
    assert_eq!(reader.begin(JOURNAL).unwrap(), 5);
    let values: Vec<i64> = pairs(&read(&mut *reader, TAG, i64::MIN..i64::MAX)).into_iter().map(|(_, v)| v).collect();
    // What lies in one chunk with younger samples may stay.
    assert!(values.ends_with(&[2, 4, 5]), "{values:?}");
}

pub(crate) fn a_handle_sees_what_others_commit(store: &TestStore) {
    let (mut writer, mut reader) = (store.writer(), store.reader());
    for round in 0..3_u32 {
        self::store(&mut *writer, TAG, integers(&[(DAY_0 + i64::from(round), i64::from(round))]));
        assert_eq!(reader.begin(JOURNAL).unwrap(), u64::from(round) + 1);
        assert_eq!(read(&mut *reader, TAG, i64::MIN..i64::MAX).len(), round as usize + 1);
    }
    // Without a beginning every call is a question of its own.
    reader.end();
    self::store(&mut *writer, TAG, integers(&[(DAY_0 + 9, 9)]));
    assert_eq!(read(&mut *reader, TAG, i64::MIN..i64::MAX).len(), 4);
}

/// A year of hours of three tags.
fn a_year(store: &TestStore) -> (Box<dyn StoreWriter>, i64, usize) {
    let hours: Vec<(i64, i64)> = (0..365 * 24).map(|hour| (DAY_0 - hour * (DAY / 24), hour)).rev().collect();
    let mut writer = store.writer();
    let series = [TAG, OTHER, TagId(9)].map(|tag| (tag, integers(&hours))).to_vec();
    writer.store(&batch(0, series)).unwrap();
    (writer, DAY_0 + 1, hours.len())
}

/// Samples of a tag by their age in whole days: none younger than `kept` days is missing, none older than `gone` left.
fn assert_kept(store: &TestStore, tag: TagId, kept: i64, gone: i64) -> u64 {
    let hours: Vec<i64> = pairs(&store.all(tag)).into_iter().map(|(_, hour)| hour).collect();
    assert!(hours.len() as i64 >= kept * 24, "tag {tag}: {} hours are left", hours.len());
    assert!(hours.iter().all(|&hour| hour <= gone * 24), "tag {tag} has samples of {:?} hours", hours.first());
    let expected: Vec<i64> = (0..hours.len() as i64).rev().collect();
    assert_eq!(hours, expected);
    hours.len() as u64
}

pub(crate) fn samples_past_their_retention_are_dropped_and_counted(store: &TestStore) {
    let (mut writer, now, hours) = a_year(store);
    assert_eq!(keep_up(&mut *writer, &Retention::default(), now), 0);
    let retention = Retention { default: days(100), ..Retention::default() };
    let dropped = keep_up(&mut *writer, &retention, now);
    let left: u64 = [TAG, OTHER, TagId(9)].iter().map(|&tag| assert_kept(store, tag, 100, 140)).sum();
    assert_eq!(dropped + left, 3 * hours as u64);
    assert_eq!(keep_up(&mut *writer, &retention, now), 0);
    // What comes late, and too late, goes as well.
    self::store(&mut *writer, TAG, integers(&[(now - 300 * DAY, -1)]));
    assert_eq!(keep_up(&mut *writer, &retention, now), 1);
    assert_kept(store, TAG, 100, 140);
}

pub(crate) fn tags_are_kept_as_long_as_each_of_them_should(store: &TestStore) {
    let (mut writer, now, hours) = a_year(store);
    let by_tag = [(OTHER, days(50)), (TagId(9), None)].into();
    let retention = Retention { default: days(200), by_tag, ..Retention::default() };
    let dropped = keep_up(&mut *writer, &retention, now);
    let left =
        assert_kept(store, TAG, 200, 240) + assert_kept(store, OTHER, 50, 90) + assert_kept(store, TagId(9), 365, 365);
    assert_eq!(dropped + left, 3 * hours as u64);
    assert_eq!(keep_up(&mut *writer, &retention, now), 0);
}

pub(crate) fn a_store_that_is_too_big_loses_its_oldest_samples(store: &TestStore) {
    let (mut writer, now, hours) = a_year(store);
    let size = writer.size_bytes().unwrap();
    let roomy = Retention { max_bytes: Some(2 * size), ..Retention::default() };
    assert_eq!(keep_up(&mut *writer, &roomy, now), 0);
    let tight = Retention { max_bytes: Some(1), ..Retention::default() };
    let dropped = keep_up(&mut *writer, &tight, now);
    assert!(dropped > 0);
    assert!(writer.size_bytes().unwrap() < size);
    let left: u64 = [TAG, OTHER, TagId(9)].iter().map(|&tag| assert_kept(store, tag, 0, 365)).sum();
    assert_eq!(dropped + left, 3 * hours as u64);
    // What comes is kept.
    self::store(&mut *writer, TAG, integers(&[(now, -1)]));
    assert_eq!(store.all(TAG).last().map(|last| last.time.as_micros()), Some(now));
}

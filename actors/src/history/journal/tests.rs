use super::Journal;
use crate::cvt::TagChange;
use crate::history::framer::Frame;
use crate::history::historian::{Cancel, Historian, HistorianError, Visitor};
use crate::history::states::{FRAMES_BETWEEN, LastStates, is_later};
use crate::history::{HistorySettings, TagSet};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use flyball_schema::{Quality, TagId, Timestamp, Value};
use proptest::prelude::*;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

const ALL: Range<Timestamp> = Timestamp::MIN..Timestamp::MAX;

struct Seen(Vec<TagChange>);

impl Visitor for Seen {
    fn sample(&mut self, change: TagChange) {
        self.0.push(change);
    }
}

fn settings(folder: &tempfile::TempDir) -> HistorySettings {
    HistorySettings::new(folder.path().join("journal.db"))
}

fn micros(time: i64) -> Timestamp {
    Timestamp::from_micros(time)
}

/// A change of `tag` whose source and server time are `seq` microseconds.
fn change(seq: u64, tag: u32) -> TagChange {
    late(seq, tag, seq.cast_signed())
}

fn late(seq: u64, tag: u32, source: i64) -> TagChange {
    TagChange {
        value: Some(Value::Integer(seq.cast_signed())),
        source_time: micros(source),
        server_time: micros(seq.cast_signed()),
        seq,
        tag: TagId(tag),
        quality: Quality::GOOD,
    }
}

fn frame(changes: &[TagChange]) -> Arc<Frame> {
    Arc::new(Frame { changes: changes.to_vec(), opens_run: false })
}

fn opening(changes: &[TagChange]) -> Arc<Frame> {
    Arc::new(Frame { changes: changes.to_vec(), opens_run: true })
}

fn tags(ids: &[u32]) -> TagSet {
    ids.iter().map(|&id| TagId(id)).collect()
}

fn scan(journal: &mut Journal, range: Range<Timestamp>, ids: &[u32]) -> Vec<u64> {
    let mut seen = Seen(Vec::new());
    journal.scan(range, &tags(ids), &Cancel::default(), &mut seen).unwrap();
    seen.0.iter().map(|change| change.seq).collect()
}

fn last_before(journal: &mut Journal, before: i64, ids: &[u32]) -> Vec<Option<u64>> {
    let found = journal.last_before(micros(before), &tags(ids), &Cancel::default()).unwrap();
    found.into_iter().map(|change| change.map(|change| change.seq)).collect()
}

fn execute(path: &Path, sql: &str) {
    SqliteConnection::establish(path.to_str().unwrap()).unwrap().batch_execute(sql).unwrap();
}

#[test]
fn what_was_appended_is_read_by_another_handle_and_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder);
    let mut journal = Journal::open(&settings).unwrap();
    let appended =
        journal.append(&[frame(&[change(1, 1), change(2, 2)]), frame(&[change(3, 1), change(4, 1)])]).unwrap();
    assert_eq!((appended.frames, appended.changes, appended.skipped), (2, 4, 0));
    let mut reader = Journal::open_read_only(&settings).unwrap();
    assert_eq!(scan(&mut reader, ALL, &[1]), [1, 3, 4]);
    assert_eq!(scan(&mut reader, micros(2)..micros(4), &[1, 2]), [2, 3]);
    drop(journal);
    let mut journal = Journal::open(&settings).unwrap();
    assert_eq!(journal.last_seq().unwrap(), 4);
    assert_eq!(scan(&mut journal, ALL, &[1, 2, 3]), [1, 2, 3, 4]);
}

#[test]
fn every_field_of_a_change_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(&settings(&folder)).unwrap();
    let changes = [
        TagChange { value: Some(Value::from("manual")), quality: Quality::UNCERTAIN, ..late(1, 9, -5) },
        TagChange { value: None, quality: Quality::BAD_NO_COMMUNICATION, ..change(2, 9) },
        TagChange { value: Some(Value::Float(0.1)), ..late(u64::MAX >> 1, 9, 7) },
    ];
    journal.append(&[frame(&changes)]).unwrap();
    let mut seen = Seen(Vec::new());
    journal.scan(ALL, &tags(&[9]), &Cancel::default(), &mut seen).unwrap();
    assert_eq!(seen.0, changes);
}

#[test]
fn frames_that_are_stored_already_are_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(&settings(&folder)).unwrap();
    journal.append(&[frame(&[change(1, 1), change(2, 1)])]).unwrap();
    let again = [frame(&[change(1, 1), change(2, 1)]), frame(&[change(2, 1), change(3, 1)])];
    let appended = journal.append(&again).unwrap();
    assert_eq!((appended.frames, appended.changes, appended.skipped), (1, 1, 3));
    assert_eq!(scan(&mut journal, ALL, &[1]), [1, 2, 3]);
}

#[test]
fn a_damaged_frame_is_skipped_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder);
    let mut journal = Journal::open(&settings).unwrap();
    journal.append(&[frame(&[change(1, 1)]), frame(&[change(2, 1)]), frame(&[change(3, 1)])]).unwrap();
    execute(&settings.path, "UPDATE frame SET data = x'0103030303' WHERE id = 2");
    assert_eq!(scan(&mut journal, ALL, &[1]), [1, 3]);
    assert_eq!(journal.damaged(), 1);
}

#[test]
fn a_file_that_is_no_database_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder);
    for number in 1..=2 {
        std::fs::write(&settings.path, "a letter home, long enough to be taken for a page".repeat(200)).unwrap();
        let mut journal = Journal::open(&settings).unwrap();
        assert_eq!(journal.last_seq().unwrap(), 0);
        journal.append(&[frame(&[change(1, 1)])]).unwrap();
        let aside = folder.path().join(format!("journal.db.damaged-{number}"));
        assert!(std::fs::read_to_string(aside).unwrap().starts_with("a letter home"));
    }
}

#[test]
fn a_journal_of_a_later_version_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder);
    execute(&settings.path, "CREATE TABLE frame (id INTEGER); PRAGMA user_version = 2");
    assert!(matches!(Journal::open(&settings), Err(HistorianError::Version { version: 2, .. })));
    assert!(matches!(Journal::open_read_only(&settings), Err(HistorianError::Version { version: 2, .. })));
}

#[test]
fn reading_does_not_begin_a_journal() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder);
    assert!(matches!(Journal::open_read_only(&settings), Err(HistorianError::Missing(_))));
    assert!(!settings.path.exists());
}

fn copy(from: &Path, to: &Path, wal_bytes: impl Fn(usize) -> usize) {
    std::fs::copy(from.join("journal.db"), to.join("journal.db")).unwrap();
    let wal = std::fs::read(from.join("journal.db-wal")).unwrap();
    std::fs::write(to.join("journal.db-wal"), &wal[..wal_bytes(wal.len())]).unwrap();
}

#[test]
fn what_was_acknowledged_survives_a_crash_at_any_byte_of_the_next_commit() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(&settings(&folder)).unwrap();
    let wal = || usize::try_from(std::fs::metadata(folder.path().join("journal.db-wal")).unwrap().len()).unwrap();
    for seq in 1..=20 {
        journal.append(&[frame(&[change(seq, 1)])]).unwrap();
    }
    let acknowledged = wal();
    journal.append(&[frame(&[change(21, 1)]), frame(&[change(22, 1)])]).unwrap();
    let committed = wal();
    for cut in (acknowledged..committed).step_by(997).chain([committed]) {
        // The copy is what a killed process leaves: no checkpoint, no close, a torn end.
        let crashed = tempfile::tempdir().unwrap();
        copy(folder.path(), crashed.path(), |_| cut);
        let mut after = Journal::open(&settings(&crashed)).unwrap();
        let expected = if cut == committed { 22 } else { 20 };
        assert_eq!(scan(&mut after, ALL, &[1]), (1..=expected).collect::<Vec<_>>(), "cut at {cut} of {committed}");
        // The same frames again, as the logger would not, and the next.
        after.append(&[frame(&[change(21, 1)]), frame(&[change(22, 1)]), frame(&[change(23, 1)])]).unwrap();
        assert_eq!(scan(&mut after, ALL, &[1]), (1..=23).collect::<Vec<_>>());
    }
}

#[test]
fn past_the_cap_the_oldest_frames_are_dropped_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let settings = HistorySettings { journal_cap_bytes: 300_000, ..settings(&folder) };
    let mut journal = Journal::open(&settings).unwrap();
    let text = "x".repeat(5_000);
    let long = |seq| TagChange { value: Some(Value::from(&*text)), ..change(seq, 1) };
    let mut expired = 0;
    for seq in 1..=400 {
        let appended = journal.append(&[frame(&[long(seq)])]).unwrap();
        expired += appended.expired;
        assert!(appended.size_bytes < 350_000, "{} bytes", appended.size_bytes);
    }
    let kept = scan(&mut journal, ALL, &[1]);
    assert_eq!(kept, (expired + 1..=400).collect::<Vec<_>>());
    assert!(kept.len() > 20, "{} frames kept", kept.len());
    assert_eq!(Journal::open(&settings).unwrap().last_seq().unwrap(), 400);
}

#[test]
fn a_cap_smaller_than_a_frame_keeps_the_newest() {
    let folder = tempfile::tempdir().unwrap();
    let settings = HistorySettings { journal_cap_bytes: 1, ..settings(&folder) };
    let mut journal = Journal::open(&settings).unwrap();
    for seq in 1..=5 {
        journal.append(&[frame(&[change(seq, 1)])]).unwrap();
    }
    assert_eq!(scan(&mut journal, ALL, &[1]), [5]);
}

#[test]
fn late_samples_are_found_by_their_source_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(&settings(&folder)).unwrap();
    let frames = [frame(&[change(100, 1)]), frame(&[change(200, 1)]), frame(&[late(300, 1, 150), late(301, 1, 50)])];
    journal.append(&frames).unwrap();
    assert_eq!(scan(&mut journal, micros(140)..micros(160), &[1]), [300]);
    assert_eq!(last_before(&mut journal, 140, &[1]), [Some(100)]);
    assert_eq!(last_before(&mut journal, 160, &[1]), [Some(300)]);
    assert_eq!(last_before(&mut journal, 1_000, &[1]), [Some(200)]);
    assert_eq!(last_before(&mut journal, 50, &[1]), [None]);
}

#[test]
fn the_value_of_a_tag_that_rarely_changes_is_found_without_reading_everything() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder);
    let mut journal = Journal::open(&settings).unwrap();
    journal.append(&[frame(&[change(1, 7), change(2, 8)])]).unwrap();
    let frames: Vec<_> = (3..FRAMES_BETWEEN + 50).map(|seq| frame(&[change(seq, 1)])).collect();
    let end = frames.last().unwrap().last_seq();
    for frames in frames.chunks(100) {
        journal.append(frames).unwrap();
    }
    // Unreadable from here on: the answer can only come from the stored states.
    execute(&settings.path, "UPDATE frame SET data = x'00' WHERE id < 1200");
    let found = last_before(&mut journal, end.cast_signed() + 1, &[1, 7, 8, 9]);
    assert_eq!(found, [Some(end), Some(1), Some(2), None]);
    assert_eq!(journal.damaged(), 0);
}

#[test]
fn stored_states_hold_what_was_recorded_before_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder);
    let mut seq = 0;
    let mut append = |journal: &mut Journal, tag, count| {
        for _ in 0..count / 60 {
            let frames: Vec<_> = (1..=60).map(|n| frame(&[change(seq + n, tag)])).collect();
            seq += 60;
            journal.append(&frames).unwrap();
        }
    };
    append(&mut Journal::open(&settings).unwrap(), 7, 600);
    append(&mut Journal::open(&settings).unwrap(), 1, 1_200);
    execute(&settings.path, "UPDATE frame SET data = x'00' WHERE id < 1150");
    let mut journal = Journal::open_read_only(&settings).unwrap();
    assert_eq!(last_before(&mut journal, 1_801, &[1, 7]), [Some(1_800), Some(600)]);
}

#[test]
fn the_time_between_two_runs_is_a_downtime() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(&settings(&folder)).unwrap();
    journal.append(&[opening(&[change(100, 1)]), frame(&[change(200, 1)])]).unwrap();
    assert_eq!(journal.downtimes(ALL).unwrap(), []);
    journal.append(&[opening(&[change(900, 1)])]).unwrap();
    assert_eq!(journal.downtimes(ALL).unwrap(), [micros(200)..micros(900)]);
    assert_eq!(journal.downtimes(micros(900)..micros(950)).unwrap(), []);
    // A re-made logger sends what is known again: the plant ran all the time.
    journal.append(&[opening(&[change(900, 1), change(950, 1)])]).unwrap();
    assert_eq!(journal.downtimes(ALL).unwrap().len(), 1);
}

#[test]
fn a_withdrawn_question_stops() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(&settings(&folder)).unwrap();
    journal.append(&[frame(&[change(1, 1)])]).unwrap();
    let cancel = Cancel::default();
    cancel.cancel();
    let mut seen = Seen(Vec::new());
    let outcome = journal.scan(ALL, &tags(&[1]), &cancel, &mut seen);
    assert!(matches!(outcome, Err(HistorianError::Cancelled)));
    assert_eq!(seen.0, []);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn reading_agrees_with_a_list_of_all_changes(
        sizes in prop::collection::vec(1..30_usize, 1..80),
        draws in prop::collection::vec((0..6_u32, -40..3_i64), 2_400),
        ranges in prop::collection::vec((0..700_i64, 0..300_i64), 8),
        reopen in 0..80_usize,
        states_every in 1..40_u64,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(&folder);
        let mut journal = Journal::open(&settings).unwrap();
        journal.states = LastStates::every(states_every);
        let (mut all, mut draws) = (Vec::new(), draws.into_iter().cycle());
        for (index, size) in sizes.into_iter().enumerate() {
            let changes: Vec<_> = draws.by_ref().take(size).zip(all.len() as u64 + 1..).map(|((tag, lag), seq)| {
                // Some are late by up to forty changes.
                late(seq, tag, seq.cast_signed() + lag.max(-40) * i64::from(seq % 3 == 0))
            }).collect();
            journal.append(&[frame(&changes)]).unwrap();
            all.extend(changes);
            if index == reopen {
                journal = Journal::open(&settings).unwrap();
                journal.states = LastStates::every(states_every);
                journal.restore_states().unwrap();
            }
        }
        for (from, width) in ranges {
            let range = micros(from)..micros(from + width);
            let wanted = |change: &&TagChange| matches!(change.tag.0, 1 | 4);
            let inside = all.iter().filter(wanted).filter(|change| range.contains(&change.source_time));
            prop_assert_eq!(scan(&mut journal, range.clone(), &[1, 4]), inside.map(|c| c.seq).collect::<Vec<_>>());
            let expected = [1, 4].map(|tag| {
                let before = all.iter().filter(|change| change.tag.0 == tag && change.source_time < range.start);
                before.reduce(|best, next| if is_later(next, best) { next } else { best }).map(|change| change.seq)
            });
            prop_assert_eq!(last_before(&mut journal, from, &[1, 4]), expected);
        }
    }
}

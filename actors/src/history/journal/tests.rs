use super::{Appended, Journal, Span};
use crate::cvt::TagChange;
use crate::history::framer::Frame;
use crate::history::historian::{Cancel, HistorianError};
use crate::history::{HistorySettings, TagSet};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use flyball_schema::{Quality, TagId, Timestamp, Value};
use proptest::prelude::*;
use std::path::Path;
use std::sync::Arc;

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

/// Appends while the store has nothing.
fn append(journal: &mut Journal, frames: &[Arc<Frame>]) -> Appended {
    journal.append(frames, 0).unwrap()
}

fn behind(journal: &mut Journal, position: u64, ids: &[u32]) -> Vec<u64> {
    let mut seen = Vec::new();
    journal
        .scan(position, u64::MAX >> 1, Some(&tags(ids)), &Cancel::default(), |change| seen.push(change.seq))
        .unwrap();
    seen
}

fn scan(journal: &mut Journal, ids: &[u32]) -> Vec<u64> {
    behind(journal, 0, ids)
}

fn execute(path: &Path, sql: &str) {
    SqliteConnection::establish(path.to_str().unwrap()).unwrap().batch_execute(sql).unwrap();
}

#[test]
fn what_was_appended_is_read_by_another_handle_and_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder);
    let mut journal = Journal::open(&settings).unwrap();
    let appended = append(&mut journal, &[frame(&[change(1, 1), change(2, 2)]), frame(&[change(3, 1), change(4, 1)])]);
    assert_eq!((appended.frames, appended.changes, appended.skipped), (2, 4, 0));
    let mut reader = Journal::open_read_only(&settings).unwrap();
    assert_eq!(scan(&mut reader, &[1]), [1, 3, 4]);
    assert_eq!(behind(&mut reader, 2, &[1, 2]), [3, 4]);
    drop(journal);
    let mut journal = Journal::open(&settings).unwrap();
    assert_eq!(journal.last_seq().unwrap(), 4);
    assert_eq!(scan(&mut journal, &[1, 2, 3]), [1, 2, 3, 4]);
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
    append(&mut journal, &[frame(&changes)]);
    let mut seen = Vec::new();
    journal.scan(0, u64::MAX >> 1, None, &Cancel::default(), |change| seen.push(change)).unwrap();
    assert_eq!(seen, changes);
}

#[test]
fn frames_that_are_stored_already_are_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(&settings(&folder)).unwrap();
    append(&mut journal, &[frame(&[change(1, 1), change(2, 1)])]);
    let again = [frame(&[change(1, 1), change(2, 1)]), frame(&[change(2, 1), change(3, 1)])];
    let appended = append(&mut journal, &again);
    assert_eq!((appended.frames, appended.changes, appended.skipped), (1, 1, 3));
    assert_eq!(scan(&mut journal, &[1]), [1, 2, 3]);
}

#[test]
fn a_damaged_frame_is_skipped_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder);
    let mut journal = Journal::open(&settings).unwrap();
    append(&mut journal, &[frame(&[change(1, 1)]), frame(&[change(2, 1)]), frame(&[change(3, 1)])]);
    execute(&settings.path, "UPDATE frame SET data = x'0103030303' WHERE id = 2");
    assert_eq!(scan(&mut journal, &[1]), [1, 3]);
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
        append(&mut journal, &[frame(&[change(1, 1)])]);
        let aside = folder.path().join(format!("journal.db.damaged-{number}"));
        assert!(std::fs::read_to_string(aside).unwrap().starts_with("a letter home"));
    }
}

#[test]
fn a_journal_of_a_later_version_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder);
    execute(&settings.path, "CREATE TABLE frame (id INTEGER); PRAGMA user_version = 3");
    assert!(matches!(Journal::open(&settings), Err(HistorianError::Version { version: 3, .. })));
    assert!(matches!(Journal::open_read_only(&settings), Err(HistorianError::Version { version: 3, .. })));
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
        append(&mut journal, &[frame(&[change(seq, 1)])]);
    }
    let acknowledged = wal();
    append(&mut journal, &[frame(&[change(21, 1)]), frame(&[change(22, 1)])]);
    let committed = wal();
    for cut in (acknowledged..committed).step_by(997).chain([committed]) {
        // The copy is what a killed process leaves: no checkpoint, no close, a torn end.
        let crashed = tempfile::tempdir().unwrap();
        copy(folder.path(), crashed.path(), |_| cut);
        let mut after = Journal::open(&settings(&crashed)).unwrap();
        let expected = if cut == committed { 22 } else { 20 };
        assert_eq!(scan(&mut after, &[1]), (1..=expected).collect::<Vec<_>>(), "cut at {cut} of {committed}");
        // The same frames again, as the logger would not, and the next.
        append(&mut after, &[frame(&[change(21, 1)]), frame(&[change(22, 1)]), frame(&[change(23, 1)])]);
        assert_eq!(scan(&mut after, &[1]), (1..=23).collect::<Vec<_>>());
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
        let appended = append(&mut journal, &[frame(&[long(seq)])]);
        expired += appended.expired;
        assert!(appended.size_bytes < 350_000, "{} bytes", appended.size_bytes);
    }
    let kept = scan(&mut journal, &[1]);
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
        append(&mut journal, &[frame(&[change(seq, 1)])]);
    }
    assert_eq!(scan(&mut journal, &[1]), [5]);
}

#[test]
fn the_time_between_two_runs_is_a_downtime() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(&settings(&folder)).unwrap();
    append(&mut journal, &[opening(&[change(100, 1)]), frame(&[change(200, 1)])]);
    assert_eq!(journal.downtimes(0, u64::MAX).unwrap(), []);
    append(&mut journal, &[opening(&[change(900, 1)])]);
    assert_eq!(journal.downtimes(0, u64::MAX).unwrap(), [micros(200)..micros(900)]);
    assert_eq!(journal.downtimes(200, 900).unwrap().len(), 1);
    assert_eq!(journal.downtimes(900, u64::MAX).unwrap(), []);
    // A re-made logger sends what is known again: the plant ran all the time.
    append(&mut journal, &[opening(&[change(900, 1), change(950, 1)])]);
    assert_eq!(journal.downtimes(0, u64::MAX).unwrap().len(), 1);
}

#[test]
fn a_withdrawn_question_stops() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(&settings(&folder)).unwrap();
    append(&mut journal, &[frame(&[change(1, 1)])]);
    let cancel = Cancel::default();
    cancel.cancel();
    let outcome = journal.scan(0, 1, None, &cancel, |_| panic!("nothing is read"));
    assert!(matches!(outcome, Err(HistorianError::Cancelled)));
}

#[test]
fn frames_that_the_store_has_are_dropped_but_never_the_newest() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(&settings(&folder)).unwrap();
    for seq in 1..=10 {
        append(&mut journal, &[frame(&[change(2 * seq - 1, 1), change(2 * seq, 1)])]);
    }
    let appended = journal.append(&[frame(&[change(21, 1)])], 7).unwrap();
    assert_eq!(appended.expired, 0, "the store has them");
    assert_eq!(scan(&mut journal, &[1]), (7..=21).collect::<Vec<_>>(), "a frame stays until all of it is stored");
    journal.append(&[], 21).unwrap();
    assert_eq!(scan(&mut journal, &[1]), [21]);
    assert_eq!(journal.last_seq().unwrap(), 21);
}

#[test]
fn a_batch_ends_with_the_frame_that_fills_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(&settings(&folder)).unwrap();
    for seq in 0..700 {
        append(&mut journal, &[frame(&[change(3 * seq + 1, 1), change(3 * seq + 2, 2), change(3 * seq + 3, 3)])]);
    }
    let span = |journal: &mut Journal, behind, changes| journal.next_span(behind, changes).unwrap();
    assert_eq!(span(&mut journal, 0, 4), Some(Span { upto: 6, changes: 6, oldest: micros(1) }));
    assert_eq!(span(&mut journal, 300, 1_800), Some(Span { upto: 2_100, changes: 1_800, oldest: micros(301) }));
    assert_eq!(span(&mut journal, 2_094, 1_000), Some(Span { upto: 2_100, changes: 6, oldest: micros(2_095) }));
    assert_eq!(span(&mut journal, 2_100, 1), None);
}

#[test]
fn what_can_be_read_of_a_damaged_journal_is_saved_with_its_identity() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder);
    let mut journal = Journal::open(&settings).unwrap();
    let id = journal.id();
    let text = "x".repeat(2_000);
    let long = |seq| TagChange { value: Some(Value::from(&*text)), ..change(seq, 1) };
    for seq in 1..=200 {
        append(&mut journal, &[frame(&[long(seq)])]);
    }
    drop(journal);
    execute(&settings.path, "PRAGMA wal_checkpoint(TRUNCATE)");
    let mut bytes = std::fs::read(&settings.path).unwrap();
    let middle = bytes.len() / 2 / 4_096 * 4_096;
    bytes[middle..middle + 3 * 4_096].fill(0xA5);
    std::fs::write(&settings.path, bytes).unwrap();

    let mut journal = Journal::open(&settings).unwrap();
    assert!(folder.path().join("journal.db.damaged-1").exists());
    assert_eq!(journal.id(), id, "the store's position still counts");
    let saved = scan(&mut journal, &[1]);
    assert!(saved.len() > 150 && saved.len() < 200, "{} saved", saved.len());
    assert_eq!((saved.first(), saved.last()), (Some(&1), Some(&200)));
    assert_eq!(journal.last_seq().unwrap(), 200);
}

#[test]
fn a_journal_of_version_1_is_taken_over_with_all_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder);
    let mut journal = Journal::open(&settings).unwrap();
    append(&mut journal, &[opening(&[change(1, 1)]), frame(&[change(2, 1)])]);
    append(&mut journal, &[opening(&[change(9, 1)])]);
    drop(journal);
    execute(
        &settings.path,
        "DROP TABLE meta; DROP INDEX frame_by_seq; CREATE INDEX frame_by_time ON frame (t1, t0);
         CREATE TABLE state (id INTEGER PRIMARY KEY, frame_id INTEGER NOT NULL, data BLOB NOT NULL) STRICT;
         ALTER TABLE downtime DROP COLUMN seq; PRAGMA user_version = 1;",
    );
    assert!(matches!(Journal::open_read_only(&settings), Err(HistorianError::Missing(_))), "not brought up to date");
    let mut journal = Journal::open(&settings).unwrap();
    assert_eq!(scan(&mut journal, &[1]), [1, 2, 9]);
    assert_eq!(journal.downtimes(0, 9).unwrap(), [micros(2)..micros(9)]);
    let id = journal.id();
    assert_eq!(Journal::open(&settings).unwrap().id(), id);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn reading_behind_a_position_agrees_with_a_list_of_all_changes(
        sizes in prop::collection::vec(1..30_usize, 1..60),
        tags in prop::collection::vec(0..6_u32, 40),
        positions in prop::collection::vec(0..1_000_u64, 8),
        stored in 0..500_u64,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(&settings(&folder)).unwrap();
        let (mut all, mut tags) = (Vec::new(), tags.into_iter().cycle());
        for size in sizes {
            let seqs = all.len() as u64 + 1..;
            let changes: Vec<_> = tags.by_ref().take(size).zip(seqs).map(|(tag, seq)| change(seq, tag)).collect();
            let stored = stored.min(all.len() as u64);
            journal.append(&[frame(&changes)], stored).unwrap();
            all.extend(changes);
        }
        for position in positions.into_iter().filter(|position| *position >= stored) {
            let wanted = all.iter().filter(|change| matches!(change.tag.0, 1 | 4) && change.seq > position);
            prop_assert_eq!(behind(&mut journal, position, &[1, 4]), wanted.map(|c| c.seq).collect::<Vec<_>>());
        }
    }
}

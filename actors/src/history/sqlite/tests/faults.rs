//! Full disks, killed writers, damaged files.

use super::*;
use std::io::{Seek, SeekFrom, Write};

#[test]
fn a_damaged_chunk_is_skipped_and_counted() {
    let mut store = Store::new(SMALL);
    for start in [0, 10, 20] {
        store.store(&[(1, ramp(start..start + 10))]);
    }
    store.execute("UPDATE chunk_data SET data = x'0102030405' WHERE id = (SELECT data_id FROM chunk WHERE t0 = 10)");
    let mut reader = store.reader();
    let around: Vec<_> = (0..10).chain(20..30).collect();
    assert_eq!(times(&read(&mut *reader, 1, ALL)), around);
    assert_eq!(reader.damaged(), 1);
    let last = reader.last_before(TagId(1), micros(15), &Cancel::default()).unwrap();
    assert_eq!(last.unwrap().time, micros(9));
    assert_eq!(reader.damaged(), 2);
    store.execute("UPDATE chunk SET pages = x'00' WHERE t0 = 20");
    assert_eq!(times(&read(&mut *reader, 1, ALL)), (0..10).collect::<Vec<_>>());
    assert_eq!(reader.damaged(), 4);
    store.keep_up(&Retention::default(), 0);
    assert_eq!(times(&read(&mut *reader, 1, ALL)), (0..10).collect::<Vec<_>>(), "upkeep does not trip over them");
}

#[test]
fn a_damaged_chunk_that_is_merged_costs_only_itself() {
    let mut store = Store::new(SMALL);
    for start in (0..18).step_by(2) {
        store.store(&[(1, ramp([start])), (2, ramp([start]))]);
    }
    store.execute(
        "UPDATE chunk_data SET data = x'01' WHERE id = (SELECT data_id FROM chunk WHERE t0 = 4 AND tag_id = 1)",
    );
    store.keep_up(&Retention::default(), 0);
    assert_eq!(times(&store.read(1, ALL)), [0, 2, 6, 8, 10, 12, 14, 16]);
    assert_eq!(times(&store.read(2, ALL)), (0..18).step_by(2).collect::<Vec<_>>());
    store.store(&[(1, ramp([5]))]);
    store.reopen();
    store.keep_up(&Retention::default(), 0);
    assert_eq!(times(&store.read(1, ALL)), [0, 2, 5, 6, 8, 10, 12, 14, 16]);
    store.assert_chunks_do_not_overlap();
}

/// Limits the file of a writer that is opened here to so many pages.
fn limited(store: &Store, pages: i64) -> super::super::store::Writer {
    let mut connection = super::super::open::writer(store.historian.path(), false).unwrap();
    connection.batch_execute(&format!("PRAGMA max_page_count = {pages}")).unwrap();
    super::super::store::Writer::new(connection, std::sync::Arc::clone(&store.historian.shared))
}

#[test]
fn a_full_disk_is_an_error_and_the_next_try_works() {
    let mut store = Store::new(Limits::REAL);
    store.store(&[(1, ramp(0..100))]);
    let noise = |time: i64| sample(time, (time.wrapping_mul(0x9E37_79B9_7F4A_7C15_u64.cast_signed()) as f64).sin());
    let large = [(1, (50..60_000).map(noise).collect::<Block>()), (2, ramp(0..20_000))];
    let batch = store.batch(&large);
    let before = store.read(1, ALL);
    let pages = store.number("SELECT page_count AS number FROM pragma_page_count");
    let mut failures = 0;
    for spare in 0.. {
        // Another statement fails with every page that there is more.
        let mut writer = limited(&store, pages + spare);
        match writer.store(&batch) {
            Err(HistorianError::Database(error)) => {
                assert!(error.to_string().contains("full"), "{error}");
                failures += 1;
                assert_eq!(writer.position(JOURNAL).unwrap(), 100);
                assert_eq!((store.read(1, ALL), store.read(2, ALL)), (before.clone(), Vec::new()));
                writer.connection.batch_execute("PRAGMA max_page_count = 1000000").unwrap();
                if spare % 16 == 0 {
                    assert_eq!(
                        writer.store(&Batch { upto: 100, series: Vec::new(), ..batch.clone() }).unwrap().samples,
                        0
                    );
                }
            }
            Err(error) => panic!("{error}"),
            Ok(_) => break,
        }
    }
    assert!(failures > 20, "{failures} failures");
    assert_eq!(store.read(1, ALL).len(), 100 + 59_950);
    assert_eq!(store.writer.position(JOURNAL).unwrap(), batch.upto);
    store.assert_chunks_do_not_overlap();
}

#[test]
fn upkeep_on_a_full_disk_changes_nothing() {
    let mut store = Store::new(Limits { points: 4_096, ..SMALL });
    for start in (0..30).map(|batch| batch * 1_000) {
        store.store(&[1, 2, 3].map(|tag| (tag, ramp(start..start + 1_000))));
    }
    store.store(&[(1, ramp([5, 7, 11_000]))]);
    let before = store.read(1, ALL);
    let pages = store.number("SELECT page_count AS number FROM pragma_page_count");
    let mut spare = 0;
    loop {
        let mut writer = limited(&store, pages + spare);
        match writer.upkeep(&Retention::default(), micros(0)) {
            Ok(step) if !step.more => break,
            Ok(_) => {}
            Err(HistorianError::Database(_)) => spare += 1,
            Err(error) => panic!("{error}"),
        }
        assert_eq!(store.read(1, ALL), before);
    }
    store.assert_chunks_do_not_overlap();
}

#[test]
fn a_writer_that_is_locked_out_says_so_and_goes_on_later() {
    let mut store = Store::new(Limits::REAL);
    store.store(&[(1, ramp(0..3))]);
    let mut writer = limited(&store, 1_000_000);
    writer.connection.batch_execute("PRAGMA busy_timeout = 1").unwrap();
    let mut other = store.connection();
    other.batch_execute("BEGIN IMMEDIATE").unwrap();
    let batch = store.batch(&[(1, ramp(3..6))]);
    assert!(matches!(writer.store(&batch), Err(HistorianError::Database(_))));
    other.batch_execute("ROLLBACK").unwrap();
    assert_eq!(writer.store(&batch).unwrap().samples, 3);
    assert_eq!(times(&store.read(1, ALL)), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn a_folder_that_cannot_be_made_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a file");
    std::fs::write(&file, "").unwrap();
    let historian = SqliteHistorian::new(file.join("history.db"));
    assert!(matches!(historian.open_writer(), Err(HistorianError::Open { .. })));
}

#[test]
fn a_writer_that_was_killed_in_a_transaction_has_stored_nothing_of_it() {
    let mut store = Store::new(SMALL);
    store.store(&[(1, ramp(0..30))]);
    let copy = tempfile::tempdir().unwrap();
    let copied = copy.path().join("history.db");
    let mut writer = limited(&store, 1_000_000);
    writer.connection.batch_execute("BEGIN IMMEDIATE; DELETE FROM chunk; PRAGMA cache_spill = 1").unwrap();
    for suffix in ["", "-wal"] {
        let name = |path: &std::path::Path| super::super::open::with_suffix(path, suffix);
        std::fs::copy(name(store.historian.path()), name(&copied)).unwrap();
    }
    let historian = SqliteHistorian::new(copied);
    let mut found = historian.open_writer().unwrap();
    assert_eq!(found.position(JOURNAL).unwrap(), 30);
    assert_eq!(read(&mut *historian.open_reader().unwrap(), 1, ALL).len(), 30);
}

#[test]
fn a_file_that_is_no_database_is_set_aside() {
    let mut store = Store::new(Limits::REAL);
    store.store(&[(1, ramp(0..3))]);
    let mut reader = store.reader();
    for number in 1..=2 {
        store.writer = SqliteHistorian::new(store.folder.path().join("other.db")).open_writer().unwrap();
        for suffix in ["-wal", "-shm"] {
            let _absent = std::fs::remove_file(super::super::open::with_suffix(store.historian.path(), suffix));
        }
        std::fs::write(store.historian.path(), "a letter home, long enough to be taken for a page".repeat(200))
            .unwrap();
        store.writer = store.historian.open_writer().unwrap();
        assert_eq!(store.writer.position(JOURNAL).unwrap(), 0);
        store.seq = 0;
        store.store(&[(1, ramp(0..5))]);
        let aside = super::super::open::with_suffix(store.historian.path(), &format!(".damaged-{number}"));
        assert!(std::fs::read_to_string(aside).unwrap().starts_with("a letter home"));
        assert_eq!(reader.begin(JOURNAL).unwrap(), 5, "readers follow");
        assert_eq!(read(&mut *reader, 1, ALL).len(), 5);
        reader.end();
    }
}

/// Overwrites pages of the file of a closed store; what is there is counted from 0.
fn overwrite(store: &Store, pages: impl IntoIterator<Item = u64>) {
    let mut file = std::fs::File::options().write(true).open(store.historian.path()).unwrap();
    for page in pages {
        file.seek(SeekFrom::Start(page * 8_192)).unwrap();
        file.write_all(&[0xA5; 8_192]).unwrap();
    }
}

#[test]
fn what_can_be_read_of_a_damaged_file_is_saved() {
    let mut store = Store::new(Limits { points: 64, ..SMALL });
    for start in (0..40).map(|batch| batch * 64) {
        let series: Vec<_> = (0..50).map(|tag| (tag, ramp(start..start + 64))).collect();
        store.store(&series);
    }
    store.store(&[(3, ramp([1, 70, 5_000]))]);
    let seq = store.seq;
    let count = |store: &Store| (0..50).map(|tag| store.read(tag, ALL).len()).sum::<usize>();
    let all = count(&store);
    store.execute("PRAGMA wal_checkpoint(TRUNCATE)");
    #[derive(QueryableByName)]
    struct Page {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        pageno: i64,
    }
    let leaves =
        diesel::sql_query("SELECT pageno FROM dbstat WHERE name = 'chunk' AND pagetype = 'leaf' ORDER BY path");
    let leaves = leaves.load::<Page>(&mut store.connection()).unwrap_or_default();
    assert!(leaves.len() > 15, "{} pages of headers", leaves.len());
    // There is something between them.
    let damaged = [4, 8, 12].map(|index: usize| leaves[index].pageno.unsigned_abs() - 1);
    overwrite(&store, damaged);
    assert!(matches!(store.historian.check(), Err(HistorianError::Damaged(_))));
    store.reopen();
    assert_eq!(store.writer.position(JOURNAL).unwrap(), seq);
    let saved = count(&store);
    let of_a_page = all / leaves.len();
    assert!(saved < all && saved > all - 5 * of_a_page, "{saved} of {all} saved, {of_a_page} to a page");
    assert!(store.historian.check().is_ok());
    store.store(&[(1, ramp([9_000])), (3, ramp([1, 9_000]))]);
    store.keep_up(&Retention::default(), 0);
    assert_eq!(count(&store), saved + 3);
    store.assert_chunks_do_not_overlap();
}

#[test]
fn a_large_file_is_checked_once_damage_was_met() {
    let mut store = Store::new(SMALL);
    store.store(&[(1, ramp(0..100))]);
    store.historian.shared.noticed::<()>(Err(HistorianError::Damaged("met".to_owned()))).unwrap_err();
    store.writer = store.historian.open_writer().unwrap();
    assert!(!store.historian.shared.is_suspect.load(std::sync::atomic::Ordering::Relaxed));
    assert_eq!(store.read(1, ALL).len(), 100);
}

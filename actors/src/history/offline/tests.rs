//! Reading and writing the folder of a plant that does not run.

use super::site::{Site, mixed, read_all, sample};
use super::*;
use crate::history::sample::Sample;
use crate::plant::{DataFolder, PlantError};
use diesel::connection::SimpleConnection;
use flyball_schema::test_support::TestDatabase;
use flyball_schema::{TagId, Timestamp};
use std::ops::ControlFlow;

/// By tag and time, those of one time in the order in which they came.
fn in_order(mut samples: Vec<(TagId, Sample)>) -> Vec<(TagId, Sample)> {
    samples.sort_by_key(|(tag, sample)| (*tag, sample.time));
    samples
}

#[test]
fn what_waits_in_the_journal_and_what_is_stored_are_one_series() {
    for database in TestDatabase::each() {
        let site = Site::empty_in(database).with_tags();
        site.append(&mixed());
        for upto in [0, 3, 6, 13] {
            site.store(upto);
            assert_eq!(site.all(), in_order(mixed()), "stored up to {upto}");
        }
    }
}

#[test]
fn what_waits_is_read_in_parts_where_it_is_much() {
    let site = Site::empty().with_tags();
    site.append(&mixed());
    for limit in 0..=13 {
        let mut recorded = Recorded::open(&site.settings).unwrap().with_limit(limit);
        assert_eq!(read_all(&mut recorded), in_order(mixed()), "{limit} at a time");
    }
}

#[test]
fn reading_stops_where_nothing_more_is_wanted() {
    let site = Site::empty().with_tags();
    site.append(&mixed());
    for limit in [1, 100] {
        let (mut recorded, mut seen) = (Recorded::open(&site.settings).unwrap().with_limit(limit), 0);
        let range = Timestamp::MIN..Timestamp::MAX;
        let take = |_, _: &_, _| {
            seen += 1;
            ControlFlow::Break(())
        };
        recorded.read(&[1, 2, 3].map(TagId), range, take).unwrap();
        assert_eq!(seen, 1);
    }
}

#[test]
fn a_reader_sees_one_state_while_samples_come_and_move() {
    let site = Site::empty().with_tags();
    site.append(&mixed()[..8]);
    let mut recorded = Recorded::open(&site.settings).unwrap();
    site.append(&mixed()[8..]);
    site.store_all();
    assert_eq!(read_all(&mut recorded), in_order(mixed()[..8].to_vec()));
    assert_eq!(site.all(), in_order(mixed()));
}

#[test]
fn imported_samples_stand_beside_those_that_were_there() {
    for database in TestDatabase::each() {
        let site = Site::empty_in(database).with_tags();
        site.append(&[sample(1, 10, 1.0), sample(1, 20, 2.0), sample(1, 30, 3.0)]);
        site.store(2);
        let mut importer = Importer::open(&site.settings, false).unwrap().with_batches(2);
        for (tag, sample) in [sample(1, 20, 2.5), sample(4, 1, "auto"), sample(1, 15, 1.5), sample(1, 5, 0.5)] {
            importer.push(tag, sample).unwrap();
        }
        assert_eq!(importer.finish().unwrap(), Imported { taken: 4, skipped: 0 });
        let values = [(5, 0.5), (10, 1.0), (15, 1.5), (20, 2.0), (20, 2.5), (30, 3.0)];
        let mut expected: Vec<_> = values.map(|(time, value)| sample(1, time, value)).to_vec();
        expected.push(sample(4, 1, "auto"));
        assert_eq!(site.all(), expected);
    }
}

#[test]
fn an_import_that_is_done_again_skips_what_exists_and_keeps_samples_of_one_time_together() {
    let site = Site::empty().with_tags();
    site.append(&[sample(1, 10, 1.0), sample(1, 20, 2.0)]);
    let import = |count: usize| {
        let mut importer = Importer::open(&site.settings, true).unwrap().with_batches(2);
        for (tag, sample) in in_order(mixed()).into_iter().take(count) {
            importer.push(tag, sample).unwrap();
        }
        importer.finish().unwrap()
    };
    // Of level there are 5, 10, 20, 30, 30.
    assert_eq!(import(5), Imported { taken: 5, skipped: 2 });
    assert_eq!(import(13), Imported { taken: 13, skipped: 5 });
    assert_eq!(import(13), Imported { taken: 13, skipped: 13 });
    assert_eq!(site.all().len(), 13);
}

#[test]
fn nothing_is_imported_while_a_plant_runs_on_the_folder() {
    let site = Site::empty().with_tags();
    let _plant = DataFolder::take(&site.settings.data.dir).unwrap();
    let Err(OfflineError::Folder(error)) = Importer::open(&site.settings, false) else { panic!("refused") };
    assert!(matches!(*error, PlantError::InUse(_)));
}

#[test]
fn tags_are_known_by_name_with_those_that_are_retired() {
    let site = Site::empty().with_tags();
    let names: Vec<_> = known_tags(&site.settings).unwrap().iter().map(|tag| tag.name().to_owned()).collect();
    assert_eq!(names, ["count", "level", "mode", "on"]);
    let empty = Site::empty();
    assert!(matches!(known_tags(&empty.settings), Err(OfflineError::NoPlant(_))));
    assert!(!empty.settings.data.dir.exists(), "looking makes nothing");
}

fn execute(path: &std::path::Path, sql: &str) {
    crate::history::journal::connect(path).unwrap().batch_execute(sql).unwrap();
}

#[test]
fn a_sound_history_has_no_damage_and_a_damaged_part_is_named() {
    let site = Site::empty().with_tags();
    site.append(&mixed());
    site.store(9);
    let whole = check(&site.settings, &mut |_| ()).unwrap();
    assert_eq!((whole.frames, whole.changes, whole.tags, whole.samples), (5, 13, 4, 9));
    assert_eq!(whole.damage, Vec::<String>::new());

    let data = &site.settings.data.dir;
    execute(&data.join("journal.db"), "UPDATE frame SET data = substr(data, 2) WHERE id = 5");
    execute(
        &data.join("history.db"),
        "UPDATE chunk_data SET data = zeroblob(length(data)) WHERE id IN (SELECT data_id FROM chunk WHERE tag_id = 2)",
    );
    let damaged = check(&site.settings, &mut |_| ()).unwrap();
    assert_eq!(damaged.damage.len(), 2, "{:?}", damaged.damage);
    assert!(damaged.damage[0].contains("frame 5, 1 changes from 13 to 13: "), "{:?}", damaged.damage);
    assert!(damaged.damage[1].contains("\"count\""), "{:?}", damaged.damage);
}

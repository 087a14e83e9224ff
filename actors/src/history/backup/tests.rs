//! Backups are whole, are found out where they are not, and come back.

use super::create::{CopiedStore, settle};
use super::*;
use crate::Clock;
use crate::configuration::catalogue::register;
use crate::cvt::{CreateTags, Cvt};
use crate::history::historian::JournalId;
use crate::history::offline::site::{Site, mixed, sample};
use crate::plant::DataFolder;
use actix::Actor as _;
use diesel::RunQueryDsl;
use diesel::connection::SimpleConnection;
use flyball_schema::db::{Access, Connection, DatabaseUrl, connect};
use flyball_schema::definition::{PlantDefinition, TagDefinition};
use flyball_schema::tables::points::{LinePointRow, line_point};
use flyball_schema::test_support::TestDatabase;
use flyball_schema::{TagId, Timestamp};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const NOW: Timestamp = Timestamp::from_micros(1_795_352_617_000_000);

fn make(site: &Site, into: &Path) -> Backup {
    create(&site.settings, Some("pilot"), into, NOW, &mut |_| ()).unwrap()
}

fn bring_back(site: &Site, from: &Path, force: bool) -> Result<Restored, BackupError> {
    restore(&site.settings, from, force, NOW, &mut |_| ())
}

fn connection(site: &Site) -> Connection {
    connect(&DatabaseUrl::parse(&site.settings.database_url()).unwrap(), Access::Write).unwrap()
}

fn execute(site: &Site, sql: &str) {
    connection(site).batch_execute(sql).unwrap();
}

/// Rows with bytes, truth values, large numbers, floats of 17 digits and texts of every kind.
fn configure(site: &Site) {
    let bytes = match connection(site) {
        Connection::Sqlite(_) => "x'00ff275c'",
        Connection::Postgres(_) => r"'\x00ff275c'",
    };
    let rows = r#"
        INSERT INTO account (id, name, display_name, role, disabled, failed_attempts, created_at, changed_at)
        VALUES (7, 'ann', 'Ann "the boss" O''Hara
\ ü', 'engineer', FALSE, 0, 1, 9007199254740993);
        INSERT INTO session (token_hash, account_id, origin, created_at, seen_at, idle_expires_at, expires_at)
        VALUES (BYTES, 7, 'here', 1, 1, 1, 1);
        INSERT INTO event (id, occurred, actor, action, value_after, outcome, hash)
        VALUES (1, -5, 'ann', 'tag.write', '{"a": [1.5, null, "\n"]}', 'done', BYTES);
        INSERT INTO line_point (segment, post, latitude, longitude, elevation)
        VALUES ('L1', 0.30000000000000004, -89.99999999999999, 179.99999999999997, NULL)"#;
    execute(site, &rows.replace("BYTES", bytes));
}

/// Points, with the bits of their floats.
fn points(site: &Site) -> Vec<(String, u64, u64, u64, Option<f64>)> {
    let rows: Vec<LinePointRow> = line_point::table.load(&mut connection(site)).unwrap();
    let bits = |row: LinePointRow| {
        (row.segment, row.post.to_bits(), row.latitude.to_bits(), row.longitude.to_bits(), row.elevation)
    };
    rows.into_iter().map(bits).collect()
}

#[derive(Debug, PartialEq, diesel::QueryableByName)]
struct Cell {
    #[diesel(sql_type = diesel::sql_types::Text)]
    cell: String,
}

fn rows_of_all_kinds(site: &Site) -> Vec<Cell> {
    let mut connection = connection(site);
    let hash = match connection {
        Connection::Sqlite(_) => "lower(hex(hash))",
        Connection::Postgres(_) => "encode(hash, 'hex')",
    };
    let query = format!(
        "SELECT display_name AS cell FROM account UNION ALL \
         SELECT CAST(changed_at AS TEXT) FROM account WHERE NOT disabled UNION ALL \
         SELECT {hash} || value_after FROM event UNION ALL \
         SELECT CAST(count(*) AS TEXT) FROM role UNION ALL SELECT origin FROM session"
    );
    diesel::sql_query(query).load(&mut connection).unwrap()
}

/// Every pair of where a plant is and where its backup is restored to.
fn from_and_to() -> Vec<(Site, Site)> {
    let mut pairs = vec![(Site::empty(), Site::empty())];
    let databases = || TestDatabase::postgres().zip(TestDatabase::postgres());
    if let Some((one, other)) = databases() {
        pairs.push((Site::empty_in(one), Site::empty()));
        pairs.push((Site::empty(), Site::empty_in(other)));
    }
    pairs
}

#[test]
fn a_restored_plant_has_every_sample_and_goes_on() {
    for (from, to) in from_and_to() {
        let from = from.with_tags();
        let folder = tempfile::tempdir().unwrap();
        from.append(&mixed());
        from.store(9);
        let backup = make(&from, folder.path());
        assert_eq!(backup.path, folder.path().join("flyball-20261122T130337Z"));
        assert_eq!((backup.manifest.position, backup.manifest.last_seq), (9, 13));
        assert_eq!(verify(&backup.path, &mut |_| ()).unwrap(), backup.manifest);

        let restored = bring_back(&to, &backup.path, false).unwrap();
        assert_eq!((restored.manifest, restored.set_aside), (backup.manifest, vec![]));
        assert_eq!(to.all(), from.all());
        to.store_all();
        assert_eq!(to.all(), from.all(), "what waited is stored once");
        to.append(&[sample(1, 100, 7.0)]);
        to.store_all();
        from.append(&[sample(1, 100, 7.0)]);
        assert_eq!(to.all(), from.all());
    }
}

#[test]
fn the_configuration_comes_back_with_its_ids() {
    for (from, to) in from_and_to() {
        let from = from.with_tags();
        let folder = tempfile::tempdir().unwrap();
        configure(&from);
        let backup = make(&from, folder.path());
        bring_back(&to, &backup.path, false).unwrap();
        execute(&from, "DELETE FROM session");
        let known = |site: &Site| crate::history::offline::known_tags(&site.settings).unwrap();
        assert_eq!(known(&to), known(&from));
        assert_eq!(rows_of_all_kinds(&to), rows_of_all_kinds(&from));
        assert_eq!(rows_of_all_kinds(&to).len(), 4, "no session");
        let third: f64 = 0.1 + 0.2;
        assert_eq!((points(&to)[0].1, points(&to)), (third.to_bits(), points(&from)));
        // The next tag gets an id of its own.
        let tags = vec![TagDefinition::float("fifth")];
        let definition = PlantDefinition { tags, ..PlantDefinition::default() };
        assert_eq!(register(&mut connection(&to), &definition, NOW).unwrap().tags, [TagId(5)]);
    }
}

#[test]
fn what_moves_between_the_copies_is_neither_lost_nor_taken_for_the_next() {
    let site = Site::empty().with_tags();
    site.append(&mixed()[..6]);
    let partial = tempfile::tempdir().unwrap();
    let data = site.settings.data.dir.clone();
    files::copy_database(&data.join(JOURNAL), &partial.path().join(JOURNAL), &mut |_| ()).unwrap();
    // Now the plant goes on, and the store overtakes the journal that was copied.
    site.append(&mixed()[6..]);
    site.store_all();
    files::copy_database(&data.join(HISTORY), &partial.path().join(HISTORY), &mut |_| ()).unwrap();
    let settled = settle(partial.path(), CopiedStore { position: None, downtimes: Vec::new() }).unwrap();
    assert_eq!((settled.last_seq, settled.position), (6, 6));

    let restored = Site::empty().with_tags();
    for name in [JOURNAL, HISTORY] {
        files::as_one_file(&partial.path().join(name)).unwrap();
        std::fs::copy(partial.path().join(name), restored.settings.data.dir.join(name)).unwrap();
    }
    assert_eq!(restored.all(), site.all());
    for samples in [&[sample(1, 100, 7.0)], &[sample(2, 101, 8_i64)]] {
        restored.append(samples);
        site.append(samples);
    }
    restored.store_all();
    assert_eq!(restored.all(), site.all(), "changes numbered 7 and 8 are new ones");
}

#[test]
fn a_server_that_outlived_its_plant_takes_the_changes_after_a_restore() {
    let Some(database) = TestDatabase::postgres() else { return };
    let site = Site::empty_in(database).with_tags();
    site.append(&mixed()[..6]);
    let folder = tempfile::tempdir().unwrap();
    let backup = make(&site, folder.path());
    let position = |id: &str| {
        let id = JournalId(uuid::Uuid::parse_str(id).unwrap());
        site.settings.historian().unwrap().open_writer().unwrap().position(id).unwrap()
    };
    site.append(&mixed()[6..]);
    site.store_all();
    assert_eq!(position(&backup.manifest.journal), 0, "the backup's journal is another one");
    assert!(matches!(bring_back(&site, &backup.path, true), Err(BackupError::NotEmpty(_))));
    assert_eq!(site.all().len(), 13, "nothing was touched");
}

#[test]
fn a_damaged_backup_is_found_out_and_not_restored() {
    let site = Site::empty().with_tags();
    site.append(&mixed());
    let folder = tempfile::tempdir().unwrap();
    let backup = make(&site, folder.path());
    let journal = backup.path.join(JOURNAL);
    let good = std::fs::read(&journal).unwrap();
    let damage = |bytes: &[u8]| {
        std::fs::write(&journal, bytes).unwrap();
        let to = Site::empty();
        let Err(BackupError::Damaged(wrong)) = bring_back(&to, &backup.path, true) else { panic!("found out") };
        assert!(!to.settings.data.dir.exists(), "nothing is made of it");
        wrong.join("; ")
    };
    let mut changed = good.clone();
    changed[good.len() / 2] ^= 1;
    assert!(damage(&changed).contains("journal.db has checksum"));
    assert!(damage(&good[1..]).contains("journal.db has"));
    std::fs::write(&journal, &good).unwrap();
    assert!(verify(&backup.path, &mut |_| ()).is_ok());
    std::fs::remove_file(backup.path.join(CONFIGURATION)).unwrap();
    assert!(matches!(verify(&backup.path, &mut |_| ()), Err(BackupError::Damaged(_))));
    assert!(matches!(verify(folder.path(), &mut |_| ()), Err(BackupError::NoBackup { .. })));
    let manifest = std::fs::read_to_string(backup.path.join("manifest.json")).unwrap();
    std::fs::write(backup.path.join("manifest.json"), manifest.replace("journal.db", "../journal.db")).unwrap();
    assert!(matches!(verify(&backup.path, &mut |_| ()), Err(BackupError::NoBackup { .. })));
}

#[test]
fn a_plant_that_is_there_is_kept_unless_forced_and_then_set_aside() {
    let site = Site::empty().with_tags();
    site.append(&mixed());
    let folder = tempfile::tempdir().unwrap();
    let backup = make(&site, folder.path());
    site.append(&[sample(1, 100, 7.0)]);
    let Err(BackupError::Exists(files)) = bring_back(&site, &backup.path, false) else { panic!("refused") };
    assert!(files.iter().any(|file| file.ends_with("journal.db")), "{files:?}");
    assert_eq!(site.all().len(), 14);
    let left = std::fs::read_dir(&site.settings.data.dir).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(left.filter_map(|name| name.into_string().ok()).all(|name| !name.contains("restor")));

    let plant = DataFolder::take(&site.settings.data.dir).unwrap();
    assert!(matches!(bring_back(&site, &backup.path, true), Err(BackupError::Folder(_))));
    drop(plant);
    let restored = bring_back(&site, &backup.path, true).unwrap();
    assert_eq!(site.all().len(), 13);
    let aside = site.settings.data.dir.join("journal.db.before-flyball-20261122T130337Z");
    assert!(restored.set_aside.contains(&aside) && aside.exists());
}

#[test]
fn a_backup_leaves_nothing_where_it_fails_and_takes_what_a_killed_one_left() {
    let folder = tempfile::tempdir().unwrap();
    let names = || {
        let names = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        names.filter_map(|name| name.into_string().ok()).filter(|name| !name.ends_with(".lock")).collect::<Vec<_>>()
    };
    let site = Site::empty();
    assert!(matches!(create(&site.settings, None, folder.path(), NOW, &mut |_| ()), Err(BackupError::NoPlant(_))));
    let site = site.with_tags();
    std::fs::write(site.settings.data.dir.join("flyball.db"), "no database ".repeat(500)).unwrap();
    let failed = create(&site.settings, None, folder.path(), NOW, &mut |_| ());
    assert!(matches!(failed, Err(BackupError::Copy { .. })), "{failed:?}");
    assert_eq!(names(), [""; 0]);
    std::fs::create_dir(folder.path().join(".flyball-20261122T000000Z.partial")).unwrap();
    make(&Site::empty().with_tags(), folder.path());
    assert_eq!(names(), ["flyball-20261122T130337Z"]);
}

#[test]
fn two_backups_of_one_second_have_names_of_their_own_and_the_newest_are_kept() {
    let site = Site::empty().with_tags();
    let folder = tempfile::tempdir().unwrap();
    let paths = [(); 3].map(|()| make(&site, folder.path()).path);
    assert!(paths[0] != paths[1] && paths[1] != paths[2]);
    std::fs::create_dir(folder.path().join("flyball-20200101T000000Z")).unwrap();
    assert_eq!(remove_surplus(folder.path(), 2).unwrap(), ["flyball-20261122T130337Z"]);
    assert!(!paths[0].exists() && paths[2].exists());
    assert!(folder.path().join("flyball-20200101T000000Z").exists(), "a folder of somebody else's");
}

#[actix_rt::test]
async fn scheduled_backups_are_made_and_a_failed_one_is_told() {
    tokio::time::pause();
    let mut site = Site::empty().with_tags();
    let folder = tempfile::tempdir().unwrap();
    site.settings.backup.dir = folder.path().join("backups");
    site.settings.backup.keep = 1;
    let (clock, failed) = (Clock::starting_at(NOW), TagId(9));
    let cvt = Cvt::new(clock, 0).start();
    cvt.send(CreateTags(vec![(failed, TagDefinition::boolean("failed"))])).await.unwrap().unwrap();
    let settings = Arc::new(site.settings.clone());
    let worker = BackupWorker::new(clock, settings, "pilot", cvt.clone().recipient(), failed).start();
    // The backup is made in real time, while the clock of the test runs ahead.
    let until = async |wanted: &dyn Fn(&BackupStatus) -> bool| loop {
        let status = worker.send(ReadBackupStatus).await.unwrap();
        if !status.running && wanted(&status) {
            return status;
        }
        tokio::time::sleep(Duration::from_secs(60)).await;
        std::thread::yield_now();
    };
    let first = until(&|status| status.last_good.is_some()).await;
    assert_eq!(Manifest::read(&first.path.clone().unwrap()).unwrap().plant.as_deref(), Some("pilot"));
    let second = until(&|status| status.last_good > first.last_good).await;
    assert!(!first.path.unwrap().exists() && second.path.unwrap().exists(), "one is kept");

    let journal = site.settings.data.dir.join(JOURNAL);
    std::fs::rename(&journal, journal.with_extension("away")).unwrap();
    let told = until(&|status| status.error.is_some()).await;
    assert!(told.error.unwrap().contains("journal.db"));
    std::fs::rename(journal.with_extension("away"), &journal).unwrap();
    until(&|status| status.error.is_none()).await;
}

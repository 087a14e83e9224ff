//! What operators do with history at a shell: backup and restore, export and import, with the real binary.

use super::child::{PATIENCE, wait_for};
use super::server::{Server, Simulator, quadruple_tank};
use super::shell::{DAMAGED, NO_INPUT, UNAVAILABLE, refuse, succeed};
use std::path::{Path, PathBuf};

/// Tags of every type, which hold what is written to them.
const TAGS: &str = r#"
[[tag]]
name = "level"
writable = true

[[tag]]
name = "count"
data_type = "integer"
writable = true

[[tag]]
name = "on"
data_type = "boolean"
writable = true

[[tag]]
name = "=mode, \"quoted\""
data_type = "text"
writable = true
"#;

/// Runs a plant with [`TAGS`] once, so that they have ids and some history.
fn with_some_history(folder: &Path) {
    let server = Server::start(folder, TAGS);
    let writes = [
        ("level", "[0.1,-0.0,1e300,5e-324,12.5]"),
        ("count", "[9007199254740993,-9223372036854775808,0]"),
        ("on", "[true,false,true]"),
        ("=mode, \"quoted\"", r#"["=1+1","'tis","'=x","ü\nline, \"two\"",""]"#),
    ];
    for (name, values) in writes {
        let tags = server.tags();
        let id = tags.iter().find(|tag| tag["name"] == name).unwrap()["id"].clone();
        for value in serde_json::from_str::<Vec<serde_json::Value>>(values).unwrap() {
            let body = serde_json::json!({ "value": value }).to_string();
            let (status, answer) = server.request("POST", &format!("/api/v1/tags/{id}/write"), &body);
            assert_eq!(status, 200, "{answer}");
        }
    }
    server.stop();
}

/// The folder of the only backup in a folder.
fn only_backup(folder: &Path) -> PathBuf {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let backups: Vec<PathBuf> = entries.filter(|path| path.join("manifest.json").exists()).collect();
    assert_eq!(backups.len(), 1, "{backups:?}");
    backups[0].clone()
}

fn lines_of<'a>(table: &'a str, tag: &str) -> Vec<&'a str> {
    table.lines().filter(|line| line.starts_with(tag)).collect()
}

#[test]
fn a_backup_made_under_load_comes_back_in_another_folder_and_its_plant_goes_on() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let device = Simulator::start(folder.path(), "127.0.0.1:0");
    let plant = quadruple_tank(&device.endpoint);
    let server = Server::start(folder.path(), &plant);
    let stored = || server.health()["history"]["changes"].as_u64().unwrap();
    wait_for("load", PATIENCE, || (stored() > 200).then_some(()));
    let before = succeed(folder.path(), &["export", "--all"]);
    succeed(folder.path(), &["backup", "--to", "kept"]);
    let at_backup = stored();
    wait_for("load after the backup", PATIENCE, || (stored() > at_backup + 50).then_some(()));
    succeed(folder.path(), &["check", "--history"]);
    let backup = only_backup(&folder.path().join("kept"));
    let backup = backup.to_str().unwrap();
    succeed(folder.path(), &["backup", "--verify", backup]);
    refuse(folder.path(), &["restore", "--from", backup, "--force"], UNAVAILABLE, &["in use"]);
    server.stop();
    let after = succeed(folder.path(), &["export", "--all"]);

    succeed(other.path(), &["restore", "--from", backup]);
    let restored = succeed(other.path(), &["export", "--all"]);
    for line in before.lines().skip(1) {
        let tag = line.split(',').next().unwrap();
        let (whole, kept) = (lines_of(&after, tag), lines_of(&restored, tag));
        assert!(kept.contains(&line), "{line} was there before the backup");
        assert_eq!(kept, whole[..kept.len()], "the samples of {tag} up to some moment, none missing, none twice");
    }
    refuse(other.path(), &["restore", "--from", backup], UNAVAILABLE, &["journal.db", "--force"]);

    let server = Server::start(other.path(), &plant);
    let health = wait_for("samples after the restart", PATIENCE, || {
        Some(server.health()).filter(|health| health["history"]["changes"].as_u64().unwrap() > 50)
    });
    assert_eq!(health["history"]["lost"], 0, "{health}");
    server.stop();
    let gone_on = succeed(other.path(), &["export", "--all"]);
    assert!(gone_on.lines().count() > restored.lines().count() + 50);
    for tag in ["tank1.level,", "tank2.level,"].into_iter().filter(|tag| !lines_of(&restored, tag).is_empty()) {
        let kept = lines_of(&restored, tag);
        assert_eq!(lines_of(&gone_on, tag)[..kept.len()], kept);
    }
}

#[test]
fn what_is_exported_is_imported_and_exported_again_byte_for_byte() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    with_some_history(folder.path());
    let tags = ["--tags", "level,count,on"];
    let first = succeed(folder.path(), &["export", "--all"]);
    assert!(first.contains("9007199254740993,integer") && first.contains("-9223372036854775808"), "{first}");
    assert!(first.contains("\n\"'=mode, \"\"quoted\"\"\","), "names that look like formulas are protected: {first}");

    // An empty history of the same tags: what the plant itself writes at its start is not exported.
    let plant = Server::start(other.path(), TAGS);
    plant.stop();
    std::fs::remove_file(other.path().join("data/journal.db")).unwrap();
    for file in ["history.db", "history.db-wal", "history.db-shm", "journal.db-wal", "journal.db-shm"] {
        let _there_or_not = std::fs::remove_file(other.path().join("data").join(file));
    }
    std::fs::write(other.path().join("samples.csv"), &first).unwrap();
    succeed(other.path(), &["import", "samples.csv", "--dry-run"]);
    assert_eq!(succeed(other.path(), &["export", "--all"]).lines().count(), 1, "a dry run stores nothing");
    succeed(other.path(), &["import", "samples.csv"]);
    assert_eq!(succeed(other.path(), &["export", "--all"]), first);
    let said = succeed(other.path(), &["import", "samples.csv", "--skip-existing"]);
    assert!(said.starts_with("imported: 0 samples"), "{said}");
    assert_eq!(succeed(other.path(), &["export", "--all"]), first);

    let part = succeed(folder.path(), &[&["export", "--out", "part.csv"], &tags[..]].concat());
    assert_eq!(part, "");
    let part = std::fs::read_to_string(folder.path().join("part.csv")).unwrap();
    assert_eq!(
        part.lines().count(),
        1 + ["level,", "count,", "on,"].map(|tag| lines_of(&first, tag).len()).iter().sum::<usize>()
    );
    let recent = succeed(folder.path(), &["export", "--prefix", "lev", "--from", "now-1h", "--to", "now"]);
    assert_eq!(lines_of(&recent, "level,"), lines_of(&first, "level,"));
}

#[test]
fn rows_that_cannot_be_imported_are_named_and_nothing_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    with_some_history(folder.path());
    let before = succeed(folder.path(), &["export", "--all"]);
    let rows = "tag,time,value,quality\n\
                level,2026-11-22T13:00:00Z,1.5,good\n\
                level,yesterday,1.5,good\n\
                nobody,2026-11-22T13:00:00Z,1,good\n\
                count,2026-11-22T13:00:00Z,1.5,good\n\
                level,2026-11-22T13:00:00Z,,good\n\
                level,2026-11-22T13:00:00Z,1.5,so-so\n\
                level,2026-11-22T13:00:00Z\n\
                level,2026-11-22T13:00:00Z,,bad\n";
    std::fs::write(folder.path().join("wrong.csv"), rows).unwrap();
    refuse(
        folder.path(),
        &["import", "wrong.csv"],
        DAMAGED,
        &[
            "wrong.csv: line 3, column 2 (time): \"yesterday\" is no time",
            "line 4, column 1 (tag): there is no tag \"nobody\"",
            "line 5, column 3 (value): \"1.5\" is no integer",
            "line 6, column 3 (value): there is no value, yet it is not bad",
            "line 7, column 4 (quality): \"so-so\" is no quality",
            "line 8: 2 cells, not 4",
            "6 of 8 rows cannot be imported; nothing was stored",
        ],
    );
    assert_eq!(succeed(folder.path(), &["export", "--all"]), before);
    std::fs::write(folder.path().join("columns.csv"), "tag,time,worth\n").unwrap();
    refuse(folder.path(), &["import", "columns.csv"], DAMAGED, &["line 1", "worth"]);
    refuse(folder.path(), &["import", "none.csv"], NO_INPUT, &["none.csv"]);

    let server = Server::start(folder.path(), TAGS);
    std::fs::write(folder.path().join("good.csv"), "tag,time,value\nlevel,2026-11-22T13:00:00Z,1\n").unwrap();
    refuse(folder.path(), &["import", "good.csv"], UNAVAILABLE, &["in use"]);
    server.stop();
    succeed(folder.path(), &["import", "good.csv"]);
    assert!(
        succeed(folder.path(), &["export", "--tags", "level"]).contains("level,2026-11-22T13:00:00.000000Z,1.0,float")
    );
}

#[test]
fn what_is_not_there_or_damaged_is_said_plainly() {
    let folder = tempfile::tempdir().unwrap();
    refuse(folder.path(), &["backup", "--to", "kept"], NO_INPUT, &["no plant has run here"]);
    refuse(folder.path(), &["export", "--all"], NO_INPUT, &["no plant has run here"]);
    refuse(folder.path(), &["export-plant"], NO_INPUT, &["no plant has run here"]);
    refuse(folder.path(), &["restore", "--from", "kept"], NO_INPUT, &["is no backup"]);
    assert!(!folder.path().join("data").exists(), "nothing was made");
    with_some_history(folder.path());
    refuse(folder.path(), &["export", "--tags", "level,nobody"], 64, &["no tag nobody"]);
    refuse(folder.path(), &["export", "--all", "--from", "now-1h", "--to", "now-2h"], 64, &["no time between"]);
    refuse(folder.path(), &["export"], 64, &["--all"]);
    succeed(folder.path(), &["backup", "--to", "kept"]);
    let backup = only_backup(&folder.path().join("kept"));
    let journal = backup.join("journal.db");
    let mut bytes = std::fs::read(&journal).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x40;
    std::fs::write(&journal, bytes).unwrap();
    let backup = backup.to_str().unwrap();
    refuse(folder.path(), &["backup", "--verify", backup], DAMAGED, &["journal.db has checksum"]);
    refuse(folder.path(), &["restore", "--from", backup, "--force"], DAMAGED, &["journal.db has checksum"]);
}

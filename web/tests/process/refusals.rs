//! What is wrong ends the server at the start, with an exit code and the place.

use super::child::{PATIENCE, Process};
use super::server::Server;
use std::path::Path;

/// `EX_CONFIG` of sysexits.
const WRONG_CONFIGURATION: i32 = 78;
/// `EX_UNAVAILABLE` of sysexits.
const UNAVAILABLE: i32 = 69;

const ANY_PORT: (&str, &str) = ("FLYBALL__HTTP__BIND", "127.0.0.1:0");

const TAG: &str = "[[tag]]\nname = \"level\"\n";

/// Fails unless the process ends with `code` and says every one of `parts` in the end.
#[track_caller]
fn assert_refused(process: Process, code: i32, parts: &[&str]) {
    let (ended, lines) = process.ended(PATIENCE);
    println!("{ended}: {}", lines.join("\n"));
    assert_eq!(ended, code, "{lines:#?}");
    let said = lines.iter().position(|line| line.starts_with("flyball: "));
    let last = lines[said.unwrap_or_else(|| panic!("no reason in {lines:#?}"))..].join("\n");
    for part in parts {
        assert!(last.contains(part), "\"{part}\" is not in: {last}");
    }
}

fn with_settings(folder: &Path, text: &str) -> Process {
    std::fs::write(folder.join("site.toml"), text).unwrap();
    Process::spawn("server", &mut Process::flyball(folder, &["serve", "--settings", "site.toml"]))
}

#[test]
fn wrong_settings_are_refused_by_key() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    assert_refused(
        with_settings(folder, "[http]\nbnid = \"127.0.0.1:0\"\n"),
        WRONG_CONFIGURATION,
        &["site.toml", "bnid"],
    );
    assert_refused(
        with_settings(folder, "[http]\nbind = \"eight\"\n"),
        WRONG_CONFIGURATION,
        &["site.toml", "http.bind"],
    );
    assert_refused(with_settings(folder, "[http\n"), WRONG_CONFIGURATION, &["site.toml", "line 1"]);
    let missing = Process::spawn("server", &mut Process::flyball(folder, &["serve", "--settings", "none.toml"]));
    assert_refused(missing, WRONG_CONFIGURATION, &["none.toml"]);

    let environment = |key, value| Server::spawn(folder, TAG, &[ANY_PORT, (key, value)]);
    assert_refused(environment("FLYBALL__HTTP__BNID", "127.0.0.1:0"), WRONG_CONFIGURATION, &["bnid"]);
    assert_refused(environment("FLYBALL__HTPP__BIND", "127.0.0.1:0"), WRONG_CONFIGURATION, &["htpp"]);
    assert_refused(environment("FLYBALL__HTTP__WORKERS", "two"), WRONG_CONFIGURATION, &["http.workers"]);
}

#[test]
fn a_wrong_plant_is_refused_by_file_line_and_item() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |plant: &str, parts: &[&str]| {
        assert_refused(Server::spawn(folder.path(), plant, &[ANY_PORT]), WRONG_CONFIGURATION, parts);
    };
    refused("[[tag]]\nname = \"level\"\nuint = \"cm\"\n", &["plant.toml", "line 3, column 1", "uint"]);
    refused(&format!("{TAG}{TAG}"), &["plant.toml", "line 4", "tag \"level\"", "taken"]);
    refused(&format!("{TAG}unit = \"furlong\"\n"), &["plant.toml", "line 3", "tag \"level\", unit", "furlong"]);
    refused(&format!("{TAG}link = \"plc\"\nnode = \"ns=2;s=a\"\n"), &["plant.toml", "line 3", "tag \"level\"", "plc"]);
    let machine = "[[machine]]\nname = \"loop\"\nkind = \"pdi\"\ninterval_ms = 100\n";
    refused(&format!("{TAG}{machine}"), &["plant.toml", "machine \"loop\"", "pdi"]);
    refused("[[tag]\n", &["plant.toml", "line 1"]);
}

#[test]
fn check_refuses_what_serve_would() {
    let folder = tempfile::tempdir().unwrap();
    let check = |plant: &str| {
        std::fs::write(folder.path().join("plant.toml"), plant).unwrap();
        Process::spawn("check", &mut Process::flyball(folder.path(), &["check", "--plant", "plant.toml"]))
    };
    let machine = "[[machine]]\nname = \"loop\"\nkind = \"pdi\"\ninterval_ms = 100\n";
    assert_refused(check(machine), WRONG_CONFIGURATION, &["plant.toml", "machine \"loop\"", "pdi"]);
    assert_refused(check(&format!("{TAG}{TAG}")), WRONG_CONFIGURATION, &["plant.toml", "line 4", "taken"]);
    assert_eq!(check(TAG).ended(PATIENCE).0, 0);
}

#[test]
fn a_plant_file_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("a_folder")).unwrap();
    std::fs::write(folder.path().join("binary.toml"), [0xff, 0xfe, 0x00]).unwrap();
    for file in ["none.toml", "a_folder", "binary.toml"] {
        let process = Process::spawn("server", &mut Process::flyball(folder.path(), &["serve", "--plant", file]));
        assert_refused(process, WRONG_CONFIGURATION, &[file]);
    }
}

#[test]
fn a_taken_port_is_unavailable_and_leaves_the_data_alone() {
    let folder = tempfile::tempdir().unwrap();
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    let process = Server::spawn(folder.path(), TAG, &[("FLYBALL__HTTP__BIND", &address)]);
    assert_refused(process, UNAVAILABLE, &[&address]);
    assert!(!folder.path().join("data").exists(), "the database of whoever has the port is not opened");
}

#[test]
fn a_data_folder_that_cannot_be_made_is_unavailable_by_its_path() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("data"), "a file is in the way").unwrap();
    let data = folder.path().join("data");
    assert_refused(Server::spawn(folder.path(), TAG, &[ANY_PORT]), UNAVAILABLE, &[data.to_str().unwrap()]);
}

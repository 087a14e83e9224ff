//! The plant as code at a shell: planned, applied and exported, while the plant runs and while it does not.

use super::child::{PATIENCE, Process, wait_for};
use super::server::{Server, quadruple_tank};
use super::shell::{DAMAGED, NO_INPUT, UNAVAILABLE, WRONG_CONFIGURATION, ends_with, refuse, run_with, succeed};
use serde_json::Value as Json;
use std::fmt::Write as _;
use std::path::Path;

/// Exit code of `plan` where there are differences.
const DIFFERENT: i32 = 2;

const TAG: &str = "[[tag]]\nname = \"level\"\nunit = \"cm\"\n";

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).unwrap();
}

#[test]
fn an_exported_plant_is_no_difference_and_an_edited_one_is_told_and_applied() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let shipped = quadruple_tank("opc.tcp://127.0.0.1:48400/");
    write(folder, "plant.toml", &shipped);
    let added = succeed(folder, &["apply", "plant.toml", "--dry-run"]);
    assert!(added.contains("+ tag \"tank1.level\""), "{added}");
    let applied = succeed(folder, &["apply", "plant.toml", "--reason", "commissioning"]);
    assert!(applied.lines().last().unwrap().starts_with("applied: "), "{applied}");
    assert_eq!(succeed(folder, &["apply", "plant.toml"]), "nothing to change\n");

    let exported = succeed(folder, &["export-plant"]);
    write(folder, "exported.toml", &exported);
    assert_eq!(succeed(folder, &["plan", "exported.toml"]), "no difference\n");
    assert_eq!(succeed(folder, &["plan", "plant.toml"]), "no difference\n");

    write(folder, "edited.toml", &exported.replacen("absolute = 0.001", "absolute = 0.002", 1));
    for command in [&["plan", "edited.toml"][..], &["apply", "edited.toml", "--dry-run"]] {
        let code = if command.len() == 2 { DIFFERENT } else { 0 };
        let told = ends_with(code, folder, &[], command);
        assert!(
            told.contains("~ tag \"tank1.level\"") && told.contains("dead_band.absolute: 0.001 -> 0.002"),
            "{told}"
        );
        assert!(told.contains("0 to add, 1 to change, 0 to rename, 0 to remove"), "{told}");
    }
    assert_eq!(succeed(folder, &["export-plant"]), exported, "plans change nothing");
    let applied = succeed(folder, &["apply", "edited.toml"]);
    assert!(applied.contains("applied: 0 added, 1 changed, 0 renamed, 0 removed"), "{applied}");
    assert_eq!(succeed(folder, &["plan", "edited.toml"]), "no difference\n");

    for (format, first) in [("tags-csv", "name,"), ("alarms-csv", "name,")] {
        let file = format!("{format}.csv");
        assert_eq!(succeed(folder, &["export-plant", "--format", format, "--out", &file]), "");
        assert!(std::fs::read_to_string(folder.join(&file)).unwrap().starts_with(first));
        assert_eq!(succeed(folder, &["plan", &file]), "no difference\n");
    }
}

#[test]
fn ten_thousand_tags_of_a_spreadsheet_are_applied_and_told_in_few_lines() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut csv = "name,unit,range.low,range.high,dead_band.absolute\n".to_owned();
    for tag in 0..10_000 {
        writeln!(csv, "site.tank{tag}.level,cm,0,20,0.1").unwrap();
    }
    write(folder, "tags.csv", &csv);
    let applied = succeed(folder, &["apply", "tags.csv"]);
    assert!(applied.contains("… and 9,800 more tags to add"), "{applied}");
    assert!(applied.contains("applied: 10000 added, 0 changed, 0 renamed, 0 removed"), "{applied}");
    assert!(applied.lines().count() < 250, "{} lines", applied.lines().count());
    assert_eq!(succeed(folder, &["plan", "tags.csv"]), "no difference\n");
    assert_eq!(succeed(folder, &["export-plant", "--format", "tags-csv"]).lines().count(), 10_001);
}

#[test]
fn a_wrong_file_is_refused_by_line_and_column_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(folder, "plant.toml", TAG);
    succeed(folder, &["apply", "plant.toml"]);
    let before = succeed(folder, &["export-plant"]);

    write(folder, "cells.csv", "name,unit,range.low,range.high\na,cm,zero,20\nb,cm,0,many\n");
    let lines =
        ["cells.csv: line 2, column 6: tag \"a\", range.low", "cells.csv: line 3, column 8: tag \"b\", range.high"];
    refuse(folder, &["apply", "cells.csv"], DAMAGED, &lines);
    write(folder, "rules.csv", "name,unit\nlevel,furlong\n");
    refuse(folder, &["apply", "rules.csv"], DAMAGED, &["rules.csv: line 2, column 7: tag \"level\", unit", "furlong"]);
    write(folder, "whole.toml", &format!("{TAG}\n[[tag]]\nname = \"other\"\nunit = \"furlong\"\n{TAG}"));
    let lines = ["whole.toml: line 7, column 1: tag \"other\", unit", "whole.toml: line 9, column 1: tag \"level\""];
    refuse(folder, &["apply", "whole.toml"], DAMAGED, &lines);
    refuse(folder, &["plan", "whole.toml"], DAMAGED, &lines);
    refuse(folder, &["check", "--plant", "whole.toml"], WRONG_CONFIGURATION, &lines);
    let machine = "[[machine]]\nname = \"loop\"\nkind = \"pdi\"\ninterval_ms = 100\n";
    write(folder, "machine.toml", &format!("{TAG}{machine}"));
    refuse(folder, &["apply", "machine.toml"], DAMAGED, &["machine.toml: line 5, column 1: machine \"loop\"", "pdi"]);
    write(folder, "class.toml", &format!("{TAG}retention = \"none\"\n"));
    refuse(folder, &["apply", "class.toml"], DAMAGED, &["class.toml: line 4, column 1: tag \"level\"", "none"]);
    std::fs::write(folder.join("binary.toml"), b"name\n\xff").unwrap();
    refuse(folder, &["apply", "binary.toml"], DAMAGED, &["binary.toml: line 2: not UTF-8"]);
    refuse(folder, &["apply", "none.toml"], NO_INPUT, &["none.toml"]);
    refuse(folder, &["plan"], 64, &["FILE"]);
    assert_eq!(succeed(folder, &["export-plant"]), before);
}

/// The dead-band of the level, as it is defined.
fn dead_band(server: &Server) -> Json {
    let id = server.tag("level")["id"].clone();
    server.get(&format!("/api/v1/tags/{id}/definition"))["definition"]["dead_band"]["absolute"].clone()
}

#[test]
fn a_running_plant_is_changed_by_its_server_and_stays_so_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let server = Server::start(folder, TAG);
    let (bind, url) = (server.address.to_string(), format!("http://{}", server.address));
    let here = [("FLYBALL__HTTP__BIND", bind.as_str())];
    let edited = format!("{TAG}dead_band = {{ absolute = 0.5 }}\n\n[[tag]]\nname = \"flow\"\nunit = \"m³/h\"\n");
    write(folder, "edited.toml", &edited);

    let told = ends_with(DIFFERENT, folder, &here, &["plan", "edited.toml"]);
    assert!(told.contains("+ tag \"flow\"") && told.contains("~ tag \"level\""), "{told}");
    assert_eq!(ends_with(DIFFERENT, folder, &[], &["plan", "edited.toml", "--server", &url]), told);
    assert_eq!(ends_with(0, folder, &here, &["plan", "plant.toml"]), "no difference\n");
    let applied = ends_with(0, folder, &here, &["apply", "edited.toml", "--reason", "a flow meter & more"]);
    assert!(applied.contains("applied: 1 added, 1 changed, 0 renamed, 0 removed"), "{applied}");
    assert_eq!(server.tag("flow")["unit"], "m³/h");
    assert_eq!(dead_band(&server), 0.5);
    assert_eq!(ends_with(0, folder, &here, &["plan", "edited.toml"]), "no difference\n");
    assert_eq!(ends_with(0, folder, &here, &["apply", "edited.toml"]), "nothing to change\n");

    write(folder, "wrong.csv", "name,unit\nlevel,furlong\n");
    let (code, _, said) = run_with(folder, &here, &["apply", "wrong.csv"]);
    assert!(code == DAMAGED && said.contains("wrong.csv: line 2, column 7: tag \"level\", unit"), "{code}: {said}");
    let exported = ends_with(0, folder, &here, &["export-plant"]);
    server.stop();
    assert_eq!(succeed(folder, &["export-plant"]), exported, "the server tells what is stored");

    let mut server = Server::start(folder, TAG);
    let warned = server.process.logged("is not what the plant is");
    assert!(warned.contains("2 items differ") && warned.contains("flyball apply plant.toml"), "{warned}");
    assert_eq!(server.tag("flow")["unit"], "m³/h");
    assert_eq!(dead_band(&server), 0.5);
    server.stop();
}

#[test]
fn a_server_takes_a_file_of_many_tags_and_tells_of_it_in_few_lines() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let server = Server::start(folder, TAG);
    let mut csv = "name,description\n".to_owned();
    for tag in 0..10_000 {
        writeln!(csv, "site.tank{tag}.level,{}", "·".repeat(60)).unwrap();
    }
    assert!(csv.len() > 1 << 20, "more than the general limit of bodies");
    write(folder, "tags.csv", &csv);
    let url = format!("http://{}", server.address);
    let told = ends_with(DIFFERENT, folder, &[], &["plan", "tags.csv", "--server", &url]);
    assert!(told.contains("10,000 to add") && told.lines().count() < 250, "{told}");
    server.stop();
}

#[test]
fn a_server_that_does_not_answer_is_said_plainly() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(folder, "plant.toml", TAG);
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let url = format!("http://{nobody}");
    refuse(folder, &["plan", "plant.toml", "--server", &url], UNAVAILABLE, &[&url, "does not answer"]);
    refuse(folder, &["export-plant", "--server", &url], UNAVAILABLE, &[&url, "does not answer"]);
    refuse(folder, &["plan", "plant.toml", "--server", "https://plant"], 64, &["http://host:port"]);

    let server = Server::start(folder, TAG);
    let elsewhere = [("FLYBALL__HTTP__BIND", nobody.as_str())];
    let (code, _, said) = run_with(folder, &elsewhere, &["apply", "plant.toml"]);
    assert!(code == UNAVAILABLE && said.contains("in use") && said.contains("does not answer"), "{code}: {said}");
    let (code, _, said) = run_with(folder, &[("FLYBALL__HTTP__BIND", "127.0.0.1:0")], &["plan", "plant.toml"]);
    assert!(code == WRONG_CONFIGURATION && said.contains("--server"), "{code}: {said}");
    server.stop();
}

#[test]
fn what_was_changed_in_the_demo_survives_its_restart() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let demo = || {
        let mut command = Process::flyball(folder, &["demo"]);
        command.env("FLYBALL__DATA__DIR", folder.join("data"));
        command.envs([("FLYBALL__HTTP__BIND", "127.0.0.1:0"), ("FLYBALL__DEMO__BIND", "127.0.0.1:0")]);
        let mut process = Process::spawn("demo", &mut command);
        let line = process.logged(" at http://");
        let address = line.split_once(" at http://").unwrap().1.trim_end_matches('/').parse().unwrap();
        let server = Server { process, address };
        wait_for("connected link", PATIENCE, || (server.link("quadtank")["state"] == "connected").then_some(()));
        server
    };
    let first = demo();
    write(folder, "more.csv", "name,unit\nflow,m³/h\n");
    let url = format!("http://{}", first.address);
    let applied = succeed(folder, &["apply", "more.csv", "--server", &url]);
    assert!(applied.contains("applied: 1 added"), "{applied}");
    first.stop();
    let second = demo();
    assert_eq!(second.tag("flow")["unit"], "m³/h");
    second.stop();
}

//! Commands on the data of a folder, to their end.

use super::child::Process;
use std::path::Path;

/// `EX_DATAERR`, `EX_NOINPUT`, `EX_UNAVAILABLE` and `EX_CONFIG` of sysexits.
pub(crate) const DAMAGED: i32 = 65;
pub(crate) const NO_INPUT: i32 = 66;
pub(crate) const UNAVAILABLE: i32 = 69;
pub(crate) const WRONG_CONFIGURATION: i32 = 78;

/// Runs a command with settings from the environment: its exit code, and what it said on both outputs.
pub(crate) fn run_with(folder: &Path, environment: &[(&str, &str)], arguments: &[&str]) -> (i32, Vec<u8>, String) {
    let mut command = Process::flyball(folder, arguments);
    command.env("FLYBALL__DATA__DIR", folder.join("data")).envs(environment.iter().copied());
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    println!(
        "{arguments:?}: {} {} {said}",
        output.status,
        String::from_utf8_lossy(&output.stdout[..output.stdout.len().min(2_000)])
    );
    (output.status.code().unwrap(), output.stdout, said)
}

/// Standard output of a command that ends with this code.
#[track_caller]
pub(crate) fn ends_with(code: i32, folder: &Path, environment: &[(&str, &str)], arguments: &[&str]) -> String {
    let (ended, output, said) = run_with(folder, environment, arguments);
    assert_eq!(ended, code, "{said}");
    String::from_utf8(output).unwrap()
}

/// Standard output of a command that does what it should.
#[track_caller]
pub(crate) fn succeed(folder: &Path, arguments: &[&str]) -> String {
    ends_with(0, folder, &[], arguments)
}

/// Fails unless a command ends with this code and says all parts on standard error.
#[track_caller]
pub(crate) fn refuse(folder: &Path, arguments: &[&str], expected: i32, parts: &[&str]) {
    let (code, _, said) = run_with(folder, &[], arguments);
    assert_eq!(code, expected, "{said}");
    for part in parts {
        assert!(said.contains(part), "\"{part}\" is not in: {said}");
    }
}

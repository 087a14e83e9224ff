//! `flyball check --history`: whether all that is kept can be read.

use super::export::failure;
use super::progress::Progress;
use super::{DAMAGED, Failure, say};
use flyball::history::offline;
use flyball::settings::Settings;

/// Looks through journal and store; every damaged part goes to standard output.
pub(super) fn history(settings: &Settings) -> Result<(), Failure> {
    let mut progress = Progress::new();
    let found = offline::check(settings, &mut |told| progress.told(told)).map_err(|error| failure(&error))?;
    drop(progress);
    for line in &found.damage {
        say(format_args!("damaged: {line}"));
    }
    let offline::HistoryCheck { frames, changes, tags, samples, damage } = found;
    let seen =
        format!("{frames} frames with {changes} changes in the journal, {samples} samples of {tags} tags stored");
    if damage.is_empty() {
        say(format_args!("good: {seen}"));
        return Ok(());
    }
    Err(Failure::new(DAMAGED, format!("{} parts are damaged; {seen} can be read", damage.len())))
}

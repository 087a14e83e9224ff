//! Whether all that is kept can be read.

use super::catalogue::known_tags;
use super::{OfflineError, Told, Unit};
use crate::history::historian::{Cancel, Visitor};
use crate::history::journal::{Journal, connect, sound};
use crate::history::sample::Block;
use crate::settings::Settings;
use flyball_schema::Timestamp;
use flyball_schema::db::DatabaseUrl;
use std::ops::{ControlFlow, Range};
use std::path::Path;

/// What looking through a history has found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HistoryCheck {
    /// Frames of the journal.
    pub frames: u64,
    /// Changes in them.
    pub changes: u64,
    /// Tags that have or had a history.
    pub tags: u64,
    /// Samples of the store that can be read.
    pub samples: u64,
    /// What is damaged, part by part.
    pub damage: Vec<String>,
}

/// Looks through journal and store of these settings: every page of the files, every frame, every sample. The plant may
/// run meanwhile.
///
/// # Errors
/// [`OfflineError`] where they cannot be looked through; damage is no error.
pub fn check(settings: &Settings, told: &mut dyn FnMut(Told<'_>)) -> Result<HistoryCheck, OfflineError> {
    let mut found = HistoryCheck::default();
    check_journal(settings, &mut found, told)?;
    if let DatabaseUrl::Sqlite(path) = settings.history_url()?
        && Path::new(&path).exists()
    {
        told(Told::Step { what: "pages of the store", total: 0, unit: Unit::Bytes });
        let damage = sound(&mut connect(Path::new(&path))?)?;
        found.damage.extend(damage.into_iter().map(|line| format!("{path}: {line}")));
    }
    check_samples(settings, &mut found, told)?;
    Ok(found)
}

fn check_journal(
    settings: &Settings,
    found: &mut HistoryCheck,
    told: &mut dyn FnMut(Told<'_>),
) -> Result<(), OfflineError> {
    let mut journal = Journal::open_read_only(&settings.journal())?;
    told(Told::Step { what: "frames of the journal", total: 0, unit: Unit::Frames });
    let path = journal.path().display().to_string();
    let journal = journal.check(&mut |frames| told(Told::At(frames)))?;
    (found.frames, found.changes) = (journal.frames, journal.changes);
    found.damage.extend(journal.damage.into_iter().map(|line| format!("{path}: {line}")));
    Ok(())
}

fn check_samples(
    settings: &Settings,
    found: &mut HistoryCheck,
    told: &mut dyn FnMut(Told<'_>),
) -> Result<(), OfflineError> {
    let tags = known_tags(settings)?;
    found.tags = tags.len() as u64;
    told(Told::Step { what: "samples of the store", total: found.tags, unit: Unit::Tags });
    let mut store = settings.historian()?.open_reader()?;
    for (done, tag) in tags.iter().enumerate() {
        let (before, mut count) = (store.damaged(), Count(0));
        store.read(tag.id, Timestamp::MIN..Timestamp::MAX, &Cancel::default(), &mut count)?;
        found.samples += count.0;
        let damaged = store.damaged() - before;
        if damaged > 0 {
            found.damage.push(format!("tag \"{}\": {damaged} parts of the store cannot be read", tag.name()));
        }
        told(Told::At(done as u64 + 1));
    }
    Ok(())
}

/// Counts samples.
struct Count(u64);

impl Visitor for Count {
    fn block(&mut self, _: &Block, rows: Range<usize>) -> ControlFlow<()> {
        self.0 += rows.len() as u64;
        ControlFlow::Continue(())
    }
}

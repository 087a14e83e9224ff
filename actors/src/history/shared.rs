//! What the threads of one history share: the newest samples, and how far the store is.

use super::framer::Frame;
use super::head::Head;
use super::historian::{Cancel, Generation, Historian, HistorianError, JournalId};
use super::journal::{Appended, Journal};
use super::{HistorySettings, Keeping};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// One history: a journal, a store behind it, and the newest samples in memory.
///
/// Made once and shared by the [`LoggerWorker`](super::LoggerWorker) and the [`DataLogger`](super::DataLogger); it
/// outlives either where that is made again.
#[derive(Debug)]
pub struct History {
    settings: HistorySettings,
    historian: Arc<dyn Historian>,
    /// Held while frames go into journal and head, so that both have one order.
    writing: Mutex<()>,
    /// The journal that is written.
    journal: RwLock<JournalId>,
    head: RwLock<Head>,
    stored: AtomicU64,
    /// What is kept, where it was changed since the start.
    keeping: Mutex<Option<Keeping>>,
}

impl History {
    /// Opens the journal of `settings`, and begins one where there is none. The store may be away.
    ///
    /// # Errors
    /// [`HistorianError`] of the journal.
    pub fn open(settings: HistorySettings, historian: Arc<dyn Historian>) -> Result<Arc<Self>, HistorianError> {
        let mut journal = Journal::open(&settings)?;
        let stored = historian.open_reader().and_then(|mut store| store.begin(journal.id()));
        let stored = stored.unwrap_or_else(|error| {
            log::warn!("the history's store cannot be read yet: {}", super::historian::Chain(&error));
            0
        });
        let head = load(&mut journal, stored, settings.head_samples)?;
        Ok(Arc::new(Self {
            settings,
            historian,
            writing: Mutex::new(()),
            journal: RwLock::new(journal.id()),
            head: RwLock::new(head),
            stored: AtomicU64::new(stored),
            keeping: Mutex::new(None),
        }))
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &HistorySettings {
        &self.settings
    }

    /// The store.
    #[must_use]
    pub fn historian(&self) -> &dyn Historian {
        &*self.historian
    }

    /// How much goes into the store at a time.
    #[must_use]
    pub fn generation(&self) -> Generation {
        let likes = self.historian.generation();
        Generation {
            samples: self.settings.generation_samples.unwrap_or(likes.samples).max(1),
            age: self.settings.generation_age.unwrap_or(likes.age),
        }
    }

    /// The last sequence number in the journal, from which the table continues.
    #[must_use]
    pub fn last_seq(&self) -> u64 {
        self.head().last_seq()
    }

    /// Identity of the journal that is written.
    #[must_use]
    pub fn journal_id(&self) -> JournalId {
        *self.journal.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The position of the store, as far as it is known.
    #[must_use]
    pub fn stored(&self) -> u64 {
        self.stored.load(Ordering::Acquire)
    }

    /// The store has everything up to `position`.
    pub(super) fn is_stored(&self, position: u64) {
        self.stored.store(position, Ordering::Release);
        self.head_mut().forget(position);
    }

    /// What is kept, where that was changed since the start.
    pub(super) fn keeping(&self) -> Option<Keeping> {
        self.keeping.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is kept from now on, by this logger and by those after it.
    pub(super) fn keep(&self, keeping: Keeping) {
        *self.keeping.lock().unwrap_or_else(PoisonError::into_inner) = Some(keeping);
    }

    /// The newest samples.
    pub(super) fn head(&self) -> RwLockReadGuard<'_, Head> {
        self.head.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn head_mut(&self) -> RwLockWriteGuard<'_, Head> {
        self.head.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn writing(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the journal for writing; where its file was damaged and another journal begins, the head follows.
    ///
    /// # Errors
    /// [`HistorianError`].
    pub(super) fn open_journal(&self) -> Result<Journal, HistorianError> {
        let _order = self.writing();
        let mut journal = Journal::open(&self.settings)?;
        if journal.id() != self.journal_id() {
            log::error!("another journal begins: samples of the last one that were not stored yet are lost");
            *self.head_mut() = load(&mut journal, 0, self.settings.head_samples)?;
            self.stored.store(0, Ordering::Release);
            *self.journal.write().unwrap_or_else(PoisonError::into_inner) = journal.id();
        }
        Ok(journal)
    }

    /// Appends frames to the journal, then to the head.
    ///
    /// # Errors
    /// [`HistorianError`], see [`Journal::append`].
    pub(super) fn append(&self, journal: &mut Journal, frames: &[Arc<Frame>]) -> Result<Appended, HistorianError> {
        let _order = self.writing();
        let appended = journal.append(frames, self.stored())?;
        let mut head = self.head_mut();
        frames.iter().flat_map(|frame| &frame.changes).for_each(|change| head.push(change));
        Ok(appended)
    }
}

/// The head that a journal gives: what is behind `stored`, and not more than `limit` samples.
fn load(journal: &mut Journal, stored: u64, limit: usize) -> Result<Head, HistorianError> {
    let last = journal.last_seq()?;
    let mut head = Head::new(stored.max(last.saturating_sub(limit as u64)).min(last), limit);
    journal.scan(head.behind(), last, None, &Cancel::default(), |change| head.push(&change))?;
    // The last numbers may be of damaged frames.
    head.reach(last);
    Ok(head)
}

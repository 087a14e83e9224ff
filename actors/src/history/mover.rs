//! The one thread that writes the store: moves what the journal has, and keeps the store in order.

use super::historian::{Batch, Cancel, HistorianError, JournalId, Retention, StoreWriter, Upkeep, guarded};
use super::journal::{Journal, Span};
use super::sample::{Block, Sample};
use super::shared::History;
use crate::cvt::TagChange;
use actix::{Actor, Handler, Message, SyncContext};
use flyball_schema::{TagId, Timestamp};
use std::collections::HashMap;
use std::sync::Arc;

/// Moves one batch from the journal into the store where enough is waiting, or else does a step of upkeep.
///
/// * `now`: decides whether the oldest change has waited long enough.
/// * `all`: moves what there is, however little.
/// * Reply: what was done, once it is durable.
/// * Errors: [`HistorianError`]; nothing is lost, the next one tries again.
/// * Ordering: one thread, in the order of the messages.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Moved, HistorianError>")]
pub struct MoveHistory {
    /// The time.
    pub now: Timestamp,
    /// Whether to wait for nothing.
    pub all: bool,
    /// How long samples are kept.
    pub retention: Arc<Retention>,
}

/// What [`MoveHistory`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Moved {
    /// The position of the store.
    pub position: u64,
    /// Samples moved.
    pub samples: u64,
    /// What upkeep did; nothing where samples were moved.
    pub upkeep: Upkeep,
    /// Space that the store takes, bytes.
    pub size_bytes: u64,
}

impl Moved {
    /// Whether there is more to do at once.
    #[must_use]
    pub fn more(&self) -> bool {
        self.samples > 0 || self.upkeep.more
    }
}

/// Runs moves on a `SyncArbiter` of one thread. Any failure closes journal and store; the next move opens them again.
pub(super) struct HistoryMover {
    history: Arc<History>,
    open: Option<Open>,
}

struct Open {
    journal: Journal,
    store: Box<dyn StoreWriter>,
    position: u64,
}

impl HistoryMover {
    pub(super) fn new(history: Arc<History>) -> Self {
        Self { history, open: None }
    }

    fn run(&mut self, job: &MoveHistory) -> Result<Moved, HistorianError> {
        let history = &*self.history;
        // A journal that was damaged may have been replaced; a store is repaired where it is opened.
        let sound = |open: &Open| open.journal.id() == history.journal_id() && !history.historian().is_suspect();
        let kept = self.open.take().filter(sound);
        let mut open = match kept {
            Some(open) => open,
            None => guarded(|| Open::new(history))?,
        };
        let moved = guarded(|| open.step(history, job))?;
        self.open = Some(open);
        Ok(moved)
    }
}

impl Open {
    fn new(history: &History) -> Result<Self, HistorianError> {
        let journal = Journal::open_read_only(history.settings())?;
        let mut store = history.historian().open_writer()?;
        let position = store.position(journal.id())?;
        history.is_stored(position);
        Ok(Self { journal, store, position })
    }

    fn step(&mut self, history: &History, job: &MoveHistory) -> Result<Moved, HistorianError> {
        let Self { journal, store, position } = self;
        let generation = history.generation();
        let mut moved = Moved::default();
        let due =
            |span: &Span| job.all || span.changes >= generation.samples || job.now.since(span.oldest) >= generation.age;
        match journal.next_span(*position, generation.samples)?.filter(due) {
            Some(span) => {
                let batch = batch(journal, *position, span.upto)?;
                moved.samples = store.store(&batch)?.samples;
                *position = span.upto;
                history.is_stored(span.upto);
            }
            None => moved.upkeep = store.upkeep(&job.retention, job.now)?,
        }
        moved.position = *position;
        moved.size_bytes = store.size_bytes()?;
        Ok(moved)
    }
}

/// The changes numbered `behind` + 1 to `upto`, by tag.
fn batch(journal: &mut Journal, behind: u64, upto: u64) -> Result<Batch, HistorianError> {
    let mut series = Vec::<(TagId, Block)>::new();
    let mut places = HashMap::<TagId, usize>::new();
    let mut likely = 0;
    journal.scan(behind, upto, None, &Cancel::default(), |change| {
        let TagChange { tag, value, source_time, quality, .. } = change;
        // Tags come in the order of the scan before, mostly.
        let place = match series.get(likely) {
            Some((expected, _)) if *expected == tag => likely,
            _ => *places.entry(tag).or_insert(series.len()),
        };
        if place == series.len() {
            series.push((tag, Block::default()));
        }
        series[place].1.push(Sample { time: source_time, value, quality });
        likely = if place + 1 < series.len() { place + 1 } else { 0 };
    })?;
    series.sort_unstable_by_key(|(tag, _)| *tag);
    let journal_id: JournalId = journal.id();
    let downtimes = journal.downtimes(behind, upto)?;
    Ok(Batch { journal: journal_id, behind, upto, series, downtimes })
}

impl Actor for HistoryMover {
    type Context = SyncContext<Self>;
}

impl Handler<MoveHistory> for HistoryMover {
    type Result = Result<Moved, HistorianError>;

    fn handle(&mut self, job: MoveHistory, _ctx: &mut Self::Context) -> Self::Result {
        self.run(&job)
    }
}

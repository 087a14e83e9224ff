//! The one thread that writes the history.

use super::framer::Frame;
use super::historian::{Appended, Historian, HistorianError, OpenHistorian, guarded};
use actix::{Actor, Handler, Message, SyncContext};
use std::sync::Arc;

/// Stores frames, all or none.
///
/// * `0`: frames in order; what is stored already is skipped, so that the same frames can be sent again.
/// * Reply: what was stored, once it is durable.
/// * Errors: [`HistorianError`].
/// * Ordering: one thread, in the order of the messages.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Appended, HistorianError>")]
pub struct AppendFrames(pub Vec<Arc<Frame>>);

/// Runs appends on a `SyncArbiter` of one thread. Any failure closes the store; the next append opens it again.
pub(super) struct HistoryWriter {
    open: OpenHistorian,
    historian: Option<Box<dyn Historian>>,
}

impl HistoryWriter {
    pub(super) fn new(open: OpenHistorian) -> Self {
        Self { open, historian: None }
    }

    fn append(&mut self, frames: &[Arc<Frame>]) -> Result<Appended, HistorianError> {
        let mut historian = match self.historian.take() {
            Some(historian) => historian,
            None => guarded(|| (self.open)())?,
        };
        let appended = guarded(|| historian.append(frames))?;
        self.historian = Some(historian);
        Ok(appended)
    }
}

impl Actor for HistoryWriter {
    type Context = SyncContext<Self>;
}

impl Handler<AppendFrames> for HistoryWriter {
    type Result = Result<Appended, HistorianError>;

    fn handle(&mut self, AppendFrames(frames): AppendFrames, _ctx: &mut Self::Context) -> Self::Result {
        self.append(&frames)
    }
}

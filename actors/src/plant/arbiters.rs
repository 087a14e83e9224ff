//! The threads of a plant. Crossing one costs microseconds, so a plant has few.

use actix_rt::{Arbiter, ArbiterHandle};

/// Where the actors of a plant run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Threads {
    /// Arbiters of its own: `core`, `control` and `io`.
    #[default]
    Own,
    /// All on the arbiter that starts the plant: for tests under virtual time.
    Current,
}

/// The arbiters of a plant.
#[derive(Debug)]
pub(super) struct Arbiters {
    own: Vec<Arbiter>,
    /// Value table and alarms; no user code.
    pub(super) core: ArbiterHandle,
    /// Sync machines.
    pub(super) control: ArbiterHandle,
    /// Field links and the logger.
    pub(super) io: ArbiterHandle,
}

impl Arbiters {
    pub(super) fn start(threads: Threads) -> Self {
        match threads {
            Threads::Own => {
                let own: Vec<Arbiter> = (0..3).map(|_| Arbiter::new()).collect();
                let handle = |index: usize| own.get(index).map_or_else(Arbiter::current, Arbiter::handle);
                Self { core: handle(0), control: handle(1), io: handle(2), own }
            }
            Threads::Current => {
                let (core, control, io) = (Arbiter::current(), Arbiter::current(), Arbiter::current());
                Self { own: Vec::new(), core, control, io }
            }
        }
    }

    /// Ends the plant's own threads, last started first, and waits for them.
    pub(super) fn stop(&mut self) {
        for arbiter in self.own.drain(..).rev() {
            arbiter.stop();
            if arbiter.join().is_err() {
                log::error!("a plant thread ended in a panic");
            }
        }
    }
}

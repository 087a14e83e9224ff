//! Watches every actor of the plant: leaves are made again, the loss of a core actor ends the plant in order.
//!
//! actix restarts nothing after a panic: the mailbox stays closed. So the warden asks each address whether it is
//! still connected.

use super::intensity::Intensity;
use crate::{Clock, ticker};
use actix::{Actor, Context, Handler, Message, MessageResult};
use std::fmt;
use std::time::Duration;
use tokio::sync::watch;

/// How often the warden looks.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Restarts of one actor within [`RESTART_PERIOD`] before its loss ends the plant.
const RESTARTS: usize = 5;

/// See [`RESTARTS`].
const RESTART_PERIOD: Duration = Duration::from_secs(30);

/// State of a watched actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActorState {
    /// It takes messages.
    Running,
    /// It died and was made again.
    Restarted,
    /// It died and cannot be made again; the plant is ending.
    Failed,
}

impl ActorState {
    /// The word used on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Restarted => "restarting",
            Self::Failed => "failed",
        }
    }
}

/// A watched actor, as people are told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActorStatus {
    /// Name.
    pub name: &'static str,
    /// State at the last look.
    pub state: ActorState,
    /// How often it was made again.
    pub restarts: u64,
}

type Alive = Box<dyn Fn() -> bool + Send>;
type Remake = Box<dyn FnMut() + Send>;

/// An actor to be watched.
pub(super) struct Watch {
    name: &'static str,
    alive: Alive,
    remake: Option<Remake>,
}

impl Watch {
    /// A core actor: its loss ends the plant.
    pub(super) fn core<A: Actor<Context = Context<A>>>(name: &'static str, address: &actix::Addr<A>) -> Self {
        let address = address.clone();
        Self { name, alive: Box::new(move || address.connected()), remake: None }
    }

    /// A leaf: `remake` makes it again when `alive` says no.
    pub(super) fn leaf(
        name: &'static str,
        alive: impl Fn() -> bool + Send + 'static,
        remake: impl FnMut() + Send + 'static,
    ) -> Self {
        Self { name, alive: Box::new(alive), remake: Some(Box::new(remake)) }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("name", &self.name).field("leaf", &self.remake.is_some()).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Watched {
    watch: Watch,
    intensity: Intensity,
    status: ActorStatus,
}

/// The plant's supervisor.
#[derive(Debug)]
pub(super) struct Warden {
    clock: Clock,
    watched: Vec<Watched>,
    failure: watch::Sender<Option<&'static str>>,
    at_rest: bool,
}

impl Warden {
    /// Watches `all`; the name of a core actor that is lost goes to `failure`.
    pub(super) fn new(clock: Clock, all: Vec<Watch>, failure: watch::Sender<Option<&'static str>>) -> Self {
        let watched = all.into_iter().map(|watch| Watched {
            status: ActorStatus { name: watch.name, state: ActorState::Running, restarts: 0 },
            intensity: Intensity::new(RESTARTS, RESTART_PERIOD),
            watch,
        });
        Self { clock, watched: watched.collect(), failure, at_rest: false }
    }

    fn look(&mut self) {
        if self.at_rest {
            return;
        }
        let now = self.clock.now();
        for one in &mut self.watched {
            if one.status.state == ActorState::Failed {
                continue;
            }
            if (one.watch.alive)() {
                one.status.state = ActorState::Running;
            } else if one.watch.remake.is_some() && one.intensity.allows(now) {
                log::error!("{} died and is made again", one.status.name);
                one.status.state = ActorState::Restarted;
                one.status.restarts += 1;
                if let Some(remake) = &mut one.watch.remake {
                    remake();
                }
            } else {
                log::error!("{} died: the plant ends in order", one.status.name);
                one.status.state = ActorState::Failed;
                self.failure.send_replace(Some(one.status.name));
            }
        }
    }
}

impl Actor for Warden {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ticker::every(ctx, LOOK_EVERY, |warden: &mut Self, _ctx, _tick| warden.look());
    }
}

/// Asks how every watched actor is.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Vec<ActorStatus>")]
pub(super) struct ListActors;

impl Handler<ListActors> for Warden {
    type Result = MessageResult<ListActors>;

    fn handle(&mut self, _: ListActors, _ctx: &mut Self::Context) -> Self::Result {
        self.look();
        MessageResult(self.watched.iter().map(|one| one.status.clone()).collect())
    }
}

/// Stops looking: actors are about to be stopped on purpose.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub(super) struct StandDown;

impl Handler<StandDown> for Warden {
    type Result = ();

    fn handle(&mut self, _: StandDown, _ctx: &mut Self::Context) {
        self.at_rest = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix::Addr;
    use std::sync::{Arc, Mutex};

    /// Panics when told to.
    struct Fragile;

    impl Actor for Fragile {
        type Context = Context<Self>;
    }

    #[derive(Message)]
    #[rtype(result = "()")]
    struct Panic;

    impl Handler<Panic> for Fragile {
        type Result = ();

        fn handle(&mut self, _: Panic, _ctx: &mut Self::Context) {
            panic!("on purpose");
        }
    }

    fn slot() -> Arc<Mutex<Addr<Fragile>>> {
        Arc::new(Mutex::new(Fragile.start()))
    }

    fn leaf(slot: &Arc<Mutex<Addr<Fragile>>>) -> Watch {
        let (alive, remade) = (Arc::clone(slot), Arc::clone(slot));
        let remake = move || *remade.lock().unwrap() = Fragile.start();
        Watch::leaf("leaf", move || alive.lock().unwrap().connected(), remake)
    }

    async fn kill(slot: &Arc<Mutex<Addr<Fragile>>>) {
        let address = slot.lock().unwrap().clone();
        assert!(address.send(Panic).await.is_err());
        tokio::time::sleep(LOOK_EVERY * 2).await;
    }

    #[actix_rt::test]
    async fn a_leaf_that_panics_is_made_again_until_it_happens_too_often() {
        tokio::time::pause();
        let (sender, failure) = watch::channel(None);
        let slot = slot();
        let warden = Warden::new(Clock::system(), vec![leaf(&slot)], sender).start();
        for restarts in 1..=5 {
            kill(&slot).await;
            let status = warden.send(ListActors).await.unwrap();
            assert_eq!((status[0].state, status[0].restarts), (ActorState::Running, restarts));
            assert_eq!(*failure.borrow(), None);
        }
        kill(&slot).await;
        assert_eq!(*failure.borrow(), Some("leaf"));
    }

    #[actix_rt::test]
    async fn a_core_actor_that_panics_ends_the_plant() {
        tokio::time::pause();
        let (sender, mut failure) = watch::channel(None);
        let core = Fragile.start();
        let _warden = Warden::new(Clock::system(), vec![Watch::core("core", &core)], sender).start();
        assert!(core.send(Panic).await.is_err());
        failure.changed().await.unwrap();
        assert_eq!(*failure.borrow(), Some("core"));
    }
}

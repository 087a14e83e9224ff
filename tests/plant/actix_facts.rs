//! What actix 0.13.5 does, each fact by a test: an upgrade that changes one is noticed here, and the rule that follows from
//! it (in `actors/DESIGN.md`) can be looked at again.

use actix::fut::wrap_future;
use actix::{
    Actor, ActorFutureExt, AsyncContext, AtomicResponse, Context, Handler, Message, ResponseActFuture, Supervised,
    Supervisor, SyncArbiter, SyncContext, WrapFuture,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

#[derive(Message)]
#[rtype(result = "()")]
struct Panic;

#[derive(Message)]
#[rtype(result = "usize")]
struct Count;

#[derive(Default)]
struct Fragile {
    handled: usize,
}

impl Actor for Fragile {
    type Context = Context<Self>;
}

impl Supervised for Fragile {}

impl Handler<Panic> for Fragile {
    type Result = ();

    fn handle(&mut self, _: Panic, _ctx: &mut Self::Context) {
        panic!("on purpose");
    }
}

impl Handler<Count> for Fragile {
    type Result = usize;

    fn handle(&mut self, _: Count, _ctx: &mut Self::Context) -> usize {
        self.handled += 1;
        self.handled
    }
}

#[actix_rt::test]
async fn a_supervisor_does_not_restart_an_actor_that_panicked() {
    let address = Supervisor::start(|_| Fragile::default());
    assert_eq!(address.send(Count).await.unwrap(), 1);
    assert!(address.send(Panic).await.is_err());
    assert!(!address.connected(), "so the warden polls and makes leaves again itself");
    assert!(address.send(Count).await.is_err());
}

struct SyncFragile;

impl Actor for SyncFragile {
    type Context = SyncContext<Self>;
}

impl Handler<Panic> for SyncFragile {
    type Result = ();

    fn handle(&mut self, _: Panic, _ctx: &mut Self::Context) {
        panic!("on purpose");
    }
}

impl Handler<Count> for SyncFragile {
    type Result = usize;

    fn handle(&mut self, _: Count, _ctx: &mut Self::Context) -> usize {
        1
    }
}

#[actix_rt::test]
async fn a_panic_ends_a_sync_arbiter_thread_for_good() {
    let address = SyncArbiter::start(1, || SyncFragile);
    assert_eq!(address.send(Count).await.unwrap(), 1);
    assert!(address.send(Panic).await.is_err());
    let after = tokio::time::timeout(Duration::from_secs(2), address.send(Count)).await;
    assert!(!matches!(after, Ok(Ok(_))), "so every job runs inside catch_unwind");
}

#[actix_rt::test]
#[expect(clippy::disallowed_methods, reason = "the fact is about do_send")]
async fn do_send_ignores_the_capacity_of_a_mailbox() {
    let address = Fragile::default().start();
    for _ in 0..1_000 {
        address.do_send(Count);
    }
    assert_eq!(address.send(Count).await.unwrap(), 1_001, "all of them were queued past the capacity of 16");
    let refused = (0..1_000).filter(|_| address.try_send(Count).is_err()).count();
    assert!(refused > 900, "while try_send says when it is full");
}

#[actix_rt::test]
async fn dropping_a_send_cancels_a_message_not_yet_handled() {
    let address = Fragile::default().start();
    let mut request = Box::pin(address.send(Count));
    // Polled once, so that it is in the mailbox.
    assert!(futures_util::poll!(request.as_mut()).is_pending());
    drop(request);
    assert_eq!(address.send(Count).await.unwrap(), 1, "so commands are awaited in a task of their own");
}

/// Counts the ticks of actix's interval and of ours.
struct Ticking {
    theirs: Arc<AtomicUsize>,
    ours: Arc<AtomicUsize>,
    missed: Arc<AtomicUsize>,
}

impl Actor for Ticking {
    type Context = Context<Self>;

    #[expect(clippy::disallowed_methods, reason = "the fact is about run_interval")]
    fn started(&mut self, ctx: &mut Self::Context) {
        let period = Duration::from_millis(10);
        ctx.run_interval(period, |actor, _ctx| {
            actor.theirs.fetch_add(1, Ordering::Relaxed);
        });
        flyball::ticker::every(ctx, period, |actor: &mut Self, _ctx, tick| {
            actor.ours.fetch_add(1, Ordering::Relaxed);
            actor.missed.fetch_add(usize::try_from(tick.missed).unwrap(), Ordering::Relaxed);
        });
    }
}

#[actix_rt::test]
async fn run_interval_replays_missed_ticks_where_our_ticker_skips_and_counts_them() {
    tokio::time::pause();
    let (theirs, ours, missed) = (Arc::default(), Arc::default(), Arc::default());
    let actor = Ticking { theirs: Arc::clone(&theirs), ours: Arc::clone(&ours), missed: Arc::clone(&missed) };
    let _address = actor.start();
    tokio::task::yield_now().await;
    // The arbiter is held up for a second: to a timer, the same as time that jumps.
    tokio::time::advance(Duration::from_secs(1)).await;
    for _ in 0..300 {
        tokio::task::yield_now().await;
    }
    assert!(theirs.load(Ordering::Relaxed) >= 99, "a burst: {}", theirs.load(Ordering::Relaxed));
    assert_eq!(ours.load(Ordering::Relaxed), 1);
    assert_eq!(missed.load(Ordering::Relaxed), 99);
}

/// Tells in which order its handlers begin and end.
#[derive(Default)]
struct Interleaving {
    log: Vec<&'static str>,
}

impl Actor for Interleaving {
    type Context = Context<Self>;
}

#[derive(Message)]
#[rtype(result = "()")]
struct Slow;

#[derive(Message)]
#[rtype(result = "()")]
struct Atomic;

#[derive(Message)]
#[rtype(result = "Vec<&'static str>")]
struct Log;

impl Handler<Slow> for Interleaving {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, _: Slow, _ctx: &mut Self::Context) -> Self::Result {
        self.log.push("begin");
        let pause = tokio::time::sleep(Duration::from_millis(10));
        Box::pin(wrap_future(pause).map(|(), actor: &mut Self, _ctx| actor.log.push("end")))
    }
}

impl Handler<Atomic> for Interleaving {
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, _: Atomic, _ctx: &mut Self::Context) -> Self::Result {
        self.log.push("begin");
        let pause = tokio::time::sleep(Duration::from_millis(10)).into_actor(self);
        AtomicResponse::new(Box::pin(pause.map(|(), actor, _ctx| actor.log.push("end"))))
    }
}

impl Handler<Log> for Interleaving {
    type Result = Vec<&'static str>;

    fn handle(&mut self, _: Log, _ctx: &mut Self::Context) -> Self::Result {
        std::mem::take(&mut self.log)
    }
}

#[actix_rt::test]
async fn handlers_that_return_futures_interleave_and_atomic_ones_do_not() {
    tokio::time::pause();
    let address = Interleaving::default().start();
    let _both = futures_util::join!(address.send(Slow), address.send(Slow));
    assert_eq!(address.send(Log).await.unwrap(), ["begin", "begin", "end", "end"]);
    let _both = futures_util::join!(address.send(Atomic), address.send(Atomic));
    assert_eq!(address.send(Log).await.unwrap(), ["begin", "end", "begin", "end"]);
}

#[actix_rt::test]
async fn a_mailbox_drains_without_yielding_to_its_neighbours() {
    let flooded = Fragile::default().start();
    let neighbour = Arc::new(AtomicUsize::new(0));
    let requests: Vec<_> = (0..16).map(|_| flooded.send(Count)).collect();
    let seen = Arc::clone(&neighbour);
    actix_rt::spawn(async move { seen.store(1, Ordering::Relaxed) });
    let mut requests: Vec<_> = requests.into_iter().map(Box::pin).collect();
    for request in &mut requests {
        assert!(futures_util::poll!(request.as_mut()).is_pending());
    }
    // One turn of the actor's task handles everything that waits.
    while flooded.connected() && futures_util::poll!(requests[0].as_mut()).is_pending() {
        tokio::task::yield_now().await;
    }
    for request in &mut requests[1..] {
        assert!(futures_util::poll!(request.as_mut()).is_ready(), "so handlers are short and producers batch");
    }
}

#[tokio::test(start_paused = true)]
async fn calendar_time_ignores_paused_timers() {
    let clock = flyball::Clock::system();
    let (before, wall_before) = (clock.now(), std::time::SystemTime::now());
    tokio::time::advance(Duration::from_secs(3_600)).await;
    assert_eq!(clock.now().since(before), Duration::from_secs(3_600));
    assert!(wall_before.elapsed().unwrap() < Duration::from_secs(3_600), "so all time comes from one Clock");
}

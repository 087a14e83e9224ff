//! A ticker that skips the ticks it missed, where actix's own interval replays them all in a burst.

use actix::fut::ActorStreamExt;
use actix::{Actor, AsyncContext, SpawnHandle};
use futures_util::stream;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

/// One tick of [`every`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tick {
    /// Ticks that were skipped since the one before this.
    pub missed: u64,
    /// How late the tick came.
    pub late: Duration,
}

/// Calls `on_tick` every `period` from one period from now on. Ticks keep to the grid of the first one; a tick that
/// comes late by whole periods counts them as missed instead of being followed by a burst.
pub fn every<A, F>(ctx: &mut A::Context, period: Duration, mut on_tick: F) -> SpawnHandle
where
    A: Actor,
    A::Context: AsyncContext<A>,
    F: FnMut(&mut A, &mut A::Context, Tick) + 'static,
{
    let mut interval = interval_at(Instant::now() + period, period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let ticks = stream::unfold(interval, move |mut interval| async move {
        let due = interval.tick().await;
        Some((tick(due.elapsed(), period), interval))
    });
    ctx.spawn(actix::fut::wrap_stream::<_, A>(ticks).map(move |tick, actor, ctx| on_tick(actor, ctx, tick)).finish())
}

/// A tick noticed `late` after it was due: the whole periods within are the ticks that will be skipped.
fn tick(late: Duration, period: Duration) -> Tick {
    let missed = late.as_nanos() / period.as_nanos().max(1);
    Tick { missed: u64::try_from(missed).unwrap_or(u64::MAX), late }
}

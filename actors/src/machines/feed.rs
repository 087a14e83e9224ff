//! How present values come into a worker: one subscription to the table for all the tags its machines read.

use super::inputs::InputTable;
use crate::cvt::{Delivery, Subscribe, SubscriptionId, TagsChanged, Unsubscribe};
use crate::send::{DEADLINE, ask_recipient};
use actix::fut::{ActorFutureExt, wrap_future};
use actix::{Actor, AsyncContext, Context, Handler, Recipient};
use flyball_schema::TagId;
use std::time::Duration;

/// Input values come no faster than this.
pub(super) const FASTEST: Duration = Duration::from_millis(1);
/// Nor slower than this, however long the intervals.
pub(super) const SLOWEST: Duration = Duration::from_millis(10);
/// After a subscription that failed.
const RETRY: Duration = Duration::from_millis(500);

/// How a worker subscribes to the table.
#[derive(Debug, Clone)]
pub(super) struct TableAccess {
    pub(super) subscribe: Recipient<Subscribe>,
    pub(super) unsubscribe: Recipient<Unsubscribe>,
}

/// The subscription of one worker.
#[derive(Debug)]
pub(super) struct Feed {
    name: String,
    access: TableAccess,
    current: Option<SubscriptionId>,
    tags: Vec<TagId>,
    /// Slots that the table of inputs had made by then.
    made: u64,
    pub(super) interval: Duration,
    wanted: bool,
    busy: bool,
}

/// An actor with a feed.
pub(super) trait HasFeed: Actor<Context = Context<Self>> + Handler<TagsChanged> {
    fn feed(&mut self) -> (&mut Feed, &InputTable);
}

impl Feed {
    pub(super) fn new(name: String, access: TableAccess) -> Self {
        let (current, tags, interval) = (None, Vec::new(), SLOWEST);
        Self { name, access, current, tags, made: 0, interval, wanted: false, busy: false }
    }

    /// The tags or the interval may have changed; [`refresh`] follows it up.
    pub(super) fn outdated(&mut self) {
        self.wanted = true;
    }
}

/// Subscribes to the tags that are read now, where they have changed or are read anew. The new subscription, which begins with the state of
/// its tags, comes before the end of the old one, so that no change is missed; doubles are told by their sequence number.
pub(super) fn refresh<A: HasFeed>(actor: &mut A, ctx: &mut Context<A>) {
    let recipient = ctx.address().recipient();
    let (feed, table) = actor.feed();
    if !feed.wanted || feed.busy {
        return;
    }
    feed.wanted = false;
    let (tags, made) = (table.tags(), table.made());
    // A tag that was given up and is read again at once has no value until a subscription begins with it.
    if tags == feed.tags && made == feed.made {
        return;
    }
    feed.busy = true;
    let (access, old) = (feed.access.clone(), feed.current.take());
    let delivery = Delivery::Latest { tags: Some(tags.clone()), interval: feed.interval };
    let message = (!tags.is_empty()).then(|| Subscribe { name: feed.name.clone(), recipient, delivery });
    let request = async move {
        let new = match message {
            Some(message) => Some(ask_recipient(&access.subscribe, message, DEADLINE).await),
            None => None,
        };
        if let Some(old) = old {
            // A table that does not answer has dropped its subscribers anyway.
            let _ = ask_recipient(&access.unsubscribe, Unsubscribe(old), DEADLINE).await;
        }
        new.transpose()
    };
    ctx.spawn(wrap_future::<_, A>(request).map(move |result, actor, ctx| {
        let feed = actor.feed().0;
        feed.busy = false;
        match result {
            Ok(current) => (feed.current, feed.tags, feed.made) = (current, tags, made),
            Err(error) => {
                log::warn!("{}: cannot subscribe to the table: {error}", feed.name);
                feed.tags.clear();
                feed.wanted = true;
                ctx.run_later(RETRY, refresh);
                return;
            }
        }
        refresh(actor, ctx);
    }));
}

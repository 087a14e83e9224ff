//! The actor round the table: moves messages in and changes out.

use super::subscribers::Subscribers;
use super::table::Table;
use super::{
    ChangeTags, CreateTags, CvtError, CvtStatus, FlushSubscribers, ListTags, ReadCvtStatus, ReadSums, ReadTags,
    ReleaseTag, ResolveTags, Snapshot, SnapshotReply, Subscribe, SubscriptionId, SubstituteTag, TagChange, TagRecord,
    Unsubscribe, WriteReport, WriteTags,
};
use crate::{Clock, ticker};
use actix::{Actor, AsyncContext, Context, Handler, MessageResult};
use std::sync::Arc;
use std::time::Duration;

/// How often subscribers that wait for credit or for their interval are looked at.
const FLUSH_EVERY: Duration = Duration::from_millis(10);

/// How often what is due by the clock is looked for.
const TICK: Duration = Duration::from_millis(100);

/// Messages that may wait for the table before senders have to.
const MAILBOX: usize = 1_024;

/// The current value table. **Engine.**
#[derive(Debug)]
pub struct Cvt {
    clock: Clock,
    table: Table,
    subscribers: Subscribers,
    scratch: Vec<TagChange>,
    flush_pending: bool,
}

impl Cvt {
    /// An empty table whose first change gets sequence number `last_seq + 1`.
    #[must_use]
    pub fn new(clock: Clock, last_seq: u64) -> Self {
        Self {
            clock,
            table: Table::starting_after(last_seq),
            subscribers: Subscribers::default(),
            scratch: Vec::new(),
            flush_pending: false,
        }
    }

    fn announce(&mut self, ctx: &mut Context<Self>) {
        if self.scratch.is_empty() {
            return;
        }
        let batch: Arc<[TagChange]> = self.scratch.drain(..).collect();
        let waiting = self.subscribers.announce(&batch, &self.table, self.clock.uptime());
        self.look_again(waiting, ctx);
    }

    fn look_again(&mut self, waiting: bool, ctx: &mut Context<Self>) {
        if waiting && !self.flush_pending {
            self.flush_pending = true;
            ctx.run_later(FLUSH_EVERY, |cvt, ctx| {
                cvt.flush_pending = false;
                let waiting = cvt.subscribers.flush(&cvt.table, cvt.clock.uptime(), false);
                cvt.look_again(waiting, ctx);
            });
        }
    }
}

impl Actor for Cvt {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        ticker::every(ctx, TICK, |cvt: &mut Self, ctx, _tick| {
            cvt.table.tick(cvt.clock.now(), &mut cvt.scratch);
            cvt.announce(ctx);
        });
    }
}

impl Handler<WriteTags> for Cvt {
    type Result = MessageResult<WriteTags>;

    fn handle(&mut self, WriteTags(updates): WriteTags, ctx: &mut Self::Context) -> Self::Result {
        let report: WriteReport = self.table.write(updates, self.clock.now(), &mut self.scratch);
        self.announce(ctx);
        MessageResult(report)
    }
}

impl Handler<CreateTags> for Cvt {
    type Result = Result<(), CvtError>;

    fn handle(&mut self, CreateTags(tags): CreateTags, ctx: &mut Self::Context) -> Self::Result {
        self.table.create(tags, self.clock.now(), &mut self.scratch)?;
        self.announce(ctx);
        Ok(())
    }
}

impl Handler<ChangeTags> for Cvt {
    type Result = Result<(), CvtError>;

    fn handle(&mut self, change: ChangeTags, ctx: &mut Self::Context) -> Self::Result {
        self.table.change(change, self.clock.now(), &mut self.scratch)?;
        self.announce(ctx);
        Ok(())
    }
}

impl Handler<SubstituteTag> for Cvt {
    type Result = Result<TagRecord, CvtError>;

    fn handle(&mut self, SubstituteTag { tag, value }: SubstituteTag, ctx: &mut Self::Context) -> Self::Result {
        self.table.substitute(tag, value, self.clock.now(), &mut self.scratch)?;
        self.announce(ctx);
        self.table.record(tag).ok_or(CvtError::UnknownTag(tag))
    }
}

impl Handler<ReleaseTag> for Cvt {
    type Result = Result<TagRecord, CvtError>;

    fn handle(&mut self, ReleaseTag(tag): ReleaseTag, ctx: &mut Self::Context) -> Self::Result {
        self.table.release(tag, self.clock.now(), &mut self.scratch)?;
        self.announce(ctx);
        self.table.record(tag).ok_or(CvtError::UnknownTag(tag))
    }
}

impl Handler<ReadSums> for Cvt {
    type Result = MessageResult<ReadSums>;

    fn handle(&mut self, _: ReadSums, _ctx: &mut Self::Context) -> Self::Result {
        MessageResult(self.table.sums())
    }
}

impl Handler<ReadTags> for Cvt {
    type Result = Result<Vec<TagRecord>, CvtError>;

    fn handle(&mut self, ReadTags(tags): ReadTags, _ctx: &mut Self::Context) -> Self::Result {
        tags.into_iter().map(|tag| self.table.record(tag).ok_or(CvtError::UnknownTag(tag))).collect()
    }
}

impl Handler<ResolveTags> for Cvt {
    type Result = Result<Vec<flyball_schema::TagId>, CvtError>;

    fn handle(&mut self, ResolveTags(names): ResolveTags, _ctx: &mut Self::Context) -> Self::Result {
        names.into_iter().map(|name| self.table.resolve(&name).ok_or(CvtError::UnknownName(name))).collect()
    }
}

impl Handler<ListTags> for Cvt {
    type Result = Vec<TagRecord>;

    fn handle(&mut self, query: ListTags, _ctx: &mut Self::Context) -> Self::Result {
        self.table.list(&query)
    }
}

impl Handler<Snapshot> for Cvt {
    type Result = MessageResult<Snapshot>;

    fn handle(&mut self, _: Snapshot, _ctx: &mut Self::Context) -> Self::Result {
        MessageResult(SnapshotReply { seq: self.table.seq(), tags: self.table.states().cloned().collect() })
    }
}

impl Handler<Subscribe> for Cvt {
    type Result = MessageResult<Subscribe>;

    fn handle(&mut self, request: Subscribe, ctx: &mut Self::Context) -> Self::Result {
        let id: SubscriptionId = self.subscribers.add(request, self.clock.uptime());
        let waiting = self.subscribers.flush(&self.table, self.clock.uptime(), false);
        self.look_again(waiting, ctx);
        MessageResult(id)
    }
}

impl Handler<Unsubscribe> for Cvt {
    type Result = ();

    fn handle(&mut self, Unsubscribe(id): Unsubscribe, _ctx: &mut Self::Context) {
        self.subscribers.remove(id);
    }
}

impl Handler<FlushSubscribers> for Cvt {
    type Result = ();

    fn handle(&mut self, _: FlushSubscribers, _ctx: &mut Self::Context) {
        self.subscribers.flush(&self.table, self.clock.uptime(), true);
    }
}

impl Handler<ReadCvtStatus> for Cvt {
    type Result = MessageResult<ReadCvtStatus>;

    fn handle(&mut self, _: ReadCvtStatus, _ctx: &mut Self::Context) -> Self::Result {
        MessageResult(CvtStatus {
            tags: self.table.len(),
            bad: self.table.bad(),
            derived: self.table.derived(),
            seq: self.table.seq(),
            subscribers: self.subscribers.status(),
        })
    }
}

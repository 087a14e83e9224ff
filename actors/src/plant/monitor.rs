//! Tells by tags how the plant itself is, so that its own troubles are alarms like any other. **Worker.**

use super::slot::Slot;
use super::system::SystemTags;
use crate::cvt::{Cvt, Update, WriteTags};
use crate::db::Database;
use crate::history::{LoggerWorker, ReadHistoryStatus};
use crate::send::{self, DEADLINE};
use crate::ticker;
use actix::{Actor, Addr, AsyncContext, Context, WrapFuture};
use std::time::Duration;

/// How often the plant is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug)]
pub(super) struct Monitor {
    pub(super) cvt: Addr<Cvt>,
    pub(super) logger: Slot<LoggerWorker>,
    pub(super) database: Database,
    pub(super) journal_cap: u64,
    pub(super) tags: SystemTags,
}

impl Monitor {
    fn look(&self, ctx: &mut Context<Self>) {
        let (cvt, logger, tags, journal_cap) = (self.cvt.clone(), self.logger.get(), self.tags, self.journal_cap);
        let database_failed = self.database.health().error.is_some();
        let look = async move {
            let mut updates = vec![Update::good(tags.database_failed, database_failed)];
            match send::ask(&logger, ReadHistoryStatus, DEADLINE).await {
                Ok(status) => {
                    let lost = i64::try_from(status.lost + status.expired).unwrap_or(i64::MAX);
                    let fill = 100.0 * status.journal_bytes as f64 / journal_cap.max(1) as f64;
                    updates.push(Update::good(tags.history_failed, status.error.is_some()));
                    updates.push(Update::good(tags.store_failed, status.store.error.is_some()));
                    updates.push(Update::good(tags.journal_fill, fill));
                    updates.push(Update::good(tags.samples_lost, lost));
                }
                Err(error) => {
                    log::warn!("the logger does not say how it is: {error}");
                    updates.push(Update::good(tags.history_failed, true));
                }
            }
            if let Err(error) = send::ask(&cvt, WriteTags(updates), DEADLINE).await {
                log::warn!("system tags were not written: {error}");
            }
        };
        ctx.spawn(look.into_actor(self));
    }
}

impl Actor for Monitor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ticker::every(ctx, LOOK_EVERY, |monitor: &mut Self, ctx, _tick| monitor.look(ctx));
    }
}

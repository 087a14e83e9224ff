//! Tells by tags how the plant itself is, so that its own troubles are alarms like any other. **Worker.**

use super::slot::Slot;
use super::system::SystemTags;
use crate::Clock;
use crate::cvt::{Cvt, ReadCvtStatus, Update, WriteTags};
use crate::db::Database;
use crate::history::{LoggerWorker, ReadHistoryStatus};
use crate::send::{self, DEADLINE};
use crate::ticker;
use actix::{Actor, Addr, AsyncContext, Context, WrapFuture};
use flyball_schema::{Quality, Timestamp};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How often the plant is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug)]
pub(super) struct Monitor {
    pub(super) cvt: Addr<Cvt>,
    pub(super) logger: Slot<LoggerWorker>,
    pub(super) database: Database,
    pub(super) clock: Clock,
    pub(super) data_dir: PathBuf,
    pub(super) journal_cap: u64,
    pub(super) tags: SystemTags,
}

impl Monitor {
    fn look(&self, ctx: &mut Context<Self>) {
        let (cvt, logger, tags, journal_cap) = (self.cvt.clone(), self.logger.get(), self.tags, self.journal_cap);
        let database_failed = self.database.health().error.is_some();
        let (clock_offset, data_dir) = (clock_offset(self.clock.now(), SystemTime::now()), self.data_dir.clone());
        let look = async move {
            let mut updates = vec![Update::good(tags.database_failed, database_failed)];
            updates.push(Update::good(tags.clock_offset, clock_offset));
            match disk_free(&data_dir) {
                Ok(free) => updates.push(Update::good(tags.disk_free, free)),
                Err(error) => {
                    log::warn!("the disk does not say how much of it is free: {error}");
                    let quality = Quality::BAD_NO_COMMUNICATION;
                    updates.push(Update { value: None, quality, ..Update::good(tags.disk_free, 0.0) });
                }
            }
            if let Ok(status) = send::ask(&cvt, ReadCvtStatus, DEADLINE).await {
                let waiting = status.subscribers.iter().map(|subscriber| subscriber.1).max().unwrap_or(0);
                updates.push(Update::good(tags.changes_waiting, i64::try_from(waiting).unwrap_or(i64::MAX)));
            }
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

/// How far the system's clock is from the plant's, s.
fn clock_offset(plant: Timestamp, system: SystemTime) -> f64 {
    let since_epoch = system.duration_since(UNIX_EPOCH).unwrap_or_default();
    let system = Timestamp::from_micros(0) + since_epoch;
    system.since(plant).max(plant.since(system)).as_secs_f64()
}

/// How much of the disk of a folder is free for this process, %.
fn disk_free(folder: &Path) -> std::io::Result<f64> {
    let disk = rustix::fs::statvfs(folder)?;
    Ok(100.0 * disk.f_bavail as f64 / disk.f_blocks.max(1) as f64)
}

impl Actor for Monitor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ticker::every(ctx, LOOK_EVERY, |monitor: &mut Self, ctx, _tick| monitor.look(ctx));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_set_is_told_either_way() {
        let system = UNIX_EPOCH + Duration::from_secs(1_000);
        assert!(clock_offset(Timestamp::from_micros(1_000_000_000), system).abs() < 1e-9);
        assert!((clock_offset(Timestamp::from_micros(997_500_000), system) - 2.5).abs() < 1e-9);
        assert!((clock_offset(Timestamp::from_micros(1_002_500_000), system) - 2.5).abs() < 1e-9);
    }

    #[test]
    fn a_disk_is_free_by_a_share_and_a_missing_folder_says_why_not() {
        let folder = tempfile::tempdir().unwrap();
        assert!((0.0..=100.0).contains(&disk_free(folder.path()).unwrap()));
        assert!(disk_free(&folder.path().join("missing")).is_err());
    }
}

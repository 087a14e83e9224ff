//! Makes backups as the settings say, while the plant runs. **Worker.**

use super::BackupError;
use super::create::{Backup, create, remove_surplus};
use super::manifest::Manifest;
use super::schedule::{Due, Runs, time_of};
use crate::cvt::{Update, WriteTags};
use crate::history::historian::Chain;
use crate::send::{self, DEADLINE};
use crate::settings::Settings;
use crate::{Clock, ticker};
use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, MessageResult, Recipient, WrapFuture};
use flyball_schema::{TagId, Timestamp};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// How often it is looked whether a backup is due.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Reads how the scheduled backups are.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "BackupStatus")]
pub struct ReadBackupStatus;

/// How the scheduled backups are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BackupStatus {
    /// Whether backups are scheduled.
    pub scheduled: bool,
    /// Whether one is under way.
    pub running: bool,
    /// When the last good one was begun.
    pub last_good: Option<Timestamp>,
    /// Its folder.
    pub path: Option<PathBuf>,
    /// Why the last one failed, where it did.
    pub error: Option<String>,
}

/// See the module.
#[derive(Debug)]
pub struct BackupWorker {
    clock: Clock,
    settings: Arc<Settings>,
    plant: Arc<str>,
    table: Recipient<WriteTags>,
    failed_tag: TagId,
    runs: Runs,
    status: BackupStatus,
}

impl BackupWorker {
    /// A worker that makes the backups of `settings`, none where they schedule none.
    ///
    /// * `plant`: name of the plant.
    /// * `table`, `failed_tag`: where a Boolean says whether the last backup failed.
    #[must_use]
    pub fn new(
        clock: Clock,
        settings: Arc<Settings>,
        plant: &str,
        table: Recipient<WriteTags>,
        failed_tag: TagId,
    ) -> Self {
        let (runs, scheduled) = (Runs::default(), every(&settings).is_some());
        let status = BackupStatus { scheduled, ..BackupStatus::default() };
        Self { clock, settings, plant: plant.into(), table, failed_tag, runs, status }
    }

    /// The newest backup in the folder that is not of the future.
    fn find_last(&mut self) {
        let (now, folder) = (self.clock.now(), &self.settings.backup.dir);
        let names = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let backups = names.filter_map(|entry| Some((time_of(entry.file_name().to_str()?)?, entry.path())));
        let last = backups.filter(|(time, path)| *time <= now && Manifest::read(path).is_ok()).max();
        self.runs.good = last.as_ref().map(|(time, _)| *time);
        (self.status.last_good, self.status.path) = last.unzip();
    }

    fn look(&mut self, ctx: &mut Context<Self>) {
        let Some(every) = every(&self.settings) else { return };
        let now = self.clock.now();
        if self.status.running || self.runs.due(now, every) != Due::Now {
            return;
        }
        self.status.running = true;
        let done = on_own_thread(Arc::clone(&self.settings), Arc::clone(&self.plant), now);
        ctx.spawn(done.into_actor(self).map(move |done, worker, ctx| worker.ended(now, done, ctx)));
    }

    fn ended(&mut self, began: Timestamp, done: Result<Backup, BackupError>, ctx: &mut Context<Self>) {
        self.status.running = false;
        match done {
            Ok(Backup { path, manifest }) => {
                log::info!("backup {}: {} bytes", path.display(), manifest.bytes());
                self.runs.good = Some(began);
                (self.status.last_good, self.status.path, self.status.error) = (Some(began), Some(path), None);
            }
            Err(error) => {
                let reason = Chain(&error).to_string();
                log::error!("the backup failed: {reason}");
                self.runs.failed = Some(began);
                self.status.error = Some(reason);
            }
        }
        self.tell(ctx);
    }

    /// Says by the tag whether the last backup failed.
    fn tell(&self, ctx: &mut Context<Self>) {
        let write = WriteTags(vec![Update::good(self.failed_tag, self.status.error.is_some())]);
        let table = self.table.clone();
        let told = async move {
            if let Err(error) = send::ask_recipient(&table, write, DEADLINE).await {
                log::warn!("the tag of the backups was not written: {error}");
            }
        };
        ctx.spawn(told.into_actor(self));
    }
}

/// The interval, where backups are scheduled.
fn every(settings: &Settings) -> Option<Duration> {
    let backup = &settings.backup;
    let hours = u64::from(backup.every_hours);
    (hours > 0 && !backup.dir.as_os_str().is_empty()).then(|| Duration::from_secs(3_600 * hours))
}

/// Makes a backup, and removes those that are too many. The thread is not waited for when the plant ends: what it leaves
/// then is removed by the next backup.
async fn on_own_thread(settings: Arc<Settings>, plant: Arc<str>, now: Timestamp) -> Result<Backup, BackupError> {
    let (done, is_done) = oneshot::channel();
    let work = move || {
        let folder = settings.backup.dir.clone();
        let made = create(&settings, Some(&plant), &folder, now, &mut |_| ());
        let made = made.and_then(|backup| {
            for name in remove_surplus(&folder, settings.backup.keep)? {
                log::info!("backup {name} is removed: {} are kept", settings.backup.keep);
            }
            Ok(backup)
        });
        // Nobody listens any more where the plant has ended.
        let _heard = done.send(made);
    };
    if std::thread::Builder::new().name("backup".to_owned()).spawn(work).is_err() {
        return Err(BackupError::Thread);
    }
    is_done.await.unwrap_or(Err(BackupError::Thread))
}

impl Actor for BackupWorker {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if self.status.scheduled {
            self.find_last();
            ticker::every(ctx, LOOK_EVERY, |worker: &mut Self, ctx, _tick| worker.look(ctx));
        }
    }
}

impl Handler<ReadBackupStatus> for BackupWorker {
    type Result = MessageResult<ReadBackupStatus>;

    fn handle(&mut self, _: ReadBackupStatus, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.status.clone())
    }
}

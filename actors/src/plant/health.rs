//! How a plant is, in one look.

use super::warden::{ActorStatus, ListActors};
use super::{ActorState, Plant};
use crate::alarms::{AlarmCounts, CountAlarms};
use crate::cvt::{CvtStatus, ReadCvtStatus};
use crate::db::DatabaseHealth;
use crate::history::backup::{BackupStatus, ReadBackupStatus};
use crate::history::{HistoryStatus, ReadHistoryStatus};
use crate::machines::{CountMachines, MachineCounts};
use crate::notify::{NotifierStatus, ReadNotifierStatus};
use crate::opcua::{LinkState, LinkStatus, ListLinks};
use crate::send::{SendError, ask};
use std::time::Duration;

/// How long one part may take to tell how it is.
const PATIENCE: Duration = Duration::from_secs(1);

/// How a plant is. A part that does not answer is `None` and named in `reasons`.
#[derive(Debug, Clone, PartialEq)]
pub struct PlantHealth {
    /// Why the plant is degraded; empty where it is not.
    pub reasons: Vec<String>,
    /// Watched actors.
    pub actors: Vec<ActorStatus>,
    /// Links.
    pub links: Option<Vec<LinkStatus>>,
    /// Alarms by state.
    pub alarms: Option<AlarmCounts>,
    /// Machines by state.
    pub machines: Option<MachineCounts>,
    /// The value table.
    pub tags: Option<CvtStatus>,
    /// The configuration and state database.
    pub database: DatabaseHealth,
    /// The logger.
    pub history: Option<HistoryStatus>,
    /// The scheduled backups.
    pub backup: Option<BackupStatus>,
    /// The notifications.
    pub notifier: Option<NotifierStatus>,
}

impl PlantHealth {
    /// Whether nothing is wrong with the plant itself; process alarms do not count.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.reasons.is_empty()
    }
}

fn heard<T>(part: &str, reply: Result<T, SendError>, reasons: &mut Vec<String>) -> Option<T> {
    reply.map_err(|error| reasons.push(format!("{part}: {error}"))).ok()
}

impl Plant {
    /// How the plant is. Asks every part at once; takes a second at the most.
    pub async fn health(&self) -> PlantHealth {
        let (logger, backups, notifier) = (self.logger(), self.0.backups.get(), self.notifier());
        let (actors, links, alarms, machines, tags, history, backup, notifier) = futures_util::join!(
            ask(&self.0.warden, ListActors, PATIENCE),
            ask(self.links(), ListLinks, PATIENCE),
            ask(self.alarms(), CountAlarms, PATIENCE),
            ask(self.machines(), CountMachines, PATIENCE),
            ask(self.cvt(), ReadCvtStatus, PATIENCE),
            ask(&logger, ReadHistoryStatus, PATIENCE),
            ask(&backups, ReadBackupStatus, PATIENCE),
            ask(&notifier, ReadNotifierStatus, PATIENCE),
        );
        let mut reasons = Vec::new();
        let mut health = PlantHealth {
            actors: heard("warden", actors, &mut reasons).unwrap_or_default(),
            links: heard("links", links, &mut reasons),
            alarms: heard("alarms", alarms, &mut reasons),
            machines: heard("machines", machines, &mut reasons),
            tags: heard("tags", tags, &mut reasons),
            history: heard("history", history, &mut reasons),
            backup: heard("backup", backup, &mut reasons),
            notifier: heard("notifications", notifier, &mut reasons),
            database: self.0.database.health(),
            reasons: Vec::new(),
        };
        health.note_troubles(&mut reasons);
        health.reasons = reasons;
        health
    }
}

impl PlantHealth {
    fn note_troubles(&self, reasons: &mut Vec<String>) {
        for actor in self.actors.iter().filter(|actor| actor.state != ActorState::Running) {
            reasons.push(format!("{} is {}", actor.name, actor.state.as_str()));
        }
        for link in self.links.iter().flatten().filter(|link| link.state != LinkState::Connected) {
            let reason = link.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
            reasons.push(format!("link {} is {}{reason}", link.name, link.state.as_str()));
        }
        if let Some(faulted) = self.machines.map(|machines| machines.fault).filter(|faulted| *faulted > 0) {
            reasons.push(format!("{faulted} machines are faulted"));
        }
        if let Some(error) = &self.database.error {
            reasons.push(format!("database: {error}"));
        }
        if let Some(history) = &self.history {
            if let Some(error) = &history.error {
                reasons.push(format!("history: {error}"));
            }
            if let Some(error) = &history.store.error {
                reasons.push(format!("history's store: {error}; {} samples wait", history.store.waiting));
            }
            if history.expired > 0 {
                reasons.push(format!("history: {} oldest samples dropped, the journal is full", history.expired));
            }
            if history.lost > 0 {
                reasons.push(format!("history: {} samples lost", history.lost));
            }
        }
        if let Some(error) = self.backup.iter().find_map(|backup| backup.error.as_ref()) {
            reasons.push(format!("backup: {error}"));
        }
        if let Some(notifier) = &self.notifier {
            note_notifier(notifier, reasons);
        }
        for (name, _, lost) in self.tags.iter().flat_map(|tags| &tags.subscribers).filter(|(_, _, lost)| *lost > 0) {
            reasons.push(format!("{name} lost {lost} changes"));
        }
    }
}

fn note_notifier(notifier: &NotifierStatus, reasons: &mut Vec<String>) {
    for channel in &notifier.channels {
        if let Some(error) = &channel.error {
            reasons.push(format!("notifications by {}: {error}; {} wait", channel.name, channel.waiting));
        }
    }
    if notifier.dropped > 0 {
        reasons.push(format!("notifications: {} dropped, too many waited", notifier.dropped));
    }
    if let Some(error) = &notifier.record_error {
        reasons.push(format!("record of notifications: {error}"));
    }
}

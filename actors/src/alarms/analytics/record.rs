//! What is remembered of one alarm. Pure.

use super::{AreaId, CHATTER, Standing, Thresholds, Withholding};
use flyball_schema::Timestamp;
use std::collections::VecDeque;
use std::time::Duration;

/// One alarm: what it has done, and how it stands.
#[derive(Debug, Clone, Default)]
pub(super) struct Record {
    /// Where it is; `None` before anything was told of it.
    pub(super) area: Option<AreaId>,
    /// Activations that were annunciated.
    pub(super) activations: u64,
    /// How often it began to chatter.
    pub(super) chatters: u64,
    /// How often it was fleeting.
    pub(super) fleeting: u64,
    /// The last activations before this one, newest first: as many as make it chatter together with it.
    recent: VecDeque<Timestamp>,
    chattering: bool,
    /// When the present occurrence began.
    standing: Option<Timestamp>,
    /// Whether the condition still holds.
    active: bool,
    annunciated: bool,
    acknowledged: bool,
    /// By [`Withholding`].
    withheld: [Option<Timestamp>; 3],
}

impl Record {
    /// It stood so before the range.
    pub(super) fn stood(&mut self, standing: &Standing) {
        self.standing = Some(standing.since);
        (self.active, self.acknowledged) = (standing.active, standing.acknowledged);
        self.annunciated = true;
    }

    /// An occurrence begins.
    pub(super) fn activated(&mut self, at: Timestamp, annunciated: bool, thresholds: &Thresholds) {
        (self.standing, self.active, self.acknowledged) = (Some(at), true, false);
        self.annunciated = annunciated;
        if !annunciated {
            return;
        }
        self.activations += 1;
        let first_of_three = self.recent.get(CHATTER - 2);
        let chatters = first_of_three.is_some_and(|&first| at.since(first) <= thresholds.chattering);
        self.chatters += u64::from(chatters && !self.chattering);
        self.chattering = chatters;
        self.recent.truncate(CHATTER - 2);
        self.recent.push_front(at);
    }

    /// The condition became false.
    pub(super) fn returned(&mut self, at: Timestamp, thresholds: &Thresholds) {
        if std::mem::take(&mut self.active) && self.annunciated {
            let short = self.standing.is_some_and(|since| at.since(since) <= thresholds.fleeting);
            self.fleeting += u64::from(short);
        }
    }

    /// Somebody acknowledged; how long after the activation, where people were told of it and it is the first time.
    pub(super) fn acknowledged(&mut self, at: Timestamp) -> Option<Duration> {
        let first = !std::mem::replace(&mut self.acknowledged, true);
        self.standing.filter(|_| first && self.annunciated).map(|since| at.since(since))
    }

    /// It is normal again.
    pub(super) fn cleared(&mut self) {
        self.standing = None;
        self.active = false;
    }

    pub(super) fn withheld(&mut self, by: Withholding, at: Timestamp) {
        self.withheld[by as usize].get_or_insert(at);
    }

    pub(super) fn released(&mut self, by: Withholding) {
        self.withheld[by as usize] = None;
        // What stands is told of now.
        self.annunciated |= !self.is_withheld();
    }

    /// Whether nobody is told of it.
    pub(super) fn is_withheld(&self) -> bool {
        self.withheld.iter().any(Option::is_some)
    }

    /// Since when it stands, where people are told of it.
    pub(super) fn standing(&self) -> Option<Timestamp> {
        self.standing.filter(|_| self.annunciated && !self.is_withheld())
    }

    /// Whether it waits for an acknowledgement.
    pub(super) fn waits(&self) -> bool {
        self.standing().is_some() && !self.acknowledged
    }

    /// Why it is withheld, and since when.
    pub(super) fn withholdings(&self) -> impl Iterator<Item = (Withholding, Timestamp)> {
        Withholding::ALL.into_iter().zip(self.withheld).filter_map(|(by, since)| since.map(|since| (by, since)))
    }
}

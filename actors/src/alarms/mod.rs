//! Alarms by ISA-18.2 / IEC 62682. **Manager.**
//!
//! The logic is pure: a condition with dead-band, a transition table, time as an argument. `AlarmManager` keeps the
//! registry, feeds it the changes of the table, journals every transition and announces it. [`AlarmsLogger`] is the
//! engine that keeps journal and states in the database.

pub mod alarm;
pub mod analytics;
mod announce;
mod backlog;
mod chain;
pub mod condition;
pub mod flags;
mod logger;
mod manager;
mod messages;
pub mod registry;
mod rows;
#[cfg(test)]
mod test_support;
pub mod transition;
mod waiters;

pub use backlog::Record;
pub use chain::BrokenJournal;
pub use flags::{Flags, OutOfService, Shelf};
pub use logger::AlarmsLogger;
pub use logger::verify_offline;
pub(crate) use logger::{end_standing, journal_missing_ends, load_memory_of};
pub use manager::AlarmManager;
pub use messages::{
    AcknowledgeAlarm, AlarmCommand, AlarmCounts, AlarmManagerStatus, AlarmsChanged, ChangeAlarms, CommandAlarm,
    CountAlarms, CreateAlarms, FlushAlarms, JournalEntry, JournalVerification, ListAlarms, ListTagUses,
    LoadAlarmMemory, Occurrence, ReadAlarm, ReadAlarmJournal, ReadAlarmManagerStatus, ReadOccurrences, RenameTags,
    StoreTransitions, SubscribeAlarms, TagUse, VerifyAlarmJournal,
};
pub use registry::ShelfLimits;
pub(crate) use transition::AlarmEvent;

use flyball_schema::definition::{AlarmDefinition, Fault};
use flyball_schema::{AlarmId, Quality, TagId, Timestamp, Value};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// State of an alarm (ISA-18.2 clause 6.2.4; figure 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum AlarmState {
    /// Normal: process normal, alarm inactive.
    #[default]
    Norm,
    /// Process abnormal, alarm active, not acknowledged.
    Unack,
    /// Process abnormal, alarm active, acknowledged.
    Acked,
    /// Process back to normal, alarm inactive, not acknowledged.
    Rtnun,
    /// Process back to normal, the alarm latched, not acknowledged.
    Ltunk,
    /// Process back to normal, the alarm latched and acknowledged: it needs a reset.
    Ltack,
    /// Put aside by an operator.
    Shlvd,
    /// Suppressed by design.
    Dsupr,
    /// Out of service.
    Oosrv,
}

impl AlarmState {
    /// The mnemonic of the standard.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Norm => "NORM",
            Self::Unack => "UNACK",
            Self::Acked => "ACKED",
            Self::Rtnun => "RTNUN",
            Self::Ltunk => "LTUNK",
            Self::Ltack => "LTACK",
            Self::Shlvd => "SHLVD",
            Self::Dsupr => "DSUPR",
            Self::Oosrv => "OOSRV",
        }
    }

    /// Every state that can be shown.
    pub const ALL: [Self; 9] = [
        Self::Norm,
        Self::Unack,
        Self::Acked,
        Self::Rtnun,
        Self::Ltunk,
        Self::Ltack,
        Self::Shlvd,
        Self::Dsupr,
        Self::Oosrv,
    ];

    /// The state of a mnemonic.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether it is one beneath the flags: not shelved, suppressed or out of service.
    #[must_use]
    pub fn is_core(self) -> bool {
        !matches!(self, Self::Shlvd | Self::Dsupr | Self::Oosrv)
    }

    /// Whether somebody has to acknowledge.
    #[must_use]
    pub fn is_unacknowledged(self) -> bool {
        matches!(self, Self::Unack | Self::Rtnun | Self::Ltunk)
    }

    /// Whether the alarm is active.
    #[must_use]
    pub fn is_active(self) -> bool {
        matches!(self, Self::Unack | Self::Acked)
    }
}

/// An alarm with its definition and present state.
#[derive(Debug, Clone, PartialEq)]
pub struct AlarmStatus {
    /// Identity.
    pub id: AlarmId,
    /// What it is.
    pub definition: Arc<AlarmDefinition>,
    /// The tag it watches.
    pub tag: TagId,
    /// Unit of the tag.
    pub unit: Option<String>,
    /// State that is shown.
    pub state: AlarmState,
    /// State beneath the flags.
    pub core: AlarmState,
    /// The tag, or the set point, is bad or has no value: the state is held.
    pub quality_hold: bool,
    /// Whether the condition is true, past its delay.
    pub active: bool,
    /// Its set point now; none where a tag gives it and has no usable value.
    pub set_point: Option<Value>,
    /// What may be done now: `acknowledge`, `reset`, `shelve`, `unshelve`, `silence`, `comment`, `out_of_service`,
    /// `return_to_service`.
    pub allowed: Vec<&'static str>,
    /// Number of the present or last occurrence, from 1; 0 before the first.
    pub occurrence: u64,
    /// Value at the last transition.
    pub value: Option<Value>,
    /// When the present or last occurrence began (source time).
    pub raised_at: Option<Timestamp>,
    /// When the last transition happened.
    pub since: Option<Timestamp>,
    /// When this occurrence was acknowledged.
    pub acknowledged_at: Option<Timestamp>,
    /// Who acknowledged it.
    pub acknowledged_by: Option<String>,
    /// What is over its state.
    pub flags: Flags,
    /// A delay under way.
    pub pending: Option<Pending>,
    /// The horn is silenced.
    pub silenced: bool,
    /// The first of its group.
    pub first_out: bool,
    /// The value furthest beyond the set point in this occurrence.
    pub peak: Option<Value>,
}

/// A delay under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// Whether the alarm is to become active with it; else it is to return.
    pub activation: bool,
    /// When the condition changed (server time).
    pub since: Timestamp,
    /// When it changed (source time).
    pub source_time: Timestamp,
}

/// What the database keeps of an alarm's state, and gives back at start.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AlarmMemory {
    /// State beneath the flags.
    pub state: AlarmState,
    /// Number of the present or last occurrence.
    pub occurrence: u64,
    /// Value at the last transition.
    pub value: Option<Value>,
    /// When the occurrence began.
    pub raised_at: Option<Timestamp>,
    /// When the last transition happened.
    pub since: Option<Timestamp>,
    /// When it was acknowledged.
    pub acknowledged_at: Option<Timestamp>,
    /// Who acknowledged it.
    pub acknowledged_by: Option<String>,
    /// When the condition of the occurrence was last false again.
    pub returned_at: Option<Timestamp>,
    /// When the alarm was normal again, and the occurrence ended.
    pub cleared_at: Option<Timestamp>,
    /// What is over its state.
    pub flags: Flags,
    /// A delay under way.
    pub pending: Option<Pending>,
    /// The horn is silenced.
    pub silenced: bool,
    /// The first of its group.
    pub first_out: bool,
    /// The value furthest beyond the set point in this occurrence, as far as it is known.
    pub peak: Option<Value>,
}

impl AlarmMemory {
    /// The state that is shown.
    #[must_use]
    pub fn shown(&self) -> AlarmState {
        self.flags.over(self.state)
    }

    /// Comes to rest, with every flag and delay.
    fn end(&mut self, now: Timestamp) {
        if self.state != AlarmState::Norm {
            self.cleared_at = Some(now);
        }
        self.state = AlarmState::Norm;
        (self.flags, self.pending, self.silenced) = (Flags::default(), None, false);
    }
}

/// One row of the journal: a transition, never altered.
#[derive(Debug, Clone, PartialEq)]
pub struct AlarmTransition {
    /// The alarm.
    pub alarm: AlarmId,
    /// Number of the occurrence.
    pub occurrence: u64,
    /// State before: of what the process does that beneath the flags, else that shown.
    pub from: AlarmState,
    /// State after, likewise.
    pub to: AlarmState,
    /// What happened: the words of [`AlarmEvent`](transition::AlarmEvent).
    pub event: &'static str,
    /// Whether operators were told: no flag was over it.
    pub annunciated: bool,
    /// Value of the tag.
    pub value: Option<Value>,
    /// Quality of the tag.
    pub quality: Quality,
    /// When it happened (source time).
    pub occurred: Timestamp,
    /// When Flyball noticed (server time); rising with the rows of an alarm.
    pub recorded: Timestamp,
    /// Who did it: `system` or a person.
    pub actor: String,
    /// Comment given with it.
    pub reason: Option<String>,
}

/// Why the alarm manager could not do what was asked.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AlarmError {
    /// No alarm has this id.
    #[error("unknown alarm {0}")]
    UnknownAlarm(AlarmId),
    /// The id is taken.
    #[error("alarm id {0} is in use")]
    DuplicateId(AlarmId),
    /// The definition breaks a rule.
    #[error("alarm \"{alarm}\", {field}")]
    Invalid {
        /// The alarm.
        alarm: String,
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        #[source]
        fault: Fault,
    },
    /// Not allowed in this state.
    #[error("alarm {alarm} is {}: it cannot be {event}", .state.as_str())]
    WrongState {
        /// The alarm.
        alarm: AlarmId,
        /// Its state.
        state: AlarmState,
        /// What was asked.
        event: &'static str,
        /// What may be done.
        allowed: Vec<&'static str>,
    },
    /// It may not be shelved for so long.
    #[error("alarm \"{alarm}\" may be shelved for {} s at the most", .most.as_secs())]
    ShelvedTooLong {
        /// The alarm.
        alarm: String,
        /// The longest time.
        most: std::time::Duration,
    },
    /// A shelf, or a time out of service, has to say why.
    #[error("a reason is needed")]
    ReasonNeeded,
    /// The change could not be made durable; it stands in memory and is tried again.
    #[error("the alarm journal cannot be written: {0}")]
    NotDurable(String),
}

/// An alarm to be watched: its definition, the tag, and what the database remembers of it.
#[derive(Debug, Clone, PartialEq)]
pub struct NewAlarm {
    /// Identity, from the database.
    pub id: AlarmId,
    /// Definition, already held against the tag's type.
    pub definition: AlarmDefinition,
    /// The tag.
    pub tag: TagId,
    /// The tag whose value is compared with the set point: the tag itself, or what the plant makes of it.
    pub source: TagId,
    /// The tag whose value is the set point.
    pub set_point: Option<TagId>,
    /// The Boolean tag that tells whether it is suppressed by design.
    pub suppressed: Option<TagId>,
    /// Unit of the tag.
    pub unit: Option<String>,
    /// State from before a restart.
    pub memory: Option<AlarmMemory>,
}

//! The transition table of an alarm (ISA-18.2 clause 6.2.4, figure 2), as data. Pure.
//!
//! Shelving, suppression by design and out of service are flags over these states, see [`flags`](super::flags). What a change of
//! the configuration does is Flyball's own: it ends the occurrence, so that nothing stays on a list for ever.

use super::AlarmState;
use flyball_schema::definition::AlarmDefinition;
use std::fmt;

/// What can happen to an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AlarmEvent {
    /// The condition was true for the on-delay.
    Activated,
    /// The condition was false, past the dead-band, for the off-delay.
    Returned,
    /// An operator acknowledged.
    Acknowledged,
    /// It has stood acknowledged for the re-alarm time.
    ReAlarmed,
    /// It was given a higher priority while it stood acknowledged.
    Escalated,
    /// A latched alarm was reset.
    Reset,
    /// An operator put it aside for a time, or until it returns.
    Shelved,
    /// The time is up, or somebody took it from the shelf.
    Unshelved,
    /// Designed logic suppressed it.
    Suppressed,
    /// Designed logic suppresses it no longer.
    Unsuppressed,
    /// It was taken out of service.
    TakenOutOfService,
    /// It was put back into service.
    ReturnedToService,
    /// Its horn was silenced, without an acknowledgement.
    Silenced,
    /// Somebody said something about it.
    Commented,
    /// It was given another tag or type: what stood was about another condition.
    Reconfigured,
    /// It was removed.
    Removed,
}

impl AlarmEvent {
    /// Every event.
    pub const ALL: [Self; 16] = [
        Self::Activated,
        Self::Returned,
        Self::Acknowledged,
        Self::ReAlarmed,
        Self::Escalated,
        Self::Reset,
        Self::Shelved,
        Self::Unshelved,
        Self::Suppressed,
        Self::Unsuppressed,
        Self::TakenOutOfService,
        Self::ReturnedToService,
        Self::Silenced,
        Self::Commented,
        Self::Reconfigured,
        Self::Removed,
    ];

    /// The word in the journal.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Activated => "activated",
            Self::Returned => "returned",
            Self::Acknowledged => "acknowledged",
            Self::ReAlarmed => "re_alarmed",
            Self::Escalated => "escalated",
            Self::Reset => "reset",
            Self::Shelved => "shelved",
            Self::Unshelved => "unshelved",
            Self::Suppressed => "suppressed",
            Self::Unsuppressed => "unsuppressed",
            Self::TakenOutOfService => "out_of_service",
            Self::ReturnedToService => "returned_to_service",
            Self::Silenced => "silenced",
            Self::Commented => "commented",
            Self::Reconfigured => "reconfigured",
            Self::Removed => "removed",
        }
    }

    /// The event of a word in the journal.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.as_str() == text)
    }
}

impl fmt::Display for AlarmEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How an alarm behaves when its condition is false again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Manner {
    /// It stays on the list until it is acknowledged.
    Plain,
    /// It counts as acknowledged.
    AutoAcknowledge,
    /// It stays, acknowledged or not, until it is reset.
    Latching,
}

impl Manner {
    /// Every manner.
    pub const ALL: [Self; 3] = [Self::Plain, Self::AutoAcknowledge, Self::Latching];

    /// That of a definition.
    #[must_use]
    pub fn of(definition: &AlarmDefinition) -> Self {
        match (definition.latching, definition.auto_acknowledge) {
            (true, _) => Self::Latching,
            (false, true) => Self::AutoAcknowledge,
            (false, false) => Self::Plain,
        }
    }
}

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// State before.
    pub from: AlarmState,
    /// What happens.
    pub event: AlarmEvent,
    /// To alarms of which manner; of any where it is none.
    pub manner: Option<Manner>,
    /// State after.
    pub to: AlarmState,
    /// Whether a new occurrence begins.
    pub new_occurrence: bool,
}

/// The table. What is not in it does not happen.
pub const RULES: &[Rule] = &[
    begins(AlarmState::Norm, AlarmEvent::Activated, AlarmState::Unack),
    rule(AlarmState::Unack, AlarmEvent::Acknowledged, AlarmState::Acked),
    of(Manner::Plain, AlarmState::Unack, AlarmEvent::Returned, AlarmState::Rtnun),
    of(Manner::AutoAcknowledge, AlarmState::Unack, AlarmEvent::Returned, AlarmState::Norm),
    of(Manner::Latching, AlarmState::Unack, AlarmEvent::Returned, AlarmState::Ltunk),
    of(Manner::Plain, AlarmState::Acked, AlarmEvent::Returned, AlarmState::Norm),
    of(Manner::AutoAcknowledge, AlarmState::Acked, AlarmEvent::Returned, AlarmState::Norm),
    of(Manner::Latching, AlarmState::Acked, AlarmEvent::Returned, AlarmState::Ltack),
    rule(AlarmState::Acked, AlarmEvent::ReAlarmed, AlarmState::Unack),
    rule(AlarmState::Acked, AlarmEvent::Escalated, AlarmState::Unack),
    rule(AlarmState::Rtnun, AlarmEvent::Acknowledged, AlarmState::Norm),
    begins(AlarmState::Rtnun, AlarmEvent::Activated, AlarmState::Unack),
    rule(AlarmState::Ltunk, AlarmEvent::Acknowledged, AlarmState::Ltack),
    rule(AlarmState::Ltack, AlarmEvent::Reset, AlarmState::Norm),
    // The latch has held the occurrence: it goes on.
    rule(AlarmState::Ltunk, AlarmEvent::Activated, AlarmState::Unack),
    rule(AlarmState::Ltack, AlarmEvent::Activated, AlarmState::Unack),
    rule(AlarmState::Unack, AlarmEvent::Reconfigured, AlarmState::Norm),
    rule(AlarmState::Acked, AlarmEvent::Reconfigured, AlarmState::Norm),
    rule(AlarmState::Rtnun, AlarmEvent::Reconfigured, AlarmState::Norm),
    rule(AlarmState::Ltunk, AlarmEvent::Reconfigured, AlarmState::Norm),
    rule(AlarmState::Ltack, AlarmEvent::Reconfigured, AlarmState::Norm),
    rule(AlarmState::Unack, AlarmEvent::Removed, AlarmState::Norm),
    rule(AlarmState::Acked, AlarmEvent::Removed, AlarmState::Norm),
    rule(AlarmState::Rtnun, AlarmEvent::Removed, AlarmState::Norm),
    rule(AlarmState::Ltunk, AlarmEvent::Removed, AlarmState::Norm),
    rule(AlarmState::Ltack, AlarmEvent::Removed, AlarmState::Norm),
];

const fn rule(from: AlarmState, event: AlarmEvent, to: AlarmState) -> Rule {
    Rule { from, event, manner: None, to, new_occurrence: false }
}

const fn begins(from: AlarmState, event: AlarmEvent, to: AlarmState) -> Rule {
    Rule { from, event, manner: None, to, new_occurrence: true }
}

const fn of(manner: Manner, from: AlarmState, event: AlarmEvent, to: AlarmState) -> Rule {
    Rule { from, event, manner: Some(manner), to, new_occurrence: false }
}

/// An event that does not happen in a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an alarm that is {} cannot be {event}", .state.as_str())]
pub struct Refused {
    /// The state.
    pub state: AlarmState,
    /// The event.
    pub event: AlarmEvent,
}

/// The rule for an event in a state.
///
/// # Errors
/// [`Refused`] where the table has none: for a condition that it is already so, for a command that it is not allowed.
pub fn dispatch(state: AlarmState, event: AlarmEvent, manner: Manner) -> Result<&'static Rule, Refused> {
    let fits =
        |rule: &&Rule| rule.from == state && rule.event == event && rule.manner.is_none_or(|wanted| wanted == manner);
    RULES.iter().find(fits).ok_or(Refused { state, event })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CORE: [AlarmState; 6] = [
        AlarmState::Norm,
        AlarmState::Unack,
        AlarmState::Acked,
        AlarmState::Rtnun,
        AlarmState::Ltunk,
        AlarmState::Ltack,
    ];

    #[test]
    fn a_state_has_one_rule_for_an_event_at_the_most() {
        for manner in Manner::ALL {
            for (state, event) in CORE.into_iter().flat_map(|state| AlarmEvent::ALL.map(|event| (state, event))) {
                let fits = |rule: &&Rule| {
                    rule.from == state && rule.event == event && rule.manner.is_none_or(|wanted| wanted == manner)
                };
                assert!(RULES.iter().filter(fits).count() <= 1, "{state:?} {event} {manner:?}");
            }
        }
        assert!(RULES.iter().all(|rule| CORE.contains(&rule.from) && CORE.contains(&rule.to)), "flags are no states");
    }

    #[test]
    fn an_acknowledge_is_allowed_exactly_where_something_is_unacknowledged() {
        for state in CORE {
            let allowed = dispatch(state, AlarmEvent::Acknowledged, Manner::Plain).is_ok();
            assert_eq!(allowed, state.is_unacknowledged(), "{state:?}");
        }
    }

    #[test]
    fn a_change_of_the_configuration_ends_whatever_stands_and_nothing_else() {
        for event in [AlarmEvent::Reconfigured, AlarmEvent::Removed] {
            for state in CORE.into_iter().skip(1) {
                let rule = dispatch(state, event, Manner::Plain).unwrap();
                assert_eq!((rule.to, rule.new_occurrence), (AlarmState::Norm, false), "{state:?} {event}");
            }
            assert!(dispatch(AlarmState::Norm, event, Manner::Plain).is_err());
        }
    }

    #[test]
    fn a_refusal_says_the_state_and_the_event() {
        let refused = dispatch(AlarmState::Acked, AlarmEvent::Acknowledged, Manner::Plain).unwrap_err();
        assert_eq!(refused.to_string(), "an alarm that is ACKED cannot be acknowledged");
        assert!(AlarmEvent::ALL.into_iter().all(|event| AlarmEvent::parse(event.as_str()) == Some(event)));
    }
}

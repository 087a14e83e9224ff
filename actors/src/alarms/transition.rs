//! The transition table of an alarm (ISA-18.2 clause 6.2.4, figure 2), as data. Pure.
//!
//! The figure knows alarms that stay as they are. What a change of the configuration does is Flyball's own: it ends the
//! occurrence, so that nothing stays on a list for ever.

use super::AlarmState;
use std::fmt;

/// What can happen to an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AlarmEvent {
    /// The condition became true.
    Activated,
    /// The condition became false, past the dead-band.
    Returned,
    /// An operator acknowledged.
    Acknowledged,
    /// The alarm was given another tag or type: what stood was about another condition.
    Reconfigured,
    /// The alarm was removed.
    Removed,
}

impl AlarmEvent {
    /// Every event.
    pub const ALL: [Self; 5] = [Self::Activated, Self::Returned, Self::Acknowledged, Self::Reconfigured, Self::Removed];

    /// The word in the journal.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Activated => "activated",
            Self::Returned => "returned",
            Self::Acknowledged => "acknowledged",
            Self::Reconfigured => "reconfigured",
            Self::Removed => "removed",
        }
    }

    /// The event of a word in the journal.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.as_str() == text)
    }

    /// The command by which a person brings it about; `None` for what the process or a change of the configuration does.
    #[must_use]
    pub fn command(self) -> Option<&'static str> {
        match self {
            Self::Acknowledged => Some("acknowledge"),
            Self::Activated | Self::Returned | Self::Reconfigured | Self::Removed => None,
        }
    }
}

impl fmt::Display for AlarmEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// State before.
    pub from: AlarmState,
    /// What happens.
    pub event: AlarmEvent,
    /// State after.
    pub to: AlarmState,
    /// Whether a new occurrence begins.
    pub new_occurrence: bool,
}

/// The table. What is not in it does not happen.
pub const RULES: [Rule; 12] = [
    rule(AlarmState::Norm, AlarmEvent::Activated, AlarmState::Unack, true),
    rule(AlarmState::Unack, AlarmEvent::Acknowledged, AlarmState::Acked, false),
    rule(AlarmState::Unack, AlarmEvent::Returned, AlarmState::Rtnun, false),
    rule(AlarmState::Acked, AlarmEvent::Returned, AlarmState::Norm, false),
    rule(AlarmState::Rtnun, AlarmEvent::Acknowledged, AlarmState::Norm, false),
    rule(AlarmState::Rtnun, AlarmEvent::Activated, AlarmState::Unack, true),
    rule(AlarmState::Unack, AlarmEvent::Reconfigured, AlarmState::Norm, false),
    rule(AlarmState::Acked, AlarmEvent::Reconfigured, AlarmState::Norm, false),
    rule(AlarmState::Rtnun, AlarmEvent::Reconfigured, AlarmState::Norm, false),
    rule(AlarmState::Unack, AlarmEvent::Removed, AlarmState::Norm, false),
    rule(AlarmState::Acked, AlarmEvent::Removed, AlarmState::Norm, false),
    rule(AlarmState::Rtnun, AlarmEvent::Removed, AlarmState::Norm, false),
];

const fn rule(from: AlarmState, event: AlarmEvent, to: AlarmState, new_occurrence: bool) -> Rule {
    Rule { from, event, to, new_occurrence }
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
pub fn dispatch(state: AlarmState, event: AlarmEvent) -> Result<&'static Rule, Refused> {
    RULES.iter().find(|rule| rule.from == state && rule.event == event).ok_or(Refused { state, event })
}

/// The commands that are allowed in a state, as the API names them.
pub fn allowed(state: AlarmState) -> impl Iterator<Item = &'static str> {
    RULES.iter().filter(move |rule| rule.from == state).filter_map(|rule| rule.event.command())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acknowledge_is_allowed_exactly_where_something_is_unacknowledged() {
        for (state, expected) in [
            (AlarmState::Norm, &[][..]),
            (AlarmState::Unack, &["acknowledge"][..]),
            (AlarmState::Acked, &[][..]),
            (AlarmState::Rtnun, &["acknowledge"][..]),
        ] {
            assert_eq!(allowed(state).collect::<Vec<_>>(), expected, "{state:?}");
        }
    }

    #[test]
    fn a_state_has_one_rule_for_an_event_at_the_most() {
        for (index, rule) in RULES.iter().enumerate() {
            let twin = RULES[index + 1..].iter().find(|other| (other.from, other.event) == (rule.from, rule.event));
            assert_eq!(twin, None);
        }
    }

    #[test]
    fn a_change_of_the_configuration_ends_whatever_stands_and_nothing_else() {
        for event in [AlarmEvent::Reconfigured, AlarmEvent::Removed] {
            for state in [AlarmState::Unack, AlarmState::Acked, AlarmState::Rtnun] {
                let rule = dispatch(state, event).unwrap();
                assert_eq!((rule.to, rule.new_occurrence), (AlarmState::Norm, false), "{state:?} {event}");
            }
            assert!(dispatch(AlarmState::Norm, event).is_err());
            assert_eq!(event.command(), None, "nobody can ask for it");
        }
    }

    #[test]
    fn a_refusal_says_the_state_and_the_event() {
        let refused = dispatch(AlarmState::Acked, AlarmEvent::Acknowledged).unwrap_err();
        assert_eq!(refused.to_string(), "an alarm that is ACKED cannot be acknowledged");
        assert!(AlarmEvent::ALL.into_iter().all(|event| AlarmEvent::parse(event.as_str()) == Some(event)));
    }
}

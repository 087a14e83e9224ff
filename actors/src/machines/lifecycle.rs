//! The life cycle of every machine: one table drives dispatch, what the API allows, and the diagram.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::fmt::Write as _;

/// State of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MachineState {
    /// Being made ready; left at once.
    Start,
    /// Waits until every required input is usable and every buffer is full.
    Wait,
    /// Steps at its interval and drives its outputs.
    Run,
    /// Forgets what it remembers; left at once.
    Reset,
    /// Begins to wait again with what it remembers; left at once.
    Restart,
    /// Steps and writes its own tags, while what it drives stays at the safe values.
    Test,
    /// Does not step; outputs are at their safe values.
    Sleep,
    /// A step failed or panicked: does not step, outputs are at their safe values, until it is reset.
    Fault,
}

impl MachineState {
    /// Every state, in the order of the diagram.
    pub const ALL: [Self; 8] =
        [Self::Start, Self::Wait, Self::Run, Self::Reset, Self::Restart, Self::Test, Self::Sleep, Self::Fault];

    /// The word used on the wire, in the database and in the machine's state tag.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Wait => "wait",
            Self::Run => "run",
            Self::Reset => "reset",
            Self::Restart => "restart",
            Self::Test => "test",
            Self::Sleep => "sleep",
            Self::Fault => "fault",
        }
    }

    /// Whether the machine steps.
    #[must_use]
    pub fn steps(self) -> bool {
        matches!(self, Self::Run | Self::Test)
    }
}

impl fmt::Display for MachineState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What moves a machine from one state to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transition {
    /// The machine is ready to wait for its inputs.
    Initialise,
    /// Every required input is usable.
    Run,
    /// Forget, and begin anew.
    Reset,
    /// Begin to wait again.
    Restart,
    /// Step without driving anything.
    Test,
    /// Stop stepping.
    Sleep,
    /// What `reset` or `restart` had to do is done.
    Finish,
    /// A step failed or panicked.
    Fail,
}

impl Transition {
    /// The transitions that people and programs may ask for.
    pub const COMMANDS: [Self; 4] = [Self::Reset, Self::Restart, Self::Test, Self::Sleep];

    /// The word used on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Initialise => "initialise",
            Self::Run => "run",
            Self::Reset => "reset",
            Self::Restart => "restart",
            Self::Test => "test",
            Self::Sleep => "sleep",
            Self::Finish => "finish",
            Self::Fail => "fail",
        }
    }

    /// The command of a word; `None` for an unknown word and for what only the system does.
    #[must_use]
    pub fn parse_command(word: &str) -> Option<Self> {
        Self::COMMANDS.into_iter().find(|command| command.as_str() == word)
    }

    /// Whether people and programs may ask for it.
    #[must_use]
    pub fn is_command(self) -> bool {
        Self::COMMANDS.contains(&self)
    }
}

impl fmt::Display for Transition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

use MachineState as S;
use Transition as T;

/// Every transition there is: from, what happens, to.
pub const TABLE: &[(MachineState, Transition, MachineState)] = &[
    (S::Start, T::Initialise, S::Wait),
    (S::Wait, T::Run, S::Run),
    (S::Wait, T::Reset, S::Reset),
    (S::Wait, T::Restart, S::Restart),
    (S::Wait, T::Test, S::Test),
    (S::Wait, T::Sleep, S::Sleep),
    (S::Run, T::Reset, S::Reset),
    (S::Run, T::Restart, S::Restart),
    (S::Run, T::Test, S::Test),
    (S::Run, T::Sleep, S::Sleep),
    (S::Test, T::Reset, S::Reset),
    (S::Test, T::Restart, S::Restart),
    (S::Sleep, T::Reset, S::Reset),
    (S::Sleep, T::Restart, S::Restart),
    (S::Reset, T::Finish, S::Start),
    (S::Restart, T::Finish, S::Wait),
    (S::Start, T::Fail, S::Fault),
    (S::Wait, T::Fail, S::Fault),
    (S::Run, T::Fail, S::Fault),
    (S::Reset, T::Fail, S::Fault),
    (S::Restart, T::Fail, S::Fault),
    (S::Test, T::Fail, S::Fault),
    (S::Sleep, T::Fail, S::Fault),
    (S::Fault, T::Reset, S::Reset),
];

/// A transition that is not in the table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{transition} is not allowed in state {state}; allowed: {}", words(.allowed))]
pub struct WrongState {
    /// The state the machine is in.
    pub state: MachineState,
    /// What was asked.
    pub transition: Transition,
    /// What may be asked in this state.
    pub allowed: Vec<Transition>,
}

fn words(allowed: &[Transition]) -> String {
    match allowed {
        [] => "nothing".to_owned(),
        _ => allowed.iter().map(|transition| transition.as_str()).collect::<Vec<_>>().join(", "),
    }
}

/// The state that follows.
///
/// # Errors
/// [`WrongState`] where the table has no such row.
pub fn next(state: MachineState, transition: Transition) -> Result<MachineState, WrongState> {
    TABLE
        .iter()
        .find(|(from, what, _)| *from == state && *what == transition)
        .map(|(_, _, to)| *to)
        .ok_or_else(|| WrongState { state, transition, allowed: allowed(state) })
}

/// What people and programs may ask for in a state, in the order of the table.
#[must_use]
pub fn allowed(state: MachineState) -> Vec<Transition> {
    TABLE.iter().filter(|(from, what, _)| *from == state && what.is_command()).map(|(_, what, _)| *what).collect()
}

/// The table as a Mermaid state diagram.
#[must_use]
pub fn mermaid() -> String {
    let mut diagram = String::from("stateDiagram-v2\n    [*] --> start\n");
    for (from, what, to) in TABLE {
        // Writing to a string cannot fail.
        let _ = writeln!(diagram, "    {from} --> {to}: {what}");
    }
    diagram
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rules of the domain, one row each, written down apart from the table.
    const RULES: &str = "start→wait wait→run run→reset run→restart wait→reset wait→restart reset→start restart→wait \
        run→test wait→test run→sleep wait→sleep test→restart test→reset sleep→restart sleep→reset fault→reset \
        start→fault wait→fault run→fault reset→fault restart→fault test→fault sleep→fault";

    #[test]
    fn the_table_is_the_life_cycle_row_by_row() {
        let mut expected: Vec<&str> = RULES.split_whitespace().collect();
        let mut rows: Vec<String> = TABLE.iter().map(|(from, _, to)| format!("{from}→{to}")).collect();
        expected.sort_unstable();
        rows.sort_unstable();
        assert_eq!(rows, expected);
    }

    #[test]
    fn each_row_leads_where_it_says_and_everything_else_is_refused() {
        let all = [T::Initialise, T::Run, T::Reset, T::Restart, T::Test, T::Sleep, T::Finish, T::Fail];
        for state in MachineState::ALL {
            for transition in all {
                let row = TABLE.iter().find(|(from, what, _)| (*from, *what) == (state, transition));
                match (next(state, transition), row) {
                    (Ok(to), Some(row)) => assert_eq!(to, row.2),
                    (Err(refused), None) => assert_eq!(refused.allowed, allowed(state)),
                    (got, row) => panic!("{state} {transition}: {got:?} against {row:?}"),
                }
            }
        }
    }

    #[test]
    fn a_refusal_lists_what_is_allowed() {
        let refused = next(S::Fault, T::Sleep).unwrap_err();
        assert_eq!(refused.to_string(), "sleep is not allowed in state fault; allowed: reset");
        assert_eq!(next(S::Start, T::Sleep).unwrap_err().allowed, []);
    }

    #[test]
    fn only_commands_can_be_asked_for_by_word() {
        assert_eq!(Transition::parse_command("sleep"), Some(T::Sleep));
        assert_eq!(Transition::parse_command("fail"), None);
        assert_eq!(Transition::parse_command("run"), None);
    }

    #[test]
    fn the_diagram_has_a_line_per_row() {
        let diagram = mermaid();
        assert_eq!(diagram.lines().count(), TABLE.len() + 2);
        assert!(diagram.contains("    fault --> reset: reset\n"));
    }
}

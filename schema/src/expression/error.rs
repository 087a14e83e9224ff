//! What can be wrong with an expression, and where.

use super::ValueType;
use crate::DataType;
use std::time::Duration;

/// Why a text is not a usable expression. Every position is a column: characters from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExpressionError {
    /// The text is not of the grammar.
    #[error("column {position}: expected {expected}, found {found}")]
    Syntax {
        /// Where.
        position: usize,
        /// What would be right there.
        expected: String,
        /// What stands there, in quotes, or `the end`.
        found: String,
    },
    /// No such function.
    #[error("column {position}: unknown function \"{name}\"; there are {}", .known.join(", "))]
    UnknownFunction {
        /// Where.
        position: usize,
        /// The name.
        name: String,
        /// The functions there are.
        known: Vec<&'static str>,
    },
    /// A function was given too few or too many arguments.
    #[error("column {position}: expected {usage}, found {found} argument{}", if *.found == 1 { "" } else { "s" })]
    WrongArguments {
        /// Where the function's name stands.
        position: usize,
        /// The function.
        function: &'static str,
        /// How it is called.
        usage: &'static str,
        /// Number of arguments given.
        found: usize,
    },
    /// An operand or argument is of a type that does not belong there.
    #[error("column {position}: expected {expected}, found {found}")]
    WrongType {
        /// Where the operand stands.
        position: usize,
        /// The type that would be right.
        expected: ValueType,
        /// Its type.
        found: ValueType,
    },
    /// The result cannot be held by the tag.
    #[error("column {position}: the result is {found}, but the tag is of type {expected}")]
    WrongResult {
        /// Where the outermost operator or function stands.
        position: usize,
        /// Type of the tag.
        expected: DataType,
        /// Type of the result.
        found: ValueType,
    },
    /// No tag has this name.
    #[error("column {position}: there is no tag \"{tag}\"")]
    UnknownTag {
        /// Where.
        position: usize,
        /// The name.
        tag: String,
    },
    /// A window or time base that is too short or too long.
    #[error("column {position}: expected a duration of 10ms to 7d, found {}", super::lexer::duration_text(*.found))]
    WrongDuration {
        /// Where.
        position: usize,
        /// The duration given.
        found: Duration,
    },
    /// More characters than allowed.
    #[error("column {}: an expression has at most {limit} characters", .limit + 1)]
    TooLong {
        /// Most characters.
        limit: usize,
    },
    /// More operators, functions, tags and constants than allowed.
    #[error("column {position}: an expression has at most {limit} operators, functions, tags and constants")]
    TooManyNodes {
        /// Where the first too many stands.
        position: usize,
        /// Most of them.
        limit: usize,
    },
    /// Parentheses, functions and signs nested deeper than allowed.
    #[error("column {position}: an expression nests at most {limit} deep")]
    TooDeep {
        /// Where it becomes too deep.
        position: usize,
        /// Deepest nesting.
        limit: usize,
    },
}

impl ExpressionError {
    /// Column of the fault, characters from 1.
    #[must_use]
    pub fn position(&self) -> usize {
        match self {
            Self::Syntax { position, .. }
            | Self::UnknownFunction { position, .. }
            | Self::WrongArguments { position, .. }
            | Self::WrongType { position, .. }
            | Self::WrongResult { position, .. }
            | Self::UnknownTag { position, .. }
            | Self::WrongDuration { position, .. }
            | Self::TooManyNodes { position, .. }
            | Self::TooDeep { position, .. } => *position,
            Self::TooLong { limit } => limit + 1,
        }
    }

    pub(super) fn syntax(position: usize, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::Syntax { position, expected: expected.into(), found: found.into() }
    }
}

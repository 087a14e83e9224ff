//! The expression language of derived tags.
//!
//! `(tank1.level + {unit1/TI-101}) / 2 > 3 and not good(pump)`: parsed by [`Expression::parse`] into nodes in
//! postfix order, checked by [`Expression::check`], and ordered among others by [`order()`]. What it calculates is the
//! evaluator's part.
//!
//! # Language
//! * **Constants**: `1`, `1.5`, `1e-3`, `true`, `false`, text in quotation marks with `\"` and `\\`.
//! * **Durations**: whole numbers of `ms`, `s`, `min`, `h`, `d`, as `60s`; only as window or time base, 10 ms to 7 d.
//! * **Tags**: `tank1.level` (ASCII letters, digits, `_`, parts joined by `.`), or any name in braces with `}` doubled:
//!   `{unit1/TI-101}`. A bare name before `(` is a function.
//! * **Operators**, loosest first: `or` `||`; `and` `&&`; `not` `!`; `<` `<=` `>` `>=` `==` `!=` (they do not chain);
//!   `+` `-`; `*` `/` `%`; unary `-`; `^` (from the right, `-2^2` is −4, `2^-1` is 0.5).
//! * **Functions**: `if(c, a, b)`, `min(a, b, …)`, `max(a, b, …)`, `abs`, `sqrt`, `exp`, `ln`, `log10`, `floor`,
//!   `ceil`, `round`, `clamp(x, low, high)`, `good(tag)`, `uncertain(tag)`, `bad(tag)`; over a window `avg(x, 60s)`,
//!   `min(x, 60s)`, `max(x, 60s)`, `sum(x, 60s)`, `rate(x, 60s)`; `total(x, 1h)`, `total(x, 1h, reset)`, `hours(c)`,
//!   `hours(c, reset)`.
//! * **Types**: number (float and integer tags), Boolean, text (only `==`, `!=`, `if`). None becomes another by itself.
//!
//! Every expression is bounded: [`MAX_LENGTH`], [`MAX_NODES`], [`MAX_NESTING`]; there are no loops and no calls.

mod error;
mod functions;
mod lexer;
mod order;
mod parser;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
mod types;

pub use error::ExpressionError;
pub use order::{Cycle, order};
pub use types::{ValueType, fits};

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::time::Duration;

/// Most characters of an expression.
pub const MAX_LENGTH: usize = 4_000;
/// Most operators, functions, tags and constants of an expression.
pub const MAX_NODES: usize = 1_000;
/// Deepest nesting of parentheses, function arguments, signs, `not` and exponents.
pub const MAX_NESTING: usize = 64;
/// Shortest window or time base.
pub const MIN_DURATION: Duration = Duration::from_millis(10);
/// Longest window or time base: 7 d.
pub const MAX_DURATION: Duration = Duration::from_secs(7 * 24 * 3_600);

/// A node of an [`Expression`]: its place in [`Expression::nodes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(u16);

impl NodeId {
    /// Index into [`Expression::nodes`].
    #[must_use]
    pub fn index(self) -> usize {
        self.0.into()
    }
}

/// An operator or function with its operands, a tag or a constant.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Column of the operator, name or constant, characters from 1.
    pub position: usize,
    /// What it is.
    pub kind: NodeKind,
}

/// What a [`Node`] is.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeKind {
    /// A finite constant, not negative.
    Number(f64),
    /// `true` or `false`.
    Boolean(bool),
    /// A constant text.
    Text(Box<str>),
    /// The value of the tag of this name.
    Tag(Box<str>),
    /// `-x`.
    Negate(NodeId),
    /// `not c`.
    Not(NodeId),
    /// Operator between two operands.
    Binary(BinaryOperator, NodeId, NodeId),
    /// `if(condition, then, otherwise)`.
    If {
        /// Boolean.
        condition: NodeId,
        /// Result where `condition` is true.
        then: NodeId,
        /// Result where it is false, of the same type.
        otherwise: NodeId,
    },
    /// Function of numbers; as many operands as it takes.
    Call(Function, Vec<NodeId>),
    /// Whether the quality of the tag of this name has this severity.
    HasSeverity(crate::Severity, Box<str>),
    /// Function of a number over a window that ends now.
    Window(WindowFunction, NodeId, Duration),
    /// Integral of `rate` over time.
    Total {
        /// Number, per `base`.
        rate: NodeId,
        /// Time base of `rate`.
        base: Duration,
        /// Boolean that sets the sum to 0 while it is true.
        reset: Option<NodeId>,
    },
    /// Hours for which `condition` has been true.
    Hours {
        /// Boolean.
        condition: NodeId,
        /// Boolean that sets the sum to 0 while it is true.
        reset: Option<NodeId>,
    },
}

/// An operator between two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BinaryOperator {
    /// `or`
    Or,
    /// `and`
    And,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `==`, of any one type
    Equal,
    /// `!=`, of any one type
    NotEqual,
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`: remainder with the sign of the dividend
    Remainder,
    /// `^`
    Power,
}

/// A function of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Function {
    /// Absolute value.
    Abs,
    /// Square root.
    Sqrt,
    /// e to the power of.
    Exp,
    /// Natural logarithm.
    Ln,
    /// Decimal logarithm.
    Log10,
    /// Next whole number below.
    Floor,
    /// Next whole number above.
    Ceil,
    /// Nearest whole number, halves away from 0.
    Round,
    /// Least of two or more.
    Min,
    /// Greatest of two or more.
    Max,
    /// `clamp(x, low, high)`: nearest to x that is neither below low nor above high.
    Clamp,
}

/// A function over a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WindowFunction {
    /// Mean, weighted by the time each value was held.
    Average,
    /// Least value held.
    Least,
    /// Greatest value held.
    Greatest,
    /// Sum of the samples.
    Sum,
    /// Change per second.
    Rate,
}

/// A tag in the text of an expression.
#[derive(Debug, Clone, PartialEq)]
struct Reference {
    name: Box<str>,
    /// Column, characters from 1.
    position: usize,
    /// Its bytes, braces included.
    span: Range<usize>,
}

/// A parsed expression: its text as it was typed, and its nodes.
///
/// [`Display`](fmt::Display) writes the text, so spacing and parentheses survive. Two are equal where their text is.
#[derive(Debug, Clone)]
pub struct Expression {
    text: Box<str>,
    nodes: Vec<Node>,
    references: Vec<Reference>,
}

impl Expression {
    /// Reads an expression. Takes time proportional to the text and never more stack than [`MAX_NESTING`] asks for.
    ///
    /// # Errors
    /// Every variant of [`ExpressionError`] but those of types and tags, which [`check`](Self::check) finds.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        let (nodes, references) = parser::parse(text)?;
        Ok(Self { text: text.into(), nodes, references })
    }

    /// The nodes in postfix order: operands stand before their operator, in order, the outermost last; one or more.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The tags used, each once, in the order of the text, with the column (characters from 1) of the first use.
    pub fn tags(&self) -> impl Iterator<Item = (&str, usize)> {
        let mut seen = HashSet::new();
        let all = self.references.iter().map(|reference| (&*reference.name, reference.position));
        all.filter(move |(name, _)| seen.insert(*name))
    }

    /// The expression with the tag `from` replaced by `to`; see [`rename_tags`](Self::rename_tags).
    ///
    /// # Errors
    /// As [`rename_tags`](Self::rename_tags).
    pub fn rename_tag(&self, from: &str, to: &str) -> Result<Self, ExpressionError> {
        self.rename_tags(|name| (name == from).then_some(to))
    }

    /// The expression with each tag that `renamed` knows replaced by what it answers, all at once; the rest of the text
    /// stays as it was typed. Replaces where tags were renamed, so that the expression means the same as before.
    ///
    /// # Errors
    /// [`ExpressionError::TooLong`] where a new name makes it so, [`ExpressionError::Syntax`] where one is empty or has
    /// control characters.
    pub fn rename_tags<'a>(&self, renamed: impl Fn(&str) -> Option<&'a str>) -> Result<Self, ExpressionError> {
        let mut text = String::with_capacity(self.text.len());
        let mut copied = 0;
        for Reference { span, name, .. } in &self.references {
            let Some(to) = renamed(name) else { continue };
            text.push_str(&self.text[copied..span.start]);
            // Braces also part a name from its neighbours, as in `not{a}`, so they stay.
            if lexer::is_bare(to) && !self.text[span.clone()].starts_with('{') {
                text.push_str(to);
            } else {
                text.push_str(&lexer::braced(to));
            }
            copied = span.end;
        }
        text.push_str(&self.text[copied..]);
        Self::parse(&text)
    }
}

/// `name` as an expression has to write it: bare where it may be, else in braces.
#[must_use]
pub fn tag_text(name: &str) -> String {
    if lexer::is_bare(name) { name.to_owned() } else { lexer::braced(name) }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Expression {
    type Err = ExpressionError;

    fn from_str(text: &str) -> Result<Self, ExpressionError> {
        Self::parse(text)
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Expression {}

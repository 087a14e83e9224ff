//! The functions by name, and which arguments each takes.

use super::lexer::quoted;
use super::{ExpressionError, Function, MAX_DURATION, MIN_DURATION, NodeId, NodeKind, WindowFunction};
use crate::Severity;
use std::time::Duration;

/// An argument as it was parsed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Argument {
    Node(NodeId),
    Duration(Duration),
}

/// How a function is called.
#[derive(Debug)]
pub(super) struct Signature {
    pub(super) name: &'static str,
    pub(super) usage: &'static str,
    /// The ways to call it, a letter for each argument: `n` a node, `d` a duration, `t` a tag by itself;
    /// `+` repeats the letter before it.
    shapes: &'static [&'static str],
}

const fn signature(name: &'static str, usage: &'static str, shapes: &'static [&'static str]) -> Signature {
    Signature { name, usage, shapes }
}

/// Every function, by name.
const SIGNATURES: [Signature; 20] = [
    signature("abs", "abs(x)", &["n"]),
    signature("avg", "avg(x, 60s)", &["nd"]),
    signature("bad", "bad(tag)", &["t"]),
    signature("ceil", "ceil(x)", &["n"]),
    signature("clamp", "clamp(x, low, high)", &["nnn"]),
    signature("exp", "exp(x)", &["n"]),
    signature("floor", "floor(x)", &["n"]),
    signature("good", "good(tag)", &["t"]),
    signature("hours", "hours(condition) or hours(condition, reset)", &["n", "nn"]),
    signature("if", "if(condition, a, b)", &["nnn"]),
    signature("ln", "ln(x)", &["n"]),
    signature("log10", "log10(x)", &["n"]),
    signature("max", "max(a, b, …) or max(x, 60s)", &["nd", "nn+"]),
    signature("min", "min(a, b, …) or min(x, 60s)", &["nd", "nn+"]),
    signature("rate", "rate(x, 60s)", &["nd"]),
    signature("round", "round(x)", &["n"]),
    signature("sqrt", "sqrt(x)", &["n"]),
    signature("sum", "sum(x, 60s)", &["nd"]),
    signature("total", "total(x, 1h) or total(x, 1h, reset)", &["nd", "ndn"]),
    signature("uncertain", "uncertain(tag)", &["t"]),
];

/// The function of this name.
pub(super) fn find(name: &str, position: usize) -> Result<&'static Signature, ExpressionError> {
    let found = SIGNATURES.iter().find(|signature| signature.name == name);
    found.ok_or_else(|| ExpressionError::UnknownFunction {
        position,
        name: quoted(name).trim_matches('"').to_owned(),
        known: SIGNATURES.iter().map(|signature| signature.name).collect(),
    })
}

/// An argument with its column and its text.
pub(super) type Placed<'a> = (Argument, usize, &'a str);

impl Signature {
    /// The kind of argument a shape has at `index` of `count`; `None` where it takes another number of them.
    fn parameter(shape: &'static str, index: usize, count: usize) -> Option<u8> {
        let letters = shape.as_bytes();
        match letters {
            [fixed @ .., last, b'+'] if count > fixed.len() => Some(*fixed.get(index).unwrap_or(last)),
            [.., b'+'] => None,
            _ if count == letters.len() => letters.get(index).copied(),
            _ => None,
        }
    }

    /// Checks number and kinds of arguments.
    pub(super) fn check(&self, position: usize, arguments: &[Placed<'_>]) -> Result<(), ExpressionError> {
        let count = arguments.len();
        let mut fault =
            ExpressionError::WrongArguments { position, function: self.name, usage: self.usage, found: count };
        for shape in self.shapes {
            let wrong = arguments.iter().enumerate().find_map(|(index, argument)| {
                let parameter = Self::parameter(shape, index, count);
                let is_duration = matches!(argument.0, Argument::Duration(_));
                (parameter.is_none() || is_duration != (parameter == Some(b'd'))).then_some((parameter, argument))
            });
            match wrong {
                None if count > 0 => return Ok(()),
                Some((Some(parameter), (_, column, text))) => {
                    let expected = if parameter == b'd' { "a duration such as 60s" } else { "a number or a tag" };
                    fault = ExpressionError::syntax(*column, expected, quoted(text));
                }
                _ => {}
            }
        }
        Err(fault)
    }

    /// The node of a call whose arguments are [checked](Self::check); `None` for the functions of a tag by itself.
    pub(super) fn node(&self, arguments: &[Argument]) -> Option<NodeKind> {
        use Argument::{Duration as Span, Node};
        let window = |function, argument, width| Some(NodeKind::Window(function, argument, width));
        match (self.name, arguments) {
            ("if", &[Node(condition), Node(then), Node(otherwise)]) => {
                Some(NodeKind::If { condition, then, otherwise })
            }
            ("avg", &[Node(of), Span(width)]) => window(WindowFunction::Average, of, width),
            ("min", &[Node(of), Span(width)]) => window(WindowFunction::Least, of, width),
            ("max", &[Node(of), Span(width)]) => window(WindowFunction::Greatest, of, width),
            ("sum", &[Node(of), Span(width)]) => window(WindowFunction::Sum, of, width),
            ("rate", &[Node(of), Span(width)]) => window(WindowFunction::Rate, of, width),
            ("total", &[Node(rate), Span(base)]) => Some(NodeKind::Total { rate, base, reset: None }),
            ("total", &[Node(rate), Span(base), Node(reset)]) => {
                Some(NodeKind::Total { rate, base, reset: Some(reset) })
            }
            ("hours", &[Node(condition)]) => Some(NodeKind::Hours { condition, reset: None }),
            ("hours", &[Node(condition), Node(reset)]) => Some(NodeKind::Hours { condition, reset: Some(reset) }),
            (name, arguments) => {
                let node = |argument: &Argument| match argument {
                    Node(node) => Some(*node),
                    Span(_) => None,
                };
                Some(NodeKind::Call(numeric(name)?, arguments.iter().map(node).collect::<Option<_>>()?))
            }
        }
    }

    /// The severity a function of a tag by itself asks for.
    pub(super) fn severity(&self) -> Option<Severity> {
        match self.name {
            "good" => Some(Severity::Good),
            "uncertain" => Some(Severity::Uncertain),
            "bad" => Some(Severity::Bad),
            _ => None,
        }
    }
}

fn numeric(name: &str) -> Option<Function> {
    Some(match name {
        "abs" => Function::Abs,
        "sqrt" => Function::Sqrt,
        "exp" => Function::Exp,
        "ln" => Function::Ln,
        "log10" => Function::Log10,
        "floor" => Function::Floor,
        "ceil" => Function::Ceil,
        "round" => Function::Round,
        "min" => Function::Min,
        "max" => Function::Max,
        "clamp" => Function::Clamp,
        _ => return None,
    })
}

/// A duration within the bounds.
pub(super) fn check_duration(found: Duration, position: usize) -> Result<Duration, ExpressionError> {
    let allowed = (MIN_DURATION..=MAX_DURATION).contains(&found);
    if allowed { Ok(found) } else { Err(ExpressionError::WrongDuration { position, found }) }
}

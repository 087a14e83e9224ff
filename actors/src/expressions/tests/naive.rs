//! A second evaluator, as plain as can be: walks the tree, and calculates windows and sums anew from every evaluation
//! there has been.

use super::*;
use flyball_schema::Severity;
use flyball_schema::expression::{BinaryOperator, Function, NodeId, NodeKind, WindowFunction};

/// One evaluation: when, and what was read.
pub(super) type Moment = (i64, Plant);

/// Value and quality of a node; `None` where the quality is bad.
pub(super) type Found = (Option<Value>, Quality);

pub(super) struct Naive<'a> {
    pub(super) expression: &'a Expression,
    pub(super) history: &'a [Moment],
    known: HashMap<(NodeId, usize), Found>,
}

fn worst(qualities: &[Quality]) -> Quality {
    let severity = qualities.iter().map(|quality| quality.severity()).max().unwrap();
    let mut of_it = qualities.iter().filter(|quality| quality.severity() == severity);
    let first = *of_it.clone().next().unwrap();
    if severity == Severity::Good {
        return *of_it.find(|quality| **quality != Quality::GOOD).unwrap_or(&first);
    }
    first
}

fn finite(value: f64, quality: Quality) -> Found {
    if quality.is_bad() {
        (None, quality)
    } else if value.is_finite() {
        (Some(Value::Float(value)), quality)
    } else {
        (None, Quality::BAD_OUT_OF_RANGE)
    }
}

fn number(found: &Found) -> f64 {
    found.0.as_ref().and_then(Value::as_f64).unwrap()
}

fn truth(found: &Found) -> bool {
    found.0 == Some(Value::Boolean(true))
}

/// A value held from `start` until `end`.
struct Span {
    start: i64,
    end: i64,
    found: Found,
}

impl<'a> Naive<'a> {
    pub(super) fn new(expression: &'a Expression, history: &'a [Moment]) -> Self {
        Self { expression, history, known: HashMap::new() }
    }

    /// The result at a moment.
    pub(super) fn result(&mut self, moment: usize) -> Found {
        let nodes = self.expression.nodes();
        let kind = &nodes.last().unwrap().kind;
        self.calculate(kind, moment)
    }

    fn find(&mut self, node: NodeId, moment: usize) -> Found {
        if let Some(found) = self.known.get(&(node, moment)) {
            return found.clone();
        }
        let expression = self.expression;
        let found = self.calculate(&expression.nodes()[node.index()].kind, moment);
        self.known.insert((node, moment), found.clone());
        found
    }

    fn read(&self, name: &str, moment: usize) -> Found {
        let (tag, data_type) = find(name).unwrap();
        let (value, quality) = match self.history[moment].1.0.get(&tag) {
            None => return (None, Quality::BAD_CONFIGURATION_ERROR),
            Some((_, quality)) if quality.is_bad() => return (None, *quality),
            Some((None, _)) => return (None, Quality::BAD_NO_DATA),
            Some((Some(value), quality)) => (value.clone(), *quality),
        };
        match value {
            Value::Integer(value) if value.unsigned_abs() > 1 << 53 => (None, Quality::BAD_OUT_OF_RANGE),
            Value::Integer(value) => (Some(Value::Float(value as f64)), quality),
            value if value.data_type() == data_type => (Some(value), quality),
            _ => (None, Quality::BAD_TYPE_MISMATCH),
        }
    }

    fn calculate(&mut self, kind: &NodeKind, moment: usize) -> Found {
        match kind {
            NodeKind::Number(value) => (Some((*value).into()), Quality::GOOD),
            NodeKind::Boolean(value) => (Some((*value).into()), Quality::GOOD),
            NodeKind::Text(text) => (Some((&**text).into()), Quality::GOOD),
            NodeKind::Tag(name) => self.read(name, moment),
            NodeKind::HasSeverity(severity, name) => {
                let (_, id, _) = TAGS.iter().find(|(tag, ..)| *tag == &**name).unwrap();
                let quality = match self.history[moment].1.0.get(id) {
                    None | Some((None, _)) => Quality::BAD,
                    Some((_, quality)) => *quality,
                };
                (Some((quality.severity() == *severity).into()), Quality::GOOD)
            }
            NodeKind::If { condition, then, otherwise } => {
                let condition = self.find(*condition, moment);
                if condition.0.is_none() {
                    return condition;
                }
                let (value, quality) = self.find(if truth(&condition) { *then } else { *otherwise }, moment);
                (value, worst(&[condition.1, quality]))
            }
            NodeKind::Negate(operand) => self.plain(&[*operand], moment, |x| Value::Float(-number(&x[0]))),
            NodeKind::Not(operand) => self.plain(&[*operand], moment, |x| Value::Boolean(!truth(&x[0]))),
            NodeKind::Binary(operator, left, right) => {
                self.plain(&[*left, *right], moment, |x| binary(*operator, &x[0], &x[1]))
            }
            NodeKind::Call(function, operands) => self
                .plain(operands, moment, |x| Value::Float(call(*function, &x.iter().map(number).collect::<Vec<_>>()))),
            NodeKind::Window(function, operand, width) => {
                self.window(*function, *operand, i64::try_from(width.as_micros()).unwrap(), moment)
            }
            NodeKind::Total { rate, base, reset } => {
                let sum = self.sum(*rate, *reset, moment, |found, micros| number(found) * micros as f64);
                self.with_sum(*rate, *reset, moment, sum / (base.as_secs_f64() * 1e6))
            }
            NodeKind::Hours { condition, reset } => {
                let sum = self.sum(
                    *condition,
                    *reset,
                    moment,
                    |found, micros| {
                        if truth(found) { micros as f64 } else { 0.0 }
                    },
                );
                self.with_sum(*condition, *reset, moment, sum / 3.6e9)
            }
        }
    }

    fn plain(&mut self, operands: &[NodeId], moment: usize, of: impl FnOnce(&[Found]) -> Value) -> Found {
        let found: Vec<Found> = operands.iter().map(|operand| self.find(*operand, moment)).collect();
        let quality = worst(&found.iter().map(|(_, quality)| *quality).collect::<Vec<_>>());
        if quality.is_bad() {
            return (None, quality);
        }
        match of(&found) {
            Value::Float(value) => finite(value, quality),
            value => (Some(value), quality),
        }
    }

    /// Spans of one value and severity up to a moment, all of them.
    fn spans(&mut self, operand: NodeId, moment: usize) -> Vec<Span> {
        let mut spans: Vec<Span> = Vec::new();
        for each in 0..=moment {
            let now = self.history[each].0;
            let found = self.find(operand, each);
            let bits = |found: &Found| found.0.as_ref().and_then(Value::as_f64).map(f64::to_bits);
            if let Some(last) = spans.last_mut() {
                last.end = now;
                if bits(&last.found) == bits(&found) && last.found.1.is_good() == found.1.is_good() {
                    continue;
                }
            }
            spans.push(Span { start: now, end: now, found });
        }
        spans
    }

    fn window(&mut self, function: WindowFunction, operand: NodeId, width: i64, moment: usize) -> Found {
        let now = self.history[moment].0;
        let beginning = now - width;
        let present = self.find(operand, moment).1;
        let mut spans = self.spans(operand, moment);
        let open = spans.pop().unwrap();
        spans.retain(|span| span.end > beginning);
        spans.push(open);
        let all_good = spans.iter().all(|span| span.found.1.is_good());
        let quality = if all_good { present } else { Quality::UNCERTAIN_DATA_SUB_NORMAL };
        spans.retain(|span| span.found.0.is_some());
        let (Some(first), Some(last)) = (spans.first(), spans.last()) else { return (None, present) };
        let values = spans.iter().map(|span| number(&span.found));
        let value = match function {
            WindowFunction::Least => values.fold(f64::INFINITY, f64::min),
            WindowFunction::Greatest => values.fold(f64::NEG_INFINITY, f64::max),
            WindowFunction::Sum => spans
                .iter()
                .filter(|span| span.start > beginning)
                .map(|span| number(&span.found))
                .fold(0.0, |a, b| a + b),
            WindowFunction::Rate => {
                let (from, to) = (first.start.max(beginning), last.end);
                if from == to {
                    return (None, Quality::BAD_NO_DATA);
                }
                (number(&last.found) - number(&first.found)) / ((to - from) as f64 / 1e6)
            }
            WindowFunction::Average => {
                let time = |span: &Span| (span.end - span.start.max(beginning)) as f64;
                let total: f64 = spans.iter().map(time).sum();
                let integral: f64 = spans.iter().map(|span| number(&span.found) * time(span)).sum();
                let (low, high) = values
                    .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
                if total == 0.0 { number(&last.found) } else { (integral / total).clamp(low, high) }
            }
        };
        finite(value, quality)
    }

    /// What has come together since the last reset.
    fn sum(&mut self, of: NodeId, reset: Option<NodeId>, moment: usize, step: impl Fn(&Found, i64) -> f64) -> f64 {
        let mut sum = 0.0;
        for each in 0..=moment {
            if each > 0 {
                let held = self.find(of, each - 1);
                if held.0.is_some() {
                    sum += step(&held, self.history[each].0 - self.history[each - 1].0);
                }
            }
            if reset.is_some_and(|reset| truth(&self.find(reset, each))) {
                sum = 0.0;
            }
        }
        sum
    }

    fn with_sum(&mut self, of: NodeId, reset: Option<NodeId>, moment: usize, value: f64) -> Found {
        let reset = reset.map_or(Quality::GOOD, |reset| self.find(reset, moment).1);
        let quality = worst(&[self.find(of, moment).1, reset]);
        finite(value, if quality.is_bad() { Quality::UNCERTAIN_DATA_SUB_NORMAL } else { quality })
    }
}

fn binary(operator: BinaryOperator, left: &Found, right: &Found) -> Value {
    match operator {
        BinaryOperator::Or => (truth(left) || truth(right)).into(),
        BinaryOperator::And => (truth(left) && truth(right)).into(),
        BinaryOperator::Equal => (left.0 == right.0).into(),
        BinaryOperator::NotEqual => (left.0 != right.0).into(),
        BinaryOperator::Less => (number(left) < number(right)).into(),
        BinaryOperator::LessOrEqual => (number(left) <= number(right)).into(),
        BinaryOperator::Greater => (number(left) > number(right)).into(),
        BinaryOperator::GreaterOrEqual => (number(left) >= number(right)).into(),
        BinaryOperator::Add => (number(left) + number(right)).into(),
        BinaryOperator::Subtract => (number(left) - number(right)).into(),
        BinaryOperator::Multiply => (number(left) * number(right)).into(),
        BinaryOperator::Divide => (number(left) / number(right)).into(),
        BinaryOperator::Remainder => (number(left) % number(right)).into(),
        BinaryOperator::Power => number(left).powf(number(right)).into(),
    }
}

fn call(function: Function, x: &[f64]) -> f64 {
    match function {
        Function::Abs => x[0].abs(),
        Function::Sqrt => x[0].sqrt(),
        Function::Exp => x[0].exp(),
        Function::Ln => x[0].ln(),
        Function::Log10 => x[0].log10(),
        Function::Floor => x[0].floor(),
        Function::Ceil => x[0].ceil(),
        Function::Round => x[0].round(),
        Function::Min => x.iter().copied().fold(f64::INFINITY, f64::min),
        Function::Max => x.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        Function::Clamp if x[1] > x[2] => f64::NAN,
        Function::Clamp => x[0].clamp(x[1], x[2]),
    }
}

//! A compiled expression.

use super::machine::{Slot, Stack, Step};
use super::shape::shape;
use super::sums::{self, MemoryError, Sum};
use super::window::{self, Greatest, Least, Mean, Rate, Window};
use super::{Outcome, Reading};
use flyball_schema::expression::{
    BinaryOperator, Expression, ExpressionError, Function, NodeId, NodeKind, ValueType, WindowFunction,
};
use flyball_schema::{DataType, Quality, TagId, Text, Timestamp, Value};
use std::time::Duration;

/// The expression of one derived tag, compiled to steps without jumps or loops, with the state of its windows and sums.
#[derive(Debug, Clone)]
pub struct Program {
    steps: Box<[Step]>,
    texts: Box<[Text]>,
    inputs: Box<[TagId]>,
    windows: Vec<AnyWindow>,
    sums: Vec<Sum>,
    /// What the sums are of; none without them.
    shape: Option<Box<str>>,
    /// Empty between evaluations, with room for the deepest.
    stack: Stack,
    result: DataType,
    /// Time of the last evaluation, µs since the epoch.
    evaluated: Option<i64>,
}

#[derive(Debug, Clone)]
enum AnyWindow {
    Average(Window<Mean>),
    Least(Window<Least>),
    Greatest(Window<Greatest>),
    Sum(Window<window::Sum>),
    Rate(Window<Rate>),
}

impl AnyWindow {
    fn new(function: WindowFunction, width: Duration) -> Self {
        match function {
            WindowFunction::Average => Self::Average(Window::new(width)),
            WindowFunction::Least => Self::Least(Window::new(width)),
            WindowFunction::Greatest => Self::Greatest(Window::new(width)),
            WindowFunction::Sum => Self::Sum(Window::new(width)),
            WindowFunction::Rate => Self::Rate(Window::new(width)),
        }
    }

    fn advance(&mut self, now: i64, input: Slot) -> Slot {
        match self {
            Self::Average(window) => window.advance(now, input),
            Self::Least(window) => window.advance(now, input),
            Self::Greatest(window) => window.advance(now, input),
            Self::Sum(window) => window.advance(now, input),
            Self::Rate(window) => window.advance(now, input),
        }
    }
}

/// What is compiled so far.
#[derive(Default)]
struct Compiler {
    steps: Vec<Step>,
    texts: Vec<Text>,
    inputs: Vec<TagId>,
    windows: Vec<AnyWindow>,
    sums: Vec<Sum>,
}

/// The place of what is pushed next; an expression has at most [`MAX_NODES`](flyball_schema::expression::MAX_NODES).
fn next_index<T>(list: &[T]) -> u32 {
    u32::try_from(list.len()).unwrap_or(u32::MAX)
}

impl Compiler {
    fn input(&mut self, tag: TagId) {
        if !self.inputs.contains(&tag) {
            self.inputs.push(tag);
        }
    }

    fn read(&mut self, tag: TagId, value_type: ValueType) {
        self.input(tag);
        self.steps.push(match value_type {
            ValueType::Number => Step::ReadNumber(tag),
            ValueType::Boolean => Step::ReadBoolean(tag),
            ValueType::Text => Step::ReadText(tag),
        });
    }

    fn call(&mut self, function: Function, operands: &[NodeId]) {
        match function {
            // All operands are on the stack; each step leaves one less.
            Function::Min | Function::Max => {
                let step = if function == Function::Min { Step::Min } else { Step::Max };
                self.steps.extend(std::iter::repeat_n(step, operands.len().saturating_sub(1)));
            }
            Function::Clamp => self.steps.push(Step::Clamp),
            one => self.steps.push(Step::Apply(one)),
        }
    }

    fn window(&mut self, function: WindowFunction, width: Duration) {
        self.steps.push(Step::Window(next_index(&self.windows)));
        self.windows.push(AnyWindow::new(function, width));
    }

    fn sum(&mut self, sum: Sum, has_reset: bool) {
        self.steps.push(Step::Sum { sum: next_index(&self.sums), has_reset });
        self.sums.push(sum);
    }

    /// The steps of a node whose operands have been compiled.
    fn node(&mut self, kind: &NodeKind, operand_type: &dyn Fn(NodeId) -> ValueType) {
        match kind {
            NodeKind::Number(value) => self.steps.push(Step::Constant(*value)),
            NodeKind::Boolean(value) => self.steps.push(Step::Constant(f64::from(u8::from(*value)))),
            NodeKind::Text(text) => {
                self.steps.push(Step::ConstantText(next_index(&self.texts)));
                self.texts.push(Text::from(&**text));
            }
            NodeKind::Negate(_) => self.steps.push(Step::Negate),
            NodeKind::Not(_) => self.steps.push(Step::Not),
            NodeKind::Binary(operator, left, _) => {
                self.steps.push(binary(*operator, operand_type(*left) == ValueType::Text));
            }
            NodeKind::If { then, .. } => self.steps.push(match operand_type(*then) {
                ValueType::Text => Step::SelectText,
                ValueType::Number | ValueType::Boolean => Step::Select,
            }),
            NodeKind::Call(function, operands) => self.call(*function, operands),
            NodeKind::Window(function, _, width) => self.window(*function, *width),
            NodeKind::Total { base, reset, .. } => self.sum(Sum::total(*base), reset.is_some()),
            NodeKind::Hours { reset, .. } => self.sum(Sum::hours(), reset.is_some()),
            // Need the tag's id, see `Program::compile`.
            NodeKind::Tag(_) | NodeKind::HasSeverity(..) => {}
        }
    }
}

fn binary(operator: BinaryOperator, of_texts: bool) -> Step {
    match operator {
        BinaryOperator::Or => Step::Or,
        BinaryOperator::And => Step::And,
        BinaryOperator::Less => Step::Less,
        BinaryOperator::LessOrEqual => Step::LessOrEqual,
        BinaryOperator::Greater => Step::Greater,
        BinaryOperator::GreaterOrEqual => Step::GreaterOrEqual,
        BinaryOperator::Equal if of_texts => Step::EqualText,
        BinaryOperator::NotEqual if of_texts => Step::NotEqualText,
        BinaryOperator::Equal => Step::Equal,
        BinaryOperator::NotEqual => Step::NotEqual,
        BinaryOperator::Add => Step::Add,
        BinaryOperator::Subtract => Step::Subtract,
        BinaryOperator::Multiply => Step::Multiply,
        BinaryOperator::Divide => Step::Divide,
        BinaryOperator::Remainder => Step::Remainder,
        BinaryOperator::Power => Step::Power,
    }
}

impl Program {
    /// Compiles an expression for a derived tag of type `result`; `tag` finds a tag by its name. Windows and sums are
    /// empty.
    ///
    /// # Errors
    /// [`ExpressionError::UnknownTag`], [`ExpressionError::WrongType`], [`ExpressionError::WrongResult`].
    pub fn compile(
        expression: &Expression,
        result: DataType,
        tag: &dyn Fn(&str) -> Option<(TagId, DataType)>,
    ) -> Result<Self, ExpressionError> {
        let data_type = |name: &str| tag(name).map(|(_, data_type)| data_type);
        let types = expression.types(&data_type)?;
        expression.check_for(result, &data_type)?;
        let type_of = |node: NodeId| types.get(node.index()).copied().unwrap_or(ValueType::Number);
        let mut compiler = Compiler::default();
        // Nodes stand in postfix order, which is the order of the steps.
        for node in expression.nodes() {
            let find = |name: &str| {
                let unknown = || ExpressionError::UnknownTag { position: node.position, tag: name.to_owned() };
                tag(name).ok_or_else(unknown)
            };
            match &node.kind {
                NodeKind::Tag(name) => {
                    let (id, data_type) = find(name)?;
                    compiler.read(id, data_type.into());
                }
                NodeKind::HasSeverity(severity, name) => {
                    let (id, _) = find(name)?;
                    compiler.input(id);
                    compiler.steps.push(Step::HasSeverity(*severity, id));
                }
                kind => compiler.node(kind, &type_of),
            }
        }
        let mut program = Self::of(compiler, result);
        if !program.sums.is_empty() {
            program.shape = shape(expression, &|name| tag(name).map(|(id, _)| id)).map(Into::into);
        }
        Ok(program)
    }

    fn of(compiler: Compiler, result: DataType) -> Self {
        let mut stack = Stack::default();
        // No step leaves more than one operand.
        let is_text = |step: &&Step| matches!(step, Step::ConstantText(_) | Step::ReadText(_));
        let texts = compiler.steps.iter().filter(is_text).count();
        stack.texts.reserve_exact(texts);
        stack.numbers.reserve_exact(deepest(&compiler.steps));
        Self {
            steps: compiler.steps.into(),
            texts: compiler.texts.into(),
            inputs: compiler.inputs.into(),
            windows: compiler.windows,
            sums: compiler.sums,
            shape: None,
            stack,
            result,
            evaluated: None,
        }
    }

    /// The tags it reads, each once.
    #[must_use]
    pub fn inputs(&self) -> &[TagId] {
        &self.inputs
    }

    /// Type of the result.
    #[must_use]
    pub fn result(&self) -> DataType {
        self.result
    }

    /// Whether it has windows or sums: its result then changes with time, so it has to be evaluated by the clock too.
    #[must_use]
    pub fn is_timed(&self) -> bool {
        !self.windows.is_empty() || !self.sums.is_empty()
    }

    /// Calculates the value at `now`; a time before that of the last evaluation counts as that one. Numbers take no
    /// memory on the way; time is proportional to the expression, for windows on average over evaluations.
    ///
    /// * `read`: the present state of an input, the same for the whole evaluation; `None` where there is no such tag.
    pub fn evaluate<'a>(&mut self, now: Timestamp, mut read: impl FnMut(TagId) -> Option<Reading<'a>>) -> Outcome {
        let before = self.evaluated.unwrap_or(now.as_micros());
        let now = now.as_micros().max(before);
        self.evaluated = Some(now);
        let Self { steps, texts, windows, sums, stack, .. } = self;
        for step in steps.iter() {
            match *step {
                Step::Window(index) => {
                    let input = stack.pop();
                    let window = windows.get_mut(index as usize);
                    let missing = Slot::bad(Quality::BAD_CONFIGURATION_ERROR);
                    stack.push(window.map_or(missing, |window| window.advance(now, input)));
                }
                Step::Sum { sum, has_reset } => {
                    let reset = if has_reset { stack.pop() } else { Slot::good(0.0) };
                    let input = stack.pop();
                    let missing = Slot::bad(Quality::BAD_CONFIGURATION_ERROR);
                    let elapsed = now.abs_diff(before);
                    stack.push(sums.get_mut(sum as usize).map_or(missing, |sum| sum.advance(elapsed, input, reset)));
                }
                step => stack.take(step, texts, &mut read),
            }
        }
        self.outcome()
    }

    #[inline]
    fn outcome(&mut self) -> Outcome {
        if self.result == DataType::Text {
            let (text, quality) = self.stack.result_text();
            return Outcome { value: text.map(Value::Text), quality };
        }
        let Slot { value, quality } = self.stack.pop();
        if quality.is_bad() {
            return Outcome { value: None, quality };
        }
        let value = match self.result {
            DataType::Boolean => Value::Boolean(value > 0.5),
            DataType::Integer => match whole(value) {
                Ok(whole) => Value::Integer(whole),
                Err(quality) => return Outcome { value: None, quality },
            },
            DataType::Float | DataType::Text => Value::Float(value),
        };
        Outcome { value: Some(value), quality }
    }

    /// The sums of `total` and `hours`, to be kept over a restart; `None` where the expression has none. Windows are
    /// not kept.
    #[must_use]
    pub fn memory(&self) -> Option<serde_json::Value> {
        sums::memory(&self.sums, self.shape.as_deref())
    }

    /// Goes on from what [`memory`](Self::memory) gave. The time from then until the next evaluation does not count.
    ///
    /// # Errors
    /// [`MemoryError`] where it is none, or of another expression; nothing is changed. A memory that does not say of
    /// which it is, as those of older versions, has to be of the same sums.
    pub fn restore(&mut self, memory: &serde_json::Value) -> Result<(), MemoryError> {
        sums::restore(&mut self.sums, memory, self.shape.as_deref())
    }

    /// Goes on where `before` is, windows and all; for one of the same shape, compiled for other types.
    pub(crate) fn resume(&mut self, before: &Self) {
        if (self.windows.len(), self.sums.len()) == (before.windows.len(), before.sums.len()) {
            (self.windows, self.sums) = (before.windows.clone(), before.sums.clone());
            self.evaluated = before.evaluated;
        }
    }
}

/// A number as an integer. ±2^53 is refused: it may be a larger one, rounded.
fn whole(value: f64) -> Result<i64, Quality> {
    const EXACT: i64 = 1 << 53;
    match Value::Float(value).coerce(DataType::Integer) {
        Some(Value::Integer(whole)) if whole.abs() < EXACT => Ok(whole),
        None if value.fract() != 0.0 => Err(Quality::BAD_TYPE_MISMATCH),
        _ => Err(Quality::BAD_OUT_OF_RANGE),
    }
}

/// Most numbers and Booleans on the stack at once.
fn deepest(steps: &[Step]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for step in steps {
        let (taken, put) = match step {
            Step::Constant(_) | Step::ReadNumber(_) | Step::ReadBoolean(_) | Step::HasSeverity(..) => (0, 1),
            Step::ConstantText(_) | Step::ReadText(_) => (0, 0),
            Step::EqualText | Step::NotEqualText => (0, 1),
            Step::SelectText => (1, 0),
            Step::Negate | Step::Not | Step::Apply(_) | Step::Window(_) => (1, 1),
            Step::Sum { has_reset, .. } => (1 + usize::from(*has_reset), 1),
            Step::Clamp | Step::Select => (3, 1),
            _ => (2, 1),
        };
        depth = depth.saturating_sub(taken) + put;
        deepest = deepest.max(depth);
    }
    deepest
}

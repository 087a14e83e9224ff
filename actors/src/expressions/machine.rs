//! The steps of a program and the stack they work on.

use super::Reading;
use flyball_schema::expression::Function;
use flyball_schema::{Quality, Severity, TagId, Text, Value};

/// 2^53: up to here every whole number is a binary64.
const EXACT: u64 = 1 << 53;

/// One step; operands are taken from the stack, the result put onto it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Step {
    /// A number, or a Boolean as 0 or 1.
    Constant(f64),
    /// Index into the program's texts.
    ConstantText(u32),
    ReadNumber(TagId),
    ReadBoolean(TagId),
    ReadText(TagId),
    HasSeverity(Severity, TagId),
    Negate,
    Not,
    Or,
    And,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
    EqualText,
    NotEqualText,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Power,
    /// Of two.
    Min,
    /// Of two.
    Max,
    Clamp,
    /// Function of one number.
    Apply(Function),
    Select,
    SelectText,
    /// Index into the program's windows.
    Window(u32),
    /// Index into the program's sums.
    Sum {
        sum: u32,
        has_reset: bool,
    },
}

/// A number, or a Boolean as 0 or 1. Where `quality` is bad `value` means nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Slot {
    pub(super) value: f64,
    pub(super) quality: Quality,
}

/// A text; `None` where `quality` is bad.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TextSlot {
    pub(super) text: Option<Text>,
    pub(super) quality: Quality,
}

/// The worse of two qualities, the first where they are equally bad; plainly good adds nothing to a good one that says
/// more, such as *substituted*.
#[inline]
pub(super) fn worst(first: Quality, second: Quality) -> Quality {
    if first == Quality::GOOD { second } else { first.worst(second) }
}

impl Slot {
    #[inline]
    pub(super) fn good(value: f64) -> Self {
        Self { value, quality: Quality::GOOD }
    }

    #[inline]
    pub(super) fn bad(quality: Quality) -> Self {
        Self { value: f64::NAN, quality }
    }

    /// The value where it may be used.
    #[inline]
    pub(super) fn usable(self) -> Option<f64> {
        (!self.quality.is_bad()).then_some(self.value)
    }

    /// A calculated value: bad where it is not finite.
    #[inline]
    pub(super) fn calculated(value: f64, quality: Quality) -> Self {
        let quality = if value.is_finite() { quality } else { quality.worst(Quality::BAD_OUT_OF_RANGE) };
        Self { value, quality }
    }

    #[inline]
    fn truth(value: bool, quality: Quality) -> Self {
        Self { value: f64::from(u8::from(value)), quality }
    }

    #[inline]
    pub(super) fn is_true(self) -> bool {
        self.value > 0.5
    }
}

/// The value that may be used, or the quality that says why there is none.
#[inline]
fn usable<'a>(reading: Option<Reading<'a>>) -> Result<(&'a Value, Quality), Quality> {
    let Reading { value, quality } = reading.ok_or(Quality::BAD_CONFIGURATION_ERROR)?;
    if quality.is_bad() {
        return Err(quality);
    }
    value.map(|value| (value, quality)).ok_or(Quality::BAD_NO_DATA)
}

#[inline]
fn number(reading: Option<Reading<'_>>) -> Slot {
    match usable(reading) {
        Ok((Value::Float(value), quality)) => Slot::calculated(*value, quality),
        Ok((Value::Integer(value), quality)) if value.unsigned_abs() <= EXACT => Slot { value: *value as f64, quality },
        Ok((Value::Integer(_), _)) => Slot::bad(Quality::BAD_OUT_OF_RANGE),
        Ok(_) => Slot::bad(Quality::BAD_TYPE_MISMATCH),
        Err(quality) => Slot::bad(quality),
    }
}

#[inline]
fn boolean(reading: Option<Reading<'_>>) -> Slot {
    match usable(reading) {
        Ok((Value::Boolean(value), quality)) => Slot::truth(*value, quality),
        Ok(_) => Slot::bad(Quality::BAD_TYPE_MISMATCH),
        Err(quality) => Slot::bad(quality),
    }
}

fn text(reading: Option<Reading<'_>>) -> TextSlot {
    match usable(reading) {
        // Shares the text, copies nothing.
        Ok((Value::Text(text), quality)) => TextSlot { text: Some(text.clone()), quality },
        Ok(_) => TextSlot { text: None, quality: Quality::BAD_TYPE_MISMATCH },
        Err(quality) => TextSlot { text: None, quality },
    }
}

fn severity(reading: Option<Reading<'_>>) -> Severity {
    match usable(reading) {
        Ok((_, quality)) | Err(quality) => quality.severity(),
    }
}

fn apply(function: Function, x: f64) -> f64 {
    match function {
        Function::Abs => x.abs(),
        Function::Sqrt => x.sqrt(),
        Function::Exp => x.exp(),
        Function::Ln => x.ln(),
        Function::Log10 => x.log10(),
        Function::Floor => x.floor(),
        Function::Ceil => x.ceil(),
        Function::Round => x.round(),
        // Steps of their own: they take more than one number.
        Function::Min | Function::Max | Function::Clamp => f64::NAN,
    }
}

/// Operands and results. Its room is taken once, when the program is compiled.
#[derive(Debug, Clone, Default)]
pub(super) struct Stack {
    pub(super) numbers: Vec<Slot>,
    pub(super) texts: Vec<TextSlot>,
}

impl Stack {
    /// The program is compiled so that there always is one; were there none, the result would be bad, not a number.
    #[inline]
    pub(super) fn pop(&mut self) -> Slot {
        self.numbers.pop().unwrap_or(Slot::bad(Quality::BAD_CONFIGURATION_ERROR))
    }

    #[inline]
    pub(super) fn push(&mut self, slot: Slot) {
        self.numbers.push(slot);
    }

    fn pop_text(&mut self) -> TextSlot {
        self.texts.pop().unwrap_or(TextSlot { text: None, quality: Quality::BAD_CONFIGURATION_ERROR })
    }

    /// The result where it is a text.
    pub(super) fn result_text(&mut self) -> (Option<Text>, Quality) {
        let TextSlot { text, quality } = self.pop_text();
        (text.filter(|_| !quality.is_bad()), quality)
    }

    /// Puts what `operator` makes of the two uppermost in their place.
    #[inline]
    fn binary(&mut self, operator: impl FnOnce(f64, f64) -> f64) {
        let right = self.pop();
        if let Some(left) = self.numbers.last_mut() {
            *left = Slot::calculated(operator(left.value, right.value), worst(left.quality, right.quality));
        }
    }

    /// As [`binary`](Self::binary), with a Boolean as result.
    #[inline]
    fn comparison(&mut self, operator: impl FnOnce(f64, f64) -> bool) {
        let right = self.pop();
        if let Some(left) = self.numbers.last_mut() {
            *left = Slot::truth(operator(left.value, right.value), worst(left.quality, right.quality));
        }
    }

    /// Puts what `operator` makes of the uppermost in its place.
    #[inline]
    fn unary(&mut self, operator: impl FnOnce(f64) -> f64) {
        if let Some(x) = self.numbers.last_mut() {
            *x = Slot::calculated(operator(x.value), x.quality);
        }
    }

    fn text_comparison(&mut self, equal: bool) {
        let right = self.pop_text();
        let left = self.pop_text();
        self.push(Slot::truth((left.text == right.text) == equal, worst(left.quality, right.quality)));
    }

    fn clamp(&mut self) {
        let (high, low, x) = (self.pop(), self.pop(), self.pop());
        let value = if low.value <= high.value { x.value.max(low.value).min(high.value) } else { f64::NAN };
        self.push(Slot::calculated(value, worst(worst(x.quality, low.quality), high.quality)));
    }

    fn select(&mut self) {
        let (otherwise, then, condition) = (self.pop(), self.pop(), self.pop());
        let taken = if condition.is_true() { then } else { otherwise };
        let quality = worst(condition.quality, taken.quality);
        self.push(if condition.quality.is_bad() { condition } else { Slot { quality, ..taken } });
    }

    fn select_text(&mut self) {
        let (otherwise, then, condition) = (self.pop_text(), self.pop_text(), self.pop());
        let taken = if condition.is_true() { then } else { otherwise };
        let quality = worst(condition.quality, taken.quality);
        let bad = TextSlot { text: None, quality: condition.quality };
        self.texts.push(if condition.quality.is_bad() { bad } else { TextSlot { quality, ..taken } });
    }

    /// Takes one step; windows and sums, which have state, are the program's.
    #[inline]
    #[expect(clippy::float_cmp, reason = "`==` of the language is exact")]
    pub(super) fn take<'a>(&mut self, step: Step, texts: &[Text], read: &mut impl FnMut(TagId) -> Option<Reading<'a>>) {
        match step {
            Step::Constant(value) => self.push(Slot::good(value)),
            Step::ConstantText(index) => {
                let text = texts.get(index as usize).cloned();
                self.texts.push(TextSlot { text, quality: Quality::GOOD });
            }
            Step::ReadNumber(tag) => self.push(number(read(tag))),
            Step::ReadBoolean(tag) => self.push(boolean(read(tag))),
            Step::ReadText(tag) => self.texts.push(text(read(tag))),
            Step::HasSeverity(asked, tag) => {
                self.push(Slot::truth(severity(read(tag)) == asked, Quality::GOOD));
            }
            Step::Negate => self.unary(|x| -x),
            Step::Not => self.unary(|x| 1.0 - x),
            // Operands are 0 or 1.
            Step::Or => self.comparison(|left, right| left + right > 0.5),
            Step::And => self.comparison(|left, right| left + right > 1.5),
            Step::Less => self.comparison(|left, right| left < right),
            Step::LessOrEqual => self.comparison(|left, right| left <= right),
            Step::Greater => self.comparison(|left, right| left > right),
            Step::GreaterOrEqual => self.comparison(|left, right| left >= right),
            Step::Equal => self.comparison(|left, right| left == right),
            Step::NotEqual => self.comparison(|left, right| left != right),
            Step::EqualText => self.text_comparison(true),
            Step::NotEqualText => self.text_comparison(false),
            Step::Add => self.binary(|left, right| left + right),
            Step::Subtract => self.binary(|left, right| left - right),
            Step::Multiply => self.binary(|left, right| left * right),
            Step::Divide => self.binary(|left, right| left / right),
            Step::Remainder => self.binary(|left, right| left % right),
            Step::Power => self.binary(f64::powf),
            Step::Min => self.binary(f64::min),
            Step::Max => self.binary(f64::max),
            Step::Clamp => self.clamp(),
            Step::Apply(function) => self.unary(|x| apply(function, x)),
            Step::Select => self.select(),
            Step::SelectText => self.select_text(),
            Step::Window(_) | Step::Sum { .. } => {}
        }
    }
}

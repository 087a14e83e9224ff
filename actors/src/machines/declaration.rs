//! What a machine says of itself: inputs, outputs and parameters, as typed constants.

use super::typed::Typed;
use flyball_schema::{DataType, Value};
use std::fmt;
use std::marker::PhantomData;

/// An input of type `T`, declared once as a constant and used to read it in a step.
///
/// ```
/// # use flyball::machines::Input;
/// const LEVEL: Input<f64> = Input::new("level").unit("cm").buffer(5).describe("level of the tank");
/// ```
pub struct Input<T: Typed> {
    pub(super) spec: InputSpec,
    typed: PhantomData<fn() -> T>,
}

/// What is declared of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputSpec {
    /// Unique among the machine's inputs.
    pub name: &'static str,
    /// Type of the value.
    pub data_type: DataType,
    /// Unit the machine computes in; `None` takes the tag's value as it is.
    pub unit: Option<&'static str>,
    /// Whether the machine waits for it.
    pub required: bool,
    /// How many of the last samples are kept, one per step.
    pub buffer: usize,
    /// What it is, in a line.
    pub description: &'static str,
}

impl<T: Typed> Input<T> {
    /// A required input that takes the tag's value as it is.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        let spec = InputSpec { name, data_type: T::DATA_TYPE, unit: None, required: true, buffer: 0, description: "" };
        Self { spec, typed: PhantomData }
    }

    /// Asks for the value in this unit; floats only.
    #[must_use]
    pub const fn unit(mut self, symbol: &'static str) -> Self {
        self.spec.unit = Some(symbol);
        self
    }

    /// The machine runs without it too.
    #[must_use]
    pub const fn optional(mut self) -> Self {
        self.spec.required = false;
        self
    }

    /// Keeps the last `samples` usable values, one per step; the machine waits until they are there.
    #[must_use]
    pub const fn buffer(mut self, samples: usize) -> Self {
        self.spec.buffer = samples;
        self
    }

    /// Says what it is, in a line.
    #[must_use]
    pub const fn describe(mut self, text: &'static str) -> Self {
        self.spec.description = text;
        self
    }
}

/// Where an output goes when its machine does not run.
#[derive(Debug, Clone, PartialEq)]
pub enum Safe {
    /// It stays where it is.
    Hold,
    /// It takes this value.
    Value(Value),
    /// It takes the present value of this parameter.
    Parameter(&'static str),
}

/// An output of type `T`, declared once as a constant and used to set it in a step.
///
/// ```
/// # use flyball::machines::Output;
/// const PUMP: Output<bool> = Output::new("pump", false).describe("pump runs");
/// ```
pub struct Output<T: Typed> {
    pub(super) name: &'static str,
    unit: Option<&'static str>,
    safe: SafeLiteral<T::Literal>,
    description: &'static str,
}

#[derive(Clone, Copy)]
enum SafeLiteral<L> {
    Hold,
    Literal(L),
    Parameter(&'static str),
}

/// What is declared of an output.
#[derive(Debug, Clone, PartialEq)]
pub struct OutputSpec {
    /// Unique among the machine's outputs; its tag is `<machine>.<name>`.
    pub name: &'static str,
    /// Type of the value.
    pub data_type: DataType,
    /// Unit of the value.
    pub unit: Option<&'static str>,
    /// Where it goes when the machine does not run.
    pub safe: Safe,
    /// What it is, in a line.
    pub description: &'static str,
}

impl<T: Typed> Output<T> {
    /// An output that takes the value `safe` when the machine does not run.
    #[must_use]
    pub const fn new(name: &'static str, safe: T::Literal) -> Self {
        Self { name, unit: None, safe: SafeLiteral::Literal(safe), description: "" }
    }

    /// An output that stays where it is when the machine does not run.
    #[must_use]
    pub const fn holding(name: &'static str) -> Self {
        Self { name, unit: None, safe: SafeLiteral::Hold, description: "" }
    }

    /// An output that takes the value of a parameter of the same type when the machine does not run.
    #[must_use]
    pub const fn safe_from(name: &'static str, parameter: &Parameter<T>) -> Self {
        Self { name, unit: None, safe: SafeLiteral::Parameter(parameter.name), description: "" }
    }

    /// Sets the unit the machine computes in; floats only.
    #[must_use]
    pub const fn unit(mut self, symbol: &'static str) -> Self {
        self.unit = Some(symbol);
        self
    }

    /// Says what it is, in a line.
    #[must_use]
    pub const fn describe(mut self, text: &'static str) -> Self {
        self.description = text;
        self
    }
}

/// Unit of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterUnit {
    /// None.
    None,
    /// This one.
    Symbol(&'static str),
    /// That of the tag an input is bound to.
    OfInput(&'static str),
    /// That of the tag an output drives.
    OfOutput(&'static str),
}

/// A parameter of type `T`: a setting with limits that may change while the machine runs, and is kept.
///
/// ```
/// # use flyball::machines::Parameter;
/// const HIGH: Parameter<f64> = Parameter::new("high", 15.0).limits(0.0, 20.0).unit("cm");
/// ```
pub struct Parameter<T: Typed> {
    pub(super) name: &'static str,
    pub(super) default: T::Literal,
    low: Option<f64>,
    high: Option<f64>,
    unit: ParameterUnit,
    choices: &'static [&'static str],
    description: &'static str,
}

/// What is declared of a parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct ParameterSpec {
    /// Unique among the machine's parameters.
    pub name: &'static str,
    /// Value where none is given; its type is the parameter's.
    pub default: Value,
    /// Smallest value allowed.
    pub low: Option<f64>,
    /// Largest value allowed.
    pub high: Option<f64>,
    /// Unit of the value.
    pub unit: ParameterUnit,
    /// Values allowed of a text; empty for any.
    pub choices: &'static [&'static str],
    /// What it is, in a line.
    pub description: &'static str,
}

impl<T: Typed> Parameter<T> {
    /// A parameter without limits.
    #[must_use]
    pub const fn new(name: &'static str, default: T::Literal) -> Self {
        Self { name, default, low: None, high: None, unit: ParameterUnit::None, choices: &[], description: "" }
    }

    /// Allows values from `low` to `high`, both included.
    #[must_use]
    pub const fn limits(mut self, low: f64, high: f64) -> Self {
        self.low = Some(low);
        self.high = Some(high);
        self
    }

    /// Allows values from `low` on.
    #[must_use]
    pub const fn at_least(mut self, low: f64) -> Self {
        self.low = Some(low);
        self
    }

    /// Sets the unit.
    #[must_use]
    pub const fn unit(mut self, symbol: &'static str) -> Self {
        self.unit = ParameterUnit::Symbol(symbol);
        self
    }

    /// Takes the unit from what an input or output is bound to.
    #[must_use]
    pub const fn unit_of(mut self, unit: ParameterUnit) -> Self {
        self.unit = unit;
        self
    }

    /// Allows these texts.
    #[must_use]
    pub const fn choices(mut self, choices: &'static [&'static str]) -> Self {
        self.choices = choices;
        self
    }

    /// Says what it is, in a line.
    #[must_use]
    pub const fn describe(mut self, text: &'static str) -> Self {
        self.description = text;
        self
    }
}

/// Everything a machine says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Declaration {
    /// The kind of machine, for example `pid`.
    pub kind: &'static str,
    /// Inputs, in the order shown.
    pub inputs: Vec<InputSpec>,
    /// Outputs, in the order shown.
    pub outputs: Vec<OutputSpec>,
    /// Parameters, in the order shown.
    pub parameters: Vec<ParameterSpec>,
}

impl Declaration {
    /// A kind of machine without inputs, outputs and parameters.
    #[must_use]
    pub fn new(kind: &'static str) -> Self {
        Self { kind, inputs: Vec::new(), outputs: Vec::new(), parameters: Vec::new() }
    }

    /// Adds an input.
    #[must_use]
    pub fn input<T: Typed>(mut self, input: Input<T>) -> Self {
        self.inputs.push(input.spec);
        self
    }

    /// Adds an output.
    #[must_use]
    pub fn output<T: Typed>(mut self, output: Output<T>) -> Self {
        self.outputs.push(OutputSpec {
            name: output.name,
            data_type: T::DATA_TYPE,
            unit: output.unit,
            safe: match output.safe {
                SafeLiteral::Hold => Safe::Hold,
                SafeLiteral::Literal(literal) => Safe::Value(T::literal(literal).into_value()),
                SafeLiteral::Parameter(name) => Safe::Parameter(name),
            },
            description: output.description,
        });
        self
    }

    /// Adds a parameter.
    #[must_use]
    pub fn parameter<T: Typed>(mut self, parameter: Parameter<T>) -> Self {
        self.parameters.push(ParameterSpec {
            name: parameter.name,
            default: T::literal(parameter.default).into_value(),
            low: parameter.low,
            high: parameter.high,
            unit: parameter.unit,
            choices: parameter.choices,
            description: parameter.description,
        });
        self
    }

    /// Finds a contradiction: a name used twice or reserved, a default outside its limits, a unit on what is
    /// no float, a safe value from a parameter of another type.
    ///
    /// # Errors
    /// The first one, in words.
    pub fn check(&self) -> Result<(), String> {
        unique("input", self.inputs.iter().map(|spec| spec.name))?;
        unique("output", self.outputs.iter().map(|spec| spec.name))?;
        unique("parameter", self.parameters.iter().map(|spec| spec.name))?;
        for spec in &self.parameters {
            super::parameters::check(spec, spec.default.clone())
                .map_err(|fault| format!("default of parameter \"{}\": {fault}", spec.name))?;
        }
        for spec in &self.inputs {
            if spec.unit.is_some() && spec.data_type != DataType::Float {
                return Err(format!("input \"{}\" is no float and cannot have a unit", spec.name));
            }
        }
        self.outputs.iter().try_for_each(|spec| self.check_output(spec))
    }

    fn check_output(&self, spec: &OutputSpec) -> Result<(), String> {
        let name = spec.name;
        if matches!(name, "state" | "faulted") {
            return Err(format!("the output name \"{name}\" is reserved"));
        }
        if spec.unit.is_some() && spec.data_type != DataType::Float {
            return Err(format!("output \"{name}\" is no float and cannot have a unit"));
        }
        if let Safe::Parameter(parameter) = spec.safe {
            let found = self.parameters.iter().find(|spec| spec.name == parameter);
            if found.is_none_or(|found| found.default.data_type() != spec.data_type) {
                return Err(format!("output \"{name}\" takes its safe value from no parameter of its type"));
            }
        }
        Ok(())
    }
}

fn unique<'a>(what: &str, names: impl Iterator<Item = &'a str>) -> Result<(), String> {
    let mut seen: Vec<&str> = Vec::new();
    for name in names {
        if name.is_empty() || seen.contains(&name) {
            return Err(format!("{what} name \"{name}\" is empty or used twice"));
        }
        seen.push(name);
    }
    Ok(())
}

impl<T: Typed> Clone for Input<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Typed> Copy for Input<T> {}

impl<T: Typed> Clone for Output<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Typed> Copy for Output<T> {}

impl<T: Typed> Clone for Parameter<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Typed> Copy for Parameter<T> {}

impl<T: Typed> fmt::Debug for Input<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.spec.fmt(f)
    }
}

impl<T: Typed> fmt::Debug for Output<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<T: Typed> fmt::Debug for Parameter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parameter").field("name", &self.name).field("default", &self.default).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declaration_that_contradicts_itself_is_refused() {
        let cases = [
            (
                Declaration::new("a").input(Input::<f64>::new("x")).input(Input::<bool>::new("x")),
                "input name \"x\" is empty or used twice",
            ),
            (
                Declaration::new("a").output(Output::<bool>::new("faulted", false)),
                "the output name \"faulted\" is reserved",
            ),
            (
                Declaration::new("a").parameter(Parameter::<f64>::new("gain", 9.0).limits(0.0, 1.0)),
                "default of parameter \"gain\": 9 lies outside 0 to 1",
            ),
            (
                Declaration::new("a").output(Output::safe_from("out", &Parameter::<f64>::new("rest", 0.0))),
                "output \"out\" takes its safe value from no parameter of its type",
            ),
            (
                Declaration::new("a").input(Input::<bool>::new("run").unit("cm")),
                "input \"run\" is no float and cannot have a unit",
            ),
        ];
        for (declaration, expected) in cases {
            assert_eq!(declaration.check(), Err(expected.to_owned()));
        }
    }
}

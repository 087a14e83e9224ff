//! What a machine is to those who write one.

use super::declaration::{Declaration, Input, Output, Parameter};
use super::inputs::{InputTable, Port, Reading};
use super::lifecycle::Transition;
use super::outputs::Outputs;
use super::parameters::{Change, ParameterFault, Parameters};
use super::typed::Typed;
use flyball_schema::{Quality, Timestamp};
use std::cell::Cell;
use std::ops::Deref;
use std::time::Duration;

/// A step that failed: the machine faults, its outputs go to their safe values, and it waits to be reset.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StepError(String);

impl StepError {
    /// A failure, in words for the operator.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// A machine: code that reads tags and drives outputs at an interval, with a life cycle that Flyball keeps.
///
/// A panic or an error stays inside the machine: it faults, its outputs go to their safe values, every other machine
/// goes on. A *sync* machine shares its thread and must not block; an *async* one may.
///
/// ```
/// use flyball::machines::{Declaration, Input, Machine, Output, Parameter, Step, StepError, Transition, View};
///
/// const LEVEL: Input<f64> = Input::new("level").unit("cm").buffer(3).describe("level of the tank");
/// const VALVE: Output<bool> = Output::new("valve", false).describe("fill valve open");
/// const FULL: Parameter<f64> = Parameter::new("full", 15.0).limits(0.0, 20.0).unit("cm").describe("fill up to");
///
/// #[derive(Default)]
/// struct Filler {
///     filling: bool,
/// }
///
/// impl Machine for Filler {
///     fn declaration(&self) -> Declaration {
///         Declaration::new("filler").input(LEVEL).output(VALVE).parameter(FULL)
///     }
///
///     fn step(&mut self, step: &mut Step<'_>) -> Result<(), StepError> {
///         let level = step.samples(&LEVEL).map(|(_, level)| level).sum::<f64>() / 3.0;
///         let full = step.parameter(&FULL);
///         self.filling = step.require(&LEVEL)? < full && (self.filling || level < full - 2.0);
///         step.set(&VALVE, self.filling);
///         Ok(())
///     }
///
///     fn own_state(&self) -> Option<&str> {
///         Some(if self.filling { "filling" } else { "full" })
///     }
///
///     fn guard(&self, transition: Transition, _view: &View<'_>) -> Result<(), String> {
///         match transition {
///             Transition::Test if self.filling => Err("not while filling".to_owned()),
///             _ => Ok(()),
///         }
///     }
/// }
/// ```
pub trait Machine: Send + 'static {
    /// Inputs, outputs and parameters. Asked once, before the machine starts.
    fn declaration(&self) -> Declaration;

    /// Reads inputs and parameters and sets outputs; an output that is not set stays where it is.
    ///
    /// # Errors
    /// [`StepError`] faults the machine.
    fn step(&mut self, step: &mut Step<'_>) -> Result<(), StepError>;

    /// Forgets everything but parameters: called by the transition *reset*, after a fault too.
    fn reset(&mut self) {}

    /// The machine's own state within *run*, for people to see.
    fn own_state(&self) -> Option<&str> {
        None
    }

    /// Allows or denies *run* (a permissive: the machine waits) and every command.
    ///
    /// # Errors
    /// Why not, in words for the operator.
    fn guard(&self, _transition: Transition, _view: &View<'_>) -> Result<(), String> {
        Ok(())
    }

    /// Parameters are about to change; each already has its type and lies within its limits. Called once before the
    /// start too, with the values kept from before.
    ///
    /// # Errors
    /// The parameter and why it is refused; nothing changes then, so decide before changing yourself.
    fn change(&mut self, _change: &mut Change<'_>) -> Result<(), (&'static str, ParameterFault)> {
        Ok(())
    }

    /// What the machine has to remember over a restart of the plant, apart from parameters.
    fn save(&self) -> serde_json::Value {
        serde_json::Value::Null
    }

    /// Takes back what [`save`](Self::save) gave.
    ///
    /// # Errors
    /// Why it cannot be used; the machine starts in *fault* and begins anew when it is reset.
    fn restore(&mut self, _memory: &serde_json::Value) -> Result<(), String> {
        Ok(())
    }
}

/// What a machine sees: inputs, their last samples, and parameters.
#[derive(Debug)]
pub struct View<'a> {
    pub(super) declaration: &'a Declaration,
    pub(super) ports: &'a [Port],
    pub(super) table: &'a InputTable,
    pub(super) parameters: &'a Parameters,
    /// The first thing used that was not declared.
    pub(super) undeclared: Cell<Option<(&'static str, &'static str)>>,
}

impl View<'_> {
    fn port<T: Typed>(&self, input: &Input<T>) -> Option<&Port> {
        let name = input.spec.name;
        let found = self.declaration.inputs.iter().position(|spec| spec.name == name).map(|index| &self.ports[index]);
        if found.is_none() {
            self.undeclared.set(Some(("input", name)));
        }
        found
    }

    /// The present value of an input with its quality, in the unit asked for.
    pub fn input<T: Typed>(&self, input: &Input<T>) -> Reading<T> {
        self.port(input).map_or_else(|| Reading::bad(Quality::BAD_CONFIGURATION_ERROR), |port| port.read(self.table))
    }

    /// The present value of an input that the step cannot do without.
    ///
    /// # Errors
    /// [`StepError`] where it is bad or missing.
    pub fn require<T: Typed>(&self, input: &Input<T>) -> Result<T, StepError> {
        let reading = self.input(input);
        let quality = reading.quality;
        reading.usable().ok_or_else(|| StepError(format!("input \"{}\" cannot be used: {quality}", input.spec.name)))
    }

    /// The last samples of a buffered input, oldest first: one per step, usable ones only, the present one last.
    pub fn samples<T: Typed>(&self, input: &Input<T>) -> impl DoubleEndedIterator<Item = (Timestamp, T)> {
        let samples = self.port(input).into_iter().flat_map(|port| port.samples.iter());
        samples.filter_map(|(time, value)| Some((*time, T::from_value(value)?)))
    }

    /// The present value of a parameter.
    pub fn parameter<T: Typed>(&self, parameter: &Parameter<T>) -> T {
        self.parameters.get(parameter).unwrap_or_else(|| {
            self.undeclared.set(Some(("parameter", parameter.name)));
            T::literal(parameter.default)
        })
    }
}

/// One step of a machine: what it sees, when it is, and where its outputs go.
#[derive(Debug)]
pub struct Step<'a> {
    pub(super) view: View<'a>,
    pub(super) now: Timestamp,
    pub(super) dt: Duration,
    pub(super) outputs: &'a mut Outputs,
}

impl<'a> Deref for Step<'a> {
    type Target = View<'a>;
    fn deref(&self) -> &View<'a> {
        &self.view
    }
}

impl Step<'_> {
    /// The time of the step, the same for all it sees.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Time since the step before, as it really was; the interval at the first.
    #[must_use]
    pub fn dt(&self) -> Duration {
        self.dt
    }

    /// Sets an output.
    pub fn set<T: Typed>(&mut self, output: &Output<T>, value: T) {
        self.set_with(output, value, Quality::GOOD);
    }

    /// Sets an output of a quality that is not plainly good.
    pub fn set_with<T: Typed>(&mut self, output: &Output<T>, value: T, quality: Quality) {
        let found = self.view.declaration.outputs.iter().position(|spec| spec.name == output.name);
        match found {
            Some(index) => self.outputs.set(index, value.into_value(), quality),
            None => self.view.undeclared.set(Some(("output", output.name))),
        }
    }

    /// Where an output is now; `None` before it was first set.
    #[must_use]
    pub fn output<T: Typed>(&self, output: &Output<T>) -> Option<T> {
        let index = self.view.declaration.outputs.iter().position(|spec| spec.name == output.name)?;
        T::from_value(self.outputs.value(index)?)
    }
}

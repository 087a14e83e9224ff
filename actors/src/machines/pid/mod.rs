//! `pid`: a PID controller. Input `pv`, output `out`.

mod algorithm;

pub use algorithm::{Action, Controller, Tuning};

use super::declaration::{Declaration, Input, Output, Parameter, ParameterUnit};
use super::machine::{Machine, Step, StepError, View};
use super::parameters::{Change, ParameterFault};
use flyball_schema::{Quality, Text};
use serde::{Deserialize, Serialize};

const OF_PV: ParameterUnit = ParameterUnit::OfInput("pv");
const OF_OUT: ParameterUnit = ParameterUnit::OfOutput("out");

const PV: Input<f64> = Input::new("pv").describe("process value");
const OUT: Output<f64> = Output::safe_from("out", &SAFE_OUTPUT).describe("controller output");

const SET_POINT: Parameter<f64> = Parameter::new("set_point", 0.0).unit_of(OF_PV).describe("set point");
const MODE: Parameter<Text> =
    Parameter::new("mode", "auto").choices(&["auto", "manual"]).describe("who sets the output: controller or operator");
const MANUAL_OUTPUT: Parameter<f64> =
    Parameter::new("manual_output", 0.0).unit_of(OF_OUT).describe("output in manual mode");
const GAIN: Parameter<f64> =
    Parameter::new("gain", 1.0).at_least(0.0).describe("K, in output units per unit of the process value");
const INTEGRAL_TIME: Parameter<f64> =
    Parameter::new("integral_time", 60.0).at_least(0.0).unit("s").describe("Ti; 0 turns the integral off");
const DERIVATIVE_TIME: Parameter<f64> =
    Parameter::new("derivative_time", 0.0).at_least(0.0).unit("s").describe("Td; 0 turns the derivative off");
const DERIVATIVE_FILTER: Parameter<f64> =
    Parameter::new("derivative_filter", 10.0).limits(1.0, 100.0).describe("N, limit of the derivative's gain");
const SET_POINT_WEIGHT: Parameter<f64> =
    Parameter::new("set_point_weight", 1.0).limits(0.0, 1.0).describe("b, share of the set point in the P part");
const OUTPUT_LOW: Parameter<f64> = Parameter::new("output_low", 0.0).unit_of(OF_OUT).describe("lowest output");
const OUTPUT_HIGH: Parameter<f64> = Parameter::new("output_high", 100.0).unit_of(OF_OUT).describe("highest output");
const ACTION: Parameter<Text> = Parameter::new("action", "reverse")
    .choices(&["reverse", "direct"])
    .describe("reverse: the output falls when the process value rises");
const SAFE_OUTPUT: Parameter<f64> =
    Parameter::new("safe_output", 0.0).unit_of(OF_OUT).describe("output when the controller does not run");

/// A PID controller, by the algorithm of [`Controller`].
///
/// * Inputs and output are computed in the units of their tags.
/// * A bad process value holds the output (quality uncertain); control goes on from there when it comes back.
/// * Manual ↔ auto and new tunings do not move the output: going to manual takes the present output as
///   `manual_output` unless another is given with it.
#[derive(Debug, Default)]
pub struct Pid {
    controller: Controller,
    phase: Phase,
}

#[derive(Debug, Clone, Copy, Default)]
enum Phase {
    #[default]
    Idle,
    Auto,
    Manual,
    Hold,
}

#[derive(Serialize, Deserialize)]
struct Memory {
    integral: f64,
    output: Option<f64>,
}

fn tuning(view: &View<'_>) -> Tuning {
    Tuning {
        gain: view.parameter(&GAIN),
        integral_time: view.parameter(&INTEGRAL_TIME),
        derivative_time: view.parameter(&DERIVATIVE_TIME),
        derivative_filter: view.parameter(&DERIVATIVE_FILTER),
        set_point_weight: view.parameter(&SET_POINT_WEIGHT),
        output_low: view.parameter(&OUTPUT_LOW),
        output_high: view.parameter(&OUTPUT_HIGH),
        action: if &*view.parameter(&ACTION) == "direct" { Action::Direct } else { Action::Reverse },
    }
}

impl Machine for Pid {
    fn declaration(&self) -> Declaration {
        Declaration::new("pid")
            .input(PV)
            .output(OUT)
            .parameter(SET_POINT)
            .parameter(MODE)
            .parameter(MANUAL_OUTPUT)
            .parameter(GAIN)
            .parameter(INTEGRAL_TIME)
            .parameter(DERIVATIVE_TIME)
            .parameter(DERIVATIVE_FILTER)
            .parameter(SET_POINT_WEIGHT)
            .parameter(OUTPUT_LOW)
            .parameter(OUTPUT_HIGH)
            .parameter(ACTION)
            .parameter(SAFE_OUTPUT)
    }

    fn step(&mut self, step: &mut Step<'_>) -> Result<(), StepError> {
        let tuning = tuning(step);
        if &*step.parameter(&MODE) == "manual" {
            self.phase = Phase::Manual;
            let output = self.controller.manual(&tuning, step.parameter(&MANUAL_OUTPUT));
            step.set(&OUT, output);
            return Ok(());
        }
        match step.input(&PV).usable() {
            Some(value) => {
                self.phase = Phase::Auto;
                let dt = step.dt().as_secs_f64();
                let output = self.controller.automatic(&tuning, step.parameter(&SET_POINT), value, dt);
                step.set(&OUT, output);
            }
            None => {
                self.phase = Phase::Hold;
                if let Some(output) = self.controller.hold() {
                    step.set_with(&OUT, output, Quality::UNCERTAIN_LAST_USABLE);
                }
            }
        }
        Ok(())
    }

    fn reset(&mut self) {
        *self = Self::default();
    }

    fn own_state(&self) -> Option<&str> {
        match self.phase {
            Phase::Idle => None,
            Phase::Auto => Some("auto"),
            Phase::Manual => Some("manual"),
            Phase::Hold => Some("hold"),
        }
    }

    fn change(&mut self, change: &mut Change<'_>) -> Result<(), (&'static str, ParameterFault)> {
        let refuse = |name, text: &str| Err((name, ParameterFault::Refused(text.to_owned())));
        let (low, high) = (change.after(&OUTPUT_LOW), change.after(&OUTPUT_HIGH));
        if low >= high {
            let name = if change.is_given(&OUTPUT_LOW) { "output_low" } else { "output_high" };
            return refuse(name, "output_low must be below output_high");
        }
        let mut manual = change.after(&MANUAL_OUTPUT);
        if change.is_given(&MANUAL_OUTPUT) && !(low..=high).contains(&manual) {
            return refuse("manual_output", "must lie between output_low and output_high");
        }
        if let Some(output) = self.controller.output
            && change.is_changed(&MODE)
            && !change.is_given(&MANUAL_OUTPUT)
        {
            manual = output;
        }
        change.set(&MANUAL_OUTPUT, manual.min(high).max(low)).map_err(|fault| ("manual_output", fault))?;
        let tuned = change.is_changed(&GAIN)
            || change.is_changed(&INTEGRAL_TIME)
            || change.is_changed(&DERIVATIVE_TIME)
            || change.is_changed(&DERIVATIVE_FILTER)
            || change.is_changed(&SET_POINT_WEIGHT)
            || change.is_changed(&ACTION);
        if tuned {
            self.controller.rebalance();
        }
        Ok(())
    }

    fn save(&self) -> serde_json::Value {
        let Controller { integral, output, .. } = self.controller;
        serde_json::json!({ "integral": integral, "output": output })
    }

    fn restore(&mut self, memory: &serde_json::Value) -> Result<(), String> {
        let memory = Memory::deserialize(memory).map_err(|error| error.to_string())?;
        self.controller = Controller::resume(memory.integral, memory.output);
        Ok(())
    }
}

#[cfg(test)]
mod tests;

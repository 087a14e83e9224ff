//! `two_position`: on and off about a set point. Input `pv`, output `out`.

use super::declaration::{Declaration, Input, Output, Parameter, ParameterUnit};
use super::machine::{Machine, Step, StepError};
use flyball_schema::{Text, Timestamp};
use std::time::Duration;

const OF_PV: ParameterUnit = ParameterUnit::OfInput("pv");

const PV: Input<f64> = Input::new("pv").describe("process value");
const OUT: Output<bool> = Output::new("out", false).describe("switched on");

const SET_POINT: Parameter<f64> = Parameter::new("set_point", 0.0).unit_of(OF_PV).describe("set point");
const HYSTERESIS: Parameter<f64> = Parameter::new("hysteresis", 1.0)
    .at_least(0.0)
    .unit_of(OF_PV)
    .describe("distance between switching on and off, half on each side of the set point");
const ACTION: Parameter<Text> = Parameter::new("action", "reverse")
    .choices(&["reverse", "direct"])
    .describe("reverse: on below (heating, filling); direct: on above (cooling, draining)");
const MINIMUM_ON: Parameter<f64> =
    Parameter::new("minimum_on_time", 0.0).limits(0.0, 86_400.0).unit("s").describe("stays on at least so long");
const MINIMUM_OFF: Parameter<f64> =
    Parameter::new("minimum_off_time", 0.0).limits(0.0, 86_400.0).unit("s").describe("stays off at least so long");

/// A two-position controller with hysteresis and minimum times.
///
/// A bad process value switches off at once, minimum time or not; the minimum off-time then holds.
#[derive(Debug, Default)]
pub struct TwoPosition {
    on: bool,
    blind: bool,
    switched: Option<Timestamp>,
}

impl TwoPosition {
    fn switch(&mut self, on: bool, now: Timestamp) {
        if self.on != on {
            (self.on, self.switched) = (on, Some(now));
        }
    }
}

impl Machine for TwoPosition {
    fn declaration(&self) -> Declaration {
        Declaration::new("two_position")
            .input(PV)
            .output(OUT)
            .parameter(SET_POINT)
            .parameter(HYSTERESIS)
            .parameter(ACTION)
            .parameter(MINIMUM_ON)
            .parameter(MINIMUM_OFF)
    }

    fn step(&mut self, step: &mut Step<'_>) -> Result<(), StepError> {
        let now = step.now();
        let value = step.input(&PV).usable();
        self.blind = value.is_none();
        let Some(value) = value else {
            self.switch(false, now);
            step.set(&OUT, false);
            return Ok(());
        };
        let below = step.parameter(&SET_POINT) - value;
        let need = if &*step.parameter(&ACTION) == "direct" { -below } else { below };
        let half = step.parameter(&HYSTERESIS) / 2.0;
        let wanted = if self.on { need > -half } else { need >= half && need > 0.0 };
        let minimum = if self.on { step.parameter(&MINIMUM_ON) } else { step.parameter(&MINIMUM_OFF) };
        if self.switched.is_none_or(|switched| now.since(switched) >= Duration::from_secs_f64(minimum)) {
            self.switch(wanted, now);
        }
        step.set(&OUT, self.on);
        Ok(())
    }

    fn reset(&mut self) {
        *self = Self::default();
    }

    fn own_state(&self) -> Option<&str> {
        Some(match (self.blind, self.on) {
            (true, _) => "no process value",
            (false, true) => "on",
            (false, false) => "off",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machines::testing::Bench;
    use flyball_schema::{Quality, Value};

    fn bench(parameters: &[(&str, Value)]) -> Bench {
        Bench::new(TwoPosition::default(), 1_000, parameters).fed("pv")
    }

    #[test]
    fn filling_switches_on_below_and_off_above_the_band() {
        let mut bench = bench(&[("set_point", Value::Float(10.0)), ("hysteresis", Value::Float(2.0))]);
        let outputs: Vec<bool> = [10.0, 9.1, 9.0, 10.0, 10.9, 11.0, 10.0, 8.9]
            .into_iter()
            .map(|level| bench.step_with("pv", level).boolean("out"))
            .collect();
        assert_eq!(outputs, [false, false, true, true, true, false, false, true]);
    }

    #[test]
    fn cooling_acts_the_other_way() {
        let parameters = [("set_point", Value::Float(10.0)), ("action", Value::from("direct"))];
        let mut bench = bench(&parameters);
        let outputs: Vec<bool> =
            [10.0, 10.5, 10.0, 9.5].into_iter().map(|value| bench.step_with("pv", value).boolean("out")).collect();
        assert_eq!(outputs, [false, true, true, false]);
    }

    #[test]
    fn minimum_times_hold_the_output() {
        let mut bench = bench(&[
            ("set_point", Value::Float(10.0)),
            ("minimum_on_time", Value::Float(2.0)),
            ("minimum_off_time", Value::Float(3.0)),
        ]);
        let outputs: Vec<bool> = [5.0, 15.0, 15.0, 5.0, 5.0, 5.0]
            .into_iter()
            .map(|value| bench.step_with("pv", value).boolean("out"))
            .collect();
        assert_eq!(outputs, [true, true, false, false, false, true]);
    }

    #[test]
    fn a_bad_process_value_switches_off_and_says_so() {
        let mut bench = bench(&[("set_point", Value::Float(10.0)), ("minimum_on_time", Value::Float(60.0))]);
        assert!(bench.step_with("pv", 5.0).boolean("out"));
        bench.feed_quality("pv", Quality::BAD_SENSOR_FAILURE);
        assert!(!bench.step().boolean("out"));
        assert_eq!(bench.text("state"), "run/no process value");
    }
}

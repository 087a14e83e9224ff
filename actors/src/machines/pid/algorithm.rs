//! The PID algorithm: pure, one call per step.

/// Which way the output moves when the process value rises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The output falls: heating, filling.
    Reverse,
    /// The output rises: cooling, draining.
    Direct,
}

/// Settings of a controller.
///
/// ISA form, `u = K · (b·r − y + 1/Ti · ∫(r − y) dt − Td · dy/dt)`, the derivative through a first-order filter of time
/// constant `Td / N` (Åström, Hägglund: Advanced PID Control, 2006, chapter 3).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tuning {
    /// K, in output units per unit of the process value; not negative.
    pub gain: f64,
    /// Ti, s; 0 turns the integral off, which then stays as a bias.
    pub integral_time: f64,
    /// Td, s; 0 turns the derivative off.
    pub derivative_time: f64,
    /// N, the limit of the derivative's gain.
    pub derivative_filter: f64,
    /// b, how much of a step of the set point the proportional part sees: 0 to 1.
    pub set_point_weight: f64,
    /// Lowest output.
    pub output_low: f64,
    /// Highest output, above the lowest.
    pub output_high: f64,
    /// Which way it acts.
    pub action: Action,
}

impl Tuning {
    fn clamp(&self, output: f64) -> f64 {
        // Not `clamp`: that panics where the limits are crossed.
        output.min(self.output_high).max(self.output_low)
    }

    /// Time constant with which a saturated integral is led back (back-calculation).
    fn tracking_time(&self) -> f64 {
        if self.derivative_time > 0.0 { (self.integral_time * self.derivative_time).sqrt() } else { self.integral_time }
    }
}

/// State of a controller between steps.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Controller {
    /// Integral part, in output units.
    pub integral: f64,
    /// Derivative part, in output units.
    derivative: f64,
    last_process_value: Option<f64>,
    /// The last output; `None` before the first.
    pub output: Option<f64>,
    /// The next automatic output continues from the last one.
    rebalance: bool,
}

impl Controller {
    /// A controller that continues where another one of this integral and output ended.
    #[must_use]
    pub fn resume(integral: f64, output: Option<f64>) -> Self {
        Self { integral, output, ..Self::default() }
    }

    /// Makes the next automatic output continue from the last one, whatever changes until then.
    pub fn rebalance(&mut self) {
        self.rebalance = self.output.is_some();
    }

    /// One automatic step: `set_point` and `process_value` in one unit, `dt` in seconds since the step before.
    pub fn automatic(&mut self, tuning: &Tuning, set_point: f64, process_value: f64, dt: f64) -> f64 {
        let gain = match tuning.action {
            Action::Reverse => tuning.gain,
            Action::Direct => -tuning.gain,
        };
        let proportional = gain * tuning.set_point_weight.mul_add(set_point, -process_value);
        self.derive(tuning, gain, process_value, dt);
        if std::mem::take(&mut self.rebalance)
            && let Some(output) = self.output
        {
            self.integral = tuning.clamp(output) - proportional - self.derivative;
        }
        let wanted = proportional + self.integral + self.derivative;
        let output = tuning.clamp(wanted);
        if tuning.integral_time > 0.0 {
            let tracking = (dt / tuning.tracking_time()).min(1.0);
            let error = set_point - process_value;
            self.integral += gain * error * dt / tuning.integral_time + tracking * (output - wanted);
        }
        self.output = Some(output);
        output
    }

    /// The derivative acts on the process value alone, so that a step of the set point does not kick.
    fn derive(&mut self, tuning: &Tuning, gain: f64, process_value: f64, dt: f64) {
        let last = self.last_process_value.replace(process_value);
        let filter = tuning.derivative_time / tuning.derivative_filter;
        self.derivative = match last {
            Some(last) if tuning.derivative_time > 0.0 => {
                let slope = gain * tuning.derivative_time * (process_value - last);
                (filter * self.derivative - slope) / (filter + dt)
            }
            _ => 0.0,
        };
    }

    /// One step by hand: the output is what is asked for, within its limits.
    pub fn manual(&mut self, tuning: &Tuning, output: f64) -> f64 {
        let output = tuning.clamp(output);
        self.pause();
        self.output = Some(output);
        self.rebalance();
        output
    }

    /// A step without a usable process value: the output stays, and goes on from there.
    pub fn hold(&mut self) -> Option<f64> {
        self.pause();
        self.rebalance();
        self.output
    }

    fn pause(&mut self) {
        self.last_process_value = None;
        self.derivative = 0.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PI: Tuning = Tuning {
        gain: 2.0,
        integral_time: 10.0,
        derivative_time: 0.0,
        derivative_filter: 10.0,
        set_point_weight: 1.0,
        output_low: -1e6,
        output_high: 1e6,
        action: Action::Reverse,
    };
    const DT: f64 = 0.01;

    /// dy/dt = (gain · u − y) / tau, exact over a step of constant u.
    fn plant(y: f64, u: f64, gain: f64, tau: f64) -> f64 {
        let decay = (-DT / tau).exp();
        y * decay + gain * u * (1.0 - decay)
    }

    #[test]
    fn the_step_response_on_a_first_order_plant_is_the_analytic_one() {
        // With Ti = tau the zero cancels the pole: y(t) = 1 − exp(−t · K · Kp / tau).
        let (plant_gain, tau) = (0.5, 10.0);
        let (mut controller, mut y, mut t) = (Controller::default(), 0.0, 0.0);
        let mut worst: f64 = 0.0;
        while t < 60.0 {
            let u = controller.automatic(&PI, 1.0, y, DT);
            y = plant(y, u, plant_gain, tau);
            t += DT;
            let exact = 1.0 - (-t * PI.gain * plant_gain / tau).exp();
            worst = worst.max((y - exact).abs());
        }
        assert!(worst < 2e-3, "off by {worst}");
        assert!((y - 1.0).abs() < 5e-3);
    }

    #[test]
    fn the_integral_does_not_wind_up_while_the_output_is_at_its_limit() {
        let tuning = Tuning { output_low: 0.0, output_high: 10.0, ..PI };
        let mut controller = Controller::default();
        // Ten minutes at a set point that cannot be reached.
        for _ in 0..60_000 {
            assert!(controller.automatic(&tuning, 100.0, 1.0, DT) <= 10.0);
        }
        // The process value jumps above a new set point: the output leaves its limit with the next step.
        let output = controller.automatic(&tuning, 1.0, 2.0, DT);
        assert!(output < 10.0, "stays at {output}");
        let free = Controller { integral: 60_000.0 * DT * 2.0 * 99.0 / 10.0, ..Controller::default() }
            .automatic(&tuning, 1.0, 2.0, DT);
        assert!(free >= 10.0, "a wound up integral would hold it there");
    }

    #[test]
    fn an_integral_time_without_derivative_leads_the_saturated_integral_to_the_limit() {
        let tuning = Tuning { output_low: 0.0, output_high: 10.0, ..PI };
        let mut controller = Controller::default();
        for _ in 0..100_000 {
            controller.automatic(&tuning, 100.0, 1.0, DT);
        }
        // In equilibrium K·e/Ti = (v − u)/Tt with Tt = Ti: v − u = K·e.
        let wanted = 2.0 * 99.0 + controller.integral;
        assert!((wanted - 10.0 - 2.0 * 99.0).abs() < 1.0, "{wanted}");
    }

    #[test]
    fn a_step_of_the_set_point_kicks_neither_derivative_nor_unweighted_proportional_part() {
        let tuning = Tuning { derivative_time: 5.0, set_point_weight: 0.0, ..PI };
        let mut controller = Controller::default();
        let before = (0..1_000).map(|_| controller.automatic(&tuning, 1.0, 1.0, DT)).next_back().unwrap();
        let after = controller.automatic(&tuning, 9.0, 1.0, DT);
        assert!((after - before).abs() < 0.1, "{before} to {after}");
    }

    #[test]
    fn the_derivative_is_that_of_a_ramp_and_no_larger_than_its_filter_allows() {
        let tuning = Tuning { integral_time: 0.0, derivative_time: 2.0, gain: 1.0, ..PI };
        let mut controller = Controller::default();
        let mut y = 0.0;
        for _ in 0..1_000 {
            controller.automatic(&tuning, 0.0, y, DT);
            y += 3.0 * DT;
        }
        assert!((controller.derivative + 2.0 * 3.0).abs() < 1e-6, "−Td · dy/dt on a ramp");
        let mut jump = Controller::default();
        jump.automatic(&tuning, 0.0, 0.0, DT);
        jump.automatic(&tuning, 0.0, 1.0, DT);
        assert!(jump.derivative.abs() <= tuning.derivative_filter, "N on a step");
    }

    #[test]
    fn direct_action_moves_the_other_way() {
        let tuning = Tuning { action: Action::Direct, ..PI };
        assert!(Controller::default().automatic(&tuning, 5.0, 6.0, DT) > 0.0);
        assert!(Controller::default().automatic(&PI, 5.0, 6.0, DT) < 0.0);
    }

    proptest! {
        #[test]
        fn manual_to_automatic_and_a_new_tuning_do_not_move_the_output(
            output in 0.0..100.0_f64, set_point in -50.0..50.0_f64, value in -50.0..50.0_f64,
            gain in 0.0..20.0_f64, integral_time in 0.0..100.0_f64, weight in 0.0..1.0_f64,
        ) {
            let tuning = Tuning { output_low: 0.0, output_high: 100.0, ..PI };
            let mut controller = Controller::default();
            controller.manual(&tuning, output);
            let first = controller.automatic(&tuning, set_point, value, DT);
            prop_assert!((first - output).abs() < 1e-9);
            let other = Tuning { gain, integral_time, set_point_weight: weight, ..tuning };
            controller.rebalance();
            let second = controller.automatic(&other, set_point, value, DT);
            prop_assert!((second - first).abs() < 1e-9);
        }

        #[test]
        fn the_output_stays_within_its_limits(
            steps in prop::collection::vec((-1e9..1e9_f64, -1e9..1e9_f64, 0.0..10.0_f64), 1..50),
            integral_time in 0.0..100.0_f64, derivative_time in 0.0..100.0_f64,
        ) {
            let tuning = Tuning { integral_time, derivative_time, output_low: -5.0, output_high: 7.0, ..PI };
            let mut controller = Controller::default();
            for (set_point, value, dt) in steps {
                let output = controller.automatic(&tuning, set_point, value, dt);
                prop_assert!((-5.0..=7.0).contains(&output));
            }
        }
    }
}

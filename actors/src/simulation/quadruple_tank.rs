//! The quadruple-tank process: two pumps, four tanks, two inputs that act on both outputs.
//!
//! Source: K. H. Johansson, "The quadruple-tank process: a multivariable laboratory process with an adjustable zero",
//! IEEE Transactions on Control Systems Technology 8(3), 2000, pp. 456–465; equation (1) and the tables of section II,
//! minimum-phase setting P−. Tanks 1 and 2 are the lower ones; tank 3 drains into 1, tank 4 into 2. Pump 1 feeds tanks 1
//! and 4, pump 2 feeds tanks 2 and 3, split by the valves γ1 and γ2.

/// Acceleration of gravity, cm/s² (as in the paper).
const GRAVITY: f64 = 981.0;

/// Longest step of the integration, s; the fastest time constant of the process is about 23 s.
const LONGEST_STEP: f64 = 0.5;

/// What the process is built of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parameters {
    /// Cross-sections of the tanks, cm².
    pub tank_area: [f64; 4],
    /// Cross-sections of the outlet holes, cm².
    pub outlet_area: [f64; 4],
    /// Flow of each pump per volt, cm³/(V·s).
    pub pump_gain: [f64; 2],
    /// Share of each pump's flow that goes to its lower tank; the rest goes to the upper tank across.
    pub valve: [f64; 2],
    /// Height of the tanks, cm: what comes above runs over.
    pub height: f64,
    /// Highest pump voltage, V; the lowest is 0.
    pub highest_voltage: f64,
}

impl Parameters {
    /// The minimum-phase setting P− of the paper; tanks of 20 cm and pumps of 0–10 V as in its laboratory rig.
    pub const MINIMUM_PHASE: Self = Self {
        tank_area: [28.0, 32.0, 28.0, 32.0],
        outlet_area: [0.071, 0.057, 0.071, 0.057],
        pump_gain: [3.33, 3.35],
        valve: [0.70, 0.60],
        height: 20.0,
        highest_voltage: 10.0,
    };

    /// Levels (cm) of the paper's operating point P−, at 3.00 V on both pumps.
    pub const OPERATING_LEVELS: [f64; 4] = [12.4, 12.7, 1.8, 1.4];

    /// Voltages (V) of the paper's operating point P−.
    pub const OPERATING_VOLTAGE: [f64; 2] = [3.00, 3.00];

    /// The minimum-phase setting with its outlets trimmed so that the process rests at the published operating point.
    ///
    /// The published figures do not balance: with them tank 3 would rest at 1.63 cm, not 1.8. The outlets trimmed for
    /// that are 0.0706, 0.0572, 0.0676 and 0.0572 cm²: the published ones within half a percent, that of tank 3 within 5 %.
    #[must_use]
    pub fn at_operating_point() -> Self {
        Self::MINIMUM_PHASE.resting_at(Self::OPERATING_LEVELS, Self::OPERATING_VOLTAGE)
    }

    /// The same process with outlets such that it rests at `levels` (cm, above 0) under `voltage` (V).
    #[must_use]
    pub fn resting_at(mut self, levels: [f64; 4], voltage: [f64; 2]) -> Self {
        let untrimmed = self.resting_levels(voltage);
        // At rest the level goes with the inverse square of the outlet.
        self.outlet_area = std::array::from_fn(|tank| self.outlet_area[tank] * (untrimmed[tank] / levels[tank]).sqrt());
        self
    }

    /// The levels at which the process rests under constant pump voltages, cm; above [`height`](Self::height) it overflows.
    ///
    /// * `voltage`: of both pumps, V.
    #[must_use]
    pub fn resting_levels(&self, voltage: [f64; 2]) -> [f64; 4] {
        let pumped = [self.pump_gain[0] * voltage[0], self.pump_gain[1] * voltage[1]];
        let upper = [(1.0 - self.valve[1]) * pumped[1], (1.0 - self.valve[0]) * pumped[0]];
        let through = [upper[0] + self.valve[0] * pumped[0], upper[1] + self.valve[1] * pumped[1], upper[0], upper[1]];
        // At rest a tank's inflow leaves by its hole: q = a·√(2·g·h).
        std::array::from_fn(|tank| (through[tank] / self.outlet_area[tank]).powi(2) / (2.0 * GRAVITY))
    }
}

/// The quadruple-tank process, from its levels on.
#[derive(Debug, Clone, PartialEq)]
pub struct QuadrupleTank {
    parameters: Parameters,
    levels: [f64; 4],
    voltage: [f64; 2],
}

impl QuadrupleTank {
    /// The process with these levels (cm) and pump voltages (V), each brought into its limits.
    #[must_use]
    pub fn new(parameters: Parameters, levels: [f64; 4], voltage: [f64; 2]) -> Self {
        let mut process = Self { parameters, levels: [0.0; 4], voltage: [0.0; 2] };
        process.levels = levels.map(|level| level.clamp(0.0, parameters.height));
        process.set_voltage(0, voltage[0]);
        process.set_voltage(1, voltage[1]);
        process
    }

    /// Levels of tanks 1 to 4, cm.
    #[must_use]
    pub fn levels(&self) -> [f64; 4] {
        self.levels
    }

    /// Voltages of pumps 1 and 2, V.
    #[must_use]
    pub fn voltage(&self) -> [f64; 2] {
        self.voltage
    }

    /// Flows of pumps 1 and 2, cm³/s.
    #[must_use]
    pub fn pump_flow(&self) -> [f64; 2] {
        std::array::from_fn(|pump| self.parameters.pump_gain[pump] * self.voltage[pump])
    }

    /// Sets the voltage of a pump, brought into 0 V to the highest, and tells what was set. Not a number stops the pump.
    ///
    /// * `pump`: 0 or 1; any other changes nothing and is told as 0 V.
    pub fn set_voltage(&mut self, pump: usize, voltage: f64) -> f64 {
        let taken = if voltage.is_nan() { 0.0 } else { voltage.clamp(0.0, self.parameters.highest_voltage) };
        match self.voltage.get_mut(pump) {
            Some(present) => {
                *present = taken;
                taken
            }
            None => 0.0,
        }
    }

    /// Lets `seconds` pass under constant voltages (classical Runge–Kutta, steps of at most half a second).
    pub fn advance(&mut self, seconds: f64) {
        let mut left = seconds;
        while left > 0.0 {
            let step = left.min(LONGEST_STEP);
            self.step(step);
            left -= step;
        }
    }

    fn step(&mut self, dt: f64) {
        let start = self.levels;
        let moved = |slope: [f64; 4], span: f64| std::array::from_fn(|tank| start[tank] + slope[tank] * span);
        let slope1 = self.slope(start);
        let slope2 = self.slope(moved(slope1, dt / 2.0));
        let slope3 = self.slope(moved(slope2, dt / 2.0));
        let slope4 = self.slope(moved(slope3, dt));
        self.levels = std::array::from_fn(|tank| {
            let mean = (slope1[tank] + 2.0 * slope2[tank] + 2.0 * slope3[tank] + slope4[tank]) / 6.0;
            (start[tank] + mean * dt).clamp(0.0, self.parameters.height)
        });
    }

    /// Change of the levels, cm/s (equation 1 of the paper).
    fn slope(&self, levels: [f64; 4]) -> [f64; 4] {
        let Parameters { tank_area, outlet_area, valve, .. } = self.parameters;
        let out: [f64; 4] =
            std::array::from_fn(|tank| outlet_area[tank] * (2.0 * GRAVITY * levels[tank].max(0.0)).sqrt());
        let pumped = self.pump_flow();
        let inflow = [
            out[2] + valve[0] * pumped[0],
            out[3] + valve[1] * pumped[1],
            (1.0 - valve[1]) * pumped[1],
            (1.0 - valve[0]) * pumped[0],
        ];
        std::array::from_fn(|tank| (inflow[tank] - out[tank]) / tank_area[tank])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLISHED: [f64; 4] = Parameters::OPERATING_LEVELS;

    fn relative(found: f64, expected: f64) -> f64 {
        (found - expected).abs() / expected
    }

    #[test]
    fn resting_levels_at_three_volts_are_the_published_ones_but_for_tank_3() {
        let levels = Parameters::MINIMUM_PHASE.resting_levels([3.0, 3.0]);
        for tank in [0, 1, 3] {
            assert!(relative(levels[tank], PUBLISHED[tank]) < 0.02, "tank {}: {}", tank + 1, levels[tank]);
        }
        // The published constants give (0.4 · 3.35 · 3 / 0.071)² / (2 · 981) = 1.63 cm for tank 3, not the published 1.8.
        assert!((levels[2] - 1.634).abs() < 0.001, "tank 3: {}", levels[2]);
    }

    #[test]
    fn trimmed_outlets_rest_at_the_published_levels_and_stay_near_the_published_holes() {
        let trimmed = Parameters::at_operating_point();
        for (found, expected) in trimmed.resting_levels([3.0, 3.0]).into_iter().zip(PUBLISHED) {
            assert!(relative(found, expected) < 1e-12, "{found} is not {expected}");
        }
        let published = Parameters::MINIMUM_PHASE.outlet_area;
        for (tank, (found, within)) in trimmed.outlet_area.into_iter().zip([0.006, 0.006, 0.05, 0.006]).enumerate() {
            assert!(relative(found, published[tank]) < within, "outlet of tank {}: {found}", tank + 1);
        }
    }

    #[test]
    fn the_process_comes_to_rest_at_the_resting_levels() {
        let parameters = Parameters::MINIMUM_PHASE;
        let mut process = QuadrupleTank::new(parameters, [5.0, 5.0, 1.0, 1.0], [3.0, 3.0]);
        process.advance(2_000.0);
        for (found, expected) in process.levels().into_iter().zip(parameters.resting_levels([3.0, 3.0])) {
            assert!(relative(found, expected) < 1e-6, "{found} is not {expected}");
        }
    }

    #[test]
    fn two_short_steps_are_one_long_step() {
        let start = QuadrupleTank::new(Parameters::MINIMUM_PHASE, [5.0, 5.0, 1.0, 1.0], [4.0, 2.0]);
        let (mut once, mut twice) = (start.clone(), start);
        once.advance(0.5);
        twice.advance(0.25);
        twice.advance(0.25);
        for (one, two) in once.levels().into_iter().zip(twice.levels()) {
            assert!((one - two).abs() < 1e-9, "{one} is not {two}");
        }
    }

    #[test]
    fn pump_1_raises_tanks_1_and_4_and_pump_2_tanks_2_and_3() {
        let mut process = QuadrupleTank::new(Parameters::MINIMUM_PHASE, [0.0; 4], [5.0, 0.0]);
        process.advance(5.0);
        let levels = process.levels();
        assert!(levels[0] > 0.0 && levels[3] > 0.0 && levels[2] < 1e-12, "{levels:?}");
        let mut process = QuadrupleTank::new(Parameters::MINIMUM_PHASE, [0.0; 4], [0.0, 5.0]);
        process.advance(5.0);
        let levels = process.levels();
        assert!(levels[1] > 0.0 && levels[2] > 0.0 && levels[3] < 1e-12, "{levels:?}");
    }

    #[test]
    fn a_full_tank_runs_over_and_an_empty_one_stays_empty() {
        let mut process = QuadrupleTank::new(Parameters::MINIMUM_PHASE, [5.0; 4], [10.0, 10.0]);
        process.advance(3_000.0);
        assert!(process.levels().iter().all(|level| *level <= 20.0 && level.is_finite()));
        assert!((process.levels()[0] - 20.0).abs() < 1e-9);
        process.set_voltage(0, 0.0);
        process.set_voltage(1, 0.0);
        process.advance(10_000.0);
        assert!(process.levels().iter().all(|level| (0.0..0.01).contains(level)), "{:?}", process.levels());
    }

    #[test]
    fn a_voltage_outside_the_pump_is_brought_into_its_limits() {
        let mut process = QuadrupleTank::new(Parameters::MINIMUM_PHASE, [5.0; 4], [-1.0, 11.0]);
        assert_eq!(process.voltage().map(f64::to_bits), [0.0, 10.0].map(f64::to_bits));
        assert!(process.set_voltage(0, f64::NAN).abs() < f64::EPSILON);
        assert!((process.set_voltage(1, 2.5) - 2.5).abs() < f64::EPSILON);
    }
}

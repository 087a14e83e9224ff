//! Scalar Kalman filter.

use super::elapsed::seconds;

/// Kalman filter of a random walk seen through noise (R. E. Kalman, "A New Approach to Linear Filtering and
/// Prediction Problems", Transactions of the ASME 82, 1960), with a reset on a jump.
///
/// x(t + dt) = x(t) + w, variance q²·dt; z = x + v, variance r². An innovation beyond `reset_sigmas` of its own
/// standard deviation twice in a row on the same side is a jump of the process: the estimate becomes the
/// measurement, with its variance. One alone is an outlier and weighted as usual.
#[derive(Debug)]
pub(super) struct Kalman {
    /// q², per second.
    process_variance: f64,
    /// r².
    measurement_variance: f64,
    reset_sigmas: f64,
    estimate: f64,
    /// Variance of the estimate.
    variance: f64,
    /// Sign of the innovation before this one where that was far out; 0 where it was not.
    suspect: f64,
}

impl Kalman {
    /// Noises: standard deviations, above 0. `first`: the first measurement.
    pub(super) fn new(process_noise: f64, measurement_noise: f64, reset_sigmas: f64, first: f64) -> Self {
        let measurement_variance = measurement_noise * measurement_noise;
        Self {
            process_variance: process_noise * process_noise,
            measurement_variance,
            reset_sigmas,
            estimate: first,
            variance: measurement_variance,
            suspect: 0.0,
        }
    }

    /// Takes a measurement `micros` after the one before; the new estimate.
    pub(super) fn feed(&mut self, value: f64, micros: i64) -> f64 {
        let predicted = self.variance + self.process_variance * seconds(micros);
        let innovation_variance = predicted + self.measurement_variance;
        let innovation = value - self.estimate;
        let far_out = innovation.abs() > self.reset_sigmas * innovation_variance.sqrt();
        let side = if far_out { innovation.signum() } else { 0.0 };
        if far_out && side * self.suspect > 0.0 {
            self.restart(value);
            return value;
        }
        self.suspect = side;
        let gain = predicted / innovation_variance;
        self.variance = (1.0 - gain) * predicted;
        // A weighted mean cannot overflow; its rounding is kept between the two.
        let mean = value * gain + self.estimate * (1.0 - gain);
        self.estimate = mean.clamp(value.min(self.estimate), value.max(self.estimate));
        self.estimate
    }

    /// Puts the estimate on the measurement where they are as good as equal.
    pub(super) fn snap(&mut self, value: f64) {
        self.estimate = value;
    }

    fn restart(&mut self, value: f64) {
        self.estimate = value;
        self.variance = self.measurement_variance;
        self.suspect = 0.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    /// White noise of standard deviation 1: a sum of twelve uniform numbers of a linear congruential generator.
    fn noise() -> impl FnMut() -> f64 {
        let mut state = 1_u64;
        let mut uniform = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        move || (0..12).map(|_| uniform()).sum::<f64>() - 6.0
    }

    fn steady_gain(process_noise: f64, measurement_noise: f64, period: f64) -> f64 {
        // M² − QM − QR = 0 for the predicted variance M.
        let (added, measured) = (process_noise.powi(2) * period, measurement_noise.powi(2));
        let predicted = f64::midpoint(added, (added * added + 4.0 * added * measured).sqrt());
        predicted / (predicted + measured)
    }

    #[test]
    fn the_gain_comes_to_the_solution_of_the_riccati_equation() {
        for (process_noise, measurement_noise, micros) in
            [(0.01, 0.5, SECOND), (1.0, 0.5, SECOND / 10), (3.0, 3.0, 5 * SECOND)]
        {
            let mut filter = Kalman::new(process_noise, measurement_noise, 100.0, 0.0);
            for _ in 0..2_000 {
                filter.feed(0.0, micros);
            }
            let gain = filter.feed(measurement_noise, micros) / measurement_noise;
            let expected = steady_gain(process_noise, measurement_noise, seconds(micros));
            assert!((gain - expected).abs() < 1e-12, "{gain} {expected}");
        }
    }

    #[test]
    fn white_noise_is_reduced_by_gain_over_two_minus_gain() {
        let (mut filter, mut noise) = (Kalman::new(0.1, 1.0, 100.0, 0.0), noise());
        for _ in 0..1_000 {
            filter.feed(noise(), SECOND);
        }
        let count = 100_000;
        let squares: f64 = (0..count).map(|_| filter.feed(noise(), SECOND).powi(2)).sum();
        let gain = steady_gain(0.1, 1.0, 1.0);
        let (variance, expected) = (squares / f64::from(count), gain / (2.0 - gain));
        assert!((variance / expected - 1.0).abs() < 0.05, "{variance} {expected}");
    }

    #[test]
    fn an_outlier_is_weighted_and_a_jump_is_followed_at_the_second_sample() {
        let mut filter = Kalman::new(0.01, 0.5, 5.0, 10.0);
        for _ in 0..1_000 {
            filter.feed(10.0, SECOND);
        }
        let after_outlier = filter.feed(20.0, SECOND);
        assert!(after_outlier < 10.3, "{after_outlier}");
        filter.feed(10.0, SECOND);
        assert!(filter.feed(0.0, SECOND) > 9.7, "one on the other side is an outlier again");
        assert!(filter.feed(20.0, SECOND) < 11.0, "two on different sides are no jump");
        assert!((filter.feed(20.0, SECOND) - 20.0).abs() <= 0.0);
        assert!((filter.variance - 0.25).abs() <= 0.0, "as sure as one measurement");
    }
}

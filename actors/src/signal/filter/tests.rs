use super::*;
use proptest::prelude::*;

const SECOND: i64 = 1_000_000;

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(1_795_352_617_000_000 + micros)
}

fn lag(time_constant_ms: u32) -> FilterState {
    FilterState::new(&Filter::Lag { time_constant_ms })
}

fn median(samples: u32) -> FilterState {
    FilterState::new(&Filter::Median { samples })
}

fn assert_near(got: f64, expected: f64, bound: f64) {
    assert!((got - expected).abs() <= bound, "{got} is not {expected}");
}

#[test]
fn a_tag_without_filter_costs_a_pointer() {
    assert_eq!(size_of::<Option<FilterState>>(), size_of::<usize>());
}

#[test]
fn the_first_sample_passes_and_nothing_is_repeated_before_it() {
    for mut filter in [lag(2_000), median(5)] {
        assert!(filter.is_settled());
        assert_eq!(filter.repeat(at(0)), None);
        assert_near(filter.feed(7.5, at(1)), 7.5, 0.0);
        assert!(filter.is_settled());
    }
}

#[test]
fn a_lag_follows_a_step_by_one_minus_e_to_the_minus_t_over_t() {
    for period in [1_000, 100_000, 700_000] {
        let mut filter = lag(2_000);
        filter.feed(0.0, at(0));
        // However long the source was silent, the step shows from its sample on.
        assert_near(filter.feed(1.0, at(3_600 * SECOND)), 0.0, 0.0);
        for step in 1..20 {
            let held = step * period;
            let expected = -(-(held as f64) / 2e6).exp_m1();
            assert_near(filter.repeat(at(3_600 * SECOND + held)).unwrap(), expected, 1e-14);
        }
    }
}

#[test]
fn a_lag_follows_a_ramp_late_by_its_time_constant() {
    let (slope, period) = (3.0, 1_000);
    let mut filter = lag(2_000);
    let mut output = 0.0;
    for step in 0..100_000 {
        output = filter.feed(slope * step as f64 * 1e-3, at(step * period));
    }
    // Held samples are a ramp that is late by half a period: the lag of the stairs at their edge is
    // period / (1 − e^(−period/T)), which is T + period/2.
    let late = (slope * 99.999 - output) / slope;
    assert_near(late, 1e-3 / -(-1e-3_f64 / 2.0).exp_m1(), 1e-9);
    assert_near(late, 2.0, 1e-3);
}

#[test]
fn repeating_does_not_change_what_a_lag_answers_later() {
    let (mut often, mut once) = (lag(5_000), lag(5_000));
    for filter in [&mut often, &mut once] {
        filter.feed(0.0, at(0));
        filter.feed(10.0, at(SECOND));
    }
    for step in 1..1_000 {
        often.repeat(at(SECOND + step * 1_000));
    }
    assert_near(often.feed(4.0, at(2 * SECOND)), once.feed(4.0, at(2 * SECOND)), 0.0);
}

#[test]
fn a_time_that_goes_back_is_no_time_passed_and_does_not_stop_the_filter() {
    let mut filter = lag(1_000);
    filter.feed(0.0, at(0));
    filter.feed(1.0, at(0));
    let before = filter.repeat(at(SECOND)).unwrap();
    assert_near(filter.repeat(at(-3_600 * SECOND)).unwrap(), before, 0.0);
    let expected = -(-2.0_f64).exp_m1();
    assert_near(filter.repeat(at(-3_599 * SECOND)).unwrap(), expected, 1e-14);
}

#[test]
fn a_median_answers_with_the_middle_of_the_last_samples() {
    let mut filter = median(3);
    let outputs: Vec<_> = [1.0, 3.0, 2.0, 100.0, 2.5, -7.0, 2.5]
        .into_iter()
        .zip(0..)
        .map(|(value, step)| filter.feed(value, at(step)))
        .collect();
    assert_eq!(outputs, [1.0, 2.0, 2.0, 3.0, 2.5, 2.5, 2.5]);
}

#[test]
fn a_median_comes_to_the_value_of_a_silent_source_in_half_its_samples() {
    let mut filter = median(5);
    for step in 0..5 {
        filter.feed(1.0, at(step));
    }
    assert_near(filter.feed(9.0, at(5)), 1.0, 0.0);
    assert!(!filter.is_settled());
    assert_eq!(filter.repeat(at(6)), Some(1.0));
    assert_eq!(filter.repeat(at(7)), Some(9.0));
    assert!(filter.is_settled());
}

#[test]
fn a_kalman_filter_that_rests_is_as_sure_after_an_hour_as_if_it_had_been_repeated() {
    let definition = Filter::Kalman { process_noise: 0.01, measurement_noise: 0.5, reset_sigmas: 5.0 };
    let [mut resting, mut repeated] = [FilterState::new(&definition), FilterState::new(&definition)];
    for filter in [&mut resting, &mut repeated] {
        for step in 0..2_000 {
            filter.feed(10.0, at(step * SECOND));
        }
        filter.repeat(at(2_000 * SECOND));
        assert!(filter.is_settled());
    }
    for step in 2_001..5_600 {
        repeated.repeat(at(step * SECOND));
    }
    let (after_rest, after_repeats) = (resting.feed(11.0, at(5_600 * SECOND)), repeated.feed(11.0, at(5_600 * SECOND)));
    assert_near(after_rest, after_repeats, 1e-9);
    assert!(after_rest < 10.05);
}

#[test]
fn a_reset_filter_starts_anew() {
    let mut filter = lag(60_000);
    filter.feed(0.0, at(0));
    filter.reset();
    assert!(filter.is_settled());
    assert_near(filter.feed(5.0, at(1)), 5.0, 0.0);
}

fn any_filter() -> impl Strategy<Value = Filter> {
    prop_oneof![
        (1..10_000_u32).prop_map(|time_constant_ms| Filter::Lag { time_constant_ms }),
        (0.1..10.0_f64, 0.1..10.0_f64, 1.0..8.0_f64).prop_map(|(process_noise, measurement_noise, reset_sigmas)| {
            Filter::Kalman { process_noise, measurement_noise, reset_sigmas }
        }),
        (1..=50_u32).prop_map(|half| Filter::Median { samples: 2 * half + 1 }),
    ]
}

fn any_number() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => -100.0..100.0_f64,
        1 => prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO,
        1 => prop::sample::select(vec![f64::MAX, f64::MIN, 0.0, -0.0]),
    ]
}

proptest! {
    #[test]
    fn a_filtered_value_stays_within_the_samples_so_far(
        filter in any_filter(), samples in prop::collection::vec((any_number(), -SECOND..10 * SECOND, any::<bool>()), 1..60)
    ) {
        let mut state = FilterState::new(&filter);
        let (mut low, mut high, mut time) = (f64::INFINITY, f64::NEG_INFINITY, 0);
        for (value, step, is_repeat) in samples {
            time += step;
            let filtered = if is_repeat { state.repeat(at(time)) } else { None };
            let filtered = filtered.unwrap_or_else(|| {
                (low, high) = (low.min(value), high.max(value));
                state.feed(value, at(time))
            });
            prop_assert!((low..=high).contains(&filtered), "{filter:?}: {filtered} outside {low}..={high}");
        }
    }

    #[test]
    fn a_filtered_value_never_rests_where_a_silent_source_does_not(
        filter in any_filter(), samples in prop::collection::vec((-100.0..100.0_f64, 1..10 * SECOND), 1..30), last in prop_oneof![-100.0..100.0_f64, Just(0.0)]
    ) {
        prop_assert_eq!(filter.check(), Ok(()));
        let mut state = FilterState::new(&filter);
        let mut time = 0;
        for (value, step) in samples {
            time += step;
            state.feed(value, at(time));
        }
        let mut filtered = state.feed(last, at(time));
        // The slowest: noises of 0.1 and 10, whose gain at one a second is 0.01; and 50 time constants of 10 s.
        let mut repeats = 0;
        while !state.is_settled() {
            repeats += 1;
            prop_assert!(repeats < 6_000, "{filter:?} rests at {filtered}, its source at {last}");
            time += SECOND;
            filtered = state.repeat(at(time)).unwrap();
        }
        prop_assert!((filtered - last).abs() <= 0.0);
    }
}

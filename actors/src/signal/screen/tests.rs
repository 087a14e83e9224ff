use super::*;
use flyball_schema::Quality;
use flyball_schema::definition::{DriftScreen, FrozenScreen, OutlierScreen, RangeScreen, RateScreen};
use proptest::prelude::*;

const SECOND: i64 = 1_000_000;

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(1_795_352_617_000_000 + micros)
}

fn state(definition: Screens) -> ScreenState {
    assert_eq!(definition.check(None), Ok(()));
    ScreenState::new(&definition, None)
}

/// Whether `screen` stands after each of the values, one a second.
fn stands(state: &mut ScreenState, screen: Screen, values: &[f64]) -> Vec<bool> {
    let seconds = (0..).map(|second| at(second * SECOND));
    values.iter().zip(seconds).map(|(&value, time)| state.feed(value, time).contains(screen)).collect()
}

fn frozen(deviation: f64, window_ms: u32) -> Screens {
    Screens { frozen: Some(FrozenScreen { deviation, window_ms }), ..Screens::default() }
}

fn hampel(samples: u32, sigmas: f64, floor: f64) -> Screens {
    Screens { outlier: Some(OutlierScreen { samples, sigmas, floor }), ..Screens::default() }
}

fn cusum(target: Option<f64>, reference_samples: Option<u32>, slack: f64, threshold: f64) -> Screens {
    Screens { drift: Some(DriftScreen { target, reference_samples, slack, threshold }), ..Screens::default() }
}

#[test]
fn a_tag_without_screens_costs_a_pointer() {
    assert_eq!(size_of::<Option<ScreenState>>(), size_of::<usize>());
    let mut none = ScreenState::new(&Screens::default(), None);
    assert!(none.feed(1.0, at(0)).is_empty());
    assert_eq!(none.figures(), Figures::default());
}

#[test]
fn a_value_outside_its_range_stands_and_its_ends_do_not() {
    let range = Screens { range: Some(RangeScreen { low: None, high: Some(8.0) }), ..Screens::default() };
    let mut screens = ScreenState::new(&range, Some(Range { low: 0.0, high: 10.0 }));
    let found = stands(&mut screens, Screen::Range, &[0.0, 8.0, 8.1, -0.1, 5.0]);
    assert_eq!(found, [false, false, true, true, false]);
    screens.feed(9.0, at(10 * SECOND));
    assert_eq!(screens.standing().quality(), Quality::UNCERTAIN_RANGE_EXCEEDED);
    screens.reset();
    assert!(screens.standing().is_empty());
}

#[test]
fn a_rate_is_the_change_between_two_samples_over_their_time() {
    let mut screens = state(Screens { rate: Some(RateScreen { limit: 5.0 }), ..Screens::default() });
    assert!(screens.feed(0.0, at(0)).is_empty());
    assert!(screens.feed(5.0, at(SECOND)).is_empty(), "the limit itself is allowed");
    assert!(screens.feed(-0.1, at(2 * SECOND)).contains(Screen::Rate));
    assert_eq!(screens.figures().rate, Some(-5.1));
    assert!(screens.feed(100.0, at(2 * SECOND)).contains(Screen::Rate), "no time, no new rate");
    assert!(screens.feed(4.0, at(3 * SECOND)).is_empty(), "from the first at that time");
    assert!(screens.feed(5.0, at(2 * SECOND)).is_empty(), "time that goes back has no rate");
    assert!(screens.feed(6.0, at(3 * SECOND)).is_empty());
}

#[test]
fn the_deviation_of_a_sine_is_its_amplitude_over_root_two() {
    let amplitude = 0.1;
    // The panes cut the sine elsewhere than at whole periods: a 32nd of the window more or less.
    for (limit, expected) in [(0.0725, true), (0.0690, false)] {
        let mut screens = state(frozen(limit, 60_000));
        let mut found = Vec::new();
        for step in 0..1_200 {
            // Twelve samples of a period of 6 s, on a large offset.
            let value = 1e6 + amplitude * (f64::from(step) * std::f64::consts::TAU / 12.0).sin();
            found.push(screens.feed(value, at(i64::from(step) * SECOND / 2)).contains(Screen::Frozen));
        }
        assert!(!found[..120].contains(&true), "the window is not full before a minute");
        assert_eq!(found[120..].iter().all(|stands| *stands), expected);
        assert_eq!(found[120..].contains(&true), expected);
        let deviation = screens.figures().deviation.unwrap();
        assert!((deviation * 2.0_f64.sqrt() / amplitude - 1.0).abs() < 0.02, "{deviation}");
    }
}

#[test]
fn a_value_that_stays_is_frozen_until_it_has_moved() {
    let mut screens = state(frozen(0.01, 10_000));
    let found = stands(&mut screens, Screen::Frozen, &[7.0; 12]);
    assert_eq!(found, [vec![false; 10], vec![true; 2]].concat());
    assert!(!screens.feed(7.5, at(12 * SECOND)).contains(Screen::Frozen));
    let rest: Vec<_> = (13..25).map(|second| screens.feed(7.5, at(second * SECOND)).contains(Screen::Frozen)).collect();
    // The last 7.0 came at 11 s and leaves at 21 s.
    assert_eq!(rest, [vec![false; 8], vec![true; 4]].concat());
}

#[test]
fn a_source_that_is_hardly_alive_is_not_frozen() {
    let mut screens = state(frozen(0.01, 10_000));
    for sample in 0..100 {
        assert!(screens.feed(7.0, at(sample * 5 * SECOND)).is_empty(), "two samples in a window");
    }
    assert!(screens.feed(7.0, at(10_000 * SECOND)).is_empty(), "one sample after silence");
}

#[test]
fn a_window_is_bounded_whatever_the_rate_and_leaves_no_sample_out() {
    let mut window = Frozen::new(FrozenScreen { deviation: 1.0, window_ms: 1_000 });
    let mut time = Elapsed::default();
    let capacity = window.panes().1;
    let mut largest = 0;
    for step in 0..100_000_i64 {
        time.step(at(step * 97));
        window.feed(if step % 2 == 0 { 3.0 } else { -3.0 }, &time);
        largest = largest.max(window.panes().0);
    }
    assert_eq!(window.panes().1, capacity, "the window has grown");
    assert!(largest <= 35, "{largest}");
    let deviation = window.deviation().unwrap();
    assert!((deviation - 3.0).abs() < 1e-6, "{deviation}");
}

#[test]
fn the_hampel_identifier_finds_what_its_formula_says() {
    // Median 3, MAD 1 of the samples before: flagged beyond 3 · 1.4826.
    let before = [1.0, 2.0, 3.0, 4.0, 5.0];
    for (value, expected) in [(7.4, false), (7.5, true), (-1.4, false), (-1.5, true)] {
        let mut screens = state(hampel(5, 3.0, 0.0));
        assert_eq!(stands(&mut screens, Screen::Outlier, &before), [false; 5]);
        assert_eq!(screens.figures().outlier_score, None);
        assert_eq!(screens.feed(value, at(9 * SECOND)).contains(Screen::Outlier), expected, "{value}");
        let score = screens.figures().outlier_score.unwrap();
        assert!((score - (value - 3.0_f64).abs() / 1.4826).abs() < 1e-12, "{score}");
    }
}

#[test]
fn among_equal_samples_any_other_is_an_outlier_unless_there_is_a_floor() {
    let mut bare = state(hampel(3, 3.0, 0.0));
    let values = [5.0, 5.0, 5.0, 5.0, 5.000_001, 5.0];
    assert_eq!(stands(&mut bare, Screen::Outlier, &values), [false, false, false, false, true, false]);
    let mut floored = state(hampel(3, 3.0, 0.1));
    let values = [5.0, 5.0, 5.0, 5.3, 5.31, 5.0];
    assert_eq!(stands(&mut floored, Screen::Outlier, &values), [false, false, false, false, true, false]);
    let mut infinite = state(hampel(3, 3.0, 0.0));
    stands(&mut infinite, Screen::Outlier, &[5.0, 5.0, 5.0, 6.0]);
    assert_eq!(infinite.figures().outlier_score, Some(f64::INFINITY));
}

#[test]
fn a_real_step_is_accepted_once_it_is_half_of_the_window() {
    let mut screens = state(hampel(5, 3.0, 0.1));
    let values = [1.0, 1.0, 1.0, 1.0, 1.0, 9.0, 9.0, 9.0, 9.0, 9.0];
    let found = stands(&mut screens, Screen::Outlier, &values);
    assert_eq!(found, [false, false, false, false, false, true, true, true, false, false]);
}

#[test]
fn a_shift_is_found_after_threshold_over_shift_less_slack_samples() {
    for (shift, slack, threshold, expected) in [(1.0, 0.5, 4.75, 10), (2.0, 0.5, 4.0, 3), (-1.25, 0.5, 2.0, 3)] {
        let quotient: f64 = threshold / (f64::abs(shift) - slack);
        assert!((quotient.ceil() - f64::from(expected)).abs() <= 0.0);
        let mut screens = state(cusum(Some(10.0), None, slack, threshold));
        for sample in 1..=expected {
            let stands = screens.feed(10.0 + shift, at(i64::from(sample))).contains(Screen::Drift);
            assert_eq!(stands, sample == expected, "sample {sample} of a shift of {shift}");
        }
    }
}

#[test]
fn values_within_the_slack_never_drift() {
    let mut screens = state(cusum(Some(10.0), None, 0.5, 0.1));
    for sample in 0..10_000 {
        let value = 10.0 + 0.499 * f64::from(sample).sin();
        assert!(screens.feed(value, at(i64::from(sample))).is_empty());
    }
    assert_eq!((screens.figures().drift_high, screens.figures().drift_low), (Some(0.0), Some(0.0)));
}

#[test]
fn a_mended_sensor_is_believed_again_in_bounded_time() {
    let mut screens = state(cusum(Some(0.0), None, 0.5, 4.0));
    for sample in 0..100_000 {
        screens.feed(50.0, at(sample));
    }
    assert_eq!(screens.figures().drift_high, Some(8.0));
    let found = stands(&mut screens, Screen::Drift, &[0.0; 10]);
    assert_eq!(found, [vec![true; 7], vec![false; 3]].concat(), "from 8 to 4 by 0.5");
}

#[test]
fn a_target_is_learned_as_the_mean_of_the_first_samples() {
    let mut screens = state(cusum(None, Some(4), 0.5, 4.0));
    stands(&mut screens, Screen::Drift, &[1.0, 2.0, 3.0]);
    assert_eq!(screens.figures().drift_target, None);
    screens.feed(6.0, at(SECOND));
    assert_eq!(screens.figures().drift_target, Some(3.0));
    screens.feed(5.0, at(2 * SECOND));
    assert_eq!(screens.figures().drift_high, Some(1.5));
    screens.reset();
    assert_eq!(screens.figures().drift_target, None);
}

#[test]
fn screens_stand_side_by_side() {
    let mut screens = state(Screens {
        range: Some(RangeScreen { low: Some(0.0), high: None }),
        rate: Some(RateScreen { limit: 1.0 }),
        ..hampel(3, 3.0, 0.0)
    });
    stands(&mut screens, Screen::Outlier, &[1.0, 1.0, 1.0]);
    let standing = screens.feed(-5.0, at(3 * SECOND));
    assert_eq!(standing.to_string(), "range, rate, outlier");
    assert_eq!(screens.standing(), standing);
}

fn any_number() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => -100.0..100.0_f64,
        1 => prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO,
        1 => prop::sample::select(vec![f64::MAX, f64::MIN, 0.0, -0.0, 5.0]),
    ]
}

proptest! {
    #[test]
    fn screens_take_any_finite_number_at_any_time(
        samples in prop::collection::vec((any_number(), any::<i64>() , -SECOND..10 * SECOND, any::<bool>()), 0..200),
        learned in any::<bool>(),
    ) {
        let (target, reference_samples) = if learned { (None, Some(10)) } else { (Some(1.0), None) };
        let mut screens = state(Screens {
            range: Some(RangeScreen { low: Some(0.0), high: None }),
            rate: Some(RateScreen { limit: 1.0 }),
            frozen: Some(FrozenScreen { deviation: 1.0, window_ms: 1 }),
            drift: cusum(target, reference_samples, 0.5, 5.0).drift,
            ..hampel(4, 3.0, 0.0)
        });
        let mut time = 0_i64;
        for (value, anywhere, step, jumps) in samples {
            time = if jumps { anywhere } else { time.saturating_add(step) };
            let standing = screens.feed(value, Timestamp::from_micros(time));
            prop_assert_eq!(standing.contains(Screen::Range), value < 0.0);
            let figures = screens.figures();
            for sum in [figures.drift_high, figures.drift_low] {
                prop_assert!(sum.is_some_and(|sum| (0.0..=10.0).contains(&sum)));
            }
        }
    }

    #[test]
    fn the_deviation_is_that_of_the_samples_in_the_window(
        samples in prop::collection::vec((-10.0..10.0_f64, SECOND / 16..3 * SECOND), 1..200),
    ) {
        // Two seconds are 32 panes of 1/16 s: at most one sample a pane, so that the window is exact.
        let mut screens = state(frozen(1.0, 2_000));
        let mut times = Vec::new();
        let mut now = 0;
        for (value, step) in samples {
            now += step;
            times.push((now, value));
            screens.feed(value, at(now));
            let inside: Vec<f64> =
                times.iter().filter(|(time, _)| now - time < 2 * SECOND).map(|(_, value)| *value).collect();
            let count = inside.len() as f64;
            let mean = inside.iter().sum::<f64>() / count;
            let expected = (inside.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt();
            let deviation = screens.figures().deviation.unwrap();
            prop_assert!((deviation - expected).abs() < 1e-9, "{} {}", deviation, expected);
        }
    }
}

//! Windows, totals and running hours by script.

use super::*;
use crate::expressions::window::MAX_SAMPLES;
use serde_json::json;

const SECOND: i64 = 1_000_000;

/// Evaluates at each (second, value of `a`, quality) and compares.
fn run(text: &str, script: &[(f64, f64, Quality, Outcome)]) {
    let (mut program, mut plant) = (compile(text), Plant::new());
    for (seconds, value, quality, expected) in script {
        plant.set("a", *value, *quality);
        #[expect(clippy::cast_possible_truncation, reason = "small numbers")]
        let micros = (seconds * 1e6) as i64;
        assert_eq!(&plant.evaluate(&mut program, micros), expected, "{text} at {seconds} s");
    }
}

const G: Quality = Quality::GOOD;
const B: Quality = Quality::BAD_TIMEOUT;

#[test]
fn a_mean_is_weighted_by_time() {
    run(
        "avg(a, 10s)",
        &[
            (0.0, 1.0, G, good(1.0)),
            (1.0, 4.0, G, good(1.0)),
            (3.0, 4.0, G, good(3.0)),
            (10.0, 4.0, G, good(3.7)),
            (10.5, 4.0, G, good(3.85)),
            (11.0, 4.0, G, good(4.0)),
            (1_000.0, 4.0, G, good(4.0)),
            (1_005.0, 0.0, G, good(4.0)),
            (1_010.0, 0.0, G, good(2.0)),
        ],
    );
}

#[test]
fn a_mean_of_one_value_is_that_value() {
    let (mut program, plant) = (compile("avg(a, 60s)"), Plant::new().with("a", 0.1, G));
    for step in 0..1_000 {
        assert_eq!(plant.evaluate(&mut program, step * 77_777), good(0.1));
    }
}

#[test]
fn extremes_leave_with_the_window() {
    run(
        "max(a, 10s)",
        &[
            (0.0, 5.0, G, good(5.0)),
            (1.0, 3.0, G, good(5.0)),
            (10.0, 1.0, G, good(5.0)),
            (10.999_999, 1.0, G, good(5.0)),
            (11.0, 1.0, G, good(3.0)),
            (20.0, 1.0, G, good(1.0)),
        ],
    );
    run("min(a, 10s)", &[(0.0, -5.0, G, good(-5.0)), (1.0, 3.0, G, good(-5.0)), (11.0, 3.0, G, good(3.0))]);
}

#[test]
fn a_sum_counts_changes_not_evaluations() {
    run(
        "sum(a, 10s)",
        &[
            (0.0, 5.0, G, good(5.0)),
            (1.0, 5.0, G, good(5.0)),
            (2.0, 3.0, G, good(8.0)),
            (2.0, 4.0, G, good(12.0)),
            (9.999_999, 4.0, G, good(12.0)),
            (10.0, 4.0, G, good(7.0)),
            (12.0, 4.0, G, good(0.0)),
            (13.0, 5.0, G, good(5.0)),
        ],
    );
}

#[test]
fn a_rate_is_the_change_over_the_window() {
    run(
        "rate(a, 10s)",
        &[
            (0.0, 1.0, G, bad(Quality::BAD_NO_DATA)),
            (2.0, 5.0, G, good(2.0)),
            (4.0, 5.0, G, good(1.0)),
            (10.0, 5.0, G, good(0.4)),
            (11.0, 5.0, G, good(0.4)),
            (12.0, 5.0, G, good(0.0)),
        ],
    );
}

#[test]
fn a_window_leaves_bad_spans_out_and_says_so() {
    run(
        "avg(a, 10s)",
        &[
            (0.0, 1.0, G, good(1.0)),
            (2.0, 9.0, B, uncertain(1.0)),
            (6.0, 4.0, G, uncertain(1.0)),
            (8.0, 4.0, G, uncertain(2.5)),
            (15.9, 4.0, G, uncertain(4.0)),
            (16.0, 4.0, G, good(4.0)),
            (17.0, 4.0, B, uncertain(4.0)),
            (26.9, 4.0, B, uncertain(4.0)),
            (27.0, 4.0, B, bad(B)),
            (28.0, 2.0, G, uncertain(2.0)),
        ],
    );
    run(
        "rate(a, 10s)",
        &[
            (0.0, 1.0, B, bad(B)),
            (1.0, 1.0, G, bad(Quality::BAD_NO_DATA)),
            (2.0, 3.0, G, Outcome { value: Some(2.0.into()), quality: Quality::UNCERTAIN_DATA_SUB_NORMAL }),
            (3.0, 5.0, B, uncertain(1.0)),
            (9.0, 5.0, B, uncertain(1.0)),
            (10.0, 11.0, G, uncertain(10.0 / 9.0)),
        ],
    );
    run("sum(a, 10s)", &[(0.0, 1.0, G, good(1.0)), (1.0, 2.0, B, uncertain(1.0)), (2.0, 1.0, G, uncertain(2.0))]);
    run(
        "max(a, 10s)",
        &[
            (0.0, 1.0, Quality::UNCERTAIN, uncertain(1.0)),
            (1.0, 1.0, G, uncertain(1.0)),
            (10.9, 1.0, G, uncertain(1.0)),
            (11.0, 1.0, G, good(1.0)),
        ],
    );
}

#[test]
fn a_window_in_the_branch_not_taken_goes_on() {
    let (mut program, mut plant) = (compile("if(c, total(a, 1s), -1)"), Plant::new());
    plant.evaluate(&mut program, 0);
    plant.set("c", false, G);
    assert_eq!(plant.evaluate(&mut program, SECOND), good(-1.0));
    plant.set("a", 100.0, G);
    plant.evaluate(&mut program, 2 * SECOND);
    plant.set("c", true, G);
    assert_eq!(plant.evaluate(&mut program, 3 * SECOND), good(104.0));
}

#[test]
fn a_total_is_the_integral_per_time_base() {
    run(
        "total(a, 1h)",
        &[
            (0.0, 3_600.0, G, good(0.0)),
            (1.0, 3_600.0, G, good(1.0)),
            (3.0, 7_200.0, G, good(3.0)),
            (4.0, 7_200.0, B, uncertain(5.0)),
            (10.0, 7_200.0, B, uncertain(5.0)),
            (11.0, 3_600.0, G, good(5.0)),
            (12.0, -3_600.0, G, good(6.0)),
            (14.0, 0.0, Quality::UNCERTAIN, Outcome { value: Some(4.0.into()), quality: Quality::UNCERTAIN }),
        ],
    );
}

#[test]
fn a_total_keeps_small_steps_onto_a_large_sum() {
    let (mut program, mut plant) = (compile("total(a, 1s)"), Plant::new().with("a", 1e16, G));
    plant.evaluate(&mut program, 0);
    plant.set("a", 1.0, G);
    for second in 1..=1_001 {
        plant.evaluate(&mut program, second * SECOND);
    }
    assert_eq!(plant.evaluate(&mut program, 1_001 * SECOND), good(1e16 + 1_000.0));
}

#[test]
fn a_total_that_cannot_be_held_is_bad_and_goes_on() {
    let (mut program, mut plant) = (compile("total(a, 1s)"), Plant::new().with("a", 1e308, G));
    plant.evaluate(&mut program, 0);
    plant.set("a", 2.0, G);
    assert_eq!(plant.evaluate(&mut program, SECOND), bad(Quality::BAD_OUT_OF_RANGE));
    assert_eq!(plant.evaluate(&mut program, 2 * SECOND), good(2.0));
}

#[test]
fn running_hours_count_while_the_condition_is_true() {
    let (mut program, mut plant) = (compile("hours(c, d)"), Plant::new());
    assert_eq!(plant.evaluate(&mut program, 0), good(0.0));
    assert_eq!(plant.evaluate(&mut program, 1_800 * SECOND), good(0.5));
    plant.set("c", false, G);
    assert_eq!(plant.evaluate(&mut program, 3_600 * SECOND), good(1.0));
    plant.set("c", true, B);
    assert_eq!(plant.evaluate(&mut program, 7_200 * SECOND), uncertain(1.0));
    plant.set("c", true, G);
    assert_eq!(plant.evaluate(&mut program, 9_000 * SECOND), good(1.0));
    assert_eq!(plant.evaluate(&mut program, 10_800 * SECOND), good(1.5));
    plant.set("d", true, B);
    assert_eq!(plant.evaluate(&mut program, 10_800 * SECOND), uncertain(1.5));
    plant.set("d", true, G);
    assert_eq!(plant.evaluate(&mut program, 12_600 * SECOND), good(0.0));
    plant.set("d", false, G);
    assert_eq!(plant.evaluate(&mut program, 14_400 * SECOND), good(0.5));
}

#[test]
fn time_that_runs_backwards_stands_still() {
    run(
        "total(a, 1s) + avg(a, 10s)",
        &[(100.0, 1.0, G, good(1.0)), (50.0, 3.0, G, good(3.0)), (101.0, 3.0, G, good(6.0))],
    );
}

#[test]
fn sums_survive_a_restart_and_the_time_between_does_not_count() {
    let text = "total(a, 1s) + hours(c) + total(-a, 1s, d)";
    let (mut before, plant) = (compile(text), Plant::new());
    plant.evaluate(&mut before, 0);
    let last = plant.evaluate(&mut before, 3_600 * SECOND);
    assert_eq!(last, good(1.0));
    let memory = before.memory().unwrap();
    let mut after = compile(text);
    after.restore(&serde_json::from_str(&memory.to_string()).unwrap()).unwrap();
    assert_eq!(after.memory().unwrap(), memory);
    assert_eq!(plant.evaluate(&mut after, 9_999 * SECOND), last);
    assert_eq!(plant.evaluate(&mut after, (9_999 + 3_600) * SECOND), good(2.0));
    assert_eq!(compile("avg(a, 60s)").memory(), None);
}

#[test]
fn a_memory_of_something_else_is_refused_and_changes_nothing() {
    let (mut program, plant) = (compile("total(a, 1s) + hours(c)"), Plant::new());
    plant.evaluate(&mut program, 0);
    plant.evaluate(&mut program, SECOND);
    let before = program.memory();
    let refused = [
        json!(null),
        json!({}),
        json!([]),
        json!([{"kind": "total", "sum": 1.0, "rest": 0.0}]),
        json!([{"kind": "hours", "micros": 1}, {"kind": "total", "sum": 1.0, "rest": 0.0}]),
        json!([{"kind": "total", "sum": null, "rest": 0.0}, {"kind": "hours", "micros": 1}]),
        json!([{"kind": "total", "sum": 1.0, "rest": 0.0}, {"kind": "hours", "micros": -1}]),
        json!([{"kind": "total", "sum": 1.0}, {"kind": "hours", "micros": 1}]),
    ];
    for memory in refused {
        assert!(program.restore(&memory).is_err(), "{memory}");
        assert_eq!(program.memory(), before);
    }
    let other = program.restore(&json!([{"kind": "hours", "micros": 1}])).unwrap_err();
    assert_eq!(other.to_string(), "the memory is of the sums [hours], the expression has [total, hours]");
}

#[test]
fn a_window_keeps_a_bounded_number_of_samples() {
    use crate::expressions::machine::Slot;
    use crate::expressions::window::{Greatest, Least, Mean, Measure, Rate, Sum, Window};
    use std::time::Duration;

    /// Result after 100,000 samples in 50 s, each its number, into a window of 10 s.
    fn result<M: Measure>() -> f64 {
        let mut window = Window::<M>::new(Duration::from_secs(10));
        let mut last = f64::NAN;
        for number in 0..100_000_i32 {
            last = window.advance(i64::from(number) * 500, Slot::good(f64::from(number))).value;
            assert!(window.kept() <= MAX_SAMPLES);
        }
        last
    }
    let near = |found: f64, exact: f64, tolerance: f64| assert!((found - exact).abs() <= tolerance, "{found}, {exact}");
    // The window holds the last 20,000; merged spans are of at most 20 samples.
    near(result::<Mean>(), 89_999.0, 20.0);
    near(result::<Least>(), 79_999.0, 20.0);
    near(result::<Greatest>(), 99_999.0, 0.0);
    near(result::<Sum>(), 20_000.0 * 89_999.5, 20.0 * 80_000.0);
    near(result::<Rate>(), 2_000.0, 2.0);
}

#[test]
fn many_samples_at_one_moment_are_bounded_too() {
    let (mut program, mut plant) = (compile("sum(a, 10s) + min(a, 10s) + avg(a, 10s)"), Plant::new());
    let mut last = None;
    for number in 0..10_000_i32 {
        plant.set("a", f64::from(number), if number % 3 == 1 { B } else { G });
        last = plant.evaluate(&mut program, 0).value;
    }
    let sum: f64 = (0..10_000_i32).filter(|number| number % 3 != 1).map(f64::from).sum();
    assert_eq!(last, Some(Value::Float(sum + 9_999.0)));
}

#[test]
fn a_sample_replaced_at_once_by_a_bad_one_still_counts_when_merged() {
    let (mut program, mut plant) = (compile("sum(a, 10s)"), Plant::new());
    let mut last = None;
    for number in 1..=10_000_i32 {
        for quality in [G, B] {
            plant.set("a", f64::from(number), quality);
            last = plant.evaluate(&mut program, number.into()).value;
        }
    }
    assert_eq!(last, Some(Value::Float(50_005_000.0)));
}

use super::*;
use crate::machines::testing::Bench;
use crate::machines::{MachineError, MachineState, Transition};
use flyball_schema::Value;

fn bench(parameters: &[(&str, Value)]) -> Bench {
    let mut all = vec![
        ("set_point", Value::Float(10.0)),
        ("gain", Value::Float(2.0)),
        ("integral_time", Value::Float(5.0)),
        ("output_high", Value::Float(10.0)),
    ];
    all.extend_from_slice(parameters);
    Bench::new(Pid::default(), 100, &all).fed("pv")
}

/// A tank that a pump fills and that runs out: first order, exact over one step.
fn tank(level: f64, output: f64) -> f64 {
    let decay = (-0.1_f64 / 8.0).exp();
    level * decay + 2.5 * output * (1.0 - decay)
}

fn settle(bench: &mut Bench, mut level: f64, steps: usize) -> f64 {
    for _ in 0..steps {
        let output = bench.step_with("pv", level).float("out");
        level = tank(level, output);
    }
    level
}

#[test]
fn the_loop_settles_at_its_set_point() {
    let mut bench = bench(&[]);
    let level = settle(&mut bench, 0.0, 1_000);
    assert!((level - 10.0).abs() < 1e-3, "{level}");
    bench.set(&[("set_point", Value::Float(7.0))]).unwrap();
    let level = settle(&mut bench, level, 1_000);
    assert!((level - 7.0).abs() < 1e-3, "{level}");
    assert_eq!(bench.text("state"), "run/auto");
}

#[test]
fn manual_and_back_does_not_move_the_output() {
    let mut bench = bench(&[]);
    let level = settle(&mut bench, 0.0, 40);
    let before = bench.float("out");
    bench.set(&[("mode", Value::from("manual"))]).unwrap();
    assert!((bench.step_with("pv", level).float("out") - before).abs() < 1e-9);
    assert_eq!(bench.text("state"), "run/manual");
    bench.set(&[("manual_output", Value::Float(3.0))]).unwrap();
    let level = settle(&mut bench, level, 100);
    assert!((bench.float("out") - 3.0).abs() < 1e-12);
    bench.set(&[("mode", Value::from("auto"))]).unwrap();
    assert!((bench.step_with("pv", level).float("out") - 3.0).abs() < 1e-9);
}

#[test]
fn a_manual_output_given_with_the_mode_is_taken() {
    let mut bench = bench(&[]);
    settle(&mut bench, 0.0, 40);
    bench.set(&[("mode", Value::from("manual")), ("manual_output", Value::Float(1.5))]).unwrap();
    assert!((bench.step().float("out") - 1.5).abs() < 1e-12);
}

#[test]
fn a_new_tuning_does_not_move_the_output() {
    let mut bench = bench(&[]);
    let level = settle(&mut bench, 0.0, 40);
    let before = bench.step_with("pv", level).float("out");
    bench.set(&[("gain", Value::Float(0.5)), ("integral_time", Value::Float(50.0))]).unwrap();
    let after = bench.step_with("pv", level).float("out");
    assert!((after - before).abs() < 1e-9, "{before} to {after}");
}

#[test]
fn a_bad_process_value_holds_the_output_and_control_goes_on_from_there() {
    let mut bench = bench(&[]);
    let level = settle(&mut bench, 0.0, 40);
    let before = bench.float("out");
    bench.feed_quality("pv", Quality::BAD_NO_COMMUNICATION);
    (0..50).for_each(|_| drop(bench.step().text("state")));
    assert!((bench.float("out") - before).abs() < 1e-12);
    assert_eq!(bench.told("out").quality, Quality::UNCERTAIN_LAST_USABLE);
    assert_eq!(bench.text("state"), "run/hold");
    let after = bench.step_with("pv", level - 1.0).float("out");
    assert!((after - before).abs() < 1e-9, "{before} to {after}");
    assert!(bench.told("out").quality.is_good());
}

#[test]
fn limits_that_cross_are_refused_and_nothing_changes() {
    let mut bench = bench(&[]);
    let error = bench.set(&[("output_low", Value::Float(20.0)), ("gain", Value::Float(9.0))]).unwrap_err();
    assert_eq!(error.to_string(), "machine \"m\": parameter \"output_low\": output_low must be below output_high");
    let status = bench.runner.status(&bench.table);
    let gain = status.info.parameters.iter().position(|parameter| parameter.name == "gain").unwrap();
    assert_eq!(status.parameters[gain], Value::Float(2.0));
    let error = bench.set(&[("manual_output", Value::Float(11.0))]).unwrap_err();
    assert!(matches!(error, MachineError::InvalidParameters { .. }));
}

#[test]
fn the_output_goes_to_its_safe_value_when_the_controller_does_not_run() {
    let mut bench = bench(&[("safe_output", Value::Float(1.0))]);
    settle(&mut bench, 0.0, 10);
    bench.command(Transition::Sleep).unwrap();
    assert!((bench.float("out") - 1.0).abs() < 1e-12);
}

#[test]
fn integral_and_mode_survive_a_restart_of_the_plant() {
    let mut first = bench(&[]);
    let level = settle(&mut first, 0.0, 1_000);
    let before = first.float("out");
    let memory = first.memory().unwrap();
    let mut second = Bench::with_memory(Pid::default(), 100, &[], Some(memory.clone())).unwrap();
    let after = second.step_with("pv", level).float("out");
    assert!((after - before).abs() < 1e-2, "{before} to {after}");
    assert!(second.memory().is_some(), "what changed since is saved again");

    first.set(&[("mode", Value::from("manual"))]).unwrap();
    let memory = first.memory().unwrap();
    let mut third = Bench::with_memory(Pid::default(), 100, &[], Some(memory)).unwrap();
    assert!((third.step_with("pv", level).float("out") - before).abs() < 1e-2);
    assert_eq!(third.text("state"), "run/manual");
}

#[test]
fn a_memory_that_cannot_be_used_faults_until_reset() {
    let mut memory = bench(&[]).memory().unwrap();
    memory.state["own"] = serde_json::json!({ "integral": "lots" });
    let mut bench = Bench::with_memory(Pid::default(), 100, &[], Some(memory)).unwrap();
    assert_eq!(bench.runner.state(), MachineState::Fault);
    assert!(bench.boolean("faulted"));
    bench.command(Transition::Reset).unwrap();
    bench.step_with("pv", 0.0);
    assert_eq!(bench.text("state"), "run/auto");
    assert!(!bench.boolean("faulted"));
}

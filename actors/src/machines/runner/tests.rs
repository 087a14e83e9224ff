use crate::machines::testing::Bench;
use crate::machines::{
    Change, Declaration, Input, Machine, MachineError, MachineState, Output, Parameter, ParameterFault, Step,
    StepError, Transition, View,
};
use flyball_schema::{Quality, Value};
use std::time::Duration;

const LEVEL: Input<f64> = Input::new("level").buffer(2);
const DOUBLE: Output<f64> = Output::new("double", -1.0);
const KEPT: Output<f64> = Output::holding("kept");
const LIMIT: Parameter<f64> = Parameter::new("limit", 100.0).limits(0.0, 1_000.0);
const EVEN: Parameter<i64> = Parameter::new("even", 2);

/// Doubles its input; does whatever it is told to do wrong.
#[derive(Debug, Default)]
struct Doubler {
    total: f64,
    steps: u32,
    last_dt: Duration,
}

impl Machine for Doubler {
    fn declaration(&self) -> Declaration {
        Declaration::new("doubler").input(LEVEL).output(DOUBLE).output(KEPT).parameter(LIMIT).parameter(EVEN)
    }

    fn step(&mut self, step: &mut Step<'_>) -> Result<(), StepError> {
        let level = step.require(&LEVEL)?;
        self.steps += 1;
        self.total += level;
        self.last_dt = step.dt();
        step.set(&DOUBLE, 2.0 * level);
        step.set(&KEPT, level);
        assert!(level < 900.0, "level {level} is absurd");
        if level > step.parameter(&LIMIT) {
            return Err(StepError::new(format!("level {level} is over the limit")));
        }
        match level {
            level if level < -800.0 => step.set(&DOUBLE, f64::NAN),
            level if level < -700.0 => step.set(&Output::<bool>::new("ghost", false), true),
            _ => {}
        }
        Ok(())
    }

    fn reset(&mut self) {
        self.total = 0.0;
    }

    fn own_state(&self) -> Option<&str> {
        (self.total > 50.0).then_some("high")
    }

    fn guard(&self, transition: Transition, view: &View<'_>) -> Result<(), String> {
        let level = view.input(&LEVEL).usable().unwrap_or_default();
        assert!(level > -600.0 || transition == Transition::Run, "guard");
        match transition {
            Transition::Run if level < -500.0 => Err("level too low".to_owned()),
            Transition::Sleep if level > 10.0 => Err("not above 10".to_owned()),
            _ => Ok(()),
        }
    }

    fn change(&mut self, change: &mut Change<'_>) -> Result<(), (&'static str, ParameterFault)> {
        match change.after(&EVEN) {
            odd if odd % 2 != 0 => Err(("even", ParameterFault::Refused("must be even".to_owned()))),
            _ => Ok(()),
        }
    }

    fn save(&self) -> serde_json::Value {
        serde_json::json!(self.total)
    }

    fn restore(&mut self, memory: &serde_json::Value) -> Result<(), String> {
        self.total = memory.as_f64().ok_or("no number")?;
        Ok(())
    }
}

fn bench() -> Bench {
    Bench::new(Doubler::default(), 100, &[])
}

fn running() -> Bench {
    let mut bench = bench();
    bench.step_with("level", 1.0).step_with("level", 2.0);
    assert_eq!(bench.runner.state(), MachineState::Run);
    bench
}

fn close(value: f64, expected: f64) -> bool {
    (value - expected).abs() < 1e-12
}

#[test]
fn a_machine_waits_until_its_input_is_usable_and_its_buffer_is_full() {
    let mut bench = bench();
    assert_eq!(bench.text("state"), "wait");
    assert!(close(bench.float("double"), -1.0), "outputs are safe meanwhile");
    assert_eq!(bench.step().text("state"), "wait");
    assert_eq!(bench.step_with("level", 3.0).text("state"), "wait", "one sample of two");
    assert_eq!(bench.step_with("level", 4.0).text("state"), "run");
    assert!(close(bench.float("double"), 8.0));
}

#[test]
fn a_machine_says_why_it_will_not_run() {
    let mut bench = bench();
    bench.step_with("level", -550.0).step();
    let status = bench.runner.status(&bench.table);
    assert_eq!((status.state, status.denied.as_deref()), (MachineState::Wait, Some("level too low")));
}

#[test]
fn an_error_faults_the_machine_and_drives_its_safe_outputs() {
    let mut bench = running();
    bench.step_with("level", 200.0);
    assert_eq!(bench.runner.fault(), Some("level 200 is over the limit"));
    assert_eq!((bench.text("state").as_str(), bench.boolean("faulted")), ("fault", true));
    assert!(close(bench.float("double"), -1.0));
    assert!(close(bench.float("kept"), 2.0), "the failed step moves nothing, and this output holds");
    let record = bench.effects.transitions.last().unwrap();
    assert_eq!((record.from, record.to), (MachineState::Run, MachineState::Fault));
    assert_eq!(record.fault.as_deref(), Some("level 200 is over the limit"));
}

#[test]
fn a_panic_faults_the_machine_and_reset_brings_it_back() {
    let mut bench = running();
    bench.step_with("level", 950.0);
    assert_eq!(bench.runner.fault(), Some("panicked in step: level 950 is absurd"));
    bench.step_with("level", 1.0);
    assert_eq!(bench.text("state"), "fault", "it does not come back by itself");
    bench.command(Transition::Reset).unwrap();
    assert_eq!((bench.text("state").as_str(), bench.boolean("faulted")), ("wait", false));
    bench.step().step_with("level", 3.0);
    assert_eq!((bench.text("state").as_str(), bench.float("double").to_string().as_str()), ("run", "6"));
    assert_eq!(bench.runner.fault(), None);
}

#[test]
fn an_output_that_is_no_number_and_a_name_not_declared_fault_the_machine() {
    let mut bench = running();
    bench.step_with("level", -900.0);
    assert_eq!(bench.runner.fault(), Some("output \"double\" is no finite number"));
    let mut bench = running();
    bench.step_with("level", -750.0);
    assert_eq!(bench.runner.fault(), Some("output \"ghost\" is used but not declared"));
}

#[test]
fn an_input_that_goes_bad_is_an_error_where_the_step_requires_it() {
    let mut bench = running();
    bench.feed_quality("level", Quality::BAD_NO_COMMUNICATION);
    bench.step();
    assert_eq!(bench.runner.fault(), Some("input \"level\" cannot be used: bad: no communication"));
}

#[test]
fn in_sleep_nothing_steps_and_outputs_are_safe() {
    let mut bench = running();
    bench.command(Transition::Sleep).unwrap();
    bench.step_with("level", 5.0);
    assert_eq!(bench.text("state"), "sleep");
    assert!(close(bench.float("double"), -1.0));
    bench.command(Transition::Restart).unwrap();
    bench.step().step();
    assert!(close(bench.float("double"), 10.0));
}

#[test]
fn restart_keeps_what_the_machine_remembers_and_reset_forgets_it() {
    let own = |bench: &mut Bench| bench.memory().unwrap().state["own"].clone();
    let mut bench = running();
    bench.command(Transition::Restart).unwrap();
    assert_eq!(own(&mut bench), 2.0);
    bench.command(Transition::Reset).unwrap();
    assert_eq!(own(&mut bench), 0.0);
}

#[test]
fn a_refused_command_changes_nothing_and_says_why() {
    let mut bench = running();
    bench.step_with("level", 20.0);
    let error = bench.command(Transition::Sleep).unwrap_err();
    assert_eq!(error.to_string(), "machine \"m\" denies sleep: not above 10");
    assert_eq!(bench.runner.state(), MachineState::Run);
    let error = bench.command(Transition::Run).unwrap_err();
    assert_eq!(
        error.to_string(),
        "machine \"m\": run is not allowed in state run; allowed: reset, restart, test, sleep"
    );
}

#[test]
fn a_guard_that_panics_faults_the_machine_which_can_still_be_reset() {
    let mut bench = running();
    bench.feed("level", -650.0);
    let error = bench.command(Transition::Sleep).unwrap_err();
    assert!(matches!(error, MachineError::Panicked { during: "guard", .. }), "{error}");
    assert_eq!(bench.runner.state(), MachineState::Fault);
    bench.command(Transition::Reset).unwrap();
    assert_eq!(bench.runner.state(), MachineState::Wait);
}

#[test]
fn dt_is_the_time_that_really_passed() {
    let mut bench = Bench::new(Integrator::default(), 100, &[]);
    bench.step_with("x", 1.0);
    assert!(close(bench.float("sum"), 0.1), "the interval at the first step");
    bench.now = bench.now + Duration::from_millis(250);
    bench.step();
    assert!(close(bench.float("sum"), 0.45), "350 ms have passed");
}

const X: Input<f64> = Input::new("x");
const SUM: Output<f64> = Output::new("sum", 0.0);

#[derive(Default)]
struct Integrator(f64);

impl Machine for Integrator {
    fn declaration(&self) -> Declaration {
        Declaration::new("integrator").input(X).output(SUM)
    }

    fn step(&mut self, step: &mut Step<'_>) -> Result<(), StepError> {
        self.0 += step.require(&X)? * step.dt().as_secs_f64();
        step.set(&SUM, self.0);
        Ok(())
    }
}

#[test]
fn the_own_state_is_shown_behind_the_state() {
    let mut bench = running();
    bench.step_with("level", 60.0);
    assert_eq!(bench.text("state"), "run/high");
    bench.command(Transition::Restart).unwrap();
    assert_eq!(bench.text("state"), "wait");
}

#[test]
fn parameters_change_all_or_none() {
    let mut bench = running();
    let wrong = [("limit", Value::Float(5.0)), ("even", Value::Integer(3))];
    let error = bench.set(&wrong).unwrap_err();
    assert_eq!(error.to_string(), "machine \"m\": parameter \"even\": must be even");
    bench.step_with("level", 50.0);
    assert_eq!(bench.runner.state(), MachineState::Run, "the limit has not changed");
    bench.set(&[("limit", Value::Float(5.0))]).unwrap();
    assert_eq!(bench.step().text("state"), "fault");
    assert!(bench.runner.take_changed());
    assert!(!bench.runner.take_changed());
}

#[test]
fn a_parameter_of_the_definition_that_is_out_of_limits_keeps_the_machine_from_being_added() {
    let error = Bench::with_memory(Doubler::default(), 100, &[("limit", Value::Float(1_001.0))], None).err().unwrap();
    assert_eq!(error.to_string(), "machine \"m\": parameter \"limit\": 1001 lies outside 0 to 1000");
}

#[test]
fn memory_comes_back_over_a_restart_and_wins_over_the_definition() {
    let mut first = running();
    first.set(&[("limit", Value::Float(300.0))]).unwrap();
    let memory = first.memory().unwrap();
    assert_eq!(first.memory(), None, "nothing new");
    let mut second =
        Bench::with_memory(Doubler::default(), 100, &[("limit", Value::Float(5.0))], Some(memory)).unwrap();
    second.step_with("level", 200.0).step_with("level", 200.0);
    assert_eq!(second.text("state"), "run/high");
    assert_eq!(second.memory().unwrap().state["own"], 202.0);
}

#[test]
fn a_machine_that_slept_or_had_faulted_does_so_after_a_restart_too() {
    let mut first = running();
    first.step_with("level", 200.0);
    let memory = first.memory();
    let mut second = Bench::with_memory(Doubler::default(), 100, &[], memory).unwrap();
    second.step_with("level", 1.0).step();
    assert_eq!((second.text("state").as_str(), second.boolean("faulted")), ("fault", true));
    assert_eq!(second.runner.fault(), Some("level 200 is over the limit"));

    let mut first = running();
    first.command(Transition::Sleep).unwrap();
    let memory = first.memory();
    let second = Bench::with_memory(Doubler::default(), 100, &[], memory).unwrap();
    assert_eq!(second.text("state"), "sleep");
}

#[test]
fn a_kept_parameter_that_no_longer_fits_starts_the_machine_in_fault() {
    let mut memory = running().memory().unwrap();
    memory.parameters.insert("limit".to_owned(), Value::Float(5_000.0));
    let bench = Bench::with_memory(Doubler::default(), 100, &[], Some(memory)).unwrap();
    assert_eq!(
        bench.runner.fault(),
        Some("what was kept from before cannot be used: parameter \"limit\": 5000 lies outside 0 to 1000")
    );
}

#[test]
fn steps_overruns_and_missed_turns_are_counted() {
    let mut bench = running();
    bench.runner.record(90_000, 10, 0);
    bench.runner.record(100_001, 2_000, 3);
    let stats = bench.runner.status(&bench.table).stats;
    assert_eq!((stats.steps, stats.overruns, stats.missed), (1, 1, 3));
    assert_eq!((stats.step_us_last, stats.step_us_max, stats.late_us_max), (100_001, 100_001, 2_000));
}

#[test]
fn in_test_the_own_tags_follow_and_what_is_driven_stays_safe() {
    use crate::machines::runner::{Blueprint, Runner};
    use crate::machines::{BoundTag, Effects, InputTable, testing};
    use flyball_schema::definition::TagDefinition;
    use flyball_schema::{TagId, Timestamp};

    let mut blueprint: Blueprint = testing::blueprint(1, 0, Integrator(5.0), testing::definition("m", "own", 100));
    let valve = TagDefinition::float("valve").writable().on_link("plc", "i=1");
    blueprint.bindings.outputs.get_mut("sum").unwrap().drives = Some(BoundTag::new(TagId(77), &valve));
    let x = blueprint.bindings.inputs["x"].tag;
    let own = blueprint.bindings.outputs["sum"].own.tag;
    let (mut table, mut effects) = (InputTable::default(), Effects::default());
    let mut runner = Runner::build(blueprint, &mut table).unwrap();
    let mut now = Timestamp::from_micros(0);
    runner.start(now, &mut effects);
    let zero = Value::Float(0.0);
    table.apply(&crate::cvt::TagChange {
        value: Some(zero.clone()),
        source_time: now,
        server_time: now,
        seq: 1,
        tag: x,
        quality: Quality::GOOD,
    });
    let mut step = |runner: &mut Runner, effects: &mut Effects| {
        now = now + Duration::from_millis(100);
        runner.tick(now, &table, effects);
        let own = effects.writes.take().into_iter().find(|(tag, _)| *tag == own).and_then(|(_, update)| update.value);
        (own, effects.drives.take())
    };
    assert_eq!(step(&mut runner, &mut effects), (Some(Value::Float(5.0)), vec![(TagId(77), Value::Float(5.0))]));
    assert_eq!(step(&mut runner, &mut effects), (None, vec![]), "nothing new, nothing sent");
    let refreshed = (0..10).map(|_| step(&mut runner, &mut effects).1.len()).sum::<usize>();
    assert_eq!(refreshed, 1, "what is driven is driven again every second");

    runner.command(Transition::Test, Timestamp::from_micros(0), &InputTable::default(), &mut effects).unwrap();
    let (own_value, driven) = step(&mut runner, &mut effects);
    assert_eq!((own_value, driven), (Some(Value::Float(5.0)), vec![(TagId(77), zero)]));
    assert_eq!(step(&mut runner, &mut effects).1, []);
}

//! Machines with their workers, their manager and a real table, as an operator sees them.

mod changes;
mod rig;

use super::testing::definition;
use super::{
    AddMachine, CountMachines, Declaration, EnterSafeState, Input, ListMachines, Machine, MachineCounts, MachineError,
    MachineState, Output, Parameter, ReadMachine, RemoveMachine, SetParameters, Source, Step, StepError,
    SubscribeMachines, Transition, TransitionMachine,
};
use actix::Actor;
use flyball_schema::definition::{MachineDefinition, Mode, TagDefinition};
use flyball_schema::{MachineId, TagId, Value};
use rig::{Rig, Watcher};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

async fn pass(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

const COUNT: Output<i64> = Output::new("count", -1);
const PANIC_AT: Parameter<i64> = Parameter::new("panic_at", 0).limits(0.0, 1e6);

/// Counts its steps; panics at one of them.
#[derive(Default)]
struct Counter(i64);

impl Machine for Counter {
    fn declaration(&self) -> Declaration {
        Declaration::new("counter").output(COUNT).parameter(PANIC_AT)
    }

    fn step(&mut self, step: &mut Step<'_>) -> Result<(), StepError> {
        self.0 += 1;
        assert!(self.0 != step.parameter(&PANIC_AT), "step {}", self.0);
        step.set(&COUNT, self.0);
        Ok(())
    }

    fn save(&self) -> serde_json::Value {
        self.0.into()
    }
}

fn asynchronous(name: &str, interval_ms: u32) -> MachineDefinition {
    MachineDefinition { mode: Mode::Async, ..definition(name, "own", interval_ms) }
}

#[actix::test]
async fn one_of_ten_machines_panics_and_the_others_keep_their_interval() {
    let mut rig = Rig::new();
    let mut adds = Vec::new();
    for id in 1..=10 {
        let mut definition = definition(&format!("m{id}"), "own", 200);
        definition.parameters.insert("panic_at".to_owned(), Value::Integer(if id == 3 { 20 } else { 0 }));
        adds.push(rig.prepare(id, Counter::default(), definition).await);
    }
    tokio::time::pause();
    let watcher = Watcher::default();
    rig.ask(SubscribeMachines(watcher.clone().start().recipient())).await.unwrap();
    let bindings = adds[2].bindings.clone();
    for add in adds {
        rig.ask(add).await.unwrap();
    }
    pass(20_010).await;

    for status in rig.ask(ListMachines { after: None, limit: 100 }).await.unwrap() {
        if status.info.id == MachineId(3) {
            assert_eq!(status.fault.as_deref(), Some("panicked in step: step 20"));
            assert_eq!(status.allowed, [Transition::Reset]);
        } else {
            assert_eq!(status.state, MachineState::Run);
            assert!((99..=101).contains(&status.stats.steps), "{:?}", status.stats);
            assert_eq!((status.stats.overruns, status.stats.missed), (0, 0));
        }
    }
    assert_eq!(rig.value(bindings.faulted).await, Some(Value::Boolean(true)));
    assert_eq!(rig.value(bindings.state).await, Some(Value::from("fault")));
    assert_eq!(rig.value(bindings.outputs["count"].own.tag).await, Some(Value::Integer(-1)), "the safe value");
    assert!(watcher.0.lock().unwrap().contains(&(MachineId(3), MachineState::Fault)));
    assert_eq!(rig.ask(CountMachines).await, MachineCounts { total: 10, run: 9, fault: 1 });

    rig.ask(TransitionMachine { machine: MachineId(3), transition: Transition::Reset }).await.unwrap();
    pass(1_000).await;
    assert_eq!(rig.read(3).await.state, MachineState::Run);
    assert_eq!(rig.value(bindings.faulted).await, Some(Value::Boolean(false)));
}

fn pid(name: &str) -> MachineDefinition {
    let parameters = [("set_point", 10.0), ("safe_output", 1.0), ("output_high", 10.0)];
    MachineDefinition {
        parameters: parameters.map(|(name, value)| (name.to_owned(), Value::Float(value))).into(),
        ..definition(name, "pid", 100)
    }
}

/// A PID controller by its kind, its output bound to a tag of the field.
async fn add_pid(rig: &mut Rig) -> (AddMachine, TagId, TagId) {
    let mut add = rig.prepare(1, super::pid::Pid::default(), pid("loop")).await;
    add.source = Source::Kind;
    let pump = TagDefinition::float("pump").writable().on_link("plc", "ns=2;s=Pump");
    let tag = rig.tag(pump.clone()).await;
    add.bindings.outputs.get_mut("out").unwrap().drives = Some(super::BoundTag::new(tag, &pump));
    let pv = add.bindings.inputs["pv"].tag;
    (add, pv, tag)
}

#[actix::test]
async fn a_controller_reads_the_table_drives_the_field_and_ends_in_its_safe_state() {
    tokio::time::pause();
    let mut rig = Rig::new();
    let (add, pv, pump) = add_pid(&mut rig).await;
    let out = add.bindings.outputs["out"].own.tag;
    assert_eq!(rig.ask(add).await.unwrap().state, MachineState::Wait);
    pass(1_000).await;
    assert_eq!(rig.field.last(), Some((pump, Value::Float(1.0))), "safe while the process value is missing");

    rig.write(pv, 8.0).await;
    pass(1_000).await;
    let status = rig.read(1).await;
    assert_eq!((status.state, status.own_state.as_deref()), (MachineState::Run, Some("auto")));
    assert_eq!(status.inputs[0].0, Some(Value::Float(8.0)));
    let (tag, driven) = rig.field.last().unwrap();
    assert_eq!((tag, Some(driven.clone())), (pump, rig.value(out).await), "field and own tag agree");
    assert!(driven.as_f64().unwrap() > 1.9, "{driven}");

    let report = rig.ask(EnterSafeState).await;
    assert_eq!((report.machines, report.problems), (1, vec![]));
    assert_eq!(rig.field.last(), Some((pump, Value::Float(1.0))));
    assert_eq!(rig.value(out).await, Some(Value::Float(1.0)));
    assert!(rig.store.saved.lock().unwrap()[&MachineId(1)].state["own"]["integral"].is_number());
    let driven = rig.field.0.lock().unwrap().len();
    pass(5_000).await;
    assert_eq!(rig.field.0.lock().unwrap().len(), driven, "nothing steps any more");
}

#[actix::test]
async fn parameters_are_durable_before_success_and_tried_again_after_a_failure() {
    tokio::time::pause();
    let mut rig = Rig::new();
    rig.add(1, Counter::default(), definition("m", "own", 100)).await;
    let set = |value: i64| SetParameters {
        machine: MachineId(1),
        values: [("panic_at".to_owned(), Value::Integer(value))].into(),
    };
    let kept =
        |rig: &Rig| rig.store.saved.lock().unwrap().get(&MachineId(1)).map(|kept| kept.parameters["panic_at"].clone());

    rig.ask(set(1_000)).await.unwrap();
    assert_eq!(kept(&rig), Some(Value::Integer(1_000)));

    let error = rig.ask(set(-1)).await.unwrap_err();
    assert_eq!(error.to_string(), "machine \"m\": parameter \"panic_at\": -1 lies outside 0 to 1000000");
    assert_eq!(kept(&rig), Some(Value::Integer(1_000)));

    *rig.store.failing.lock().unwrap() = true;
    let error = rig.ask(set(2_000)).await.unwrap_err();
    assert_eq!(error.to_string(), "machine \"m\": the change is made but not durable: disk full");
    assert_eq!(rig.read(1).await.parameters, [Value::Integer(2_000)]);
    *rig.store.failing.lock().unwrap() = false;
    pass(6_000).await;
    assert_eq!(kept(&rig), Some(Value::Integer(2_000)));
}

#[actix::test]
async fn what_a_machine_remembers_is_saved_every_ten_seconds() {
    tokio::time::pause();
    let mut rig = Rig::new();
    rig.add(1, Counter::default(), definition("m", "own", 100)).await;
    pass(11_000).await;
    let first = rig.store.saved.lock().unwrap()[&MachineId(1)].state["own"].as_i64().unwrap();
    pass(10_000).await;
    let second = rig.store.saved.lock().unwrap()[&MachineId(1)].state["own"].as_i64().unwrap();
    assert!(first > 0 && (98..=102).contains(&(second - first)), "{first} {second}");
}

#[actix::test]
async fn what_does_not_fit_is_refused_by_name() {
    tokio::time::pause();
    let mut rig = Rig::new();
    let (add, ..) = add_pid(&mut rig).await;
    let other = AddMachine {
        id: MachineId(2),
        definition: pid("other"),
        source: Source::Kind,
        bindings: add.bindings.clone(),
        memory: None,
    };
    let like = |id, definition| AddMachine {
        id: MachineId(id),
        definition,
        source: Source::Kind,
        bindings: other.bindings.clone(),
        memory: None,
    };
    let same_id = like(1, pid("third"));
    let same_name = like(4, pid("loop"));
    let unknown = like(5, MachineDefinition { kind: "pdi".to_owned(), ..pid("fifth") });
    rig.ask(add).await.unwrap();
    let mut told = Vec::new();
    for add in [other, same_id, same_name, unknown] {
        told.push(rig.ask(add).await.unwrap_err().to_string());
    }
    told.push(rig.ask(ReadMachine(MachineId(9))).await.unwrap_err().to_string());
    told.push(
        rig.ask(TransitionMachine { machine: MachineId(1), transition: Transition::Run })
            .await
            .unwrap_err()
            .to_string(),
    );
    assert_eq!(
        told,
        [
            "machine \"other\": tag \"pump\" is driven by machine \"loop\" already",
            "machine id 1 is in use",
            "machine \"loop\" exists already",
            "machine \"fifth\": tag \"pump\" is driven by machine \"loop\" already",
            "unknown machine 9",
            "machine \"loop\": run is not allowed in state wait; allowed: reset, restart, test, sleep",
        ]
    );
    rig.ask(RemoveMachine::new(MachineId(1))).await.unwrap();
    let unknown = like_kind(&mut rig).await;
    assert_eq!(
        rig.ask(unknown).await.unwrap_err().to_string(),
        "machine \"x\": unknown kind \"pdi\"; there are pid, two_position"
    );
    assert_eq!(rig.ask(CountMachines).await.total, 0);
}

async fn like_kind(rig: &mut Rig) -> AddMachine {
    let mut add = rig.prepare(7, Counter::default(), definition("x", "pdi", 100)).await;
    add.source = Source::Kind;
    add
}

#[actix::test]
async fn a_machine_that_is_removed_leaves_its_outputs_safe_and_its_name_free() {
    tokio::time::pause();
    let mut rig = Rig::new();
    for (id, name, mode) in [(1, "m", Mode::Sync), (2, "m", Mode::Sync)] {
        let add = rig.prepare(
            id,
            Counter::default(),
            MachineDefinition { mode, ..definition(&format!("{name}{id}"), "own", 100) },
        );
        let mut add = add.await;
        add.definition.name = name.to_owned();
        let count = add.bindings.outputs["count"].own.tag;
        rig.ask(add).await.unwrap();
        pass(1_000).await;
        assert!(rig.value(count).await.unwrap().as_f64().unwrap() > 5.0);
        rig.ask(RemoveMachine::new(MachineId(id))).await.unwrap();
        pass(1_000).await;
        assert_eq!(rig.value(count).await, Some(Value::Integer(-1)));
    }
}

const GO: Input<f64> = Input::new("go").optional();
const DONE: Output<i64> = Output::new("done", 0);

/// Blocks in every step until it is let go.
struct Blocker(Receiver<i64>);

impl Machine for Blocker {
    fn declaration(&self) -> Declaration {
        Declaration::new("blocker").input(GO).output(DONE)
    }

    fn step(&mut self, step: &mut Step<'_>) -> Result<(), StepError> {
        step.set(&DONE, self.0.recv().map_err(|error| StepError::new(error.to_string()))?);
        Ok(())
    }
}

fn blocker() -> (Sender<i64>, Blocker) {
    let (sender, receiver) = channel();
    (sender, Blocker(receiver))
}

#[actix::test]
async fn an_async_machine_that_blocks_disturbs_nobody() {
    let mut rig = Rig::new();
    let (release, blocker) = blocker();
    let add = rig.prepare(1, blocker, asynchronous("blocker", 5)).await;
    let done = add.bindings.outputs["done"].own.tag;
    rig.ask(add).await.unwrap();
    rig.add(2, Counter::default(), asynchronous("beside", 2)).await;
    rig.add(3, Counter::default(), definition("sync", "own", 2)).await;
    release.send(7).unwrap();
    rig.until(1, |status| status.stats.steps == 1 && status.state == MachineState::Run).await;
    let before = rig.read(2).await.stats.steps;
    rig.until(2, |status| status.stats.steps > before + 50).await;
    rig.until(3, |status| status.stats.steps > 50).await;
    let blocked = rig.read(1).await;
    assert_eq!((blocked.state, blocked.stats.steps), (MachineState::Run, 1), "read while it is blocked");
    assert_eq!(rig.value(done).await, Some(Value::Integer(7)));

    // Blocked at the shutdown: its outputs are brought to safety from outside, and it is named.
    let report = rig.ask(EnterSafeState).await;
    assert_eq!(report.machines, 3);
    assert_eq!(report.problems, ["machine \"blocker\" did not stop: no answer within 500 ms"]);
    assert_eq!(rig.value(done).await, Some(Value::Integer(0)));
    let seq = rig.tag_state(done).await.seq;
    release.send(8).unwrap();
    // Answered behind the step.
    let sleep = TransitionMachine { machine: MachineId(1), transition: Transition::Sleep };
    assert_eq!(rig.ask(sleep).await.unwrap_err(), MachineError::Stopping("blocker".to_owned()));
    assert_eq!(rig.tag_state(done).await.seq, seq, "what it does now leaves its thread no more");
}

#[actix::test]
async fn an_async_machine_panics_alone_and_comes_back_by_reset() {
    let mut rig = Rig::new();
    let mut bad = asynchronous("bad", 2);
    bad.parameters.insert("panic_at".to_owned(), Value::Integer(5));
    rig.add(1, Counter::default(), bad).await;
    rig.add(2, Counter::default(), asynchronous("good", 2)).await;
    let status = rig.until(1, |status| status.state == MachineState::Fault).await;
    assert_eq!(status.fault.as_deref(), Some("panicked in step: step 5"));
    let before = rig.read(2).await.stats.steps;
    rig.until(2, |status| status.stats.steps > before + 10).await;
    rig.ask(TransitionMachine { machine: MachineId(1), transition: Transition::Reset }).await.unwrap();
    rig.until(1, |status| status.state == MachineState::Run && status.stats.steps > 10).await;
}

#[actix::test]
async fn threads_for_async_machines_are_bounded_and_given_back() {
    let mut rig = Rig::new();
    for id in 1..=3 {
        rig.add(id, Counter::default(), asynchronous(&format!("m{id}"), 5)).await;
    }
    let add = rig.prepare(4, Counter::default(), asynchronous("m4", 5)).await;
    let error = rig.ask(add).await.unwrap_err();
    assert_eq!(error, MachineError::TooManyThreads { machine: "m4".to_owned(), limit: 3 });
    rig.ask(RemoveMachine::new(MachineId(2))).await.unwrap();
    let add = rig.prepare(5, Counter::default(), asynchronous("m5", 5)).await;
    rig.ask(add).await.unwrap();
    rig.until(5, |status| status.stats.steps > 3).await;
}

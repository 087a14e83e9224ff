//! Machines that are removed, replaced, and whose tags are renamed, while the plant runs.

use super::rig::{Rig, WAIT};
use super::{blocker, definition, pass};
use crate::cvt::ReadCvtStatus;
use crate::machines::{
    AddMachine, Bindings, CountMachines, Declaration, Input, ListTagUses, Machine, MachineError, MachineState, Output,
    Parameter, RemoveMachine, RenameTags, ReplaceMachine, SetParameters, Source, Step, StepError, Succession,
    Transition, TransitionMachine,
};
use crate::send::ask;
use flyball_schema::definition::{MachineDefinition, Mode};
use flyball_schema::{MachineId, TagId, Value};

const LEVEL: Input<f64> = Input::new("level").unit("m");
const SUM: Output<f64> = Output::new("sum", -1.0);
const GAIN: Parameter<f64> = Parameter::new("gain", 1.0);
const OFFSET: Parameter<f64> = Parameter::new("offset", 0.0).at_least(0.0);

/// Counts its steps over restarts, and shows the count with its parameters.
#[derive(Default)]
struct Tally(f64);

impl Machine for Tally {
    fn declaration(&self) -> Declaration {
        Declaration::new("tally").input(LEVEL).output(SUM).parameter(GAIN).parameter(OFFSET)
    }

    fn step(&mut self, step: &mut Step<'_>) -> Result<(), StepError> {
        self.0 += 1.0;
        step.set(&SUM, 1e6 * step.parameter(&GAIN) + 1e3 * step.parameter(&OFFSET) + self.0);
        Ok(())
    }

    fn save(&self) -> serde_json::Value {
        self.0.into()
    }

    fn restore(&mut self, memory: &serde_json::Value) -> Result<(), String> {
        self.0 = memory.as_f64().ok_or("no count")?;
        Ok(())
    }
}

fn tally(name: &str, mode: Mode, gain: f64) -> MachineDefinition {
    let parameters = [("gain".to_owned(), Value::Float(gain))].into();
    MachineDefinition { mode, parameters, ..definition(name, "tally", 5) }
}

/// A tally that runs, with its tags.
async fn running(rig: &mut Rig, mode: Mode) -> Bindings {
    let add = rig.prepare(1, Tally::default(), tally("m", mode, 1.0)).await;
    let bindings = add.bindings.clone();
    rig.ask(add).await.unwrap();
    rig.write(bindings.inputs["level"].tag, 2.0).await;
    rig.until(1, |status| status.stats.steps > 3).await;
    bindings
}

fn replacement(bindings: &Bindings, definition: MachineDefinition) -> ReplaceMachine {
    let source = Source::Machine(Box::new(Tally::default()));
    ReplaceMachine { id: MachineId(1), definition, source, bindings: bindings.clone() }
}

fn set(name: &str, value: f64) -> SetParameters {
    SetParameters { machine: MachineId(1), values: [(name.to_owned(), Value::Float(value))].into() }
}

/// Names of who is subscribed to the table, once what a removed machine had has ended.
async fn subscribers(rig: &Rig) -> Vec<String> {
    let status = ask(&rig.cvt, ReadCvtStatus, WAIT).await.unwrap();
    status.subscribers.into_iter().map(|(name, ..)| name).collect()
}

#[actix::test]
async fn a_removed_machine_gives_its_memory_back_and_leaves_nothing_behind() {
    for mode in [Mode::Sync, Mode::Async] {
        let mut rig = Rig::new();
        let bindings = running(&mut rig, mode).await;
        rig.ask(set("offset", 7.0)).await.unwrap();
        let sum = bindings.outputs["sum"].own.tag;
        let memory = rig.ask(RemoveMachine::new(MachineId(1))).await.unwrap();
        assert_eq!(rig.value(sum).await, Some(Value::Float(-1.0)), "{mode:?}: safe when it is answered");
        assert_eq!(memory.parameters["offset"], Value::Float(7.0));
        assert!(memory.state["own"].as_f64().unwrap() > 3.0, "what it remembers now, not ten seconds ago");
        rig.saved(|saved| saved.get(&MachineId(1)) == Some(&memory)).await;
        assert_eq!(rig.ask(RemoveMachine::new(MachineId(1))).await, Err(MachineError::UnknownMachine(MachineId(1))));
        assert_eq!((rig.ask(CountMachines).await.total, rig.ask(ListTagUses(vec![sum])).await), (0, vec![]));
        let level = bindings.inputs["level"].tag;
        let mut value = 3.0;
        while !subscribers(&rig).await.is_empty() {
            // The table finds out who has gone when it has something to tell.
            value += 1.0;
            rig.write(level, value).await;
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }

        // It comes back with what it remembered.
        let (definition, source) = (tally("m", mode, 1.0), Source::Machine(Box::new(Tally::default())));
        let again = AddMachine { id: MachineId(1), definition, source, bindings, memory: Some(memory) };
        rig.ask(again).await.unwrap();
        let status = rig.until(1, |status| status.state == MachineState::Run).await;
        assert_eq!(status.parameters, [Value::Float(1.0), Value::Float(7.0)]);
    }
}

#[actix::test]
async fn a_replaced_machine_goes_on_with_what_people_set_except_what_its_definition_changes() {
    for (from, to) in [(Mode::Sync, Mode::Sync), (Mode::Async, Mode::Async), (Mode::Sync, Mode::Async)] {
        let mut rig = Rig::new();
        let bindings = running(&mut rig, from).await;
        rig.ask(set("gain", 5.0)).await.unwrap();
        rig.ask(set("offset", 7.0)).await.unwrap();
        let next = MachineDefinition { interval_ms: 3, ..tally("renamed", to, 2.0) };
        let status = rig.ask(replacement(&bindings, next)).await.unwrap();
        assert_eq!(status.parameters, [Value::Float(2.0), Value::Float(7.0)], "{from:?} to {to:?}");
        assert_eq!((status.info.name.as_str(), status.info.interval_ms, status.info.mode), ("renamed", 3, to));
        // Durable, though nothing was asked of it: the old value does not come back with a crash.
        rig.saved(|saved| saved[&MachineId(1)].parameters.get("gain") != Some(&Value::Float(5.0))).await;
        rig.until(1, |status| status.stats.steps > 3).await;
        let sum = rig.value(bindings.outputs["sum"].own.tag).await.unwrap().as_f64().unwrap();
        assert!((2_007_007.0..2_008_000.0).contains(&sum), "it counts on: {sum}");
        let names = rig.ask(CountMachines).await.total;
        assert_eq!((names, rig.ask(ListTagUses(vec![bindings.state])).await[0].name.as_str()), (1, "renamed"));
        rig.ask(set("gain", 3.0)).await.unwrap();
        assert_eq!(rig.store.saved.lock().unwrap()[&MachineId(1)].parameters["gain"], Value::Float(3.0));
    }
}

#[actix::test]
async fn a_machine_put_to_sleep_sleeps_on_when_it_is_replaced() {
    let mut rig = Rig::new();
    let bindings = running(&mut rig, Mode::Sync).await;
    rig.ask(TransitionMachine { machine: MachineId(1), transition: Transition::Sleep }).await.unwrap();
    let status = rig.ask(replacement(&bindings, tally("m", Mode::Sync, 4.0))).await.unwrap();
    assert_eq!(status.state, MachineState::Sleep);
}

#[actix::test]
async fn a_replacement_that_does_not_fit_leaves_the_machine_undisturbed() {
    let mut rig = Rig::new();
    let bindings = running(&mut rig, Mode::Sync).await;
    let other = rig.prepare(2, Tally::default(), tally("other", Mode::Sync, 1.0)).await;
    rig.ask(other).await.unwrap();
    let mut unbound = bindings.clone();
    unbound.inputs.clear();
    let mut limited = tally("m", Mode::Sync, 1.0);
    limited.parameters.insert("offset".to_owned(), Value::Float(-1.0));
    let unknown = MachineDefinition { kind: "pdi".to_owned(), ..tally("m", Mode::Sync, 1.0) };
    let of_kind = ReplaceMachine { source: Source::Kind, ..replacement(&bindings, unknown) };
    let stranger = ReplaceMachine { id: MachineId(9), ..replacement(&bindings, tally("n", Mode::Sync, 1.0)) };
    let cases = [
        (replacement(&unbound, tally("m", Mode::Sync, 1.0)), "machine \"m\": input \"level\" needs a tag"),
        (replacement(&bindings, limited), "machine \"m\": parameter \"offset\": -1 lies outside 0 to any"),
        (replacement(&bindings, tally("other", Mode::Sync, 1.0)), "machine \"other\" exists already"),
        (of_kind, "machine \"m\": unknown kind \"pdi\"; there are pid, two_position"),
        (stranger, "unknown machine 9"),
    ];
    let before = rig.read(1).await.stats.steps;
    let mut told = Vec::new();
    for (message, expected) in cases {
        told.push((rig.ask(message).await.unwrap_err().to_string(), expected));
    }
    let status = rig.until(1, |status| status.stats.steps > before + 3).await;
    assert_eq!(status.state, MachineState::Run);
    assert!(told.iter().all(|(text, expected)| text == expected), "{told:#?}");
}

#[actix::test]
async fn what_the_next_definition_overrules_is_not_saved_with_a_machine_that_leaves() {
    let mut rig = Rig::new();
    let _bindings = running(&mut rig, Mode::Sync).await;
    rig.ask(set("gain", 9.0)).await.unwrap();
    rig.ask(set("offset", 7.0)).await.unwrap();
    let (before, after) = (tally("m", Mode::Sync, 1.0), tally("m", Mode::Sync, 2.0));
    let remove = RemoveMachine { id: MachineId(1), succession: Some(Succession { before, after }) };
    let memory = rig.ask(remove).await.unwrap();
    assert!(!memory.parameters.contains_key("gain"), "{memory:?}");
    assert_eq!(memory.parameters["offset"], Value::Float(7.0));
    rig.saved(|saved| saved.get(&MachineId(1)) == Some(&memory)).await;
}

#[actix::test]
async fn an_async_machine_that_is_blocked_is_removed_with_what_it_remembered_last() {
    let mut rig = Rig::new();
    let (release, blocker) = blocker();
    let add = rig.prepare(1, blocker, super::asynchronous("blocker", 5)).await;
    let done = add.bindings.outputs["done"].own.tag;
    rig.ask(add).await.unwrap();
    release.send(7).unwrap();
    rig.until(1, |status| status.stats.steps == 1).await;
    let memory = rig.ask(RemoveMachine::new(MachineId(1))).await.unwrap();
    assert_eq!(memory.state["life_cycle"], "start");
    assert_eq!(rig.value(done).await, Some(Value::Integer(0)));
    drop(release);
}

#[actix::test]
async fn a_renamed_tag_is_shown_by_its_new_name_and_the_machine_goes_on() {
    for mode in [Mode::Sync, Mode::Async] {
        let mut rig = Rig::new();
        let bindings = running(&mut rig, mode).await;
        let (level, sum) = (bindings.inputs["level"].tag, bindings.outputs["sum"].own.tag);
        let before = rig.read(1).await.stats.steps;
        rig.ask(RenameTags(vec![(level, "tank".to_owned()), (sum, "total".to_owned()), (TagId(99), "x".to_owned())]))
            .await;
        let renamed = |status: &crate::machines::MachineStatus| {
            status.info.inputs[0].tag == Some((level, "tank".to_owned()))
                && status.info.outputs[0].tag == Some((sum, "total".to_owned()))
        };
        rig.until(1, |status| renamed(status) && status.stats.steps > before + 3).await;
        let uses = rig.ask(ListTagUses(vec![sum, level, bindings.faulted, TagId(99)])).await;
        let told: Vec<_> = uses.iter().map(ToString::to_string).collect();
        let expected = ["machine \"m\" (its fault)", "machine \"m\" (output sum)", "machine \"m\" (input level)"];
        assert_eq!(told, expected);
    }
}

#[actix::test]
async fn a_save_of_before_does_not_pass_for_one_of_the_machine_that_came_after() {
    tokio::time::pause();
    let mut rig = Rig::new();
    let add = rig.prepare(1, Tally::default(), tally("m", Mode::Sync, 1.0)).await;
    let bindings = add.bindings.clone();
    rig.ask(add).await.unwrap();
    *rig.store.failing.lock().unwrap() = true;
    rig.ask(set("offset", 7.0)).await.unwrap_err();
    rig.ask(replacement(&bindings, tally("m", Mode::Sync, 2.0))).await.unwrap();
    let error = rig.ask(set("offset", 8.0)).await.unwrap_err();
    assert!(matches!(error, MachineError::NotDurable { .. }), "{error}");
    *rig.store.failing.lock().unwrap() = false;
    pass(6_000).await;
    let saved = rig.store.saved.lock().unwrap()[&MachineId(1)].parameters.clone();
    assert_eq!((&saved["gain"], &saved["offset"]), (&Value::Float(2.0), &Value::Float(8.0)));
}

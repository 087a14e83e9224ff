//! One machine with its life cycle: every call of user code is guarded, effects go out as values.

pub(super) mod build;
mod memory;
mod status;

pub use build::Blueprint;
pub use memory::{Saved, memory_after};

use super::MachineMemory;
use super::declaration::Declaration;
use super::error::MachineError;
use super::inputs::{InputTable, Port};
use super::lifecycle::{self, MachineState, Transition};
use super::machine::{Machine, Step, StepError, View};
use super::outputs::{Effects, Outputs, Reach, Sink, TransitionRecord};
use super::parameters::{Change, Parameters};
use super::status::{MachineInfo, MachineStats, PortInfo};
use crate::cvt::Update;
use flyball_schema::{MachineId, Quality, TagId, Timestamp, Value};
use std::any::Any;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

/// Driven tags get their present value again so often, against writes that were lost on the way.
const REFRESH: Duration = Duration::from_secs(1);

/// One machine, run by a worker.
///
/// It knows no actor and no clock: a worker calls [`tick`](Self::tick) at the interval and carries out the effects.
pub struct Runner {
    machine: Box<dyn Machine>,
    state: MachineState,
    /// All outputs go out with the next step, changed or not.
    force: bool,
    /// The status has changed since it was last collected.
    changed: bool,
    buffered: bool,
    drives: bool,
    interval_ms: u32,
    last: Option<Timestamp>,
    refreshed: Timestamp,
    stats: MachineStats,
    ports: Vec<Port>,
    outputs: Outputs,
    parameters: Parameters,
    declaration: Box<Declaration>,
    own_state: Option<Box<str>>,
    cold: Box<Cold>,
}

/// What a step does not touch.
struct Cold {
    info: Arc<MachineInfo>,
    sinks: Vec<Sink>,
    state_tag: TagId,
    faulted_tag: TagId,
    fault: Option<String>,
    denied: Option<String>,
    revision: u64,
    saved: Option<MachineMemory>,
    own_memory: serde_json::Value,
}

impl std::fmt::Debug for Runner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runner")
            .field("machine", &self.cold.info.name)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// Calls user code; a panic becomes its text.
fn guarded<R>(call: impl FnOnce() -> R) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|panic| panic_text(&*panic))
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no text".to_owned())
}

impl Runner {
    /// Identity of the machine.
    #[must_use]
    pub fn id(&self) -> MachineId {
        self.cold.info.id
    }

    /// Name of the machine.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.cold.info.name
    }

    /// Interval between steps, ms.
    #[must_use]
    pub fn interval_ms(&self) -> u64 {
        u64::from(self.interval_ms)
    }

    /// State of the life cycle.
    #[must_use]
    pub fn state(&self) -> MachineState {
        self.state
    }

    /// Why it faulted.
    #[must_use]
    pub fn fault(&self) -> Option<&str> {
        self.cold.fault.as_deref()
    }

    /// The machine's turn: a step in *run* and *test*, a look at the inputs in *wait*. Tells whether it stepped.
    #[inline]
    pub fn tick(&mut self, now: Timestamp, table: &InputTable, effects: &mut Effects) -> bool {
        match self.state {
            MachineState::Wait => {
                if !self.may_run(now, table, effects) {
                    return false;
                }
            }
            MachineState::Run | MachineState::Test => {
                if self.buffered {
                    self.sample(now, table);
                }
            }
            _ => return false,
        }
        self.step(now, table, effects);
        true
    }

    /// Counts a step: how long it took, how late it began, how many turns had passed without one.
    #[inline]
    pub fn record(&mut self, took_us: u64, late_us: u64, missed: u64) {
        let interval_us = self.interval_ms() * 1_000;
        let stats = &mut self.stats;
        stats.step_us_last = took_us;
        stats.step_us_max = stats.step_us_max.max(took_us);
        stats.late_us_max = stats.late_us_max.max(late_us);
        stats.missed += missed;
        stats.overruns += u64::from(took_us > interval_us);
    }

    fn sample(&mut self, now: Timestamp, table: &InputTable) {
        self.ports.iter_mut().for_each(|port| port.sample(now, table));
    }

    fn view<'a>(&'a self, table: &'a InputTable) -> View<'a> {
        let (declaration, ports, parameters) = (&*self.declaration, &*self.ports, &self.parameters);
        View { declaration, ports, table, parameters, undeclared: Cell::new(None) }
    }

    fn may_run(&mut self, now: Timestamp, table: &InputTable, effects: &mut Effects) -> bool {
        self.sample(now, table);
        if !self.ports.iter().all(|port| port.is_ready(table)) {
            return false;
        }
        match guarded(|| self.machine.guard(Transition::Run, &self.view(table))) {
            Ok(Ok(())) => {
                self.go(Transition::Run, now, effects);
                self.announce(now, effects);
                self.state == MachineState::Run
            }
            Ok(Err(reason)) => {
                self.changed |= self.cold.denied.as_ref() != Some(&reason);
                self.cold.denied = Some(reason);
                false
            }
            Err(text) => {
                self.fail(format!("panicked in guard: {text}"), now, effects);
                false
            }
        }
    }

    fn step(&mut self, now: Timestamp, table: &InputTable, effects: &mut Effects) {
        let interval_ms = self.interval_ms();
        let dt = self.last.map_or_else(|| Duration::from_millis(interval_ms), |last| now.since(last));
        self.last = Some(now);
        self.stats.steps += 1;
        let (machine, own_state) = (&mut self.machine, self.own_state.as_deref());
        let view = View {
            declaration: &self.declaration,
            ports: &self.ports,
            table,
            parameters: &self.parameters,
            undeclared: Cell::new(None),
        };
        let mut step = Step { view, now, dt, outputs: &mut self.outputs };
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            machine.step(&mut step)?;
            let own_now = machine.own_state();
            Ok::<_, StepError>((own_now != own_state).then(|| own_now.map(Box::from)))
        }));
        let undeclared = step.view.undeclared.get();
        match outcome {
            Ok(Ok(own_state)) => self.after_step(own_state, undeclared, now, effects),
            Ok(Err(error)) => self.fail(error.to_string(), now, effects),
            Err(panic) => self.fail(format!("panicked in step: {}", panic_text(&*panic)), now, effects),
        }
    }

    #[inline]
    fn after_step(
        &mut self,
        own_state: Option<Option<Box<str>>>,
        undeclared: Option<(&'static str, &'static str)>,
        now: Timestamp,
        effects: &mut Effects,
    ) {
        if let Some((what, name)) = undeclared {
            return self.fail(format!("{what} \"{name}\" is used but not declared"), now, effects);
        }
        if let Some(index) = self.outputs.not_finite() {
            let name = self.declaration.outputs[index].name;
            return self.fail(format!("output \"{name}\" is no finite number"), now, effects);
        }
        if let Some(own_state) = own_state {
            self.own_state = own_state;
            self.announce(now, effects);
        }
        let drive = self.state == MachineState::Run;
        if self.force || self.outputs.is_changed() {
            self.outputs.emit(&self.cold.sinks, Reach { all: self.force, drive }, now, effects);
            self.force = false;
        }
        if self.drives && drive && now.since(self.refreshed) >= REFRESH {
            self.refreshed = now;
            self.outputs.refresh(&self.cold.sinks, now, effects);
        }
    }

    /// Moves by a row of the table; what has no row is left undone.
    fn go(&mut self, transition: Transition, now: Timestamp, effects: &mut Effects) {
        let from = self.state;
        let Ok(to) = lifecycle::next(from, transition) else { return };
        self.state = to;
        self.changed = true;
        self.cold.denied = None;
        let fault = if to == MachineState::Fault { self.cold.fault.clone() } else { None };
        effects.transitions.push(TransitionRecord { machine: self.id(), from, transition, to, at: now, fault });
        if to.steps() {
            (self.last, self.force) = (None, true);
        }
        if to != MachineState::Run {
            self.drive_safe(now, effects);
        }
    }

    fn drive_safe(&mut self, now: Timestamp, effects: &mut Effects) {
        self.outputs.make_safe(&self.cold.sinks, &self.parameters);
        self.outputs.emit(&self.cold.sinks, Reach { all: true, drive: true }, now, effects);
    }

    fn fail(&mut self, text: String, now: Timestamp, effects: &mut Effects) {
        self.outputs.revert();
        if self.state != MachineState::Fault {
            self.cold.fault = Some(text);
            self.go(Transition::Fail, now, effects);
            self.announce(now, effects);
        }
    }

    /// Writes the machine's state tags.
    fn announce(&mut self, now: Timestamp, effects: &mut Effects) {
        self.changed = true;
        let text = match &self.own_state {
            Some(own) if self.state.steps() => Value::Text(format!("{}/{own}", self.state).into()),
            _ => Value::from(self.state.as_str()),
        };
        effects.write(self.cold.state_tag, text, Quality::GOOD, now);
        let faulted = Value::Boolean(self.state == MachineState::Fault);
        effects.write(self.cold.faulted_tag, faulted, Quality::GOOD, now);
    }

    /// First call after the build: announces the machine, moves its outputs to their safe values, and begins to wait
    /// unless it was put to sleep, to the test, or had faulted before.
    pub fn start(&mut self, now: Timestamp, effects: &mut Effects) {
        self.drive_safe(now, effects);
        self.go(Transition::Initialise, now, effects);
        self.announce(now, effects);
    }

    /// Carries out a command of a person or program.
    ///
    /// * After *reset* and *restart* the machine is in *wait*; it runs from its next turn.
    ///
    /// # Errors
    /// [`MachineError::WrongState`], [`MachineError::Denied`], [`MachineError::Panicked`].
    pub fn command(
        &mut self,
        transition: Transition,
        now: Timestamp,
        table: &InputTable,
        effects: &mut Effects,
    ) -> Result<(), MachineError> {
        let machine = || self.name().to_owned();
        let allowed = lifecycle::allowed(self.state);
        if !allowed.contains(&transition) {
            let refused = lifecycle::WrongState { state: self.state, transition, allowed };
            return Err(MachineError::WrongState { machine: machine(), refused });
        }
        match guarded(|| self.machine.guard(transition, &self.view(table))) {
            Ok(Ok(())) => {}
            Ok(Err(reason)) => return Err(MachineError::Denied { machine: machine(), transition, reason }),
            // A machine whose guard is broken can still be reset.
            Err(_) if self.state == MachineState::Fault => {}
            Err(text) => return Err(self.panicked("guard", text, now, effects)),
        }
        self.go(transition, now, effects);
        let result = self.settle(now, effects);
        self.announce(now, effects);
        result
    }

    /// Leaves the states that are left at once.
    fn settle(&mut self, now: Timestamp, effects: &mut Effects) -> Result<(), MachineError> {
        if !matches!(self.state, MachineState::Reset | MachineState::Restart) {
            return Ok(());
        }
        self.ports.iter_mut().for_each(|port| port.samples.clear());
        self.own_state = None;
        if self.state == MachineState::Reset {
            if let Err(text) = guarded(|| self.machine.reset()) {
                return Err(self.panicked("reset", text, now, effects));
            }
            self.cold.fault = None;
        }
        self.go(Transition::Finish, now, effects);
        if self.state == MachineState::Start {
            self.go(Transition::Initialise, now, effects);
        }
        Ok(())
    }

    fn panicked(&mut self, during: &'static str, text: String, now: Timestamp, effects: &mut Effects) -> MachineError {
        self.fail(format!("panicked in {during}: {text}"), now, effects);
        MachineError::Panicked { machine: self.name().to_owned(), during, text }
    }

    /// Changes parameters, all or none.
    ///
    /// # Errors
    /// [`MachineError::InvalidParameters`], [`MachineError::Panicked`] (the machine faults).
    pub fn set_parameters(
        &mut self,
        changes: &BTreeMap<String, Value>,
        now: Timestamp,
        effects: &mut Effects,
    ) -> Result<(), MachineError> {
        let invalid = |machine: &str, faults| MachineError::InvalidParameters { machine: machine.to_owned(), faults };
        let mut proposed = self.parameters.with(changes).map_err(|faults| invalid(self.name(), faults))?;
        let machine = &mut self.machine;
        let change = Change::new(&self.parameters, &mut proposed, changes);
        match guarded(|| machine.change(&mut { change })) {
            Ok(Ok(())) => {}
            Ok(Err((name, fault))) => return Err(invalid(self.name(), vec![(name.to_owned(), fault)])),
            Err(text) => return Err(self.panicked("change", text, now, effects)),
        }
        self.changed |= self.parameters != proposed;
        self.parameters = proposed;
        if self.state != MachineState::Run {
            self.drive_safe(now, effects);
        }
        Ok(())
    }

    /// Moves the outputs to their safe values whatever the state, for a plant that stops. The state stays, so that it is
    /// remembered.
    pub fn enter_safe_state(&mut self, now: Timestamp, effects: &mut Effects) {
        self.drive_safe(now, effects);
    }

    /// The values that [`enter_safe_state`](Self::enter_safe_state) would send, without a change: for somebody
    /// else to send where the machine itself is blocked.
    #[must_use]
    pub fn safe_values(&self, now: Timestamp) -> (Vec<Update>, Vec<(TagId, Value)>) {
        let (mut outputs, mut effects) = (Outputs::new(self.cold.sinks.len()), Effects::default());
        outputs.make_safe(&self.cold.sinks, &self.parameters);
        outputs.emit(&self.cold.sinks, Reach { all: true, drive: true }, now, &mut effects);
        (effects.writes.take().into_iter().map(|(_, update)| update).collect(), effects.drives.take())
    }

    /// Takes new names of tags that the machine is bound to, sorted by tag; what it does is not disturbed.
    pub fn rename_tags(&mut self, names: &[(TagId, String)]) {
        let place = |tag: TagId| names.binary_search_by_key(&tag, |(renamed, _)| *renamed).ok();
        let new_name = |tag: TagId| place(tag).map(|place| &names[place].1);
        let bound = |port: &PortInfo| port.tag.iter().chain(&port.drives).any(|(tag, _)| new_name(*tag).is_some());
        if !self.cold.info.inputs.iter().chain(&self.cold.info.outputs).any(bound) {
            return;
        }
        let info = Arc::make_mut(&mut self.cold.info);
        for port in info.inputs.iter_mut().chain(&mut info.outputs) {
            for (tag, name) in port.tag.iter_mut().chain(&mut port.drives) {
                if let Some(new) = new_name(*tag) {
                    name.clone_from(new);
                }
            }
        }
        self.changed = true;
    }

    /// Gives the slots of its inputs back, and drops the machine.
    pub fn remove(self, table: &mut InputTable) {
        for (tag, _) in self.ports.iter().filter_map(|port| port.source) {
            table.detach(tag);
        }
        let (name, machine) = (self.cold.info.name.clone(), self.machine);
        if let Err(text) = guarded(move || drop(machine)) {
            log::error!("machine \"{name}\" panicked while it was dropped: {text}");
        }
    }
}

#[cfg(test)]
mod tests;

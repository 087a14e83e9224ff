//! Machines come, go, and are replaced.

use super::super::bindings::Bindings;
use super::super::error::MachineError;
use super::super::lifecycle::MachineState;
use super::super::machine::Machine;
use super::super::runner::{Blueprint, Saved, build, memory_after};
use super::super::status::MachineStatus;
use super::super::tag_use::TagUse;
use super::super::worker_protocol::{DismissMachine, RenameBoundTags, RunMachine, ask_for};
use super::super::{
    AddMachine, ListTagUses, MachineMemory, RemoveMachine, RenameTags, ReplaceMachine, Source, Succession,
};
use super::{Entry, Reply, StateMachineManager, refused};
use crate::send::{DEADLINE, ask_recipient};
use actix::fut::{ActorFutureExt, wrap_future};
use actix::{Context, Handler, MessageResult, ResponseFuture};
use flyball_schema::MachineId;
use flyball_schema::definition::MachineDefinition;
use futures_util::future::join;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A machine counts its memories from this, times the number of machines added before it.
const REVISIONS: u64 = 1 << 32;

type Started = Result<MachineStatus, MachineError>;

impl StateMachineManager {
    /// Holds a machine against the others, itself apart.
    fn check_fellows(
        &self,
        id: MachineId,
        definition: &MachineDefinition,
        bindings: &Bindings,
    ) -> Result<(), MachineError> {
        if self.names.get(&definition.name).is_some_and(|other| *other != id) {
            return Err(MachineError::DuplicateName(definition.name.clone()));
        }
        for driven in bindings.outputs.values().filter_map(|binding| binding.drives.as_ref()) {
            if let Some(other) = self.driven.get(&driven.tag).filter(|other| **other != id) {
                let by =
                    self.machines.get(other).map_or_else(|| other.to_string(), |entry| entry.definition.name.clone());
                let (machine, tag) = (definition.name.clone(), driven.name.clone());
                return Err(MachineError::AlreadyDriven { machine, tag, by });
            }
        }
        Ok(())
    }

    fn make(&self, definition: &MachineDefinition, source: Source) -> Result<Box<dyn Machine>, MachineError> {
        match source {
            Source::Kind => self.kinds.make(definition),
            Source::Machine(machine) => Ok(machine),
        }
    }

    /// Checks a new machine against the others, and makes its blueprint.
    fn admit(&self, message: AddMachine) -> Result<Blueprint, MachineError> {
        let AddMachine { id, definition, source, bindings, memory } = message;
        if self.machines.contains_key(&id) {
            return Err(MachineError::DuplicateId(id));
        }
        self.check_fellows(id, &definition, &bindings)?;
        let machine = self.make(&definition, source)?;
        Ok(Blueprint { id, definition, machine, bindings, memory, revision: 0 })
    }

    /// Checks all of a machine that is to stand in for another before that one is touched, and makes its blueprint.
    fn admit_successor(&self, message: ReplaceMachine) -> Result<Blueprint, MachineError> {
        let ReplaceMachine { id, definition, source, bindings } = message;
        self.find(id)?;
        self.check_fellows(id, &definition, &bindings)?;
        if matches!(source, Source::Kind) {
            // Another one of the kind is tried, so that the check leaves no trace.
            self.kinds.check(&definition, &bindings)?;
        }
        let is_own = matches!(source, Source::Machine(_));
        let mut machine = self.make(&definition, source)?;
        if is_own {
            build::check(&mut *machine, &definition, &bindings)?;
        }
        Ok(Blueprint { id, definition, machine, bindings, memory: None, revision: 0 })
    }

    /// Enters a machine and numbers its memories; the request by which its worker runs it.
    fn enter(&mut self, mut blueprint: Blueprint) -> impl Future<Output = Started> + use<> {
        self.added += 1;
        blueprint.revision = self.added * REVISIONS;
        let (id, definition) = (blueprint.id, blueprint.definition.clone());
        self.saver.enter(id);
        self.names.insert(definition.name.clone(), id);
        let drives = blueprint.bindings.outputs.values().filter_map(|binding| binding.drives.as_ref());
        self.driven.extend(drives.map(|driven| (driven.tag, id)));
        let (name, run) = (definition.name.clone(), self.port(definition.mode).run.clone());
        let (bindings, revision) = (blueprint.bindings.clone(), blueprint.revision);
        self.machines.insert(id, Entry { definition, bindings, state: MachineState::Start, revision });
        ask_for(name, run, RunMachine(Box::new(blueprint)))
    }

    fn leave(&mut self, id: MachineId) {
        let Some(entry) = self.machines.remove(&id) else { return };
        self.names.remove(&entry.definition.name);
        self.driven.retain(|_, machine| *machine != id);
        self.saver.leave(id);
        self.subscribers.iter_mut().for_each(|subscriber| drop(subscriber.pending.remove(&id)));
    }

    fn started(&mut self, id: MachineId, result: &Started) {
        match (result, self.machines.get_mut(&id)) {
            (Ok(status), Some(entry)) => entry.state = status.state,
            (Ok(_), None) => {}
            (Err(_), _) => self.leave(id),
        }
    }

    /// Enters a machine in the place of the one that was dismissed and remembered `last`.
    fn succeed(
        &mut self,
        mut blueprint: Blueprint,
        last: Saved,
        ctx: &mut Context<Self>,
    ) -> impl Future<Output = Started> + use<> {
        let id = blueprint.id;
        let memory = match self.machines.get(&id) {
            Some(before) => memory_after(&before.definition, &blueprint.definition, last.memory),
            None => last.memory,
        };
        self.leave(id);
        blueprint.memory = Some(memory.clone());
        let run = self.enter(blueprint);
        if let Some(entry) = self.machines.get(&id) {
            // Before anything else: what the definition has overruled must not come back after a crash.
            self.submit(Saved { id, revision: entry.revision, memory }, None, ctx);
        }
        run
    }
}

impl Handler<AddMachine> for StateMachineManager {
    type Result = Reply<MachineStatus>;

    fn handle(&mut self, message: AddMachine, _ctx: &mut Self::Context) -> Self::Result {
        let blueprint = match self.admit(message) {
            Ok(blueprint) => blueprint,
            Err(error) => return refused(error),
        };
        let id = blueprint.id;
        // Taken at once, so that a second one of the name is refused while this one is made ready.
        let request = self.enter(blueprint);
        Box::pin(wrap_future::<_, Self>(request).map(move |result, manager, _ctx| {
            manager.started(id, &result);
            result
        }))
    }
}

impl Handler<RemoveMachine> for StateMachineManager {
    type Result = Reply<MachineMemory>;

    fn handle(&mut self, message: RemoveMachine, _ctx: &mut Self::Context) -> Self::Result {
        let RemoveMachine { id, succession } = message;
        let request = match self.find(id) {
            Ok((entry, port)) => ask_for(entry.definition.name.clone(), port.dismiss.clone(), DismissMachine(id)),
            Err(error) => return refused(error),
        };
        Box::pin(wrap_future::<_, Self>(request).map(move |result, manager, ctx| {
            let mut last = result?;
            if let Some(Succession { before, after }) = &succession {
                // The memory before may be saved already under this revision.
                last.revision += 1;
                last.memory = memory_after(before, after, last.memory);
            }
            manager.submit(last.clone(), None, ctx);
            manager.leave(id);
            Ok(last.memory)
        }))
    }
}

impl Handler<ReplaceMachine> for StateMachineManager {
    type Result = Reply<MachineStatus>;

    fn handle(&mut self, message: ReplaceMachine, _ctx: &mut Self::Context) -> Self::Result {
        let id = message.id;
        let admitted = self.admit_successor(message).and_then(|blueprint| {
            let (entry, port) = self.find(id)?;
            Ok((blueprint, ask_for(entry.definition.name.clone(), port.dismiss.clone(), DismissMachine(id))))
        });
        let (blueprint, dismissal) = match admitted {
            Ok(admitted) => admitted,
            Err(error) => return refused(error),
        };
        let succession = wrap_future::<_, Self>(dismissal)
            .map(move |last, manager, ctx| last.map(|last| manager.succeed(blueprint, last, ctx)));
        Box::pin(succession.then(move |run, _manager, _ctx| {
            // Where the dismissal failed the old one is still there.
            let (was_dismissed, run) = (run.is_ok(), async move { run?.await });
            wrap_future::<_, Self>(run).map(move |result, manager, _ctx| {
                if was_dismissed {
                    manager.started(id, &result);
                }
                result
            })
        }))
    }
}

impl Handler<RenameTags> for StateMachineManager {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, RenameTags(mut names): RenameTags, _ctx: &mut Self::Context) -> Self::Result {
        // Looked up by tag from here on.
        names.sort_unstable_by_key(|(tag, _)| *tag);
        for entry in self.machines.values_mut() {
            entry.bindings.rename_tags(&names);
        }
        let names: Arc<[_]> = names.into();
        let (sync, parallel) = (self.sync.rename.clone(), self.parallel.rename.clone());
        Box::pin(async move {
            let ask = |to, names| async move { ask_recipient(&to, RenameBoundTags(names), DEADLINE).await };
            let (sync, parallel) = join(ask(sync, Arc::clone(&names)), ask(parallel, names)).await;
            if let Err(error) = sync.and(parallel) {
                log::warn!("some machines show tags by names of before: {error}");
            }
        })
    }
}

impl Handler<ListTagUses> for StateMachineManager {
    type Result = MessageResult<ListTagUses>;

    fn handle(&mut self, ListTagUses(tags): ListTagUses, _ctx: &mut Self::Context) -> Self::Result {
        let tags: BTreeSet<_> = tags.into_iter().collect();
        let uses = self.machines.iter().flat_map(|(id, entry)| {
            let (id, name) = (*id, &entry.definition.name);
            entry.bindings.roles().map(move |(tag, role)| TagUse { tag, machine: id, name: name.clone(), role })
        });
        let mut found: Vec<TagUse> = uses.filter(|found| tags.contains(&found.tag)).collect();
        found.sort_by_key(|found| (found.tag, found.machine));
        MessageResult(found)
    }
}

//! Tells the actors of a running plant what has changed. What did not change, nobody hears of.

mod links;

pub(crate) use links::links_with_tags;

use super::PlantChanged;
use super::catalogue::{CatalogueIds, Remembered};
use super::complete::Complete;
use crate::alarms::{AlarmManager, AlarmMemory, ChangeAlarms, NewAlarm};
use crate::cvt::{ChangeTags, Cvt, NewTag};
use crate::history::{HistoryDeadBand, Keeping, LoggerWorker, SetKeeping};
use crate::machines::{
    AddMachine, Bindings, BoundTag, MachineMemory, RemoveMachine, RenameTags, SetParameters, Source,
    StateMachineManager, Succession,
};
use crate::opcua::OpcUaClientManager;
use crate::plant::Slot;
use crate::send::{DEADLINE, SendError, ask};
use crate::settings::Settings;
use actix::{Actor, Addr, Handler, Message};
use flyball_schema::definition::{AlarmDefinition, MachineDefinition, PlantDefinition, TagDefinition};
use flyball_schema::{AlarmId, MachineId, TagId};
use links::Links;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::hash::Hash;
use std::time::Duration;

/// Those who are told.
#[derive(Debug, Clone)]
pub struct Actors {
    /// The table.
    pub cvt: Addr<Cvt>,
    /// The alarms.
    pub alarms: Addr<AlarmManager>,
    /// The links.
    pub links: Addr<OpcUaClientManager>,
    /// The machines.
    pub machines: Addr<StateMachineManager>,
    /// The logger of samples.
    pub(crate) logger: Slot<LoggerWorker>,
}

/// A whole definition with its ids.
pub(super) struct State<'a> {
    definition: &'a PlantDefinition,
    ids: &'a CatalogueIds,
    tags: TagsByName<'a>,
}

/// Tags by name, with their id.
pub(crate) type TagsByName<'a> = HashMap<&'a str, (TagId, &'a TagDefinition)>;

pub(crate) fn by_name<'a>(definition: &'a PlantDefinition, ids: &CatalogueIds) -> TagsByName<'a> {
    definition.tags.iter().zip(&ids.tags).map(|(tag, id)| (tag.name.as_str(), (*id, tag))).collect()
}

impl<'a> State<'a> {
    pub(super) fn new(definition: &'a PlantDefinition, ids: &'a CatalogueIds) -> Self {
        Self { definition, ids, tags: by_name(definition, ids) }
    }

    /// The id of a tag.
    pub(super) fn tag(&self, name: &str) -> Option<TagId> {
        self.tags.get(name).map(|(id, _)| *id)
    }
}

/// What became of the items of one kind, by id.
struct Moves<'a, I, T> {
    added: Vec<(I, &'a T)>,
    changed: Vec<(I, &'a T, &'a T)>,
    kept: Vec<(I, &'a T)>,
    removed: Vec<I>,
}

fn moves<'a, I: Copy + Eq + Hash, T: PartialEq>(
    (before_ids, before): (&[I], &'a [T]),
    (after_ids, after): (&[I], &'a [T]),
) -> Moves<'a, I, T> {
    let known: HashMap<I, &T> = before_ids.iter().copied().zip(before).collect();
    let wanted: HashSet<I> = after_ids.iter().copied().collect();
    let mut moves = Moves { added: Vec::new(), changed: Vec::new(), kept: Vec::new(), removed: Vec::new() };
    for (id, item) in after_ids.iter().copied().zip(after) {
        match known.get(&id) {
            None => moves.added.push((id, item)),
            Some(before) if *before != item => moves.changed.push((id, *before, item)),
            Some(_) => moves.kept.push((id, item)),
        }
    }
    moves.removed = before_ids.iter().copied().filter(|id| !wanted.contains(id)).collect();
    moves
}

/// What does not take effect at once.
#[derive(Default)]
struct Problems(Vec<String>);

impl Problems {
    fn add(&mut self, what: impl fmt::Display, error: impl fmt::Display) {
        let problem = format!("{what}: {error}");
        log::error!("a change of the plant did not take effect: {problem}");
        self.0.push(problem);
    }

    /// Asks an actor, and keeps what it refuses.
    async fn ask<A, M, T, E>(&mut self, what: impl fmt::Display, address: &Addr<A>, message: M) -> Option<T>
    where
        A: Actor + Handler<M>,
        A::Context: actix::dev::ToEnvelope<A, M>,
        M: Message<Result = Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: fmt::Display + Send + 'static,
    {
        match ask(address, message, DEADLINE * 6).await {
            Ok(Ok(reply)) => return Some(reply),
            Ok(Err(error)) => self.add(what, error),
            Err(error) => self.add(what, error),
        }
        None
    }
}

impl Actors {
    /// Brings the running plant from one definition to the other; what did not take effect, in words.
    ///
    /// Order: machines and links let go of tags before these change, new tags are there before links, alarms and
    /// machines use them, and tags go last.
    pub(super) async fn follow(
        &self,
        before: &State<'_>,
        after: &State<'_>,
        complete: &Complete,
        settings: &Settings,
        remembered: Remembered,
    ) -> Vec<String> {
        let mut problems = Problems::default();
        let machines = Machines::between(before, after, complete);
        let Remembered { alarms, machines: mut memories } = remembered;
        memories.extend(machines.leave(self, &mut problems).await);
        let mut links = Links::between(before, after);
        links.let_go(self, &mut problems).await;
        let tags = moves((&before.ids.tags, &before.definition.tags), (&after.ids.tags, &after.definition.tags));
        let made: HashSet<TagId> = after.ids.tags.iter().copied().skip(complete.defined.tags).collect();
        let new = |(id, tag): &(TagId, &TagDefinition)| NewTag {
            made: made.contains(id),
            ..NewTag::new(*id, (*tag).clone())
        };
        let create = tags.added.iter().map(new).collect();
        let change = tags.changed.iter().map(|(id, _, tag)| (*id, (*tag).clone())).collect();
        let there = tags.changed.iter().map(|(id, ..)| *id).chain(tags.kept.iter().map(|(id, _)| *id));
        let step = ChangeTags {
            create,
            change,
            leaving: tags.removed.clone(),
            made: there.map(|id| (id, made.contains(&id))).collect(),
            ..ChangeTags::default()
        };
        problems.ask("tags", &self.cvt, step).await;
        match keeping(settings, &after.tags) {
            Ok(keeping) => {
                if let Err(error) = ask(&self.logger.get(), SetKeeping(keeping), DEADLINE).await {
                    problems.add("history", error);
                }
            }
            Err((tag, class)) => {
                problems.add("history", format!("tag \"{tag}\" names no retention class: \"{class}\""))
            }
        }
        links.enter(self, &mut problems).await;
        self.follow_alarms(before, after, alarms, &mut problems).await;
        machines.enter(self, after, memories, &mut problems).await;
        if !tags.removed.is_empty() {
            let remove = ChangeTags { remove: tags.removed, ..ChangeTags::default() };
            problems.ask("tags", &self.cvt, remove).await;
        }
        problems.0
    }

    async fn follow_alarms(
        &self,
        before: &State<'_>,
        after: &State<'_>,
        mut memories: HashMap<AlarmId, AlarmMemory>,
        problems: &mut Problems,
    ) {
        let alarms =
            moves((&before.ids.alarms, &before.definition.alarms), (&after.ids.alarms, &after.definition.alarms));
        // An alarm is told the unit of its tag as well.
        let unit = |state: &State<'_>, tag: &str| state.tags.get(tag).map(|(id, tag)| (*id, tag.unit.clone()));
        let other_unit = alarms.kept.iter().filter(|(_, alarm)| unit(before, &alarm.tag) != unit(after, &alarm.tag));
        let changed = alarms.changed.iter().map(|(id, _, alarm)| (*id, *alarm));
        let put = alarms.added.iter().copied().chain(changed).chain(other_unit.copied());
        let put: Vec<NewAlarm> =
            put.filter_map(|(id, alarm)| new_alarm(id, alarm, &after.tags, memories.remove(&id))).collect();
        if !(put.is_empty() && alarms.removed.is_empty()) {
            let change = ChangeAlarms { remove: alarms.removed, put };
            problems.ask("alarms", &self.alarms, change).await;
        }
    }
}

/// An alarm with the tags it is bound to; none where its tag is not there.
pub(crate) fn new_alarm(
    id: AlarmId,
    alarm: &AlarmDefinition,
    tags: &TagsByName<'_>,
    memory: Option<AlarmMemory>,
) -> Option<NewAlarm> {
    let find = |name: &str| tags.get(name).map(|(id, _)| *id);
    let (tag, watched) = tags.get(alarm.tag.as_str())?;
    Some(NewAlarm {
        id,
        definition: alarm.clone(),
        tag: *tag,
        source: alarm.measured_tag().map_or(Some(*tag), |name| find(&name))?,
        set_point: alarm.set_point_tag.as_deref().map_or(Some(None), |name| find(name).map(Some))?,
        suppressed: alarm.suppressed_tag().map_or(Some(None), |name| find(&name).map(Some))?,
        unit: watched.unit.clone(),
        memory,
    })
}

/// What is kept of each tag, and how long.
///
/// # Errors
/// A tag's name, and the retention class it names that is not in the settings.
pub(crate) fn keeping(settings: &Settings, tags: &TagsByName<'_>) -> Result<Keeping, (String, String)> {
    let classes = tags.values().filter_map(|(id, tag)| Some((*id, tag.retention.as_deref()?)));
    let retention = settings.retention(classes).map_err(|(id, class)| {
        let tag = tags.values().find(|(other, _)| *other == id).map_or_else(String::new, |(_, tag)| tag.name.clone());
        (tag, class)
    })?;
    let excluded = tags.values().filter(|(_, tag)| !tag.history).map(|(id, _)| *id).collect();
    let dead_band = |(id, tag): &(TagId, &TagDefinition)| {
        let width = tag.history_dead_band?.absolute(tag.range);
        let max_silence = tag.max_silence_ms.map(|ms| Duration::from_millis(ms.into()));
        Some((*id, HistoryDeadBand { width, max_silence }))
    };
    Ok(Keeping { excluded, retention, dead_bands: tags.values().filter_map(dead_band).collect() })
}

/// A machine that is made anew.
struct Entering<'a> {
    id: MachineId,
    definition: &'a MachineDefinition,
    bindings: Bindings,
}

/// What becomes of the machines.
#[derive(Default)]
struct Machines<'a> {
    /// With what each becomes, where it is made anew.
    leaving: Vec<(MachineId, Option<Succession>)>,
    entering: Vec<Entering<'a>>,
    parameters: Vec<(MachineId, &'a MachineDefinition, BTreeMap<String, flyball_schema::Value>)>,
    renamed: Vec<(TagId, String)>,
    problems: Vec<String>,
}

impl<'a> Machines<'a> {
    fn between(before: &State<'a>, after: &State<'a>, complete: &'a Complete) -> Self {
        let bind = |state: &State<'_>, index: usize, machine: &MachineDefinition| {
            let declaration = complete.declarations.get(index)?;
            let find = |name: &str| state.tags.get(name).map(|(id, tag)| BoundTag::new(*id, tag));
            Bindings::resolve(machine, declaration, find).ok()
        };
        let known: HashMap<MachineId, &MachineDefinition> =
            before.ids.machines.iter().copied().zip(&before.definition.machines).collect();
        let mut all = Self { renamed: renamed(before, after), ..Self::default() };
        for (index, (id, machine)) in after.ids.machines.iter().copied().zip(&after.definition.machines).enumerate() {
            let Some(bindings) = bind(after, index, machine) else {
                all.problems.push(format!("machine \"{}\" finds no tags", machine.name));
                continue;
            };
            let former = known.get(&id).copied();
            let is_own = index >= complete.defined.machines;
            match former {
                Some(former)
                    if is_alike(former, machine)
                        && bind(before, index, former).is_some_and(|was| is_bound_alike(was, &bindings)) =>
                {
                    let other = |(name, value): (&String, &flyball_schema::Value)| {
                        (former.parameters.get(name) != Some(value)).then(|| (name.clone(), value.clone()))
                    };
                    let parameters: BTreeMap<_, _> = machine.parameters.iter().filter_map(other).collect();
                    if !parameters.is_empty() {
                        all.parameters.push((id, machine, parameters));
                    }
                }
                Some(_) if is_own => {
                    let problem = "its tags have changed, and it is bound anew at the next start";
                    all.problems.push(format!("machine \"{}\": {problem}", machine.name));
                }
                former => {
                    let succession =
                        |before: &MachineDefinition| Succession { before: before.clone(), after: machine.clone() };
                    all.leaving.extend(former.map(|former| (id, Some(succession(former)))));
                    all.entering.push(Entering { id, definition: machine, bindings });
                }
            }
        }
        let wanted: HashSet<MachineId> = after.ids.machines.iter().copied().collect();
        let removed = before.ids.machines.iter().copied().filter(|id| !wanted.contains(id));
        all.leaving.extend(removed.map(|id| (id, None)));
        all
    }

    /// Lets those go that end or are made anew; what each remembers.
    async fn leave(&self, actors: &Actors, problems: &mut Problems) -> HashMap<MachineId, MachineMemory> {
        let mut memories = HashMap::new();
        for (id, succession) in &self.leaving {
            let remove = RemoveMachine { id: *id, succession: succession.clone() };
            let memory = problems.ask(format!("machine {id}"), &actors.machines, remove).await;
            memories.extend(memory.map(|memory| (*id, memory)));
        }
        memories
    }

    async fn enter(
        self,
        actors: &Actors,
        _after: &State<'_>,
        mut memories: HashMap<MachineId, MachineMemory>,
        problems: &mut Problems,
    ) {
        problems.0.extend(self.problems);
        for Entering { id, definition, bindings } in self.entering {
            let (definition, source, memory) = (definition.clone(), Source::Kind, memories.remove(&id));
            let what = format!("machine \"{}\"", definition.name);
            problems.ask(what, &actors.machines, AddMachine { id, definition, source, bindings, memory }).await;
        }
        for (id, machine, parameters) in self.parameters {
            let what = format!("machine \"{}\"", machine.name);
            problems.ask(what, &actors.machines, SetParameters { machine: id, values: parameters }).await;
        }
        if !self.renamed.is_empty()
            && let Err(error) = ask(&actors.machines, RenameTags(self.renamed), DEADLINE).await
        {
            problems.add("names of tags", error);
        }
    }
}

fn renamed(before: &State<'_>, after: &State<'_>) -> Vec<(TagId, String)> {
    let names: HashMap<TagId, &str> = before.tags.iter().map(|(name, (id, _))| (*id, *name)).collect();
    let other = |(name, (id, _)): (&&str, &(TagId, &TagDefinition))| {
        names.get(id).is_some_and(|was| was != name).then(|| (*id, (*name).to_owned()))
    };
    after.tags.iter().filter_map(other).collect()
}

/// What became of the tags, for those who know them by id and name. The version is the caller's to fill in.
pub(super) fn plant_changed(before: &State<'_>, after: &State<'_>) -> PlantChanged {
    let tags = moves((&before.ids.tags, &before.definition.tags), (&after.ids.tags, &after.definition.tags));
    let renamed = tags.changed.iter().filter(|(_, was, is)| was.name != is.name);
    PlantChanged {
        added: tags.added.iter().map(|(id, _)| *id).collect(),
        renamed: renamed.map(|(id, _, is)| (*id, is.name.clone())).collect(),
        changed: tags
            .changed
            .iter()
            .filter(|(_, was, is)| !is_alike_but_for_name(was, is))
            .map(|(id, ..)| *id)
            .collect(),
        removed: tags.removed.into(),
        version: String::new(),
    }
}

fn is_alike_but_for_name(before: &TagDefinition, after: &TagDefinition) -> bool {
    let named = |tag: &TagDefinition| TagDefinition { name: String::new(), was: None, ..tag.clone() };
    named(before) == named(after)
}

/// Whether a machine can go on as it is: but for its parameters, and for the names of its tags.
fn is_alike(before: &MachineDefinition, after: &MachineDefinition) -> bool {
    let bare = |machine: &MachineDefinition| MachineDefinition {
        inputs: BTreeMap::new(),
        outputs: BTreeMap::new(),
        parameters: BTreeMap::new(),
        ..machine.clone()
    };
    // A parameter that is no longer given goes back to its default, which only a new machine has.
    bare(before) == bare(after) && before.parameters.keys().all(|name| after.parameters.contains_key(name))
}

/// Whether both are bound to the same tags, whatever these are called.
fn is_bound_alike(before: Bindings, after: &Bindings) -> bool {
    let nameless = |mut bindings: Bindings| {
        let outputs = bindings.outputs.values_mut();
        let tags = outputs.flat_map(|output| std::iter::once(&mut output.own).chain(output.drives.as_mut()));
        bindings.inputs.values_mut().chain(tags).for_each(|tag| tag.name.clear());
        bindings
    };
    nameless(before) == nameless(after.clone())
}

/// A plant that stops answers nobody.
impl From<SendError> for super::ConfigurationError {
    fn from(error: SendError) -> Self {
        log::warn!("a change of the plant was not answered: {error}");
        Self::Unavailable
    }
}

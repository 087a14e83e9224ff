//! What the tests of several files here need.

use super::registry::AlarmEffect;
use super::{AlarmMemory, AlarmState, AlarmTransition, NewAlarm, Record};
use crate::cvt::TagChange;
use flyball_schema::definition::{AlarmDefinition, AlarmKind};
use flyball_schema::{AlarmId, Quality, TagId, Timestamp, Value};

/// A moment, in seconds.
pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

/// An alarm on tag `id` of the same number, named `a<id>`.
pub(super) fn alarm(id: u32, kind: AlarmKind, set_point: impl Into<Value>) -> NewAlarm {
    alarm_on(id, id, kind, set_point)
}

/// An alarm named `a<id>` on tag `t<tag>`.
pub(super) fn alarm_on(id: u32, tag: u32, kind: AlarmKind, set_point: impl Into<Value>) -> NewAlarm {
    NewAlarm {
        id: AlarmId(id),
        definition: AlarmDefinition::new(format!("a{id}"), format!("t{tag}"), kind, set_point),
        tag: TagId(tag),
        source: TagId(tag),
        set_point: None,
        suppressed: None,
        unit: Some("cm".to_owned()),
        memory: None,
    }
}

/// A change of a tag.
pub(super) fn change(tag: u32, value: Option<Value>, quality: Quality, seconds: i64) -> TagChange {
    TagChange { value, source_time: at(seconds), server_time: at(seconds), seq: 0, tag: TagId(tag), quality }
}

/// A good value of a tag.
pub(super) fn good(tag: u32, value: impl Into<Value>, seconds: i64) -> TagChange {
    change(tag, Some(value.into()), Quality::GOOD, seconds)
}

/// The transition that begins an occurrence.
pub(super) fn transition(alarm: u32, occurrence: u64) -> AlarmTransition {
    AlarmTransition {
        alarm: AlarmId(alarm),
        occurrence,
        from: AlarmState::Norm,
        to: AlarmState::Unack,
        event: "activated",
        annunciated: true,
        value: Some(Value::Float(16.5)),
        quality: Quality::GOOD,
        occurred: at(1),
        recorded: at(2) + std::time::Duration::from_micros(occurrence),
        actor: "system".to_owned(),
        reason: None,
    }
}

/// The record of that transition, of an alarm that remembers nothing.
pub(super) fn record(alarm: u32, occurrence: u64) -> Record {
    Record { alarm: AlarmId(alarm), transition: Some(transition(alarm, occurrence)), memory: AlarmMemory::default() }
}

/// What effects have to be durable.
pub(super) fn records(effects: Vec<AlarmEffect>) -> Vec<Record> {
    effects.into_iter().filter_map(|effect| effect.record).collect()
}

/// The rows of the journal that effects bring about.
pub(super) fn rows(effects: &[AlarmEffect]) -> Vec<&AlarmTransition> {
    effects.iter().filter_map(|effect| effect.record.as_ref()?.transition.as_ref()).collect()
}

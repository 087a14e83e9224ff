//! The rules of alarms.

use super::made::Made;
use super::{FieldFault, Names, Problems, at_most, bounded, is_name};
use crate::DataType;
use crate::definition::{AlarmDefinition, AlarmKind, Fault, PlantDefinition};
use std::collections::HashMap;

/// Longest text of an alarm, in characters.
const LONGEST_TEXT: usize = 2_000;

pub(super) fn check_alarms(definition: &PlantDefinition, tags: &Names<'_>, made: &Made<'_>, problems: &mut Problems) {
    let mut by_tag: HashMap<&str, Vec<&AlarmDefinition>> = HashMap::new();
    let mut former: HashMap<&str, &str> = HashMap::new();
    for (index, alarm) in definition.alarms.iter().enumerate() {
        let data_type = tags.get(alarm.tag.as_str()).map(|&tag| definition.tags[tag].data_type);
        let others = by_tag.entry(&alarm.tag).or_default();
        let outcome = check_former(alarm, &mut former).and_then(|()| match data_type {
            Some(data_type) => check_alarm(alarm, data_type),
            // Held against the tag when the plant has made it.
            None if made.has(&alarm.tag) => check_texts(alarm),
            None => Err(("tag", Fault::Unknown { item: "tag", name: alarm.tag.clone() })),
        });
        match outcome.and_then(|()| check_limit_order(alarm, others.iter().copied())) {
            Ok(()) => others.push(alarm),
            Err(fault) => problems.add("alarm", index, &alarm.name, fault),
        }
    }
}

fn check_former<'a>(alarm: &'a AlarmDefinition, former: &mut HashMap<&'a str, &'a str>) -> Result<(), FieldFault> {
    let Some(was) = &alarm.was else { return Ok(()) };
    if !is_name(was) {
        return Err(("was", Fault::BadName));
    }
    match former.insert(was, &alarm.name) {
        Some(other) => Err(("was", Fault::DuplicateFormer { other: other.to_owned() })),
        None => Ok(()),
    }
}

fn check_alarm(alarm: &AlarmDefinition, data_type: DataType) -> Result<(), FieldFault> {
    let fits = match alarm.kind {
        AlarmKind::Bool => data_type == DataType::Boolean,
        _ => matches!(data_type, DataType::Float | DataType::Integer),
    };
    check_texts(alarm)?;
    if !fits {
        return Err(("kind", Fault::NotForType(data_type)));
    }
    let (wanted, allowed) =
        if alarm.kind.is_limit() { (DataType::Float, "a finite number") } else { (DataType::Boolean, "true or false") };
    let set_point = alarm.set_point.clone().coerce(wanted).filter(|value| value.is_finite());
    if set_point.is_none() {
        return Err(("set_point", Fault::NotAllowed { value: alarm.set_point.to_string(), allowed }));
    }
    bounded("dead_band", alarm.dead_band, alarm.dead_band >= 0.0, "0 or more")
}

fn check_texts(alarm: &AlarmDefinition) -> Result<(), FieldFault> {
    let texts = [
        ("description", &alarm.description),
        ("cause", &alarm.cause),
        ("consequence", &alarm.consequence),
        ("action", &alarm.action),
    ];
    texts.into_iter().try_for_each(|(field, text)| at_most(field, text.as_deref(), LONGEST_TEXT))
}

/// Checks one alarm against the other alarms of its tag: one of a type, and LL < L < H < HH.
///
/// # Errors
/// The field and the alarm it conflicts with.
pub fn check_limit_order<'a>(
    alarm: &AlarmDefinition,
    others: impl Iterator<Item = &'a AlarmDefinition>,
) -> Result<(), FieldFault> {
    for other in others {
        if other.kind == alarm.kind {
            return Err(("kind", Fault::DuplicateKind { other: other.name.clone() }));
        }
        let (Some(own), Some(limit)) = (alarm.set_point.as_f64(), other.set_point.as_f64()) else { continue };
        let both_limits = alarm.kind.is_limit() && other.kind.is_limit();
        // AlarmKind orders LOW_LOW < LOW < HIGH < HIGH_HIGH.
        let rising = if alarm.kind < other.kind { own < limit } else { own > limit };
        if both_limits && !rising {
            return Err(("set_point", Fault::LimitOrder { other: other.name.clone(), other_set_point: limit }));
        }
    }
    Ok(())
}

//! The rules of alarms.

use super::made::Made;
use super::{FieldFault, Names, Problems, at_most, bounded, is_name};
use crate::definition::{AlarmDefinition, AlarmKind, Fault, PlantDefinition, TagDefinition};
use crate::expression::Expression;
use crate::{DataType, Value};
use std::collections::HashMap;

/// Longest text of an alarm, in characters.
const LONGEST_TEXT: usize = 2_000;

pub(super) fn check_alarms(definition: &PlantDefinition, tags: &Names<'_>, made: &Made<'_>, problems: &mut Problems) {
    let mut by_tag: HashMap<&str, Vec<&AlarmDefinition>> = HashMap::new();
    let mut former: HashMap<&str, &str> = HashMap::new();
    let plant = Plant { definition, tags, made };
    for (index, alarm) in definition.alarms.iter().enumerate() {
        let others = by_tag.entry(&alarm.tag).or_default();
        let outcome = check_former(alarm, &mut former).and_then(|()| check_alarm(alarm, &plant));
        match outcome.and_then(|()| check_limit_order(alarm, others.iter().copied())) {
            Ok(()) => others.push(alarm),
            Err(fault) => problems.add("alarm", index, &alarm.name, fault),
        }
    }
}

/// What an alarm refers to.
struct Plant<'a> {
    definition: &'a PlantDefinition,
    tags: &'a Names<'a>,
    made: &'a Made<'a>,
}

impl<'a> Plant<'a> {
    /// A tag that a field names; none where it is known only when the plant has made it.
    fn tag(&self, field: &'static str, name: &str) -> Result<Option<&'a TagDefinition>, FieldFault> {
        match self.tags.get(name) {
            Some(&tag) => Ok(self.definition.tags.get(tag)),
            None if self.made.has(name) => Ok(None),
            None => Err((field, Fault::Unknown { item: "tag", name: name.to_owned() })),
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

fn check_alarm(alarm: &AlarmDefinition, plant: &Plant<'_>) -> Result<(), FieldFault> {
    check_texts(alarm)?;
    let tag = plant.tag("tag", &alarm.tag)?;
    if let Some(tag) = tag {
        check_kind(alarm, tag.data_type)?;
    }
    check_set_point(alarm, tag, plant)?;
    check_reference(alarm, tag, plant)?;
    bounded("dead_band", alarm.dead_band, alarm.dead_band >= 0.0, "0 or more")?;
    check_times(alarm)?;
    if alarm.latching && alarm.auto_acknowledge {
        return Err(("auto_acknowledge", Fault::Excludes("latching")));
    }
    if alarm.group.as_ref().is_some_and(|group| !is_name(group)) {
        return Err(("group", Fault::BadName));
    }
    check_suppression(alarm, plant)
}

fn check_kind(alarm: &AlarmDefinition, data_type: DataType) -> Result<(), FieldFault> {
    let fits = match alarm.kind {
        AlarmKind::BadQuality => true,
        AlarmKind::Bool => data_type == DataType::Boolean,
        _ => is_number(data_type),
    };
    if fits { Ok(()) } else { Err(("kind", Fault::NotForType(data_type))) }
}

fn is_number(data_type: DataType) -> bool {
    matches!(data_type, DataType::Float | DataType::Integer)
}

fn check_set_point(alarm: &AlarmDefinition, tag: Option<&TagDefinition>, plant: &Plant<'_>) -> Result<(), FieldFault> {
    let not_allowed = |allowed| ("set_point", Fault::NotAllowed { value: alarm.set_point.to_string(), allowed });
    let is_given = alarm.set_point != Value::Boolean(true);
    let Some(name) = &alarm.set_point_tag else {
        let (wanted, allowed) = match alarm.kind {
            AlarmKind::BadQuality if is_given => return Err(not_allowed("nothing: the quality has no set point")),
            kind if kind.has_number() => (DataType::Float, "a finite number"),
            _ => (DataType::Boolean, "true or false"),
        };
        let set_point =
            alarm.set_point.clone().coerce(wanted).filter(Value::is_finite).ok_or_else(|| not_allowed(allowed))?;
        let is_distance = matches!(alarm.kind, AlarmKind::Deviation | AlarmKind::Rate);
        return match set_point.as_f64() {
            Some(distance) if is_distance && distance < 0.0 => Err(not_allowed("0 or more")),
            _ => Ok(()),
        };
    };
    if !alarm.kind.has_number() {
        return Err((
            "set_point_tag",
            Fault::NotAllowed { value: name.clone(), allowed: "only where the set point is a number" },
        ));
    }
    if is_given {
        return Err(("set_point_tag", Fault::Excludes("set_point")));
    }
    alike("set_point_tag", plant.tag("set_point_tag", name)?, tag.filter(|_| alarm.kind != AlarmKind::Rate))
}

fn check_reference(alarm: &AlarmDefinition, tag: Option<&TagDefinition>, plant: &Plant<'_>) -> Result<(), FieldFault> {
    match (&alarm.reference, alarm.kind) {
        (Some(name), AlarmKind::Deviation) => alike("reference", plant.tag("reference", name)?, tag),
        (None, AlarmKind::Deviation) => Err(("kind", Fault::Needs("reference"))),
        (Some(name), _) => Err(("reference", Fault::NotAllowed { value: name.clone(), allowed: "only of DEVIATION" })),
        (None, _) => Ok(()),
    }
}

/// A tag whose value is held against that of another: a number, in the same unit.
fn alike(field: &'static str, other: Option<&TagDefinition>, tag: Option<&TagDefinition>) -> Result<(), FieldFault> {
    let Some(other) = other else { return Ok(()) };
    if !is_number(other.data_type) {
        return Err((field, Fault::NotForType(other.data_type)));
    }
    match tag {
        Some(tag) if tag.unit != other.unit => {
            let value = other.unit.clone().unwrap_or_else(|| "no unit".to_owned());
            Err((field, Fault::NotAllowed { value, allowed: "the unit of the alarm's tag" }))
        }
        _ => Ok(()),
    }
}

fn check_times(alarm: &AlarmDefinition) -> Result<(), FieldFault> {
    const DAY_MS: u32 = 86_400_000;
    let within = |field, value: Option<u32>, least: u32, most: u32, allowed| match value {
        Some(value) if !(least..=most).contains(&value) => {
            Err((field, Fault::OutOfBounds { value: value.into(), allowed }))
        }
        _ => Ok(()),
    };
    within("on_delay_ms", Some(alarm.on_delay_ms), 0, DAY_MS, "0 to 86,400,000 ms")?;
    within("off_delay_ms", Some(alarm.off_delay_ms), 0, DAY_MS, "0 to 86,400,000 ms")?;
    within("re_alarm_ms", alarm.re_alarm_ms, 1_000, u32::MAX, "1,000 ms or more")?;
    within("max_shelve_ms", alarm.max_shelve_ms, 0, 7 * DAY_MS, "0 to 604,800,000 ms")?;
    match alarm.window_ms {
        Some(ms) if alarm.kind != AlarmKind::Rate => {
            Err(("window_ms", Fault::NotAllowed { value: ms.to_string(), allowed: "only of RATE" }))
        }
        window => within("window_ms", window, 100, DAY_MS, "100 to 86,400,000 ms"),
    }
}

fn check_suppression(alarm: &AlarmDefinition, plant: &Plant<'_>) -> Result<(), FieldFault> {
    let Some(text) = &alarm.suppress_when else { return Ok(()) };
    let wrong = |error| ("suppress_when", Fault::Expression(error));
    let expression = Expression::parse(text).map_err(wrong)?;
    if expression.tags().any(|(name, _)| !plant.tags.contains_key(name) && plant.made.has(name)) {
        return Ok(());
    }
    let type_of = |name: &str| plant.tags.get(name).and_then(|&tag| Some(plant.definition.tags.get(tag)?.data_type));
    expression.check_for(DataType::Boolean, &type_of).map_err(wrong)
}

fn check_texts(alarm: &AlarmDefinition) -> Result<(), FieldFault> {
    let texts = [
        ("description", &alarm.description),
        ("cause", &alarm.cause),
        ("consequence", &alarm.consequence),
        ("action", &alarm.action),
        ("owner", &alarm.owner),
        ("revision", &alarm.revision),
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
        let (Some(own), Some(limit)) = (fixed_limit(alarm), fixed_limit(other)) else { continue };
        if !check_limit_values((alarm.kind, own), (other.kind, limit)) {
            return Err(("set_point", Fault::LimitOrder { other: other.name.clone(), other_set_point: limit }));
        }
    }
    Ok(())
}

/// The set point, where it is a number that the definition gives.
fn fixed_limit(alarm: &AlarmDefinition) -> Option<f64> {
    alarm.set_point.as_f64().filter(|_| alarm.kind.is_limit() && alarm.set_point_tag.is_none())
}

/// Whether two set points of one tag stand in the order LL < L < H < HH; those of other kinds do in any case.
#[must_use]
pub fn check_limit_values((kind, own): (AlarmKind, f64), (other_kind, limit): (AlarmKind, f64)) -> bool {
    // AlarmKind orders LOW_LOW < LOW < HIGH < HIGH_HIGH.
    let rising = if kind < other_kind { own < limit } else { own > limit };
    rising || !(kind.is_limit() && other_kind.is_limit())
}

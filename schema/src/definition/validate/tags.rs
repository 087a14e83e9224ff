//! The rules of tags: of each by itself, and of all together.

use super::{FieldFault, Names, Problems, at_most, bounded, is_name};
use crate::definition::{DeadBand, Fault, PlantDefinition, Range, TagDefinition};
use crate::{DataType, units};
use std::collections::HashMap;

/// Longest description, in characters.
const LONGEST_DESCRIPTION: usize = 1_000;

/// Longest node address, in characters: that of an identifier in OPC UA Part 3, section 8.2.4.
const LONGEST_NODE: usize = 4_096;

/// Names and addresses that only one tag may have.
#[derive(Default)]
struct Taken<'a> {
    nodes: HashMap<(&'a str, &'a str), &'a str>,
    display_names: HashMap<&'a str, &'a str>,
    former: HashMap<&'a str, &'a str>,
}

pub(super) fn check_tags(definition: &PlantDefinition, links: &Names<'_>, names: &Names<'_>, problems: &mut Problems) {
    let mut taken = Taken::default();
    for (index, tag) in definition.tags.iter().enumerate() {
        if let Err(fault) = check_tag(tag).and_then(|()| taken.check(tag, links, names)) {
            problems.add("tag", index, &tag.name, fault);
        }
    }
}

impl<'a> Taken<'a> {
    fn check(&mut self, tag: &'a TagDefinition, links: &Names<'_>, names: &Names<'_>) -> Result<(), FieldFault> {
        if let (Some(link), Some(node)) = (&tag.link, &tag.node) {
            if !links.contains_key(link.as_str()) {
                return Err(("link", Fault::Unknown { item: "link", name: link.clone() }));
            }
            if let Some(other) = self.nodes.insert((link, node), &tag.name) {
                return Err(("node", Fault::DuplicateNode { other: other.to_owned() }));
            }
        }
        if let Some(display_name) = &tag.display_name
            && let Some(other) = self.display_names.insert(display_name, &tag.name)
        {
            return Err(("display_name", Fault::DuplicateDisplayName { other: other.to_owned() }));
        }
        if let Some(was) = &tag.was {
            if let Some(other) = self.former.insert(was, &tag.name) {
                return Err(("was", Fault::DuplicateFormer { other: other.to_owned() }));
            }
            if was != &tag.name && names.contains_key(was.as_str()) {
                return Err(("was", Fault::FormerStillThere { name: was.clone() }));
            }
        }
        Ok(())
    }
}

/// Checks the rules of one tag by itself.
///
/// # Errors
/// The field and what is wrong with it.
pub fn check_tag(tag: &TagDefinition) -> Result<(), FieldFault> {
    check_names(tag)?;
    check_units(tag)?;
    check_range("range", tag.range, tag.data_type)?;
    check_dead_band("dead_band", tag.dead_band, tag)?;
    check_source(tag)?;
    check_times(tag)?;
    check_conditioning(tag)?;
    check_writing(tag)?;
    check_keeping(tag)?;
    let location = tag.location.as_ref();
    location.map_or(Ok(()), |at| bounded("location.post", at.post, true, "a finite number of kilometres"))
}

fn is_numeric(data_type: DataType) -> bool {
    matches!(data_type, DataType::Float | DataType::Integer)
}

fn check_names(tag: &TagDefinition) -> Result<(), FieldFault> {
    let texts = [
        ("display_name", &tag.display_name),
        ("was", &tag.was),
        ("retention", &tag.retention),
        ("location.segment", &tag.location.as_ref().map(|location| location.segment.clone())),
    ];
    let wrong = texts.into_iter().find(|(_, text)| text.as_deref().is_some_and(|text| !is_name(text)));
    if let Some((field, _)) = wrong {
        return Err((field, Fault::BadName));
    }
    at_most("description", tag.description.as_deref(), LONGEST_DESCRIPTION)?;
    at_most("node", tag.node.as_deref(), LONGEST_NODE)?;
    // ISA-95 levels: none may be empty, or two areas would look alike.
    let area = tag.area.as_deref();
    match area {
        Some(area) if !area.split('/').all(is_name) => {
            Err(("area", Fault::NotAllowed { value: area.to_owned(), allowed: "a path such as site/area/unit" }))
        }
        _ => Ok(()),
    }
}

fn check_units(tag: &TagDefinition) -> Result<(), FieldFault> {
    if let Some(quantity) = &tag.quantity
        && !units::has_quantity(quantity)
    {
        let fault = Fault::UnknownQuantity { quantity: quantity.clone(), allowed: units::quantities().collect() };
        return Err(("quantity", fault));
    }
    let Some(unit) = &tag.unit else {
        return if tag.display_unit.is_some() { Err(("display_unit", Fault::Needs("unit"))) } else { Ok(()) };
    };
    if units::find(unit, tag.quantity.as_deref()).next().is_none() {
        return Err(("unit", unit_fault(unit, tag.quantity.as_deref())));
    }
    let Some(display) = &tag.display_unit else { return Ok(()) };
    let quantities = units::find(unit, tag.quantity.as_deref()).map(|unit| unit.quantity);
    let mut quantities = quantities.peekable();
    let first = quantities.peek().copied();
    if quantities.any(|quantity| units::find(display, Some(quantity)).next().is_some()) {
        return Ok(());
    }
    Err(("display_unit", unit_fault(display, first)))
}

fn unit_fault(unit: &str, quantity: Option<&str>) -> Fault {
    match quantity {
        Some(quantity) => {
            let allowed = units::symbols(quantity);
            Fault::UnitOfOtherQuantity { unit: unit.to_owned(), quantity: quantity.to_owned(), allowed }
        }
        None => Fault::UnknownUnit { unit: unit.to_owned(), similar: units::similar(unit) },
    }
}

fn check_range(field: &'static str, range: Option<Range>, data_type: DataType) -> Result<(), FieldFault> {
    let Some(range) = range else { return Ok(()) };
    if !is_numeric(data_type) {
        return Err((field, Fault::NotForType(data_type)));
    }
    bounded(field, range.low, true, "a finite number")?;
    bounded(field, range.high, range.high > range.low, "a finite number above the low end")
}

fn check_dead_band(field: &'static str, band: Option<DeadBand>, tag: &TagDefinition) -> Result<(), FieldFault> {
    match band {
        Some(_) if !is_numeric(tag.data_type) => Err((field, Fault::NotForType(tag.data_type))),
        Some(DeadBand::Absolute(width)) => bounded(field, width, width >= 0.0, "0 or more"),
        Some(DeadBand::Percent(percent)) => {
            bounded(field, percent, (0.0..=100.0).contains(&percent), "0 to 100 %")?;
            if tag.range.is_none() { Err((field, Fault::Needs("range"))) } else { Ok(()) }
        }
        None => Ok(()),
    }
}

/// A value comes from one place: a link, an expression, or whoever writes it.
fn check_source(tag: &TagDefinition) -> Result<(), FieldFault> {
    match (&tag.link, &tag.node) {
        (Some(_), None) => return Err(("link", Fault::Needs("node"))),
        (None, Some(_)) => return Err(("node", Fault::Needs("link"))),
        _ => {}
    }
    let interval = |field, value: Option<u32>| match value {
        Some(ms) => bounded(field, f64::from(ms), (10..=3_600_000).contains(&ms), "10 to 3,600,000 ms"),
        None => Ok(()),
    };
    interval("publish_ms", tag.publish_ms)?;
    interval("poll_ms", tag.poll_ms)?;
    if tag.poll_ms.is_some() && tag.link.is_none() {
        return Err(("poll_ms", Fault::Needs("link")));
    }
    if tag.poll_ms.is_some() && tag.publish_ms.is_some() {
        return Err(("poll_ms", Fault::Excludes("publish_ms")));
    }
    if tag.expression.is_some() {
        let other = [("link", tag.link.is_some()), ("writable", tag.writable), ("initial", tag.initial.is_some())];
        if let Some((other, _)) = other.into_iter().find(|(_, there)| *there) {
            return Err(("expression", Fault::Excludes(other)));
        }
    }
    match &tag.initial {
        Some(initial) if !initial.is_finite() || initial.clone().coerce(tag.data_type).is_none() => {
            Err(("initial", Fault::NotForType(tag.data_type)))
        }
        _ => Ok(()),
    }
}

fn check_times(tag: &TagDefinition) -> Result<(), FieldFault> {
    /// A week, ms.
    const WEEK: u32 = 604_800_000;
    for (field, value) in [("max_silence_ms", tag.max_silence_ms), ("stale_after_ms", tag.stale_after_ms)] {
        if let Some(ms) = value {
            bounded(field, f64::from(ms), (100..=WEEK).contains(&ms), "100 to 604,800,000 ms")?;
        }
    }
    if let (Some(poll), Some(stale)) = (tag.poll_ms, tag.stale_after_ms) {
        bounded("stale_after_ms", f64::from(stale), stale > poll, "more than poll_ms")?;
    }
    Ok(())
}

fn check_conditioning(tag: &TagDefinition) -> Result<(), FieldFault> {
    if let Some(filter) = &tag.filter {
        // A filtered value has fractions.
        if tag.data_type != DataType::Float {
            return Err(("filter", Fault::NotForType(tag.data_type)));
        }
        filter.check()?;
    }
    if let Some(screens) = &tag.screens {
        if !is_numeric(tag.data_type) {
            return Err(("screens", Fault::NotForType(tag.data_type)));
        }
        screens.check(tag.range)?;
    }
    Ok(())
}

fn check_writing(tag: &TagDefinition) -> Result<(), FieldFault> {
    check_range("write_limits", tag.write_limits, tag.data_type)?;
    for (field, there) in [("write_limits", tag.write_limits.is_some()), ("write_role", tag.write_role.is_some())] {
        if there && !tag.writable {
            return Err((field, Fault::Needs("writable")));
        }
    }
    if let (Some(limits), Some(range)) = (tag.write_limits, tag.range) {
        bounded("write_limits", limits.low, limits.low >= range.low, "not below the range")?;
        bounded("write_limits", limits.high, limits.high <= range.high, "not above the range")?;
    }
    Ok(())
}

fn check_keeping(tag: &TagDefinition) -> Result<(), FieldFault> {
    for (field, there) in
        [("history_dead_band", tag.history_dead_band.is_some()), ("retention", tag.retention.is_some())]
    {
        if there && !tag.history {
            return Err((field, Fault::Needs("history")));
        }
    }
    check_dead_band("history_dead_band", tag.history_dead_band, tag)
}

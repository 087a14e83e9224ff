//! The rules of a plant definition.

use super::{
    AlarmDefinition, AlarmKind, DeadBand, DefinitionError, Fault, LinkDefinition, MachineDefinition, Place,
    PlantDefinition, TagDefinition,
};
use crate::{DataType, units};
use std::collections::HashMap;

/// Longest name, in characters.
const LONGEST_NAME: usize = 200;

type Names<'a> = HashMap<&'a str, usize>;

pub(super) fn validate(definition: &PlantDefinition) -> Result<(), DefinitionError> {
    let links = check_links(&definition.links)?;
    let tags = check_tags(&definition.tags, &links)?;
    check_alarms(definition, &tags)?;
    check_machines(&definition.machines)
}

fn unique<'a>(item: &'static str, names: impl Iterator<Item = &'a str>) -> Result<Names<'a>, DefinitionError> {
    let mut seen = Names::new();
    for (index, name) in names.enumerate() {
        let place = || Place { item, index, name: name.to_owned(), field: "name" };
        if name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
            return Err(DefinitionError::new(place(), Fault::BadName));
        }
        if let Some(&first) = seen.get(name) {
            return Err(DefinitionError::new(place(), Fault::Duplicate { first }));
        }
        seen.insert(name, index);
    }
    Ok(seen)
}

fn check_links(links: &[LinkDefinition]) -> Result<Names<'_>, DefinitionError> {
    let names = unique("link", links.iter().map(|link| link.name.as_str()))?;
    for (index, link) in links.iter().enumerate() {
        let fail = |field, fault| {
            Err(DefinitionError::new(Place { item: "link", index, name: link.name.clone(), field }, fault))
        };
        let authority = link.endpoint.strip_prefix("opc.tcp://").unwrap_or_default();
        if authority.is_empty() || authority.starts_with('/') {
            return fail("endpoint", Fault::BadEndpoint);
        }
        if !(10..=3_600_000).contains(&link.publish_ms) {
            let value = f64::from(link.publish_ms);
            return fail("publish_ms", Fault::OutOfBounds { value, allowed: "10 to 3,600,000 ms" });
        }
        if !(1..=100_000).contains(&link.queue) {
            let value = f64::from(link.queue);
            return fail("queue", Fault::OutOfBounds { value, allowed: "1 to 100,000" });
        }
    }
    Ok(names)
}

fn check_tags<'a>(tags: &'a [TagDefinition], links: &Names<'_>) -> Result<Names<'a>, DefinitionError> {
    let names = unique("tag", tags.iter().map(|tag| tag.name.as_str()))?;
    let mut nodes: HashMap<(&str, &str), &str> = HashMap::new();
    for (index, tag) in tags.iter().enumerate() {
        let fail =
            |(field, fault)| DefinitionError::new(Place { item: "tag", index, name: tag.name.clone(), field }, fault);
        check_tag(tag).map_err(fail)?;
        if let (Some(link), Some(node)) = (&tag.link, &tag.node) {
            if !links.contains_key(link.as_str()) {
                return Err(fail(("link", Fault::Unknown { item: "link", name: link.clone() })));
            }
            if let Some(other) = nodes.insert((link, node), &tag.name) {
                return Err(fail(("node", Fault::DuplicateNode { other: other.to_owned() })));
            }
        }
    }
    Ok(names)
}

/// Checks the rules of one tag by itself.
///
/// # Errors
/// The field and what is wrong with it.
pub fn check_tag(tag: &TagDefinition) -> Result<(), (&'static str, Fault)> {
    let finite = |field: &'static str, value: f64, allowed: &'static str, ok: bool| {
        if value.is_finite() && ok { Ok(()) } else { Err((field, Fault::OutOfBounds { value, allowed })) }
    };
    let numeric = matches!(tag.data_type, DataType::Float | DataType::Integer);
    check_unit(tag)?;
    if let Some(range) = tag.range {
        if !numeric {
            return Err(("range", Fault::NotForType(tag.data_type)));
        }
        finite("range", range.low, "a finite number", true)?;
        finite("range", range.high, "a finite number above the low end", range.high > range.low)?;
    }
    match tag.dead_band {
        Some(_) if !numeric => return Err(("dead_band", Fault::NotForType(tag.data_type))),
        Some(DeadBand::Absolute(width)) => finite("dead_band", width, "0 or more", width >= 0.0)?,
        Some(DeadBand::Percent(percent)) => {
            finite("dead_band", percent, "0 to 100 %", (0.0..=100.0).contains(&percent))?;
            if tag.range.is_none() {
                return Err(("dead_band", Fault::Needs("range")));
            }
        }
        None => {}
    }
    if tag.link.is_some() != tag.node.is_some() {
        return Err(if tag.link.is_some() { ("link", Fault::Needs("node")) } else { ("node", Fault::Needs("link")) });
    }
    if let Some(publish_ms) = tag.publish_ms {
        let ok = (10..=3_600_000).contains(&publish_ms);
        finite("publish_ms", f64::from(publish_ms), "10 to 3,600,000 ms", ok)?;
    }
    if let Some(initial) = &tag.initial
        && (!initial.is_finite() || initial.clone().coerce(tag.data_type).is_none())
    {
        return Err(("initial", Fault::NotForType(tag.data_type)));
    }
    Ok(())
}

fn check_unit(tag: &TagDefinition) -> Result<(), (&'static str, Fault)> {
    if let Some(quantity) = &tag.quantity
        && !units::has_quantity(quantity)
    {
        return Err(("quantity", Fault::UnknownQuantity(quantity.clone())));
    }
    let Some(unit) = &tag.unit else { return Ok(()) };
    if units::find(unit, tag.quantity.as_deref()).next().is_some() {
        return Ok(());
    }
    let fault = match &tag.quantity {
        Some(quantity) if units::find(unit, None).next().is_some() => Fault::UnitOfOtherQuantity {
            unit: unit.clone(),
            quantity: quantity.clone(),
            allowed: units::symbols(quantity),
        },
        _ => Fault::UnknownUnit(unit.clone()),
    };
    Err(("unit", fault))
}

/// Whether the running plant makes this tag by itself: a machine's own, or one that tells how a link or the plant is.
fn is_made_by_the_plant(tag: &str, definition: &PlantDefinition) -> bool {
    let of_machine = |machine: &MachineDefinition| {
        tag.strip_prefix(machine.name.as_str()).is_some_and(|suffix| suffix.starts_with('.'))
    };
    tag.starts_with("system.")
        || definition.machines.iter().any(of_machine)
        || definition.links.iter().any(|link| link.connected_tag() == tag)
}

fn check_alarms(definition: &PlantDefinition, tags: &Names<'_>) -> Result<(), DefinitionError> {
    let alarms = &definition.alarms;
    unique("alarm", alarms.iter().map(|alarm| alarm.name.as_str()))?;
    let mut by_tag: HashMap<&str, Vec<&AlarmDefinition>> = HashMap::new();
    for (index, alarm) in alarms.iter().enumerate() {
        let fail = |(field, fault)| {
            DefinitionError::new(Place { item: "alarm", index, name: alarm.name.clone(), field }, fault)
        };
        let Some(&tag) = tags.get(alarm.tag.as_str()) else {
            if is_made_by_the_plant(&alarm.tag, definition) {
                // Held against the tag when the plant starts and has made it.
                continue;
            }
            return Err(fail(("tag", Fault::Unknown { item: "tag", name: alarm.tag.clone() })));
        };
        check_alarm(alarm, definition.tags[tag].data_type).map_err(fail)?;
        let others = by_tag.entry(&alarm.tag).or_default();
        check_limit_order(alarm, others.iter().copied()).map_err(fail)?;
        others.push(alarm);
    }
    Ok(())
}

fn check_alarm(alarm: &AlarmDefinition, data_type: DataType) -> Result<(), (&'static str, Fault)> {
    let fits = match alarm.kind {
        AlarmKind::Bool => data_type == DataType::Boolean,
        _ => matches!(data_type, DataType::Float | DataType::Integer),
    };
    if !fits {
        return Err(("kind", Fault::NotForType(data_type)));
    }
    let wanted = if alarm.kind.is_limit() { DataType::Float } else { DataType::Boolean };
    let value = alarm.set_point.as_f64().unwrap_or(f64::NAN);
    if alarm.set_point.clone().coerce(wanted).is_none() || !value.is_finite() {
        let allowed = if alarm.kind.is_limit() { "a finite number" } else { "true or false" };
        return Err(("set_point", Fault::OutOfBounds { value, allowed }));
    }
    if !(alarm.dead_band.is_finite() && alarm.dead_band >= 0.0) {
        let value = alarm.dead_band;
        return Err(("dead_band", Fault::OutOfBounds { value, allowed: "0 or more" }));
    }
    Ok(())
}

/// Checks one alarm against the other alarms of its tag: one of a type, and LL < L < H < HH.
///
/// # Errors
/// The field and the alarm it conflicts with.
pub fn check_limit_order<'a>(
    alarm: &AlarmDefinition,
    others: impl Iterator<Item = &'a AlarmDefinition>,
) -> Result<(), (&'static str, Fault)> {
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

fn check_machines(machines: &[MachineDefinition]) -> Result<(), DefinitionError> {
    unique("machine", machines.iter().map(|machine| machine.name.as_str()))?;
    for (index, machine) in machines.iter().enumerate() {
        if !(1..=86_400_000).contains(&machine.interval_ms) {
            let place = Place { item: "machine", index, name: machine.name.clone(), field: "interval_ms" };
            let value = f64::from(machine.interval_ms);
            return Err(DefinitionError::new(place, Fault::OutOfBounds { value, allowed: "1 to 86,400,000 ms" }));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault_of(text: &str) -> String {
        PlantDefinition::from_toml(text).unwrap_err().to_string()
    }

    const TANK: &str = "[[tag]]\nname = \"tank\"\nunit = \"cm\"\n";

    #[test]
    fn every_broken_rule_names_its_place() {
        for (text, expected) in [
            ("[[tag]]\nname = 1", "line 2, column 8: invalid type: integer `1`, expected a string"),
            (
                "[[tag]]\nname = \"a\"\ncolour = 1",
                "line 3, column 1: unknown field `colour`, expected one of `name`, `display_name`, `description`, `area`, \
                 `data_type`, `quantity`, `unit`, `range`, `link`, `node`, `publish_ms`, `dead_band`, `writable`, \
                 `history`, `retention`, `initial`",
            ),
            (
                "[[tag]]\nname = \"a\"\n[[tag]]\nname = \"a\"",
                "line 4, column 1: tag \"a\", name: this name is taken: it already stands at entry 1",
            ),
            (
                "[[tag]]\nname = \"a\"\nunit = \"furlong\"",
                "line 3, column 1: tag \"a\", unit: unknown unit \"furlong\"",
            ),
            (
                "[[tag]]\nname = \"a\"\nquantity = \"ph\"\nunit = \"cm\"",
                "line 4, column 1: tag \"a\", unit: \"cm\" is no unit of ph; its units are pH",
            ),
            (
                "[[tag]]\nname = \"a\"\nlink = \"plc\"\nnode = \"i=1\"",
                "line 3, column 1: tag \"a\", link: there is no link \"plc\"",
            ),
            ("[[tag]]\nname = \"a\"\nnode = \"i=1\"", "line 3, column 1: tag \"a\", node: needs link as well"),
            (
                "[[tag]]\nname = \"a\"\nrange = { low = 1, high = nan }",
                "line 3, column 1: tag \"a\", range: NaN is not allowed: a finite number above the low end",
            ),
            (
                "[[link]]\nname = \"plc\"\nendpoint = \"http://x\"",
                "line 3, column 1: link \"plc\", endpoint: an endpoint reads opc.tcp://host:port/path",
            ),
            (
                "[[alarm]]\nname = \"h\"\ntag = \"tank\"\nkind = \"HIGH\"\nset_point = 1",
                "line 3, column 1: alarm \"h\", tag: there is no tag \"tank\"",
            ),
        ] {
            assert_eq!(fault_of(text), expected, "{text}");
        }
    }

    #[test]
    fn limits_of_a_tag_must_rise() {
        let alarm = |name: &str, kind: &str, set_point: f64| {
            format!("[[alarm]]\nname = \"{name}\"\ntag = \"tank\"\nkind = \"{kind}\"\nset_point = {set_point}\n")
        };
        let rising = [TANK.to_owned(), alarm("hh", "HIGH_HIGH", 3.0), alarm("h", "HIGH", 2.0), alarm("l", "LOW", 0.0)];
        assert!(PlantDefinition::from_toml(&rising.concat()).is_ok());
        let crossed = [TANK.to_owned(), alarm("h", "HIGH", 2.0), alarm("l", "LOW", 2.0)].concat();
        assert!(fault_of(&crossed).ends_with("\"h\" has 2"), "{}", fault_of(&crossed));
        let twice = [TANK.to_owned(), alarm("h", "HIGH", 2.0), alarm("h2", "HIGH", 3.0)].concat();
        assert!(fault_of(&twice).ends_with("already has an alarm of this type: \"h\""));
    }

    #[test]
    fn set_point_zero_and_false_are_values() {
        let text = format!(
            "{TANK}[[tag]]\nname = \"run\"\ndata_type = \"boolean\"\n\
             [[alarm]]\nname = \"l\"\ntag = \"tank\"\nkind = \"LOW\"\nset_point = 0\n\
             [[alarm]]\nname = \"b\"\ntag = \"run\"\nkind = \"BOOL\"\nset_point = false\n"
        );
        let plant = PlantDefinition::from_toml(&text).unwrap();
        assert_eq!(plant.alarms[1].set_point, crate::Value::Boolean(false));
        let back = PlantDefinition::from_toml(&plant.to_toml().unwrap()).unwrap();
        assert_eq!(back, plant);
    }

    #[test]
    fn an_alarm_may_watch_what_the_plant_makes_by_itself() {
        let machine = "[[machine]]\nname = \"pid\"\nkind = \"pid\"\ninterval_ms = 100\n";
        let alarm =
            |tag: &str| format!("{machine}[[alarm]]\nname = \"a\"\ntag = \"{tag}\"\nkind = \"HIGH\"\nset_point = 9\n");
        assert!(PlantDefinition::from_toml(&alarm("pid.out")).is_ok());
        assert!(fault_of(&alarm("pidout")).ends_with("there is no tag \"pidout\""));
    }

    #[test]
    fn a_limit_alarm_on_a_boolean_tag_is_refused() {
        let text = "[[tag]]\nname = \"run\"\ndata_type = \"boolean\"\n\
                    [[alarm]]\nname = \"h\"\ntag = \"run\"\nkind = \"HIGH\"\nset_point = 1\n";
        assert!(fault_of(text).ends_with("kind: not for a tag of type boolean"));
    }
}

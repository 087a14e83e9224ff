//! A plant definition as TOML that people like to read and change.

use super::PlantDefinition;
use super::tree::Tree;
use serde::Serialize;
use serde::ser::Error as _;
use serde_json::Value as Json;
use std::fmt::Write as _;
use toml::ser::Error;

/// Writes a definition: items in their order, fields in that of their definition, the tables of a tag within a line, and
/// those of a machine, which may be long, below it. What is not set is not written.
pub(super) fn write(definition: &PlantDefinition) -> Result<String, Error> {
    let PlantDefinition { plant, links, tags, alarms, machines } = definition;
    let mut text = String::from("[plant]\n");
    fields(&mut text, tree(plant)?)?;
    lists(&mut text, "link", links)?;
    lists(&mut text, "tag", tags)?;
    lists(&mut text, "alarm", alarms)?;
    for machine in machines {
        text.push_str("\n[[machine]]\n");
        let (tables, values): (Vec<_>, Vec<_>) =
            tree(machine)?.into_iter().partition(|(_, field)| matches!(field, Tree::Table(_)));
        fields(&mut text, values)?;
        for (name, table) in tables {
            if let Tree::Table(entries) = table
                && !entries.is_empty()
            {
                // Writing into a string does not fail.
                let _written = writeln!(text, "\n[machine.{}]", key(&name));
                fields(&mut text, entries)?;
            }
        }
    }
    Ok(text)
}

fn lists(text: &mut String, kind: &str, items: &[impl Serialize]) -> Result<(), Error> {
    for item in items {
        let _written = writeln!(text, "\n[[{kind}]]");
        fields(text, tree(item)?)?;
    }
    Ok(())
}

fn tree(item: &impl Serialize) -> Result<Vec<(String, Tree)>, Error> {
    match Tree::of(item).map_err(Error::custom)? {
        Tree::Table(fields) => Ok(fields),
        Tree::Leaf(value) => Err(Error::custom(format!("{value} is no table"))),
    }
}

/// A line per field.
fn fields(text: &mut String, fields: Vec<(String, Tree)>) -> Result<(), Error> {
    for (name, field) in fields {
        line(text, &key(&name), field)?;
    }
    Ok(())
}

/// `path = value`; a table of tables is a line for each of its fields.
fn line(text: &mut String, path: &str, field: Tree) -> Result<(), Error> {
    match field {
        Tree::Leaf(value) => {
            let _written = writeln!(text, "{path} = {}", told(path, value)?);
        }
        Tree::Table(fields) if fields.iter().any(|(_, field)| matches!(field, Tree::Table(_))) => {
            for (name, field) in fields {
                line(text, &format!("{path}.{}", key(&name)), field)?;
            }
        }
        Tree::Table(fields) => {
            let mut values = Vec::new();
            for (name, field) in fields {
                if let Tree::Leaf(value) = field {
                    values.push(format!("{} = {}", key(&name), told(&name, value)?));
                }
            }
            let inner = values.join(", ");
            let _written = if inner.is_empty() {
                writeln!(text, "{path} = {{}}")
            } else {
                writeln!(text, "{path} = {{ {inner} }}")
            };
        }
    }
    Ok(())
}

/// A name as a key, in quotes where it needs them.
fn key(name: &str) -> String {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if !name.is_empty() && name.bytes().all(is_bare) { name.to_owned() } else { quoted(name) }
}

fn told(path: &str, value: Json) -> Result<String, Error> {
    match value {
        Json::String(text) => Ok(toml::Value::String(text).to_string()),
        Json::Bool(_) => Ok(value.to_string()),
        Json::Number(number) => Ok(number.to_string()),
        Json::Null => Err(Error::custom(format!("{path} is not a finite number"))),
        Json::Array(_) | Json::Object(_) => Err(Error::custom(format!("{path} is neither a value nor a table"))),
    }
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                let _written = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::{AlarmDefinition, AlarmKind, Difference, LinkDefinition, TagDefinition};

    #[test]
    fn a_definition_is_written_to_be_read_by_people() {
        let text = "[[machine]]\nname = \"m\"\nkind = \"pid\"\ninterval_ms = 100\ninputs = { level = \"a.b\" }\n\
                    parameters = { gain = 2, \"set point\" = 1e300, name = \"1\" }\n\
                    [[machine]]\nname = \"n\"\nkind = \"pid\"\ninterval_ms = 100\n";
        let mut plant: PlantDefinition = toml::from_str(text).unwrap();
        plant.links.push(LinkDefinition::new("plc", "opc.tcp://plc:4840"));
        let level = TagDefinition::float("a.b")
            .with_unit("cm")
            .with_range(0.0, 1e300)
            .with_description("a \"tank\",\nof steel");
        plant.tags.push(TagDefinition {
            filter: Some(serde_json::from_str(r#"{ "lag": { "time_constant_ms": 500 } }"#).unwrap()),
            screens: Some(crate::definition::Screens::default()),
            ..level
        });
        plant.tags.push(TagDefinition::text("mode").with_initial("1"));
        plant.alarms.push(AlarmDefinition::new("high", "a.b", AlarmKind::High, 90));
        let written = plant.to_toml().unwrap();
        insta::assert_snapshot!(written, @r#"
        [plant]
        name = "plant"

        [[link]]
        name = "plc"
        endpoint = "opc.tcp://plc:4840"
        publish_ms = 100
        sampling_ms = 0
        queue = 100

        [[tag]]
        name = "a.b"
        description = """
        a "tank",
        of steel"""
        data_type = "float"
        unit = "cm"
        range = { low = 0.0, high = 1e+300 }
        filter.lag = { time_constant_ms = 500 }
        screens = {}
        history = true

        [[tag]]
        name = "mode"
        data_type = "text"
        history = true
        initial = "1"

        [[alarm]]
        name = "high"
        tag = "a.b"
        kind = "HIGH"
        set_point = 90
        dead_band = 0.0
        priority = "medium"
        class = "process"

        [[machine]]
        name = "m"
        kind = "pid"
        mode = "sync"
        interval_ms = 100

        [machine.inputs]
        level = "a.b"

        [machine.parameters]
        gain = 2
        name = "1"
        "set point" = 1e+300

        [[machine]]
        name = "n"
        kind = "pid"
        mode = "sync"
        interval_ms = 100
        "#);
        assert_eq!(PlantDefinition::from_toml(&written).unwrap(), plant);
    }

    #[test]
    fn a_fault_in_what_was_written_has_its_line() {
        let mut plant = PlantDefinition::default();
        plant.tags.push(TagDefinition::float("x").with_range(2.0, 1.0));
        let error = PlantDefinition::from_toml(&plant.to_toml().unwrap()).unwrap_err();
        assert_eq!(error.position, Some((7, 1)));
    }

    #[test]
    fn a_number_that_is_not_finite_is_not_written() {
        let mut plant = PlantDefinition::default();
        plant.tags.push(TagDefinition::float("x").with_range(0.0, f64::NAN));
        assert_eq!(plant.to_toml().unwrap_err().to_string(), "high is not a finite number");
    }

    #[test]
    fn ten_thousand_tags_come_back() {
        let tags = (0..10_000)
            .map(|index| TagDefinition::float(format!("area{}.tag{index}", index % 7)).with_range(-0.0, 0.1));
        let plant = PlantDefinition { tags: tags.collect(), ..PlantDefinition::default() };
        let read = PlantDefinition::from_toml(&plant.to_toml().unwrap()).unwrap();
        assert!(Difference::between(&plant, &read).is_empty());
        assert_eq!(read, plant);
    }
}

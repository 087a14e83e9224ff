//! The rules of a plant definition.

mod alarms;
mod expressions;
mod made;
mod tags;
#[cfg(test)]
mod tests;

pub use alarms::{check_limit_order, check_limit_values};
pub use made::INSTRUMENT;
pub use tags::check_tag;

use super::{DefinitionError, Fault, LinkDefinition, MachineDefinition, Place, PlantDefinition};
use made::Made;
use std::collections::HashMap;

/// Longest name, in characters.
const LONGEST_NAME: usize = 200;

/// What is wrong with a field.
type FieldFault = (&'static str, Fault);

/// Position in its list by name.
type Names<'a> = HashMap<&'a str, usize>;

/// Everything wrong with a definition, at most one fault per item, but for names.
pub(super) fn problems(definition: &PlantDefinition) -> Vec<DefinitionError> {
    let mut problems = Problems::default();
    let links = problems.names("link", definition.links.iter().map(|link| link.name.as_str()));
    problems.each("link", &definition.links, |link| &link.name, check_link);
    let tags = problems.names("tag", definition.tags.iter().map(|tag| tag.name.as_str()));
    let made = Made::of(definition);
    tags::check_tags(definition, &links, &tags, &mut problems);
    expressions::check_expressions(definition, &tags, &made, &mut problems);
    problems.names("alarm", definition.alarms.iter().map(|alarm| alarm.name.as_str()));
    alarms::check_alarms(definition, &tags, &made, &mut problems);
    problems.names("machine", definition.machines.iter().map(|machine| machine.name.as_str()));
    problems.each("machine", &definition.machines, |machine| &machine.name, check_machine);
    problems.0
}

/// What was found so far.
#[derive(Default)]
struct Problems(Vec<DefinitionError>);

impl Problems {
    fn add(&mut self, item: &'static str, index: usize, name: &str, (field, fault): FieldFault) {
        self.0.push(DefinitionError::new(Place { item, index, name: name.to_owned(), field }, fault));
    }

    /// Holds names to their rules and answers where each stands first.
    fn names<'a>(&mut self, item: &'static str, names: impl Iterator<Item = &'a str>) -> Names<'a> {
        let mut seen = Names::new();
        for (index, name) in names.enumerate() {
            if !is_name(name) {
                self.add(item, index, name, ("name", Fault::BadName));
            }
            if let Some(&first) = seen.get(name) {
                self.add(item, index, name, ("name", Fault::Duplicate { first }));
            } else {
                seen.insert(name, index);
            }
        }
        seen
    }

    fn each<T>(
        &mut self,
        item: &'static str,
        all: &[T],
        name: impl Fn(&T) -> &str,
        check: impl Fn(&T) -> Result<(), FieldFault>,
    ) {
        for (index, one) in all.iter().enumerate() {
            if let Err(fault) = check(one) {
                self.add(item, index, name(one), fault);
            }
        }
    }
}

/// Whether `name` has 1 to 200 printable characters, with none of white space at its ends.
fn is_name(name: &str) -> bool {
    let length = name.chars().count();
    (1..=LONGEST_NAME).contains(&length) && !name.chars().any(char::is_control) && name.trim().len() == name.len()
}

/// Refuses a text of more than `limit` characters.
fn at_most(field: &'static str, text: Option<&str>, limit: usize) -> Result<(), FieldFault> {
    // As many bytes are no more characters.
    let Some(text) = text.filter(|text| text.len() > limit) else { return Ok(()) };
    let length = text.chars().count();
    if length > limit { Err((field, Fault::TooLong { length, limit })) } else { Ok(()) }
}

/// Refuses a number that is not finite, or for which `ok` is false.
fn bounded(field: &'static str, value: f64, ok: bool, allowed: &'static str) -> Result<(), FieldFault> {
    if value.is_finite() && ok { Ok(()) } else { Err((field, Fault::OutOfBounds { value, allowed })) }
}

fn check_link(link: &LinkDefinition) -> Result<(), FieldFault> {
    let authority = link.endpoint.strip_prefix("opc.tcp://").unwrap_or_default();
    if authority.is_empty() || authority.starts_with('/') {
        return Err(("endpoint", Fault::BadEndpoint(link.endpoint.clone())));
    }
    let publish_ms = f64::from(link.publish_ms);
    bounded("publish_ms", publish_ms, (10..=3_600_000).contains(&link.publish_ms), "10 to 3,600,000 ms")?;
    bounded("queue", f64::from(link.queue), (1..=100_000).contains(&link.queue), "1 to 100,000")
}

fn check_machine(machine: &MachineDefinition) -> Result<(), FieldFault> {
    let ok = (1..=86_400_000).contains(&machine.interval_ms);
    bounded("interval_ms", f64::from(machine.interval_ms), ok, "1 to 86,400,000 ms")
}

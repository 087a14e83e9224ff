//! What a message says. Pure.

use super::router::Subject;
use super::{Kind, Outgoing};
use flyball_schema::definition::Priority;
use flyball_schema::{Timestamp, Value};
use serde_json::{Value as Json, json};
use std::fmt::Write as _;
use std::sync::Arc;

/// Alarms that a summary names.
const NAMED: usize = 10;

/// Subject, text for people, and JSON for programs.
pub(super) type Content = (String, String, Json);

/// What is said of one alarm.
pub(super) fn of_alarm(plant: &str, subject: &Subject, rule: &str, kind: Kind, now: Timestamp) -> Content {
    let status = &subject.status;
    let definition = &*status.definition;
    let area = subject.area.as_deref();
    let value = shown(status.value.as_ref(), status.unit.as_deref());
    let what = match kind {
        Kind::Raised => "raised",
        Kind::Repeated => "still not acknowledged",
        Kind::Returned | Kind::Summary => "returned to normal",
    };
    let priority = definition.priority.as_str();
    let line = format!("[{priority}] {} {what}: {value}", definition.name);
    let limit = shown(Some(&definition.set_point), status.unit.as_deref());
    let raised = status.raised_at.map(|at| at.to_string());
    let mut text = String::new();
    for (name, told) in [
        ("Alarm", Some(definition.name.as_str())),
        ("", definition.description.as_deref()),
        ("What", Some(what)),
        ("Priority", Some(priority)),
        ("State", Some(status.state.as_str())),
        ("Value", Some(&*value)),
        ("Limit", Some(&*format!("{} {limit}", definition.kind.as_str()))),
        ("Tag", Some(definition.tag.as_str())),
        ("Area", area),
        ("Raised", raised.as_deref()),
        ("Told", Some(&*now.to_string())),
        ("Cause", definition.cause.as_deref()),
        ("Consequence", definition.consequence.as_deref()),
        ("Action", definition.action.as_deref()),
        ("Plant", Some(plant).filter(|plant| !plant.is_empty())),
        ("Occurrence", Some(&*status.occurrence.to_string())),
    ] {
        if let Some(told) = told {
            let name = if name.is_empty() { String::new() } else { format!("{name}:") };
            let _never_fails = writeln!(text, "{name:<13}{told}");
        }
    }
    let json = json!({
        "kind": kind.as_str(), "at": now, "plant": plant, "rule": rule,
        "alarm_id": status.id, "alarm": definition.name, "occurrence": status.occurrence,
        "priority": priority, "class": definition.class.as_str(), "type": definition.kind.as_str(),
        "set_point": definition.set_point, "tag_id": status.tag, "tag": definition.tag, "area": area,
        "state": status.state.as_str(), "active": status.state.is_active(),
        "value": status.value, "unit": status.unit, "raised_at": status.raised_at,
        "description": definition.description, "cause": definition.cause,
        "consequence": definition.consequence, "action": definition.action,
    });
    (clean(&line), text, json)
}

fn shown(value: Option<&Value>, unit: Option<&str>) -> String {
    let value = match value {
        None => return "no value".to_owned(),
        Some(Value::Text(text)) => text.to_string(),
        Some(value) => serde_json::to_value(value).map(|json| json.to_string()).unwrap_or_default(),
    };
    unit.map_or_else(|| value.clone(), |unit| format!("{value} {unit}"))
}

/// A line without line breaks, as the head of a mail has to be.
fn clean(line: &str) -> String {
    line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// What is said of messages that a channel was too full for, the most urgent first.
pub(super) fn summary(plant: &str, held: &[(Priority, Arc<Outgoing>)], now: Timestamp) -> Content {
    let mut sorted: Vec<_> = held.iter().collect();
    sorted.sort_by_key(|(priority, outgoing)| (std::cmp::Reverse(*priority), outgoing.at));
    let count = |wanted: Priority| held.iter().filter(|(priority, _)| *priority == wanted).count();
    let priorities = [Priority::Critical, Priority::High, Priority::Medium, Priority::Low];
    let counts: Vec<(&str, usize)> = priorities.iter().map(|&wanted| (wanted.as_str(), count(wanted))).collect();
    let told: Vec<String> =
        counts.iter().filter(|(_, count)| *count > 0).map(|(name, count)| format!("{count} {name}")).collect();
    let line = format!("{} more alarm messages: {}", held.len(), told.join(", "));
    let mut text = format!("{line}\nThe most urgent of them:\n\n");
    let named: Vec<&str> = sorted.iter().take(NAMED).map(|(_, outgoing)| &*outgoing.subject).collect();
    for one in &named {
        let _never_fails = writeln!(text, "{one}");
    }
    let counts: serde_json::Map<String, Json> =
        counts.into_iter().map(|(name, count)| (name.to_owned(), count.into())).collect();
    let json = json!({
        "kind": Kind::Summary.as_str(), "at": now, "plant": plant, "messages": held.len(),
        "priorities": counts, "most_urgent": named,
    });
    (clean(&line), text, json)
}

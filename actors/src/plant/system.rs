//! What a plant adds to its definition by itself: tags that tell how links and machines are, with their alarms.

use flyball_schema::definition::{
    AlarmClass, AlarmDefinition, AlarmKind, INSTRUMENT, LinkDefinition, PlantDefinition, Priority, TagDefinition,
};
use flyball_schema::expression::tag_text;
use flyball_schema::{TagId, Value};

/// Boolean tag that is true while samples cannot be journaled.
pub const HISTORY_FAILED: &str = "system.history_failed";

/// Boolean tag that is true while the store of the history cannot be written.
pub const STORE_FAILED: &str = "system.store_failed";

/// Boolean tag that is true after a scheduled backup failed, until one succeeds.
pub const BACKUP_FAILED: &str = "system.backup_failed";

/// Float tag: how full the journal is, % of its cap.
pub const JOURNAL_FILL: &str = "system.journal_fill";

/// Boolean tag that is true while the database cannot be used.
pub const DATABASE_FAILED: &str = "system.database_failed";

/// Integer tag: samples that are in no history or were dropped from it because the journal is full, since the start.
pub const SAMPLES_LOST: &str = "system.samples_lost";

/// Float tag: how much of the disk of the data folder is free, %.
pub const DISK_FREE: &str = "system.disk_free";

/// Float tag: how far the system's clock is from the plant's, s.
pub const CLOCK_OFFSET: &str = "system.clock_offset";

/// Integer tag: most changes that wait for one subscriber of the table.
pub const CHANGES_WAITING: &str = "system.changes_waiting";

/// Below which an operator is told that the disk is nearly full, and full, %.
const DISK_NEARLY_FULL: f64 = 10.0;
const DISK_FULL: f64 = 3.0;

/// From here on an operator is told that the system's clock was set, s.
const CLOCK_SET: f64 = 2.0;

/// From here on an operator is told that a subscriber of the table lags behind.
const LAGGING: i64 = 100_000;

/// From here on an operator is told that the journal fills, %.
const JOURNAL_NEARLY_FULL: f64 = 80.0;

/// Ids of the plant's own tags.
#[derive(Debug, Clone, Copy)]
pub(super) struct SystemTags {
    pub(super) history_failed: TagId,
    pub(super) store_failed: TagId,
    pub(super) journal_fill: TagId,
    pub(super) database_failed: TagId,
    pub(super) samples_lost: TagId,
    pub(super) disk_free: TagId,
    pub(super) clock_offset: TagId,
    pub(super) changes_waiting: TagId,
}

/// Adds the plant's own tags and alarms.
pub(crate) fn complete(definition: &mut PlantDefinition) {
    for link in &definition.links {
        definition.tags.push(connected_tag(link));
        definition.alarms.push(link_lost_alarm(link));
    }
    for (tag, alarm) in definition.tags.iter().filter_map(instrument).collect::<Vec<_>>() {
        definition.tags.push(tag);
        definition.alarms.push(alarm);
    }
    let of_alarms: Vec<TagDefinition> =
        definition.alarms.iter().flat_map(|alarm| alarm_tags(alarm, &definition.tags)).collect();
    definition.tags.extend(of_alarms);
    let faults = [
        (HISTORY_FAILED, "Samples cannot be journaled; they wait in memory"),
        (STORE_FAILED, "The store of the history cannot be written; the journal keeps its samples"),
        (DATABASE_FAILED, "The configuration and state database cannot be used"),
        (BACKUP_FAILED, "The last scheduled backup failed"),
    ];
    for (name, text) in faults {
        definition.tags.push(TagDefinition::boolean(name).with_description(text).with_initial(false));
        definition.alarms.push(system_alarm(name, AlarmKind::Bool, true).with_description(text));
    }
    let fill = "How full the journal is, of its cap";
    let fill = TagDefinition::float(JOURNAL_FILL).with_description(fill).with_unit("%").with_dead_band(0.5);
    definition.tags.push(fill.with_initial(0.0));
    definition.alarms.push(
        system_alarm(JOURNAL_FILL, AlarmKind::High, JOURNAL_NEARLY_FULL)
            .with_dead_band(5.0)
            .with_description("The journal is nearly full; at its cap the oldest samples are dropped"),
    );
    let lost = "Samples lost, or dropped from a full journal, since the start";
    definition.tags.push(TagDefinition::integer(SAMPLES_LOST).with_description(lost).with_initial(0));
    definition.alarms.push(
        system_alarm(SAMPLES_LOST, AlarmKind::High, 0)
            .with_description("Samples were lost, or the journal is full and its oldest are dropped"),
    );
    of_the_machine(definition);
}

/// Adds what is told of the machine that the plant runs on.
fn of_the_machine(definition: &mut PlantDefinition) {
    let free = TagDefinition::float(DISK_FREE).with_unit("%").with_dead_band(0.1);
    definition.tags.push(free.with_description("How much of the disk of the data folder is free"));
    let mut nearly_full = system_alarm(DISK_FREE, AlarmKind::Low, DISK_NEARLY_FULL)
        .with_dead_band(1.0)
        .with_description("The disk of the data folder is nearly full");
    nearly_full.action = Some("Make room: older backups and logs, or a larger disk".to_owned());
    let mut full = AlarmDefinition { name: format!("{DISK_FREE}.full"), ..nearly_full.clone() };
    (full.kind, full.set_point, full.priority) = (AlarmKind::LowLow, DISK_FULL.into(), Priority::Critical);
    full.consequence = Some("What cannot be written any more waits in memory, and is lost with the process".to_owned());
    definition.alarms.extend([nearly_full, full]);

    let offset = TagDefinition::float(CLOCK_OFFSET).with_unit("s").with_dead_band(0.1);
    definition.tags.push(offset.with_description("How far the system's clock is from the plant's"));
    let mut set = system_alarm(CLOCK_OFFSET, AlarmKind::High, CLOCK_SET)
        .with_dead_band(1.0)
        .with_priority(Priority::Medium)
        .with_description("The system's clock was set; the plant's goes on as it was");
    set.consequence = Some("Times on record differ from those of other systems".to_owned());
    set.action = Some("Restart the plant when it suits, and look after the time server".to_owned());
    definition.alarms.push(set);

    let waiting = TagDefinition::integer(CHANGES_WAITING).with_initial(0).with_dead_band(1_000.0);
    definition.tags.push(waiting.with_description("Most changes that wait for one subscriber of the table"));
    definition.alarms.push(
        system_alarm(CHANGES_WAITING, AlarmKind::High, LAGGING)
            .with_dead_band(50_000.0)
            .with_description("A part of the plant does not keep up with the changes of the tags"),
    );
}

/// What tells that a screen of a tag stands, where its definition asks for an alarm.
fn instrument(screened: &TagDefinition) -> Option<(TagDefinition, AlarmDefinition)> {
    let priority = screened.screens.as_ref()?.alarm?;
    let name = format!("{}{INSTRUMENT}", screened.name);
    // Where the screened tag is renamed they are the same as before, with history and state.
    let was = screened.was.as_ref().map(|was| format!("{was}{INSTRUMENT}"));
    let mut tag = TagDefinition::boolean(&name)
        .with_expression(format!("uncertain({})", tag_text(&screened.name)))
        .with_description(format!("What {} measures is doubtful", screened.name));
    tag.was.clone_from(&was);
    let mut alarm = AlarmDefinition::new(&name, &name, AlarmKind::Bool, true)
        .with_priority(priority)
        .with_description(format!("What {} measures is doubtful", screened.name));
    alarm.cause =
        Some("The value is frozen, an outlier, out of range, too fast or drifting: see its quality".to_owned());
    alarm.action = Some("Check the instrument and its line".to_owned());
    alarm.was = was;
    Some((tag, alarm))
}

/// What the plant calculates for an alarm: what its set point is compared with, and whether it is suppressed by design.
fn alarm_tags(alarm: &AlarmDefinition, tags: &[TagDefinition]) -> Vec<TagDefinition> {
    let was = |name: &str| alarm.was.as_ref().map(|was| name.replacen(&alarm.name, was, 1));
    let made = |name: String, tag: TagDefinition, expression: String| TagDefinition {
        was: was(&name),
        expression: Some(expression),
        ..tag
    };
    let (tag, window) = (tag_text(&alarm.tag), alarm.rate_window_ms());
    let measured = alarm.measured_tag().map(|name| match &alarm.reference {
        Some(reference) => {
            let text = format!("How far {} is from {reference}", alarm.tag);
            let unit = tags.iter().find(|tag| tag.name == alarm.tag).and_then(|tag| tag.unit.clone());
            let distance = TagDefinition { unit, ..TagDefinition::float(&name).with_description(text) };
            made(name, distance, format!("abs({tag} - {})", tag_text(reference)))
        }
        None => {
            let text = format!("How fast {} rises or falls, per second", alarm.tag);
            let rate = TagDefinition::float(&name).with_description(text);
            made(name, rate, format!("abs(rate({tag}, {window}ms))"))
        }
    });
    let suppressed = alarm.suppressed_tag().zip(alarm.suppress_when.clone()).map(|(name, expression)| {
        let text = format!("Alarm {} is suppressed by design", alarm.name);
        let tag = TagDefinition::boolean(&name).with_description(text);
        made(name, tag, expression)
    });
    measured.into_iter().chain(suppressed).collect()
}

fn connected_tag(link: &LinkDefinition) -> TagDefinition {
    let text = format!("Link {} is connected and data flows", link.name);
    TagDefinition::boolean(link.connected_tag()).with_description(text)
}

fn link_lost_alarm(link: &LinkDefinition) -> AlarmDefinition {
    let tag = link.connected_tag();
    let mut alarm = AlarmDefinition::new(format!("link.{}.lost", link.name), tag, AlarmKind::Bool, false)
        .with_class(AlarmClass::LinkLost)
        .with_priority(Priority::High)
        .with_description(format!("Link {} is lost", link.name));
    alarm.cause = Some("The device or the network to it is down".to_owned());
    alarm.consequence = Some("The link's tags are bad, commands to it are refused".to_owned());
    alarm.action = Some("Check the device, its power and the network".to_owned());
    alarm
}

fn system_alarm(tag: &str, kind: AlarmKind, set_point: impl Into<Value>) -> AlarmDefinition {
    AlarmDefinition::new(tag, tag, kind, set_point).with_class(AlarmClass::System).with_priority(Priority::High)
}

/// The alarm that stands while a machine is faulted; `tag` is its `<machine>.faulted`.
pub(crate) fn machine_fault_alarm(machine: &str, tag: &str) -> AlarmDefinition {
    let mut alarm = AlarmDefinition::new(format!("{machine}.fault"), tag, AlarmKind::Bool, true)
        .with_class(AlarmClass::MachineFault)
        .with_priority(Priority::High)
        .with_description(format!("Machine {machine} is faulted"));
    alarm.consequence = Some("Its outputs are at their safe values".to_owned());
    alarm.action = Some("Find the cause in the machine's fault text, then reset it".to_owned());
    alarm
}

#[cfg(test)]
mod tests {
    use super::*;
    use flyball_schema::definition::Screens;

    #[test]
    fn what_tells_of_an_instrument_is_renamed_with_the_screened_tag() {
        let screens = Screens { alarm: Some(Priority::Low), ..Screens::default() };
        let mut screened = TagDefinition { screens: Some(screens), ..TagDefinition::float("b") };
        let (tag, alarm) = instrument(&screened).unwrap();
        assert_eq!((tag.was, alarm.was), (None, None));
        screened.was = Some("a".to_owned());
        let (tag, alarm) = instrument(&screened).unwrap();
        assert_eq!((tag.name.as_str(), tag.was.as_deref()), ("b.instrument", Some("a.instrument")));
        assert_eq!((alarm.name.as_str(), alarm.was.as_deref()), ("b.instrument", Some("a.instrument")));
    }
}

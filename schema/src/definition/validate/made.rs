//! What the running plant makes by itself: known by name before it is made.

use crate::definition::{PlantDefinition, TagDefinition};
use std::collections::HashSet;

/// Behind the name of a screened tag: the Boolean tag that tells whether a screen stands.
pub const INSTRUMENT: &str = ".instrument";

/// Names from which it is seen whether the plant makes a tag.
pub(super) struct Made<'a> {
    machines: HashSet<&'a str>,
    connected: HashSet<String>,
    screened: HashSet<&'a str>,
    /// What alarms are measured and suppressed by.
    of_alarms: HashSet<String>,
}

impl<'a> Made<'a> {
    pub(super) fn of(definition: &'a PlantDefinition) -> Self {
        let has_alarm = |tag: &&TagDefinition| tag.screens.as_ref().is_some_and(|screens| screens.alarm.is_some());
        Self {
            machines: definition.machines.iter().map(|machine| machine.name.as_str()).collect(),
            connected: definition.links.iter().map(|link| link.connected_tag()).collect(),
            screened: definition.tags.iter().filter(has_alarm).map(|tag| tag.name.as_str()).collect(),
            of_alarms: definition
                .alarms
                .iter()
                .flat_map(|alarm| alarm.measured_tag().into_iter().chain(alarm.suppressed_tag()))
                .collect(),
        }
    }

    /// Whether the running plant makes this tag by itself: a machine's own, or one that tells how a link, an instrument or
    /// the plant is.
    pub(super) fn has(&self, tag: &str) -> bool {
        // The name of a machine may have dots as well.
        let mut dots = tag.match_indices('.');
        tag.starts_with("system.")
            || tag.strip_suffix(INSTRUMENT).is_some_and(|screened| self.screened.contains(screened))
            || dots.any(|(at, _)| self.machines.contains(&tag[..at]))
            || self.connected.contains(tag)
            || self.of_alarms.contains(tag)
    }
}

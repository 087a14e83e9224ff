//! Where the items of the live feed come from: the same views that the HTTP API answers.

use super::protocol::ItemTopic;
use crate::api::alarms::AlarmView;
use crate::api::{health, links, machines};
use crate::problem::Problem;
use flyball::alarms::AlarmStatus;
use flyball::plant::Plant;
use serde::Serialize;
use std::time::Duration;

/// An item of a topic: its key and its JSON.
pub(super) type Item = (u32, String);

/// How often a topic is read while somebody is subscribed; none where it is announced.
pub(super) fn period(topic: ItemTopic) -> Option<Duration> {
    match topic {
        ItemTopic::Alarms => None,
        ItemTopic::Machines => Some(Duration::from_millis(500)),
        ItemTopic::Links | ItemTopic::Health => Some(Duration::from_secs(1)),
    }
}

/// Reads all items of a topic that is not announced.
pub(super) async fn read(plant: &Plant, topic: ItemTopic) -> Result<Vec<Item>, Problem> {
    match topic {
        ItemTopic::Alarms => Ok(Vec::new()),
        ItemTopic::Machines => items(machines::all(plant).await?.into_iter().map(|machine| (machine.id.0, machine))),
        ItemTopic::Links => items(links::all(plant).await?.into_iter().map(|link| (link.id.0, link))),
        ItemTopic::Health => items([(0, health::view(plant).await)]),
    }
}

/// Alarms as items.
pub(super) fn alarms(alarms: &[AlarmStatus]) -> Result<Vec<Item>, Problem> {
    items(alarms.iter().map(|alarm| (alarm.id.0, AlarmView::from(alarm.clone()))))
}

fn items<T: Serialize>(views: impl IntoIterator<Item = (u32, T)>) -> Result<Vec<Item>, Problem> {
    let json = |(id, view): (u32, T)| Ok((id, serde_json::to_string(&view)?));
    views.into_iter().map(json).collect::<Result<_, serde_json::Error>>().map_err(|error| Problem::internal(&error))
}

//! What the tests of several files here need.

use super::settings::{ChannelSettings, Notify, RuleSettings};
use super::{Kind, Outgoing, Plan, Subject};
use crate::alarms::alarm::Alarm;
use crate::alarms::{AlarmState, AlarmStatus, NewAlarm};
use flyball_schema::definition::{AlarmDefinition, AlarmKind, Priority};
use flyball_schema::{AlarmId, TagId, Timestamp, Value};
use serde_json::Value as Json;
use std::sync::Arc;

/// A moment, in seconds.
pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

pub(super) fn outgoing(key: &str, at: Timestamp) -> Arc<Outgoing> {
    outgoing_of(key, Some((AlarmId(1), 1)), Kind::Raised, at)
}

pub(super) fn outgoing_of(key: &str, alarm: Option<(AlarmId, u64)>, kind: Kind, at: Timestamp) -> Arc<Outgoing> {
    Arc::new(Outgoing {
        key: key.to_owned(),
        at,
        channel: 0,
        channel_name: "mail".into(),
        recipient: "ann@plant.example".into(),
        rule: Some("rule".into()),
        alarm,
        kind,
        subject: "subject".to_owned(),
        text: "text".to_owned(),
        json: Json::Null,
        covers: Vec::new(),
    })
}

/// A mail channel of this name without protection.
pub(super) fn mail(name: &str) -> ChannelSettings {
    ChannelSettings {
        name: name.to_owned(),
        kind: "smtp".to_owned(),
        server: Some("127.0.0.1".to_owned()),
        security: Some("plain".to_owned()),
        from: Some("Flyball <flyball@plant.example>".to_owned()),
        ..ChannelSettings::default()
    }
}

/// A rule that tells Ann at once of everything by `mail`.
pub(super) fn rule(name: &str) -> RuleSettings {
    RuleSettings {
        name: name.to_owned(),
        channel: "mail".to_owned(),
        to: vec!["ann@plant.example".to_owned()],
        ..RuleSettings::default()
    }
}

/// Rules on the channel `mail`, which takes `most` messages in 10 minutes.
pub(super) fn plan(most: u32, rules: Vec<RuleSettings>) -> Arc<Plan> {
    let channel = ChannelSettings { most_per_10_min: Some(most), ..mail("mail") };
    let settings = Notify { channels: vec![channel], rules, ..Notify::default() };
    Arc::new(Plan::read(&settings, &|_| None).unwrap())
}

/// Alarm `a<id>` of high priority in its occurrence, raised at second 0, in `north/tanks`.
pub(super) fn alarm(id: u32, occurrence: u64, state: AlarmState) -> Subject {
    let definition = AlarmDefinition::new(format!("a{id}"), format!("t{id}"), AlarmKind::High, 10.0);
    let definition = definition.with_priority(Priority::High);
    let (id, tag, unit) = (AlarmId(id), TagId(id), Some("cm".to_owned()));
    let new = Alarm::new(NewAlarm {
        id,
        definition,
        tag,
        source: tag,
        set_point: None,
        suppressed: None,
        unit,
        memory: None,
    })
    .unwrap();
    let (value, raised_at) = (Some(Value::Float(16.5)), Some(at(0)));
    let status = AlarmStatus { state, occurrence, value, raised_at, ..new.status() };
    Subject { status, area: Some("north/tanks".into()) }
}

//! Who is told of what, and when. Pure: alarms and time come in, messages go out.

mod watch;

use super::cap::Cap;
use super::plan::{Plan, Rule};
use super::{Kind, Outgoing, Told, message};
use crate::alarms::AlarmStatus;
use flyball_schema::definition::Priority;
use flyball_schema::{AlarmId, Timestamp};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::sync::Arc;
use watch::{Due, Watch};

/// An alarm, and where its tag is.
#[derive(Debug, Clone, PartialEq)]
pub struct Subject {
    /// The alarm.
    pub status: AlarmStatus,
    /// Area of its tag.
    pub area: Option<Arc<str>>,
}

impl Subject {
    /// Whether it waits for somebody to acknowledge it.
    fn waits(&self) -> bool {
        self.status.state.is_unacknowledged()
    }
}

/// What is to be done with a message.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Send it.
    Send(Arc<Outgoing>),
    /// Put it on record: a summary will stand for it.
    Hold(Arc<Outgoing>),
}

/// Applies the rules.
#[derive(Debug)]
pub struct Router {
    plant: String,
    plan: Arc<Plan>,
    watches: HashMap<AlarmId, Watch>,
    /// When something is due of which alarm.
    deadlines: BTreeSet<(Timestamp, AlarmId)>,
    /// By channel.
    gates: Vec<Gate>,
}

/// What a channel lets through.
#[derive(Debug)]
struct Gate {
    cap: Cap,
    /// By recipient.
    held: BTreeMap<Arc<str>, Vec<(Priority, Arc<Outgoing>)>>,
}

impl Router {
    /// No alarm is known yet. `plant`: its name, for the messages.
    #[must_use]
    pub fn new(plant: impl Into<String>, plan: Arc<Plan>) -> Self {
        let gate = |channel: &super::Channel| Gate { cap: Cap::new(channel.most_per_10_min), held: BTreeMap::new() };
        let gates = plan.channels.iter().map(gate).collect();
        Self { plant: plant.into(), plan, watches: HashMap::new(), deadlines: BTreeSet::new(), gates }
    }

    /// Takes up alarms as they stand at a start, and what the record says was told of them. What waits for its delay is
    /// armed from the time it was raised.
    pub fn restore(&mut self, subjects: Vec<Subject>, told: &[Told], now: Timestamp) -> Vec<Effect> {
        for subject in subjects {
            let raised = subject.status.raised_at.unwrap_or(now).min(now);
            let id = subject.status.id;
            let told: Vec<&Told> =
                told.iter().filter(|told| (told.alarm, told.occurrence) == (id, subject.status.occurrence)).collect();
            self.change(subject, raised, &told);
        }
        self.due(now)
    }

    /// An alarm has changed.
    pub fn changed(&mut self, subject: Subject, now: Timestamp) -> Vec<Effect> {
        self.change(subject, now, &[]);
        self.due(now)
    }

    fn change(&mut self, subject: Subject, now: Timestamp, told: &[&Told]) {
        let id = subject.status.id;
        let mut watch = self.take(id).unwrap_or_else(|| Watch::new(subject.clone()));
        watch.change(subject, &self.plan.rules, now, told);
        self.put(id, watch);
    }

    /// An alarm is no more.
    pub fn removed(&mut self, alarm: AlarmId) {
        let _gone = self.take(alarm);
    }

    /// Whether anything is awaited of this alarm.
    #[must_use]
    pub fn watches(&self, alarm: AlarmId) -> bool {
        self.watches.contains_key(&alarm)
    }

    fn take(&mut self, id: AlarmId) -> Option<Watch> {
        let watch = self.watches.remove(&id)?;
        if let Some(deadline) = watch.deadline() {
            self.deadlines.remove(&(deadline, id));
        }
        Some(watch)
    }

    fn put(&mut self, id: AlarmId, watch: Watch) {
        if let Some(deadline) = watch.deadline() {
            self.deadlines.insert((deadline, id));
        } else if watch.is_done() {
            return;
        }
        self.watches.insert(id, watch);
    }

    /// When [`due`](Self::due) has something to do next.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        let alarm = self.deadlines.first().map(|(deadline, _)| *deadline);
        let full = |gate: &&Gate| !gate.held.is_empty();
        let summary = self.gates.iter().filter(full).map(|gate| gate.cap.free_at(Timestamp::MIN)).min();
        alarm.into_iter().chain(summary).min()
    }

    /// What is to be told by now.
    pub fn due(&mut self, now: Timestamp) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.sum_up(now, &mut effects);
        while let Some((_, id)) = self.deadlines.first().copied().filter(|(deadline, _)| *deadline <= now) {
            let Some(mut watch) = self.take(id) else { break };
            for due in watch.due(&self.plan.rules, now) {
                self.tell(&watch.subject, &due, now, &mut effects);
            }
            self.put(id, watch);
        }
        effects
    }

    /// Makes the messages of a rule, one per recipient.
    fn tell(&mut self, subject: &Subject, due: &Due, now: Timestamp, effects: &mut Vec<Effect>) {
        let plan = Arc::clone(&self.plan);
        let Some(rule) = plan.rules.get(due.rule) else { return };
        let (line, text, json) = message::of_alarm(&self.plant, subject, &rule.name, due.kind, now);
        for recipient in &rule.to {
            let outgoing = Outgoing {
                key: self.key(rule, recipient, subject, due.kind, now),
                at: now,
                channel: rule.channel,
                channel_name: self.channel_name(rule.channel),
                recipient: Arc::clone(recipient),
                rule: Some(Arc::clone(&rule.name)),
                alarm: Some((subject.status.id, subject.status.occurrence)),
                kind: due.kind,
                subject: line.clone(),
                text: text.clone(),
                json: json.clone(),
                covers: Vec::new(),
            };
            self.pass(subject.status.definition.priority, Arc::new(outgoing), now, effects);
        }
    }

    /// Sends a message, or holds it where the channel is full or holds others already.
    fn pass(&mut self, priority: Priority, outgoing: Arc<Outgoing>, now: Timestamp, effects: &mut Vec<Effect>) {
        let Some(gate) = self.gates.get_mut(outgoing.channel) else { return };
        if gate.held.is_empty() && gate.cap.free_at(now) <= now {
            gate.cap.take(now);
            effects.push(Effect::Send(outgoing));
        } else {
            gate.held.entry(Arc::clone(&outgoing.recipient)).or_default().push((priority, Arc::clone(&outgoing)));
            effects.push(Effect::Hold(outgoing));
        }
    }

    /// Sums up what is held, a recipient after the other as the cap allows.
    fn sum_up(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        for (channel, gate) in self.gates.iter_mut().enumerate() {
            while gate.cap.free_at(now) <= now
                && let Some((recipient, held)) = gate.held.pop_first()
            {
                gate.cap.take(now);
                let (subject, text, json) = message::summary(&self.plant, &held, now);
                let name = self.plan.channels.get(channel).map(|channel| Arc::clone(&channel.name)).unwrap_or_default();
                effects.push(Effect::Send(Arc::new(Outgoing {
                    key: digest(&[&self.plant, &name, &recipient, Kind::Summary.as_str(), &now.to_string()]),
                    at: now,
                    channel,
                    channel_name: name,
                    recipient,
                    rule: None,
                    alarm: None,
                    kind: Kind::Summary,
                    subject,
                    text,
                    json,
                    covers: held.into_iter().map(|(_, outgoing)| outgoing).collect(),
                })));
            }
        }
    }

    fn channel_name(&self, channel: usize) -> Arc<str> {
        self.plan.channels.get(channel).map(|channel| Arc::clone(&channel.name)).unwrap_or_default()
    }

    /// The same for the same message: an occurrence is raised and returns once, and may be told again at any time.
    fn key(&self, rule: &Rule, recipient: &str, subject: &Subject, kind: Kind, now: Timestamp) -> String {
        let status = &subject.status;
        let raised = status.raised_at.unwrap_or_default().to_string();
        let (id, occurrence) = (status.id.to_string(), status.occurrence.to_string());
        let at = if kind == Kind::Repeated { now.to_string() } else { String::new() };
        digest(&[&self.plant, &rule.name, recipient, &id, &occurrence, &raised, kind.as_str(), &at])
    }
}

fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    hash.finalize().iter().take(16).fold(String::new(), |mut key, byte| {
        let _never_fails = write!(key, "{byte:02x}");
        key
    })
}

#[cfg(test)]
mod tests;

//! An alarm, and how far each rule has got with it. Pure.

use super::super::plan::Rule;
use super::super::{Kind, Told};
use super::Subject;
use flyball_schema::Timestamp;

/// An alarm that rules apply to.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) subject: Subject,
    progress: Vec<Progress>,
}

/// How far a rule has got with the present occurrence.
#[derive(Debug, Clone, Copy)]
struct Progress {
    rule: usize,
    /// When its recipients are told, or told again.
    due: Option<Timestamp>,
    told: bool,
    /// Whether the alarm waited for an acknowledgement when it last changed.
    waiting: bool,
    /// When they are told of the return.
    return_due: Option<Timestamp>,
    returned: bool,
}

/// A rule whose recipients are told now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) rule: usize,
    pub(super) kind: Kind,
}

impl Watch {
    pub(super) fn new(subject: Subject) -> Self {
        Self { subject, progress: Vec::new() }
    }

    /// The alarm is as `subject` says from `now` on; `told`: what the record knows of this occurrence.
    pub(super) fn change(&mut self, subject: Subject, rules: &[Rule], now: Timestamp, told: &[&Told]) {
        if subject.status.occurrence != self.subject.status.occurrence {
            self.progress.clear();
        }
        self.subject = subject;
        let applies = |rule: &Rule| rule.applies(&self.subject.status.definition, self.subject.area.as_deref());
        let all = rules.iter().enumerate().filter(|(_, rule)| applies(rule));
        let progress = all.map(|(index, rule)| {
            let known = self.progress.iter().find(|progress| progress.rule == index).copied();
            let mut progress = known.unwrap_or_else(|| Progress::begin(index, rule, now, told));
            progress.follow(&self.subject, rule, now);
            progress
        });
        self.progress = progress.collect();
    }

    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.progress.iter().flat_map(|progress| [progress.due, progress.return_due]).flatten().min()
    }

    /// Whether nothing can come of this occurrence any more.
    pub(super) fn is_done(&self) -> bool {
        self.deadline().is_none() && !self.subject.waits() && !self.subject.status.state.is_active()
    }

    /// What is due by now; what is due outside a schedule waits until it opens.
    pub(super) fn due(&mut self, rules: &[Rule], now: Timestamp) -> Vec<Due> {
        let by_now = |due: Option<Timestamp>| due.is_some_and(|due| due <= now);
        let mut all = Vec::new();
        for progress in &mut self.progress {
            let Some(rule) = rules.get(progress.rule) else { continue };
            let opens = rule.schedule.next_open(now);
            let is_open = opens == Some(now);
            if by_now(progress.return_due) {
                progress.return_due = opens.filter(|_| !is_open);
                if is_open {
                    progress.returned = true;
                    all.push(Due { rule: progress.rule, kind: Kind::Returned });
                }
            }
            if by_now(progress.due) {
                progress.due = opens.filter(|_| !is_open);
                if is_open {
                    let kind = if progress.told { Kind::Repeated } else { Kind::Raised };
                    progress.told = true;
                    progress.due = rule.repeat.map(|repeat| now + repeat);
                    all.push(Due { rule: progress.rule, kind });
                }
            }
        }
        all
    }
}

impl Progress {
    /// An occurrence begins, `now`, or is taken up with what was told of it.
    fn begin(index: usize, rule: &Rule, now: Timestamp, told: &[&Told]) -> Self {
        let of_rule = || told.iter().filter(|told| *told.rule == *rule.name);
        let last = of_rule().filter(|told| told.kind != Kind::Returned).map(|told| told.at).max();
        let due = match last {
            None => Some(now + rule.delay),
            Some(last) => rule.repeat.map(|repeat| last + repeat),
        };
        let returned = of_rule().any(|told| told.kind == Kind::Returned);
        Self { rule: index, due, told: last.is_some(), waiting: true, return_due: None, returned }
    }

    /// The alarm has changed within its occurrence.
    fn follow(&mut self, subject: &Subject, rule: &Rule, now: Timestamp) {
        let waited = std::mem::replace(&mut self.waiting, subject.waits());
        if !self.waiting {
            self.due = None;
        } else if !waited {
            // It calls for an acknowledgement again.
            self.due = Some(now + rule.delay);
        }
        if subject.status.state.is_active() {
            self.return_due = None;
        } else if self.told && rule.on_return && !self.returned && self.return_due.is_none() {
            self.return_due = Some(now);
        }
    }
}

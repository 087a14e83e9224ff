//! A tag as the table keeps it: what a write touches, next to each other in memory, and behind one pointer what only
//! tags with conditioning, deadlines or a substituted value have.

use super::conditioning::Extra;
use super::deadlines::Deadline;
use super::{TagChange, Update};
use crate::signal::{FilterState, Standing};
use flyball_schema::definition::TagDefinition;
use flyball_schema::{DataType, Quality, TagId, Timestamp, Value};

/// Status code bits that tell quality; the rest is information such as *overflow* (OPC UA Part 4, 7.39).
const QUALITY_BITS: u32 = 0xFFFF_0000;

/// `seen` of a tag that has not been seen.
pub(super) const NEVER: Timestamp = Timestamp::MIN;

/// State, dead-band and type of a tag.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) state: TagChange,
    /// When a value last arrived, changed or not.
    pub(super) seen: Timestamp,
    /// In the tag's unit; 0 lets every change through.
    pub(super) dead_band: f64,
    pub(super) extra: Option<Box<Extra>>,
    pub(super) data_type: DataType,
    /// Calculated from other tags: nobody else writes it.
    pub(super) is_derived: bool,
}

/// What has come in: a value of the tag's type and finite, or none.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Incoming {
    pub(super) value: Option<Value>,
    pub(super) quality: Quality,
    pub(super) source_time: Timestamp,
}

/// What one write made of a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Written {
    pub(super) is_change: bool,
    pub(super) was_bad: bool,
    pub(super) arm_stale: bool,
    pub(super) arm_repeat: bool,
}

impl Slot {
    pub(super) fn new(tag: TagId, definition: &TagDefinition, now: Timestamp) -> Self {
        let initial = definition.initial.clone().and_then(|value| value.coerce(definition.data_type));
        let quality = if initial.is_some() { Quality::GOOD } else { Quality::BAD_WAITING_FOR_INITIAL_DATA };
        let seen = if initial.is_some() { now } else { NEVER };
        let state = TagChange { value: initial, source_time: now, server_time: now, seq: 0, tag, quality };
        Self {
            state,
            seen,
            dead_band: definition.dead_band_absolute(),
            extra: Extra::of(definition).map(Box::new),
            data_type: definition.data_type,
            is_derived: definition.expression.is_some(),
        }
    }

    /// Takes an update of the tag's type.
    #[inline]
    pub(super) fn take(&mut self, update: Update, now: Timestamp) -> Written {
        let Update { mut value, mut quality, source_time, .. } = update;
        if value.is_some() {
            self.seen = now;
        }
        if value.as_ref().is_some_and(|value| !value.is_finite()) {
            quality = quality.worst(Quality::BAD_OUT_OF_RANGE);
        }
        if quality.is_bad() {
            // The last usable value stays visible under its bad quality.
            value = None;
        }
        let incoming = Incoming { value, quality, source_time: source_time.unwrap_or(now) };
        match &mut self.extra {
            None => self.settle(incoming, now),
            Some(_) => self.condition(incoming, now),
        }
    }

    /// Filters and screens what has come in, or keeps it behind a substituted value.
    #[inline(never)]
    fn condition(&mut self, mut incoming: Incoming, now: Timestamp) -> Written {
        let Some(extra) = &mut self.extra else { return self.settle(incoming, now) };
        if extra.is_substituted || extra.is_conditioned() {
            extra.raw = Some(incoming.clone());
        }
        let has_value = incoming.value.is_some();
        if extra.is_substituted {
            return Written::default();
        }
        if has_value {
            extra.pace.arrived(now);
        } else {
            // What comes after a gap has nothing to do with what was before it.
            extra.restart();
        }
        if has_value && extra.is_conditioned() {
            let at = extra.time.sample(incoming.source_time, now);
            extra.apply(&mut incoming, at);
        }
        let arm_stale = has_value && extra.stale_after.is_some() && !std::mem::replace(&mut extra.armed.stale, true);
        let unsettled = has_value && extra.filter.as_ref().is_some_and(|filter| !filter.is_settled());
        let arm_repeat = unsettled && !std::mem::replace(&mut extra.armed.repeat, true);
        Written { arm_stale, arm_repeat, ..self.settle(incoming, now) }
    }

    /// Applies dead-band and quality to what came out of conditioning.
    #[inline]
    pub(super) fn settle(&mut self, incoming: Incoming, now: Timestamp) -> Written {
        let Incoming { value, quality, source_time } = incoming;
        let moved = value.as_ref().is_some_and(|value| self.moves(value));
        let other_quality = (quality.status_code() ^ self.state.quality.status_code()) & QUALITY_BITS != 0;
        let mut written = Written { was_bad: self.state.quality.is_bad(), ..Written::default() };
        if moved || other_quality {
            if let Some(value) = value {
                self.state.value = Some(value);
            }
            self.state.quality = quality;
            self.state.source_time = source_time;
            self.state.server_time = now;
            written.is_change = true;
        }
        written
    }

    /// Whether `value` is far enough from the present one to count.
    fn moves(&self, value: &Value) -> bool {
        match (&self.state.value, value) {
            (Some(Value::Float(old)), Value::Float(new)) => (new - old).abs() > self.dead_band,
            (Some(Value::Integer(old)), Value::Integer(new)) => {
                // Exact where it matters: two integers that differ are never taken for equal.
                old != new && old.abs_diff(*new) as f64 > self.dead_band
            }
            (old, new) => old.as_ref() != Some(new),
        }
    }

    /// Feeds the filter its last input again.
    pub(super) fn repeat(&mut self, now: Timestamp) -> Written {
        let Some(extra) = &mut self.extra else { return Written::default() };
        let Some(Incoming { value: Some(_), quality, source_time }) = extra.raw else { return Written::default() };
        if extra.is_substituted {
            return Written::default();
        }
        let at = extra.time.now(now);
        let source_time = extra.time.source_time().unwrap_or(source_time);
        let Some(filtered) = extra.filter.as_mut().and_then(|filter| filter.repeat(at)) else {
            return Written::default();
        };
        // No sample for the screens: to them a repeated one would be a source that is frozen.
        let quality = quality.worst(extra.standing.quality());
        self.settle(Incoming { value: Some(Value::Float(filtered)), quality, source_time }, now)
    }

    /// Whether the filter has come to rest on what the source says, or has nothing to say.
    pub(super) fn is_settled(&self) -> bool {
        let extra = self.extra.as_deref();
        extra.is_none_or(|extra| {
            let rests = extra.filter.as_ref().is_none_or(FilterState::is_settled);
            rests || extra.is_substituted || extra.raw.as_ref().is_none_or(|raw| raw.value.is_none())
        })
    }

    /// Puts a value in place of what comes in.
    pub(super) fn substitute(&mut self, value: Value, now: Timestamp) -> Written {
        let present = self.present();
        let extra = self.extra.get_or_insert_default();
        if !std::mem::replace(&mut extra.is_substituted, true) && extra.raw.is_none() {
            extra.raw = Some(present);
        }
        extra.standing = Standing::default();
        self.settle(Incoming { value: Some(value), quality: Quality::GOOD_LOCAL_OVERRIDE, source_time: now }, now)
    }

    /// Lets what comes in through again: the last that did, now.
    pub(super) fn release(&mut self, now: Timestamp) -> Written {
        let Some(extra) = &mut self.extra else { return Written::default() };
        if !std::mem::take(&mut extra.is_substituted) {
            return Written::default();
        }
        let nothing = Incoming { value: None, quality: Quality::BAD_WAITING_FOR_INITIAL_DATA, source_time: now };
        let mut incoming = extra.raw.clone().unwrap_or(nothing);
        if extra.stale_after.is_some_and(|stale| self.seen == NEVER || self.seen + stale <= now) {
            incoming = Incoming { value: None, quality: Quality::BAD_STALE, source_time: now };
        }
        incoming.source_time = now;
        if !extra.is_conditioned() {
            extra.raw = None;
        }
        let (arm_stale, arm_repeat) = (extra.rearm_stale(&incoming), false);
        extra.restart();
        let at = extra.time.now(now);
        extra.apply(&mut incoming, at);
        incoming.source_time = now;
        Written { arm_stale, arm_repeat, ..self.settle(incoming, now) }
    }

    /// Makes the value bad because none has arrived for too long.
    pub(super) fn go_stale(&mut self, now: Timestamp) -> Written {
        if self.state.quality.is_bad() {
            return Written::default();
        }
        let stale = Incoming { value: None, quality: Quality::BAD_STALE, source_time: now };
        if let Some(extra) = &mut self.extra {
            extra.restart();
            extra.raw = extra.is_conditioned().then(|| stale.clone());
        }
        self.settle(stale, now)
    }

    /// Does what is due; the time when the same is due again, where it is.
    pub(super) fn due(&mut self, deadline: Deadline, now: Timestamp) -> (Written, Option<Timestamp>) {
        let is_bad = self.state.quality.is_bad();
        let (seen, reported) = (self.seen, self.state.server_time);
        let Some(extra) = self.extra.as_deref_mut() else { return (Written::default(), None) };
        match deadline {
            Deadline::Stale => {
                let due = extra.stale_after.filter(|_| !is_bad || extra.is_substituted).map(|after| seen + after);
                match due {
                    Some(due) if due > now => (Written::default(), Some(due)),
                    Some(_) if extra.is_substituted => (Written::default(), extra.stale_after.map(|after| now + after)),
                    due => {
                        extra.armed.stale = false;
                        (due.map(|_| self.go_stale(now)).unwrap_or_default(), None)
                    }
                }
            }
            Deadline::Silence => match extra.max_silence {
                Some(silence) if reported + silence > now => (Written::default(), Some(reported + silence)),
                Some(silence) => (if is_bad { Written::default() } else { self.report(now) }, Some(now + silence)),
                None => {
                    extra.armed.silence = false;
                    (Written::default(), None)
                }
            },
            Deadline::Repeat => {
                let due = extra.pace.silent_at();
                if due > now {
                    return (Written::default(), Some(due));
                }
                let interval = extra.pace.interval();
                let written = self.repeat(now);
                let settled = self.is_settled();
                if let Some(extra) = self.extra.as_deref_mut().filter(|_| settled) {
                    extra.armed.repeat = false;
                }
                (written, (!settled).then(|| now + interval))
            }
        }
    }

    /// Reports the state again, as of now.
    pub(super) fn report(&mut self, now: Timestamp) -> Written {
        (self.state.source_time, self.state.server_time) = (now, now);
        Written { is_change: true, was_bad: self.state.quality.is_bad(), ..Written::default() }
    }
}

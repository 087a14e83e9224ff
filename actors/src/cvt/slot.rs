//! A tag as the table keeps it: what a write touches, next to each other in memory, and behind one pointer what only
//! tags with conditioning, deadlines or a substituted value have.

use super::deadlines::Deadline;
use super::{TagChange, Update};
use crate::signal::{FilterState, ScreenState, Standing};
use flyball_schema::definition::TagDefinition;
use flyball_schema::{DataType, Quality, TagId, Timestamp, Value};
use std::time::Duration;

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

/// What few tags have.
#[derive(Debug, Default)]
pub(super) struct Extra {
    pub(super) filter: Option<FilterState>,
    pub(super) screens: Option<ScreenState>,
    /// The screens that stand.
    pub(super) standing: Standing,
    pub(super) stale_after: Option<Duration>,
    pub(super) max_silence: Option<Duration>,
    /// The last that came in, before the filter or behind a substituted value.
    pub(super) raw: Option<Incoming>,
    pub(super) is_substituted: bool,
    /// When values last came in at which pace, for feeding a filter whose source is silent.
    pub(super) pace: Pace,
    pub(super) armed: Armed,
}

/// Deadlines of a tag that are on their way.
#[derive(Debug, Default)]
pub(super) struct Armed {
    pub(super) stale: bool,
    pub(super) silence: bool,
    pub(super) repeat: bool,
}

/// How often values come in.
#[derive(Debug)]
pub(super) struct Pace {
    last: Timestamp,
    interval: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { last: NEVER, interval: Self::SLOWEST }
    }
}

impl Pace {
    const FASTEST: Duration = Duration::from_millis(100);
    const SLOWEST: Duration = Duration::from_secs(10);

    fn arrived(&mut self, now: Timestamp) {
        if self.last != NEVER {
            self.interval = now.since(self.last).clamp(Self::FASTEST, Self::SLOWEST);
        }
        self.last = now;
    }

    /// When a source that goes on as before has certainly been heard again.
    pub(super) fn silent_at(&self) -> Timestamp {
        self.last + self.interval * 2
    }

    pub(super) fn interval(&self) -> Duration {
        self.interval
    }
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
        if extra.is_substituted || extra.filter.is_some() {
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
        extra.apply(&mut incoming);
        let arm_stale = has_value && extra.stale_after.is_some() && !std::mem::replace(&mut extra.armed.stale, true);
        let unsettled = has_value && extra.filter.as_ref().is_some_and(|filter| !filter.is_settled());
        let arm_repeat = unsettled && !std::mem::replace(&mut extra.armed.repeat, true);
        Written { arm_stale, arm_repeat, ..self.settle(incoming, now) }
    }

    /// Applies dead-band and quality to what came out of conditioning.
    #[inline]
    fn settle(&mut self, incoming: Incoming, now: Timestamp) -> Written {
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
        // On the source's own time, which may differ from ours.
        let at = source_time + now.since(extra.pace.last);
        let Some(filtered) = extra.filter.as_mut().and_then(|filter| filter.repeat(at)) else {
            return Written::default();
        };
        // No sample for the screens: to them a repeated one would be a source that is frozen.
        let quality = quality.worst(extra.standing.quality());
        self.settle(Incoming { value: Some(Value::Float(filtered)), quality, source_time: at }, now)
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
        let state = &self.state;
        let usable = state.value.clone().filter(|_| !state.quality.is_bad());
        let present = Incoming { value: usable, quality: state.quality, source_time: state.source_time };
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
        if extra.filter.is_none() {
            extra.raw = None;
        }
        let (arm_stale, arm_repeat) = (extra.rearm_stale(&incoming), false);
        extra.restart();
        extra.apply(&mut incoming);
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
            extra.raw = extra.filter.is_some().then(|| stale.clone());
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
    fn report(&mut self, now: Timestamp) -> Written {
        (self.state.source_time, self.state.server_time) = (now, now);
        Written { is_change: true, was_bad: self.state.quality.is_bad(), ..Written::default() }
    }

    /// Takes another definition of the tag: a filter or screens that are other ones begin anew.
    pub(super) fn redefine(&mut self, before: &TagDefinition, after: &TagDefinition, now: Timestamp) -> Written {
        let (old, mut new) = (self.extra.take(), Extra::of(after));
        if let Some(old) = old {
            if old.is_substituted {
                new.get_or_insert_default().is_substituted = true;
            }
            if let Some(new) = &mut new {
                (new.pace, new.armed) = (old.pace, old.armed);
                // A deadline that is another one is set anew; the old one finds nothing to do when it comes up.
                new.armed.stale &= before.stale_after_ms == after.stale_after_ms;
                new.armed.silence &= before.max_silence_ms == after.max_silence_ms;
                new.armed.repeat &= before.filter == after.filter;
                if before.filter == after.filter && before.unit == after.unit {
                    new.filter = old.filter;
                }
                if before.screens == after.screens && before.unit == after.unit && before.range == after.range {
                    (new.screens, new.standing) = (old.screens, old.standing);
                }
                new.raw = old.raw.filter(|_| new.is_substituted || new.filter.is_some());
            }
        }
        self.extra = new.map(Box::new);
        self.dead_band = after.dead_band_absolute();
        self.is_derived = after.expression.is_some();
        let retyped = std::mem::replace(&mut self.data_type, after.data_type) != after.data_type;
        if retyped {
            self.state.value = self.state.value.take().and_then(|value| value.coerce(after.data_type));
        }
        // Another expression is calculated at once, so that it needs no waiting.
        let source = |tag: &TagDefinition| (tag.link.clone(), tag.node.clone(), tag.expression.is_some());
        let moved = source(before) != source(after);
        let is_substituted = self.extra.as_ref().is_some_and(|extra| extra.is_substituted);
        if !(retyped || moved) || (is_substituted && self.state.value.is_some()) {
            return Written::default();
        }
        // Nobody has said yet what it is now.
        let quality = Quality::BAD_WAITING_FOR_INITIAL_DATA;
        self.settle(Incoming { value: None, quality, source_time: now }, now)
    }
}

impl Extra {
    /// What a definition asks for; none where it asks for nothing.
    pub(super) fn of(definition: &TagDefinition) -> Option<Self> {
        let millis = |ms: Option<u32>| ms.map(|ms| Duration::from_millis(ms.into()));
        let extra = Self {
            filter: definition.filter.as_ref().map(FilterState::new),
            screens: definition.screens.as_ref().map(|screens| ScreenState::new(screens, definition.range)),
            stale_after: millis(definition.stale_after_ms),
            max_silence: millis(definition.max_silence_ms),
            ..Self::default()
        };
        let is_needed = extra.filter.is_some()
            || extra.screens.is_some()
            || extra.stale_after.is_some()
            || extra.max_silence.is_some();
        is_needed.then_some(extra)
    }

    fn apply(&mut self, incoming: &mut Incoming) {
        if let (Some(filter), Some(Value::Float(value))) = (&mut self.filter, &mut incoming.value) {
            *value = filter.feed(*value, incoming.source_time);
        }
        self.screen(incoming);
    }

    fn screen(&mut self, incoming: &mut Incoming) {
        let Some(screens) = &mut self.screens else { return };
        let Some(value) = incoming.value.as_ref().and_then(Value::as_f64) else { return };
        self.standing = screens.feed(value, incoming.source_time);
        incoming.quality = incoming.quality.worst(self.standing.quality());
    }

    fn rearm_stale(&mut self, incoming: &Incoming) -> bool {
        incoming.value.is_some() && self.stale_after.is_some() && !std::mem::replace(&mut self.armed.stale, true)
    }

    /// Forgets what filter and screens have seen.
    fn restart(&mut self) {
        if let Some(filter) = &mut self.filter {
            filter.reset();
        }
    }
}

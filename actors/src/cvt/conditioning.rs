//! What few tags have: filter, screens, deadlines, a value in place of the source's.

use super::process_time::ProcessTime;
use super::slot::{Incoming, NEVER, Slot, Written};
use crate::signal::{FilterState, ScreenState, Standing};
use flyball_schema::definition::TagDefinition;
use flyball_schema::{Quality, Timestamp, Value};
use std::time::Duration;

/// What few tags have.
#[derive(Debug, Default)]
pub(super) struct Extra {
    pub(super) filter: Option<FilterState>,
    pub(super) screens: Option<ScreenState>,
    /// The screens that stand.
    pub(super) standing: Standing,
    pub(super) stale_after: Option<Duration>,
    pub(super) max_silence: Option<Duration>,
    /// The last that came in, before filter and screens or behind a substituted value.
    pub(super) raw: Option<Incoming>,
    pub(super) is_substituted: bool,
    /// What filter and screens take for the time.
    pub(super) time: ProcessTime,
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

    pub(super) fn arrived(&mut self, now: Timestamp) {
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
        let is_needed = extra.is_conditioned() || extra.stale_after.is_some() || extra.max_silence.is_some();
        is_needed.then_some(extra)
    }

    /// Whether a filter or screens stand between what comes in and the value.
    pub(super) fn is_conditioned(&self) -> bool {
        self.filter.is_some() || self.screens.is_some()
    }

    /// Filters and screens what has come in, at a time of conditioning.
    pub(super) fn apply(&mut self, incoming: &mut Incoming, at: Timestamp) {
        if let (Some(filter), Some(Value::Float(value))) = (&mut self.filter, &mut incoming.value) {
            *value = filter.feed(*value, at);
            // A filtered value moves on while the device's time stands still, and is of then.
            incoming.source_time = self.time.source_time().unwrap_or(incoming.source_time);
        }
        self.screen(incoming, at);
    }

    fn screen(&mut self, incoming: &mut Incoming, at: Timestamp) {
        let Some(screens) = &mut self.screens else { return };
        let Some(value) = incoming.value.as_ref().and_then(Value::as_f64) else { return };
        self.standing = screens.feed(value, at);
        incoming.quality = incoming.quality.worst(self.standing.quality());
    }

    pub(super) fn rearm_stale(&mut self, incoming: &Incoming) -> bool {
        incoming.value.is_some() && self.stale_after.is_some() && !std::mem::replace(&mut self.armed.stale, true)
    }

    /// Forgets what the filter has seen.
    pub(super) fn restart(&mut self) {
        if let Some(filter) = &mut self.filter {
            filter.reset();
        }
    }
}

impl Slot {
    /// Takes another definition of the tag. A filter or screens that are other ones begin anew, with the last that came
    /// in: a source that is silent must not leave behind what they were half way to. Of another type, or from another
    /// place, nothing that was before counts.
    pub(super) fn redefine(&mut self, before: &TagDefinition, after: &TagDefinition, now: Timestamp) -> Written {
        let source = |tag: &TagDefinition| (tag.link.clone(), tag.node.clone(), tag.expression.is_some());
        let retyped = std::mem::replace(&mut self.data_type, after.data_type) != after.data_type;
        // Another expression is calculated at once, so that it needs no waiting.
        let begins_anew = retyped || source(before) != source(after);
        if retyped {
            self.state.value = self.state.value.take().and_then(|value| value.coerce(after.data_type));
        }
        self.dead_band = after.dead_band_absolute();
        self.is_derived = after.expression.is_some();
        let old = self.extra.take().map(|extra| *extra).unwrap_or_default();
        let is_substituted = old.is_substituted && self.state.value.is_some();
        let mut new = Extra::of(after);
        if is_substituted {
            new.get_or_insert_default().is_substituted = true;
        }
        let same_unit = before.unit == after.unit && !begins_anew;
        let same_filter = same_unit && before.filter == after.filter;
        let same_screens = same_unit && before.screens == after.screens && before.range == after.range;
        let was_conditioned = old.is_conditioned();
        let (raw, mut time) = (old.raw.filter(|_| !begins_anew), old.time);
        if let Some(new) = &mut new {
            (new.pace, new.armed) = (old.pace, old.armed);
            // A deadline that is another one is set anew; the old one finds nothing to do when it comes up.
            new.armed.stale &= before.stale_after_ms == after.stale_after_ms;
            new.armed.silence &= before.max_silence_ms == after.max_silence_ms;
            new.armed.repeat &= before.filter == after.filter;
            if same_filter {
                new.filter = old.filter;
            }
            if same_screens {
                (new.screens, new.standing) = (old.screens, old.standing);
            }
        }
        let is_conditioned = new.as_ref().is_some_and(Extra::is_conditioned);
        // Before the first sample the value is what it was made with.
        let last = raw.clone().or_else(|| (!begins_anew).then(|| self.present()));
        if let Some(new) = &mut new {
            new.raw = if is_substituted { raw } else { last.clone().filter(|_| is_conditioned) };
            if !begins_anew {
                new.time = std::mem::take(&mut time);
            }
        }
        self.extra = new.map(Box::new);
        if begins_anew && !is_substituted {
            // Nobody has said yet what it is now.
            let quality = Quality::BAD_WAITING_FOR_INITIAL_DATA;
            let written = self.settle(Incoming { value: None, quality, source_time: now }, now);
            // A value of another type is another one.
            return if retyped && !written.is_change { self.report(now) } else { written };
        }
        if retyped {
            return self.report(now);
        }
        let is_touched = (was_conditioned || is_conditioned) && !(same_filter && same_screens);
        match last.filter(|last| is_touched && !is_substituted && last.value.is_some()) {
            Some(last) => self.condition_again(last, (same_filter, same_screens), time, now),
            None => Written::default(),
        }
    }

    /// Conditions the last that came in once more, which is no sample: what is the same as before is not fed.
    fn condition_again(
        &mut self,
        last: Incoming,
        (same_filter, same_screens): (bool, bool),
        mut former_time: ProcessTime,
        now: Timestamp,
    ) -> Written {
        let present = self.state.value.clone();
        let Some(extra) = self.extra.as_deref_mut() else {
            former_time.now(now);
            let source_time = former_time.source_time().unwrap_or(now);
            return self.settle(Incoming { source_time, ..last }, now);
        };
        let at = extra.time.now(now);
        let mut incoming = Incoming { source_time: extra.time.source_time().unwrap_or(now), ..last };
        match (&mut extra.filter, &mut incoming.value) {
            (Some(_), value) if same_filter => *value = present,
            (Some(filter), Some(Value::Float(value))) => *value = filter.feed(*value, at),
            _ => {}
        }
        if same_screens {
            incoming.quality = incoming.quality.worst(extra.standing.quality());
        } else {
            extra.screen(&mut incoming, at);
        }
        self.settle(incoming, now)
    }

    /// The state as if it came in now; without a value where that is bad.
    pub(super) fn present(&self) -> Incoming {
        let value = self.state.value.clone().filter(|_| !self.state.quality.is_bad());
        Incoming { value, quality: self.state.quality, source_time: self.state.source_time }
    }
}

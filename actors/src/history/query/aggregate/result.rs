//! The value and quality of one aggregate of one interval. Pure.

use super::builder::{Bound, Grade};
use super::interval::{Extreme, Held, Interval};
use super::{Aggregate, AggregateConfig, AggregateValue};
use crate::history::sample::Sample;
use flyball_schema::{Quality, Timestamp, Value};

/// The information bits hold for a data value (OPC UA Part 4, 7.39.1).
const DATA_VALUE: u32 = 0x0400;
/// The value was calculated.
const CALCULATED: u32 = 0x01;
/// The value lies between two samples.
const INTERPOLATED: u32 = 0x02;
/// The interval is not a whole one.
const PARTIAL: u32 = 0x04;
/// There is more than one such value.
const MULTIPLE: u32 = 0x10;

/// What is known of a tag beside one interval.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'a> {
    /// Time of the first sample of all.
    pub(super) start: i64,
    /// Where the data end, not included.
    pub(super) until: i64,
    /// Length of a whole interval, µs.
    pub(super) length: u64,
    pub(super) bounds: &'a [Option<Bound>],
    pub(super) config: &'a AggregateConfig,
}

/// What an aggregate comes to.
struct Outcome {
    value: Option<Value>,
    quality: Quality,
    bits: u32,
    /// Where it is not the start of the interval.
    time: Option<i64>,
}

impl Outcome {
    fn of(value: f64, quality: Quality, bits: u32) -> Self {
        Self { value: Some(Value::Float(value)), quality, bits, time: None }
    }

    fn without_value(quality: Quality, bits: u32) -> Self {
        Self { value: None, quality, bits, time: None }
    }

    fn no_data() -> Self {
        Self::without_value(Quality::BAD_NO_DATA, 0)
    }
}

impl Known<'_> {
    /// The value of an aggregate in an interval, which is the one at `at`.
    pub(super) fn value(&self, aggregate: Aggregate, interval: &Interval, at: usize) -> AggregateValue {
        let start = Timestamp::from_micros(interval.start);
        if interval.end <= self.start || interval.start >= self.until {
            return AggregateValue { time: start, value: None, quality: Quality::BAD_NO_DATA };
        }
        let outcome = self.outcome(aggregate, interval, at);
        let partial = aggregate != Aggregate::Average && self.is_partial(interval);
        // What there are no data for is told without bits, but for bounds, whose part of the data may still be missing.
        let bare = outcome.quality == Quality::BAD_NO_DATA
            && !matches!(aggregate, Aggregate::StartBound | Aggregate::EndBound);
        let bits = outcome.bits | if partial && !bare { PARTIAL } else { 0 };
        let code = outcome.quality.status_code() | if bits == 0 { 0 } else { bits | DATA_VALUE };
        let time = outcome.time.map_or(start, Timestamp::from_micros);
        AggregateValue { time, value: outcome.value, quality: Quality::from_status_code(code) }
    }

    /// Whether the data begin or end in the interval, or it is the rest of one.
    fn is_partial(&self, interval: &Interval) -> bool {
        let inside = |time: i64| interval.start < time && time < interval.end;
        inside(self.start) || inside(self.until) || interval.width() < self.length
    }

    fn outcome(&self, aggregate: Aggregate, interval: &Interval, at: usize) -> Outcome {
        let raw = &interval.raw;
        let doubt = |doubt: bool| if doubt { Quality::UNCERTAIN_DATA_SUB_NORMAL } else { Quality::GOOD };
        let of_good = |value: f64, doubts: bool| match raw.good {
            0 => Outcome::no_data(),
            _ => Outcome::of(value, doubt(doubts), CALCULATED),
        };
        match aggregate {
            Aggregate::Average => self.average(interval),
            Aggregate::TimeAverage => through(interval),
            Aggregate::TimeAverage2 => self.time_average(interval),
            Aggregate::Minimum => extreme(interval, raw.min, raw.doubts_min(), false),
            Aggregate::Maximum => extreme(interval, raw.max, raw.doubts_max(), false),
            Aggregate::MinimumActualTime => extreme(interval, raw.min, raw.doubts_min(), true),
            Aggregate::MaximumActualTime => extreme(interval, raw.max, raw.doubts_max(), true),
            Aggregate::Range => {
                let range = raw.max.zip(raw.min).map_or(0.0, |(max, min)| max.value - min.value);
                of_good(range, raw.doubts_min() || raw.doubts_max())
            }
            Aggregate::Count => self.count(interval),
            Aggregate::Start => stored(raw.first.as_ref()),
            Aggregate::End => stored(raw.last.as_ref()),
            Aggregate::Delta => of_good(raw.last_good - raw.first_good, raw.skipped()),
            Aggregate::StartBound => bound(self.bounds[at].as_ref(), 0, INTERPOLATED),
            Aggregate::EndBound => bound(self.bounds[at + 1].as_ref(), CALCULATED, 0),
            Aggregate::DurationGood => Outcome::of(interval.good as f64 / 1e3, Quality::GOOD, CALCULATED),
            Aggregate::DurationBad => Outcome::of(self.bad(interval) as f64 / 1e3, Quality::GOOD, CALCULATED),
            Aggregate::PercentGood => self.percent(interval.good, interval),
            Aggregate::PercentBad => self.percent(self.bad(interval), interval),
            Aggregate::StandardDeviationSample => of_good(raw.deviation(1), raw.ignored()),
            Aggregate::StandardDeviationPopulation => of_good(raw.deviation(0), raw.ignored()),
        }
    }

    /// Time in which the tag was bad, that before its first sample included, µs.
    fn bad(&self, interval: &Interval) -> u64 {
        let before = if self.start > interval.start { self.start.abs_diff(interval.start) } else { 0 };
        interval.bad + before
    }

    fn percent(&self, time: u64, interval: &Interval) -> Outcome {
        let width = interval.end.min(self.until).abs_diff(interval.start);
        Outcome::of(time as f64 * 100.0 / width as f64, Quality::GOOD, CALCULATED)
    }

    /// The quality of what is made of so many good and bad parts (5.4.3.2.1).
    fn quality(&self, good: u64, bad: u64, all: u64) -> Quality {
        let reaches = |part: u64, percent: u8| part > 0 && part as f64 * 100.0 >= all as f64 * f64::from(percent);
        match () {
            () if reaches(good, self.config.percent_data_good) => Quality::GOOD,
            () if reaches(bad, self.config.percent_data_bad) => Quality::BAD,
            () => Quality::UNCERTAIN_DATA_SUB_NORMAL,
        }
    }

    fn quality_by_count(&self, interval: &Interval) -> Quality {
        let raw = &interval.raw;
        let (good, uncertain, bad) = (u64::from(raw.good), u64::from(raw.uncertain), u64::from(raw.bad));
        self.quality(good, bad, good + uncertain + bad)
    }

    fn average(&self, interval: &Interval) -> Outcome {
        let raw = &interval.raw;
        match self.quality_by_count(interval) {
            _ if raw.good == 0 => Outcome::no_data(),
            quality if quality.is_bad() => Outcome::without_value(quality, CALCULATED),
            quality => Outcome::of(raw.sum / f64::from(raw.good), quality, CALCULATED),
        }
    }

    fn count(&self, interval: &Interval) -> Outcome {
        let raw = &interval.raw;
        let quality = if raw.first.is_none() { Quality::GOOD } else { self.quality_by_count(interval) };
        if quality.is_bad() {
            return Outcome::without_value(quality, 0);
        }
        Outcome { value: Some(Value::Integer(raw.good.into())), quality, bits: CALCULATED, time: None }
    }

    fn time_average(&self, interval: &Interval) -> Outcome {
        let Held { area, time, good } = interval.simple;
        if time == 0 {
            return Outcome::no_data();
        }
        let width = interval.width();
        match self.quality(good, width.saturating_sub(time), width) {
            quality if quality.is_bad() => Outcome::without_value(quality, CALCULATED),
            quality => Outcome::of(area / time as f64, quality, CALCULATED),
        }
    }
}

fn through(interval: &Interval) -> Outcome {
    let Held { area, time, good } = interval.through;
    let quality = if good == interval.width() { Quality::GOOD } else { Quality::UNCERTAIN_DATA_SUB_NORMAL };
    if time == 0 { Outcome::no_data() } else { Outcome::of(area / time as f64, quality, CALCULATED) }
}

fn extreme(interval: &Interval, extreme: Option<Extreme>, doubts: bool, at_its_time: bool) -> Outcome {
    let Some(Extreme { value, time, again }) = extreme else { return Outcome::no_data() };
    let quality = if doubts { Quality::UNCERTAIN_DATA_SUB_NORMAL } else { Quality::GOOD };
    // A value that is at the time it is told for is a raw one.
    let calculated = if at_its_time || time == interval.start { 0 } else { CALCULATED };
    let multiple = if again { MULTIPLE } else { 0 };
    Outcome { time: at_its_time.then_some(time), ..Outcome::of(value, quality, calculated | multiple) }
}

fn stored(sample: Option<&Sample>) -> Outcome {
    let Some(sample) = sample else { return Outcome::no_data() };
    let value = sample.value.clone().filter(|_| !sample.quality.is_bad());
    Outcome { value, quality: sample.quality, bits: 0, time: Some(sample.time.as_micros()) }
}

fn bound(bound: Option<&Bound>, always: u32, interpolated: u32) -> Outcome {
    match bound.filter(|bound| bound.grade != Grade::Bad) {
        None => Outcome::without_value(Quality::BAD_NO_DATA, always),
        Some(bound) => {
            let bits = always | if bound.interpolated { interpolated } else { 0 };
            Outcome { value: bound.value.clone(), quality: bound.quality(), bits, time: None }
        }
    }
}

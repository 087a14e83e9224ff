//! Samples that a number tells: what the writer writes, and what history has to hold of it. Pure.

use flyball::cvt::Update;
use flyball::history::sample::Sample;
use flyball::schema::definition::TagDefinition;
use flyball::schema::{Quality, TagId, Timestamp, Value};

/// Numbers of one run begin here and there: more than a run can write.
pub(super) const STRIDE: u64 = 1_000_000;
/// The first numbers of a run are not used, so that late samples of it stay behind the end of the run before.
const FIRST: u64 = 10_000;
/// Time of number 0: 2026-01-01.
const EPOCH: i64 = 1_767_225_600_000_000;
/// Two tags of each kind of value.
const TAGS: u64 = 8;
/// Every so many samples one comes late, and every so many one has the time of its tag's sample before.
const LATE: u64 = 37;
const EQUAL: u64 = 41;

/// The tags.
pub(super) fn tags() -> Vec<(TagId, TagDefinition)> {
    let definition = |number: u64| {
        let name = format!("tag{number}");
        match number % 4 {
            0 => TagDefinition::float(&name),
            1 => TagDefinition::integer(&name),
            2 => TagDefinition::boolean(&name),
            _ => TagDefinition::text(&name),
        }
    };
    (0..TAGS).map(|number| (tag(number), definition(number))).collect()
}

fn tag(number: u64) -> TagId {
    TagId(u32::try_from(number % TAGS).unwrap() + 1)
}

/// The number of sample `count` of a run.
fn number(run: u64, count: u64) -> u64 {
    run * STRIDE + FIRST + count
}

/// The time of a number, ms.
fn at(number: u64) -> Timestamp {
    Timestamp::from_micros(EPOCH + 1_000 * number.cast_signed())
}

/// The times of a run.
pub(super) fn times(run: u64) -> std::ops::Range<Timestamp> {
    at(run * STRIDE)..at((run + 1) * STRIDE)
}

/// Most samples have the time of their number. Some are late, behind a few dozen of their tag; some have the time of their
/// tag's sample before.
fn time(number: u64) -> Timestamp {
    match number {
        late if late % LATE == 0 => Timestamp::from_micros(at(late - LATE * TAGS).as_micros() + 500),
        equal if equal % EQUAL == 0 => at(equal - TAGS),
        _ => at(number),
    }
}

/// A value that no other number of the tag has, but for a Boolean: that is never the one before.
fn value(number: u64) -> Value {
    match number % 4 {
        0 => Value::Float(number as f64 + 0.1),
        // Past 2^53, where a float would not tell two of them apart.
        1 => Value::Integer(number.cast_signed() + (1 << 60)),
        2 => Value::Boolean((number / TAGS).is_multiple_of(2)),
        _ => Value::from(format!("Füllstand {number} cm").as_str()),
    }
}

fn quality(number: u64) -> Quality {
    if number.is_multiple_of(11) { Quality::UNCERTAIN_LAST_USABLE } else { Quality::GOOD }
}

/// The updates of the samples `counts` of a run.
pub(super) fn updates(run: u64, counts: std::ops::Range<u64>) -> Vec<Update> {
    let update = |count| {
        let number = number(run, count);
        let (value, time) = (value(number), time(number));
        Update { tag: tag(number), value: Some(value), quality: quality(number), source_time: Some(time) }
    };
    counts.map(update).collect()
}

/// What history has to hold of a tag after the first `written` samples of a run: by time, and of one time in the order in
/// which they came.
pub(super) fn expected(run: u64, written: u64, of: TagId) -> Vec<Sample> {
    let numbers = (0..written).map(|count| number(run, count)).filter(|number| tag(*number) == of);
    let sample = |number| Sample { time: time(number), value: Some(value(number)), quality: quality(number) };
    let mut samples: Vec<Sample> = numbers.map(sample).collect();
    samples.sort_by_key(|sample| sample.time);
    samples
}

//! What every store does, whatever it is made of. The tests of each store run all of it:
//!
//! ```ignore
//! store_suite!(made_somehow); // fn made_somehow() -> Option<TestStore>
//! ```

mod keeping;
mod model;
mod reading;

pub(crate) use keeping::*;
pub(crate) use model::*;
pub(crate) use reading::*;

use super::historian::Retention;
use super::historian::{Batch, Cancel, Historian, JournalId, SampleSource, StoreReader, StoreWriter, Upkeep, Visitor};
use super::sample::{Block, Sample};
use flyball_schema::{Quality, TagId, Timestamp, Value};
use std::any::Any;
use std::fmt;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::time::Duration;

/// An empty store; what it lives in goes with it.
pub(crate) struct TestStore {
    pub(crate) historian: Arc<dyn Historian>,
    pub(crate) _kept: Box<dyn Any>,
}

/// Makes one test of every sentence of the suite. `$make` answers `None` where there is no such store here, having said so.
macro_rules! store_suite {
    ($make:path) => {
        $crate::history::store_suite::store_suite! { $make:
            a_store_that_nobody_wrote_to_is_empty,
            samples_of_one_time_keep_the_order_in_which_they_came,
            late_samples_appear_in_their_place,
            every_bit_of_a_value_and_its_quality_survives,
            a_tag_may_change_its_type,
            times_of_any_age_are_kept,
            a_large_batch_comes_back_in_order,
            a_batch_is_stored_once,
            each_journal_has_its_own_position,
            a_batch_without_samples_moves_the_position,
            what_was_stored_is_there_for_the_next_handle,
            ranges_include_their_start_and_not_their_end,
            the_last_sample_before_a_time_is_found_however_old,
            the_last_of_several_samples_of_one_time_came_last,
            downtimes_that_overlap_a_range_are_told_by_start,
            imported_samples_lie_between_the_others,
            summaries_say_the_same_as_samples,
            a_visitor_that_wants_no_more_gets_no_more,
            a_question_that_is_withdrawn_ends_soon,
            a_question_sees_one_state,
            a_handle_sees_what_others_commit,
            tags_are_kept_as_long_as_each_of_them_should,
            any_history_comes_back_as_it_was_told,
        }
    };
    ($make:path: $($sentence:ident,)*) => {
        $(
            #[test]
            fn $sentence() {
                let Some(store) = $make() else { return };
                $crate::history::store_suite::$sentence(&store);
            }
        )*
    };
}
pub(crate) use store_suite;

pub(crate) const JOURNAL: JournalId = JournalId(uuid::Uuid::from_u128(1));
pub(crate) const TAG: TagId = TagId(7);
pub(crate) const OTHER: TagId = TagId(8);
/// 2026-11-22T00:00:00Z.
pub(crate) const DAY_0: i64 = 1_795_305_600_000_000;
pub(crate) const DAY: i64 = 86_400_000_000;

impl TestStore {
    pub(crate) fn writer(&self) -> Box<dyn StoreWriter> {
        self.historian.open_writer().unwrap()
    }

    pub(crate) fn reader(&self) -> Box<dyn StoreReader> {
        self.historian.open_reader().unwrap()
    }

    /// All samples of a tag, as a question of its own.
    pub(crate) fn all(&self, tag: TagId) -> Vec<Sample> {
        let mut reader = self.reader();
        reader.begin(JOURNAL).unwrap();
        let all = read(&mut *reader, tag, i64::MIN..i64::MAX);
        reader.end();
        assert_eq!(reader.damaged(), 0);
        all
    }
}

impl fmt::Debug for TestStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.historian.fmt(f)
    }
}

pub(crate) fn sample(time: i64, value: impl Into<Value>) -> Sample {
    Sample { time: Timestamp::from_micros(time), value: Some(value.into()), quality: Quality::GOOD }
}

/// Good samples of integers.
pub(crate) fn integers(samples: &[(i64, i64)]) -> Block {
    samples.iter().map(|&(time, value)| sample(time, value)).collect()
}

/// The batch that follows `behind`, one number per sample.
pub(crate) fn batch(behind: u64, series: Vec<(TagId, Block)>) -> Batch {
    let samples: usize = series.iter().map(|(_, block)| block.len()).sum();
    Batch { journal: JOURNAL, behind, upto: behind + samples as u64, series, downtimes: Vec::new() }
}

/// Stores samples of one tag behind what is stored.
pub(crate) fn store(writer: &mut dyn StoreWriter, tag: TagId, block: Block) {
    let behind = writer.position(JOURNAL).unwrap();
    let samples = block.len() as u64;
    assert_eq!(writer.store(&batch(behind, vec![(tag, block)])).unwrap().samples, samples);
}

/// Keeps what it is given, and holds it against the rules.
#[derive(Debug, Default)]
pub(crate) struct All(pub(crate) Vec<Sample>);

impl Visitor for All {
    fn block(&mut self, block: &Block, rows: Range<usize>) -> ControlFlow<()> {
        assert!(!rows.is_empty() && block.times.is_sorted());
        assert_eq!((block.values.len(), block.qualities.len()), (block.len(), block.len()));
        self.0.extend(rows.map(|row| block.sample(row)));
        ControlFlow::Continue(())
    }
}

pub(crate) fn read(source: &mut (impl SampleSource + ?Sized), tag: TagId, range: Range<i64>) -> Vec<Sample> {
    let mut all = All::default();
    source.read(tag, times(range), &Cancel::default(), &mut all).unwrap();
    all.0
}

pub(crate) fn times(range: Range<i64>) -> Range<Timestamp> {
    Timestamp::from_micros(range.start)..Timestamp::from_micros(range.end)
}

/// Time and value of samples of integers.
pub(crate) fn pairs(samples: &[Sample]) -> Vec<(i64, i64)> {
    let pair = |sample: &Sample| match sample.value {
        Some(Value::Integer(value)) => (sample.time.as_micros(), value),
        ref other => panic!("not an integer: {other:?}"),
    };
    samples.iter().map(pair).collect()
}

/// Time, status code, and kind, bits and text of the value.
pub(crate) type Bits = (i64, u32, Option<(char, u64, String)>);

/// A sample to compare bit by bit: NaN is NaN, and -0.0 is not 0.0.
pub(crate) fn bits(sample: &Sample) -> Bits {
    let value = sample.value.as_ref().map(|value| match value {
        Value::Float(value) => ('f', value.to_bits(), String::new()),
        Value::Integer(value) => ('i', value.cast_unsigned(), String::new()),
        Value::Boolean(value) => ('b', u64::from(*value), String::new()),
        Value::Text(text) => ('t', 0, text.to_string()),
    });
    (sample.time.as_micros(), sample.quality.status_code(), value)
}

pub(crate) fn all_bits(samples: &[Sample]) -> Vec<Bits> {
    samples.iter().map(bits).collect()
}

/// Does upkeep until there is nothing to do; how many samples were dropped.
pub(crate) fn keep_up(writer: &mut dyn StoreWriter, retention: &Retention, now: i64) -> u64 {
    let mut dropped = 0;
    for _ in 0..10_000 {
        let Upkeep { dropped: more_dropped, more } = writer.upkeep(retention, Timestamp::from_micros(now)).unwrap();
        dropped += more_dropped;
        if !more {
            return dropped;
        }
    }
    panic!("upkeep has no end");
}

pub(crate) fn days(days: u64) -> Option<Duration> {
    Some(Duration::from_secs(days * 86_400))
}

//! What is stored comes back.

use super::*;
use crate::history::sample::{Column, Summary};
use std::time::Instant;

pub(crate) fn a_store_that_nobody_wrote_to_is_empty(store: &TestStore) {
    let mut reader = store.reader();
    assert_eq!(reader.begin(JOURNAL).unwrap(), 0);
    assert_eq!(read(&mut *reader, TAG, i64::MIN..i64::MAX), []);
    assert_eq!(reader.last_before(TAG, Timestamp::MAX, &Cancel::default()).unwrap(), None);
    assert_eq!(reader.downtimes(times(i64::MIN..i64::MAX)).unwrap(), []);
    reader.end();
    // The same handle sees what comes.
    let mut writer = store.writer();
    assert_eq!(writer.position(JOURNAL).unwrap(), 0);
    self::store(&mut *writer, TAG, integers(&[(DAY_0, 1)]));
    assert_eq!(reader.begin(JOURNAL).unwrap(), 1);
    assert_eq!(pairs(&read(&mut *reader, TAG, i64::MIN..i64::MAX)), [(DAY_0, 1)]);
}

pub(crate) fn samples_of_one_time_keep_the_order_in_which_they_came(store: &TestStore) {
    let mut writer = store.writer();
    let of_one_time = |values: Range<i64>| integers(&values.map(|value| (DAY_0, value)).collect::<Vec<_>>());
    self::store(&mut *writer, TAG, of_one_time(0..1));
    self::store(&mut *writer, TAG, of_one_time(1..4));
    self::store(&mut *writer, TAG, integers(&[(DAY_0 + 1, 100), (DAY_0, 4), (DAY_0 + 1, 101)]));
    drop(writer);
    let mut writer = store.writer();
    self::store(&mut *writer, TAG, of_one_time(5..7));
    self::store(&mut *writer, TAG, integers(&[(DAY_0 + 1, 102)]));
    let expected: Vec<_> = (0..7).map(|value| (DAY_0, value)).chain((100..103).map(|v| (DAY_0 + 1, v))).collect();
    assert_eq!(pairs(&store.all(TAG)), expected);
}

pub(crate) fn late_samples_appear_in_their_place(store: &TestStore) {
    let mut writer = store.writer();
    self::store(&mut *writer, TAG, integers(&[(DAY_0, 0), (DAY_0 + 10 * DAY, 1)]));
    self::store(&mut *writer, TAG, integers(&[(DAY_0 + 5 * DAY, 2), (DAY_0 - 400 * DAY, 3), (DAY_0 + 1, 4)]));
    self::store(&mut *writer, OTHER, integers(&[(DAY_0 - DAY, 5)]));
    keep_up(&mut *writer, &Retention::default(), DAY_0 + 10 * DAY);
    self::store(&mut *writer, TAG, integers(&[(DAY_0 - 400 * DAY, 6), (DAY_0 + 5 * DAY, 7)]));
    let late = DAY_0 - 400 * DAY;
    let expected = [
        (late, 3),
        (late, 6),
        (DAY_0, 0),
        (DAY_0 + 1, 4),
        (DAY_0 + 5 * DAY, 2),
        (DAY_0 + 5 * DAY, 7),
        (DAY_0 + 10 * DAY, 1),
    ];
    assert_eq!(pairs(&store.all(TAG)), expected);
    assert_eq!(pairs(&store.all(OTHER)), [(DAY_0 - DAY, 5)]);
}

pub(crate) fn every_bit_of_a_value_and_its_quality_survives(store: &TestStore) {
    let odd_nan = f64::from_bits(0xFFF7_0000_0000_0001);
    let floats =
        [0.0, -0.0, 0.1, f64::MIN_POSITIVE / 4.0, f64::MAX, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, odd_nan];
    let texts = ["", "a", "\0", "a\0b\u{1A}0\u{1A}", "\u{1A}", "\\N \\. \t\r\n\"'", "é ☃ 𝄞"].map(str::to_owned);
    let long = "0123456789".repeat(30_000);
    let values: Vec<Option<Value>> = std::iter::empty()
        .chain(floats.map(|value| Some(Value::Float(value))))
        .chain([i64::MIN, -1, 0, 1, (1 << 53) + 1, i64::MAX].map(|value| Some(Value::Integer(value))))
        .chain([true, false].map(|value| Some(Value::Boolean(value))))
        .chain(texts.into_iter().chain([long]).map(|text| Some(Value::Text(text.into()))))
        .chain([None])
        .collect();
    let codes = [0, 1, 0x0096_0000, 0x4090_0000, 0x7FFF_FFFF, 0x8000_0000, 0x808A_0000, u32::MAX];
    let mut samples = Vec::new();
    for (value, code) in values.iter().flat_map(|value| codes.map(|code| (value.clone(), code))) {
        let time = Timestamp::from_micros(DAY_0 + samples.len() as i64);
        samples.push(Sample { time, value, quality: Quality::from_status_code(code) });
    }
    let mut writer = store.writer();
    let tags = [TagId(0), TAG, TagId(i32::MAX.unsigned_abs())];
    writer.store(&batch(0, tags.map(|tag| (tag, samples.iter().cloned().collect())).to_vec())).unwrap();
    // Of one type too: such columns may be kept in another way.
    let is = |kind: char| move |sample: &&Sample| bits(sample).2.is_some_and(|(of, _, _)| of == kind);
    for (tag, kind) in [(10, 'f'), (11, 'i'), (12, 'b'), (13, 't')] {
        self::store(&mut *writer, TagId(tag), samples.iter().filter(is(kind)).cloned().collect());
    }
    for tag in tags {
        assert_eq!(all_bits(&store.all(tag)), all_bits(&samples));
    }
    for (tag, kind) in [(10, 'f'), (11, 'i'), (12, 'b'), (13, 't')] {
        let expected: Vec<Sample> = samples.iter().filter(is(kind)).cloned().collect();
        assert_eq!(all_bits(&store.all(TagId(tag))), all_bits(&expected));
    }
}

pub(crate) fn a_tag_may_change_its_type(store: &TestStore) {
    let samples = [sample(DAY_0, 1.5), sample(DAY_0 + 1, 7_i64), sample(DAY_0 + 2, true), sample(DAY_0 + 3, "on")];
    let mut writer = store.writer();
    for (index, one) in samples.iter().enumerate() {
        writer.store(&batch(index as u64, vec![(TAG, [one.clone()].into_iter().collect())])).unwrap();
    }
    keep_up(&mut *writer, &Retention::default(), DAY_0 + DAY);
    assert_eq!(store.all(TAG), samples);
}

pub(crate) fn times_of_any_age_are_kept(store: &TestStore) {
    // The first time of an OPC UA server, that of a clock without a battery, the ends of calendars.
    let (year_1601, year_2200) = (-11_644_473_600_000_000, 7_258_118_400_000_000);
    let odd = [
        i64::MIN,
        i64::MIN + 1,
        -211_813_488_000_000_000,
        year_1601,
        -1,
        0,
        1,
        DAY_0,
        year_2200 - 1,
        year_2200,
        9_223_371_331_200_000_000,
        i64::MAX - 1,
    ];
    let mut writer = store.writer();
    let backwards: Vec<(i64, i64)> = odd.iter().rev().map(|&time| (time, 1)).collect();
    self::store(&mut *writer, TAG, integers(&backwards));
    self::store(&mut *writer, TAG, integers(&odd.map(|time| (time, 2))));
    let expected: Vec<(i64, i64)> = odd.iter().flat_map(|&time| [(time, 1), (time, 2)]).collect();
    assert_eq!(pairs(&store.all(TAG)), expected);
    let mut reader = store.reader();
    reader.begin(JOURNAL).unwrap();
    for pair in odd.windows(2) {
        assert_eq!(pairs(&read(&mut *reader, TAG, pair[0]..pair[1])), [(pair[0], 1), (pair[0], 2)]);
        let last = reader.last_before(TAG, Timestamp::from_micros(pair[1]), &Cancel::default()).unwrap();
        assert_eq!(pairs(&[last.unwrap()]), [(pair[0], 2)]);
    }
}

pub(crate) fn a_large_batch_comes_back_in_order(store: &TestStore) {
    let value = |index: i64| (DAY_0 + index * 977_000, (index * 7_919) % 1_000);
    let samples: Vec<(i64, i64)> = (0..60_000).map(value).collect();
    let mut shuffled = samples.clone();
    shuffled.chunks_mut(500).for_each(<[_]>::reverse);
    let mut writer = store.writer();
    let series = vec![(TAG, integers(&shuffled)), (OTHER, integers(&samples))];
    writer.store(&batch(0, series)).unwrap();
    for tag in [TAG, OTHER] {
        assert!(pairs(&store.all(tag)) == samples);
    }
    let mut reader = store.reader();
    reader.begin(JOURNAL).unwrap();
    let part = read(&mut *reader, TAG, samples[1_000].0..samples[50_000].0);
    assert!(pairs(&part) == samples[1_000..50_000]);
}

pub(crate) fn ranges_include_their_start_and_not_their_end(store: &TestStore) {
    let mut writer = store.writer();
    self::store(&mut *writer, TAG, integers(&[(DAY_0, 0), (DAY_0 + 1, 1), (DAY_0 + 1, 2), (DAY_0 + 2, 3)]));
    let mut reader = store.reader();
    reader.begin(JOURNAL).unwrap();
    let mut values = |range: Range<i64>| -> Vec<i64> {
        pairs(&read(&mut *reader, TAG, range)).into_iter().map(|(_, value)| value).collect()
    };
    assert_eq!(values(DAY_0..DAY_0 + 1), [0]);
    assert_eq!(values(DAY_0 + 1..DAY_0 + 2), [1, 2]);
    assert_eq!(values(DAY_0 + 2..i64::MAX), [3]);
    assert!(values(i64::MIN..DAY_0).is_empty());
    assert!(values(DAY_0..DAY_0).is_empty());
    #[expect(clippy::reversed_empty_ranges, reason = "that is the question")]
    let reversed = DAY_0 + 2..DAY_0;
    assert!(values(reversed).is_empty());
}

pub(crate) fn the_last_sample_before_a_time_is_found_however_old(store: &TestStore) {
    let mut writer = store.writer();
    self::store(&mut *writer, OTHER, integers(&(0..200).map(|day| (DAY_0 + day * DAY, day)).collect::<Vec<_>>()));
    self::store(&mut *writer, TAG, integers(&[(DAY_0 - 3_000 * DAY, 1), (DAY_0 + 100 * DAY, 2)]));
    let mut reader = store.reader();
    reader.begin(JOURNAL).unwrap();
    let mut last = |tag: TagId, before: i64| {
        let last = reader.last_before(tag, Timestamp::from_micros(before), &Cancel::default()).unwrap();
        last.map(|sample| pairs(&[sample])[0].1)
    };
    assert_eq!(last(TAG, i64::MAX), Some(2));
    assert_eq!(last(TAG, DAY_0 + 100 * DAY), Some(1));
    assert_eq!(last(TAG, DAY_0 - 3_000 * DAY + 1), Some(1));
    assert_eq!(last(TAG, DAY_0 - 3_000 * DAY), None);
    assert_eq!(last(OTHER, DAY_0 + 150 * DAY + 1), Some(150));
    assert_eq!(last(TagId(99), i64::MAX), None);
}

pub(crate) fn the_last_of_several_samples_of_one_time_came_last(store: &TestStore) {
    let mut writer = store.writer();
    self::store(&mut *writer, TAG, integers(&[(DAY_0, 1), (DAY_0, 2), (DAY_0, 3)]));
    self::store(&mut *writer, TAG, integers(&[(DAY_0, 4)]));
    let mut reader = store.reader();
    let last = reader.last_before(TAG, Timestamp::from_micros(DAY_0 + 1), &Cancel::default()).unwrap();
    assert_eq!(pairs(&[last.unwrap()]), [(DAY_0, 4)]);
}

pub(crate) fn summaries_say_the_same_as_samples(store: &TestStore) {
    #[derive(Default)]
    struct Sums {
        count: u64,
        sum: f64,
        min: f64,
        max: f64,
        newest: i64,
    }
    impl Visitor for Sums {
        fn takes_summary(&self, t0: Timestamp, t1: Timestamp) -> bool {
            t0 <= t1
        }
        fn summary(&mut self, summary: &Summary) {
            assert!(summary.t0.as_micros() >= self.newest);
            self.newest = summary.t1.as_micros();
            self.count += u64::from(summary.count);
            self.sum += summary.sum;
            (self.min, self.max) = (self.min.min(summary.min), self.max.max(summary.max));
        }
        fn block(&mut self, block: &Block, rows: Range<usize>) -> ControlFlow<()> {
            let Some(summary) = Summary::of(block, rows) else { panic!("all are usable") };
            self.summary(&summary);
            ControlFlow::Continue(())
        }
    }
    let samples: Vec<(i64, i64)> = (0..40_000).map(|index| (DAY_0 + index * 1_000, index % 1_000 - 300)).collect();
    let mut writer = store.writer();
    self::store(&mut *writer, TAG, integers(&samples));
    let (late, range) = (integers(&[(DAY_0 + 500, 5_000)]), 1..39_000);
    self::store(&mut *writer, TAG, late);
    let mut sums = Sums { newest: i64::MIN, ..Sums::default() };
    let asked = times(samples[range.start].0..samples[range.end].0);
    store.reader().read(TAG, asked, &Cancel::default(), &mut sums).unwrap();
    let values: Vec<f64> = samples[range].iter().map(|&(_, value)| value as f64).collect();
    assert_eq!((sums.count, sums.sum), (values.len() as u64, values.iter().sum()));
    assert_eq!((sums.min, sums.max), (-300.0, 699.0));
}

/// Takes so many blocks, and then does something about it.
struct Few<'a> {
    blocks: usize,
    at: usize,
    then: &'a dyn Fn() -> ControlFlow<()>,
}

impl Visitor for Few<'_> {
    fn block(&mut self, _: &Block, _: Range<usize>) -> ControlFlow<()> {
        self.blocks += 1;
        if self.blocks == self.at { (self.then)() } else { ControlFlow::Continue(()) }
    }
}

fn many(store: &TestStore) {
    let times = (0..300_000).map(|index| DAY_0 + index * 1_000).collect::<Vec<_>>();
    let qualities = vec![Quality::GOOD; times.len()];
    let block = Block { values: Column::Integer(times.clone()), times, qualities };
    self::store(&mut *store.writer(), TAG, block);
}

pub(crate) fn a_visitor_that_wants_no_more_gets_no_more(store: &TestStore) {
    many(store);
    let mut reader = store.reader();
    reader.begin(JOURNAL).unwrap();
    let mut few = Few { blocks: 0, at: 2, then: &|| ControlFlow::Break(()) };
    reader.read(TAG, times(i64::MIN..i64::MAX), &Cancel::default(), &mut few).unwrap();
    assert_eq!(few.blocks, 2);
    // The same question goes on.
    assert_eq!(read(&mut *reader, TAG, DAY_0..DAY_0 + 5_000).len(), 5);
}

pub(crate) fn a_question_that_is_withdrawn_ends_soon(store: &TestStore) {
    use crate::history::historian::HistorianError;
    many(store);
    let mut reader = store.reader();
    reader.begin(JOURNAL).unwrap();
    let cancel = Cancel::default();
    let withdraw = || {
        cancel.cancel();
        ControlFlow::Continue(())
    };
    let mut few = Few { blocks: 0, at: 1, then: &withdraw };
    #[expect(clippy::disallowed_methods, reason = "how long it takes is the question")]
    let began = Instant::now();
    let answer = reader.read(TAG, times(i64::MIN..i64::MAX), &cancel, &mut few);
    assert!(matches!(answer, Err(HistorianError::Cancelled)), "{answer:?}");
    assert!(few.blocks <= 3, "{}", few.blocks);
    assert!(began.elapsed() < Duration::from_secs(5));
    let answer = reader.last_before(TAG, Timestamp::MAX, &cancel);
    assert!(matches!(answer, Err(HistorianError::Cancelled)), "{answer:?}");
    // The handle answers the next one, of the same state and of another.
    assert_eq!(read(&mut *reader, TAG, DAY_0..DAY_0 + 5_000).len(), 5);
    reader.begin(JOURNAL).unwrap();
    assert_eq!(read(&mut *reader, TAG, DAY_0..DAY_0 + 5_000).len(), 5);
}

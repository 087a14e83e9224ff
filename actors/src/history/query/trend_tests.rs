use super::super::source_tests::{Memory, at, bad, good};
use super::*;
use proptest::prelude::*;

const TAG: TagId = TagId(7);

/// Four buckets of 10 s from 0 to 40 s.
fn ask(samples: &[Sample], downtimes: &[Range<Timestamp>], now: i64) -> Result<Vec<Bucket>, Failure> {
    let mut memory = Memory::of([(TAG, samples.to_vec())]);
    memory.downtimes = downtimes.to_vec();
    let question = ReadTrend { tags: vec![TAG], from: at(0), to: at(40), buckets: 4 };
    question.check()?;
    Ok(question.run(&mut memory, at(now), &Cancel::default())?.series.remove(0).buckets)
}

fn trend(samples: &[Sample], downtimes: &[Range<Timestamp>], now: i64) -> Vec<Bucket> {
    ask(samples, downtimes, now).unwrap()
}

fn time_averages(buckets: &[Bucket]) -> Vec<Option<f64>> {
    buckets.iter().map(|bucket| bucket.time_average).collect()
}

fn shares(buckets: &[Bucket]) -> Vec<f64> {
    buckets.iter().map(|bucket| bucket.usable).collect()
}

fn averages(buckets: &[Bucket]) -> Vec<Option<f64>> {
    buckets.iter().map(|bucket| bucket.average).collect()
}

#[test]
fn a_bucket_sums_up_its_samples() {
    let buckets = trend(&[good(1, 5.0), good(4, 1.0), good(9, 3.0)], &[], 100);
    let expected = Bucket {
        min: Some(1.0),
        max: Some(5.0),
        average: Some(3.0),
        first: Some(5.0),
        last: Some(3.0),
        count: 3,
        quality: Quality::GOOD,
        time_average: Some((5.0 * 3.0 + 1.0 * 5.0 + 3.0 * 1.0) / 9.0),
        usable: 0.9,
    };
    assert_eq!(buckets[0], expected);
}

#[test]
fn a_bucket_without_samples_holds_the_value_before_it() {
    let buckets = trend(&[good(-500, 2.0), good(15, 4.0)], &[], 100);
    assert_eq!(averages(&buckets), [Some(2.0), Some(4.0), Some(4.0), Some(4.0)]);
    let held = Bucket {
        min: Some(4.0),
        max: Some(4.0),
        average: Some(4.0),
        first: None,
        last: Some(4.0),
        count: 0,
        quality: Quality::GOOD,
        time_average: Some(4.0),
        usable: 1.0,
    };
    assert_eq!(buckets[2], held);
}

#[test]
fn there_is_a_gap_before_the_first_value_and_while_the_tag_is_bad() {
    let buckets = trend(&[good(15, 4.0), bad(18), bad(25)], &[], 100);
    assert_eq!(averages(&buckets), [None, Some(4.0), None, None]);
    let qualities: Vec<_> = buckets.iter().map(|bucket| bucket.quality.is_bad()).collect();
    assert_eq!(qualities, [true, true, true, true]);
    assert_eq!(buckets[3].quality, Quality::BAD_NO_COMMUNICATION);
    assert_eq!((buckets[1].last, buckets[1].count), (Some(4.0), 2));
}

#[test]
fn a_tag_that_was_bad_before_the_range_is_not_held() {
    let buckets = trend(&[bad(-1), good(20, 4.0)], &[], 100);
    assert_eq!(averages(&buckets), [None, None, Some(4.0), Some(4.0)]);
}

#[test]
fn an_uncertain_value_is_used_and_marked() {
    let uncertain = Sample { quality: Quality::UNCERTAIN_SENSOR_NOT_ACCURATE, ..good(5, 6.0) };
    let buckets = trend(&[good(1, 4.0), uncertain, good(9, 8.0)], &[], 100);
    assert_eq!(buckets[0].average, Some(6.0));
    assert_eq!(buckets[0].quality, Quality::UNCERTAIN_SENSOR_NOT_ACCURATE);
    assert_eq!(buckets[1].quality, Quality::GOOD);
}

#[test]
fn nothing_is_held_into_the_future() {
    let buckets = trend(&[good(5, 4.0)], &[], 20);
    assert_eq!(averages(&buckets), [Some(4.0), Some(4.0), Some(4.0), None]);
}

#[test]
fn nothing_is_held_through_a_downtime() {
    let waiting = Sample { value: None, ..bad(31) };
    let buckets = trend(&[good(-1, 4.0), waiting, good(33, 5.0)], &[at(8)..at(31)], 100);
    assert_eq!(averages(&buckets), [Some(4.0), None, None, Some(5.0)]);
    assert_eq!(buckets[1].quality, Quality::BAD_OUT_OF_SERVICE);
}

#[test]
fn a_downtime_before_the_last_sample_has_no_effect() {
    let buckets = trend(&[good(-1, 4.0)], &[at(-30)..at(-20)], 100);
    assert_eq!(averages(&buckets), [Some(4.0); 4]);
    let since_long = trend(&[good(-40, 4.0)], &[at(-30)..at(-20)], 100);
    assert_eq!(averages(&since_long), [None; 4]);
}

#[test]
fn of_two_samples_of_one_time_the_one_that_came_later_is_the_last() {
    let buckets = trend(&[good(5, 1.0), good(5, 2.0), good(15, 4.0), bad(15)], &[], 100);
    assert_eq!((buckets[0].first, buckets[0].last, buckets[0].time_average), (Some(1.0), Some(2.0), Some(2.0)));
    assert_eq!((buckets[1].last, buckets[1].time_average, buckets[1].usable), (Some(4.0), Some(2.0), 0.5));
    assert_eq!(averages(&buckets)[2..], [None; 2]);
}

#[test]
fn integers_and_booleans_are_numbers_and_text_is_an_error() {
    assert_eq!(trend(&[good(5, 3_i64)], &[], 100)[0].average, Some(3.0));
    assert_eq!(trend(&[good(5, true)], &[], 100)[0].max, Some(1.0));
    assert_eq!(trend(&[good(5, true), good(6, 3.0), good(7, 8_i64)], &[], 100)[0].average, Some(4.0));
    for text in [good(5, "auto"), good(-5, "auto")] {
        let outcome = ask(&[text, good(6, 1.0)], &[], 100);
        assert!(matches!(outcome, Err(Failure::Question(HistoryError::Text { tag: TAG }))), "{outcome:?}");
    }
}

#[test]
fn the_time_average_weighs_each_value_by_how_long_it_was_held() {
    let buckets = trend(&[good(-3, 10.0), good(8, 20.0), good(14, 0.0), bad(18), good(25, 8.0)], &[], 100);
    assert_eq!(time_averages(&buckets), [Some(12.0), Some(10.0), Some(8.0), Some(8.0)]);
    assert_eq!(shares(&buckets), [1.0, 0.8, 0.5, 1.0]);
}

#[test]
fn time_in_which_the_plant_was_down_and_time_to_come_weigh_nothing() {
    let buckets = trend(&[good(-3, 10.0), good(22, 20.0)], &[at(5)..at(21)], 26);
    assert_eq!(time_averages(&buckets), [Some(10.0), None, Some(20.0), None]);
    let shares = shares(&buckets);
    assert_eq!(shares[..2], [0.5, 0.0]);
    assert!((shares[2] - 4.0 / 6.0).abs() < 1e-6 && shares[3] == 0.0, "{shares:?}");
}

#[test]
fn a_cancelled_question_is_given_up() {
    let mut memory = Memory::of([(TAG, vec![good(1, 1.0)])]);
    let question = ReadTrend { tags: vec![TAG], from: at(0), to: at(40), buckets: 4 };
    let cancel = Cancel::default();
    cancel.cancel();
    let outcome = question.run(&mut memory, at(50), &cancel);
    assert!(
        matches!(outcome, Err(Failure::Store(crate::history::historian::HistorianError::Cancelled))),
        "{outcome:?}"
    );
}

/// What the buckets are by definition, microsecond by microsecond where it comes to time.
fn by_definition(samples: &[Sample], downtimes: &[Range<Timestamp>], grid: Grid, now: i64) -> Vec<(Bucket, f64, u64)> {
    let state = |time: i64| -> Option<Held> {
        let last = samples.iter().rev().find(|sample| sample.time.as_micros() <= time)?;
        let since = last.time.as_micros();
        let down =
            downtimes.iter().rev().find(|down| since <= down.start.as_micros() && down.start.as_micros() <= time);
        let held = Held { value: last.usable_f64(), quality: last.quality, since };
        Some(down.map_or(held, |down| Held::down(down.start.as_micros())))
    };
    let last_sample = samples.last().map_or(i64::MIN, |sample| sample.time.as_micros());
    (0..grid.len())
        .map(|index| {
            let (start, end) = (grid.start(index).as_micros(), grid.start(index + 1).as_micros());
            let inside = || samples.iter().filter(|sample| (start..end).contains(&sample.time.as_micros()));
            let known = now.max(last_sample.saturating_sub(1));
            let values: Vec<f64> = (start..end.min(known + 1)).filter_map(|time| state(time)?.value).collect();
            let usable: Vec<f64> = inside().filter_map(Sample::usable_f64).collect();
            let empty_future = inside().count() == 0 && start > now;
            // Of a downtime, the microsecond in which it begins is part of it.
            let held = if empty_future { None } else { state(start) }.unwrap_or_else(Held::unknown);
            let sum: f64 = usable.iter().sum();
            let bucket = Bucket {
                min: usable.iter().copied().reduce(f64::min),
                max: usable.iter().copied().reduce(f64::max),
                average: (!usable.is_empty()).then(|| sum / usable.len() as f64),
                first: usable.first().copied(),
                last: usable.last().copied(),
                count: u32::try_from(inside().count()).unwrap(),
                quality: inside().map(|sample| sample.quality).reduce(Quality::worst).unwrap_or(held.quality),
                time_average: None,
                usable: 0.0,
            };
            let bucket = if bucket.count > 0 {
                bucket
            } else {
                Bucket { min: held.value, max: held.value, average: held.value, last: held.value, ..bucket }
            };
            let area = if empty_future { 0.0 } else { values.iter().sum() };
            (bucket, area, if empty_future { 0 } else { values.len() as u64 })
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_trend_is_what_its_definition_says(
        mut samples in prop::collection::vec((-20..120_i64, -9..9_i64, 0..10_u8), 0..40),
        mut downs in prop::collection::vec(-20..110_i64, 0..3),
        (buckets, now, page) in (1..12_usize, -5..130_i64, 1..9_usize),
        sums_up: bool,
    ) {
        samples.sort_by_key(|sample| sample.0);
        downs.sort_unstable();
        downs.dedup();
        let sample = |&(time, value, quality): &(i64, i64, u8)| Sample {
            time: Timestamp::from_micros(time),
            value: Some(Value::Float(value as f64)),
            quality: if quality == 0 { Quality::BAD_TIMEOUT } else { Quality::GOOD },
        };
        let samples: Vec<Sample> = samples.iter().map(sample).collect();
        let down = |&start: &i64| Timestamp::from_micros(start)..Timestamp::from_micros(start + 1);
        let downtimes: Vec<_> = downs.iter().map(down).collect();
        let mut memory = Memory::of([(TAG, samples.clone())]);
        (memory.downtimes, memory.page, memory.sums_up) = (downtimes.clone(), page, sums_up);
        let (from, to) = (Timestamp::from_micros(0), Timestamp::from_micros(100));
        let question = ReadTrend { tags: vec![TAG], from, to, buckets };
        let answer = question.run(&mut memory, Timestamp::from_micros(now), &Cancel::default()).unwrap();
        let grid = Grid::new(from, to, buckets).unwrap();
        // A sample past the range is not known to the question.
        let known: Vec<Sample> = samples.into_iter().filter(|sample| sample.time < to).collect();
        for (bucket, (expected, area, weight)) in answer.series[0].buckets.iter().zip(by_definition(&known, &downtimes, grid, now)) {
            let Bucket { time_average, usable, .. } = *bucket;
            prop_assert_eq!(Bucket { time_average: None, usable: 0.0, ..*bucket }, expected);
            prop_assert_eq!(time_average.is_some(), weight > 0);
            if let Some(average) = time_average {
                prop_assert!((average - area / weight as f64).abs() < 1e-9, "{} {} {}", average, area, weight);
            }
            prop_assert!((0.0..=1.0).contains(&usable) && (usable > 0.0) == (weight > 0));
        }
    }
}

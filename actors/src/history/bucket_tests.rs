use super::*;
use proptest::prelude::*;

const TAG: TagId = TagId(7);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn sample(seconds: i64, value: f64, quality: Quality) -> TagChange {
    TagChange {
        value: Some(Value::Float(value)),
        source_time: at(seconds),
        server_time: at(seconds),
        seq: u64::try_from(seconds + 1_000).unwrap(),
        tag: TAG,
        quality,
    }
}

fn good(seconds: i64, value: f64) -> TagChange {
    sample(seconds, value, Quality::GOOD)
}

fn bad(seconds: i64) -> TagChange {
    sample(seconds, 99.0, Quality::BAD_NO_COMMUNICATION)
}

/// Four buckets of 10 s from 0 to 40 s.
fn trend(before: Option<TagChange>, samples: &[TagChange], downtimes: &[Range<Timestamp>], now: i64) -> Vec<Bucket> {
    let grid = Grid::new(at(0), at(40), 4).unwrap();
    let mut builder = TrendBuilder::new(grid, TagSet::new(vec![TAG])).unwrap();
    samples.iter().for_each(|change| builder.sample(change.clone()));
    builder.finish(&[before], downtimes, at(now)).unwrap().remove(0)
}

fn averages(buckets: &[Bucket]) -> Vec<Option<f64>> {
    buckets.iter().map(|bucket| bucket.average).collect()
}

#[test]
fn a_bucket_sums_up_its_samples() {
    let buckets = trend(None, &[good(1, 5.0), good(4, 1.0), good(9, 3.0)], &[], 100);
    let expected = Bucket {
        min: Some(1.0),
        max: Some(5.0),
        average: Some(3.0),
        first: Some(5.0),
        last: Some(3.0),
        count: 3,
        quality: Quality::GOOD,
    };
    assert_eq!(buckets[0], expected);
}

#[test]
fn a_bucket_without_samples_holds_the_value_before_it() {
    let buckets = trend(Some(good(-500, 2.0)), &[good(15, 4.0)], &[], 100);
    assert_eq!(averages(&buckets), [Some(2.0), Some(4.0), Some(4.0), Some(4.0)]);
    let held = Bucket {
        min: Some(4.0),
        max: Some(4.0),
        average: Some(4.0),
        first: None,
        last: Some(4.0),
        count: 0,
        quality: Quality::GOOD,
    };
    assert_eq!(buckets[2], held);
}

#[test]
fn there_is_a_gap_before_the_first_value_and_while_the_tag_is_bad() {
    let buckets = trend(None, &[good(15, 4.0), bad(18), bad(25)], &[], 100);
    assert_eq!(averages(&buckets), [None, Some(4.0), None, None]);
    let qualities: Vec<_> = buckets.iter().map(|bucket| bucket.quality.is_bad()).collect();
    assert_eq!(qualities, [true, true, true, true]);
    assert_eq!(buckets[3].quality, Quality::BAD_NO_COMMUNICATION);
    assert_eq!((buckets[1].last, buckets[1].count), (Some(4.0), 2));
}

#[test]
fn a_tag_that_was_bad_before_the_range_is_not_held() {
    let buckets = trend(Some(bad(-1)), &[good(20, 4.0)], &[], 100);
    assert_eq!(averages(&buckets), [None, None, Some(4.0), Some(4.0)]);
}

#[test]
fn an_uncertain_value_is_used_and_marked() {
    let uncertain = sample(5, 6.0, Quality::UNCERTAIN_SENSOR_NOT_ACCURATE);
    let buckets = trend(None, &[good(1, 4.0), uncertain, good(9, 8.0)], &[], 100);
    assert_eq!(buckets[0].average, Some(6.0));
    assert_eq!(buckets[0].quality, Quality::UNCERTAIN_SENSOR_NOT_ACCURATE);
    assert_eq!(buckets[1].quality, Quality::GOOD);
}

#[test]
fn nothing_is_held_into_the_future() {
    let buckets = trend(None, &[good(5, 4.0)], &[], 20);
    assert_eq!(averages(&buckets), [Some(4.0), Some(4.0), Some(4.0), None]);
}

#[test]
fn nothing_is_held_through_a_downtime() {
    let waiting = TagChange { value: None, ..sample(31, 0.0, Quality::BAD_WAITING_FOR_INITIAL_DATA) };
    let buckets = trend(Some(good(-1, 4.0)), &[waiting, good(33, 5.0)], &[at(8)..at(31)], 100);
    assert_eq!(averages(&buckets), [Some(4.0), None, None, Some(5.0)]);
    assert_eq!(buckets[1].quality, Quality::BAD_OUT_OF_SERVICE);
}

#[test]
fn a_downtime_before_the_last_sample_has_no_effect() {
    let buckets = trend(Some(good(-1, 4.0)), &[], &[at(-30)..at(-20)], 100);
    assert_eq!(averages(&buckets), [Some(4.0); 4]);
    let since_long = trend(Some(good(-40, 4.0)), &[], &[at(-30)..at(-20)], 100);
    assert_eq!(averages(&since_long), [None; 4]);
}

#[test]
fn late_samples_count_where_they_belong() {
    let in_order = [good(1, 1.0), good(2, 2.0), good(11, 3.0), bad(12), good(21, 5.0)];
    let mut late = in_order.clone();
    late.reverse();
    assert_eq!(trend(None, &late, &[], 100), trend(None, &in_order, &[], 100));
}

#[test]
fn of_two_samples_of_one_time_the_one_of_the_larger_sequence_number_is_the_last() {
    let (early, late) = (TagChange { seq: 1, ..good(5, 1.0) }, TagChange { seq: 2, ..good(5, 2.0) });
    let buckets = trend(None, &[late, early], &[], 100);
    assert_eq!((buckets[0].first, buckets[0].last), (Some(1.0), Some(2.0)));
}

#[test]
fn integers_and_booleans_are_numbers_and_text_is_an_error() {
    let of = |value| TagChange { value: Some(value), ..good(5, 0.0) };
    assert_eq!(trend(None, &[of(Value::Integer(3))], &[], 100)[0].average, Some(3.0));
    assert_eq!(trend(None, &[of(Value::Boolean(true))], &[], 100)[0].max, Some(1.0));
    let grid = Grid::new(at(0), at(40), 4).unwrap();
    let builder = TrendBuilder::new(grid, TagSet::new(vec![TAG])).unwrap();
    let text = of(Value::from("auto"));
    assert_eq!(builder.finish(&[Some(text)], &[], at(50)), Err(HistoryError::Text { tag: TAG }));
}

#[test]
fn a_grid_that_makes_no_sense_is_refused() {
    assert_eq!(Grid::new(at(0), at(1), 0), Err(HistoryError::BucketCount(0)));
    assert_eq!(Grid::new(at(0), at(1), 10_001), Err(HistoryError::BucketCount(10_001)));
    assert_eq!(Grid::new(at(1), at(1), 1), Err(HistoryError::Range { from: at(1), to: at(1) }));
    let short = Timestamp::from_micros(9);
    let from = Timestamp::from_micros(0);
    assert_eq!(Grid::new(from, short, 10), Err(HistoryError::Range { from, to: short }));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_time_of_a_grid_lies_between_two_starts(
        from in any::<i64>(), span in prop_oneof![1..100_000_u64, any::<u64>()], n in 1..MAX_BUCKETS, part in 0.0..1.0_f64
    ) {
        let from = Timestamp::from_micros(from);
        let Some(to) = from.as_micros().checked_add_unsigned(span) else { return Ok(()) };
        let Ok(grid) = Grid::new(from, Timestamp::from_micros(to), n) else { return Ok(()) };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "any time in the range does")]
        let offset = ((span as f64 * part) as u64).min(span - 1);
        let time = Timestamp::from_micros(from.as_micros().wrapping_add_unsigned(offset));
        let bucket = grid.bucket_of(time).unwrap();
        prop_assert!(grid.start(bucket) <= time && time < grid.start(bucket + 1));
        prop_assert_eq!((grid.start(0), grid.start(n)), (from, Timestamp::from_micros(to)));
        prop_assert_eq!(grid.bucket_of(grid.start(n)), None);
    }
}

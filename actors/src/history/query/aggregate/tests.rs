use super::super::source_tests::{Memory, at, bad, good};
use super::*;
use std::ops::Range;

const TAG: TagId = TagId(7);

fn question(aggregates: &[Aggregate]) -> ReadAggregates {
    ReadAggregates {
        tags: vec![TAG],
        from: at(0),
        to: at(40),
        interval: Some(Duration::from_secs(10)),
        aggregates: aggregates.to_vec(),
        config: AggregateConfig { stepped: true, ..AggregateConfig::default() },
    }
}

fn ask(question: &ReadAggregates, samples: &[Sample], downtimes: &[Range<Timestamp>], now: i64) -> Vec<AggregateValue> {
    let mut memory = Memory::of([(TAG, samples.to_vec())]);
    memory.downtimes = downtimes.to_vec();
    question.check().unwrap();
    let answer = question.run(&mut memory, at(now), &Cancel::default()).unwrap();
    answer.series.into_iter().next().unwrap().values.remove(0)
}

fn numbers(values: &[AggregateValue]) -> Vec<Option<f64>> {
    values.iter().map(|value| value.value.as_ref().and_then(Value::as_f64)).collect()
}

fn severities(values: &[AggregateValue]) -> Vec<&'static str> {
    values.iter().map(|value| value.quality.severity().as_str()).collect()
}

#[test]
fn a_value_holds_until_now_and_is_data_until_then() {
    let question = question(&[Aggregate::TimeAverage2]);
    let values = ask(&question, &[good(-3, 10.0), good(5, 20.0)], &[], 1_000);
    assert_eq!(numbers(&values), [Some(15.0), Some(20.0), Some(20.0), Some(20.0)]);
    assert_eq!(severities(&values), ["good"; 4]);
    let values = ask(&question, &[good(-3, 10.0), good(5, 20.0)], &[], 25);
    assert_eq!(numbers(&values), [Some(15.0), Some(20.0), Some(20.0), None]);
    let partial = |value: &AggregateValue| value.quality.status_code() & 0x0404 == 0x0404;
    assert_eq!(values.iter().map(partial).collect::<Vec<_>>(), [false, false, true, false]);
    assert_eq!(values[3].quality, Quality::BAD_NO_DATA);
}

#[test]
fn a_downtime_is_a_bad_sample_that_is_not_counted() {
    let samples = [good(-3, 10.0), good(22, 20.0)];
    let good_time = ask(&question(&[Aggregate::DurationGood]), &samples, &[at(5)..at(21)], 1_000);
    assert_eq!(numbers(&good_time), [Some(5_000.0), Some(0.0), Some(8_000.0), Some(10_000.0)]);
    let count = ask(&question(&[Aggregate::Count]), &samples, &[at(5)..at(21)], 1_000);
    assert_eq!(numbers(&count), [Some(0.0), Some(0.0), Some(1.0), Some(0.0)]);
    let average = ask(&question(&[Aggregate::TimeAverage2]), &samples, &[at(5)..at(21)], 1_000);
    assert_eq!(numbers(&average), [Some(10.0), None, Some(20.0), Some(20.0)]);
    assert_eq!(severities(&average), ["uncertain", "bad", "uncertain", "good"]);
}

#[test]
fn interpolated_bounds_reach_past_bad_samples_on_both_sides() {
    let sloped = ReadAggregates { config: AggregateConfig::default(), ..question(&[Aggregate::TimeAverage]) };
    let values = ask(&sloped, &[good(-20, 0.0), bad(-10), bad(-5), bad(30), bad(50), good(60, 80.0)], &[], 1_000);
    assert_eq!(numbers(&values), [Some(25.0), Some(35.0), Some(45.0), Some(55.0)]);
    assert_eq!(severities(&values), ["uncertain"; 4]);
}

#[test]
fn one_interval_covers_the_range_where_no_length_is_given() {
    let all = ReadAggregates { interval: None, ..question(&[Aggregate::Maximum]) };
    let values = ask(&all, &[good(1, 3_i64), good(39, 8_i64), good(40, 9_i64)], &[], 1_000);
    assert_eq!((numbers(&values), values[0].time), (vec![Some(8.0)], at(0)));
}

#[test]
fn an_uncertain_value_beyond_the_extreme_casts_doubt_on_it() {
    let uncertain = |seconds, value| Sample { quality: Quality::UNCERTAIN, ..good(seconds, value) };
    let samples =
        [good(1, 5.0), uncertain(2, 9.0), good(11, 5.0), uncertain(12, 1.0), good(21, 5.0), uncertain(22, 5.0)];
    let config = AggregateConfig { treat_uncertain_as_bad: false, ..AggregateConfig::default() };
    let of = |aggregate| {
        severities(&ask(&ReadAggregates { config, ..question(&[aggregate]) }, &samples, &[], 30))[..3].to_vec()
    };
    assert_eq!(of(Aggregate::Maximum), ["uncertain", "good", "good"]);
    assert_eq!(of(Aggregate::Minimum), ["good", "uncertain", "good"]);
    assert_eq!(of(Aggregate::Range), ["uncertain", "uncertain", "good"]);
}

#[test]
fn the_same_extreme_at_two_times_is_told() {
    let values =
        ask(&question(&[Aggregate::MinimumActualTime]), &[good(3, 2.0), good(6, 7.0), good(8, 2.0)], &[], 1_000);
    assert_eq!((values[0].time, values[0].value.clone()), (at(3), Some(Value::Float(2.0))));
    assert_eq!(values[0].quality.status_code() & 0x10, 0x10);
}

#[test]
fn texts_have_a_start_and_a_count_but_no_average() {
    let samples = [good(-1, "manual"), good(3, "auto")];
    let bounds = ask(&question(&[Aggregate::StartBound]), &samples, &[], 1_000);
    let values: Vec<_> = bounds.into_iter().map(|value| value.value).collect();
    let (manual, auto) = (Some(Value::from("manual")), Some(Value::from("auto")));
    assert_eq!(values, [manual, auto.clone(), auto.clone(), auto.clone()]);
    assert_eq!(ask(&question(&[Aggregate::Start]), &samples, &[], 1_000)[0].value, auto);
    let mut memory = Memory::of([(TAG, samples.to_vec())]);
    let outcome = question(&[Aggregate::Count, Aggregate::Average]).run(&mut memory, at(50), &Cancel::default());
    assert!(matches!(outcome, Err(Failure::Question(HistoryError::Text { tag: TAG }))), "{outcome:?}");
}

#[test]
fn a_tag_without_data_has_none_in_any_aggregate() {
    let mut memory = Memory::default();
    let question = question(Aggregate::ALL);
    let answer = question.run(&mut memory, at(1_000), &Cancel::default()).unwrap();
    assert_eq!(answer.starts, [0, 10, 20, 30].map(at));
    assert_eq!(answer.series[0].values.len(), Aggregate::ALL.len());
    for value in answer.series[0].values.iter().flatten() {
        assert_eq!((&value.value, value.quality), (&None, Quality::BAD_NO_DATA));
    }
}

#[test]
fn a_question_that_makes_no_sense_is_refused() {
    let fine = question(&[Aggregate::Average]);
    assert_eq!(fine.check(), Ok(()));
    let refused = |change: fn(&mut ReadAggregates)| {
        let mut question = question(&[Aggregate::Average]);
        change(&mut question);
        question.check().unwrap_err()
    };
    assert_eq!(refused(|question| question.aggregates.clear()), HistoryError::AggregateCount);
    assert_eq!(refused(|question| question.aggregates.push(Aggregate::Average)), HistoryError::AggregateCount);
    assert_eq!(refused(|question| question.to = at(0)), HistoryError::Range { from: at(0), to: at(0) });
    assert_eq!(refused(|question| question.interval = Some(Duration::ZERO)), HistoryError::Step(Duration::ZERO));
    let fine_grained = |question: &mut ReadAggregates| question.interval = Some(Duration::from_micros(1));
    assert_eq!(refused(fine_grained), HistoryError::BucketCount(40_000_000));
    let percent = |question: &mut ReadAggregates| question.config.percent_data_good = 0;
    assert_eq!(question(&[Aggregate::Average]).config.percent_data_bad, 100);
    let mut allowed = fine.clone();
    percent(&mut allowed);
    assert_eq!(allowed.check(), Ok(()));
    assert_eq!(
        refused(|question| {
            (question.config.percent_data_good, question.config.percent_data_bad) = (40, 59);
        }),
        HistoryError::Percent { good: 40, bad: 59 }
    );
}

#[test]
fn every_aggregate_has_a_name_of_its_own() {
    for &aggregate in Aggregate::ALL {
        assert_eq!(Aggregate::parse(aggregate.as_str()), Some(aggregate));
    }
    assert_eq!(Aggregate::parse("average"), None);
}

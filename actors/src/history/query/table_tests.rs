use super::super::source_tests::{Memory, at, bad, good};
use super::super::{DOWN, UNKNOWN};
use super::*;
use crate::history::sample::Sample;
use proptest::prelude::*;
use std::ops::Range;

const TAG: TagId = TagId(7);

fn question(rows: usize, interpolation: Interpolation) -> ReadTable {
    ReadTable { tags: vec![TAG], from: at(0), to: at(50), step: Duration::from_secs(10), rows, interpolation }
}

fn ask(samples: &[Sample], downtimes: &[Range<Timestamp>], interpolation: Interpolation, now: i64) -> Vec<Cell> {
    let mut memory = Memory::of([(TAG, samples.to_vec())]);
    memory.downtimes = downtimes.to_vec();
    let question = question(100, interpolation);
    question.check().unwrap();
    let table = question.run(&mut memory, at(now), &Cancel::default()).unwrap();
    assert_eq!(table.times, [0, 10, 20, 30, 40].map(at));
    assert_eq!(table.next, None);
    table.columns.into_iter().next().unwrap().cells
}

fn numbers(cells: &[Cell]) -> Vec<Option<f64>> {
    cells.iter().map(|cell| cell.value.as_ref().and_then(Value::as_f64)).collect()
}

#[test]
fn a_cell_holds_the_last_value_up_to_its_time() {
    let samples = [good(-3, 1.0), good(9, 2.0), good(10, 3.0), good(10, 4.0), good(11, 5.0), bad(25), good(40, 6.0)];
    let cells = ask(&samples, &[], Interpolation::Hold, 100);
    assert_eq!(numbers(&cells), [Some(1.0), Some(4.0), Some(5.0), None, Some(6.0)]);
    assert_eq!(cells[3].quality, Quality::BAD_NO_COMMUNICATION);
}

#[test]
fn nothing_is_known_before_the_first_value_while_the_plant_is_down_and_in_the_future() {
    let cells = ask(&[good(5, 1.0), good(24, 2.0)], &[at(8)..at(22)], Interpolation::Linear, 35);
    assert_eq!(numbers(&cells), [None, None, None, Some(2.0), None]);
    let qualities: Vec<_> = cells.iter().map(|cell| cell.quality).collect();
    assert_eq!(qualities[..3], [UNKNOWN, DOWN, DOWN]);
    assert_eq!(qualities[3..], [Quality::GOOD, UNKNOWN]);
}

#[test]
fn between_two_numbers_a_linear_cell_is_on_the_line() {
    let uncertain = Sample { quality: Quality::UNCERTAIN, ..good(25, 40_i64) };
    let cells = ask(&[good(-10, 0.0), good(10, 20.0), uncertain, good(60, 110.0)], &[], Interpolation::Linear, 100);
    let expected = [10.0, 20.0, 20.0 + 20.0 * 10.0 / 15.0, 40.0 + 70.0 * 5.0 / 35.0, 40.0 + 70.0 * 15.0 / 35.0];
    for (cell, expected) in numbers(&cells).into_iter().zip(expected) {
        assert!((cell.unwrap() - expected).abs() < 1e-9, "{cell:?} {expected}");
    }
    let qualities: Vec<_> = cells.iter().map(|cell| cell.quality.is_good()).collect();
    assert_eq!(qualities, [true, true, false, false, false]);
}

#[test]
fn what_is_no_number_or_has_a_bad_neighbour_is_held() {
    for interpolation in [Interpolation::Hold, Interpolation::Linear] {
        let cells = ask(&[good(-1, "auto"), good(15, true), good(25, 1_i64), bad(38)], &[], interpolation, 100);
        let values: Vec<_> = cells.into_iter().map(|cell| cell.value).collect();
        let (text, yes, one) = (Some(Value::from("auto")), Some(Value::Boolean(true)), Some(Value::Integer(1)));
        assert_eq!(values, [text.clone(), text, yes, one, None]);
    }
}

#[test]
fn pages_follow_each_other_on_one_grid() {
    let mut memory = Memory::of([(TAG, (0..50).map(|second| good(second, second)).collect())]);
    let mut question = question(2, Interpolation::Hold);
    let mut times = Vec::new();
    loop {
        let table = question.run(&mut memory, at(100), &Cancel::default()).unwrap();
        assert!(table.times.len() <= 2);
        for (time, cell) in table.times.iter().zip(&table.columns[0].cells) {
            assert_eq!(cell.value, Some(Value::Integer(time.as_micros() / 1_000_000)));
        }
        times.extend(table.times);
        let Some(next) = table.next else { break };
        question.from = next;
    }
    assert_eq!(times, [0, 10, 20, 30, 40].map(at));
}

#[test]
fn samples_between_rows_far_apart_are_not_read() {
    let mut memory = Memory::of([(TAG, (0..100_000).map(|second| good(second, second)).collect())]);
    memory.page = 100;
    for interpolation in [Interpolation::Hold, Interpolation::Linear] {
        memory.rows = 0;
        let step = Duration::from_secs(10_000);
        let question = ReadTable { to: at(100_000), step, ..question(10, interpolation) };
        let table = question.run(&mut memory, at(200_000), &Cancel::default()).unwrap();
        assert_eq!(table.columns[0].cells[9].value, Some(Value::Integer(90_000)));
        assert!(memory.rows < 5_000, "{} rows were read", memory.rows);
    }
}

#[test]
fn a_table_that_makes_no_sense_is_refused() {
    let fine = question(10, Interpolation::Hold);
    assert_eq!(fine.check(), Ok(()));
    assert_eq!(ReadTable { rows: 0, ..fine.clone() }.check(), Err(HistoryError::BucketCount(0)));
    let step = Duration::from_nanos(999);
    assert_eq!(ReadTable { step, ..fine.clone() }.check(), Err(HistoryError::Step(step)));
    assert_eq!(
        ReadTable { from: at(50), ..fine.clone() }.check(),
        Err(HistoryError::Range { from: at(50), to: at(50) })
    );
    let tags = (0..100).map(TagId).collect();
    let wide = ReadTable { tags, rows: 2_001, ..fine };
    assert_eq!(wide.check(), Err(HistoryError::CellCount { width: 100, height: 2_001 }));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_cell_is_what_a_search_finds(
        mut times in prop::collection::vec(-30..130_i64, 0..40), (step, page, now) in (1..40_u64, 1..9_usize, -10..140_i64),
    ) {
        times.sort_unstable();
        let sample = |(index, &time): (usize, &i64)| Sample {
            time: Timestamp::from_micros(time),
            value: Some(Value::Integer(i64::try_from(index).unwrap())),
            quality: Quality::GOOD,
        };
        let samples: Vec<Sample> = times.iter().enumerate().map(sample).collect();
        let mut memory = Memory::of([(TAG, samples.clone())]);
        memory.page = page;
        let question = ReadTable {
            from: Timestamp::from_micros(0),
            to: Timestamp::from_micros(100),
            step: Duration::from_micros(step),
            ..question(100, Interpolation::Hold)
        };
        let table = question.run(&mut memory, Timestamp::from_micros(now), &Cancel::default()).unwrap();
        prop_assert_eq!(table.times.len(), 100_usize.div_ceil(usize::try_from(step).unwrap()));
        let last = samples.iter().filter(|sample| sample.time <= *table.times.last().unwrap()).count();
        for (&time, cell) in table.times.iter().zip(&table.columns[0].cells) {
            let found = samples.iter().take(last).rposition(|sample| sample.time <= time);
            let expected = found.filter(|_| time.as_micros() <= now).map(|index| Value::Integer(i64::try_from(index).unwrap()));
            prop_assert_eq!(&cell.value, &expected, "{}", time);
        }
    }
}

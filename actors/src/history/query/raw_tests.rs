use super::super::source_tests::{Memory, at, good};
use super::*;
use flyball_schema::{Quality, Value};
use proptest::prelude::*;

const TAGS: [TagId; 3] = [TagId(9), TagId(1), TagId(2)];

fn sample(time: i64, mark: i64) -> Sample {
    Sample { time: Timestamp::from_micros(time), value: Some(Value::Integer(mark)), quality: Quality::GOOD }
}

fn question(limit: usize) -> ReadRaw {
    ReadRaw { tags: TAGS.to_vec(), from: Timestamp::MIN, to: Timestamp::MAX, limit, after: None }
}

fn ask(memory: &mut Memory, question: &ReadRaw) -> RawPage {
    question.check().unwrap();
    question.run(memory, at(0), &Cancel::default()).unwrap()
}

fn marks(series: &RawSeries) -> Vec<i64> {
    let mark = |sample: &Sample| match sample.value {
        Some(Value::Integer(mark)) => mark,
        _ => panic!("{sample:?}"),
    };
    series.samples.iter().map(mark).collect()
}

#[test]
fn samples_come_in_order_behind_the_one_before_the_range() {
    let samples = vec![good(1, 10_i64), good(5, 11_i64), good(30, 12_i64), good(30, 13_i64), good(40, 14_i64)];
    let mut memory = Memory::of([(TAGS[0], samples), (TAGS[1], vec![good(10, 20_i64)])]);
    let question = ReadRaw { from: at(6), to: at(40), ..question(100) };
    let page = ask(&mut memory, &question);
    assert_eq!(page.series.iter().map(|series| series.tag).collect::<Vec<_>>(), TAGS);
    assert_eq!(page.series.iter().map(marks).collect::<Vec<_>>(), [vec![11, 12, 13], vec![20], vec![]]);
    assert_eq!(page.next, None);
}

#[test]
fn past_the_limit_every_series_ends_at_the_same_time() {
    let every = |tag: i64| (0..5_000).map(|step| sample(2 * step + tag, step)).collect();
    let mut memory = Memory::of([(TAGS[0], every(0)), (TAGS[1], every(1)), (TAGS[2], vec![sample(0, 7)])]);
    memory.page = 64;
    let page = ask(&mut memory, &question(1_000));
    let ends: Vec<_> = page.series.iter().map(|series| series.samples.last().unwrap().time.as_micros()).collect();
    assert_eq!(ends, [998, 997, 0]);
    assert_eq!(page.series.iter().map(|series| series.samples.len()).sum::<usize>(), 1_000);
    assert_eq!(page.next, Some(Cursor { time: Timestamp::from_micros(998), given: vec![1, 0, 0] }));
    assert!(memory.rows < 2_100, "{} rows were read", memory.rows);
}

#[test]
fn a_full_page_with_nothing_behind_it_is_the_last() {
    let mut memory = Memory::of([(TAGS[0], vec![sample(1, 1), sample(2, 2)]), (TAGS[1], vec![sample(2, 3)])]);
    assert_eq!(ask(&mut memory, &question(3)).next, None);
    assert!(ask(&mut memory, &question(2)).next.is_some());
}

#[test]
fn a_question_that_makes_no_sense_is_refused() {
    let fine = question(1);
    assert_eq!(question(0).check(), Err(HistoryError::SampleCount(0)));
    assert_eq!(question(1_000_001).check(), Err(HistoryError::SampleCount(1_000_001)));
    let range = ReadRaw { from: at(1), to: at(1), ..fine.clone() };
    assert_eq!(range.check(), Err(HistoryError::Range { from: at(1), to: at(1) }));
    for after in [Cursor { time: at(0), given: vec![1, 2] }, Cursor { time: at(9), given: vec![1, 2, 3] }] {
        let other = ReadRaw { from: at(0), to: at(9), after: Some(after), ..fine.clone() };
        assert_eq!(other.check(), Err(HistoryError::Cursor));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pages_have_every_sample_once_in_order_while_more_are_appended(
        samples in prop::collection::vec((0..3_usize, 0..12_i64), 0..60),
        late in prop::collection::vec((0..3_usize, 0..12_i64), 0..20),
        (limit, page) in (1..20_usize, 1..6_usize),
    ) {
        let mut memory = Memory { page, ..Memory::default() };
        for (mark, &(tag, time)) in samples.iter().enumerate() {
            memory.insert(TAGS[tag], sample(time, i64::try_from(mark).unwrap()));
        }
        let (mut late, mut mark) = (late.into_iter(), 1_000);
        let mut question = question(limit);
        let mut seen: Vec<Vec<(i64, i64)>> = vec![Vec::new(); 3];
        loop {
            let page = ask(&mut memory, &question);
            let count: usize = page.series.iter().map(|series| series.samples.len()).sum();
            prop_assert!(count <= limit);
            for (seen, series) in seen.iter_mut().zip(&page.series) {
                seen.extend(series.samples.iter().map(|sample| sample.time.as_micros()).zip(marks(series)));
            }
            let Some(cursor) = page.next else { break };
            prop_assert_eq!(count, limit);
            // Samples come that are not older than what was given.
            for (tag, time) in late.by_ref().filter(|&(_, time)| time >= cursor.time.as_micros()).take(2) {
                memory.insert(TAGS[tag], sample(time, mark));
                mark += 1;
            }
            question.after = Some(cursor);
        }
        for (tag, seen) in TAGS.iter().zip(seen) {
            let block = memory.series.get(tag).cloned().unwrap_or_default();
            let samples = (0..block.len()).map(|row| block.sample(row)).collect();
            let all = marks(&RawSeries { tag: *tag, samples });
            prop_assert_eq!(seen, block.times.into_iter().zip(all).collect::<Vec<_>>());
        }
    }
}

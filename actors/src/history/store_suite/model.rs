//! Any history, held against a list.

use super::*;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::collections::BTreeMap;

/// Something that happens to a store.
#[derive(Debug, Clone)]
enum Event {
    Store(Vec<(u32, Vec<Sample>)>),
    /// Stored, but its answer was lost.
    StoreTwice(u32, Vec<Sample>),
    Import(u32, Vec<Sample>),
    Reopen,
    Upkeep,
    Read(u32, i64, i64),
    LastBefore(u32, i64),
}

fn times() -> impl Strategy<Value = i64> {
    prop_oneof![
        6 => (0..40_i64).prop_map(|tick| DAY_0 + tick),
        3 => (-40..40_i64).prop_map(|days| DAY_0 + days * (DAY / 4)),
        1 => prop_oneof![-3_i64..3, 7_258_118_399_999_998_i64..7_258_118_400_000_002, any::<i64>()]
            .prop_map(|time: i64| time.min(i64::MAX - 1)),
    ]
}

fn samples(most: usize) -> impl Strategy<Value = Vec<Sample>> {
    let value = prop_oneof![
        4 => any::<f64>().prop_map(|value| Some(Value::Float(value))),
        2 => any::<i64>().prop_map(|value| Some(Value::Integer(value))),
        1 => any::<bool>().prop_map(|value| Some(Value::Boolean(value))),
        1 => "[a\0\u{1A}é]{0,4}".prop_map(|text| Some(Value::Text(text.into()))),
        1 => Just(None),
    ];
    let sample = (times(), value, any::<u32>()).prop_map(|(time, value, code)| Sample {
        time: Timestamp::from_micros(time),
        value,
        quality: Quality::from_status_code(code),
    });
    prop::collection::vec(sample, 0..most)
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let tag = 0..4_u32;
    let event = prop_oneof![
        6 => prop::collection::btree_map(tag.clone(), samples(30), 0..4)
            .prop_map(|series| Event::Store(series.into_iter().collect())),
        1 => (tag.clone(), samples(10)).prop_map(|(tag, samples)| Event::StoreTwice(tag, samples)),
        1 => (tag.clone(), samples(20)).prop_map(|(tag, samples)| Event::Import(tag, samples)),
        1 => Just(Event::Reopen),
        1 => Just(Event::Upkeep),
        2 => (tag.clone(), times(), times()).prop_map(|(tag, from, to)| Event::Read(tag, from.min(to), from.max(to))),
        2 => (tag, times()).prop_map(|(tag, before)| Event::LastBefore(tag, before)),
    ];
    prop::collection::vec(event, 1..25)
}

/// What the store should have, by tag and time.
#[derive(Default)]
struct Model(BTreeMap<u32, Vec<Sample>>);

impl Model {
    fn add(&mut self, tag: u32, samples: &[Sample]) {
        let all = self.0.entry(tag).or_default();
        all.extend_from_slice(samples);
        all.sort_by_key(|sample| sample.time);
    }

    fn read(&self, tag: u32, range: Range<i64>) -> Vec<Sample> {
        let all = self.0.get(&tag).map_or(&[][..], Vec::as_slice);
        all.iter().filter(|sample| range.contains(&sample.time.as_micros())).cloned().collect()
    }
}

pub(crate) fn any_history_comes_back_as_it_was_told(store: &TestStore) {
    let mut runner = TestRunner::new(Config { cases: 40, failure_persistence: None, ..Config::default() });
    // Every case has tags of its own, so that one store serves them all.
    let cases = std::cell::Cell::new(0);
    let ran = runner.run(&events(), |events| {
        cases.set(cases.get() + 1);
        run(store, cases.get() * 10, &events);
        Ok(())
    });
    ran.unwrap();
}

fn run(store: &TestStore, first_tag: u32, events: &[Event]) {
    let (mut model, mut writer, mut reader) = (Model::default(), store.writer(), store.reader());
    let tag_id = |tag: u32| TagId(first_tag + tag);
    let mut position = writer.position(JOURNAL).unwrap();
    for event in events {
        match event {
            Event::Store(series) => {
                let blocks = series.iter().map(|(tag, samples)| (tag_id(*tag), samples.iter().cloned().collect()));
                let batch = batch(position, blocks.collect());
                writer.store(&batch).unwrap();
                position = batch.upto;
                series.iter().for_each(|(tag, samples)| model.add(*tag, samples));
            }
            Event::StoreTwice(tag, samples) => {
                let one = Batch {
                    upto: position + 1,
                    ..batch(position, vec![(tag_id(*tag), samples.iter().cloned().collect())])
                };
                writer.store(&one).unwrap();
                assert!(writer.store(&one).is_err());
                position += 1;
                model.add(*tag, samples);
            }
            Event::Import(tag, samples) => {
                let mut block: Block = samples.iter().cloned().collect();
                block.sort();
                writer.import(&[(tag_id(*tag), block)]).unwrap();
                model.add(*tag, samples);
            }
            Event::Reopen => {
                drop(writer);
                writer = store.writer();
                reader = store.reader();
            }
            Event::Upkeep => assert_eq!(keep_up(&mut *writer, &Retention::default(), DAY_0), 0),
            Event::Read(tag, from, to) => {
                assert_eq!(reader.begin(JOURNAL).unwrap(), position);
                let got = read(&mut *reader, tag_id(*tag), *from..*to);
                assert_eq!(all_bits(&got), all_bits(&model.read(*tag, *from..*to)));
                reader.end();
            }
            Event::LastBefore(tag, before) => {
                let last =
                    reader.last_before(tag_id(*tag), Timestamp::from_micros(*before), &Cancel::default()).unwrap();
                let expected = model.read(*tag, i64::MIN..*before).pop();
                assert_eq!(last.as_ref().map(bits), expected.as_ref().map(bits));
            }
        }
    }
    assert_eq!(writer.position(JOURNAL).unwrap(), position);
    for tag in 0..4 {
        let got = read(&mut *reader, tag_id(tag), i64::MIN..i64::MAX);
        assert_eq!(all_bits(&got), all_bits(&model.read(tag, i64::MIN..i64::MAX)));
    }
}

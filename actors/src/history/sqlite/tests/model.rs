//! Against a list of all samples.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;

/// What is done to the store.
#[derive(Debug, Clone)]
enum Step {
    /// Samples of some tags: time relative to the newest, kind of value.
    Store(Vec<(u32, i64, u8)>),
    Import(Vec<(u32, i64, u8)>),
    Upkeep(usize),
    Reopen,
    /// Kept spans of the default and of tag 1.
    Retire(u64, u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let near = || prop::collection::vec((0..3_u32, -6..12_i64, 0..12_u8), 0..14);
    let burst = prop::collection::vec((0..2_u32, 0..2_i64, 0..1_u8), 30..80);
    let backlog = prop::collection::vec((0..2_u32, -400..0_i64, 0..2_u8), 10..60);
    let step = prop_oneof![
        10 => near().prop_map(Step::Store),
        1 => burst.prop_map(Step::Store),
        1 => backlog.clone().prop_map(Step::Store),
        1 => backlog.prop_map(Step::Import),
        4 => (1..6_usize).prop_map(Step::Upkeep),
        1 => Just(Step::Reopen),
        1 => (50..400_u64, 50..400_u64).prop_map(|(default, own)| Step::Retire(default, own)),
    ];
    prop::collection::vec(step, 1..60)
}

fn value(kind: u8, number: i64) -> Option<Value> {
    match kind {
        9 => Some(Value::from(format!("text {number}").as_str())),
        10 => None,
        11 => Some(Value::Boolean(number % 2 == 0)),
        8 => Some(Value::Integer(number)),
        _ => Some(Value::Float(number as f64)),
    }
}

/// Every sample of every tag, by time and arrival.
#[derive(Default)]
struct Model {
    tags: BTreeMap<u32, Vec<Sample>>,
    newest: i64,
    number: i64,
}

impl Model {
    /// The samples that are drawn, by tag.
    fn draw(&mut self, draws: &[(u32, i64, u8)], by_time: bool) -> Vec<(u32, Block)> {
        let mut series: BTreeMap<u32, Block> = BTreeMap::new();
        for &(tag, offset, kind) in draws {
            self.number += 1;
            let quality = if self.number % 17 == 0 { Quality::BAD } else { Quality::GOOD };
            let time = micros(self.newest + offset);
            series.entry(tag).or_default().push(Sample { time, value: value(kind, self.number), quality });
        }
        for (tag, block) in &mut series {
            if by_time {
                block.sort();
            }
            let all = self.tags.entry(*tag).or_default();
            all.extend((0..block.len()).map(|row| block.sample(row)));
            all.sort_by_key(|sample| sample.time);
            self.newest = self.newest.max(*block.times.iter().max().unwrap());
        }
        series.into_iter().collect()
    }

    fn samples(&self, tag: u32) -> &[Sample] {
        self.tags.get(&tag).map_or(&[], Vec::as_slice)
    }
}

fn check(store: &Store, model: &Model, ranges: &[(i64, i64)]) -> Result<(), TestCaseError> {
    store.assert_chunks_do_not_overlap();
    let mut reader = store.reader();
    prop_assert_eq!(reader.begin(JOURNAL).unwrap(), store.seq);
    for tag in 0..3 {
        let all = model.samples(tag);
        prop_assert_eq!(&read(&mut *reader, tag, ALL), all);
        for &(from, width) in ranges {
            let range = micros(from)..micros(from + width);
            let inside: Vec<_> = all.iter().filter(|sample| range.contains(&sample.time)).cloned().collect();
            prop_assert_eq!(&read(&mut *reader, tag, range.clone()), &inside);
            let before = all.iter().rfind(|sample| sample.time < range.start);
            let found = reader.last_before(TagId(tag), range.start, &Cancel::default()).unwrap();
            prop_assert_eq!(found.as_ref(), before);
            let (mut found, mut expected) = (Buckets::new(37), Buckets::new(37));
            reader.read(TagId(tag), range, &Cancel::default(), &mut found).unwrap();
            let inside: Block = inside.into_iter().collect();
            let _wanted = expected.block(&inside, 0..inside.len());
            prop_assert_eq!(found.found, expected.found);
        }
    }
    prop_assert_eq!(reader.damaged(), 0);
    Ok(())
}

/// Takes what the store has dropped out of the model: only what is past its retention, and in whole from the start.
fn forget(store: &Store, model: &mut Model, dropped: u64, cut_off: impl Fn(u32) -> i64) {
    let mut missing = 0;
    for (&tag, all) in &mut model.tags {
        let kept = store.read(tag, ALL);
        let gone = all.len() - kept.len();
        // What came late stays where its chunk is gone: so it need not be the first.
        let old = all.iter().filter(|sample| sample.time.as_micros() < cut_off(tag)).count();
        assert!(gone <= old, "{gone} samples are gone, {old} are old enough");
        assert_eq!(kept[kept.len() - (all.len() - old)..], all[old..], "what is not old enough is kept");
        missing += gone as u64;
        *all = kept;
    }
    assert_eq!(missing, dropped);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn reading_agrees_with_a_list_of_all_samples(
        steps in steps(),
        ranges in prop::collection::vec((-300..900_i64, 0..300_i64), 6),
    ) {
        let mut store = Store::new(SMALL);
        let mut model = Model::default();
        for (index, step) in steps.iter().enumerate() {
            match step {
                Step::Store(draws) => {
                    let series = model.draw(draws, false);
                    store.store(&series);
                }
                Step::Import(draws) => {
                    let series = model.draw(draws, true);
                    let series: Vec<_> = series.into_iter().map(|(tag, block)| (TagId(tag), block)).collect();
                    store.writer.import(&series).unwrap();
                }
                Step::Upkeep(count) => {
                    for _ in 0..*count {
                        let _step = store.writer.upkeep(&Retention::default(), micros(0)).unwrap();
                    }
                }
                Step::Reopen => store.reopen(),
                Step::Retire(default, own) => {
                    let by_tag = [(TagId(1), Some(Duration::from_micros(*own)))].into();
                    let default_span = Some(Duration::from_micros(*default));
                    let retention = Retention { default: default_span, by_tag, max_bytes: None };
                    // A writer that is opened begins a pass at once.
                    store.reopen();
                    let dropped = store.keep_up(&retention, model.newest);
                    let newest = model.newest;
                    let cut_off = |tag| newest - if tag == 1 { *own } else { *default }.cast_signed();
                    forget(&store, &mut model, dropped, cut_off);
                }
            }
            if index % 8 == 0 {
                check(&store, &model, &ranges[..1])?;
            }
        }
        check(&store, &model, &ranges)?;
        store.keep_up(&Retention::default(), 0);
        check(&store, &model, &ranges)?;
    }
}

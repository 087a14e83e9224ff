//! Merging, dropping, giving back.

use super::*;
use std::time::Duration;

/// Everything is kept.
fn for_ever() -> Retention {
    Retention::default()
}

fn keep(default: Option<u64>) -> Retention {
    Retention { default: default.map(Duration::from_micros), ..Retention::default() }
}

impl Retention {
    fn with(mut self, tag: u32, kept: Option<u64>) -> Self {
        self.by_tag.insert(TagId(tag), kept.map(Duration::from_micros));
        self
    }
}

#[test]
fn small_chunks_become_large_ones() {
    let mut store = Store::new(SMALL);
    for start in (0..240).step_by(2) {
        store.store(&[(1, ramp(start..start + 2)), (2, ramp([start]))]);
    }
    assert_eq!(store.count("chunk"), 240);
    store.keep_up(&for_ever(), 0);
    assert!(store.count("chunk WHERE tag_id = 1") <= 30, "8 to 16 samples each");
    assert!(store.count("generation") <= 12, "a few of each tier");
    assert_eq!(store.count("chunk WHERE generation = 0 AND 2 * n < 16"), 0, "what is settled is large");
    assert_eq!(times(&store.read(1, ALL)), (0..240).collect::<Vec<_>>());
    assert_eq!(times(&store.read(2, ALL)), (0..240).step_by(2).collect::<Vec<_>>());
    store.assert_chunks_do_not_overlap();
}

#[test]
fn upkeep_that_was_broken_off_goes_on_after_reopening() {
    let mut store = Store::new(Limits { samples_per_step: 1, ..SMALL });
    let tags: Vec<u32> = (0..20).collect();
    for start in (0..9).map(|batch| batch * 3) {
        let series: Vec<_> = tags.iter().map(|&tag| (tag, ramp(start..start + 3))).collect();
        store.store(&series);
        for _ in 0..5 {
            store.reopen();
            store.writer.upkeep(&for_ever(), micros(0)).unwrap();
        }
    }
    store.keep_up(&for_ever(), 0);
    assert_eq!(store.count("chunk WHERE generation = 0"), 60, "27 samples of each tag in three settled chunks");
    assert_eq!(store.count("chunk"), 60);
    for tag in tags {
        assert_eq!(times(&store.read(tag, ALL)), (0..27).collect::<Vec<_>>());
    }
    store.assert_chunks_do_not_overlap();
}

#[test]
fn late_samples_wait_for_their_chunks_to_be_merged() {
    let mut store = Store::new(SMALL);
    for start in (0..9).map(|batch| batch * 10) {
        store.store(&[(1, ramp([start + 8, start + 9])), (2, ramp([start]))]);
        store.store(&[(1, ramp([start + 1]))]);
        store.keep_up(&for_ever(), 0);
    }
    assert!(store.count("sample_late") <= 6);
    let expected: Vec<_> = (0..9).flat_map(|batch| [batch * 10 + 1, batch * 10 + 8, batch * 10 + 9]).collect();
    assert_eq!(times(&store.read(1, ALL)), expected);
    for start in 100..107 {
        store.store(&[(2, ramp([start]))]);
        store.keep_up(&for_ever(), 0);
    }
    assert_eq!(store.count("sample_late"), 0, "none waits for ever");
    assert_eq!(times(&store.read(1, ALL)), expected);
    store.assert_chunks_do_not_overlap();
}

#[test]
fn what_is_past_its_retention_is_dropped_in_whole_chunks() {
    let mut store = Store::new(SMALL);
    for start in (0..400).step_by(40) {
        store.store(&[1, 2, 3].map(|tag| (tag, ramp(start..start + 40))));
    }
    let downtimes = vec![micros(10)..micros(20), micros(350)..micros(360)];
    let batch = Batch { downtimes: downtimes.clone(), ..store.batch(&[]) };
    store.writer.store(&batch).unwrap();
    let retention = keep(Some(100)).with(2, Some(200)).with(3, None);
    let dropped = store.keep_up(&retention, 400);
    let kept = [1, 2, 3].map(|tag| store.read(tag, ALL));
    assert_eq!(dropped, 1_200 - kept.iter().map(|samples| samples.len() as u64).sum::<u64>());
    let [first, second, third] = kept.map(|samples| times(&samples));
    assert!((285..=300).contains(&first[0]) && first[0] + 1 == first[1], "from {}", first[0]);
    assert!((185..=200).contains(&second[0]), "from {}", second[0]);
    assert_eq!(third.len(), 400);
    assert_eq!(store.reader().downtimes(ALL).unwrap(), downtimes, "something is kept for ever");
    assert_eq!(
        store.keep_up(&keep(Some(100)), 402),
        400 - third.iter().filter(|&&time| time >= first[0]).count() as u64
            + second.iter().filter(|&&time| time < first[0]).count() as u64
    );
    assert_eq!(store.reader().downtimes(ALL).unwrap(), downtimes[1..]);
    assert_eq!(store.keep_up(&keep(Some(1)), 10_000), 3 * first.len() as u64);
    assert_eq!(store.count("chunk_data"), 0);
    store.store(&[(1, ramp([50]))]);
    assert_eq!(times(&store.read(1, ALL)), [50], "older than what was dropped, and not late");
    assert_eq!(store.count("sample_late"), 0);
}

#[test]
fn tags_with_a_retention_of_their_own_are_dropped_where_others_are_kept() {
    let mut store = Store::new(SMALL);
    store.store(&[1, 2].map(|tag| (tag, ramp(0..100))));
    assert_eq!(store.keep_up(&keep(None).with(2, Some(10)), 10_000), 100);
    assert_eq!((store.read(1, ALL).len(), store.read(2, ALL).len()), (100, 0));
}

#[test]
fn a_store_past_its_size_drops_the_oldest_of_all_tags_and_shrinks() {
    let mut store = Store::new(Limits::REAL);
    for batch in 0..40_i64 {
        let noise = |time: i64| sample(time, (time.wrapping_mul(0x9E37_79B9_7F4A_7C15_u64.cast_signed()) as f64).sin());
        let rows =
            |tag: i64| (batch * 2_000..(batch + 1) * 2_000).map(move |time| noise(time + tag)).collect::<Block>();
        store.store(&[(1, rows(1)), (2, rows(2))]);
    }
    store.keep_up(&for_ever(), 0);
    let before = store.writer.size_bytes().unwrap();
    let retention = Retention { max_bytes: Some(400_000), ..Retention::default() };
    let dropped = store.keep_up(&retention, 0);
    let kept = [1, 2].map(|tag| times(&store.read(tag, ALL)));
    assert_eq!(dropped, 160_000 - (kept[0].len() + kept[1].len()) as u64);
    for tag in &kept {
        assert_eq!(*tag.last().unwrap() - tag[0] + 1, tag.len() as i64, "the newest without a gap");
        assert!(tag.len() > 5_000, "{} samples", tag.len());
    }
    store.reopen();
    assert!(std::fs::metadata(store.historian.path()).unwrap().len() <= 450_000);
    assert!(before > 1_000_000, "{before} bytes");
}

#[test]
fn a_size_that_cannot_be_reached_ends_with_an_empty_store() {
    let mut store = Store::new(SMALL);
    store.store(&[(1, ramp(0..100))]);
    let retention = Retention { max_bytes: Some(1), ..Retention::default() };
    assert_eq!(store.keep_up(&retention, 0), 100);
    store.store(&[(1, ramp(0..10))]);
    assert_eq!(store.read(1, ALL).len(), 10);
}

//! What the table does by the clock, behind a filter, under a screen, for an expression, and while tags come and go.

#![expect(clippy::float_cmp, reason = "values are passed on, not calculated")]

use super::table::Table;
use super::{ChangeTags, CvtError, NewTag, Refusal, TagChange, Update};
use flyball_schema::definition::{DriftScreen, Filter, FrozenScreen, RangeScreen, Screens, TagDefinition};
use flyball_schema::{Quality, TagId, Timestamp, Value};
use std::time::Duration;

pub(super) const NOW: Timestamp = Timestamp::from_micros(1_000_000_000);

pub(super) fn at(seconds: f64) -> Timestamp {
    NOW + Duration::from_secs_f64(seconds)
}

pub(super) struct Rig {
    pub(super) table: Table,
    pub(super) changes: Vec<TagChange>,
}

impl Rig {
    pub(super) fn new(tags: Vec<TagDefinition>) -> Self {
        let mut rig = Self { table: Table::default(), changes: Vec::new() };
        rig.table.create((1..).map(TagId).zip(tags).collect(), NOW, &mut Vec::new()).unwrap();
        rig
    }

    pub(super) fn write(&mut self, tag: u32, value: impl Into<Value>, seconds: f64) -> usize {
        self.changes.clear();
        let report = self.table.write([Update::good(TagId(tag), value)], at(seconds), &mut self.changes);
        assert!(report.refused.is_empty(), "{report:?}");
        self.changes.len()
    }

    /// Ticks every 100 ms up to a time; how many changes came.
    pub(super) fn run(&mut self, from: f64, to: f64) -> usize {
        self.changes.clear();
        let mut tick = from;
        while tick <= to {
            self.table.tick(at(tick), &mut self.changes);
            tick += 0.1;
        }
        self.changes.len()
    }

    pub(super) fn float(&self, tag: u32) -> f64 {
        self.table.state(TagId(tag)).unwrap().value.as_ref().unwrap().as_f64().unwrap()
    }

    pub(super) fn quality(&self, tag: u32) -> Quality {
        self.table.state(TagId(tag)).unwrap().quality
    }

    pub(super) fn change(&mut self, change: ChangeTags, seconds: f64) -> Result<(), CvtError> {
        self.changes.clear();
        self.table.change(change, at(seconds), &mut self.changes)
    }
}

pub(super) fn redefined(tag: u32, definition: TagDefinition) -> ChangeTags {
    ChangeTags { change: vec![(TagId(tag), definition)], ..ChangeTags::default() }
}

#[test]
fn a_value_goes_stale_by_the_clock_and_comes_back_with_the_next_one() {
    let mut rig = Rig::new(vec![TagDefinition::float("t").stale_after(1_000)]);
    assert_eq!(rig.run(0.0, 5.0), 0, "what never was there does not go stale");
    rig.write(1, 7.0, 5.0);
    assert_eq!(rig.run(5.0, 5.9), 0);
    assert_eq!(rig.run(6.0, 6.1), 1);
    assert_eq!((rig.float(1), rig.quality(1)), (7.0, Quality::BAD_STALE), "the last usable value stays visible");
    assert_eq!(rig.write(1, 7.0, 7.0), 1);
    assert_eq!(rig.quality(1), Quality::GOOD);
    assert_eq!(rig.run(7.0, 8.2), 1, "and goes stale again");
}

#[test]
fn a_value_inside_the_dead_band_keeps_a_tag_from_going_stale() {
    let mut rig = Rig::new(vec![TagDefinition::float("t").with_dead_band(1.0).stale_after(1_000)]);
    rig.write(1, 7.0, 0.0);
    for step in 1..10 {
        let time = f64::from(step) * 0.5;
        assert_eq!(rig.write(1, 7.1, time), 0);
        assert_eq!(rig.run(time, time + 0.4), 0);
    }
    assert_eq!(rig.quality(1), Quality::GOOD);
}

#[test]
fn a_silent_tag_is_reported_again_unless_it_is_bad() {
    let mut rig = Rig::new(vec![TagDefinition::float("t").with_max_silence(2_000)]);
    assert_eq!(rig.run(0.0, 5.0), 0, "nothing is known yet");
    rig.write(1, 7.0, 5.0);
    assert_eq!(rig.run(5.0, 11.5), 3, "after 2, 4 and 6 s");
    assert!(rig.changes.iter().all(|change| change.value == Some(Value::Float(7.0)) && change.quality.is_good()));
    assert!(rig.changes.windows(2).all(|pair| pair[0].seq + 1 == pair[1].seq));
    rig.table.write([Update::quality(TagId(1), Quality::BAD_NO_COMMUNICATION)], at(12.0), &mut Vec::new());
    assert_eq!(rig.run(12.0, 20.0), 0);
}

#[test]
fn a_value_of_the_start_goes_stale_too_and_a_shorter_time_counts_at_once() {
    let tag = |ms| TagDefinition::float("t").with_initial(1.0).stale_after(ms);
    let mut rig = Rig::new(vec![tag(2_000)]);
    rig.run(0.0, 2.2);
    assert_eq!(rig.quality(1), Quality::BAD_STALE);
    rig.change(redefined(1, tag(3_600_000)), 3.0).unwrap();
    rig.write(1, 2.0, 4.0);
    rig.change(redefined(1, tag(1_000)), 5.0).unwrap();
    rig.run(5.0, 6.2);
    assert_eq!(rig.quality(1), Quality::BAD_STALE);
}

#[test]
fn a_filtered_value_comes_to_rest_where_its_silent_source_does() {
    let lag = Filter::Lag { time_constant_ms: 2_000 };
    let median = Filter::Median { samples: 5 };
    for filter in [lag, median] {
        let mut rig = Rig::new(vec![TagDefinition::float("t").with_filter(filter)]);
        for step in 0..10 {
            rig.write(1, 0.0, f64::from(step));
        }
        rig.write(1, 10.0, 10.0);
        assert!(rig.float(1) < 5.0, "filtered");
        assert_eq!(rig.table.record(TagId(1)).unwrap().raw, Some(Value::Float(10.0)), "the source says so");
        rig.run(10.0, 60.0);
        assert!((rig.float(1) - 10.0).abs() < 1e-4, "{}", rig.float(1));
        assert_eq!(rig.run(60.0, 70.0), 0, "and rests");
    }
}

#[test]
fn a_filter_is_not_fed_again_after_its_source_was_lost() {
    let mut rig = Rig::new(vec![TagDefinition::float("t").with_filter(Filter::Lag { time_constant_ms: 10_000 })]);
    rig.write(1, 0.0, 0.0);
    rig.write(1, 10.0, 1.0);
    rig.table.write([Update::quality(TagId(1), Quality::BAD_NO_COMMUNICATION)], at(1.5), &mut Vec::new());
    assert_eq!(rig.run(1.5, 60.0), 0);
    assert_eq!(rig.quality(1), Quality::BAD_NO_COMMUNICATION);
    rig.write(1, 50.0, 60.0);
    assert_eq!(rig.float(1), 50.0, "what comes after a gap has nothing to do with what was before");
}

#[test]
fn a_screen_makes_the_value_uncertain_while_it_stands() {
    let screens = Screens { range: Some(RangeScreen { low: Some(0.0), high: Some(10.0) }), ..Screens::default() };
    let mut rig = Rig::new(vec![TagDefinition::float("t").with_screens(screens)]);
    rig.write(1, 5.0, 0.0);
    assert_eq!(rig.quality(1), Quality::GOOD);
    assert_eq!(rig.write(1, 11.0, 1.0), 1);
    assert_eq!((rig.float(1), rig.quality(1)), (11.0, Quality::UNCERTAIN_RANGE_EXCEEDED));
    let standing: Vec<_> = rig.table.record(TagId(1)).unwrap().standing.iter().collect();
    assert_eq!(standing.len(), 1);
    rig.write(1, 9.0, 2.0);
    assert_eq!(rig.quality(1), Quality::GOOD);
}

#[test]
fn a_frozen_source_is_told_although_its_values_lie_inside_the_dead_band() {
    let frozen = Some(FrozenScreen { deviation: 0.01, window_ms: 5_000 });
    let screens = Screens { frozen, ..Screens::default() };
    let mut rig = Rig::new(vec![TagDefinition::float("t").with_dead_band(1.0).with_screens(screens)]);
    for step in 0..10 {
        rig.write(1, 5.0, f64::from(step));
    }
    assert_eq!(rig.quality(1), Quality::UNCERTAIN_FROZEN);
}

#[test]
fn derived_tags_follow_in_one_batch_each_once_and_after_what_they_read() {
    let derived = |name: &str, text: &str| TagDefinition::float(name).with_expression(text);
    let mut rig = Rig::new(vec![
        TagDefinition::float("a").with_initial(1.0),
        derived("d", "b + c"),
        derived("b", "a * 2"),
        derived("c", "a * 3"),
    ]);
    assert_eq!(rig.float(2), 5.0, "calculated when it was made");
    assert_eq!(rig.write(1, 10.0, 1.0), 4);
    let tags: Vec<u32> = rig.changes.iter().map(|change| change.tag.0).collect();
    assert_eq!((tags[0], tags[3]), (1, 2), "{tags:?}");
    assert_eq!(rig.float(2), 50.0);
    assert!(rig.changes.windows(2).all(|pair| pair[0].seq + 1 == pair[1].seq));
    rig.table.write([Update::quality(TagId(1), Quality::BAD_TIMEOUT)], at(2.0), &mut Vec::new());
    assert_eq!((rig.float(2), rig.quality(2)), (50.0, Quality::BAD_TIMEOUT), "the worst of the inputs");
    let report = rig.table.write([Update::good(TagId(2), 1.0)], at(3.0), &mut Vec::new());
    assert_eq!(report.refused, [(0, Refusal::Derived(TagId(2)))]);
}

#[test]
fn a_total_goes_on_while_nothing_changes_and_after_a_restart() {
    let total = TagDefinition::float("total").with_expression("total(flow, 1s)");
    let mut rig = Rig::new(vec![TagDefinition::float("flow").with_initial(2.0), total.clone()]);
    rig.run(0.0, 10.0);
    assert!((rig.float(2) - 20.0).abs() < 2.5, "{}", rig.float(2));
    let before = rig.float(2);
    let sums = rig.table.sums();
    assert_eq!(sums.len(), 1);
    let mut again = Rig { table: Table::default(), changes: Vec::new() };
    let flow = NewTag::new(TagId(1), TagDefinition::float("flow").with_initial(2.0));
    let total = NewTag { sums: Some(sums[0].1.clone()), ..NewTag::new(TagId(2), total) };
    again.change(ChangeTags { create: vec![flow, total], ..ChangeTags::default() }, 100.0).unwrap();
    assert!(again.float(2) >= before, "{} < {before}", again.float(2));
    assert!(again.changes.iter().all(|change| change.tag.0 != 2 || change.value != Some(Value::Float(0.0))));
}

#[test]
fn a_substituted_value_stands_until_it_is_released_and_then_the_source_speaks_again() {
    let mut rig = Rig::new(vec![
        TagDefinition::float("t").stale_after(1_000),
        TagDefinition::float("twice").with_expression("t * 2"),
    ]);
    rig.write(1, 1.0, 0.0);
    rig.table.substitute(TagId(1), Value::Integer(5), at(0.5), &mut rig.changes).unwrap();
    assert_eq!((rig.float(1), rig.quality(1)), (5.0, Quality::GOOD_LOCAL_OVERRIDE));
    assert_eq!(rig.float(2), 10.0, "and counts for what is calculated from it");
    rig.run(0.5, 3.0);
    assert_eq!(rig.quality(1), Quality::GOOD_LOCAL_OVERRIDE, "it does not go stale");
    assert_eq!(rig.write(1, 2.0, 3.0), 0);
    let record = rig.table.record(TagId(1)).unwrap();
    assert_eq!((record.raw, record.is_substituted), (Some(Value::Float(2.0)), true));
    rig.table.release(TagId(1), at(3.5), &mut rig.changes).unwrap();
    assert_eq!((rig.float(1), rig.float(2), rig.quality(1)), (2.0, 4.0, Quality::GOOD));
    rig.run(3.5, 5.0);
    assert_eq!(rig.quality(1), Quality::BAD_STALE);
    let wrong = rig.table.substitute(TagId(1), Value::from("x"), at(6.0), &mut rig.changes);
    assert!(matches!(wrong, Err(CvtError::WrongType { .. })), "{wrong:?}");
}

#[test]
fn a_substituted_value_whose_source_died_meanwhile_is_stale_when_released() {
    let mut rig = Rig::new(vec![TagDefinition::float("t").stale_after(1_000)]);
    rig.write(1, 1.0, 0.0);
    rig.table.substitute(TagId(1), Value::Float(5.0), at(0.5), &mut rig.changes).unwrap();
    rig.table.release(TagId(1), at(9.0), &mut rig.changes).unwrap();
    assert_eq!(rig.quality(1), Quality::BAD_STALE);
}

#[test]
fn a_renamed_tag_keeps_value_and_id_and_gives_its_name_up() {
    let mut rig = Rig::new(vec![TagDefinition::float("a"), TagDefinition::float("sum").with_expression("avg(a, 60s)")]);
    rig.write(1, 7.0, 0.0);
    let mut change = redefined(1, TagDefinition::float("b"));
    change.change.push((TagId(2), TagDefinition::float("sum").with_expression("avg(b, 60s)")));
    rig.change(change, 30.0).unwrap();
    assert_eq!((rig.table.resolve("a"), rig.table.resolve("b")), (None, Some(TagId(1))));
    assert_eq!((rig.float(1), rig.quality(1), rig.changes.len()), (7.0, Quality::GOOD, 0));
    rig.write(1, 9.0, 30.0);
    rig.run(30.0, 60.0);
    assert!((rig.float(2) - 8.0).abs() < 0.2, "the window went on: {}", rig.float(2));
}

#[test]
fn a_changed_filter_begins_anew_and_another_dead_band_does_not_touch_the_value() {
    let lag = |ms| TagDefinition::float("t").with_filter(Filter::Lag { time_constant_ms: ms });
    let mut rig = Rig::new(vec![lag(10_000)]);
    rig.write(1, 0.0, 0.0);
    rig.write(1, 10.0, 1.0);
    let before = rig.float(1);
    rig.change(redefined(1, lag(10_000).with_dead_band(0.5)), 1.1).unwrap();
    assert_eq!(rig.float(1), before);
    rig.write(1, 10.0, 2.0);
    assert!(rig.float(1) < 5.0, "the filter went on");
    rig.change(redefined(1, lag(20_000)), 2.1).unwrap();
    assert_eq!(rig.float(1), 10.0, "the first sample passes, and that is the last that came in");
}

#[test]
fn another_node_or_type_waits_for_its_first_value() {
    let linked = |node: &str| TagDefinition::float("t").on_link("plc", node);
    let mut rig = Rig::new(vec![linked("i=1")]);
    rig.write(1, 7.0, 0.0);
    rig.change(redefined(1, linked("i=2")), 1.0).unwrap();
    assert_eq!(rig.quality(1), Quality::BAD_WAITING_FOR_INITIAL_DATA);
    let mut rig = Rig::new(vec![TagDefinition::float("t")]);
    rig.write(1, 7.5, 0.0);
    rig.change(redefined(1, TagDefinition::integer("t")), 1.0).unwrap();
    let state = rig.table.state(TagId(1)).unwrap();
    assert_eq!((state.value.clone(), state.quality), (None, Quality::BAD_WAITING_FOR_INITIAL_DATA));
    rig.write(1, 3, 2.0);
}

#[test]
fn a_removed_tag_is_gone_and_what_is_refused_leaves_nothing_behind() {
    let mut rig = Rig::new(vec![TagDefinition::float("a"), TagDefinition::float("b").with_expression("a + 1")]);
    let states = |rig: &Rig| rig.table.states().cloned().collect::<Vec<_>>();
    let before = states(&rig);
    let create = |name: &str| NewTag::new(TagId(9), TagDefinition::float(name));
    for (change, expected) in [
        (ChangeTags { create: vec![create("a")], ..ChangeTags::default() }, "tag \"a\" exists already"),
        (ChangeTags { remove: vec![TagId(7)], ..ChangeTags::default() }, "unknown tag 7"),
        (redefined(1, TagDefinition::float("b")), "tag \"b\" exists already"),
        (redefined(1, TagDefinition::float("a").with_dead_band(-1.0)), "tag \"a\", dead_band"),
        (redefined(1, TagDefinition::float("a").with_expression("b")), "derived tags need each other: a -> b -> a"),
        (redefined(2, TagDefinition::float("b").with_expression("x")), "tag \"b\", expression"),
    ] {
        let error = rig.change(change, 1.0).unwrap_err().to_string();
        assert!(error == expected || error.ends_with("b -> a -> b"), "{error}");
        assert_eq!(states(&rig), before);
    }
    rig.change(ChangeTags { remove: vec![TagId(2)], create: vec![create("b")], ..ChangeTags::default() }, 1.0).unwrap();
    assert_eq!((rig.table.len(), rig.table.resolve("b")), (2, Some(TagId(9))));
    assert!(rig.table.state(TagId(2)).is_none());
    let report = rig.table.write([Update::good(TagId(2), 1.0)], at(2.0), &mut Vec::new());
    assert_eq!(report.refused, [(0, Refusal::UnknownTag(TagId(2)))]);
}

#[test]
fn ten_thousand_derived_tags_in_chains_of_ten_follow_a_change() {
    let mut tags: Vec<TagDefinition> = (0..1_000).map(|chain| TagDefinition::float(format!("c{chain}.0"))).collect();
    for link in 1..=10 {
        tags.extend((0..1_000).map(|chain| {
            TagDefinition::float(format!("c{chain}.l{link}")).with_expression(match link {
                1 => format!("{{c{chain}.0}} + 1"),
                _ => format!("c{chain}.l{} + 1", link - 1),
            })
        }));
    }
    let mut rig = Rig::new(tags);
    let updates: Vec<Update> = (1..=1_000).map(|tag| Update::good(TagId(tag), f64::from(tag))).collect();
    rig.changes.clear();
    rig.table.write(updates, at(1.0), &mut rig.changes);
    assert_eq!(rig.changes.len(), 11_000);
    assert_eq!(rig.float(11_000), 1_010.0);
}

#[test]
fn drift_is_told_with_its_figures() {
    let drift = DriftScreen { target: Some(0.0), reference_samples: None, slack: 0.5, threshold: 4.0 };
    let mut rig =
        Rig::new(vec![TagDefinition::float("t").with_screens(Screens { drift: Some(drift), ..Screens::default() })]);
    for step in 0..12 {
        rig.write(1, 1.0, f64::from(step));
    }
    assert_eq!(rig.quality(1), Quality::UNCERTAIN_DRIFT);
    assert!(rig.table.record(TagId(1)).unwrap().figures.drift_high.is_some_and(|sum| sum > 4.0));
}

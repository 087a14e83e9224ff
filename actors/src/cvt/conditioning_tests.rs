//! Filters and screens by whatever clock a device has, and what becomes of a tag whose definition changes while its
//! source is silent or a value stands in its place.

use super::live_tests::{Rig, at, redefined};
use super::{TagChange, Update};
use flyball_schema::definition::{Filter, FrozenScreen, RangeScreen, Screens, TagDefinition};
use flyball_schema::{Quality, TagId, Value};

const HOUR: f64 = 3_600.0;

fn lagged(time_constant_ms: u32) -> TagDefinition {
    TagDefinition::float("t").with_filter(Filter::Lag { time_constant_ms })
}

fn in_range(low: f64, high: f64) -> Screens {
    Screens { range: Some(RangeScreen { low: Some(low), high: Some(high) }), ..Screens::default() }
}

impl Rig {
    /// Writes a value that its device dates `source`; both times in seconds.
    fn poll(&mut self, value: f64, source: f64, now: f64) {
        let update = Update { source_time: Some(at(source)), ..Update::good(TagId(1), value) };
        self.table.write([update], at(now), &mut self.changes);
    }

    fn state(&self) -> &TagChange {
        self.table.state(TagId(1)).unwrap()
    }
}

#[test]
fn a_polled_value_goes_through_its_lag_although_the_device_only_dates_its_changes() {
    for offset in [0.0, 5.0 * HOUR, 900.0] {
        let mut rig = Rig::new(vec![lagged(10_000)]);
        (0..10).for_each(|second| rig.poll(1.0, offset, f64::from(second)));
        (10..=20).for_each(|second| rig.poll(5.0, offset + 9.5, f64::from(second)));
        assert!((rig.float(1) - (5.0 - 4.0 * (-1.0_f64).exp())).abs() < 1e-9, "{}", rig.float(1));
        assert_eq!(rig.state().source_time, at(offset + 19.5), "a value on its way is of when it was there");
        (21..=300).for_each(|second| rig.poll(5.0, offset + 9.5, f64::from(second)));
        assert_eq!((rig.float(1), rig.quality(1)), (5.0, Quality::GOOD));
        assert!(rig.changes.windows(2).all(|pair| pair[0].source_time < pair[1].source_time));
    }
}

#[test]
fn a_polled_value_that_is_frozen_is_told_although_the_device_only_dates_its_changes() {
    let frozen = Some(FrozenScreen { deviation: 0.01, window_ms: 5_000 });
    let screens = Screens { frozen, ..Screens::default() };
    let mut rig = Rig::new(vec![TagDefinition::float("t").with_screens(screens)]);
    (0..10).for_each(|second| rig.poll(5.0, 0.0, f64::from(second)));
    assert_eq!(rig.quality(1), Quality::UNCERTAIN_FROZEN);
    assert_eq!(rig.state().source_time, at(0.0), "what is not filtered is of when the device says");
}

#[test]
fn a_device_whose_clock_is_set_does_not_rush_a_filter() {
    let mut rig = Rig::new(vec![lagged(60_000)]);
    rig.poll(0.0, 0.0, 0.0);
    rig.poll(10.0, 1.0, 1.0);
    rig.poll(10.0, 24.0 * HOUR, 2.0);
    rig.poll(10.0, 3.0, 3.0);
    let expected = 10.0 * (1.0 - (-2.0_f64 / 60.0).exp());
    assert!((rig.float(1) - expected).abs() < 1e-9, "{} instead of {expected}", rig.float(1));
}

#[test]
fn what_a_filter_was_fed_by_the_clock_does_not_count_twice() {
    let mut rig = Rig::new(vec![lagged(60_000)]);
    rig.poll(0.0, HOUR, 0.0);
    rig.poll(10.0, HOUR + 10.0, 10.0);
    rig.run(10.0, 40.0);
    rig.poll(10.0, HOUR + 40.0, 40.0);
    let expected = 10.0 * (1.0 - (-30.0_f64 / 60.0).exp());
    assert!((rig.float(1) - expected).abs() < 1e-9, "{} instead of {expected}", rig.float(1));
}

#[test]
fn a_filter_that_changes_or_goes_leaves_no_half_way_value_behind_a_silent_source() {
    for after in [TagDefinition::float("t"), lagged(10_000), TagDefinition::float("t").with_max_silence(1_000)] {
        let mut rig = Rig::new(vec![lagged(60_000)]);
        rig.write(1, 0.0, 0.0);
        rig.write(1, 100.0, 1.0);
        rig.run(1.0, 30.0);
        assert!(rig.float(1) > 20.0 && rig.float(1) < 80.0, "{}", rig.float(1));
        rig.change(redefined(1, after), 31.0).unwrap();
        assert_eq!((rig.float(1), rig.quality(1), rig.changes.len()), (100.0, Quality::GOOD, 1));
        assert_eq!(rig.table.record(TagId(1)).unwrap().seen, Some(at(1.0)), "no sample");
    }
}

#[test]
fn screens_that_come_change_or_go_speak_of_the_value_that_stays() {
    let screened = |high| TagDefinition::float("t").with_screens(in_range(0.0, high));
    let mut rig = Rig::new(vec![screened(10.0)]);
    rig.write(1, 11.0, 0.0);
    assert_eq!(rig.quality(1), Quality::UNCERTAIN_RANGE_EXCEEDED);
    assert_eq!(rig.table.record(TagId(1)).unwrap().raw, None, "that is the value");
    rig.change(redefined(1, screened(12.0)), 1.0).unwrap();
    assert_eq!((rig.quality(1), rig.changes.len()), (Quality::GOOD, 1));
    rig.change(redefined(1, screened(10.0)), 2.0).unwrap();
    assert_eq!(rig.quality(1), Quality::UNCERTAIN_RANGE_EXCEEDED);
    rig.change(redefined(1, TagDefinition::float("t")), 3.0).unwrap();
    assert_eq!((rig.float(1), rig.quality(1)), (11.0, Quality::GOOD));
    rig.change(redefined(1, screened(10.0)), 4.0).unwrap();
    assert_eq!(rig.quality(1), Quality::UNCERTAIN_RANGE_EXCEEDED, "also where there was none before");
}

#[test]
fn screens_that_change_behind_a_filter_do_not_disturb_it() {
    let mut rig = Rig::new(vec![lagged(60_000)]);
    rig.write(1, 0.0, 0.0);
    rig.write(1, 100.0, 1.0);
    rig.run(1.0, 30.0);
    let before = rig.float(1);
    rig.change(redefined(1, lagged(60_000).with_screens(in_range(0.0, 10.0))), 30.0).unwrap();
    assert_eq!((rig.float(1), rig.quality(1)), (before, Quality::UNCERTAIN_RANGE_EXCEEDED));
    rig.run(30.0, 61.0);
    assert!((rig.float(1) - 100.0 * (1.0 - (-1.0_f64).exp())).abs() < 2.0, "{}", rig.float(1));
}

#[test]
fn a_lost_source_stays_lost_whatever_filter_it_gets() {
    let mut rig = Rig::new(vec![lagged(60_000)]);
    rig.write(1, 7.0, 0.0);
    rig.table.write([Update::quality(TagId(1), Quality::BAD_NO_COMMUNICATION)], at(1.0), &mut Vec::new());
    for after in [lagged(10_000), TagDefinition::float("t"), lagged(5_000)] {
        rig.change(redefined(1, after), 2.0).unwrap();
        assert_eq!((rig.float(1), rig.quality(1)), (7.0, Quality::BAD_NO_COMMUNICATION));
    }
}

#[test]
fn a_filter_does_not_remember_another_node() {
    let linked = |node: &str| lagged(60_000).on_link("plc", node);
    let mut rig = Rig::new(vec![linked("i=1")]);
    rig.write(1, 7.0, 0.0);
    rig.change(redefined(1, linked("i=2")), 1.0).unwrap();
    rig.run(1.0, 5.0);
    assert_eq!(rig.quality(1), Quality::BAD_WAITING_FOR_INITIAL_DATA);
    rig.write(1, 100.0, 6.0);
    assert_eq!((rig.float(1), rig.quality(1)), (100.0, Quality::GOOD));
}

#[test]
fn a_value_of_another_node_does_not_come_back_when_its_substitute_is_released() {
    let linked = |node: &str| TagDefinition::float("t").on_link("plc", node);
    let mut rig = Rig::new(vec![linked("i=1")]);
    rig.write(1, 7.0, 0.0);
    rig.table.substitute(TagId(1), Value::Float(5.0), at(1.0), &mut rig.changes).unwrap();
    rig.change(redefined(1, linked("i=2")), 2.0).unwrap();
    assert_eq!((rig.float(1), rig.quality(1)), (5.0, Quality::GOOD_LOCAL_OVERRIDE));
    rig.table.release(TagId(1), at(3.0), &mut rig.changes).unwrap();
    assert_eq!(rig.quality(1), Quality::BAD_WAITING_FOR_INITIAL_DATA);
}

#[test]
fn a_substitute_takes_another_type_with_it_where_it_can_and_says_so() {
    let mut rig = Rig::new(vec![TagDefinition::float("t")]);
    rig.write(1, 7.5, 0.0);
    rig.table.substitute(TagId(1), Value::Float(5.0), at(1.0), &mut rig.changes).unwrap();
    let seq = rig.table.seq();
    rig.change(redefined(1, TagDefinition::integer("t")), 2.0).unwrap();
    let state = rig.state().clone();
    assert_eq!((state.value.clone(), state.quality), (Some(Value::Integer(5)), Quality::GOOD_LOCAL_OVERRIDE));
    assert_eq!((state.seq, rig.changes.clone()), (seq + 1, vec![state]));
    rig.table.release(TagId(1), at(3.0), &mut rig.changes).unwrap();
    let state = rig.state();
    assert_eq!((state.value.clone(), state.quality), (Some(Value::Integer(5)), Quality::BAD_WAITING_FOR_INITIAL_DATA));
}

#[test]
fn a_substitute_that_is_none_of_the_new_type_hides_no_sample() {
    let mut rig = Rig::new(vec![TagDefinition::float("t")]);
    rig.write(1, 7.5, 0.0);
    rig.table.substitute(TagId(1), Value::Float(5.5), at(1.0), &mut rig.changes).unwrap();
    rig.change(redefined(1, TagDefinition::integer("t")), 2.0).unwrap();
    assert_eq!(rig.quality(1), Quality::BAD_WAITING_FOR_INITIAL_DATA);
    assert!(!rig.table.record(TagId(1)).unwrap().is_substituted);
    assert_eq!(rig.write(1, 3, 3.0), 1);
    assert_eq!((rig.float(1), rig.quality(1)), (3.0, Quality::GOOD));
}

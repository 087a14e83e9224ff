use super::super::test_support::{alarm, alarm_on, at, change, good, rows};
use super::super::{AlarmCommand, NewAlarm};
use super::*;
use flyball_schema::definition::{AlarmKind, Priority};

mod commands;
mod model;
mod tags;

fn registry(alarms: Vec<NewAlarm>) -> Registry {
    let mut registry = Registry::default();
    registry.add(alarms, at(0)).unwrap();
    registry
}

fn feed(registry: &mut Registry, changes: &[TagChange]) -> Vec<AlarmEffect> {
    registry.evaluate(changes, at(1000), usize::MAX).effects
}

fn acknowledge(registry: &mut Registry, id: u32, by: &str, seconds: i64) -> Result<Vec<AlarmEffect>, AlarmError> {
    registry.command(AlarmId(id), &AlarmCommand::Acknowledge, by, None, at(seconds))
}

/// The state in which a command was refused, and what it was about.
fn refused(outcome: Result<Vec<AlarmEffect>, AlarmError>) -> (AlarmState, &'static str) {
    match outcome {
        Err(AlarmError::WrongState { state, event, .. }) => (state, event),
        other => panic!("{other:?}"),
    }
}

fn status(registry: &Registry, id: u32) -> AlarmStatus {
    registry.status(AlarmId(id)).unwrap()
}

fn states(effects: &[AlarmEffect]) -> Vec<(u32, &'static str)> {
    effects.iter().map(|effect| (effect.status.id.0, effect.status.state.as_str())).collect()
}

#[test]
fn changes_are_evaluated_in_order_and_every_alarm_of_a_tag_sees_them() {
    let four = vec![
        alarm_on(1, 7, AlarmKind::LowLow, 0.0),
        alarm_on(2, 7, AlarmKind::Low, 1.0),
        alarm_on(3, 7, AlarmKind::High, 8.0),
        alarm_on(4, 7, AlarmKind::HighHigh, 9.0),
    ];
    let mut registry = registry(four);
    let effects = feed(&mut registry, &[good(7, 5.0, 1), good(7, 9.5, 2), good(7, 8.5, 3), good(7, -1.0, 4)]);
    // The first good value ends the hold of all four.
    assert_eq!(states(&effects[..4]), [(1, "NORM"), (2, "NORM"), (3, "NORM"), (4, "NORM")]);
    let moves = [(3, "UNACK"), (4, "UNACK"), (4, "RTNUN"), (1, "UNACK"), (2, "UNACK"), (3, "RTNUN")];
    assert_eq!(states(&effects[4..]), moves);
    assert_eq!(
        registry.counts(),
        AlarmCounts { total: 4, unacknowledged: 4, active: 2, standing: 4, ..AlarmCounts::default() }
    );
}

#[test]
fn a_tag_without_alarms_and_a_tag_never_heard_of_are_passed_over() {
    let mut registry = registry(vec![alarm(3, AlarmKind::High, 1.0)]);
    let changes = [good(1, 5.0, 1), good(2, f64::NAN, 1), good(0, "text", 1), good(99, 5.0, 1)];
    assert_eq!(feed(&mut registry, &changes), []);
}

#[test]
fn a_bad_tag_holds_its_alarms_and_tells_so_once() {
    let mut registry = registry(vec![alarm(1, AlarmKind::High, 10.0)]);
    feed(&mut registry, &[good(1, 11.0, 1)]);
    let lost = change(1, Some(Value::Float(11.0)), Quality::BAD_NO_COMMUNICATION, 2);
    let effects = feed(&mut registry, &[lost.clone(), lost.clone(), good(1, f64::NAN, 3), good(1, f64::INFINITY, 4)]);
    assert_eq!(effects.len(), 1);
    assert!(effects[0].record.is_none() && effects[0].status.quality_hold);
    assert_eq!(effects[0].status.state, AlarmState::Unack);
    let stale = change(1, Some(Value::Float(0.0)), Quality::BAD_TIMEOUT, 5);
    assert_eq!(feed(&mut registry, &[stale]), [], "a bad value below the limit never clears");
    let back = feed(&mut registry, &[good(1, 12.0, 6)]);
    assert!(back[0].record.is_none() && !back[0].status.quality_hold);
    assert_eq!(states(&feed(&mut registry, &[good(1, 9.0, 7)])), [(1, "RTNUN")]);
}

#[test]
fn an_acknowledge_is_journalled_with_what_the_tag_shows_then() {
    let mut registry = registry(vec![alarm(1, AlarmKind::High, 10.0)]);
    feed(&mut registry, &[good(1, 11.0, 1), good(1, 12.0, 2), change(1, Some(12.0.into()), Quality::BAD_TIMEOUT, 3)]);
    let effects = acknowledge(&mut registry, 1, "ann", 4).unwrap();
    let Record { transition, memory, .. } = effects[0].record.clone().unwrap();
    let transition = transition.unwrap();
    assert_eq!((transition.value, transition.quality), (Some(Value::Float(12.0)), Quality::BAD_TIMEOUT));
    assert_eq!((transition.occurred, memory.state), (at(4), AlarmState::Acked));
    assert_eq!(refused(acknowledge(&mut registry, 1, "bob", 5)), (AlarmState::Acked, "acknowledged"));
    let unknown = acknowledge(&mut registry, 2, "bob", 5);
    assert_eq!(unknown, Err(AlarmError::UnknownAlarm(AlarmId(2))));
}

#[test]
fn evaluation_stops_at_its_budget_and_goes_on_where_it_stopped() {
    let mut registry = registry((0..10).map(|id| alarm(id, AlarmKind::High, 1.0)).collect());
    let changes: Vec<_> = (0..10).map(|tag| good(tag, 2.0, 1)).collect();
    let first = registry.evaluate(&changes, at(2), 3);
    assert_eq!((first.consumed, first.effects.len()), (3, 3));
    let rest = registry.evaluate(&changes[first.consumed..], at(2), 100);
    assert_eq!((rest.consumed, rest.effects.len()), (7, 7));
    assert_eq!(rest.effects[0].status.id, AlarmId(3));
}

#[test]
fn a_definition_that_breaks_a_rule_is_refused_and_nothing_of_its_batch_stays() {
    let base = || vec![alarm_on(1, 1, AlarmKind::High, 10.0), alarm_on(2, 1, AlarmKind::Low, 1.0)];
    let mut named = alarm_on(3, 2, AlarmKind::High, 1.0);
    named.definition.name = "a1".to_owned();
    let mut not_a_number = alarm_on(3, 2, AlarmKind::High, 1.0);
    not_a_number.definition.set_point = "high".into();
    let cases = [
        (named, "name"),
        (alarm_on(3, 1, AlarmKind::High, 11.0), "kind"),
        (alarm_on(3, 1, AlarmKind::HighHigh, 10.0), "set_point"),
        (alarm_on(3, 1, AlarmKind::LowLow, 1.5), "set_point"),
        (not_a_number, "set_point"),
    ];
    for (bad, expected) in cases {
        let innocent = alarm_on(9, 9, AlarmKind::High, 1.0);
        let field = |outcome: Result<Changed, AlarmError>| match outcome {
            Err(AlarmError::Invalid { field, .. }) => field,
            other => panic!("{other:?}"),
        };
        // Against what is there already, and within one batch.
        let mut there = registry(base());
        assert_eq!(field(there.add(vec![innocent.clone(), bad.clone()], at(0))), expected);
        assert_eq!((there.counts().total, feed(&mut there, &[good(9, 5.0, 1)]).len()), (2, 0));
        let mut together = Registry::default();
        assert_eq!(field(together.add([base(), vec![bad]].concat(), at(0))), expected);
        assert_eq!(together.counts(), AlarmCounts::default());
        together.add(vec![innocent], at(0)).unwrap();
    }
    let mut same_id = alarm_on(2, 5, AlarmKind::High, 1.0);
    same_id.definition.name = "another".to_owned();
    assert_eq!(registry(base()).add(vec![same_id], at(0)), Err(AlarmError::DuplicateId(AlarmId(2))));
}

#[test]
fn a_list_is_filtered_and_paged_by_id() {
    let mut alarms: Vec<_> = (1..=6).rev().map(|id| alarm_on(id, id % 2, AlarmKind::High, f64::from(id))).collect();
    for (alarm, kind) in alarms.iter_mut().zip([
        AlarmKind::HighHigh,
        AlarmKind::HighHigh,
        AlarmKind::High,
        AlarmKind::High,
        AlarmKind::Low,
        AlarmKind::Low,
    ]) {
        alarm.definition.kind = kind;
    }
    alarms[0].definition.priority = Priority::Critical;
    alarms[1].definition.name = "Boiler Pressure".to_owned();
    let mut registry = registry(alarms);
    feed(&mut registry, &[good(0, 5.0, 1), good(1, 5.5, 1)]);
    let ids = |query: ListAlarms| registry.list(&query).iter().map(|status| status.id.0).collect::<Vec<_>>();
    let all = || ListAlarms { limit: 100, ..ListAlarms::default() };
    assert_eq!(ids(all()), [1, 2, 3, 4, 5, 6]);
    assert_eq!(ids(ListAlarms { limit: 2, ..all() }), [1, 2]);
    assert_eq!(ids(ListAlarms { limit: 2, after: Some(AlarmId(2)), ..all() }), [3, 4]);
    assert_eq!(ids(ListAlarms { after: Some(AlarmId(6)), ..all() }), [0_u32; 0]);
    assert_eq!(ids(ListAlarms { states: vec![AlarmState::Unack], ..all() }), [3, 4, 5]);
    assert_eq!(ids(ListAlarms { priorities: vec![Priority::Critical], ..all() }), [6]);
    assert_eq!(ids(ListAlarms { tag: Some(TagId(0)), ..all() }), [2, 4, 6]);
    assert_eq!(ids(ListAlarms { contains: Some("PRESS".to_owned()), ..all() }), [5]);
    assert_eq!(ids(ListAlarms { contains: Some("T1".to_owned()), ..all() }), [1, 3, 5]);
}

#[test]
fn the_screen_passes_over_quiet_values_without_missing_one() {
    // The last value before the limit, the first past it, and back within and past the dead-band.
    let mut high = alarm(1, AlarmKind::High, 0.0);
    high.definition = high.definition.with_dead_band(0.5);
    let mut registry = registry(vec![high]);
    let values = [-0.0, 0.0, f64::MIN_POSITIVE, 5.0, 0.0, -0.5, -0.500_001, 0.0, 1.0];
    let changes: Vec<_> = values.into_iter().zip(1..).map(|(value, second)| good(1, value, second)).collect();
    let effects = feed(&mut registry, &changes);
    let transitions: Vec<_> = rows(&effects).into_iter().map(|row| (row.occurred, row.event)).collect();
    assert_eq!(transitions, [(at(3), "activated"), (at(7), "returned"), (at(9), "activated")]);
}

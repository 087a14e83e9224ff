use super::super::super::test_support::{alarm, alarm_on, at, change, good, rows};
use super::super::super::{AlarmCommand, AlarmMemory, AlarmState, AlarmTransition};
use super::*;
use flyball_schema::definition::{AlarmKind, Priority};
use flyball_schema::{Quality, Value};

fn registry(alarms: Vec<NewAlarm>) -> Registry {
    let mut registry = Registry::default();
    registry.add(alarms, at(0)).unwrap();
    registry
}

fn feed(registry: &mut Registry, tag: u32, value: f64, seconds: i64) -> Vec<AlarmEffect> {
    registry.evaluate(&[good(tag, value, seconds)], at(seconds), usize::MAX).effects
}

/// The four limits of tag 1, alarms 1 to 4.
fn limits(set_points: [f64; 4]) -> Vec<NewAlarm> {
    let kinds = [AlarmKind::LowLow, AlarmKind::Low, AlarmKind::High, AlarmKind::HighHigh];
    (1..).zip(kinds.into_iter().zip(set_points)).map(|(id, (kind, limit))| alarm_on(id, 1, kind, limit)).collect()
}

fn transitions(changed: &Changed) -> Vec<(u32, &'static str, &'static str, u64)> {
    let row = |row: &AlarmTransition| (row.alarm.0, row.event, row.to.as_str(), row.occurrence);
    rows(&changed.effects).into_iter().map(row).collect()
}

fn status(registry: &Registry, id: u32) -> AlarmStatus {
    registry.status(AlarmId(id)).unwrap()
}

fn acknowledge(registry: &mut Registry, id: u32) {
    registry.command(AlarmId(id), &AlarmCommand::Acknowledge, "ann", None, at(2)).unwrap();
}

fn field(outcome: Result<Changed, AlarmError>) -> &'static str {
    match outcome {
        Err(AlarmError::Invalid { field, .. }) => field,
        other => panic!("{other:?}"),
    }
}

#[test]
fn limits_are_held_against_what_results_and_not_step_by_step() {
    let mut registry = registry(limits([1.0, 2.0, 3.0, 4.0]));
    // Each alone would break the order against the others as they stand.
    registry.change(&[], limits([11.0, 12.0, 13.0, 14.0]), at(1)).unwrap();
    registry.change(&[], limits([-4.0, -3.0, -2.0, -1.0]), at(2)).unwrap();
    assert_eq!(field(registry.change(&[], limits([-4.0, -1.0, -2.0, 0.0]), at(3))), "set_point");
    let one = vec![alarm_on(2, 1, AlarmKind::Low, -1.5)];
    assert_eq!(field(registry.change(&[], one.clone(), at(3))), "set_point", "against one that stays");
    registry.change(&[AlarmId(3)], one, at(4)).unwrap();
    assert_eq!(registry.counts().total, 3);
}

#[test]
fn names_and_types_may_be_swapped_within_one_change() {
    let mut registry = registry(vec![alarm(1, AlarmKind::High, 10.0), alarm_on(2, 1, AlarmKind::Low, 1.0)]);
    let swapped = |id, name: &str, kind, limit| {
        let mut new = alarm_on(id, 1, kind, limit);
        new.definition.name = name.to_owned();
        new
    };
    let both = vec![swapped(1, "a2", AlarmKind::Low, 1.0), swapped(2, "a1", AlarmKind::High, 10.0)];
    registry.change(&[], both, at(1)).unwrap();
    assert_eq!(
        (status(&registry, 1).definition.name.as_str(), status(&registry, 1).definition.kind),
        ("a2", AlarmKind::Low)
    );
    let taken = vec![swapped(1, "a1", AlarmKind::Low, 1.0)];
    assert_eq!(field(registry.change(&[], taken.clone(), at(2))), "name");
    registry.change(&[AlarmId(2)], taken, at(3)).unwrap();
    assert_eq!(status(&registry, 1).definition.name, "a1", "free with the one that had it");
    let second = vec![swapped(7, "b", AlarmKind::Low, 0.0)];
    assert_eq!(field(registry.change(&[], second, at(4))), "kind");
}

#[test]
fn a_change_that_breaks_a_rule_leaves_everything_as_it_was() {
    let mut registry = registry(limits([1.0, 2.0, 3.0, 4.0]));
    feed(&mut registry, 1, 3.5, 1);
    let before: Vec<_> = registry.statuses().collect();
    let innocent = || alarm_on(9, 9, AlarmKind::High, 1.0);
    let nan = alarm_on(1, 1, AlarmKind::LowLow, f64::NAN);
    assert_eq!(field(registry.change(&[AlarmId(3)], vec![innocent(), nan], at(2))), "set_point");
    let unknown = registry.change(&[AlarmId(3), AlarmId(77)], vec![innocent()], at(2));
    assert_eq!(unknown, Err(AlarmError::UnknownAlarm(AlarmId(77))));
    let both = registry.change(&[AlarmId(3)], vec![alarm_on(3, 1, AlarmKind::High, 3.2)], at(2));
    assert_eq!(both, Err(AlarmError::DuplicateId(AlarmId(3))));
    let twice = registry.change(&[], vec![innocent(), innocent()], at(2));
    assert_eq!(twice, Err(AlarmError::DuplicateId(AlarmId(9))));
    assert_eq!(registry.statuses().collect::<Vec<_>>(), before);
    assert_eq!((registry.counts().active, feed(&mut registry, 1, 4.5, 3).len()), (1, 1));
}

#[test]
fn a_set_point_below_the_present_value_raises_the_alarm_at_once_and_one_above_returns_it() {
    let mut registry = registry(vec![alarm(1, AlarmKind::High, 10.0)]);
    feed(&mut registry, 1, 8.0, 1);
    let lowered = registry.change(&[], vec![alarm(1, AlarmKind::High, 7.0)], at(5)).unwrap();
    assert_eq!(transitions(&lowered), [(1, "activated", "UNACK", 1)]);
    let Record { transition, memory, .. } = lowered.effects[0].record.clone().unwrap();
    let row = transition.unwrap();
    assert_eq!((row.occurred, row.recorded, row.value, row.actor.as_str()), (at(5), at(5), Some(8.0.into()), "system"));
    assert_eq!((memory.raised_at, lowered.unseen), (Some(at(5)), false));
    assert_eq!(registry.counts().active, 1);

    let raised = registry.change(&[], vec![alarm(1, AlarmKind::High, 9.0)], at(6)).unwrap();
    assert_eq!(transitions(&raised), [(1, "returned", "RTNUN", 1)]);
    // What counts as quiet follows the new limit.
    assert_eq!(feed(&mut registry, 1, 8.9, 7), []);
    assert_eq!(feed(&mut registry, 1, 9.1, 8).len(), 1);
}

#[test]
fn within_the_dead_band_of_its_new_set_point_an_alarm_stays_as_it_is() {
    let mut registry = registry(vec![alarm(1, AlarmKind::High, 10.0)]);
    feed(&mut registry, 1, 11.0, 1);
    let banded = |limit: f64, width: f64| {
        let mut new = alarm(1, AlarmKind::High, limit);
        new.definition = new.definition.with_dead_band(width);
        vec![new]
    };
    assert_eq!(transitions(&registry.change(&[], banded(12.0, 2.0), at(2)).unwrap()), []);
    assert_eq!(status(&registry, 1).state, AlarmState::Unack);
    let narrowed = registry.change(&[], banded(12.0, 0.5), at(3)).unwrap();
    assert_eq!(transitions(&narrowed), [(1, "returned", "RTNUN", 1)]);
}

#[test]
fn a_replaced_alarm_keeps_occurrence_and_acknowledgement_and_takes_its_texts_and_priority() {
    let mut registry = registry(vec![alarm(1, AlarmKind::High, 10.0), alarm(2, AlarmKind::High, 10.0)]);
    feed(&mut registry, 1, 11.0, 1);
    acknowledge(&mut registry, 1);
    let before = status(&registry, 1);
    let mut new = alarm(1, AlarmKind::High, 10.5);
    new.definition.name = "renamed".to_owned();
    new.definition = new.definition.with_priority(Priority::Low).with_description("too full");
    // What the database may say of it is older than what it is.
    new.memory = Some(AlarmMemory { state: AlarmState::Rtnun, occurrence: 40, ..AlarmMemory::default() });
    let changed = registry.change(&[], vec![new.clone()], at(3)).unwrap();
    let after = status(&registry, 1);
    let expected = AlarmStatus { definition: new.definition.into(), set_point: Some(10.5.into()), ..before };
    assert_eq!(after, expected);
    assert_eq!((changed.effects.len(), transitions(&changed)), (1, vec![]));
    assert_eq!(changed.effects[0].status, after, "told, though nothing moved");
    let found = registry.list(&super::super::super::ListAlarms {
        limit: 9,
        contains: Some("RENAMED".into()),
        ..Default::default()
    });
    assert_eq!(found.len(), 1);
}

#[test]
fn another_tag_or_type_ends_the_occurrence_and_the_alarm_begins_anew_there() {
    let mut registry = registry(vec![alarm(1, AlarmKind::High, 10.0), alarm_on(2, 2, AlarmKind::High, 10.0)]);
    feed(&mut registry, 1, 11.0, 1);
    feed(&mut registry, 2, 50.0, 2);
    // To a tag that stands above its limit already.
    registry.change(&[AlarmId(2)], vec![], at(3)).unwrap();
    let moved = registry.change(&[], vec![alarm_on(1, 2, AlarmKind::High, 10.0)], at(4)).unwrap();
    assert_eq!(transitions(&moved), [(1, "reconfigured", "NORM", 1), (1, "activated", "UNACK", 2)]);
    let ended = rows(&moved.effects)[0];
    assert_eq!(
        (ended.value.clone(), ended.quality, ended.actor.as_str()),
        (Some(11.0.into()), Quality::GOOD, "system")
    );
    assert_eq!((status(&registry, 1).tag, status(&registry, 1).value), (TagId(2), Some(50.0.into())));
    assert_eq!(feed(&mut registry, 1, 0.0, 5), [], "the tag of before says nothing to it any more");

    let turned = registry.change(&[], vec![alarm_on(1, 2, AlarmKind::HighHigh, 60.0)], at(6)).unwrap();
    assert_eq!(transitions(&turned), [(1, "reconfigured", "NORM", 2)]);
    assert_eq!((registry.counts().standing, registry.counts().total), (0, 1));
    // What is normal has nothing to end.
    let quiet = registry.change(&[], vec![alarm_on(1, 2, AlarmKind::High, 60.0)], at(7)).unwrap();
    assert_eq!((transitions(&quiet), quiet.effects.len()), (vec![], 1));
}

#[test]
fn a_removed_alarm_that_stands_goes_to_norm_and_the_others_are_not_disturbed() {
    let mut registry = registry((0..6).map(|id| alarm(id, AlarmKind::High, 10.0)).collect());
    for tag in 0..6 {
        feed(&mut registry, tag, if tag == 4 { 5.0 } else { 11.0 }, 1);
    }
    acknowledge(&mut registry, 0);
    feed(&mut registry, 2, 5.0, 2);
    let others: Vec<_> = [1, 3, 5].map(|id| status(&registry, id)).into();
    let removed = registry.change(&[AlarmId(4), AlarmId(0), AlarmId(2), AlarmId(4)], vec![], at(3)).unwrap();
    assert_eq!(transitions(&removed), [(0, "removed", "NORM", 1), (2, "removed", "NORM", 1)]);
    assert_eq!(removed.removed, [AlarmId(0), AlarmId(2), AlarmId(4)]);
    assert_eq!(registry.statuses().collect::<Vec<_>>(), others);
    assert_eq!(registry.status(AlarmId(4)), Err(AlarmError::UnknownAlarm(AlarmId(4))));
    let counts = registry.counts();
    assert_eq!((counts.total, counts.active, counts.standing), (3, 3, 3));
    // Each of the others still hears its own tag, and the tags of the removed are quiet.
    for tag in 0..6 {
        let told: Vec<u32> = feed(&mut registry, tag, 5.0, 4).iter().map(|effect| effect.status.id.0).collect();
        assert_eq!(told, if tag % 2 == 1 { vec![tag] } else { vec![] });
    }
}

#[test]
fn an_alarm_that_comes_back_goes_on_counting_and_does_not_stand_as_it_did() {
    let mut registry = registry(vec![alarm(1, AlarmKind::High, 10.0)]);
    feed(&mut registry, 1, 11.0, 1);
    let stood = registry.status(AlarmId(1)).unwrap();
    registry.change(&[AlarmId(1)], vec![], at(2)).unwrap();
    feed(&mut registry, 1, 5.0, 3);
    let mut back = alarm(1, AlarmKind::High, 10.0);
    // Read before the end was durable.
    back.memory = Some(AlarmMemory { state: stood.state, occurrence: stood.occurrence, ..AlarmMemory::default() });
    registry.add(vec![back], at(4)).unwrap();
    assert_eq!((status(&registry, 1).state, status(&registry, 1).occurrence), (AlarmState::Norm, 1));
    feed(&mut registry, 1, 12.0, 5);
    assert_eq!(status(&registry, 1).occurrence, 2);
}

#[test]
fn an_alarm_on_a_tag_never_seen_is_held_and_says_so() {
    let mut registry = registry(vec![alarm(5, AlarmKind::High, 10.0)]);
    let unseen = registry.change(&[], vec![alarm(2, AlarmKind::High, 10.0)], at(1)).unwrap();
    assert!(unseen.unseen && status(&registry, 2).quality_hold);
    // A tag below the highest one watched is seen whether or not it has alarms.
    feed(&mut registry, 3, 50.0, 2);
    let seen = registry.change(&[], vec![alarm(3, AlarmKind::High, 10.0)], at(3)).unwrap();
    assert_eq!((seen.unseen, transitions(&seen)), (false, vec![(3, "activated", "UNACK", 1)]));
}

#[test]
fn a_replaced_alarm_on_a_bad_tag_is_held_as_it_stands() {
    let mut registry = registry(vec![alarm(1, AlarmKind::High, 10.0)]);
    feed(&mut registry, 1, 11.0, 1);
    let bad = change(1, Some(Value::Float(11.0)), Quality::BAD_NO_COMMUNICATION, 2);
    registry.evaluate(&[bad], at(2), usize::MAX);
    let changed = registry.change(&[], vec![alarm(1, AlarmKind::High, 20.0)], at(3)).unwrap();
    assert_eq!((transitions(&changed), changed.unseen), (vec![], false));
    let held = status(&registry, 1);
    assert_eq!((held.state, held.quality_hold), (AlarmState::Unack, true));
    assert_eq!(feed(&mut registry, 1, 11.0, 4).len(), 1, "returned by the new limit when the tag is good again");
}

#[test]
fn a_renamed_tag_is_told_by_its_alarms_and_found_by_its_new_name() {
    let mut registry = registry(limits([1.0, 2.0, 3.0, 4.0]));
    registry.change(&[], vec![alarm(9, AlarmKind::High, 1.0)], at(1)).unwrap();
    let names =
        [(TagId(1), "Boiler.Level".to_owned()), (TagId(77), "nobody".to_owned()), (TagId(4), "none".to_owned())];
    let told = registry.rename_tags(&names);
    assert_eq!(told.iter().map(|status| status.definition.tag.as_str()).collect::<Vec<_>>(), ["Boiler.Level"; 4]);
    let query = super::super::super::ListAlarms { limit: 9, contains: Some("boiler".into()), ..Default::default() };
    assert_eq!(registry.list(&query).len(), 4);
}

#[test]
fn the_alarms_of_a_tag_are_named_for_whoever_would_remove_it() {
    let mut registry = registry(limits([1.0, 2.0, 3.0, 4.0]));
    registry.change(&[AlarmId(2)], vec![alarm(9, AlarmKind::High, 1.0)], at(1)).unwrap();
    let ids = |tags: &[u32]| {
        let tags: Vec<TagId> = tags.iter().copied().map(TagId).collect();
        registry.uses_of(&tags).iter().map(|found| found.alarm.0).collect::<Vec<_>>()
    };
    assert_eq!((ids(&[9, 1, 1]), ids(&[2, 400])), (vec![1, 3, 4, 9], vec![]));
    assert_eq!(registry.uses_of(&[TagId(9)])[0].to_string(), "alarm \"a9\"");
}

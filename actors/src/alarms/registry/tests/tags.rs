//! Set points and suppression from tags, groups, deadlines.

use super::*;

/// HIGH of tag 1 whose set point is tag 2, suppressed by tag 3.
fn bound() -> NewAlarm {
    let mut new = alarm_on(1, 1, AlarmKind::High, true);
    new.definition.set_point_tag = Some("t2".to_owned());
    new.definition.suppress_when = Some("t3 > 0".to_owned());
    (new.set_point, new.suppressed) = (Some(TagId(2)), Some(TagId(3)));
    new
}

#[test]
fn a_set_point_from_a_tag_moves_the_alarm_and_what_counts_as_quiet() {
    let mut registry = registry(vec![bound()]);
    assert_eq!(feed(&mut registry, &[good(1, 50.0, 1)]), [], "without a set point nothing is said");
    let known = feed(&mut registry, &[good(2, 60.0, 2)]);
    assert_eq!((known.len(), rows(&known).len()), (1, 0), "the hold ends");
    assert_eq!(status(&registry, 1).set_point, Some(60.0.into()));
    let lowered = feed(&mut registry, &[good(2, 40.0, 3)]);
    assert_eq!(states(&lowered), [(1, "UNACK")]);
    assert_eq!((rows(&lowered)[0].occurred, rows(&lowered)[0].value.clone()), (at(3), Some(50.0.into())));
    // The source's own values are held against the new set point.
    assert_eq!(states(&feed(&mut registry, &[good(2, 70.0, 4)])), [(1, "RTNUN")]);
    feed(&mut registry, &[good(1, 30.0, 5)]);
    feed(&mut registry, &[good(2, 20.0, 6), good(2, 35.0, 7)]);
    assert_eq!(states(&feed(&mut registry, &[good(1, 36.0, 8)])), [(1, "UNACK")]);
}

#[test]
fn a_set_point_that_moves_without_effect_is_told_and_not_journalled() {
    let mut registry = registry(vec![bound()]);
    feed(&mut registry, &[good(2, 60.0, 1), good(1, 50.0, 1)]);
    let told = feed(&mut registry, &[good(2, 55.0, 2), good(2, 55.0, 3)]);
    assert_eq!((told.len(), told[0].record.is_none(), told[0].is_quiet), (1, true, false));
    assert_eq!(told[0].status.set_point, Some(55.0.into()));
    // What was quiet below 60 no longer is.
    assert_eq!(states(&feed(&mut registry, &[good(1, 57.0, 4)])), [(1, "UNACK")]);
}

#[test]
fn a_set_point_that_cannot_be_used_holds_the_alarm() {
    for unusable in [
        change(2, Some(40.0.into()), Quality::BAD_NO_COMMUNICATION, 3),
        change(2, None, Quality::BAD_WAITING_FOR_INITIAL_DATA, 3),
        good(2, f64::NAN, 3),
        good(2, f64::INFINITY, 3),
        good(2, "40", 3),
    ] {
        let mut registry = registry(vec![bound()]);
        feed(&mut registry, &[good(2, 60.0, 1), good(1, 61.0, 2)]);
        let held = feed(&mut registry, std::slice::from_ref(&unusable));
        assert!(held.len() == 1 && held[0].status.quality_hold && held[0].record.is_none(), "{unusable:?}");
        assert_eq!((held[0].status.state, held[0].status.set_point.clone()), (AlarmState::Unack, None));
        assert_eq!(feed(&mut registry, &[good(1, 0.0, 4)]), [], "{unusable:?}: nothing clears it");
        let back = feed(&mut registry, &[good(2, 60.0, 5)]);
        assert_eq!(states(&back), [(1, "RTNUN")], "{unusable:?}: the state is right again");
    }
}

#[test]
fn set_points_from_tags_keep_their_order_whichever_comes_first() {
    let mut high_high = alarm_on(5, 1, AlarmKind::HighHigh, true);
    high_high.definition.set_point_tag = Some("t4".to_owned());
    high_high.set_point = Some(TagId(4));
    let mut registry = registry(vec![bound(), high_high]);
    feed(&mut registry, &[good(1, 0.0, 1), good(2, 10.0, 1), good(4, 20.0, 1)]);
    let limits = |registry: &Registry| [1, 5].map(|id| status(registry, id).set_point.and_then(|limit| limit.as_f64()));
    assert_eq!(limits(&registry), [Some(10.0), Some(20.0)]);
    feed(&mut registry, &[good(2, 25.0, 2)]);
    assert_eq!(limits(&registry), [None, Some(20.0)], "HIGH is held, it would be above HIGH-HIGH");
    feed(&mut registry, &[good(4, 30.0, 3)]);
    assert_eq!(limits(&registry), [Some(25.0), Some(30.0)], "in order now");
    assert_eq!(states(&feed(&mut registry, &[good(1, 26.0, 4)])), [(1, "UNACK")]);
    feed(&mut registry, &[good(4, 25.0, 5)]);
    assert_eq!(limits(&registry), [Some(25.0), None]);
    registry.change(&[AlarmId(1)], vec![], at(6)).unwrap();
    assert_eq!(status(&registry, 5).set_point, Some(25.0.into()), "nothing is in its way any more");
}

#[test]
fn designed_logic_suppresses_and_releases() {
    let mut registry = registry(vec![bound()]);
    feed(&mut registry, &[good(2, 10.0, 1), good(1, 11.0, 2), good(3, false, 2)]);
    acknowledge(&mut registry, 1, "ann", 3).unwrap();
    let on = feed(&mut registry, &[good(3, true, 4), good(3, true, 5)]);
    let row = rows(&on)[0];
    assert_eq!((on.len(), row.event, row.from, row.to), (1, "suppressed", AlarmState::Acked, AlarmState::Dsupr));
    assert_eq!((row.actor.as_str(), row.annunciated, registry.counts().suppressed), ("system", false, 1));
    let bad = [change(3, Some(false.into()), Quality::BAD_TIMEOUT, 6), good(3, "no", 6)];
    assert_eq!(feed(&mut registry, &bad), [], "what must not be used neither suppresses nor releases");
    let off = feed(&mut registry, &[good(3, false, 7)]);
    assert_eq!((states(&off), rows(&off)[0].event), (vec![(1, "UNACK")], "unsuppressed"));

    // A definition without it releases it as well.
    feed(&mut registry, &[good(3, true, 8)]);
    let changed = NewAlarm { suppressed: None, ..bound() };
    let released = registry.change(&[], vec![changed], at(9)).unwrap();
    assert_eq!(rows(&released.effects).iter().map(|row| row.event).collect::<Vec<_>>(), ["unsuppressed"]);
    let suppressed = registry.change(&[], vec![bound()], at(10)).unwrap();
    assert_eq!(rows(&suppressed.effects).iter().map(|row| row.event).collect::<Vec<_>>(), ["suppressed"]);
}

#[test]
fn the_first_of_a_group_is_marked_until_the_group_is_normal() {
    let group = |id| {
        let mut new = alarm(id, AlarmKind::High, 10.0);
        new.definition.group = Some("trip".to_owned());
        new
    };
    let mut registry = registry(vec![group(0), group(1), group(2), alarm(3, AlarmKind::High, 10.0)]);
    let firsts = |registry: &Registry| registry.statuses().map(|status| status.first_out).collect::<Vec<_>>();
    feed(&mut registry, &[good(3, 11.0, 1), good(1, 11.0, 2), good(0, 11.0, 2), good(2, 11.0, 3)]);
    assert_eq!(firsts(&registry), [false, true, false, false]);
    // The first returns and trips again while others stand: it was not the first this time.
    feed(&mut registry, &[good(1, 0.0, 4), good(1, 11.0, 5)]);
    assert_eq!(firsts(&registry), [false; 4]);
    feed(&mut registry, &[good(0, 0.0, 6), good(1, 0.0, 6), good(2, 0.0, 6)]);
    for id in 0..3 {
        acknowledge(&mut registry, id, "ann", 7).unwrap();
    }
    feed(&mut registry, &[good(2, 11.0, 8), good(0, 11.0, 8)]);
    assert_eq!(firsts(&registry), [false, false, true, false]);
    // A member that leaves does not hold the group.
    registry.change(&[AlarmId(0), AlarmId(2)], vec![], at(9)).unwrap();
    feed(&mut registry, &[good(1, 11.0, 10)]);
    assert!(status(&registry, 1).first_out);
}

#[test]
fn what_is_due_is_done_once_each_and_within_the_budget() {
    let delayed = |id| {
        let mut new = alarm(id, AlarmKind::High, 10.0);
        new.definition = new.definition.with_delays(10_000, 0);
        new
    };
    let mut registry = registry((0..10).map(delayed).collect());
    let begun = registry.evaluate(&(0..10).map(|tag| good(tag, 11.0, 1)).collect::<Vec<_>>(), at(1), usize::MAX);
    assert!(begun.effects.iter().all(|effect| effect.record.as_ref().is_some_and(|it| it.transition.is_none())));
    assert_eq!(registry.next_due(), Some(at(11)));
    assert_eq!(registry.tick(at(10), 100), []);
    assert_eq!(states(&registry.tick(at(11), 3)), [(0, "UNACK"), (1, "UNACK"), (2, "UNACK")]);
    assert_eq!(registry.next_due(), Some(at(11)));
    assert_eq!(registry.tick(at(11), 100).len(), 7);
    assert_eq!((registry.next_due(), registry.tick(at(99), 100)), (None, vec![]));
    // A removed alarm is due no more.
    registry.change(&[], vec![delayed(20)], at(20)).unwrap();
    registry.evaluate(&[good(20, 11.0, 20)], at(20), usize::MAX);
    assert_eq!(registry.next_due(), Some(at(30)));
    registry.change(&[AlarmId(20)], vec![], at(21)).unwrap();
    assert_eq!(registry.next_due(), None);
}

#[test]
fn a_delay_that_begins_is_kept_and_nobody_is_told() {
    let mut delayed = alarm(1, AlarmKind::High, 10.0);
    delayed.definition = delayed.definition.with_delays(10_000, 0);
    let mut registry = registry(vec![delayed]);
    feed(&mut registry, &[good(1, 5.0, 1)]);
    let begun = feed(&mut registry, &[good(1, 11.0, 2)]);
    assert!(begun.len() == 1 && begun[0].is_quiet);
    assert!(begun[0].record.as_ref().is_some_and(|record| record.memory.pending.is_some()));
    let ended = feed(&mut registry, &[good(1, 5.0, 3)]);
    assert!(ended.len() == 1 && ended[0].is_quiet);
    assert!(ended[0].record.as_ref().is_some_and(|record| record.memory.pending.is_none()));
}

#[test]
fn what_was_due_goes_before_the_samples_of_a_late_timer() {
    let delayed = |id| {
        let mut new = alarm(id, AlarmKind::High, 10.0);
        new.definition = new.definition.with_delays(10_000, 0);
        new
    };
    let mut registry = registry((0..3).map(delayed).collect());
    registry.evaluate(&[good(0, 11.0, 1), good(1, 11.0, 1), good(2, 11.0, 1)], at(1), usize::MAX);
    let changes = [good(0, 5.0, 30), good(1, 12.0, 30)];
    let first = registry.evaluate(&changes, at(30), 2);
    assert_eq!((first.consumed, states(&first.effects)), (0, vec![(0, "UNACK"), (1, "UNACK")]));
    let rest = registry.evaluate(&changes, at(30), 100);
    assert_eq!((rest.consumed, states(&rest.effects)), (2, vec![(2, "UNACK"), (0, "RTNUN")]));
    let row = rows(&first.effects)[0];
    assert_eq!((row.value.clone(), row.occurred, row.recorded), (Some(11.0.into()), at(11), at(30)));
}

//! Commands: limits of a shelf, reasons, what a refusal leaves behind.

use super::*;
use std::time::Duration;

const HOUR: u64 = 3_600;

fn shelve(hours: u64) -> AlarmCommand {
    AlarmCommand::Shelve { time: Some(Duration::from_secs(hours * HOUR)), one_shot: false }
}

fn command(registry: &mut Registry, id: u32, command: &AlarmCommand) -> Result<Vec<AlarmEffect>, AlarmError> {
    registry.command(AlarmId(id), command, "ann", Some("because"), at(10))
}

/// One alarm of each priority, ids 0 to 3 from low to critical, and one that may never be shelved.
fn priorities() -> Registry {
    let mut alarms: Vec<NewAlarm> = (0..5).map(|id| alarm(id, AlarmKind::High, 10.0)).collect();
    for (alarm, priority) in
        alarms.iter_mut().zip([Priority::Low, Priority::Medium, Priority::High, Priority::Critical])
    {
        alarm.definition.priority = priority;
    }
    alarms[4].definition.max_shelve_ms = Some(0);
    registry(alarms)
}

#[test]
fn a_shelf_is_capped_by_priority_and_by_the_definition() {
    let mut registry = priorities();
    for (id, most) in [(0, 24), (1, 8), (2, 4), (3, 1)] {
        let too_long = command(&mut registry, id, &shelve(most + 1));
        let most = Duration::from_secs(most * HOUR);
        assert_eq!(too_long, Err(AlarmError::ShelvedTooLong { alarm: format!("a{id}"), most }));
        assert_eq!(status(&registry, id).state, AlarmState::Norm);
        let longest = AlarmCommand::Shelve { time: Some(most), one_shot: false };
        command(&mut registry, id, &longest).unwrap();
        assert_eq!(status(&registry, id).flags.shelf.unwrap().until, at(10) + most);
        command(&mut registry, id, &AlarmCommand::Shelve { time: None, one_shot: true }).unwrap();
        let shelf = status(&registry, id).flags.shelf.unwrap();
        assert_eq!((shelf.until, shelf.one_shot), (at(10) + most, true), "as long as may be");
    }
    for time in [None, Some(Duration::from_secs(1)), Some(Duration::ZERO)] {
        let refused = command(&mut registry, 4, &AlarmCommand::Shelve { time, one_shot: false });
        assert!(matches!(refused, Err(AlarmError::ShelvedTooLong { most: Duration::ZERO, .. })), "{refused:?}");
    }
    let nothing = AlarmCommand::Shelve { time: Some(Duration::ZERO), one_shot: false };
    assert!(command(&mut registry, 0, &nothing).is_err());

    let limits = ShelfLimits { critical: Duration::ZERO, ..ShelfLimits::default() };
    registry.set_shelf_limits(limits);
    assert!(command(&mut registry, 3, &shelve(1)).is_err());
    let mut own = alarm(9, AlarmKind::High, 10.0);
    own.definition.max_shelve_ms = Some(48 * 3_600_000);
    registry.add(vec![own], at(0)).unwrap();
    command(&mut registry, 9, &shelve(48)).unwrap();
}

#[test]
fn shelve_out_of_service_and_comment_need_a_reason() {
    let mut registry = registry(vec![alarm(1, AlarmKind::High, 10.0)]);
    feed(&mut registry, &[good(1, 11.0, 1)]);
    let before = status(&registry, 1);
    for command in [shelve(1), AlarmCommand::TakeOutOfService, AlarmCommand::Comment] {
        for reason in [None, Some(""), Some(" \t ")] {
            let refused = registry.command(AlarmId(1), &command, "ann", reason, at(2));
            assert_eq!(refused, Err(AlarmError::ReasonNeeded), "{command:?} {reason:?}");
        }
    }
    assert_eq!(status(&registry, 1), before);
    for command in [AlarmCommand::Silence, AlarmCommand::Acknowledge] {
        registry.command(AlarmId(1), &command, "ann", None, at(2)).unwrap();
    }
    let told = registry.command(AlarmId(1), &AlarmCommand::Comment, "ann", Some(" on my way "), at(3)).unwrap();
    assert_eq!(rows(&told)[0].reason.as_deref(), Some("on my way"));
}

#[test]
fn what_is_refused_brings_about_no_effect_and_says_what_is_allowed() {
    let mut registry = registry(vec![alarm(1, AlarmKind::High, 10.0)]);
    feed(&mut registry, &[good(1, 5.0, 1)]);
    let before: Vec<_> = registry.statuses().collect();
    for (wanted, word) in [
        (AlarmCommand::Acknowledge, "acknowledged"),
        (AlarmCommand::Reset, "reset"),
        (AlarmCommand::Silence, "silenced"),
        (AlarmCommand::Comment, "commented"),
        (AlarmCommand::Unshelve, "unshelved"),
        (AlarmCommand::ReturnToService, "returned_to_service"),
    ] {
        let outcome = command(&mut registry, 1, &wanted);
        let Err(AlarmError::WrongState { alarm, state, event, allowed }) = outcome else { panic!("{outcome:?}") };
        assert_eq!((alarm, state, event), (AlarmId(1), AlarmState::Norm, word));
        assert_eq!(allowed, ["shelve", "out_of_service"]);
    }
    assert_eq!(registry.statuses().collect::<Vec<_>>(), before);
    let unknown = command(&mut registry, 7, &AlarmCommand::Silence);
    assert_eq!(unknown, Err(AlarmError::UnknownAlarm(AlarmId(7))));
}

#[test]
fn hidden_alarms_are_counted_as_such_and_as_nothing_else() {
    let mut registry = registry((0..4).map(|id| alarm(id, AlarmKind::High, 10.0)).collect());
    feed(&mut registry, &[good(0, 11.0, 1), good(1, 11.0, 1), good(2, 11.0, 1), good(3, 11.0, 1)]);
    command(&mut registry, 0, &shelve(1)).unwrap();
    command(&mut registry, 1, &AlarmCommand::TakeOutOfService).unwrap();
    let hidden = AlarmCounts {
        total: 4,
        unacknowledged: 2,
        active: 2,
        standing: 2,
        shelved: 1,
        out_of_service: 1,
        ..AlarmCounts::default()
    };
    assert_eq!(registry.counts(), hidden);
    command(&mut registry, 1, &shelve(1)).unwrap_err();
    let back = command(&mut registry, 1, &AlarmCommand::ReturnToService).unwrap();
    assert_eq!((states(&back), rows(&back)[0].annunciated), (vec![(1, "UNACK")], true));
    assert_eq!(
        registry.counts(),
        AlarmCounts { unacknowledged: 3, active: 3, standing: 3, out_of_service: 0, ..hidden }
    );
}

#[test]
fn a_step_up_in_severity_has_an_acknowledged_alarm_stand_unacknowledged() {
    let with = |priority| {
        let mut new = alarm(1, AlarmKind::High, 10.0);
        new.definition.priority = priority;
        vec![new]
    };
    let mut registry = registry(with(Priority::Medium));
    feed(&mut registry, &[good(1, 11.0, 1)]);
    acknowledge(&mut registry, 1, "ann", 2).unwrap();
    let lowered = registry.change(&[], with(Priority::Low), at(3)).unwrap();
    assert_eq!(rows(&lowered.effects), Vec::<&AlarmTransition>::new());
    let raised = registry.change(&[], with(Priority::Critical), at(4)).unwrap();
    let row = rows(&raised.effects)[0];
    assert_eq!((row.event, row.from, row.to), ("escalated", AlarmState::Acked, AlarmState::Unack));
    assert_eq!((row.actor.as_str(), row.occurred), ("system", at(4)));
    assert_eq!((registry.counts().unacknowledged, status(&registry, 1).occurrence), (1, 1));
}

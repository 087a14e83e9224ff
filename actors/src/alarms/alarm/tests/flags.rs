//! Shelving, suppression by design, out of service; silence and comments.

use super::*;
use AlarmState::{Acked, Dsupr, Ltack, Ltunk, Norm, Oosrv, Rtnun, Shlvd, Unack};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Flag {
    Shelf,
    Design,
    Service,
}

const FLAGS: [Flag; 3] = [Flag::Shelf, Flag::Design, Flag::Service];

fn put(script: &mut Script, flag: Flag) -> AlarmTransition {
    script.by(|alarm, deed| match flag {
        Flag::Shelf => alarm.shelve(at(1_000), false, deed).unwrap(),
        Flag::Design => alarm.suppress(true, deed).unwrap(),
        Flag::Service => alarm.take_out_of_service(deed).unwrap(),
    })
}

fn release(script: &mut Script, flag: Flag) -> AlarmTransition {
    script.by(|alarm, deed| match flag {
        Flag::Shelf => alarm.unshelve(deed).unwrap(),
        Flag::Design => alarm.suppress(false, deed).unwrap(),
        Flag::Service => alarm.return_to_service(deed).unwrap(),
    })
}

fn latching(definition: &mut AlarmDefinition) {
    definition.latching = true;
}

#[test]
fn out_of_service_is_shown_over_suppressed_over_shelved_over_the_core() {
    for set in 0..8_usize {
        let flags: Vec<Flag> = (0..3).filter(|bit| set & (1 << bit) != 0).map(|bit| FLAGS[bit]).collect();
        let mut script = high_in(Acked, |_| {});
        // The shelf first: it is refused over the others.
        flags.iter().for_each(|flag| drop(put(&mut script, *flag)));
        let expected = match flags.last() {
            None => Acked,
            Some(Flag::Shelf) => Shlvd,
            Some(Flag::Design) => Dsupr,
            Some(Flag::Service) => Oosrv,
        };
        assert_eq!(script.states(), (expected, Acked), "{flags:?}");
    }
}

#[test]
fn flags_come_off_in_any_order_and_only_the_last_one_shows_the_alarm() {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let mut script = high_in(Acked, |_| {});
        FLAGS.into_iter().for_each(|flag| drop(put(&mut script, flag)));
        let [first, second, last] = order.map(|flag| FLAGS[flag]);
        let mut shown = Oosrv;
        for flag in [first, second] {
            let row = release(&mut script, flag);
            assert_eq!((row.from, row.to, row.annunciated), (shown, script.states().0, false), "{order:?} {flag:?}");
            assert!(!row.to.is_core());
            assert_eq!(script.states().1, Acked, "{order:?} {flag:?}");
            shown = row.to;
        }
        let row = release(&mut script, last);
        assert_eq!((row.from, row.to, row.annunciated), (shown, Unack, true), "{order:?}");
    }
}

#[test]
fn on_release_a_true_condition_stands_unacknowledged_and_a_false_one_is_normal() {
    for flag in FLAGS {
        for (beneath, after) in
            [(Norm, Norm), (Unack, Unack), (Acked, Unack), (Rtnun, Norm), (Ltunk, Norm), (Ltack, Norm)]
        {
            let mut script = high_in(beneath, |definition| definition.latching = matches!(beneath, Ltunk | Ltack));
            let on = put(&mut script, flag);
            let hidden = script.states().0;
            assert_eq!((on.from, on.to, on.annunciated), (beneath, hidden, false), "{flag:?} over {beneath:?}");
            script.seconds = 50;
            let off = release(&mut script, flag);
            assert_eq!((off.from, off.to, off.annunciated), (hidden, after, true), "{flag:?} over {beneath:?}");
            assert_eq!(script.states(), (after, after));
            let memory = script.alarm.memory();
            assert_eq!((memory.acknowledged_at, memory.occurrence), (None, 3), "{flag:?} over {beneath:?}");
            let cleared = (after == Norm && beneath != Norm).then_some(at(50));
            assert_eq!(memory.cleared_at, cleared, "{flag:?} over {beneath:?}");
        }
    }
}

#[test]
fn evaluation_goes_on_beneath_a_flag_and_tells_nobody() {
    for flag in FLAGS {
        let mut script = high_in(Norm, latching);
        put(&mut script, flag);
        let hidden = script.states().0;
        for (value, event, core, occurrence) in
            [(11.0, "activated", Unack, 4), (0.0, "returned", Ltunk, 4), (12.0, "activated", Unack, 4)]
        {
            let rows = script.good(value);
            assert_eq!((events(&rows), rows[0].to, rows[0].annunciated), (vec![event], core, false), "{flag:?}");
            assert_eq!((script.states(), rows[0].occurrence), ((hidden, core), occurrence), "{flag:?}");
        }
        for refused in [script.acknowledge().unwrap_err(), script.by(Alarm::silence).unwrap_err()] {
            let AlarmError::WrongState { state, .. } = refused else { panic!("{refused}") };
            assert_eq!(state, hidden, "what is not seen is not acknowledged");
        }
        assert_eq!(release(&mut script, flag).to, Unack);
    }
}

#[test]
fn a_re_alarm_waits_until_the_alarm_is_seen() {
    let mut script = high_in(Acked, |definition| definition.re_alarm_ms = Some(60_000));
    assert_eq!(script.alarm.due(), Some(at(62)));
    put(&mut script, Flag::Design);
    assert_eq!((script.alarm.due(), script.at(500)), (None, vec![]));
}

#[test]
fn a_shelf_ends_by_the_clock_without_a_sample() {
    for (beneath, after) in [(Acked, Unack), (Rtnun, Norm), (Norm, Norm)] {
        let mut script = high_in(beneath, |_| {});
        put(&mut script, Flag::Shelf);
        script.sample(0.0, Quality::BAD_NO_COMMUNICATION);
        assert_eq!((script.alarm.due(), script.at(999)), (Some(at(1_000)), vec![]));
        let rows = script.at(1_000);
        assert_eq!((events(&rows), rows[0].from, rows[0].to), (vec!["unshelved"], Shlvd, after));
        assert_eq!((rows[0].actor.as_str(), rows[0].reason.as_deref()), ("system", Some("the time is up")));
        assert_eq!((script.states().0, script.alarm.due()), (after, None));
    }
}

#[test]
fn a_one_shot_shelf_ends_when_the_condition_is_false() {
    let one_shot = |script: &mut Script| script.by(|alarm, deed| alarm.shelve(at(1_000), true, deed).unwrap());
    let mut script = high_in(Unack, |definition| definition.off_delay_ms = 10_000);
    one_shot(&mut script);
    assert_eq!(script.good(0.0), [], "not for the off-delay yet");
    let rows = script.at(14);
    assert_eq!(events(&rows), ["returned", "unshelved"]);
    assert_eq!((rows[0].annunciated, rows[1].annunciated), (false, true));
    assert_eq!((rows[1].from, rows[1].to), (Shlvd, Norm));
    // On an alarm at rest it waits for an occurrence to end.
    let mut script = high_in(Norm, |_| {});
    one_shot(&mut script);
    assert_eq!(script.good(1.0), []);
    assert_eq!(events(&script.good(11.0)), ["activated"]);
    assert_eq!(script.states(), (Shlvd, Unack));
    assert_eq!(events(&script.good(1.0)), ["returned", "unshelved"]);
    // And by the clock where that is sooner.
    one_shot(&mut script);
    assert_eq!(events(&script.at(1_000)), ["unshelved"]);
    // A timed one stays.
    let mut script = high_in(Unack, |_| {});
    put(&mut script, Flag::Shelf);
    assert_eq!((events(&script.good(0.0)), script.states()), (vec!["returned"], (Shlvd, Rtnun)));
}

#[test]
fn what_is_suppressed_or_out_of_service_is_not_shelved() {
    for flag in [Flag::Design, Flag::Service] {
        let mut script = high_in(Unack, |_| {});
        put(&mut script, flag);
        assert!(!script.alarm.allowed().contains(&"shelve"));
        let refused = script.by(|alarm, deed| alarm.shelve(at(1_000), false, deed)).unwrap_err();
        let AlarmError::WrongState { event, .. } = refused else { panic!("{refused}") };
        assert_eq!((event, script.alarm.memory().flags.shelf.is_none()), ("shelved", true));
    }
}

#[test]
fn a_flag_is_put_and_taken_once() {
    let mut script = high_in(Unack, |_| {});
    assert!(script.by(Alarm::unshelve).is_err() && script.by(Alarm::return_to_service).is_err());
    assert!(script.by(|alarm, deed| alarm.suppress(false, deed)).is_none());
    put(&mut script, Flag::Shelf);
    let again = script.by(|alarm, deed| alarm.shelve(at(2_000), true, deed)).unwrap();
    assert_eq!((again.from, again.to), (Shlvd, Shlvd));
    let shelf = script.alarm.memory().flags.shelf.clone().unwrap();
    assert_eq!(
        (shelf.until, shelf.one_shot, shelf.by.as_str(), shelf.reason.as_str()),
        (at(2_000), true, "ann", "because")
    );
    put(&mut script, Flag::Design);
    assert!(script.by(|alarm, deed| alarm.suppress(true, deed)).is_none());
    put(&mut script, Flag::Service);
    assert!(script.by(Alarm::take_out_of_service).is_err());
    let service = script.alarm.memory().flags.out_of_service.clone().unwrap();
    assert_eq!((service.by.as_str(), service.reason.as_str()), ("ann", "because"));
}

#[test]
fn to_silence_is_not_to_acknowledge() {
    let mut script = high_in(Unack, |_| {});
    let row = script.by(Alarm::silence).unwrap();
    assert_eq!((row.event, row.from, row.to), ("silenced", Unack, Unack));
    let status = script.alarm.status();
    assert_eq!((status.state, status.silenced, status.acknowledged_at), (Unack, true, None));
    assert!(script.by(Alarm::silence).is_err() && script.alarm.allowed().contains(&"acknowledge"));
    script.good(0.0);
    script.good(11.0);
    assert!(!script.alarm.status().silenced, "the horn sounds with each occurrence");
    for state in [Norm, Acked, Rtnun] {
        assert!(high_in(state, |_| {}).by(Alarm::silence).is_err(), "{state:?}: there is no horn");
    }
}

#[test]
fn a_comment_is_about_an_occurrence() {
    let mut fresh = Script::new(high(|_| {}));
    assert!(fresh.by(Alarm::comment).is_err());
    for state in [Norm, Unack, Acked, Rtnun] {
        let mut script = high_in(state, |_| {});
        let before = script.alarm.memory().clone();
        let row = script.by(Alarm::comment).unwrap();
        assert_eq!((row.event, row.from, row.to, row.occurrence), ("commented", state, state, 3));
        assert_eq!((row.actor.as_str(), row.reason.as_deref()), ("ann", Some("because")));
        assert_eq!(*script.alarm.memory(), before);
    }
}

#[test]
fn an_end_by_the_configuration_takes_flags_and_delays_along() {
    let mut script = high_in(Norm, |definition| definition.on_delay_ms = 1_000);
    script.good(11.0);
    let end = |script: &mut Script| script.by(|alarm, deed| alarm.end(AlarmEvent::Removed, deed.sample, deed.now));
    assert_eq!((end(&mut script), script.alarm.due()), (None, None));
    for (beneath, cleared) in [(Norm, None), (Acked, Some(at(4)))] {
        let mut script = high_in(beneath, |_| {});
        put(&mut script, Flag::Shelf);
        let row = end(&mut script).unwrap();
        assert_eq!((row.from, row.to, row.event, row.reason), (Shlvd, Norm, "removed", None));
        let memory = script.alarm.memory();
        assert_eq!((memory.flags.is_empty(), memory.cleared_at), (true, cleared));
    }
}

//! On-delay and off-delay.

use super::super::super::rows;
use super::*;
use std::time::Duration;

/// In `state`, with an on-delay of 10 s and an off-delay of 20 s; it is 100 s.
fn delayed(state: AlarmState) -> Script {
    let mut script = high_in(state, |definition| (definition.on_delay_ms, definition.off_delay_ms) = (10_000, 20_000));
    script.seconds = 100;
    script
}

#[test]
fn delays_end_by_the_clock_without_a_sample() {
    let mut script = delayed(AlarmState::Norm);
    assert_eq!(script.good(11.0), []);
    assert_eq!((script.states().0, script.alarm.due()), (AlarmState::Norm, Some(at(110))));
    assert_eq!(script.at(109), []);
    let rows = script.at(110);
    assert_eq!((events(&rows), script.states().0, script.alarm.due()), (vec!["activated"], AlarmState::Unack, None));
    // The source time of the change, 99 s, and the delay.
    assert_eq!((rows[0].occurred, rows[0].recorded), (at(109), at(110)));
    assert_eq!(script.alarm.memory().raised_at, Some(at(109)));

    assert_eq!(script.good(7.0), []);
    assert_eq!(script.alarm.due(), Some(at(130)));
    // Noticed late: it counts as of then all the same.
    let rows = script.at(135);
    assert_eq!((events(&rows), script.states().0), (vec!["returned"], AlarmState::Rtnun));
    assert_eq!((rows[0].occurred, rows[0].recorded), (at(129), at(135)));
    assert_eq!(script.alarm.memory().returned_at, Some(at(129)));
}

#[test]
fn a_delay_also_ends_with_a_sample_that_says_the_same() {
    let mut script = delayed(AlarmState::Norm);
    script.good(11.0);
    script.seconds = 112;
    let rows = script.good(13.0);
    assert_eq!((events(&rows), rows[0].occurred), (vec!["activated"], at(109)));
    assert_eq!(rows[0].value, Some(13.0.into()));
}

#[test]
fn what_flickers_for_less_than_the_delay_does_nothing() {
    let mut script = delayed(AlarmState::Norm);
    for second in (100..140).step_by(10) {
        script.seconds = second;
        assert_eq!(script.good(11.0), []);
        assert_eq!(script.at(second + 9), []);
        assert_eq!(script.good(7.9), []);
        assert_eq!((script.alarm.due(), script.alarm.memory().pending), (None, None));
    }
    let mut script = delayed(AlarmState::Acked);
    script.good(7.0);
    script.at(119);
    assert_eq!(script.good(10.1), []);
    assert_eq!((script.states().0, script.alarm.due()), (AlarmState::Acked, None));
}

#[test]
fn a_value_within_the_dead_band_does_not_end_a_delay() {
    let mut script = delayed(AlarmState::Norm);
    script.good(11.0);
    script.seconds = 105;
    assert_eq!(script.good(9.0), []);
    assert_eq!(events(&script.at(110)), ["activated"]);
    script.good(7.0);
    script.seconds = 115;
    script.good(10.0);
    assert_eq!(events(&script.at(130)), ["returned"]);
}

#[test]
fn a_bad_value_holds_a_delay_and_a_usable_one_decides() {
    for (state, value, other, event) in
        [(AlarmState::Norm, 11.0, 7.0, "activated"), (AlarmState::Unack, 7.0, 11.0, "returned")]
    {
        for (usable, expected) in [(value, vec![event]), (9.0, vec![event]), (other, vec![])] {
            let mut script = delayed(state);
            script.good(value);
            script.seconds = 104;
            assert_eq!(script.sample(other, Quality::BAD_NO_COMMUNICATION), []);
            assert_eq!(script.alarm.due(), None, "nothing is due while nobody knows");
            assert_eq!(script.at(200), []);
            assert_eq!(script.sample(f64::NAN, Quality::GOOD), []);
            assert!(script.alarm.memory().pending.is_some());
            let rows = script.good(usable);
            assert_eq!(events(&rows), expected, "{state:?} {usable}");
        }
    }
}

#[test]
fn a_usable_value_before_the_deadline_lets_the_delay_run_to_its_end() {
    let mut script = delayed(AlarmState::Norm);
    script.good(11.0);
    script.sample(11.0, Quality::BAD_TIMEOUT);
    script.seconds = 105;
    assert_eq!(script.good(12.0), []);
    assert_eq!(script.alarm.due(), Some(at(110)), "as if it had never been bad");
    assert_eq!(events(&script.at(110)), ["activated"]);
}

#[test]
fn a_delay_under_way_survives_a_restart_exactly() {
    for (state, value, due) in [(AlarmState::Rtnun, 11.0, 110), (AlarmState::Acked, 7.0, 120)] {
        let mut before = delayed(state);
        before.good(value);
        let row = rows::state_row(AlarmId(1), before.alarm.memory()).unwrap();
        let (_, memory) = rows::memory_of(row).unwrap();
        assert_eq!(memory, *before.alarm.memory());
        let restarted = || {
            let new = NewAlarm { memory: Some(memory.clone()), ..high(|_| {}) };
            let definition = before.alarm.definition().clone();
            let mut after = Script::new(NewAlarm { definition, ..new });
            after.seconds = 104;
            after
        };
        let mut same = restarted();
        assert_eq!((same.alarm.due(), same.at(500)), (None, vec![]), "held until something usable is seen");
        same.seconds = 104;
        assert_eq!(same.good(value), []);
        assert_eq!(same.alarm.due(), Some(at(due)));
        let rows = same.at(due);
        assert_eq!((rows.len(), rows[0].occurred), (1, at(due - 1)));
        let mut within = restarted();
        assert_eq!((within.good(9.0), within.alarm.due()), (vec![], Some(at(due))));
        let mut other = restarted();
        other.good(18.0 - value);
        assert_eq!((other.states().0, other.alarm.due()), (state, None), "the condition has changed meanwhile");
        let mut late = restarted();
        late.seconds = 300;
        assert_eq!(late.good(value)[0].occurred, at(due - 1));
    }
}

#[test]
fn a_delay_begins_anew_with_each_change_and_ends_to_the_microsecond() {
    let mut script = delayed(AlarmState::Norm);
    script.good(11.0);
    script.seconds = 105;
    script.good(7.0);
    script.good(11.0);
    assert_eq!(script.alarm.due(), Some(at(115)));
    let sample = Sample { value: Some(&Value::Float(11.0)), quality: Quality::GOOD, source_time: at(0) };
    assert_eq!(script.alarm.tick(sample, at(115) - Duration::from_micros(1)), []);
    assert_eq!(script.alarm.tick(sample, at(115)).len(), 1);
}

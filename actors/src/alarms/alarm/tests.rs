use super::super::test_support::{alarm, at};
use super::*;
use flyball_schema::definition::AlarmKind;

mod delays;
mod flags;

/// HIGH at 10 with a dead-band of 2, as `change` makes of it.
fn high(change: impl FnOnce(&mut AlarmDefinition)) -> NewAlarm {
    let mut new = alarm(1, AlarmKind::High, 10.0);
    new.definition = new.definition.with_dead_band(2.0);
    change(&mut new.definition);
    new
}

/// That alarm in `state` of occurrence 3, acknowledged at 2 s where it is, its condition seen to be as the state says.
fn high_in(state: AlarmState, change: impl FnOnce(&mut AlarmDefinition)) -> Script {
    let acknowledged_at = (state == AlarmState::Acked).then_some(at(2));
    let memory =
        AlarmMemory { state, occurrence: 3, raised_at: Some(at(1)), acknowledged_at, ..AlarmMemory::default() };
    let mut script = Script::new(NewAlarm { memory: Some(memory), ..high(change) });
    let seen = script.good(if state.is_active() { 11.0 } else { 7.0 });
    assert_eq!(seen, [], "nothing moved: {state:?}");
    script
}

/// An alarm, the time in seconds, and what its tag shows.
struct Script {
    alarm: Alarm,
    seconds: i64,
    value: Value,
    quality: Quality,
}

impl Script {
    fn new(new: NewAlarm) -> Self {
        let alarm = Alarm::new(new).unwrap();
        Self { alarm, seconds: 4, value: Value::Float(0.0), quality: Quality::BAD_WAITING_FOR_INITIAL_DATA }
    }

    /// A good value; the events.
    fn good(&mut self, value: f64) -> Vec<AlarmTransition> {
        self.sample(value, Quality::GOOD)
    }

    /// A sample, noticed a second after it was.
    fn sample(&mut self, value: f64, quality: Quality) -> Vec<AlarmTransition> {
        (self.value, self.quality) = (Value::Float(value), quality);
        let sample = Sample { value: Some(&self.value), quality, source_time: at(self.seconds - 1) };
        self.alarm.feed(sample, at(self.seconds))
    }

    /// It is so late now, and what is due is done.
    fn at(&mut self, seconds: i64) -> Vec<AlarmTransition> {
        self.seconds = seconds;
        let sample = Sample { value: Some(&self.value), quality: self.quality, source_time: at(seconds) };
        self.alarm.tick(sample, at(seconds))
    }

    fn by<T>(&mut self, deed: impl FnOnce(&mut Alarm, Deed<'_>) -> T) -> T {
        let now = at(self.seconds);
        let sample = Sample { value: Some(&self.value), quality: self.quality, source_time: now };
        deed(&mut self.alarm, Deed { by: "ann", reason: Some("because"), now, sample })
    }

    fn acknowledge(&mut self) -> Result<AlarmTransition, AlarmError> {
        self.by(Alarm::acknowledge)
    }

    fn reset(&mut self) -> Result<AlarmTransition, AlarmError> {
        self.by(Alarm::reset)
    }

    /// The state shown, and the one beneath.
    fn states(&self) -> (AlarmState, AlarmState) {
        (self.alarm.shown(), self.alarm.state())
    }
}

fn events(rows: &[AlarmTransition]) -> Vec<&'static str> {
    rows.iter().map(|row| row.event).collect()
}

#[derive(Clone, Copy)]
enum Step {
    /// A good value.
    Good(f64),
    /// Bad quality, with a value as good as any.
    Bad(f64),
    Acknowledge,
    Reset,
    /// The re-alarm time of 60 s is over.
    ReAlarmTime,
    /// A step up in severity.
    Escalation,
}

fn take(script: &mut Script, step: Step) -> Result<Option<AlarmTransition>, AlarmError> {
    let mut rows = match step {
        Step::Good(value) => script.good(value),
        Step::Bad(value) => script.sample(value, Quality::BAD_TIMEOUT),
        Step::Acknowledge => vec![script.acknowledge()?],
        Step::Reset => vec![script.reset()?],
        Step::ReAlarmTime => script.at(62),
        Step::Escalation => script.by(|alarm, deed| alarm.escalate(deed.sample, deed.now)).into_iter().collect(),
    };
    assert!(rows.len() <= 1, "{rows:?}");
    Ok(rows.pop())
}

/// The rows of the standard's table for the core states, each by name: how the alarm is, state, what happens, state after,
/// what the journal says (`-` for no row, `!` for refused), occurrence after.
#[test]
fn every_row_of_the_transition_table() {
    use AlarmState::{Acked, Ltack, Ltunk, Norm, Rtnun, Unack};
    use Manner::{AutoAcknowledge, Latching, Plain};
    use Step::{Acknowledge, Bad, Escalation, Good, ReAlarmTime, Reset};
    let rows = [
        ("NORM, condition true: UNACK", Plain, Norm, Good(10.1), Unack, "activated", 4),
        ("NORM, condition false: stays", Plain, Norm, Good(7.0), Norm, "-", 3),
        ("NORM, within the dead-band: stays", Plain, Norm, Good(9.0), Norm, "-", 3),
        ("NORM, bad value above the limit: held", Plain, Norm, Bad(99.0), Norm, "-", 3),
        ("NORM, acknowledge: refused", Plain, Norm, Acknowledge, Norm, "!", 3),
        ("NORM, reset: refused", Latching, Norm, Reset, Norm, "!", 3),
        ("NORM, re-alarm time: stays", Plain, Norm, ReAlarmTime, Norm, "-", 3),
        ("NORM, step up in severity: stays", Plain, Norm, Escalation, Norm, "-", 3),
        ("UNACK, acknowledge: ACKED", Plain, Unack, Acknowledge, Acked, "acknowledged", 3),
        ("UNACK, condition false: RTNUN", Plain, Unack, Good(7.9), Rtnun, "returned", 3),
        ("UNACK, condition false, auto-acknowledge: NORM", AutoAcknowledge, Unack, Good(7.9), Norm, "returned", 3),
        ("UNACK, condition false, latching: LTUNK", Latching, Unack, Good(7.9), Ltunk, "returned", 3),
        ("UNACK, condition true: stays", Plain, Unack, Good(99.0), Unack, "-", 3),
        ("UNACK, within the dead-band: stays", Plain, Unack, Good(8.0), Unack, "-", 3),
        ("UNACK, bad value below the limit: held", Plain, Unack, Bad(0.0), Unack, "-", 3),
        ("UNACK, reset: refused", Latching, Unack, Reset, Unack, "!", 3),
        ("UNACK, re-alarm time: stays", Plain, Unack, ReAlarmTime, Unack, "-", 3),
        ("UNACK, step up in severity: stays", Plain, Unack, Escalation, Unack, "-", 3),
        ("ACKED, condition false: NORM", Plain, Acked, Good(7.9), Norm, "returned", 3),
        ("ACKED, condition false, auto-acknowledge: NORM", AutoAcknowledge, Acked, Good(7.9), Norm, "returned", 3),
        ("ACKED, condition false, latching: LTACK", Latching, Acked, Good(7.9), Ltack, "returned", 3),
        ("ACKED, condition true: stays", Plain, Acked, Good(99.0), Acked, "-", 3),
        ("ACKED, bad value below the limit: held", Plain, Acked, Bad(0.0), Acked, "-", 3),
        ("ACKED, acknowledge: refused", Plain, Acked, Acknowledge, Acked, "!", 3),
        ("ACKED, reset: refused", Latching, Acked, Reset, Acked, "!", 3),
        ("ACKED, re-alarm time: UNACK", Plain, Acked, ReAlarmTime, Unack, "re_alarmed", 3),
        ("ACKED, step up in severity: UNACK", Plain, Acked, Escalation, Unack, "escalated", 3),
        ("RTNUN, acknowledge: NORM", Plain, Rtnun, Acknowledge, Norm, "acknowledged", 3),
        ("RTNUN, condition true: UNACK, a new occurrence", Plain, Rtnun, Good(10.1), Unack, "activated", 4),
        ("RTNUN, condition false: stays", Plain, Rtnun, Good(7.0), Rtnun, "-", 3),
        ("RTNUN, bad value above the limit: held", Plain, Rtnun, Bad(99.0), Rtnun, "-", 3),
        ("RTNUN, reset: refused", Plain, Rtnun, Reset, Rtnun, "!", 3),
        ("RTNUN, re-alarm time: stays", Plain, Rtnun, ReAlarmTime, Rtnun, "-", 3),
        ("RTNUN, step up in severity: stays", Plain, Rtnun, Escalation, Rtnun, "-", 3),
        ("LTUNK, acknowledge: LTACK", Latching, Ltunk, Acknowledge, Ltack, "acknowledged", 3),
        ("LTUNK, condition true: UNACK, the occurrence goes on", Latching, Ltunk, Good(10.1), Unack, "activated", 3),
        ("LTUNK, condition false: stays", Latching, Ltunk, Good(7.0), Ltunk, "-", 3),
        ("LTUNK, bad value above the limit: held", Latching, Ltunk, Bad(99.0), Ltunk, "-", 3),
        ("LTUNK, reset: refused", Latching, Ltunk, Reset, Ltunk, "!", 3),
        ("LTACK, reset: NORM", Latching, Ltack, Reset, Norm, "reset", 3),
        ("LTACK, condition true: UNACK, the occurrence goes on", Latching, Ltack, Good(10.1), Unack, "activated", 3),
        ("LTACK, condition false: stays", Latching, Ltack, Good(7.0), Ltack, "-", 3),
        ("LTACK, bad value above the limit: held", Latching, Ltack, Bad(99.0), Ltack, "-", 3),
        ("LTACK, acknowledge: refused", Latching, Ltack, Acknowledge, Ltack, "!", 3),
        ("LTACK, re-alarm time: stays", Latching, Ltack, ReAlarmTime, Ltack, "-", 3),
    ];
    for (name, manner, from, step, to, journal, occurrence) in rows {
        let mut script = high_in(from, |definition| {
            definition.latching = manner == Latching;
            definition.auto_acknowledge = manner == AutoAcknowledge;
            definition.re_alarm_ms = Some(60_000);
        });
        let outcome = take(&mut script, step);
        let alarm = &script.alarm;
        assert_eq!((alarm.state(), alarm.memory().occurrence), (to, occurrence), "{name}");
        let written = match &outcome {
            Ok(None) => "-",
            Ok(Some(row)) => {
                assert_eq!((row.from, row.to, row.occurrence, row.annunciated), (from, to, occurrence, true), "{name}");
                row.event
            }
            Err(AlarmError::WrongState { state, allowed, .. }) => {
                assert_eq!((*state, allowed), (from, &alarm.allowed()), "{name}");
                "!"
            }
            Err(error) => panic!("{name}: {error}"),
        };
        assert_eq!(written, journal, "{name}");
        assert_eq!(alarm.quality_hold(), matches!(step, Bad(_)), "{name}: nothing usable seen is a hold");
    }
}

#[test]
fn a_latched_alarm_is_reset_only_while_its_condition_is_seen_to_be_normal() {
    let mut script = high_in(AlarmState::Ltack, |definition| {
        definition.latching = true;
        definition.on_delay_ms = 5_000;
    });
    let refused = |script: &mut Script| {
        assert!(!script.alarm.allowed().contains(&"reset"));
        let AlarmError::WrongState { state, event, .. } = script.reset().unwrap_err() else { panic!() };
        assert_eq!((state, event), (AlarmState::Ltack, "reset"));
    };
    script.good(11.0);
    refused(&mut script);
    script.good(9.0);
    refused(&mut script);
    script.good(7.0);
    script.sample(7.0, Quality::BAD_TIMEOUT);
    refused(&mut script);
    script.good(7.0);
    assert!(script.alarm.allowed().contains(&"reset"));
    script.reset().unwrap();
    assert_eq!(script.states().0, AlarmState::Norm);
}

#[test]
fn an_alarm_is_alarmed_again_after_each_acknowledgement_and_nobody_has_to_do_anything_for_it() {
    let mut script = high_in(AlarmState::Unack, |definition| definition.re_alarm_ms = Some(60_000));
    assert_eq!(script.alarm.due(), None);
    script.acknowledge().unwrap();
    assert_eq!(script.alarm.due(), Some(at(64)));
    script.sample(11.0, Quality::BAD_TIMEOUT);
    assert_eq!(script.at(63), []);
    let rows = script.at(64);
    assert_eq!((events(&rows), rows[0].actor.as_str()), (vec!["re_alarmed"], "system"), "also while it is held");
    script.seconds = 70;
    script.acknowledge().unwrap();
    assert_eq!(script.alarm.due(), Some(at(130)));
    script.good(0.0);
    assert_eq!((script.states().0, script.alarm.due()), (AlarmState::Norm, None));
}

#[test]
fn a_transition_tells_source_time_server_time_value_and_actor() {
    let mut script = high_in(AlarmState::Norm, |_| {});
    script.seconds = 101;
    let raised = script.good(12.0).pop().unwrap();
    assert_eq!((raised.occurred, raised.recorded), (at(100), at(101)));
    assert_eq!(
        (raised.value, raised.quality, raised.actor),
        (Some(Value::Float(12.0)), Quality::GOOD, "system".into())
    );
    script.seconds = 200;
    script.sample(11.0, Quality::BAD_TIMEOUT);
    let acknowledged = script.acknowledge().unwrap();
    assert_eq!((acknowledged.occurred, acknowledged.recorded), (at(200), at(200)));
    assert_eq!((acknowledged.actor.as_str(), acknowledged.reason.as_deref()), ("ann", Some("because")));
    assert_eq!((acknowledged.value, acknowledged.quality), (Some(Value::Float(11.0)), Quality::BAD_TIMEOUT));
    let status = script.alarm.status();
    assert_eq!((status.raised_at, status.since), (Some(at(100)), Some(at(200))));
    assert_eq!((status.acknowledged_at, status.acknowledged_by.as_deref()), (Some(at(200)), Some("ann")));
}

#[test]
fn a_new_occurrence_has_a_new_start_and_nobody_has_acknowledged_it() {
    let mut script = high_in(AlarmState::Norm, |_| {});
    for (step, seconds) in [(Step::Good(12.0), 11), (Step::Acknowledge, 20), (Step::Good(0.0), 30)] {
        script.seconds = seconds;
        take(&mut script, step).unwrap();
    }
    assert_eq!(script.alarm.status().acknowledged_by.as_deref(), Some("ann"), "kept until the next occurrence");
    script.seconds = 41;
    script.good(12.0);
    let status = script.alarm.status();
    assert_eq!((status.occurrence, status.raised_at), (5, Some(at(40))));
    assert_eq!((status.acknowledged_at, status.acknowledged_by), (None, None));
}

#[test]
fn a_new_alarm_is_normal_and_held_until_its_tag_has_a_value() {
    let mut fresh = Script::new(alarm(1, AlarmKind::Low, 0.0));
    assert_eq!((fresh.states().0, fresh.alarm.quality_hold()), (AlarmState::Norm, true));
    assert_eq!((fresh.alarm.status().occurrence, fresh.alarm.allowed()), (0, vec!["shelve", "out_of_service"]));
    fresh.good(1.0);
    assert_eq!((fresh.states().0, fresh.alarm.quality_hold()), (AlarmState::Norm, false));
}

#[test]
fn the_peak_of_an_occurrence_is_the_value_furthest_beyond_the_set_point() {
    let mut script = high_in(AlarmState::Norm, |definition| definition.on_delay_ms = 1_000);
    let peak = |script: &Script| script.alarm.memory().peak.as_ref().and_then(Value::as_f64);
    script.good(12.0);
    assert_eq!(peak(&script), None, "it does not stand yet");
    script.at(5);
    assert_eq!(peak(&script), Some(12.0));
    for (value, expected) in [(11.0, 12.0), (30.0, 30.0), (9.0, 30.0), (0.0, 30.0)] {
        script.good(value);
        assert_eq!(peak(&script), Some(expected), "{value}");
    }
    script.sample(99.0, Quality::BAD_TIMEOUT);
    script.seconds = 10;
    script.good(11.0);
    assert_eq!(peak(&script), Some(30.0), "of the occurrence before, until the next begins");
    script.at(11);
    assert_eq!((peak(&script), script.alarm.memory().occurrence), (Some(11.0), 5));
}

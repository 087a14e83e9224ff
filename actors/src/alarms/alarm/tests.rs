use super::super::test_support::{alarm, at};
use super::*;
use flyball_schema::definition::AlarmKind;

/// HIGH at 10 with a dead-band of 2, in `state` of occurrence 3.
fn high_in(state: AlarmState) -> Alarm {
    let mut new = alarm(1, AlarmKind::High, 10.0);
    new.definition = new.definition.with_dead_band(2.0);
    new.memory = Some(AlarmMemory { state, occurrence: 3, raised_at: Some(at(1)), ..AlarmMemory::default() });
    Alarm::new(new).unwrap()
}

#[derive(Clone, Copy)]
enum Step {
    /// A good value.
    Good(f64),
    /// Bad quality, with a value as good as any.
    Bad(f64),
    Acknowledge,
}

fn take(alarm: &mut Alarm, step: Step, seconds: i64) -> Result<Option<AlarmTransition>, AlarmError> {
    let sample = |value: &f64, quality| (Value::Float(*value), quality);
    let (value, quality) = match &step {
        Step::Good(value) => sample(value, Quality::GOOD),
        Step::Bad(value) => sample(value, Quality::BAD_TIMEOUT),
        Step::Acknowledge => sample(&11.5, Quality::GOOD),
    };
    let sample = Sample { value: Some(&value), quality, source_time: at(seconds) };
    match step {
        Step::Good(_) | Step::Bad(_) => Ok(alarm.feed(sample, at(seconds + 1))),
        Step::Acknowledge => alarm.acknowledge("ann".to_owned(), None, sample, at(seconds)).map(Some),
    }
}

/// The rows of the standard's table for the four core states, each by name: state, what happens, state after, what the
/// journal says (`-` for no row, `!` for refused), occurrence after.
#[test]
fn every_row_of_the_transition_table() {
    use AlarmState::{Acked, Norm, Rtnun, Unack};
    use Step::{Acknowledge, Bad, Good};
    let rows = [
        ("NORM, condition true: UNACK", Norm, Good(10.1), Unack, "activated", 4),
        ("NORM, condition false: stays", Norm, Good(7.0), Norm, "-", 3),
        ("NORM, within the dead-band: stays", Norm, Good(9.0), Norm, "-", 3),
        ("NORM, bad value above the limit: held", Norm, Bad(99.0), Norm, "-", 3),
        ("NORM, acknowledge: refused", Norm, Acknowledge, Norm, "!", 3),
        ("UNACK, acknowledge: ACKED", Unack, Acknowledge, Acked, "acknowledged", 3),
        ("UNACK, condition false: RTNUN", Unack, Good(7.9), Rtnun, "returned", 3),
        ("UNACK, condition true: stays", Unack, Good(99.0), Unack, "-", 3),
        ("UNACK, within the dead-band: stays", Unack, Good(8.0), Unack, "-", 3),
        ("UNACK, bad value below the limit: held", Unack, Bad(0.0), Unack, "-", 3),
        ("ACKED, condition false: NORM", Acked, Good(7.9), Norm, "returned", 3),
        ("ACKED, condition true: stays", Acked, Good(99.0), Acked, "-", 3),
        ("ACKED, bad value below the limit: held", Acked, Bad(0.0), Acked, "-", 3),
        ("ACKED, acknowledge: refused", Acked, Acknowledge, Acked, "!", 3),
        ("RTNUN, acknowledge: NORM", Rtnun, Acknowledge, Norm, "acknowledged", 3),
        ("RTNUN, condition true: UNACK, a new occurrence", Rtnun, Good(10.1), Unack, "activated", 4),
        ("RTNUN, condition false: stays", Rtnun, Good(7.0), Rtnun, "-", 3),
        ("RTNUN, bad value above the limit: held", Rtnun, Bad(99.0), Rtnun, "-", 3),
    ];
    for (name, from, step, to, journal, occurrence) in rows {
        let mut alarm = high_in(from);
        let outcome = take(&mut alarm, step, 5);
        assert_eq!((alarm.state(), alarm.memory().occurrence), (to, occurrence), "{name}");
        let written = match &outcome {
            Ok(None) => "-",
            Ok(Some(row)) => {
                assert_eq!((row.from, row.to, row.occurrence), (from, to, occurrence), "{name}");
                row.event
            }
            Err(error) => {
                assert_eq!(*error, AlarmError::WrongState { alarm: AlarmId(1), state: from }, "{name}");
                "!"
            }
        };
        assert_eq!(written, journal, "{name}");
        assert_eq!(alarm.quality_hold(), !matches!(step, Good(_)), "{name}: nothing usable seen is a hold");
    }
}

#[test]
fn a_transition_tells_source_time_server_time_value_and_actor() {
    let mut alarm = high_in(AlarmState::Norm);
    let raised = take(&mut alarm, Step::Good(12.0), 100).unwrap().unwrap();
    assert_eq!((raised.occurred, raised.recorded), (at(100), at(101)));
    assert_eq!(
        (raised.value, raised.quality, raised.actor),
        (Some(Value::Float(12.0)), Quality::GOOD, "system".into())
    );
    let acknowledged = alarm
        .acknowledge(
            "ann".to_owned(),
            Some("on my way".to_owned()),
            Sample { value: Some(&Value::Float(11.0)), quality: Quality::BAD_TIMEOUT, source_time: at(0) },
            at(200),
        )
        .unwrap();
    assert_eq!((acknowledged.occurred, acknowledged.recorded), (at(200), at(200)));
    assert_eq!((acknowledged.actor.as_str(), acknowledged.reason.as_deref()), ("ann", Some("on my way")));
    assert_eq!((acknowledged.value, acknowledged.quality), (Some(Value::Float(11.0)), Quality::BAD_TIMEOUT));
    let status = alarm.status();
    assert_eq!((status.raised_at, status.since), (Some(at(100)), Some(at(200))));
    assert_eq!((status.acknowledged_at, status.acknowledged_by.as_deref()), (Some(at(200)), Some("ann")));
}

#[test]
fn a_new_occurrence_has_a_new_start_and_nobody_has_acknowledged_it() {
    let mut alarm = high_in(AlarmState::Norm);
    for (step, seconds) in [(Step::Good(12.0), 10), (Step::Acknowledge, 20), (Step::Good(0.0), 30)] {
        take(&mut alarm, step, seconds).unwrap();
    }
    assert_eq!(alarm.status().acknowledged_by.as_deref(), Some("ann"), "kept until the next occurrence");
    take(&mut alarm, Step::Good(12.0), 40).unwrap();
    let status = alarm.status();
    assert_eq!((status.occurrence, status.raised_at), (5, Some(at(40))));
    assert_eq!((status.acknowledged_at, status.acknowledged_by), (None, None));
}

#[test]
fn a_new_alarm_is_normal_and_held_until_its_tag_has_a_value() {
    let mut fresh = Alarm::new(alarm(1, AlarmKind::Low, 0.0)).unwrap();
    assert_eq!((fresh.state(), fresh.quality_hold()), (AlarmState::Norm, true));
    assert_eq!(fresh.status().occurrence, 0);
    take(&mut fresh, Step::Good(1.0), 1).unwrap();
    assert_eq!((fresh.state(), fresh.quality_hold()), (AlarmState::Norm, false));
}

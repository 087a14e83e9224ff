//! The condition of an alarm: what one sample says about it. Pure.

use flyball_schema::definition::{AlarmDefinition, AlarmKind, Fault};
use flyball_schema::{Quality, Value};

/// What one sample says about a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing: bad quality, no value, not finite, or text. Whatever was, holds.
    Hold,
    /// The condition is true.
    Active,
    /// The condition is false, past the dead-band.
    Normal,
    /// Neither: between set point and dead-band. Whatever was, stays.
    WithinBand,
}

/// The values, ends included, within which a usable sample cannot move an alarm.
///
/// The ends are finite, so that a value that is not never lies within.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuietBand {
    /// Low end.
    pub low: f64,
    /// High end.
    pub high: f64,
}

impl QuietBand {
    /// Every finite value: no alarm looks at it.
    pub const EVERYTHING: Self = Self { low: f64::MIN, high: f64::MAX };
    /// No value: every sample has to be judged.
    pub const NOTHING: Self = Self { low: f64::MAX, high: f64::MIN };

    /// Whether `value` lies within; never for a value that is not finite.
    #[must_use]
    pub fn contains(self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }

    /// The values that lie within both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { low: self.low.max(other.low), high: self.high.min(other.high) }
    }
}

/// The condition of an alarm, its limits worked out.
///
/// A high alarm is active where `value > set point` and normal where `value < set point − dead-band`, a low one the
/// other way round; deviation and rate are high alarms of what is measured. An alarm of a Boolean is active while the
/// value is as the set point says, one of the quality while that is bad. Integers are compared as binary64. Without a
/// set point nothing is said.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Condition {
    test: Test,
    dead_band: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Test {
    Above(Option<f64>),
    Below(Option<f64>),
    Is(bool),
    Bad,
}

impl Condition {
    /// The condition that `definition` describes; where a tag gives its set point, without one until it is told.
    ///
    /// # Errors
    /// The field and what is wrong with it: a set point that is not of the alarm's type or not finite, a dead-band that is
    /// negative or not finite.
    pub fn new(definition: &AlarmDefinition) -> Result<Self, (&'static str, Fault)> {
        let dead_band = definition.dead_band;
        if !(dead_band >= 0.0 && dead_band.is_finite()) {
            return Err(("dead_band", Fault::OutOfBounds { value: dead_band, allowed: "0 or more" }));
        }
        let limit = match (&definition.set_point_tag, &definition.set_point) {
            _ if !definition.kind.has_number() => None,
            (Some(_), _) => None,
            (None, Value::Float(limit)) if limit.is_finite() => Some(*limit),
            (None, Value::Integer(limit)) => Some(*limit as f64),
            (None, other) => return Err(("set_point", out_of_bounds(other, "a finite number"))),
        };
        let test = match (definition.kind, &definition.set_point) {
            (AlarmKind::LowLow | AlarmKind::Low, _) => Test::Below(limit),
            (AlarmKind::High | AlarmKind::HighHigh | AlarmKind::Deviation | AlarmKind::Rate, _) => Test::Above(limit),
            (AlarmKind::Bool, Value::Boolean(wanted)) => Test::Is(*wanted),
            (AlarmKind::Bool, other) => return Err(("set_point", out_of_bounds(other, "true or false"))),
            (AlarmKind::BadQuality, _) => Test::Bad,
        };
        let condition = Self { test, dead_band };
        match condition.limits() {
            Some((_, normal)) if !normal.is_finite() => {
                Err(("dead_band", Fault::OutOfBounds { value: dead_band, allowed: "0 or more" }))
            }
            _ => Ok(condition),
        }
    }

    /// Takes another set point, none where it is not known; whether it is another one.
    pub fn set_limit(&mut self, limit: Option<f64>) -> bool {
        let new = limit.filter(|limit| (limit - self.dead_band).is_finite() && (limit + self.dead_band).is_finite());
        match &mut self.test {
            Test::Above(limit) | Test::Below(limit) if *limit != new => {
                *limit = new;
                true
            }
            _ => false,
        }
    }

    /// The set point, where it is a number and known.
    #[must_use]
    pub fn limit(&self) -> Option<f64> {
        match self.test {
            Test::Above(limit) | Test::Below(limit) => limit,
            Test::Is(_) | Test::Bad => None,
        }
    }

    /// Beyond which value it is active, and beyond which normal again.
    fn limits(&self) -> Option<(f64, f64)> {
        match self.test {
            Test::Above(limit) => limit.map(|limit| (limit, limit - self.dead_band)),
            Test::Below(limit) => limit.map(|limit| (limit, limit + self.dead_band)),
            Test::Is(_) | Test::Bad => None,
        }
    }

    /// What a sample says. The quality gate comes first: what must not be used neither raises nor clears.
    #[must_use]
    pub fn judge(&self, value: Option<&Value>, quality: Quality) -> Verdict {
        if self.test == Test::Bad {
            return match quality {
                // Of a tag that was not heard of yet nobody knows.
                Quality::BAD_WAITING_FOR_INITIAL_DATA => Verdict::Hold,
                _ if quality.is_bad() => Verdict::Active,
                _ => Verdict::Normal,
            };
        }
        let Some(value) = value.filter(|value| !quality.is_bad() && value.is_finite()) else { return Verdict::Hold };
        let (active, normal) = match (self.test, self.limits(), value.as_f64(), value.as_bool()) {
            (Test::Above(_), Some((active, normal)), Some(value), _) => (value > active, value < normal),
            (Test::Below(_), Some((active, normal)), Some(value), _) => (value < active, value > normal),
            (Test::Is(wanted), _, _, Some(value)) => (value == wanted, value != wanted),
            _ => return Verdict::Hold,
        };
        match (active, normal) {
            (true, _) => Verdict::Active,
            (false, true) => Verdict::Normal,
            (false, false) => Verdict::WithinBand,
        }
    }

    /// Whether `value` is further beyond the set point than `peak`; than the set point itself where there is no peak yet.
    #[must_use]
    pub fn is_beyond(&self, value: f64, peak: Option<f64>) -> bool {
        match self.test {
            Test::Above(limit) => peak.or(limit).is_some_and(|peak| value > peak),
            Test::Below(limit) => peak.or(limit).is_some_and(|peak| value < peak),
            Test::Is(_) | Test::Bad => false,
        }
    }

    /// The value beyond which nothing can be.
    #[must_use]
    pub fn farthest(&self) -> f64 {
        match self.test {
            Test::Below(_) => f64::MIN,
            _ => f64::MAX,
        }
    }

    /// Where a usable value leaves the condition as it is, given whether it is true; while it is true, only up to the
    /// peak, so that a new one is seen.
    #[must_use]
    pub fn quiet_band(&self, is_true: bool, peak: Option<f64>) -> QuietBand {
        let truth = |is: bool| if is { QuietBand { low: 1.0, high: 1.0 } } else { QuietBand { low: 0.0, high: 0.0 } };
        match (self.test, self.limits(), is_true) {
            (Test::Is(wanted), _, is_true) => truth(wanted == is_true),
            (Test::Bad, _, false) => QuietBand::EVERYTHING,
            (Test::Above(_), Some((active, _)), false) => QuietBand { high: active, ..QuietBand::EVERYTHING },
            (Test::Above(_), Some((_, low)), true) => QuietBand { low, high: peak.unwrap_or(f64::MIN) },
            (Test::Below(_), Some((active, _)), false) => QuietBand { low: active, ..QuietBand::EVERYTHING },
            (Test::Below(_), Some((_, high)), true) => QuietBand { low: peak.unwrap_or(f64::MAX), high },
            _ => QuietBand::NOTHING,
        }
    }
}

fn out_of_bounds(value: &Value, allowed: &'static str) -> Fault {
    Fault::OutOfBounds { value: value.as_f64().unwrap_or(f64::NAN), allowed }
}

#[cfg(test)]
mod tests {
    use super::Verdict::{Active, Hold, Normal, WithinBand};
    use super::*;

    fn condition(kind: AlarmKind, set_point: impl Into<Value>, dead_band: f64) -> Condition {
        Condition::new(&AlarmDefinition::new("a", "t", kind, set_point).with_dead_band(dead_band)).unwrap()
    }

    #[test]
    fn a_bad_quality_is_a_condition_of_its_own_and_a_missing_set_point_says_nothing() {
        let bad = condition(AlarmKind::BadQuality, true, 0.0);
        assert_eq!(bad.judge(None, Quality::BAD), Active);
        assert_eq!(bad.judge(None, Quality::BAD_WAITING_FOR_INITIAL_DATA), Hold, "not heard of yet");
        assert_eq!(bad.judge(Some(&f64::NAN.into()), Quality::GOOD), Normal, "a quality, not a value");
        let mut bound = AlarmDefinition::new("a", "t", AlarmKind::High, true);
        bound.set_point_tag = Some("s".to_owned());
        let mut bound = Condition::new(&bound).unwrap();
        assert_eq!((judge(&bound, 99.0), bound.quiet_band(false, None)), (Hold, QuietBand::NOTHING));
        assert!(bound.set_limit(Some(5.0)) && !bound.set_limit(Some(5.0)));
        assert_eq!([judge(&bound, 99.0), judge(&bound, 4.0)], [Active, Normal]);
        bound.set_limit(Some(f64::NAN));
        assert_eq!((judge(&bound, 99.0), bound.limit()), (Hold, None));
        let deviation = condition(AlarmKind::Deviation, 0.0, 0.0);
        assert_eq!([judge(&deviation, 0.1), judge(&deviation, 0.0)], [Active, WithinBand], "a set point of 0");
    }

    fn judge(condition: &Condition, value: impl Into<Value>) -> Verdict {
        condition.judge(Some(&value.into()), Quality::GOOD)
    }

    #[test]
    fn a_high_alarm_is_active_above_its_set_point_and_clears_below_the_dead_band() {
        for kind in [AlarmKind::High, AlarmKind::HighHigh] {
            let high = condition(kind, 15.0, 0.5);
            for (value, expected) in [
                (15.000_001, Active),
                (15.0, WithinBand),
                (14.5, WithinBand),
                (14.499_999, Normal),
                (f64::MAX, Active),
                (f64::MIN, Normal),
            ] {
                assert_eq!(judge(&high, value), expected, "{kind} {value}");
            }
        }
    }

    #[test]
    fn a_low_alarm_is_the_mirror_of_a_high_one() {
        for kind in [AlarmKind::Low, AlarmKind::LowLow] {
            let low = condition(kind, 2.0, 0.5);
            for (value, expected) in
                [(1.999_999, Active), (2.0, WithinBand), (2.5, WithinBand), (2.500_001, Normal), (f64::MIN, Active)]
            {
                assert_eq!(judge(&low, value), expected, "{kind} {value}");
            }
        }
    }

    #[test]
    fn set_point_zero_and_false_are_values() {
        let low = condition(AlarmKind::Low, 0.0, 0.0);
        assert_eq!([judge(&low, -0.1), judge(&low, 0.0), judge(&low, 0.1)], [Active, WithinBand, Normal]);
        let on_false = condition(AlarmKind::Bool, false, 0.0);
        assert_eq!([judge(&on_false, false), judge(&on_false, true)], [Active, Normal]);
        let on_true = condition(AlarmKind::Bool, true, 0.0);
        assert_eq!([judge(&on_true, false), judge(&on_true, true)], [Normal, Active]);
    }

    #[test]
    fn integers_are_held_against_limits_and_text_says_nothing() {
        let high = condition(AlarmKind::High, 10_i64, 2.0);
        assert_eq!([judge(&high, 11_i64), judge(&high, 8_i64), judge(&high, 7_i64)], [Active, WithinBand, Normal]);
        assert_eq!(judge(&high, "12"), Hold);
        assert_eq!(judge(&condition(AlarmKind::Bool, true, 0.0), "true"), Hold);
    }

    #[test]
    fn what_must_not_be_used_holds_every_kind_of_condition() {
        let conditions = [
            condition(AlarmKind::High, 1.0, 0.0),
            condition(AlarmKind::Low, 1.0, 0.0),
            condition(AlarmKind::Bool, true, 0.0),
            condition(AlarmKind::Bool, false, 0.0),
        ];
        for condition in conditions {
            for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                assert_eq!(judge(&condition, value), Hold, "{condition:?} {value}");
            }
            assert_eq!(condition.judge(None, Quality::GOOD), Hold);
            for quality in [
                Quality::BAD_NO_COMMUNICATION,
                Quality::BAD_TIMEOUT,
                Quality::BAD_WAITING_FOR_INITIAL_DATA,
                Quality::from_status_code(0xC000_0000),
            ] {
                for value in [Value::Float(0.0), Value::Float(2.0), Value::Boolean(true), Value::Boolean(false)] {
                    assert_eq!(condition.judge(Some(&value), quality), Hold, "{condition:?} {value} {quality}");
                }
            }
        }
    }

    #[test]
    fn an_uncertain_value_is_used() {
        let high = condition(AlarmKind::High, 1.0, 0.0);
        assert_eq!(high.judge(Some(&Value::Float(2.0)), Quality::UNCERTAIN_RANGE_EXCEEDED), Active);
    }

    #[test]
    fn a_value_in_the_quiet_band_never_changes_the_condition() {
        let values = [-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, f64::MAX, f64::MIN];
        for condition in [
            condition(AlarmKind::High, 1.0, 0.5),
            condition(AlarmKind::Low, 1.0, 0.5),
            condition(AlarmKind::Bool, true, 0.0),
            condition(AlarmKind::Bool, false, 0.0),
        ] {
            for (is_true, peak) in [false, true].into_iter().flat_map(|is_true| {
                [None, Some(0.5), Some(1.5), Some(condition.farthest())].map(|peak| (is_true, peak))
            }) {
                let band = condition.quiet_band(is_true, peak);
                let moves = if is_true { Normal } else { Active };
                for value in values.into_iter().filter(|&value| band.contains(value)) {
                    assert_ne!(judge(&condition, value), moves, "{condition:?} {value}");
                    let is_new_peak = is_true && condition.is_beyond(value, peak);
                    assert!(!is_new_peak, "{condition:?} {value} is beyond {peak:?}");
                }
                for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                    assert!(!band.contains(value), "{value} has to reach the quality gate");
                }
            }
        }
    }

    #[test]
    fn a_set_point_or_dead_band_that_cannot_be_is_refused_with_its_field() {
        let field = |kind, set_point: Value, dead_band| {
            Condition::new(&AlarmDefinition::new("a", "t", kind, set_point).with_dead_band(dead_band)).unwrap_err().0
        };
        assert_eq!(field(AlarmKind::High, f64::NAN.into(), 0.0), "set_point");
        assert_eq!(field(AlarmKind::High, true.into(), 0.0), "set_point");
        assert_eq!(field(AlarmKind::Low, "1".into(), 0.0), "set_point");
        assert_eq!(field(AlarmKind::Bool, 1.0.into(), 0.0), "set_point");
        assert_eq!(field(AlarmKind::High, 1.0.into(), -1.0), "dead_band");
        assert_eq!(field(AlarmKind::High, 1.0.into(), f64::NAN), "dead_band");
        assert_eq!(field(AlarmKind::High, (-1e308).into(), 1e308), "dead_band");
    }
}

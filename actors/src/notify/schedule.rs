//! When a rule applies: days of the week and a span of time, in a zone. Pure.

use chrono::{DateTime, Datelike, Days, FixedOffset, Local, NaiveDateTime, Offset, Timelike, Utc};
use flyball_schema::Timestamp;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

/// Minutes that are looked through for the next opening: a week and the longest change of the clock.
const HORIZON: u32 = 8 * 24 * 60;

/// Where days and times are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zone {
    /// Always this far from UTC.
    Fixed(FixedOffset),
    /// That of the machine (`TZ`, `/etc/localtime`), with its summer time.
    Local,
}

impl Zone {
    /// Reads `UTC`, `local`, or `+01:00`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "UTC" | "utc" | "Z" => Some(Self::Fixed(Utc.fix())),
            "local" => Some(Self::Local),
            _ => text.parse().ok().map(Self::Fixed),
        }
    }

    fn wall_clock(self, at: DateTime<Utc>) -> NaiveDateTime {
        match self {
            Self::Fixed(offset) => at.with_timezone(&offset).naive_local(),
            Self::Local => at.with_timezone(&Local).naive_local(),
        }
    }
}

/// Days of the week and a span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// From Monday on.
    days: [bool; 7],
    /// Minutes of the day; the whole day where they are equal.
    start: u32,
    end: u32,
    zone: Zone,
}

impl Schedule {
    /// Every minute of the week.
    pub const ALWAYS: Self = Self { days: [true; 7], start: 0, end: 0, zone: Zone::Fixed(UTC) };

    /// A span from minute `start` of a day to before minute `end`, on the next day where that is not later.
    #[must_use]
    pub fn new(days: [bool; 7], start: u32, end: u32, zone: Zone) -> Self {
        Self { days, start, end, zone }
    }

    /// Whether the span is open.
    #[must_use]
    pub fn is_open(&self, at: Timestamp) -> bool {
        let Some(at) = at.to_datetime() else { return true };
        let wall = self.zone.wall_clock(at);
        let minute = wall.hour() * 60 + wall.minute();
        let today = self.begins_on(Some(wall));
        let yesterday = self.begins_on(wall.checked_sub_days(Days::new(1)));
        if self.start < self.end {
            return today && (self.start..self.end).contains(&minute);
        }
        (today && minute >= self.start) || (yesterday && minute < self.end)
    }

    fn begins_on(&self, day: Option<NaiveDateTime>) -> bool {
        let day = day.map(|day| day.weekday().num_days_from_monday());
        day.and_then(|day| self.days.get(day as usize)).copied().unwrap_or(false)
    }

    /// `at` where the span is open then, else the minute in which it opens next; `None` where it never does.
    #[must_use]
    pub fn next_open(&self, at: Timestamp) -> Option<Timestamp> {
        if self.is_open(at) {
            return Some(at);
        }
        let minute = Timestamp::from_micros(at.as_micros().div_euclid(60_000_000).saturating_mul(60_000_000));
        (1..=HORIZON).map(|n| minute + MINUTE * n).find(|&minute| self.is_open(minute))
    }
}

const UTC: FixedOffset = FixedOffset::east_opt(0).unwrap();

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn days(open: &[usize]) -> [bool; 7] {
        std::array::from_fn(|day| open.contains(&day))
    }

    #[test]
    fn an_office_is_open_on_its_days_and_hours() {
        let office = Schedule::new(days(&[0, 1, 2, 3, 4]), 8 * 60, 16 * 60, Zone::parse("+01:00").unwrap());
        // 2026-11-27 is a Friday.
        assert!(office.is_open(at("2026-11-27T07:00:00Z")));
        assert!(!office.is_open(at("2026-11-27T06:59:59Z")));
        assert!(office.is_open(at("2026-11-27T14:59:59Z")));
        assert!(!office.is_open(at("2026-11-27T15:00:00Z")));
        assert_eq!(office.next_open(at("2026-11-27T15:00:00Z")), Some(at("2026-11-30T07:00:00Z")));
        assert_eq!(office.next_open(at("2026-11-27T09:12:13Z")), Some(at("2026-11-27T09:12:13Z")));
    }

    #[test]
    fn a_night_belongs_to_the_day_on_which_it_begins() {
        let night = Schedule::new(days(&[4]), 22 * 60, 6 * 60, Zone::parse("UTC").unwrap());
        assert!(night.is_open(at("2026-11-27T22:00:00Z")));
        assert!(night.is_open(at("2026-11-28T05:59:00Z")));
        assert!(!night.is_open(at("2026-11-28T22:00:00Z")), "that of Saturday is not in it");
        assert!(!night.is_open(at("2026-11-27T05:00:00Z")), "nor that of Thursday");
    }

    #[test]
    fn always_is_always_and_never_is_never() {
        assert!(Schedule::ALWAYS.is_open(at("2026-11-27T22:00:00Z")));
        let never = Schedule::new([false; 7], 0, 0, Zone::parse("UTC").unwrap());
        assert_eq!(never.next_open(at("2026-11-27T22:00:00Z")), None);
        let one_day = Schedule::new(days(&[6]), 0, 0, Zone::parse("-03:30").unwrap());
        assert_eq!(one_day.next_open(at("2026-11-27T22:00:30Z")), Some(at("2026-11-29T03:30:00Z")));
    }

    #[test]
    fn a_zone_is_utc_fixed_or_local() {
        assert_eq!(Zone::parse("local"), Some(Zone::Local));
        assert!(Zone::parse("+05:45").is_some());
        assert_eq!((Zone::parse("Europe/Berlin"), Zone::parse("1")), (None, None));
    }
}

//! When a backup is due, and which are too many. Pure.

use chrono::{DateTime, NaiveDateTime};
use flyball_schema::Timestamp;
use std::time::Duration;

/// How folders of backups begin.
const PREFIX: &str = "flyball-";

/// Time in the name of a folder: UTC, to the second.
const TIME: &str = "%Y%m%dT%H%M%SZ";

/// A failed backup is tried again after this, or after a quarter of the interval where that is less.
const RETRY: Duration = Duration::from_secs(3_600);

/// Backups that ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Runs {
    /// The last good one.
    pub good: Option<Timestamp>,
    /// The last one that failed.
    pub failed: Option<Timestamp>,
}

/// Whether it is time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// A backup is due.
    Now,
    /// One is due then.
    At(Timestamp),
}

impl Runs {
    /// When the next backup is due: an interval after the last good one, at once where there is none, and not so soon
    /// after one that failed. What is said to have run in the future has not run.
    #[must_use]
    pub fn due(&self, now: Timestamp, every: Duration) -> Due {
        let past = |time: &Timestamp| *time <= now;
        let regular = self.good.filter(past).map(|good| good + every);
        let failed = self.failed.filter(past).filter(|failed| self.good.is_none_or(|good| good < *failed));
        let again = failed.map(|failed| failed + RETRY.min(every / 4));
        match regular.max(again) {
            Some(time) if time > now => Due::At(time),
            _ => Due::Now,
        }
    }
}

/// Name of the folder of a backup begun at `time`.
#[must_use]
pub fn folder_name(time: Timestamp) -> String {
    let time = time.to_datetime().unwrap_or(DateTime::UNIX_EPOCH);
    format!("{PREFIX}{}", time.format(TIME))
}

/// When the backup in the folder of this name was begun; `None` where it is none.
#[must_use]
pub fn time_of(name: &str) -> Option<Timestamp> {
    let time = name.strip_prefix(PREFIX)?;
    let time = NaiveDateTime::parse_from_str(time, TIME).ok()?.and_utc();
    Some(Timestamp::from_datetime(time))
}

/// The backups that are too many, oldest first: all but the newest `keep`, of which there is at least one. Names that
/// are not of backups are left alone.
#[must_use]
pub fn surplus(names: &[String], keep: usize) -> Vec<String> {
    let mut backups: Vec<(Timestamp, &String)> = names.iter().filter_map(|name| Some((time_of(name)?, name))).collect();
    backups.sort_unstable();
    let many = backups.len().saturating_sub(keep.max(1));
    backups.into_iter().take(many).map(|(_, name)| name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);
    const NOW: Timestamp = Timestamp::from_micros(1_795_352_617_000_000);

    fn hours_ago(hours: u64) -> Option<Timestamp> {
        Some(NOW - Duration::from_secs(3_600 * hours))
    }

    #[test]
    fn a_backup_is_due_an_interval_after_the_last_good_one() {
        let due = |good, failed| Runs { good, failed }.due(NOW, DAY);
        assert_eq!(due(None, None), Due::Now, "there is none yet");
        assert_eq!(due(hours_ago(24), None), Due::Now);
        assert_eq!(due(hours_ago(23), None), Due::At(NOW + Duration::from_secs(3_600)));
    }

    #[test]
    fn a_failed_one_is_tried_again_after_an_hour_but_not_before_the_next_is_due() {
        let due = |good, failed, every| Runs { good, failed }.due(NOW, every);
        assert_eq!(due(hours_ago(30), hours_ago(1), DAY), Due::Now);
        assert_eq!(due(None, hours_ago(0), DAY), Due::At(NOW + RETRY));
        assert_eq!(due(None, hours_ago(0), RETRY), Due::At(NOW + RETRY / 4));
        assert_eq!(due(hours_ago(2), hours_ago(3), DAY), Due::At(NOW + DAY - Duration::from_secs(7_200)));
    }

    #[test]
    fn a_backup_of_the_future_holds_none_up() {
        let ahead = Some(NOW + DAY * 400);
        assert_eq!(Runs { good: ahead, failed: None }.due(NOW, DAY), Due::Now);
        assert_eq!(Runs { good: ahead, failed: ahead }.due(NOW, DAY), Due::Now);
    }

    #[test]
    fn the_name_of_a_folder_says_when() {
        assert_eq!(folder_name(NOW), "flyball-20261122T130337Z");
        assert_eq!(time_of("flyball-20261122T130337Z"), Some(NOW));
        for name in ["flyball-", "flyball-20261122T130337Z.old", "journal.db", ".flyball-20261122T130337Z.partial"] {
            assert_eq!(time_of(name), None, "{name}");
        }
    }

    #[test]
    fn the_oldest_are_too_many_and_nothing_else_is_touched() {
        let days = ["flyball-20261124T000000Z", "flyball-20261122T000000Z", "letters", "flyball-20261123T000000Z"];
        let names: Vec<String> = days.iter().map(ToString::to_string).collect();
        assert_eq!(surplus(&names, 2), ["flyball-20261122T000000Z"]);
        assert_eq!(surplus(&names, 0), ["flyball-20261122T000000Z", "flyball-20261123T000000Z"], "the newest stays");
        assert_eq!(surplus(&names, 7), [""; 0]);
    }
}

//! Retention of tags that are kept shorter than others: which rows a partition has to lose. Pure.
//!
//! A partition is swept once all of it is past the retention of some tags, so a sample outlives its retention by the
//! width of a partition at the most. Which retentions it was swept by is kept as a fingerprint.

use super::super::historian::Retention;
use super::parts::Parts;
use super::row::tag_column;
use flyball_schema::{TagId, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;

/// Progress of the sweep, and what it goes by.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    classes: Option<(Retention, Classes)>,
    /// The partition under way, and how many of its pages are done.
    pub(super) under_way: Option<UnderWay>,
}

/// A partition that is being swept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UnderWay {
    pub(super) name: String,
    pub(super) fingerprint: i64,
    pub(super) pages_done: i64,
}

/// Tags by how long they are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Classes {
    default: Option<Duration>,
    finite: BTreeMap<Duration, Vec<i32>>,
    forever: Vec<i32>,
    checksum: u32,
}

/// What a partition has to lose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Expired {
    /// Tells this from what another partition, or another time, has to lose.
    pub(super) fingerprint: i64,
    /// Whether all tags but `tags` are meant.
    pub(super) all_but: bool,
    pub(super) tags: Vec<i32>,
}

impl Sweep {
    /// The classes of `retention`; kept until it is another.
    pub(super) fn classes(&mut self, retention: &Retention) -> Classes {
        match &self.classes {
            Some((known, classes)) if known == retention => classes.clone(),
            _ => {
                let classes = Classes::new(retention);
                self.classes = Some((retention.clone(), classes.clone()));
                classes
            }
        }
    }

    /// Begins the partition under way again where samples came into it.
    pub(super) fn forget_changed(&mut self, before: &Parts, now: &Parts, outlying: bool) {
        let samples = |parts: &Parts, name: &str| parts.iter().find(|part| part.name == name).map(|part| part.samples);
        self.under_way = self.under_way.take().filter(|part| {
            if part.name == super::OUTLYING {
                return !outlying;
            }
            samples(before, &part.name) == samples(now, &part.name)
        });
    }
}

impl Classes {
    fn new(retention: &Retention) -> Self {
        let mut tags: Vec<(TagId, Option<Duration>)> =
            retention.by_tag.iter().map(|(&tag, &kept)| (tag, kept)).collect();
        tags.sort_unstable();
        let mut hasher = crc32fast::Hasher::new();
        let (mut finite, mut forever) = (BTreeMap::<Duration, Vec<i32>>::new(), Vec::new());
        for (tag, kept) in tags {
            hasher.update(&tag.0.to_le_bytes());
            hasher.update(&kept.map_or(u128::MAX, |kept| kept.as_micros()).to_le_bytes());
            match kept {
                Some(kept) => finite.entry(kept).or_default().push(tag_column(tag)),
                None => forever.push(tag_column(tag)),
            }
        }
        Self { default: retention.default, finite, forever, checksum: hasher.finalize() }
    }

    /// How long any sample is kept; `None` for ever.
    pub(super) fn longest(&self) -> Option<Duration> {
        let longest = self.finite.keys().next_back().copied();
        let default = self.default.filter(|_| self.forever.is_empty())?;
        Some(longest.map_or(default, |longest| longest.max(default)))
    }

    /// What a partition that ends at `until` has to lose; `None` for nothing.
    pub(super) fn expired(&self, until: i64, now: Timestamp) -> Option<Expired> {
        let is_past = |kept: Duration| until <= (now - kept).as_micros();
        let past = self.finite.keys().filter(|&&kept| is_past(kept)).count();
        let all_but = self.default.is_some_and(is_past);
        if past == 0 && !all_but {
            return None;
        }
        let classes = self.finite.values();
        let tags = if all_but {
            classes.skip(past).flatten().chain(&self.forever).copied().collect()
        } else {
            classes.take(past).flatten().copied().collect()
        };
        let fingerprint = i64::from(self.checksum) << 24 | (past as i64) << 1 | i64::from(all_but);
        Some(Expired { fingerprint, all_but, tags })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(days: u64) -> Duration {
        Duration::from_secs(days * 86_400)
    }

    fn classes(default: Option<u64>, by_tag: &[(u32, Option<u64>)]) -> Classes {
        let by_tag = by_tag.iter().map(|&(tag, kept)| (TagId(tag), kept.map(days))).collect();
        Classes::new(&Retention { default: default.map(days), by_tag, max_bytes: None })
    }

    fn expired(classes: &Classes, age: u64) -> Option<(bool, Vec<i32>)> {
        let now = Timestamp::default() + days(1_000);
        let until = (now - days(age)).as_micros();
        classes.expired(until, now).map(|expired| (expired.all_but, expired.tags))
    }

    #[test]
    fn a_partition_loses_what_is_past_its_own_retention() {
        let classes = classes(Some(30), &[(1, Some(10)), (2, Some(100)), (3, None)]);
        assert_eq!(expired(&classes, 9), None);
        assert_eq!(expired(&classes, 10), Some((false, vec![1])));
        assert_eq!(expired(&classes, 30), Some((true, vec![2, 3])));
        assert_eq!(expired(&classes, 100), Some((true, vec![3])));
        assert_eq!(classes.longest(), None);
    }

    #[test]
    fn what_nobody_wants_longer_is_dropped_whole() {
        assert_eq!(classes(Some(30), &[(1, Some(10))]).longest(), Some(days(30)));
        assert_eq!(classes(Some(30), &[(1, Some(100))]).longest(), Some(days(100)));
        assert_eq!(classes(None, &[(1, Some(10))]).longest(), None);
        assert_eq!(expired(&classes(None, &[(1, Some(10))]), 1_000), Some((false, vec![1])));
    }

    #[test]
    fn another_retention_has_another_fingerprint() {
        let now = Timestamp::default() + days(1_000);
        let fingerprint = |classes: Classes| classes.expired(0, now).unwrap().fingerprint;
        let before = fingerprint(classes(None, &[(1, Some(10))]));
        assert_ne!(before, fingerprint(classes(None, &[(2, Some(10))])));
        assert_ne!(before, fingerprint(classes(Some(10), &[(1, Some(10))])));
        assert_ne!(before, 0);
    }
}

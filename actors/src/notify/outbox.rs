//! Messages of one channel on their way out: in order, bounded, tried again. Pure.

use super::{DeliveryError, Outgoing, Settled, Status};
use flyball_schema::Timestamp;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Wait after the first failure; doubled after each.
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// Longest wait.
const LONGEST_RETRY: Duration = Duration::from_secs(120);
/// A message that is older is not tried again.
const GIVE_UP: Duration = Duration::from_secs(24 * 3_600);

/// The queue of a channel. One message is under way at a time, the oldest.
#[derive(Debug)]
pub(super) struct Outbox {
    queue: VecDeque<Queued>,
    limit: usize,
    flying: bool,
    failures: u32,
    not_before: Timestamp,
    random: u64,
    error: Option<String>,
}

#[derive(Debug)]
struct Queued {
    outgoing: Arc<Outgoing>,
    attempts: u32,
}

impl Outbox {
    /// At most `limit` messages wait; `seed` differs from channel to channel.
    pub(super) fn new(limit: usize, seed: u64) -> Self {
        let random = (seed + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let (queue, not_before) = (VecDeque::new(), Timestamp::MIN);
        Self { queue, limit: limit.max(1), flying: false, failures: 0, not_before, random, error: None }
    }

    /// A message behind all others; the one that had to go for it.
    pub(super) fn push(&mut self, outgoing: Arc<Outgoing>) -> Option<Settled> {
        self.queue.push_back(Queued { outgoing, attempts: 0 });
        if self.queue.len() <= self.limit {
            return None;
        }
        let dropped = self.queue.remove(usize::from(self.flying && self.queue.len() > 1))?;
        let error = Some("dropped: too many messages waited".to_owned());
        Some(Settled { outgoing: dropped.outgoing, status: Status::Failed, attempts: dropped.attempts, error })
    }

    /// The message to be sent now.
    pub(super) fn begin(&mut self, now: Timestamp) -> Option<Arc<Outgoing>> {
        if self.flying || now < self.not_before {
            return None;
        }
        let next = self.queue.front_mut()?;
        next.attempts += 1;
        self.flying = true;
        Some(Arc::clone(&next.outgoing))
    }

    /// What became of it; `None` where it is tried again.
    pub(super) fn end(&mut self, outcome: Result<(), DeliveryError>, now: Timestamp) -> Option<Settled> {
        self.flying = false;
        let error = match outcome {
            Ok(()) => {
                (self.failures, self.error, self.not_before) = (0, None, Timestamp::MIN);
                None
            }
            Err(error) if error.permanent => Some(error.reason),
            Err(error) => {
                self.error = Some(error.reason.clone());
                self.not_before = now + self.wait();
                let age = self.queue.front().map(|queued| now.since(queued.outgoing.at)).unwrap_or_default();
                if age <= GIVE_UP {
                    return None;
                }
                Some(error.reason)
            }
        };
        let Queued { outgoing, attempts } = self.queue.pop_front()?;
        let status = if error.is_none() { Status::Sent } else { Status::Failed };
        Some(Settled { outgoing, status, attempts, error })
    }

    /// Doubled from failure to failure, shortened at random by up to a quarter.
    fn wait(&mut self) -> Duration {
        let doubled = FIRST_RETRY.saturating_mul(1 << self.failures.min(16));
        self.failures = self.failures.saturating_add(1);
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let uniform = (self.random >> 11) as f64 / 9_007_199_254_740_992.0;
        doubled.min(LONGEST_RETRY).mul_f64(1.0 - 0.25 * uniform)
    }

    /// When there is something to do next.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        (!self.flying && !self.queue.is_empty()).then_some(self.not_before)
    }

    /// Messages that wait or are under way.
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn is_flying(&self) -> bool {
        self.flying
    }

    /// Why the channel does not work, while it does not.
    pub(super) fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{at, outgoing};
    use super::*;

    fn away() -> Result<(), DeliveryError> {
        Err(DeliveryError { reason: "connection refused".to_owned(), permanent: false })
    }

    fn filled(limit: usize, keys: &[&str]) -> (Outbox, Vec<Settled>) {
        let mut outbox = Outbox::new(limit, 1);
        let dropped = keys.iter().filter_map(|key| outbox.push(outgoing(key, at(0)))).collect();
        (outbox, dropped)
    }

    fn begin(outbox: &mut Outbox, second: i64) -> Option<String> {
        outbox.begin(at(second)).map(|outgoing| outgoing.key.clone())
    }

    #[test]
    fn messages_go_one_after_the_other() {
        let (mut outbox, _) = filled(10, &["a", "b"]);
        assert_eq!(begin(&mut outbox, 1).as_deref(), Some("a"));
        assert_eq!((begin(&mut outbox, 1), outbox.deadline()), (None, None), "one is under way");
        let settled = outbox.end(Ok(()), at(2)).unwrap();
        assert_eq!((&*settled.outgoing.key, settled.status, settled.attempts), ("a", Status::Sent, 1));
        assert_eq!(begin(&mut outbox, 2).as_deref(), Some("b"));
    }

    #[test]
    fn a_channel_that_is_away_is_tried_ever_more_rarely_and_keeps_the_order() {
        let (mut outbox, _) = filled(10, &["a", "b"]);
        let (mut now, mut waits) = (at(0), Vec::new());
        for _ in 0..12 {
            assert_eq!(outbox.begin(now).unwrap().key, "a");
            assert_eq!(outbox.end(away(), now), None);
            let next = outbox.deadline().unwrap();
            assert_eq!(outbox.begin(next - Duration::from_micros(1)), None);
            waits.push(next.since(now).as_secs_f64());
            now = next;
        }
        assert!((0.75..=1.0).contains(&waits[0]) && (1.5..=2.0).contains(&waits[1]), "{waits:?}");
        assert!((90.0..=120.0).contains(&waits[11]), "{waits:?}");
        assert_eq!(outbox.error(), Some("connection refused"));
        outbox.begin(now);
        assert_eq!(outbox.end(Ok(()), now).unwrap().attempts, 13);
        assert_eq!((outbox.error(), outbox.deadline()), (None, Some(Timestamp::MIN)), "the next one goes at once");
    }

    #[test]
    fn a_message_that_is_refused_for_good_does_not_hold_up_the_others() {
        let (mut outbox, _) = filled(10, &["a", "b"]);
        begin(&mut outbox, 1);
        let refused = DeliveryError { reason: "550 no such user".to_owned(), permanent: true };
        let settled = outbox.end(Err(refused), at(1)).unwrap();
        assert_eq!((settled.status, settled.error.as_deref()), (Status::Failed, Some("550 no such user")));
        assert_eq!(begin(&mut outbox, 1).as_deref(), Some("b"));
    }

    #[test]
    fn a_message_is_not_tried_for_ever() {
        let (mut outbox, _) = filled(10, &["a"]);
        begin(&mut outbox, 86_400);
        assert_eq!(outbox.end(away(), at(86_400)), None);
        begin(&mut outbox, 90_000);
        assert_eq!(outbox.end(away(), at(90_000)).unwrap().status, Status::Failed);
        assert_eq!(outbox.len(), 0);
    }

    #[test]
    fn past_the_limit_the_oldest_that_waits_is_dropped() {
        let (mut outbox, dropped) = filled(2, &["a", "b", "c"]);
        let keys: Vec<_> = dropped.iter().map(|settled| &*settled.outgoing.key).collect();
        assert_eq!((keys, dropped[0].status, dropped[0].attempts), (vec!["a"], Status::Failed, 0));
        begin(&mut outbox, 1);
        let dropped = outbox.push(outgoing("d", at(1))).unwrap();
        assert_eq!(dropped.outgoing.key, "c", "that under way stays");
        assert_eq!(outbox.end(Ok(()), at(2)).unwrap().outgoing.key, "b");
    }
}

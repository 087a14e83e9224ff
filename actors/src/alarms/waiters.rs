//! Who waits until transitions are durable. Pure.

use super::AlarmError;
use tokio::sync::oneshot;

/// How a wait ends where a write fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// With the first failure: whoever gave a command wants to know.
    FirstFailure,
    /// Not at all: the write is tried again.
    Retries,
}

#[derive(Debug)]
struct Waiter {
    number: u64,
    patience: Patience,
    reply: oneshot::Sender<Result<(), AlarmError>>,
}

/// Everybody who waits.
#[derive(Debug, Default)]
pub(super) struct Waiters(Vec<Waiter>);

impl Waiters {
    /// Waits until transition `number`, and with [`Patience::Retries`] every one before, is durable.
    pub(super) fn wait(&mut self, number: u64, patience: Patience) -> oneshot::Receiver<Result<(), AlarmError>> {
        let (reply, answer) = oneshot::channel();
        self.0.push(Waiter { number, patience, reply });
        answer
    }

    /// Every transition up to `number` is durable.
    pub(super) fn settled(&mut self, number: u64) {
        self.answer(|waiter| (waiter.number <= number).then_some(Ok(())));
    }

    /// Transition `number` will never be durable.
    pub(super) fn dropped(&mut self, number: u64) {
        self.answer(|waiter| {
            let concerned = match waiter.patience {
                Patience::FirstFailure => waiter.number == number,
                Patience::Retries => waiter.number >= number,
            };
            concerned.then(|| Err(AlarmError::NotDurable("too many transitions wait for it".to_owned())))
        });
    }

    /// A write has failed; `for_good` where no retry can mend it.
    pub(super) fn failed(&mut self, reason: &str, for_good: bool) {
        self.answer(|waiter| {
            (for_good || waiter.patience == Patience::FirstFailure)
                .then(|| Err(AlarmError::NotDurable(reason.to_owned())))
        });
    }

    fn answer(&mut self, answer: impl Fn(&Waiter) -> Option<Result<(), AlarmError>>) {
        for waiter in std::mem::take(&mut self.0) {
            match answer(&waiter) {
                // Whoever asked may have gone; what was done stays done.
                Some(answer) => drop(waiter.reply.send(answer)),
                None => self.0.push(waiter),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_hears_of_the_first_failure_and_a_flush_waits_on() {
        let mut waiters = Waiters::default();
        let mut command = waiters.wait(1, Patience::FirstFailure);
        let mut flush = waiters.wait(1, Patience::Retries);
        waiters.failed("disk full", false);
        assert_eq!(command.try_recv().unwrap(), Err(AlarmError::NotDurable("disk full".to_owned())));
        assert!(flush.try_recv().is_err(), "still waiting");
        waiters.settled(1);
        assert_eq!(flush.try_recv().unwrap(), Ok(()));
    }

    #[test]
    fn a_dropped_transition_is_told_to_those_it_concerns() {
        let mut waiters = Waiters::default();
        let mut other = waiters.wait(3, Patience::FirstFailure);
        let mut own = waiters.wait(2, Patience::FirstFailure);
        let mut flush = waiters.wait(3, Patience::Retries);
        let mut early_flush = waiters.wait(1, Patience::Retries);
        waiters.dropped(2);
        assert!(matches!(own.try_recv().unwrap(), Err(AlarmError::NotDurable(_))));
        assert!(matches!(flush.try_recv().unwrap(), Err(AlarmError::NotDurable(_))));
        assert!(other.try_recv().is_err() && early_flush.try_recv().is_err(), "still waiting");
    }
}

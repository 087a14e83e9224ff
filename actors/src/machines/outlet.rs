//! How what machines want leaves a worker: one batch under way to the table and one to the field, the newest value
//! per tag kept meanwhile.

use super::lifecycle::MachineState;
use super::outputs::{Effects, TransitionRecord};
use crate::cvt::{Update, WriteReport, WriteTags};
use crate::opcua::DriveOutputs;
use crate::send::{DEADLINE, SendError, ask_recipient};
use actix::fut::{ActorFutureExt, wrap_future};
use actix::{Actor, AsyncContext, Context, Recipient};
use flyball_schema::{TagId, Value};

/// Where a worker's values go.
#[derive(Debug, Clone)]
pub(super) struct Destinations {
    pub(super) write: Recipient<WriteTags>,
    pub(super) drive: Recipient<DriveOutputs>,
}

/// Effects that wait to leave, and what became of those that left.
#[derive(Debug)]
pub(super) struct Outlet {
    name: &'static str,
    to: Destinations,
    pub(super) effects: Effects,
    writing: bool,
    driving: bool,
    closed: bool,
    failing: bool,
    unconvertible: u64,
    pub(super) stats: OutletStats,
}

/// Counters of what left a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutletStats {
    /// Batches that the table took.
    pub batches: u64,
    /// Values that the table refused.
    pub refused: u64,
    /// Batches to table or field that could not be delivered and were tried again.
    pub failures: u64,
}

/// An actor with an outlet.
pub(super) trait HasOutlet: Actor<Context = Context<Self>> {
    fn outlet(&mut self) -> &mut Outlet;
}

impl Outlet {
    pub(super) fn new(name: &'static str, to: Destinations) -> Self {
        Self {
            name,
            to,
            effects: Effects::default(),
            writing: false,
            driving: false,
            closed: false,
            failing: false,
            unconvertible: 0,
            stats: OutletStats::default(),
        }
    }

    /// The transitions since the last call, logged where they are faults.
    pub(super) fn take_transitions(&mut self, name_of: impl Fn(&TransitionRecord) -> String) -> usize {
        if self.effects.unconvertible > self.unconvertible {
            self.unconvertible = self.effects.unconvertible;
            log::warn!("{}: an output cannot be told in the type of the tag it drives", self.name);
        }
        for record in &self.effects.transitions {
            match (&record.fault, record.to) {
                (Some(fault), MachineState::Fault) => log::error!("machine \"{}\" faulted: {fault}", name_of(record)),
                _ => log::debug!("machine \"{}\": {} to {}", name_of(record), record.from, record.to),
            }
        }
        self.effects.transitions.drain(..).len()
    }

    fn delivered(&mut self, result: &Result<(), SendError>) {
        match result {
            Ok(()) => self.failing = false,
            Err(error) => {
                self.stats.failures += 1;
                if !std::mem::replace(&mut self.failing, true) {
                    log::warn!("{}: outputs cannot be delivered and are tried again: {error}", self.name);
                }
            }
        }
    }

    fn written(&mut self, report: &WriteReport) {
        self.stats.batches += 1;
        if let Some((_, refusal)) = report.refused.first() {
            if self.stats.refused == 0 {
                log::warn!("{}: the table refused an output: {refusal}", self.name);
            }
            self.stats.refused += report.refused.len() as u64;
        }
    }

    /// Delivers values apart from what waits; what left before arrives before them.
    pub(super) fn deliver_apart(
        &self,
        (writes, drives): (Vec<Update>, Vec<(TagId, Value)>),
    ) -> impl Future<Output = Result<(), SendError>> + use<> {
        deliver(self.to.clone(), writes, drives)
    }

    /// Sends everything that waits and nothing after it; what is under way and fails is not sent again.
    pub(super) fn close(&mut self) -> impl Future<Output = Result<(), SendError>> + 'static {
        self.closed = true;
        let (writes, drives) = (self.effects.writes.take(), self.effects.drives.take());
        deliver(self.to.clone(), writes.into_iter().map(|(_, update)| update).collect(), drives)
    }
}

/// Delivers values to table and field, and waits for both.
pub(super) async fn deliver(
    to: Destinations,
    writes: Vec<Update>,
    drives: Vec<(TagId, Value)>,
) -> Result<(), SendError> {
    // The field first: the table only shows what the field shall do.
    let drive = async {
        if drives.is_empty() { Ok(()) } else { ask_recipient(&to.drive, DriveOutputs(drives), DEADLINE).await }
    };
    let write = async {
        if writes.is_empty() {
            return Ok(());
        }
        ask_recipient(&to.write, WriteTags(writes), DEADLINE).await.map(|_report| ())
    };
    let (drive, write) = futures_util::future::join(drive, write).await;
    drive.and(write)
}

/// Sends what waits, where nothing is under way.
pub(super) fn flush<A: HasOutlet>(actor: &mut A, ctx: &mut Context<A>) {
    let outlet = actor.outlet();
    if outlet.closed {
        return;
    }
    if !outlet.driving && !outlet.effects.drives.is_empty() {
        outlet.driving = true;
        let (batch, to) = (outlet.effects.drives.take(), outlet.to.drive.clone());
        let message = DriveOutputs(batch.clone());
        let request = wrap_future::<_, A>(async move { ask_recipient(&to, message, DEADLINE).await });
        ctx.spawn(request.map(move |result, actor, ctx| {
            let outlet = actor.outlet();
            outlet.driving = false;
            outlet.delivered(&result);
            match result {
                Ok(()) => flush(actor, ctx),
                Err(_) => outlet.effects.drives.put_back(batch),
            }
        }));
    }
    let outlet = actor.outlet();
    if !outlet.writing && !outlet.effects.writes.is_empty() {
        outlet.writing = true;
        let (batch, to) = (outlet.effects.writes.take(), outlet.to.write.clone());
        let message = WriteTags(batch.iter().map(|(_, update)| update.clone()).collect());
        let request = wrap_future::<_, A>(async move { ask_recipient(&to, message, DEADLINE).await });
        ctx.spawn(request.map(move |result, actor, ctx| {
            let outlet = actor.outlet();
            outlet.writing = false;
            outlet.delivered(&result.as_ref().map(|_report| ()).map_err(|error| *error));
            match result {
                Ok(report) => {
                    outlet.written(&report);
                    flush(actor, ctx);
                }
                Err(_) => outlet.effects.writes.put_back(batch),
            }
        }));
    }
}

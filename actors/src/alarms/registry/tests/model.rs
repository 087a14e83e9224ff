//! The registry against an independent model: random samples, commands, times and restarts.

use super::*;
use proptest::prelude::*;
use std::time::Duration;

/// How an alarm is configured, times in seconds.
#[derive(Debug, Clone, Copy)]
struct Config {
    kind: AlarmKind,
    limit: f64,
    dead_band: f64,
    on_delay: i64,
    off_delay: i64,
    latching: bool,
    auto_acknowledge: bool,
    re_alarm: Option<i64>,
}

impl Config {
    fn alarm(self, id: u32, memory: Option<AlarmMemory>) -> NewAlarm {
        let ms = |seconds: i64| u32::try_from(seconds * 1_000).unwrap();
        let mut new = alarm_on(id, 0, self.kind, self.limit);
        new.definition =
            new.definition.with_dead_band(self.dead_band).with_delays(ms(self.on_delay), ms(self.off_delay));
        (new.definition.latching, new.definition.auto_acknowledge) = (self.latching, self.auto_acknowledge);
        new.definition.re_alarm_ms = self.re_alarm.map(ms);
        new.suppressed = Some(TagId(1));
        NewAlarm { memory, ..new }
    }
}

/// One alarm as an independent model has it: truths and times, no states.
#[derive(Debug, Clone)]
struct Model {
    config: Config,
    is_true: bool,
    is_held: bool,
    is_active: bool,
    is_unacknowledged: bool,
    is_latched: bool,
    /// Since when what is true is not yet what counts.
    changed_at: Option<i64>,
    acknowledged_at: i64,
    occurrence: u64,
    shelf: Option<(i64, bool)>,
    is_suppressed: bool,
    is_out_of_service: bool,
}

impl Model {
    fn new(config: Config) -> Self {
        Self {
            config,
            is_true: false,
            is_held: true,
            is_active: false,
            is_unacknowledged: false,
            is_latched: false,
            changed_at: None,
            acknowledged_at: 0,
            occurrence: 0,
            shelf: None,
            is_suppressed: false,
            is_out_of_service: false,
        }
    }

    fn is_hidden(&self) -> bool {
        self.shelf.is_some() || self.is_suppressed || self.is_out_of_service
    }

    fn core(&self) -> AlarmState {
        match (self.is_active, self.is_latched, self.is_unacknowledged) {
            (true, _, true) => AlarmState::Unack,
            (true, _, false) => AlarmState::Acked,
            (false, true, true) => AlarmState::Ltunk,
            (false, true, false) => AlarmState::Ltack,
            (false, false, true) => AlarmState::Rtnun,
            (false, false, false) => AlarmState::Norm,
        }
    }

    fn shown(&self) -> AlarmState {
        match (self.is_out_of_service, self.is_suppressed, self.shelf) {
            (true, ..) => AlarmState::Oosrv,
            (_, true, _) => AlarmState::Dsupr,
            (.., Some(_)) => AlarmState::Shlvd,
            _ => self.core(),
        }
    }

    fn sample(&mut self, value: f64, now: i64) {
        let sign = if matches!(self.config.kind, AlarmKind::High | AlarmKind::HighHigh) { 1.0 } else { -1.0 };
        let excess = sign * (value - self.config.limit);
        self.is_held = false;
        self.is_true = excess > 0.0 || (self.is_true && excess >= -self.config.dead_band);
        self.count(now);
    }

    /// What is true counts when it has been so for its delay.
    fn count(&mut self, now: i64) {
        if self.is_true == self.is_active {
            self.changed_at = None;
            return;
        }
        let delay = if self.is_true { self.config.on_delay } else { self.config.off_delay };
        if now < *self.changed_at.get_or_insert(now) + delay {
            return;
        }
        (self.is_active, self.changed_at) = (self.is_true, None);
        if self.is_active {
            self.occurrence += u64::from(!self.is_latched);
            (self.is_unacknowledged, self.is_latched) = (true, false);
            return;
        }
        self.is_unacknowledged &= !self.config.auto_acknowledge;
        self.is_latched = self.config.latching;
        if self.shelf.is_some_and(|(_, one_shot)| one_shot) {
            self.change_flags(|model| model.shelf = None);
        }
    }

    /// Where the last flag goes, what is active stands unacknowledged and the rest is normal.
    fn change_flags(&mut self, change: impl FnOnce(&mut Self)) {
        let was_hidden = self.is_hidden();
        change(self);
        if was_hidden && !self.is_hidden() {
            (self.is_unacknowledged, self.is_latched) = (self.is_active, false);
        }
    }

    fn re_alarm_due(&self) -> Option<i64> {
        let stands = self.is_active && !self.is_unacknowledged && !self.is_hidden();
        self.config.re_alarm.filter(|_| stands).map(|after| self.acknowledged_at + after)
    }

    fn due(&self) -> Option<i64> {
        let delay = if self.is_true { self.config.on_delay } else { self.config.off_delay };
        let delay = self.changed_at.filter(|_| !self.is_held).map(|since| since + delay);
        [delay, self.shelf.map(|(until, _)| until), self.re_alarm_due()].into_iter().flatten().min()
    }

    fn tick(&mut self, now: i64) {
        if !self.is_held {
            self.count(now);
        }
        if self.shelf.is_some_and(|(until, _)| until <= now) {
            self.change_flags(|model| model.shelf = None);
        }
        if self.re_alarm_due().is_some_and(|due| due <= now) {
            self.is_unacknowledged = true;
        }
    }

    /// Does what a person asks for; whether that is allowed.
    fn command(&mut self, command: &AlarmCommand, now: i64) -> bool {
        let is_seen = !self.is_hidden();
        match command {
            AlarmCommand::Acknowledge if is_seen && self.is_unacknowledged => {
                (self.is_unacknowledged, self.acknowledged_at) = (false, now);
            }
            AlarmCommand::Reset
                if is_seen && self.is_latched && !self.is_unacknowledged && !self.is_true && !self.is_held =>
            {
                self.is_latched = false;
            }
            AlarmCommand::Shelve { time: Some(time), one_shot } if !self.is_suppressed && !self.is_out_of_service => {
                self.shelf = Some((now + i64::try_from(time.as_secs()).unwrap(), *one_shot));
            }
            AlarmCommand::Unshelve if self.shelf.is_some() => self.change_flags(|model| model.shelf = None),
            AlarmCommand::TakeOutOfService if !self.is_out_of_service => self.is_out_of_service = true,
            AlarmCommand::ReturnToService if self.is_out_of_service => {
                self.change_flags(|model| model.is_out_of_service = false);
            }
            _ => return false,
        }
        true
    }

    /// Only what was journalled is known: the truth that a delay is about, else what counts.
    fn restart(&mut self) {
        self.is_held = true;
        self.is_true = self.is_active != self.changed_at.is_some();
    }
}

/// The states of an alarm as its rows tell them.
#[derive(Debug, Clone, Copy)]
struct Replay {
    core: AlarmState,
    shown: AlarmState,
}

impl Replay {
    /// Follows a row; whether it begins where the row before of the same level ended.
    fn follow(&mut self, row: &AlarmTransition) -> bool {
        let is_of_the_process =
            matches!(row.event, "activated" | "returned" | "acknowledged" | "re_alarmed" | "escalated" | "reset");
        let before = if is_of_the_process { self.core } else { self.shown };
        let was_hidden = !self.shown.is_core();
        if !is_of_the_process || !was_hidden {
            self.shown = row.to;
        }
        if row.to.is_core() {
            self.core = row.to;
        }
        before == row.from && row.annunciated == self.shown.is_core()
    }
}

#[derive(Debug, Clone)]
enum Step {
    Good(f64),
    Unusable(Option<f64>, Quality),
    Command(usize, AlarmCommand),
    Suppress(bool),
    Pass(i64),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    // Eighths: every limit and dead-band edge is hit exactly.
    let value = || (-16_i32..=40).prop_map(|eighths| f64::from(eighths) / 8.0);
    let unusable = prop_oneof![
        value().prop_map(|value| (Some(value), Quality::BAD_NO_COMMUNICATION)),
        value().prop_map(|value| (Some(value), Quality::BAD_TIMEOUT)),
        Just((Some(f64::NAN), Quality::GOOD)),
        Just((Some(f64::NEG_INFINITY), Quality::GOOD)),
        Just((None, Quality::BAD_WAITING_FOR_INITIAL_DATA)),
        Just((None, Quality::GOOD)),
    ];
    let shelve = |(seconds, one_shot)| AlarmCommand::Shelve { time: Some(Duration::from_secs(seconds)), one_shot };
    let command = prop_oneof![
        6 => Just(AlarmCommand::Acknowledge),
        2 => Just(AlarmCommand::Reset),
        2 => (1_u64..9, any::<bool>()).prop_map(shelve),
        1 => Just(AlarmCommand::Unshelve),
        1 => Just(AlarmCommand::TakeOutOfService),
        2 => Just(AlarmCommand::ReturnToService),
    ];
    prop_oneof![
        12 => value().prop_map(Step::Good),
        2 => unusable.prop_map(|(value, quality)| Step::Unusable(value, quality)),
        6 => (0_usize..4, command).prop_map(|(alarm, command)| Step::Command(alarm, command)),
        2 => any::<bool>().prop_map(Step::Suppress),
        4 => (1_i64..6).prop_map(Step::Pass),
        1 => Just(Step::Restart),
    ]
}

const LIMITS: [(AlarmKind, f64); 4] =
    [(AlarmKind::LowLow, 0.0), (AlarmKind::Low, 1.0), (AlarmKind::High, 2.0), (AlarmKind::HighHigh, 3.0)];

fn configs() -> impl Strategy<Value = Vec<Config>> {
    let manner = prop_oneof![Just((false, false)), Just((true, false)), Just((false, true))];
    let dead_band = prop_oneof![Just(0.0), Just(0.25), Just(1.5)];
    let one = (dead_band, 0_i64..4, 0_i64..4, manner, prop::option::of(2_i64..6));
    prop::collection::vec(one, 4).prop_map(|all| {
        let configure = |((kind, limit), (dead_band, on_delay, off_delay, (latching, auto_acknowledge), re_alarm))| {
            Config { kind, limit, dead_band, on_delay, off_delay, latching, auto_acknowledge, re_alarm }
        };
        LIMITS.into_iter().zip(all).map(configure).collect()
    })
}

/// The registry with what has come of it.
struct Journaled {
    registry: Registry,
    memories: [Option<AlarmMemory>; 4],
    replays: [Replay; 4],
}

impl Journaled {
    fn new(configs: &[Config], memories: [Option<AlarmMemory>; 4], replays: [Replay; 4]) -> Self {
        let alarms = (0..).zip(configs.iter().zip(&memories));
        let alarms = alarms.map(|(id, (config, memory))| config.alarm(id, memory.clone())).collect();
        Self { registry: registry(alarms), memories, replays }
    }

    fn take(&mut self, effects: Vec<AlarmEffect>) -> Result<(), TestCaseError> {
        for record in effects.into_iter().filter_map(|effect| effect.record) {
            let index = record.alarm.index();
            if let Some(row) = &record.transition {
                let before = self.replays[index];
                prop_assert!(self.replays[index].follow(row), "{:?} does not follow {:?}", row, before);
                prop_assert_eq!(row.occurrence, record.memory.occurrence);
            }
            self.memories[index] = Some(record.memory);
        }
        Ok(())
    }
}

fn run(configs: &[Config], steps: Vec<Step>) -> Result<(), TestCaseError> {
    let at_rest = Replay { core: AlarmState::Norm, shown: AlarmState::Norm };
    let mut plant = Journaled::new(configs, Default::default(), [at_rest; 4]);
    let mut models: Vec<Model> = configs.iter().copied().map(Model::new).collect();
    let mut now = 1;
    for step in steps {
        match step.clone() {
            Step::Good(value) => {
                let effects = plant.registry.evaluate(&[good(0, value, now)], at(now), usize::MAX).effects;
                plant.take(effects)?;
                models.iter_mut().for_each(|model| model.sample(value, now));
            }
            Step::Unusable(value, quality) => {
                let unusable = change(0, value.map(Value::Float), quality, now);
                let effects = plant.registry.evaluate(&[unusable], at(now), usize::MAX).effects;
                plant.take(effects)?;
                models.iter_mut().for_each(|model| model.is_held = true);
            }
            Step::Command(index, command) => {
                let id = AlarmId(u32::try_from(index).unwrap());
                let outcome = plant.registry.command(id, &command, "ann", Some("why"), at(now));
                prop_assert_eq!(outcome.is_ok(), models[index].command(&command, now), "{:?}", command);
                plant.take(outcome.unwrap_or_default())?;
            }
            Step::Suppress(is_suppressed) => {
                let effects = plant.registry.evaluate(&[good(1, is_suppressed, now)], at(now), usize::MAX).effects;
                plant.take(effects)?;
                for model in &mut models {
                    model.change_flags(|model| model.is_suppressed = is_suppressed);
                }
            }
            Step::Pass(seconds) => {
                for second in now + 1..=now + seconds {
                    let effects = plant.registry.tick(at(second), usize::MAX);
                    plant.take(effects)?;
                    models.iter_mut().for_each(|model| model.tick(second));
                }
                now += seconds;
            }
            Step::Restart => {
                plant = Journaled::new(configs, plant.memories, plant.replays);
                models.iter_mut().for_each(Model::restart);
            }
        }
        compare(&plant, &models).map_err(|error| TestCaseError::fail(format!("at {now} after {step:?}: {error}")))?;
    }
    Ok(())
}

fn compare(plant: &Journaled, models: &[Model]) -> Result<(), TestCaseError> {
    let registry = &plant.registry;
    let statuses: Vec<_> = registry.statuses().collect();
    for ((model, status), replay) in models.iter().zip(&statuses).zip(&plant.replays) {
        prop_assert_eq!((model.shown(), model.core()), (status.state, status.core), "{:?}", model);
        prop_assert_eq!((replay.shown, replay.core), (status.state, status.core), "what the journal tells");
        prop_assert_eq!((model.occurrence, model.is_held), (status.occurrence, status.quality_hold), "{:?}", model);
        prop_assert_eq!(model.changed_at.map(at), status.pending.map(|pending| pending.since), "{:?}", model);
        prop_assert_eq!(model.shelf.map(|(until, _)| at(until)), status.flags.shelf.as_ref().map(|shelf| shelf.until));
    }
    let due = models.iter().filter_map(Model::due).min();
    prop_assert_eq!(due.map(at), registry.next_due());
    let count = |wanted: fn(AlarmState) -> bool| statuses.iter().filter(|status| wanted(status.state)).count();
    let expected = AlarmCounts {
        total: 4,
        unacknowledged: count(AlarmState::is_unacknowledged),
        active: count(AlarmState::is_active),
        standing: count(|state| state.is_core() && state != AlarmState::Norm),
        shelved: count(|state| state == AlarmState::Shlvd),
        suppressed: count(|state| state == AlarmState::Dsupr),
        out_of_service: count(|state| state == AlarmState::Oosrv),
        pending: 0,
    };
    prop_assert_eq!(registry.counts(), expected);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn alarms_follow_the_model_through_everything_that_can_happen(
        configs in configs(),
        steps in prop::collection::vec(step(), 1..150),
    ) {
        run(&configs, steps)?;
    }
}

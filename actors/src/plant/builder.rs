//! Builds a plant: what it is to consist of, and where it runs.

use super::Plant;
use super::arbiters::{Arbiters, Threads};
use super::error::PlantError;
use super::folder::DataFolder;
use super::starting::Starting;
use crate::Clock;
use crate::configuration::{Complete, OwnMachine, check_retention};
use crate::db::{DbError, DbManager};
use crate::history::History;
use crate::machines::{Kinds, Machine};
use crate::settings::Settings;
use flyball_schema::definition::{MachineDefinition, PlantDefinition};
use std::fmt;

/// Changes what a plant is to consist of, before it starts.
type Amend = Box<dyn FnOnce(&mut PlantDefinition) + Send>;

/// Builds a [`Plant`].
#[derive(Default)]
pub struct PlantBuilder {
    settings: Settings,
    /// The plant is this.
    definition: Option<PlantDefinition>,
    /// The plant is this where the database has none.
    initial: Option<PlantDefinition>,
    amend: Option<Amend>,
    machines: Vec<(MachineDefinition, Box<dyn Machine>)>,
    threads: Threads,
    clock: Option<Clock>,
}

impl fmt::Debug for PlantBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlantBuilder").field("definition", &self.definition.is_some()).finish_non_exhaustive()
    }
}

impl PlantBuilder {
    pub(super) fn new(settings: Settings) -> Self {
        Self { settings, ..Self::default() }
    }

    /// Sets what the plant consists of, at every start: what was changed while it ran last is changed back.
    #[must_use]
    pub fn definition(mut self, definition: PlantDefinition) -> Self {
        self.definition = Some(definition);
        self
    }

    /// Sets what the plant consists of at its first start. From then on the database says it, with every change made since.
    #[must_use]
    pub fn initial_definition(mut self, definition: PlantDefinition) -> Self {
        self.initial = Some(definition);
        self
    }

    /// Changes the definition, wherever it came from, before the plant starts: for what only this start knows, such as the
    /// address of a simulated device.
    #[must_use]
    pub fn amend(mut self, amend: impl FnOnce(&mut PlantDefinition) + Send + 'static) -> Self {
        self.amend = Some(Box::new(amend));
        self
    }

    /// Adds a machine of the user's own kind; `definition.kind` is what people are told.
    #[must_use]
    pub fn machine(mut self, definition: MachineDefinition, machine: impl Machine + 'static) -> Self {
        self.machines.push((definition, Box::new(machine)));
        self
    }

    /// Sets where the actors run.
    #[must_use]
    pub fn threads(mut self, threads: Threads) -> Self {
        self.threads = threads;
        self
    }

    /// Sets the clock, for tests.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Starts the plant on the present actix system. Answers when everything runs; devices may still be connecting.
    ///
    /// # Errors
    /// See [`PlantError`]; nothing runs then.
    pub async fn start(self) -> Result<Plant, PlantError> {
        let Self { settings, definition, initial, amend, machines, threads, clock } = self;
        let folder = DataFolder::take(&settings.data.dir)?;
        let own: Vec<OwnMachine> =
            machines.iter().map(|(definition, machine)| (definition.clone(), machine.declaration())).collect();
        if let Some(given) = definition.as_ref().or(initial.as_ref()) {
            // Before anything is opened: a wrong file leaves nothing behind.
            Complete::new(given.clone(), &own, &Kinds::default())?;
        }
        let clock = clock.unwrap_or_else(Clock::system);
        let (url, journal) = (settings.database_url(), settings.journal());
        let historian = settings.historian().map_err(DbError::from)?;
        let migrated = tokio::task::spawn_blocking(move || DbManager::migrate(&url)).await;
        migrated.map_err(|error| PlantError::Journal(error.to_string()))??;
        let history = tokio::task::spawn_blocking(move || History::open(journal, historian)).await;
        let history = history
            .map_err(|error| PlantError::Journal(error.to_string()))?
            .map_err(|error| PlantError::Journal(error.to_string()))?;
        let manager = DbManager::open(&settings.database_url(), settings.database.readers)?;
        let database = manager.database();
        let stored = database.read(crate::configuration::catalogue::load).await?;
        let mut wanted = match definition {
            Some(definition) => definition,
            None if stored.is_stored => stored.defined(),
            None => initial.unwrap_or_default(),
        };
        if let Some(amend) = amend {
            amend(&mut wanted);
        }
        let complete = Complete::new(wanted, &own, &Kinds::default())?;
        // What the start would refuse later must not be stored.
        check_retention(&settings, &complete.definition)?;
        let (ids, version) = crate::configuration::agree(&database, stored, &complete, clock.now()).await?;
        let arbiters = Arbiters::start(threads);
        let machines = machines.into_iter().map(|(_, machine)| machine).collect();
        Starting { clock, settings, complete, ids, version, own, arbiters, folder, history }
            .run(manager, machines)
            .await
    }
}

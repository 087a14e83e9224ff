//! The actor that changes the plant: one change at a time.

use super::announce::Subscribers;
use super::catalogue::{self, AlarmsEnd};
use super::complete::OwnMachine;
use super::live::{Actors, State, plant_changed};
use super::prepare::Prepared;
use super::{
    Change, ChangePlant, ConfigurationError, CurrentVersion, DefinedTag, Edit, Plan, PlantChanged, ReadDefinedTag,
    ReadDefinition, Release, SaveSums, SubscribePlant, Substitute, record,
};
use crate::cvt::{ReadSums, ReadTags, ReleaseTag, SubstituteTag, TagRecord};
use crate::db::Database;
use crate::send::{DEADLINE, ask};
use crate::settings::Settings;
use crate::{Clock, ticker};
use actix::{Actor, ActorFutureExt, AsyncContext, AtomicResponse, Context, Handler, ResponseFuture, WrapFuture};
use flyball_schema::definition::{PlantDefinition, users_of};
use flyball_schema::{TagId, Value};
use std::sync::Arc;
use std::time::Duration;

/// How often sums are made durable: what a killed plant loses of them at the most.
const SAVE_EVERY: Duration = Duration::from_secs(5);

/// Changes what the plant consists of. **Manager.**
///
/// Changes are atomic handlers: while one is under way the next waits in the mailbox.
#[derive(Debug)]
pub struct ConfigurationManager {
    clock: Clock,
    database: Database,
    settings: Arc<Settings>,
    own: Arc<[OwnMachine]>,
    actors: Actors,
    version: CurrentVersion,
    subscribers: Subscribers,
    saved: Vec<(TagId, serde_json::Value)>,
    saving: bool,
}

/// What a handler works with while the actor waits.
#[derive(Clone)]
struct Desk {
    clock: Clock,
    database: Database,
    settings: Arc<Settings>,
    own: Arc<[OwnMachine]>,
    actors: Actors,
}

impl ConfigurationManager {
    /// A manager of the plant that `actors` run, which is stored as `version`; `own` are the machines whose code the
    /// application brought along.
    #[must_use]
    pub fn new(
        clock: Clock,
        database: Database,
        settings: Arc<Settings>,
        own: Vec<OwnMachine>,
        actors: Actors,
        version: CurrentVersion,
    ) -> Self {
        let (subscribers, saved) = (Subscribers::default(), Vec::new());
        Self { clock, database, settings, own: own.into(), actors, version, subscribers, saved, saving: false }
    }

    fn desk(&self) -> Desk {
        let Self { clock, database, settings, own, actors, .. } = self;
        Desk {
            clock: *clock,
            database: database.clone(),
            settings: Arc::clone(settings),
            own: Arc::clone(own),
            actors: actors.clone(),
        }
    }

    /// Makes the sums durable where they are other ones than those saved last.
    fn save(&mut self, ctx: &mut Context<Self>) {
        if std::mem::replace(&mut self.saving, true) {
            return;
        }
        let (desk, before) = (self.desk(), self.saved.clone());
        let save = async move { desk.save_sums(&before).await };
        ctx.spawn(save.into_actor(self).map(|outcome, manager, _ctx| {
            manager.saving = false;
            match outcome {
                Ok(saved) => manager.saved = saved,
                Err(error) => log::error!("totals and running hours are not saved: {error}"),
            }
        }));
    }
}

impl Desk {
    /// What was, or would be, changed; and what to tell of it.
    async fn change(&self, request: ChangePlant) -> Result<(Plan, Option<PlantChanged>), ConfigurationError> {
        let ChangePlant { change, author, dry_run, expected } = request;
        let (settings, own) = (Arc::clone(&self.settings), Arc::clone(&self.own));
        // Large changes take seconds: on a thread of the database, not on that of the actors.
        let prepared = self.database.read(move |connection| {
            let before = catalogue::load(connection)?;
            let prepared = Prepared::new(before, &change, expected.as_deref(), &own, &settings);
            Ok(prepared.map(|prepared| (prepared, created(change))))
        });
        let (Prepared { before, defined, complete, after, difference }, created) = prepared.await??;
        let version = before.version();
        let mut plan = Plan { before: defined, after, version, created: Vec::new(), problems: Vec::new() };
        if dry_run || difference.is_empty() {
            return Ok((plan, None));
        }
        let (complete, now) = (Arc::new(complete), self.clock.now());
        let former = (before.whole(), before.ids()?);
        let stored = Arc::clone(&complete);
        let stored = self.database.write(move |connection| {
            let ids = catalogue::store(connection, &before, &stored, now)?;
            record::audit(connection, &difference, &author, now)?;
            catalogue::settle(connection, &before, (&stored.definition, &ids), AlarmsEnd::Told, &author, now)?;
            let remembered = catalogue::remembered(connection, &before, &ids)?;
            Ok((ids, catalogue::version(connection)?, remembered))
        });
        let (ids, version, remembered) = stored.await?;
        let (was, is) = (State::new(&former.0, &former.1), State::new(&complete.definition, &ids));
        plan.problems = self.actors.follow(&was, &is, &complete, &self.settings, remembered).await;
        plan.created = created.iter().filter_map(|name| is.tag(name)).collect();
        plan.version.clone_from(&version);
        let changed = PlantChanged { version, ..plant_changed(&was, &is) };
        Ok((plan, Some(changed)))
    }

    async fn defined_tag(&self, id: TagId) -> Result<DefinedTag, ConfigurationError> {
        let read = self.database.read(move |connection| {
            let catalogue = catalogue::load(connection)?;
            let Some((definition, made)) = catalogue.tag(id) else { return Ok(None) };
            let users = users_of(&catalogue.whole(), &definition.name);
            Ok(Some(DefinedTag { definition: definition.clone(), made, users }))
        });
        read.await?.ok_or(ConfigurationError::UnknownTag(id))
    }

    async fn read(&self, tag: TagId) -> Result<TagRecord, ConfigurationError> {
        let records = ask(&self.actors.cvt, ReadTags(vec![tag]), DEADLINE).await?;
        let unknown = ConfigurationError::UnknownTag(tag);
        records.ok().and_then(|mut records| records.pop()).ok_or(unknown)
    }

    async fn substitute(&self, Substitute { tag, value, author }: Substitute) -> Result<TagRecord, ConfigurationError> {
        let record = self.read(tag).await?;
        let (name, expected, offered) = (record.definition.name, record.definition.data_type, value.to_string());
        let value = value.coerce(expected).filter(Value::is_finite);
        let wrong = || ConfigurationError::WrongType { tag: name.clone(), expected, value: offered };
        let value = value.ok_or_else(wrong)?;
        let (kept, now) = (value.clone(), self.clock.now());
        let keep = move |connection: &mut _| record::keep_substitution(connection, (tag, &name), &kept, &author, now);
        self.database.write(keep).await?;
        let substituted = ask(&self.actors.cvt, SubstituteTag { tag, value }, DEADLINE).await?;
        substituted.map_err(|_gone| ConfigurationError::UnknownTag(tag))
    }

    async fn release(&self, Release { tag, author }: Release) -> Result<TagRecord, ConfigurationError> {
        let name = self.read(tag).await?.definition.name;
        let (known, now) = (name.clone(), self.clock.now());
        let forget = move |connection: &mut _| record::forget_substitution(connection, (tag, &known), &author, now);
        if !self.database.write(forget).await? {
            return Err(ConfigurationError::NotSubstituted(name));
        }
        let released = ask(&self.actors.cvt, ReleaseTag(tag), DEADLINE).await?;
        released.map_err(|_gone| ConfigurationError::UnknownTag(tag))
    }

    async fn save_sums(
        &self,
        saved: &[(TagId, serde_json::Value)],
    ) -> Result<Vec<(TagId, serde_json::Value)>, ConfigurationError> {
        let sums = ask(&self.actors.cvt, ReadSums, DEADLINE).await?;
        if sums != saved {
            let (kept, now) = (sums.clone(), self.clock.now());
            self.database.write(move |connection| record::keep_sums(connection, &kept, now)).await?;
        }
        Ok(sums)
    }
}

/// Names of the tags that edits create, in their order.
fn created(change: Change) -> Vec<String> {
    let Change::Edits(edits) = change else { return Vec::new() };
    let name = |edit| match edit {
        Edit::CreateTag(tag) => Some(tag.name),
        _ => None,
    };
    edits.into_iter().filter_map(name).collect()
}

impl Actor for ConfigurationManager {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ticker::every(ctx, SAVE_EVERY, |manager: &mut Self, ctx, _tick| {
            manager.save(ctx);
            manager.subscribers.catch_up();
        });
    }
}

impl Handler<ChangePlant> for ConfigurationManager {
    type Result = AtomicResponse<Self, Result<Plan, ConfigurationError>>;

    fn handle(&mut self, request: ChangePlant, _ctx: &mut Self::Context) -> Self::Result {
        let desk = self.desk();
        let change = async move { desk.change(request).await }.into_actor(self);
        AtomicResponse::new(Box::pin(change.map(|outcome, manager, _ctx| {
            let (plan, changed) = outcome?;
            manager.version.set(&plan.version);
            if let Some(changed) = changed {
                manager.subscribers.announce(&changed);
            }
            Ok(plan)
        })))
    }
}

impl Handler<SubscribePlant> for ConfigurationManager {
    type Result = ();

    fn handle(&mut self, SubscribePlant(recipient): SubscribePlant, _ctx: &mut Self::Context) {
        self.subscribers.add(recipient);
    }
}

impl Handler<Substitute> for ConfigurationManager {
    type Result = AtomicResponse<Self, Result<TagRecord, ConfigurationError>>;

    fn handle(&mut self, request: Substitute, _ctx: &mut Self::Context) -> Self::Result {
        let desk = self.desk();
        AtomicResponse::new(Box::pin(async move { desk.substitute(request).await }.into_actor(self)))
    }
}

impl Handler<Release> for ConfigurationManager {
    type Result = AtomicResponse<Self, Result<TagRecord, ConfigurationError>>;

    fn handle(&mut self, request: Release, _ctx: &mut Self::Context) -> Self::Result {
        let desk = self.desk();
        AtomicResponse::new(Box::pin(async move { desk.release(request).await }.into_actor(self)))
    }
}

impl Handler<ReadDefinition> for ConfigurationManager {
    type Result = ResponseFuture<Result<Arc<PlantDefinition>, ConfigurationError>>;

    fn handle(&mut self, _: ReadDefinition, _ctx: &mut Self::Context) -> Self::Result {
        let database = self.database.clone();
        Box::pin(
            async move { Ok(Arc::new(database.read(|connection| Ok(catalogue::load(connection)?.defined())).await?)) },
        )
    }
}

impl Handler<ReadDefinedTag> for ConfigurationManager {
    type Result = ResponseFuture<Result<DefinedTag, ConfigurationError>>;

    fn handle(&mut self, ReadDefinedTag(id): ReadDefinedTag, _ctx: &mut Self::Context) -> Self::Result {
        let desk = self.desk();
        Box::pin(async move { desk.defined_tag(id).await })
    }
}

impl Handler<SaveSums> for ConfigurationManager {
    type Result = ResponseFuture<Result<(), ConfigurationError>>;

    fn handle(&mut self, _: SaveSums, _ctx: &mut Self::Context) -> Self::Result {
        let desk = self.desk();
        let saved = self.saved.clone();
        Box::pin(async move { desk.save_sums(&saved).await.map(|_sums| ()) })
    }
}

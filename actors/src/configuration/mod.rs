//! What the plant consists of, changed while it runs. **Manager.**
//!
//! The database holds the definition; [`ConfigurationManager`] is the one who changes it. A change is made whole
//! ([`Complete`]), held against every rule, written in one transaction together with its audit events
//! ([`catalogue`]), and only then told to the actors it concerns; what it does not concern does not notice. So a refused
//! change leaves nothing behind, and a start finds what was last agreed.

mod announce;
pub mod catalogue;
mod complete;
mod draft;
mod edit;
pub(crate) mod live;
mod manager;
pub mod offline;
mod prepare;
pub(crate) mod record;

pub use complete::{Complete, Counts, OwnMachine};
pub use edit::{Edit, version};
pub use live::Actors;
pub use manager::ConfigurationManager;
pub(crate) use prepare::check_retention;
pub use record::{Author, Substitution};

use crate::db::{Database, DbError};
use crate::machines::MachineError;
use actix::{Message, Recipient};
use catalogue::{AlarmsEnd, Catalogue, CatalogueIds};
use flyball_schema::definition::{DefinitionError, Difference, PlantDefinition, TagDefinition, User};
use flyball_schema::{TagId, Timestamp, Value};
use std::sync::{Arc, Mutex, PoisonError};

/// The version of the plant's definition, for those who must not wait while a change is under way: another one after every
/// change that is in effect, the same after a restart that changes nothing.
#[derive(Debug, Clone)]
pub struct CurrentVersion(Arc<Mutex<String>>);

impl CurrentVersion {
    /// That of what is stored.
    #[must_use]
    pub fn new(version: String) -> Self {
        Self(Arc::new(Mutex::new(version)))
    }

    /// The version now.
    #[must_use]
    pub fn get(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, version: &str) {
        version.clone_into(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// What the plant is to be.
#[derive(Debug, Clone)]
pub enum Change {
    /// Exactly this; what it does not name is removed.
    Whole(Box<PlantDefinition>),
    /// What it is, with these edits, in order.
    Edits(Vec<Edit>),
}

/// A change as it was, or would be, applied.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The definition before, as people gave it.
    pub before: Arc<PlantDefinition>,
    /// The definition after.
    pub after: Arc<PlantDefinition>,
    /// [`Catalogue::version`] of the definition after the change; of the present one where nothing was changed.
    pub version: String,
    /// Ids of the tags that edits created, in their order.
    pub created: Vec<TagId>,
    /// What was agreed but did not take effect at once; a restart makes it good.
    pub problems: Vec<String>,
}

/// Why a change was refused. Nothing has changed then, but for [`DbError::Lost`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigurationError {
    /// Rules are broken; at least one.
    #[error("{}", first_of(.0))]
    Invalid(Vec<DefinitionError>),
    /// One of several edits cannot be done.
    #[error("edit {}: {source}", .index + 1)]
    AtEdit {
        /// Its place among them, from 0.
        index: usize,
        /// Why.
        source: Box<ConfigurationError>,
    },
    /// A machine does not fit.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// A tag names a retention class that the settings do not.
    #[error("tag \"{tag}\": there is no retention class \"{class}\" in [history.classes]")]
    RetentionClass {
        /// The tag.
        tag: String,
        /// The class it names.
        class: String,
    },
    /// No tag has this id.
    #[error("unknown tag {0}")]
    UnknownTag(TagId),
    /// The name is taken.
    #[error("tag \"{0}\" exists already")]
    DuplicateTag(String),
    /// The plant makes the tag by itself.
    #[error("tag \"{0}\" is made by the plant and follows what it is made for")]
    MadeByPlant(String),
    /// The tag is used.
    #[error("tag \"{tag}\" is used by {}", users_of(.users))]
    InUse {
        /// The tag.
        tag: String,
        /// Who uses it.
        users: Vec<User>,
    },
    /// The definition is not the one that the edit was made for.
    #[error("tag \"{0}\" was changed meanwhile")]
    ChangedMeanwhile(String),
    /// The plant is not the one that the change was made for.
    #[error("the plant was changed meanwhile")]
    PlantChangedMeanwhile,
    /// A value that is not of the tag's type, or not finite.
    #[error("tag \"{tag}\" takes {expected}, not {value}")]
    WrongType {
        /// The tag.
        tag: String,
        /// Its type.
        expected: flyball_schema::DataType,
        /// The value offered.
        value: String,
    },
    /// The tag is not substituted.
    #[error("tag \"{0}\" is not substituted")]
    NotSubstituted(String),
    /// The database could not keep the change.
    #[error("the change could not be stored")]
    Database(#[from] DbError),
    /// The plant is stopping.
    #[error("the plant is not running")]
    Unavailable,
}

/// Makes the database agree with what a plant is to consist of, on record, and answers the ids and the version.
///
/// # Errors
/// [`DbError`]; the database is as it was.
pub(crate) async fn agree(
    database: &Database,
    stored: Catalogue,
    wanted: &Complete,
    now: Timestamp,
) -> Result<(CatalogueIds, String), DbError> {
    let wanted = wanted.clone();
    database
        .write(move |connection| {
            let (difference, author) = (Difference::between(&stored.defined(), &wanted.defined()), Author::system());
            let ids = catalogue::store(connection, &stored, &wanted, now)?;
            // A plant that begins has no changes to tell of.
            if stored.is_stored {
                record::audit(connection, &difference, &author, now)?;
            }
            let after = (&wanted.definition, &ids);
            catalogue::settle(connection, &stored, after, AlarmsEnd::Journalled, &author, now)?;
            let version = catalogue::version(connection)?;
            Ok((ids, version))
        })
        .await
}

fn first_of(errors: &[DefinitionError]) -> String {
    let first = errors.first().map(ToString::to_string).unwrap_or_default();
    match errors.len() {
        0 | 1 => first,
        more => format!("{first} (and {} more)", more - 1),
    }
}

fn users_of(users: &[User]) -> String {
    users.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Reads the definition as people gave it.
///
/// * Errors: [`ConfigurationError::Database`].
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Result<Arc<PlantDefinition>, ConfigurationError>")]
pub struct ReadDefinition;

/// Reads what a tag is, and who uses it.
///
/// * Errors: [`ConfigurationError::UnknownTag`], [`ConfigurationError::Database`].
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Result<DefinedTag, ConfigurationError>")]
pub struct ReadDefinedTag(pub TagId);

/// Reply to [`ReadDefinedTag`].
#[derive(Debug, Clone, PartialEq)]
pub struct DefinedTag {
    /// What it is.
    pub definition: TagDefinition,
    /// The plant makes it by itself.
    pub made: bool,
    /// Alarms, machines and expressions that use it.
    pub users: Vec<User>,
}

/// Changes what the plant consists of, all or nothing, while it runs.
///
/// * Reply when the change is durable and in effect: what it was.
/// * With `dry_run` every rule is held and the reply is what would be; nothing changes.
/// * Ordering: one change at a time, in the order of the mailbox.
/// * Errors: [`ConfigurationError`].
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Plan, ConfigurationError>")]
pub struct ChangePlant {
    /// What it is to be.
    pub change: Change,
    /// Who does it, and why.
    pub author: Author,
    /// Only tell what would be.
    pub dry_run: bool,
    /// The version of the plant ([`Plan::version`], [`CurrentVersion`]) that the change was made for; any where there is none.
    pub expected: Option<String>,
}

/// Sends [`PlantChanged`] from now on. A recipient that has stopped is removed by itself.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct SubscribePlant(pub Recipient<PlantChanged>);

/// The plant was changed, and that is in effect. Sent after every change, also one that no tag has a part in.
///
/// * A tag that comes back has the id that it had before.
/// * A recipient whose mailbox is full gets this and what follows as one message later; so `removed` is taken first, then
///   `added`, then `renamed` and `changed`.
/// * Ordering: as the changes were made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Message)]
#[rtype(result = "()")]
pub struct PlantChanged {
    /// Tags that are new, or back.
    pub added: Arc<[TagId]>,
    /// Tags that have another name, with the new one.
    pub renamed: Arc<[(TagId, String)]>,
    /// Tags that are no more.
    pub removed: Arc<[TagId]>,
    /// Tags of whose definition something else than the name has changed.
    pub changed: Arc<[TagId]>,
    /// The version of the plant from now on: [`CurrentVersion`].
    pub version: String,
}

/// Puts a value in place of what comes in for a tag, durably and on record, until [`Release`].
///
/// * Errors: [`ConfigurationError::UnknownTag`], [`ConfigurationError::WrongType`], [`ConfigurationError::Database`].
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<crate::cvt::TagRecord, ConfigurationError>")]
pub struct Substitute {
    /// The tag.
    pub tag: TagId,
    /// The value, of its type and in its unit.
    pub value: Value,
    /// Who does it, and why.
    pub author: Author,
}

/// Lets what comes in for a tag through again.
///
/// * Errors: [`ConfigurationError::UnknownTag`], [`ConfigurationError::NotSubstituted`], [`ConfigurationError::Database`].
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<crate::cvt::TagRecord, ConfigurationError>")]
pub struct Release {
    /// The tag.
    pub tag: TagId,
    /// Who does it, and why.
    pub author: Author,
}

/// Makes the sums of derived tags durable now: the flush of a shutdown.
///
/// * Errors: [`ConfigurationError::Database`].
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Result<(), ConfigurationError>")]
pub struct SaveSums;

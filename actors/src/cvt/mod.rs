//! The current value table: what every tag of the plant is, now. **Engine.**
//!
//! [`Cvt`] is the actor round the pure [`Table`](table::Table). Writes are synchronous handlers, so the mailbox
//! serializes them; every accepted change gets the next sequence number, and *after* the update each
//! subscriber is sent one message that shares the batch. No subscriber can block, alter or deadlock
//! the table.

mod actor;
mod change;
#[cfg(test)]
mod change_tests;
mod compact;
mod conditioning;
#[cfg(test)]
mod conditioning_tests;
mod deadlines;
pub mod delivery;
#[cfg(test)]
mod live_tests;
mod process_time;
mod slot;
mod subscribers;
pub mod table;
#[cfg(test)]
mod tests;

pub use actor::Cvt;
pub use change::{ChangeTags, NewTag};
pub use delivery::{Delivery, TagsChanged};

use crate::signal::{Figures, Standing};

use actix::{Message, Recipient};
use flyball_schema::definition::{Fault, Location, TagDefinition};
use flyball_schema::expression::Cycle;
use flyball_schema::{DataType, Quality, Severity, TagId, Timestamp, Value};

/// A value to be put into the table.
#[derive(Debug, Clone, PartialEq)]
pub struct Update {
    /// The tag.
    pub tag: TagId,
    /// Value in the tag's source unit; `None` changes the quality alone and keeps the last value.
    pub value: Option<Value>,
    /// How far the value can be trusted.
    pub quality: Quality,
    /// When the source says it was so; `None` takes the table's time.
    pub source_time: Option<Timestamp>,
}

impl Update {
    /// A good value of now.
    #[must_use]
    pub fn good(tag: TagId, value: impl Into<Value>) -> Self {
        Self { tag, value: Some(value.into()), quality: Quality::GOOD, source_time: None }
    }

    /// A change of quality that keeps the last value.
    #[must_use]
    pub fn quality(tag: TagId, quality: Quality) -> Self {
        Self { tag, value: None, quality, source_time: None }
    }
}

/// The state of a tag after one accepted change. Immutable, 48 bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct TagChange {
    /// Value in the tag's source unit: the last one that was usable where `quality` is bad, `None` before the first.
    pub value: Option<Value>,
    /// When the source says it was so.
    pub source_time: Timestamp,
    /// When the table accepted it.
    pub server_time: Timestamp,
    /// Sequence number: gap-free over all changes of the plant, from 1; 0 for a tag that never changed.
    pub seq: u64,
    /// The tag.
    pub tag: TagId,
    /// How far the value can be trusted.
    pub quality: Quality,
}

impl TagChange {
    /// The value as a number where it may be used: present, not bad, numeric or Boolean.
    #[must_use]
    pub fn usable_f64(&self) -> Option<f64> {
        if self.quality.is_bad() { None } else { self.value.as_ref()?.as_f64() }
    }
}

/// A tag with its definition and present state.
#[derive(Debug, Clone, PartialEq)]
pub struct TagRecord {
    /// The tag.
    pub id: TagId,
    /// What it is.
    pub definition: TagDefinition,
    /// What its value is.
    pub state: TagChange,
    /// When a value last arrived, changed or not; `None` before the first.
    pub seen: Option<Timestamp>,
    /// What has last come in, where that is not the value: before a filter, or behind a substituted value.
    pub raw: Option<Value>,
    /// Whether the plant makes the tag by itself.
    pub made: bool,
    /// Whether an operator has put the value in place of the source's.
    pub is_substituted: bool,
    /// Anomaly screens that stand.
    pub standing: Standing,
    /// What the screens have measured.
    pub figures: Figures,
}

/// Why one update was refused. A refused update changes nothing and is not broadcast.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// No tag has this id.
    #[error("unknown tag {0}")]
    UnknownTag(TagId),
    /// The value's type is not the tag's and cannot become it without loss.
    #[error("tag {tag} takes {expected}, not {found}")]
    TypeMismatch {
        /// The tag.
        tag: TagId,
        /// Its type.
        expected: DataType,
        /// The type offered.
        found: DataType,
    },
    /// The tag is calculated from others.
    #[error("tag {0} is calculated and takes no values")]
    Derived(TagId),
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WriteReport {
    /// Updates that were taken, whether or not they counted as a change.
    pub accepted: usize,
    /// Those of them that were changes, past dead-band and quality.
    pub changed: usize,
    /// Position in the batch and reason of the others.
    pub refused: Vec<(usize, Refusal)>,
    /// The last sequence number after the batch.
    pub seq: u64,
}

/// Why the table could not do what was asked.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CvtError {
    /// No tag has this id.
    #[error("unknown tag {0}")]
    UnknownTag(TagId),
    /// No tag has this name.
    #[error("unknown tag \"{0}\"")]
    UnknownName(String),
    /// The name is taken.
    #[error("tag \"{0}\" exists already")]
    DuplicateName(String),
    /// The id is taken.
    #[error("tag id {0} is in use")]
    DuplicateId(TagId),
    /// Derived tags would need each other.
    #[error(transparent)]
    Cycle(#[from] Cycle<String>),
    /// The value is not of the tag's type, or not finite.
    #[error("tag {tag} takes {expected}, not {value}")]
    WrongType {
        /// The tag.
        tag: TagId,
        /// Its type.
        expected: DataType,
        /// The value offered.
        value: String,
    },
    /// The definition breaks a rule.
    #[error("tag \"{tag}\", {field}")]
    Invalid {
        /// The tag.
        tag: String,
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        #[source]
        fault: Fault,
    },
}

/// Sets the present value of several tags in one step.
///
/// * `0`: any number of updates; order is kept, and a later one of the same tag wins.
/// * Reply: how many were accepted, and the refused ones with their reason. A value that is not finite is accepted as
///   bad quality and keeps the last usable value.
/// * Ordering: synchronous handler, so writes are serialized by the mailbox.
#[derive(Debug, Message)]
#[rtype(result = "WriteReport")]
pub struct WriteTags(pub Vec<Update>);

/// Adds tags. All or none.
///
/// * Ids come from the database, which never gives one twice.
/// * Each new tag is broadcast with its initial value, or as bad (*waiting for initial data*).
/// * Errors: [`CvtError::DuplicateName`], [`CvtError::DuplicateId`], [`CvtError::Invalid`].
#[derive(Debug, Message)]
#[rtype(result = "Result<(), CvtError>")]
pub struct CreateTags(pub Vec<(TagId, TagDefinition)>);

/// Puts a value in place of what comes in for a tag, until [`ReleaseTag`].
///
/// * `value`: of the tag's type, finite, in its unit. Quality becomes *good: substituted*.
/// * Reply: the tag afterwards. What comes in meanwhile is kept as its raw value.
/// * Errors: [`CvtError::UnknownTag`], [`CvtError::WrongType`].
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<TagRecord, CvtError>")]
pub struct SubstituteTag {
    /// The tag.
    pub tag: TagId,
    /// The value.
    pub value: Value,
}

/// Lets what comes in for a tag through again, beginning with the last that did; nothing happens where it is not
/// substituted.
///
/// * Reply: the tag afterwards.
/// * Errors: [`CvtError::UnknownTag`].
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Result<TagRecord, CvtError>")]
pub struct ReleaseTag(pub TagId);

/// Reads the sums of derived tags (totals, running hours), to be given back after a restart.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Vec<(TagId, serde_json::Value)>")]
pub struct ReadSums;

/// Reads tags whole, by id. Reply in the order asked.
///
/// * Errors: [`CvtError::UnknownTag`] for the first that does not exist.
#[derive(Debug, Message)]
#[rtype(result = "Result<Vec<TagRecord>, CvtError>")]
pub struct ReadTags(pub Vec<TagId>);

/// Finds ids by name. Reply in the order asked.
///
/// * Errors: [`CvtError::UnknownName`] for the first that does not exist.
#[derive(Debug, Message)]
#[rtype(result = "Result<Vec<TagId>, CvtError>")]
pub struct ResolveTags(pub Vec<String>);

/// Lists tags by id, a page at a time.
#[derive(Debug, Clone, Default, Message)]
#[rtype(result = "Vec<TagRecord>")]
pub struct ListTags {
    /// Start behind this id.
    pub after: Option<TagId>,
    /// At most so many.
    pub limit: usize,
    /// The name is exactly this.
    pub name: Option<String>,
    /// Name or display name contains this, in any case.
    pub contains: Option<String>,
    /// On this link.
    pub link: Option<String>,
    /// Quality is one of these; empty for any.
    pub severities: Vec<Severity>,
    /// In this area, or in one below it.
    pub area: Option<String>,
    /// On this stretch of a line.
    pub stretch: Option<Stretch>,
}

/// A stretch of a line, by kilometre post.
#[derive(Debug, Clone, PartialEq)]
pub struct Stretch {
    /// Name of the segment.
    pub segment: String,
    /// From this post on, km; from the beginning where there is none.
    pub from: Option<f64>,
    /// To this post, km; to the end where there is none.
    pub to: Option<f64>,
}

impl Stretch {
    /// Whether a place lies on it, its ends included.
    #[must_use]
    pub fn contains(&self, location: &Location) -> bool {
        location.segment == self.segment
            && self.from.is_none_or(|from| location.post >= from)
            && self.to.is_none_or(|to| location.post <= to)
    }
}

/// The present state of all tags.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "SnapshotReply")]
pub struct Snapshot;

/// Reply to [`Snapshot`].
#[derive(Debug, Clone, PartialEq)]
pub struct SnapshotReply {
    /// The last sequence number; a later change has a larger one.
    pub seq: u64,
    /// Every tag, by id.
    pub tags: Vec<TagChange>,
}

/// Sends [`TagsChanged`] to `recipient` from now on, a snapshot first.
///
/// * Reply: identity for [`Unsubscribe`]. A recipient that has stopped is removed by itself.
#[derive(Debug, Message)]
#[rtype(result = "SubscriptionId")]
pub struct Subscribe {
    /// Who subscribes, for counters and logs.
    pub name: String,
    /// Where changes go.
    pub recipient: Recipient<TagsChanged>,
    /// Which changes, and how.
    pub delivery: Delivery,
}

/// Identity of a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SubscriptionId(pub u64);

/// Ends a subscription; nothing happens where it has ended.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct Unsubscribe(pub SubscriptionId);

/// Sends whatever `latest` subscribers still have to get, credit or not: the final flush of a shutdown.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct FlushSubscribers;

/// Counters of the table.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "CvtStatus")]
pub struct ReadCvtStatus;

/// Reply to [`ReadCvtStatus`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CvtStatus {
    /// Tags in the table.
    pub tags: usize,
    /// Tags of bad quality.
    pub bad: usize,
    /// Tags that are calculated from others.
    pub derived: usize,
    /// The last sequence number.
    pub seq: u64,
    /// Name, changes waiting and changes lost of every subscriber.
    pub subscribers: Vec<(String, usize, u64)>,
}

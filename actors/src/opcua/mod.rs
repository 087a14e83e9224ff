//! OPC UA: the client that brings field values in and takes commands out.
//!
//! [`OpcUaClientManager`] keeps one task per link, on threads of their own. A link opens a session, creates one
//! subscription per publishing interval and polls the tags of each polling interval together, and turns what it gets into
//! updates that wait, every one and in order, for the current value table: one request at a time. Tags come and go on the
//! running session. When the connection is lost the link's tags turn bad at once, and
//! everything is made anew: session, subscriptions and items, so that every tag is sent its value again.
//!
//! Types of the OPC UA stack stay inside this module; so do the remedies against its defects, each pinned by a test.

mod acquire;
mod backoff;
mod buffer;
mod connect;
mod convert;
pub mod device;
mod field;
mod inbox;
mod link;
mod manager;
mod poll;
mod roster;
mod sequence;
mod settings;
mod status;
mod subscribe;
mod write;

pub use manager::OpcUaClientManager;
pub use settings::OpcUaSettings;
pub use status::{LinkState, LinkStatus};

use actix::{Message, Recipient};
use flyball_schema::definition::LinkDefinition;
use flyball_schema::{DataType, LinkId, TagId, Value};
use std::sync::Arc;

/// A tag that lives on a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkedTag {
    /// The tag.
    pub tag: TagId,
    /// Node address, `ns=2;s=Tank1`.
    pub node: String,
    /// Type of the tag; device values are brought to it where nothing is lost.
    pub data_type: DataType,
    /// How its values come.
    pub acquisition: Acquisition,
}

/// How the values of a tag come from the device. An interval of 0 counts as 1 ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Acquisition {
    /// The device tells every change.
    Subscribe {
        /// Publishing interval, ms; tags of one interval share a subscription.
        publish_ms: u32,
    },
    /// The value is read at an interval and reaches the table each time, changed or not. A poll that takes longer than
    /// the interval leaves out those that fall due meanwhile.
    Poll {
        /// Interval between polls, ms; tags of one interval are read together.
        interval_ms: u32,
    },
}

impl Acquisition {
    fn at_least_a_millisecond(self) -> Self {
        match self {
            Self::Subscribe { publish_ms } => Self::Subscribe { publish_ms: publish_ms.max(1) },
            Self::Poll { interval_ms } => Self::Poll { interval_ms: interval_ms.max(1) },
        }
    }
}

/// Why a link could not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// No link has this id.
    #[error("unknown link {0}")]
    UnknownLink(LinkId),
    /// The id is taken.
    #[error("link {0} exists already")]
    DuplicateLink(LinkId),
    /// The tag is on no link.
    #[error("tag {0} is on no link")]
    UnknownTag(TagId),
    /// The device cannot be reached.
    #[error("link \"{0}\" is not connected")]
    NotConnected(String),
    /// The device did not take the value.
    #[error("the device refused the value for tag {tag}: {status}")]
    Refused {
        /// The tag.
        tag: TagId,
        /// OPC UA status, as text.
        status: String,
    },
    /// The device did not answer in time; the value may have been taken.
    #[error("link \"{0}\" did not answer in time")]
    Deadline(String),
}

/// Adds a link and starts to connect it; never fails because the device is away. A tag that another link has leaves that
/// link.
#[derive(Debug, Clone, PartialEq, Message)]
#[rtype(result = "Result<(), LinkError>")]
pub struct AddLink {
    /// Identity.
    pub id: LinkId,
    /// Endpoint and intervals.
    pub definition: LinkDefinition,
    /// Boolean tag that is true while the link is connected and data flows.
    pub connected_tag: TagId,
    /// Its tags.
    pub tags: Vec<LinkedTag>,
}

/// Gives a link another definition and other tags while it runs.
///
/// * Where the endpoint stays, tags come, go and change on the running session and the others notice nothing; a new tag
///   is sent its value at once. Another endpoint is connected anew, and the tags are bad until it is there. A link that is
///   not connected takes the new definition with the next connection. The same definition and tags change nothing.
/// * A tag is on one link at a time: one that another link has leaves that link.
/// * Reply: once nothing can reach the table any more for tags that have left, nor for a tag from the node that it had
///   before. It does not wait for the device.
/// * Errors: [`LinkError::UnknownLink`].
/// * Ordering: what is asked of the manager after it knows the new tags and no others.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<(), LinkError>")]
pub struct UpdateLink {
    /// Identity.
    pub id: LinkId,
    /// Endpoint and intervals.
    pub definition: LinkDefinition,
    /// Boolean tag that is true while the link is connected and data flows.
    pub connected_tag: TagId,
    /// All tags that it has from now on.
    pub tags: Vec<LinkedTag>,
}

/// Closes a link and forgets it; its tags go bad (not connected).
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Result<(), LinkError>")]
pub struct RemoveLink(pub LinkId);

/// Lists all links with their state and counters, by id.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Vec<LinkStatus>")]
pub struct ListLinks;

/// Writes values to devices and waits until they took them.
///
/// * `0`: values in the tags' units, of the tags' types; each must be on a link.
/// * Errors: the first tag that failed; values for other tags may have been taken.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<(), LinkError>")]
pub struct WriteField(pub Vec<(TagId, Value)>);

/// Drives devices with machine outputs: not awaited; while a write is under way the newest value per tag is
/// kept. A failed write is logged and counted, and sent again with the next value.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct DriveOutputs(pub Vec<(TagId, Value)>);

/// Sends [`LinksChanged`] from now on; the reply is the state now.
#[derive(Debug, Message)]
#[rtype(result = "Vec<LinkStatus>")]
pub struct SubscribeLinks(pub Recipient<LinksChanged>);

/// The state or the counters of links have changed: at once for a state, once a second for counters alone.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct LinksChanged(pub Arc<[LinkStatus]>);

/// Sends what is under way and closes every link; the reply comes when all are closed, within some seconds. Tags keep
/// the quality they have.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct CloseLinks;

#[cfg(test)]
mod tests;

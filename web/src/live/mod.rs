//! The live feed, `GET /api/v1/ws`: state as it is, then what changes.
//!
//! Pure: [`protocol`] reads and writes messages, [`selection`] says which tags are meant, [`board`] keeps the newest
//! state with the version of its last change, [`client`] counts credit, [`feed`] puts them together. Actors and I/O:
//! [`hub`] keeps the one feed of a plant, [`socket`] is one WebSocket.
//!
//! Every change raises the version of the feed; a subscription remembers the version up to which its client has
//! everything, so a delta is what is newer than that. Whatever happens while a client has no credit or its socket
//! does not drain is thereby merged, without a queue per client.
//!
//! A tag that turns up joins the selections it belongs to by a delta with its place in `map`. Where the plant was changed,
//! so that tags of a selection are others or have other names, its subscriptions get a `resync`: a snapshot unasked, with
//! places given anew. Like a snapshot it is not acknowledged.
//!
//! A delta of alarms, machines, links or health has `items`, those that changed, each whole; and, where some are no more,
//! `removed`, their ids. A client takes `items` first.

pub mod board;
pub mod client;
pub mod feed;
pub mod hub;
pub mod protocol;
pub mod selection;
pub mod socket;
mod source;

//! What people are told of a link.

use flyball_schema::{LinkId, Timestamp};

/// State of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinkState {
    /// The first connection is being made.
    Connecting,
    /// Connected, with data.
    Connected,
    /// Lost, being made again.
    Lost,
    /// Closed on request.
    Stopped,
}

impl LinkState {
    /// The word used on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Lost => "lost",
            Self::Stopped => "stopped",
        }
    }
}

/// State and counters of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkStatus {
    /// Identity.
    pub id: LinkId,
    /// Name.
    pub name: String,
    /// Endpoint.
    pub endpoint: String,
    /// State.
    pub state: LinkState,
    /// Why it is not connected, where that is known.
    pub reason: Option<String>,
    /// Since when it is in this state.
    pub since: Timestamp,
    /// Tags on the link.
    pub tags: usize,
    /// Tags whose node the device does not serve.
    pub items_failed: usize,
    /// Values received, told by the device or polled.
    pub changes: u64,
    /// Notifications and answers to polls received.
    pub batches: u64,
    /// Connections made after the first.
    pub reconnects: u64,
    /// Changes overwritten by newer ones because the table could not take them in time.
    pub coalesced: u64,
    /// Times that the device says it lost changes, or that a message of its could not be had again.
    pub gaps: u64,
    /// Polls, or parts of polls, that the device did not answer or refused as a whole.
    pub read_failures: u64,
    /// Polls left out because the one before took longer than the interval.
    pub polls_skipped: u64,
    /// Writes to the device that failed.
    pub write_failures: u64,
}

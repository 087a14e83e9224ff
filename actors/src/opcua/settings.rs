//! Settings of the OPC UA client.

use std::path::PathBuf;
use std::time::Duration;

/// How links connect, watch and retry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpcUaSettings {
    /// Folder of certificates: own, trusted and rejected ones.
    pub pki_dir: PathBuf,
    /// Interval of the reads that show that the device is alive.
    pub keep_alive: Duration,
    /// How long an answer may take.
    pub request_timeout: Duration,
    /// A connection on which nothing at all arrives for this long is lost. More than `keep_alive` and what a slow device
    /// needs to answer.
    pub silence: Duration,
    /// First wait before a connection is tried again.
    pub first_retry: Duration,
    /// Longest wait where the network or the device is away. Short, so that data is back soon after the device is.
    pub longest_network_retry: Duration,
    /// Longest wait where the device answers and refuses.
    pub longest_retry: Duration,
    /// Wait where the device refuses the credentials or the certificate: only people can mend that.
    pub credentials_retry: Duration,
    /// Interval at which nodes that the device did not know are tried again.
    pub item_retry: Duration,
    /// Changes of one link that may wait for the table, in order; beyond that only the newest per tag are kept.
    pub buffer: usize,
    /// Threads that serve all links.
    pub threads: usize,
}

impl Default for OpcUaSettings {
    fn default() -> Self {
        Self {
            pki_dir: PathBuf::from("pki"),
            keep_alive: Duration::from_secs(2),
            request_timeout: Duration::from_secs(5),
            silence: Duration::from_secs(7),
            first_retry: Duration::from_millis(500),
            longest_network_retry: Duration::from_secs(2),
            longest_retry: Duration::from_secs(30),
            credentials_retry: Duration::from_secs(60),
            item_retry: Duration::from_secs(30),
            buffer: 200_000,
            threads: 2,
        }
    }
}

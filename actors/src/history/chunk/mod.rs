//! Codec of a chunk: up to 8,192 samples of one tag as bytes, column by column. Pure.
//!
//! A chunk is cut into pages of [`PAGE`] samples. Each is decoded on its own, and the directory of the pages says of each
//! its times and, where all of its samples are usable numbers, their sum-up: a trend whose buckets are wider than a page
//! reads the directory and decodes only pages that a boundary cuts.
//!
//! Layout of version 1. A *varint* is LEB128 of a `u64`, a *zigzag* one of an `i64`.
//!
//! ```text
//! u8 version = 1, varint samples, format of the packer (2 bytes)
//! times       see times.rs
//! u8 kind of the values: 0 floats (floats.rs), 1 integers, 2 booleans (series.rs: 0 and 1), 3 any (any.rs)
//! values
//! qualities   series.rs: status codes
//!
//! column of pages: what is common to its pages, varint length of each page, the pages
//! packed:          varint length, description of the packing, then a column of pages
//! ```
//!
//! *Packed* is the wrapped format of the crate `pco`.

mod any;
mod bytes;
mod decode;
mod delta;
mod directory;
mod encode;
mod floats;
mod packed;
mod series;
#[cfg(test)]
mod tests;
mod times;

pub use decode::Decoder;
pub use encode::encode;

use super::sample::Summary;
use flyball_schema::Timestamp;
use std::ops::Range;

/// Samples of a full chunk.
pub const POINTS: usize = 8_192;
/// Samples of a chunk at the most: two full ones, so that a store may put up with an odd rest.
pub const MAX_POINTS: usize = 2 * POINTS;
/// Samples of every page but the last.
pub const PAGE: usize = 2_048;

const MAX_PAGES: usize = MAX_POINTS / PAGE;
const VERSION: u8 = 1;

/// Kinds of the values of a chunk.
mod kind {
    pub(super) const FLOAT: u8 = 0;
    pub(super) const INTEGER: u8 = 1;
    pub(super) const BOOLEAN: u8 = 2;
    pub(super) const ANY: u8 = 3;
}

/// A chunk as bytes, with what a store wants to know without decoding it.
#[derive(Debug, Clone, PartialEq)]
pub struct EncodedChunk {
    /// Time of the first sample.
    pub t0: Timestamp,
    /// Time of the last sample.
    pub t1: Timestamp,
    /// Number of samples.
    pub count: u32,
    /// All samples summed up; `None` where not all are usable numbers.
    pub summary: Option<Summary>,
    /// The directory of the pages, read by [`pages`]; carries its own checksum.
    pub pages: Vec<u8>,
    /// CRC-32 (IEEE) of `data`.
    pub checksum: u32,
    /// The bytes.
    pub data: Vec<u8>,
}

/// What the directory says of a page.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Page {
    /// Time of the first sample.
    pub t0: Timestamp,
    /// Time of the last sample.
    pub t1: Timestamp,
    /// Number of samples.
    pub count: u32,
    /// The samples summed up; `None` where not all are usable numbers.
    pub summary: Option<Summary>,
}

/// Why a chunk could not be encoded or decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChunkError {
    /// A chunk holds 1 to [`MAX_POINTS`] samples.
    #[error("a chunk of {0} samples")]
    Count(usize),
    /// The columns of the block have not one length, or the rows end past theirs.
    #[error("columns of {times} times, {values} values, {qualities} qualities")]
    Columns {
        /// Times.
        times: usize,
        /// Values.
        values: usize,
        /// Qualities.
        qualities: usize,
    },
    /// The samples are not by time.
    #[error("the samples of a chunk are not by time")]
    Order,
    /// The bytes are not those that were encoded.
    #[error("checksum {found:08x} of the chunk's bytes, not {expected:08x}")]
    Checksum {
        /// As stored.
        expected: u32,
        /// As computed.
        found: u32,
    },
    /// Written by a later version.
    #[error("unknown chunk version {0}")]
    Version(u8),
    /// The bytes end too early.
    #[error("the chunk is cut short")]
    Truncated,
    /// The packed numbers of a column cannot be read, or numbers not be packed.
    #[error("packed numbers: {0}")]
    Packed(String),
    /// The bytes mean nothing.
    #[error("malformed chunk: {0}")]
    Malformed(&'static str),
    /// The chunk does not have the pages that were asked for.
    #[error("pages {} to {} of {pages} asked for", .wanted.start, .wanted.end)]
    Pages {
        /// Asked for.
        wanted: Range<usize>,
        /// There are.
        pages: usize,
    },
}

/// Reads a directory of pages.
///
/// # Errors
/// [`ChunkError`] where it is not what was encoded.
pub fn pages(directory: &[u8]) -> Result<Vec<Page>, ChunkError> {
    directory::read(directory)
}

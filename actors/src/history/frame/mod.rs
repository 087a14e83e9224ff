//! Codec of a frame: up to 1,000 changes as bytes, column by column. Pure.
//!
//! Layout of version 1. A *varint* is LEB128 of a `u64`, a *zigzag* one of an `i64`; every sum wraps, so that any
//! sequence of numbers has an encoding.
//!
//! ```text
//! u8 version = 1, varint count (1..=1000)
//! five series: tag, seq, server time, source time, quality
//! kinds of the values: u8 kind where all are equal, else 0xFF and a nibble each, low nibble first
//! u8 decimal exponent e (0..=6)
//! values, one after the other, by kind
//!
//! series: zigzag first value, u8 mode, then the count − 1 differences between neighbours
//!   mode 0  one zigzag each
//!   mode 1  one zigzag each, in thousands (times of a source that counts milliseconds)
//!   mode 2  varint number of runs, then per run: varint length, zigzag difference
//! kind:  0 never a value   1 false   2 true   3 integer (zigzag)   4 float n/10^e (zigzag n)
//!        5 float as f32 (4 bytes LE)   6 float (8 bytes LE)   7 text (varint length, UTF-8)
//! ```
//!
//! So what does not change from one change to the next (the time of a batch, the quality, consecutive tags and
//! sequence numbers) costs a few bytes per frame, and a float only as many bytes as it has digits.

mod column;
mod decode;
mod encode;
#[cfg(test)]
mod tests;

pub use decode::Decoder;
pub use encode::encode;

use flyball_schema::Timestamp;

/// Changes in a frame at the most: what is lost where one is damaged, and a bound for the memory of a reader.
pub const MAX_CHANGES: usize = 1_000;

const VERSION: u8 = 1;
const MIXED_KINDS: u8 = 0xFF;

/// Powers of ten of the decimal exponents; exact as binary64.
const POWERS: [f64; 7] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6];

mod kind {
    pub(super) const NONE: u8 = 0;
    pub(super) const FALSE: u8 = 1;
    pub(super) const TRUE: u8 = 2;
    pub(super) const INTEGER: u8 = 3;
    pub(super) const DECIMAL: u8 = 4;
    pub(super) const FLOAT_32: u8 = 5;
    pub(super) const FLOAT_64: u8 = 6;
    pub(super) const TEXT: u8 = 7;
}

/// A frame as bytes, with what a store wants to know without decoding it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedFrame {
    /// Smallest sequence number.
    pub first_seq: u64,
    /// Largest sequence number.
    pub last_seq: u64,
    /// Earliest source time.
    pub t0: Timestamp,
    /// Latest source time.
    pub t1: Timestamp,
    /// Earliest server time.
    pub r0: Timestamp,
    /// Latest server time.
    pub r1: Timestamp,
    /// Number of changes.
    pub changes: usize,
    /// CRC-32 (IEEE) of `data`.
    pub checksum: u32,
    /// The bytes.
    pub data: Vec<u8>,
}

/// Why a frame could not be encoded or decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// A frame holds 1 to [`MAX_CHANGES`] changes.
    #[error("a frame of {0} changes")]
    Count(usize),
    /// The bytes are not those that were encoded.
    #[error("checksum {found:08x} of the frame's bytes, not {expected:08x}")]
    Checksum {
        /// As stored.
        expected: u32,
        /// As computed.
        found: u32,
    },
    /// Written by a later version.
    #[error("unknown frame version {0}")]
    Version(u8),
    /// The bytes end too early.
    #[error("the frame is cut short")]
    Truncated,
    /// The bytes mean nothing.
    #[error("malformed frame: {0}")]
    Malformed(&'static str),
}

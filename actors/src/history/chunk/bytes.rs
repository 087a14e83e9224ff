//! Numbers as bytes, and what a page of a column is.

use super::{ChunkError, MAX_PAGES};
use std::ops::Range;

/// Appends a LEB128 number.
pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// Appends a signed number, small where it is near zero.
pub(super) fn put_zigzag(out: &mut Vec<u8>, value: i64) {
    put_varint(out, ((value << 1) ^ (value >> 63)).cast_unsigned());
}

/// Appends a column's pages: the length of each, then their bytes. `put` is not asked for pages without rows.
pub(super) fn put_pages(
    out: &mut Vec<u8>,
    pages: &[Range<usize>],
    mut put: impl FnMut(&mut Vec<u8>, Range<usize>) -> Result<(), ChunkError>,
) -> Result<(), ChunkError> {
    let mut body = Vec::new();
    for rows in pages.iter().cloned() {
        let start = body.len();
        if !rows.is_empty() {
            put(&mut body, rows)?;
        }
        put_varint(out, (body.len() - start) as u64);
    }
    out.extend_from_slice(&body);
    Ok(())
}

/// Takes numbers off the front of bytes; never reads past the end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl<'a> Bytes<'a> {
    #[inline]
    pub(super) fn byte(&mut self) -> Result<u8, ChunkError> {
        let (&byte, rest) = self.0.split_first().ok_or(ChunkError::Truncated)?;
        self.0 = rest;
        Ok(byte)
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], ChunkError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(ChunkError::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], ChunkError> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(ChunkError::Truncated)?;
        self.0 = rest;
        Ok(*taken)
    }

    #[inline]
    pub(super) fn varint(&mut self) -> Result<u64, ChunkError> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7F);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(ChunkError::Malformed("a number of more than 64 bits"))
    }

    #[inline]
    pub(super) fn zigzag(&mut self) -> Result<i64, ChunkError> {
        let coded = self.varint()?;
        Ok((coded >> 1).cast_signed() ^ -(coded & 1).cast_signed())
    }

    /// A number that counts or measures something in memory; too large where it does not fit.
    #[inline]
    pub(super) fn size(&mut self) -> Result<usize, ChunkError> {
        Ok(usize::try_from(self.varint()?).unwrap_or(usize::MAX))
    }

    pub(super) fn end(&self) -> Result<(), ChunkError> {
        if self.0.is_empty() { Ok(()) } else { Err(ChunkError::Malformed("bytes behind the end")) }
    }
}

/// The pages of a column.
#[derive(Debug)]
pub(super) struct Pages<'a> {
    /// Where each page ends; the first begins at 0.
    ends: [usize; MAX_PAGES],
    count: usize,
    /// From the first page on, past the last one: numbers that are packed in bits are read faster where bytes follow.
    bytes: &'a [u8],
}

impl<'a> Pages<'a> {
    /// Takes `count` pages off the front of `bytes`.
    pub(super) fn open(bytes: &mut Bytes<'a>, count: usize) -> Result<Self, ChunkError> {
        let mut pages = Self { ends: [0; MAX_PAGES], count, bytes: &[] };
        let mut end = 0_usize;
        for page in pages.ends.iter_mut().take(count) {
            end = end.saturating_add(bytes.size()?);
            *page = end;
        }
        pages.bytes = bytes.0;
        bytes.take(end)?;
        Ok(pages)
    }

    /// The bytes of a page.
    pub(super) fn page(&self, index: usize) -> Result<Bytes<'a>, ChunkError> {
        let (rest, length) = self.page_and_rest(index)?;
        Ok(Bytes(&rest[..length]))
    }

    /// The bytes from the start of a page on, and how many are the page's.
    pub(super) fn page_and_rest(&self, index: usize) -> Result<(&'a [u8], usize), ChunkError> {
        if index >= self.count {
            return Err(ChunkError::Malformed("a page that is not there"));
        }
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        Ok((&self.bytes[start..], self.ends[index] - start))
    }
}

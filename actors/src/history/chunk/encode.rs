//! Samples to bytes.

use super::bytes::put_varint;
use super::{
    ChunkError, EncodedChunk, MAX_POINTS, PAGE, Page, VERSION, any, directory, floats, kind, packed, series, times,
};
use crate::history::sample::{Block, Column, Summary};
use std::ops::Range;

/// Encodes rows of a block that is by time: 1 to [`MAX_POINTS`].
///
/// # Errors
/// [`ChunkError::Count`], [`ChunkError::Columns`], [`ChunkError::Order`].
pub fn encode(block: &Block, rows: Range<usize>) -> Result<EncodedChunk, ChunkError> {
    check(block, &rows)?;
    let pages: Vec<Page> =
        pages(rows.len()).map(|page| page_of(block, rows.start + page.start..rows.start + page.end)).collect();
    let (t0, t1) = (block.time(rows.start), block.time(rows.end - 1));
    let data = data(block, rows.clone())?;
    Ok(EncodedChunk {
        t0,
        t1,
        count: count(rows.len()),
        summary: Summary::of(block, rows),
        pages: directory::put(&pages, PAGE),
        checksum: crc32fast::hash(&data),
        data,
    })
}

fn check(block: &Block, rows: &Range<usize>) -> Result<(), ChunkError> {
    let (times, values, qualities) = (block.times.len(), block.values.len(), block.qualities.len());
    if times != values || times != qualities || rows.end > times {
        return Err(ChunkError::Columns { times, values, qualities });
    }
    if rows.is_empty() || rows.len() > MAX_POINTS {
        return Err(ChunkError::Count(rows.len()));
    }
    if !block.times[rows.clone()].is_sorted() {
        return Err(ChunkError::Order);
    }
    Ok(())
}

/// Rows of each page of a chunk of `count` samples.
fn pages(count: usize) -> impl Iterator<Item = Range<usize>> {
    (0..count).step_by(PAGE).map(move |start| start..(start + PAGE).min(count))
}

fn page_of(block: &Block, rows: Range<usize>) -> Page {
    Page {
        t0: block.time(rows.start),
        t1: block.time(rows.end - 1),
        count: count(rows.len()),
        summary: Summary::of(block, rows),
    }
}

fn count(rows: usize) -> u32 {
    u32::try_from(rows).unwrap_or(u32::MAX)
}

fn data(block: &Block, rows: Range<usize>) -> Result<Vec<u8>, ChunkError> {
    let pages: Vec<Range<usize>> = pages(rows.len()).collect();
    // Rarely more than this, so that it grows once at the most.
    let mut out = Vec::with_capacity(64 + 2 * rows.len());
    out.push(VERSION);
    put_varint(&mut out, rows.len() as u64);
    packed::put_format(&mut out)?;
    times::put(&mut out, &block.times[rows.clone()], &pages)?;
    match &block.values {
        Column::Float(values) => {
            out.push(kind::FLOAT);
            floats::put(&mut out, &values[rows.clone()], &pages)?;
        }
        Column::Integer(values) => {
            out.push(kind::INTEGER);
            series::put(&mut out, &values[rows.clone()], &pages)?;
        }
        Column::Boolean(values) => {
            out.push(kind::BOOLEAN);
            let bits: Vec<i64> = values[rows.clone()].iter().map(|&value| i64::from(value)).collect();
            series::put(&mut out, &bits, &pages)?;
        }
        Column::Any(values) => {
            out.push(kind::ANY);
            any::put(&mut out, &values[rows.clone()], &pages)?;
        }
    }
    let codes: Vec<i64> = block.qualities[rows].iter().map(|quality| i64::from(quality.status_code())).collect();
    series::put(&mut out, &codes, &pages)?;
    Ok(out)
}

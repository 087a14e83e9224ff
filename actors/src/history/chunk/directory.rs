//! The directory of a chunk's pages: times and sum-up of each, in a few tens of bytes a page.
//!
//! ```text
//! CRC-32 of the rest, LE; varint samples; varint samples of every page but the last
//! zigzag time of the first sample, then per page varint µs to its last sample, varint µs on to the next page (but the last)
//! u8 whether each page is summed up: 0 none is, 1 all are, 2 a bit each follows, low bit first
//! of those that are: series of worst qualities; numbers first, last, min, max of each; numbers sum; numbers area
//!
//! numbers: u8 exponent e and the difference of each n to the one before as zigzag, the number being n / 10^e;
//!          or 0xFF and 8 bytes each
//! series:  u8 1 and one varint where all are equal, else u8 0 and a varint each
//! ```

use super::bytes::{Bytes, put_varint, put_zigzag};
use super::floats::{POWERS, from_decimal, is_decimal, to_decimal};
use super::{ChunkError, MAX_PAGES, MAX_POINTS, Page};
use crate::history::sample::Summary;
use flyball_schema::{Quality, Timestamp};

const NONE: u8 = 0;
const ALL: u8 = 1;
const SOME: u8 = 2;
const RAW: u8 = 0xFF;

/// The directory of pages that hold `page_size` samples each, but for the last.
pub(super) fn put(pages: &[Page], page_size: usize) -> Vec<u8> {
    let mut out = vec![0; 4];
    put_varint(&mut out, pages.iter().map(|page| u64::from(page.count)).sum());
    put_varint(&mut out, page_size as u64);
    let mut before = None;
    for page in pages {
        match before {
            None => put_zigzag(&mut out, page.t0.as_micros()),
            Some(before) => put_varint(&mut out, distance(before, page.t0)),
        }
        put_varint(&mut out, distance(page.t0, page.t1));
        before = Some(page.t1);
    }
    put_summaries(&mut out, pages);
    let checksum = crc32fast::hash(&out[4..]);
    out[..4].copy_from_slice(&checksum.to_le_bytes());
    out
}

fn distance(from: Timestamp, to: Timestamp) -> u64 {
    to.as_micros().wrapping_sub(from.as_micros()).cast_unsigned()
}

fn put_summaries(out: &mut Vec<u8>, pages: &[Page]) {
    let summaries: Vec<&Summary> = pages.iter().filter_map(|page| page.summary.as_ref()).collect();
    if summaries.is_empty() {
        out.push(NONE);
        return;
    }
    if summaries.len() == pages.len() {
        out.push(ALL);
    } else {
        out.push(SOME);
        let bits =
            |pages: &[Page]| pages.iter().rev().fold(0, |bits, page| bits << 1 | u8::from(page.summary.is_some()));
        out.extend(pages.chunks(8).map(bits));
    }
    let worst = summaries.iter().map(|summary| u64::from(summary.worst.status_code()));
    let same = summaries.iter().all(|summary| summary.worst == summaries[0].worst);
    out.push(u8::from(same));
    worst.take(if same { 1 } else { summaries.len() }).for_each(|worst| put_varint(out, worst));
    let levels = |summary: &&Summary| [summary.first, summary.last, summary.min, summary.max];
    put_numbers(out, &summaries.iter().flat_map(levels).collect::<Vec<_>>());
    put_numbers(out, &summaries.iter().map(|summary| summary.sum).collect::<Vec<_>>());
    put_numbers(out, &summaries.iter().map(|summary| summary.area).collect::<Vec<_>>());
}

fn put_numbers(out: &mut Vec<u8>, numbers: &[f64]) {
    let suits = |power: f64| numbers.iter().all(|&number| is_decimal(number, to_decimal(number, power), power, false));
    let found = (0_u8..).zip(POWERS).find(|&(_, power)| suits(power));
    let Some((exponent, power)) = found else {
        out.push(RAW);
        out.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        return;
    };
    out.push(exponent);
    let mut before = 0_i64;
    for &number in numbers {
        let decimal = to_decimal(number, power);
        put_zigzag(out, decimal.wrapping_sub(before));
        before = decimal;
    }
}

/// Reads a directory.
pub(super) fn read(directory: &[u8]) -> Result<Vec<Page>, ChunkError> {
    let mut bytes = Bytes(directory);
    let expected = u32::from_le_bytes(bytes.array()?);
    let found = crc32fast::hash(bytes.0);
    if found != expected {
        return Err(ChunkError::Checksum { expected, found });
    }
    read_unchecked(bytes)
}

/// [`read`] of what stands behind the checksum, with nothing that vouches for it.
pub(super) fn read_unchecked(mut bytes: Bytes<'_>) -> Result<Vec<Page>, ChunkError> {
    let count = bytes.size()?;
    if count == 0 || count > MAX_POINTS {
        return Err(ChunkError::Count(count));
    }
    let page_size = bytes.size()?.max(1);
    if count.div_ceil(page_size) > MAX_PAGES {
        return Err(ChunkError::Malformed("more pages than a chunk has"));
    }
    let mut pages = Vec::with_capacity(count.div_ceil(page_size));
    let mut time = bytes.zigzag()?;
    let mut left = count;
    while left > 0 {
        if !pages.is_empty() {
            time = time.wrapping_add(bytes.varint()?.cast_signed());
        }
        let t0 = Timestamp::from_micros(time);
        time = time.wrapping_add(bytes.varint()?.cast_signed());
        let in_page = left.min(page_size);
        left -= in_page;
        let count = u32::try_from(in_page).map_err(|_| ChunkError::Count(in_page))?;
        pages.push(Page { t0, t1: Timestamp::from_micros(time), count, summary: None });
    }
    if !pages.is_sorted_by(|page, next| page.t0 <= page.t1 && page.t1 <= next.t0) {
        return Err(ChunkError::Malformed("pages that are not by time"));
    }
    read_summaries(&mut bytes, &mut pages)?;
    bytes.end()?;
    Ok(pages)
}

fn read_summaries(bytes: &mut Bytes<'_>, pages: &mut [Page]) -> Result<(), ChunkError> {
    let summed_up: Vec<usize> = match bytes.byte()? {
        NONE => return Ok(()),
        ALL => (0..pages.len()).collect(),
        SOME => {
            let bits = bytes.take(pages.len().div_ceil(8))?;
            (0..pages.len()).filter(|index| bits[index / 8] >> (index % 8) & 1 != 0).collect()
        }
        _ => return Err(ChunkError::Malformed("unknown kind of directory")),
    };
    let same = bytes.byte()? != 0;
    let mut worst = Vec::new();
    for _ in 0..if same { 1 } else { summed_up.len() } {
        let code =
            u32::try_from(bytes.varint()?).map_err(|_| ChunkError::Malformed("a quality of more than 32 bits"))?;
        worst.push(Quality::from_status_code(code));
    }
    let levels = read_numbers(bytes, 4 * summed_up.len())?;
    let sums = read_numbers(bytes, summed_up.len())?;
    let areas = read_numbers(bytes, summed_up.len())?;
    for (place, &index) in summed_up.iter().enumerate() {
        let page = &mut pages[index];
        page.summary = Some(Summary {
            t0: page.t0,
            t1: page.t1,
            count: page.count,
            first: levels[4 * place],
            last: levels[4 * place + 1],
            min: levels[4 * place + 2],
            max: levels[4 * place + 3],
            sum: sums[place],
            area: areas[place],
            worst: worst[if same { 0 } else { place }],
        });
    }
    Ok(())
}

fn read_numbers(bytes: &mut Bytes<'_>, count: usize) -> Result<Vec<f64>, ChunkError> {
    let mut numbers = Vec::with_capacity(count);
    let way = bytes.byte()?;
    if way == RAW {
        for _ in 0..count {
            numbers.push(f64::from_le_bytes(bytes.array()?));
        }
        return Ok(numbers);
    }
    let power = *POWERS.get(usize::from(way)).ok_or(ChunkError::Malformed("unknown decimal exponent"))?;
    let mut decimal = 0_i64;
    for _ in 0..count {
        decimal = decimal.wrapping_add(bytes.zigzag()?);
        numbers.push(from_decimal(decimal, power));
    }
    Ok(numbers)
}

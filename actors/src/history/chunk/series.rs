//! Integers as a column: constant, in runs, or packed.
//!
//! ```text
//! u8 way
//!   0 constant  zigzag value
//!   1 toggle    zigzag value, zigzag other; page: u8 which is first, varint length of each run
//!   2 runs      page: per run varint length, zigzag difference to the run before
//!   3, 4, 5     zigzag smallest, varint unit, then multiples of the unit above it, packed as 16, 32, 64 bits
//!   6 plain     zigzag smallest, varint unit; page: per value zigzag difference of its multiple to the one before
//! ```

use super::bytes::{Bytes, Pages, put_pages, put_varint, put_zigzag};
use super::packed::{self, Packed, Source};
use super::{ChunkError, delta};
use pco::data_types::Number;
use pco::{DecompressorScratch, ModeSpec};
use std::ops::Range;

const CONSTANT: u8 = 0;
const TOGGLE: u8 = 1;
const RUNS: u8 = 2;
const PACKED_16: u8 = 3;
const PACKED_32: u8 = 4;
const PACKED_64: u8 = 5;
const PLAIN: u8 = 6;

/// Samples per run from which runs are written: shorter ones take fewer bytes packed.
const TOGGLE_RUN: usize = 8;
const RUN: usize = 32;

/// Fewer values are written plainly: a description of how they are packed would take as much as it saves, and ten times
/// as long.
const PACKED_FROM: usize = 128;

/// Memory of a decoder.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    pub(super) scratch: DecompressorScratch,
    u16s: Vec<u16>,
    u32s: Vec<u32>,
    u64s: Vec<u64>,
    pub(super) f32s: Vec<f32>,
}

/// Appends a column of integers.
pub(super) fn put(out: &mut Vec<u8>, values: &[i64], pages: &[Range<usize>]) -> Result<(), ChunkError> {
    let facts = Facts::of(values);
    let average_run = values.len() / facts.runs.max(1);
    if facts.runs <= 1 {
        out.push(CONSTANT);
        put_zigzag(out, facts.min);
        return Ok(());
    }
    if facts.two && average_run >= TOGGLE_RUN {
        out.push(TOGGLE);
        put_zigzag(out, facts.min);
        put_zigzag(out, facts.max);
        return put_pages(out, pages, |out, rows| {
            out.push(u8::from(values[rows.start] == facts.max));
            values[rows].chunk_by(i64::eq).for_each(|run| put_varint(out, run.len() as u64));
            Ok(())
        });
    }
    if average_run >= RUN {
        out.push(RUNS);
        return put_pages(out, pages, |out, rows| {
            let mut before = 0_i64;
            for run in values[rows].chunk_by(i64::eq) {
                put_varint(out, run.len() as u64);
                put_zigzag(out, run[0].wrapping_sub(before));
                before = run[0];
            }
            Ok(())
        });
    }
    let unit = unit(values, facts.min);
    let above: Vec<u64> = values.iter().map(|value| value.wrapping_sub(facts.min).cast_unsigned() / unit).collect();
    let start = |out: &mut Vec<u8>, way: u8| {
        out.push(way);
        put_zigzag(out, facts.min);
        put_varint(out, unit);
    };
    if above.len() < PACKED_FROM {
        start(out, PLAIN);
        return put_pages(out, pages, |out, rows| {
            let mut before = 0_u64;
            for &above in &above[rows] {
                put_zigzag(out, above.wrapping_sub(before).cast_signed());
                before = above;
            }
            Ok(())
        });
    }
    let config = delta::config(|row| above[row].cast_signed(), above.len()).with_mode_spec(ModeSpec::Classic);
    let largest = facts.max.wrapping_sub(facts.min).cast_unsigned() / unit;
    if u16::try_from(largest).is_ok() {
        start(out, PACKED_16);
        let narrow: Vec<u16> = above.iter().map(|above| (above & 0xFFFF) as u16).collect();
        packed::put(out, &narrow, pages, config)
    } else if u32::try_from(largest).is_ok() {
        start(out, PACKED_32);
        let narrow: Vec<u32> = above.iter().map(|above| (above & 0xFFFF_FFFF) as u32).collect();
        packed::put(out, &narrow, pages, config)
    } else {
        start(out, PACKED_64);
        packed::put(out, &above, pages, config)
    }
}

/// The largest number of which all distances from the smallest value are multiples; 1 where all are 0.
pub(super) fn unit(values: &[i64], smallest: i64) -> u64 {
    let mut unit = 0_u64;
    for value in values {
        let mut rest = value.wrapping_sub(smallest).cast_unsigned();
        if unit != 0 {
            rest %= unit;
        }
        while rest != 0 {
            (unit, rest) = (rest, unit % rest);
        }
        if unit == 1 {
            break;
        }
    }
    unit.max(1)
}

/// What decides how a column is written.
struct Facts {
    min: i64,
    max: i64,
    runs: usize,
    /// Whether there are no values but the smallest and the largest.
    two: bool,
}

impl Facts {
    fn of(values: &[i64]) -> Self {
        let min = values.iter().copied().min().unwrap_or_default();
        let max = values.iter().copied().max().unwrap_or_default();
        let changes = values.windows(2).filter(|pair| pair[0] != pair[1]).count();
        let two = values.iter().all(|&value| value == min || value == max);
        Self { min, max, runs: changes + 1, two }
    }
}

/// A column of integers to be decoded.
#[derive(Debug)]
pub(super) enum Series<'a> {
    Constant(i64),
    Toggle([i64; 2], Pages<'a>),
    Runs(Pages<'a>),
    Packed16(Above, Box<Packed<'a, u16>>),
    Packed32(Above, Box<Packed<'a, u32>>),
    Packed64(Above, Box<Packed<'a, u64>>),
    Plain(Above, Pages<'a>),
}

/// Where packed numbers begin and what they count.
#[derive(Debug, Clone, Copy)]
pub(super) struct Above {
    smallest: i64,
    unit: i64,
}

impl Above {
    #[inline]
    fn value(self, above: i64) -> i64 {
        self.smallest.wrapping_add(above.wrapping_mul(self.unit))
    }
}

impl<'a> Series<'a> {
    /// Takes a column off the front of `source`.
    pub(super) fn open(source: &mut Source<'a>) -> Result<Self, ChunkError> {
        let way = source.bytes.byte()?;
        if way == RUNS {
            return Ok(Self::Runs(source.pages()?));
        }
        let value = source.bytes.zigzag()?;
        match way {
            CONSTANT => return Ok(Self::Constant(value)),
            TOGGLE => return Ok(Self::Toggle([value, source.bytes.zigzag()?], source.pages()?)),
            _ => {}
        }
        let above = Above { smallest: value, unit: source.bytes.varint()?.cast_signed() };
        Ok(match way {
            PACKED_16 => Self::Packed16(above, Box::new(source.packed()?)),
            PACKED_32 => Self::Packed32(above, Box::new(source.packed()?)),
            PACKED_64 => Self::Packed64(above, Box::new(source.packed()?)),
            PLAIN => Self::Plain(above, source.pages()?),
            _ => return Err(ChunkError::Malformed("unknown kind of series")),
        })
    }

    /// Appends the `count` values of a page to `out`, each through `map`, which is called for each in order.
    pub(super) fn page<T: Copy>(
        &self,
        index: usize,
        count: usize,
        buffers: &mut Buffers,
        out: &mut Vec<T>,
        mut map: impl FnMut(i64) -> T,
    ) -> Result<(), ChunkError> {
        if count == 0 {
            return Ok(());
        }
        let Buffers { scratch, u16s, u32s, u64s, .. } = buffers;
        match self {
            Self::Constant(value) => out.extend((0..count).map(|_| map(*value))),
            Self::Toggle(values, pages) => toggle(pages.page(index)?, *values, count, out, map)?,
            Self::Runs(pages) => runs(pages.page(index)?, count, out, map)?,
            Self::Plain(above, pages) => plain(pages.page(index)?, count, out, |number| map(above.value(number)))?,
            Self::Packed16(above, packed) => {
                let numbers = unpack(packed, index, count, scratch, u16s)?;
                out.extend(numbers.iter().map(|&number| map(above.value(number.into()))));
            }
            Self::Packed32(above, packed) => {
                let numbers = unpack(packed, index, count, scratch, u32s)?;
                out.extend(numbers.iter().map(|&number| map(above.value(number.into()))));
            }
            Self::Packed64(above, packed) => {
                let numbers = unpack(packed, index, count, scratch, u64s)?;
                out.extend(numbers.iter().map(|&number| map(above.value(number.cast_signed()))));
            }
        }
        Ok(())
    }
}

/// Unpacks a page into the front of `buffer`.
fn unpack<'b, T: Number>(
    packed: &Packed<'_, T>,
    index: usize,
    count: usize,
    scratch: &mut DecompressorScratch,
    buffer: &'b mut Vec<T>,
) -> Result<&'b [T], ChunkError> {
    if buffer.len() < count {
        buffer.resize(count, T::default());
    }
    let numbers = &mut buffer[..count];
    packed.page(index, scratch, numbers)?;
    Ok(numbers)
}

fn toggle<T: Copy>(
    mut bytes: Bytes<'_>,
    values: [i64; 2],
    count: usize,
    out: &mut Vec<T>,
    mut map: impl FnMut(i64) -> T,
) -> Result<(), ChunkError> {
    let mut which = usize::from(bytes.byte()? & 1);
    let mut left = count;
    while left > 0 {
        let length = run(&mut bytes, left)?;
        out.extend((0..length).map(|_| map(values[which])));
        which ^= 1;
        left -= length;
    }
    bytes.end()
}

fn runs<T: Copy>(
    mut bytes: Bytes<'_>,
    count: usize,
    out: &mut Vec<T>,
    mut map: impl FnMut(i64) -> T,
) -> Result<(), ChunkError> {
    let mut value = 0_i64;
    let mut left = count;
    while left > 0 {
        let length = run(&mut bytes, left)?;
        value = value.wrapping_add(bytes.zigzag()?);
        out.extend((0..length).map(|_| map(value)));
        left -= length;
    }
    bytes.end()
}

fn plain<T: Copy>(
    mut bytes: Bytes<'_>,
    count: usize,
    out: &mut Vec<T>,
    mut map: impl FnMut(i64) -> T,
) -> Result<(), ChunkError> {
    let mut number = 0_i64;
    for _ in 0..count {
        number = number.wrapping_add(bytes.zigzag()?);
        out.push(map(number));
    }
    bytes.end()
}

/// The length of a run, of which `left` values are left.
fn run(bytes: &mut Bytes<'_>, left: usize) -> Result<usize, ChunkError> {
    let length = bytes.size()?;
    if length == 0 || length > left {
        return Err(ChunkError::Malformed("runs that do not add up"));
    }
    Ok(length)
}

//! Floats as a column: as decimals where they are, else packed as they are; every bit of every float comes back.
//!
//! ```text
//! u8 way
//!   0 bits        series of the 64 bits, where they seldom change
//!   1 decimal     u8 exponent e, series of n: the float is n / 10^e; exceptions
//!   2 decimal 32  the same, rounded to 32 bits: what a device sent as a float of 32 bits
//!   3, 4          packed as floats of 32, 64 bits
//! exceptions: u8 whether there are any; page: per exception varint rows since the one before, 8 bytes LE
//! ```

use super::bytes::{Bytes, Pages, put_pages, put_varint};
use super::packed::{self, Packed, Source};
use super::series::{self, Buffers, Series};
use super::{ChunkError, delta};
use std::ops::Range;

const BITS: u8 = 0;
const DECIMAL: u8 = 1;
const DECIMAL_32: u8 = 2;
const PACKED_32: u8 = 3;
const PACKED_64: u8 = 4;

/// Powers of ten of the decimal exponents; exact as binary64.
pub(super) const POWERS: [f64; 11] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10];
/// 1.5 · 2^52: a number below 2^51 added to it is rounded to an integer, which then stands in the low bits.
const ROUNDER: f64 = 6_755_399_441_055_744.0;
/// Decimals reach up to this.
const LARGEST: f64 = 2_251_799_813_685_248.0;
/// Floats that are looked at for their exponent.
const LOOKS: usize = 64;
/// One exception in so many floats is put up with: a NaN, a −0, a number typed in by hand.
const EXCEPTION_OF: usize = 32;
/// Samples per run from which runs of bits are written.
const RUN: usize = 16;

/// Appends a column of floats.
pub(super) fn put(out: &mut Vec<u8>, values: &[f64], pages: &[Range<usize>]) -> Result<(), ChunkError> {
    let changes = values.windows(2).filter(|pair| pair[0].to_bits() != pair[1].to_bits()).count();
    let seldom = values.len() / (changes + 1) >= RUN;
    let config = delta::config(|row| by_size(values[row]), values.len());
    for narrow in [false, true] {
        if narrow && !values.iter().all(|&value| is_narrow(value)) {
            break;
        }
        if let Some(decimals) = Decimals::of(values, narrow) {
            out.push(if narrow { DECIMAL_32 } else { DECIMAL });
            return decimals.put(out, values, pages);
        }
        if narrow && !seldom {
            out.push(PACKED_32);
            let narrow: Vec<f32> = values.iter().map(|&value| to_f32(value)).collect();
            return packed::put(out, &narrow, pages, config);
        }
    }
    if seldom {
        out.push(BITS);
        let bits: Vec<i64> = values.iter().map(|value| value.to_bits().cast_signed()).collect();
        return series::put(out, &bits, pages);
    }
    out.push(PACKED_64);
    packed::put(out, values, pages, config)
}

/// The bits as an integer that is larger for a larger float.
fn by_size(value: f64) -> i64 {
    let bits = value.to_bits().cast_signed();
    if bits < 0 { i64::MIN.wrapping_sub(bits) } else { bits }
}

fn same(left: f64, right: f64) -> bool {
    left.to_bits() == right.to_bits()
}

/// Whether 32 bits hold the float. Of a NaN nobody says which bits survive there and back.
fn is_narrow(value: f64) -> bool {
    !value.is_nan() && same(f64::from(to_f32(value)), value)
}

#[expect(clippy::cast_possible_truncation, reason = "rounding is what is wanted")]
fn to_f32(value: f64) -> f32 {
    value as f32
}

/// The integer n for which the float is about n / `power`.
#[inline]
pub(super) fn to_decimal(value: f64, power: f64) -> i64 {
    (value * power + ROUNDER).to_bits().wrapping_sub(ROUNDER.to_bits()).cast_signed()
}

/// The float of a decimal, which lies within ±2^51 where it was encoded.
#[inline]
pub(super) fn from_decimal(decimal: i64, power: f64) -> f64 {
    (f64::from_bits(ROUNDER.to_bits().wrapping_add(decimal.cast_unsigned())) - ROUNDER) / power
}

#[inline]
fn from_decimal_32(decimal: i64, power: f64) -> f64 {
    f64::from(to_f32(from_decimal(decimal, power)))
}

/// Whether the decimal gives every bit of the float back; `narrow`: after rounding to 32 bits.
#[inline]
pub(super) fn is_decimal(value: f64, decimal: i64, power: f64, narrow: bool) -> bool {
    let back = if narrow { from_decimal_32(decimal, power) } else { from_decimal(decimal, power) };
    same(back, value) && (value * power).abs() < LARGEST
}

struct Decimals {
    exponent: u8,
    numbers: Vec<i64>,
    /// Rows whose float is no decimal.
    exceptions: Vec<usize>,
}

impl Decimals {
    /// The floats as decimals, where nearly all of them are.
    fn of(values: &[f64], narrow: bool) -> Option<Self> {
        let mut exponent = Self::exponent(values, narrow)?;
        loop {
            match Self::with(values, narrow, exponent) {
                Ok(decimals) => return Some(decimals),
                Err(odd) => exponent = Self::exponent(&[odd], narrow).filter(|&more| more > exponent)?,
            }
        }
    }

    /// The smallest exponent that suits most of some of the floats.
    fn exponent(values: &[f64], narrow: bool) -> Option<u8> {
        let suits = |value: f64, exponent: u8| {
            let power = POWERS[usize::from(exponent)];
            is_decimal(value, to_decimal(value, power), power, narrow)
        };
        let exponents = 0..=u8::try_from(POWERS.len() - 1).ok()?;
        let some = values.iter().step_by(values.len().div_ceil(LOOKS));
        let mut found: Vec<_> =
            some.map(|&value| exponents.clone().find(|&exponent| suits(value, exponent)).unwrap_or(u8::MAX)).collect();
        found.sort_unstable();
        let most = found.len() - 1 - found.len() / EXCEPTION_OF;
        found.get(most).copied().filter(|exponent| exponents.contains(exponent))
    }

    /// The floats with an exponent; one that it does not suit where there are too many such.
    fn with(values: &[f64], narrow: bool, exponent: u8) -> Result<Self, f64> {
        let power = POWERS[usize::from(exponent)];
        let mut exceptions = Vec::new();
        let mut numbers: Vec<i64> = values.iter().map(|&value| to_decimal(value, power)).collect();
        for (row, &value) in values.iter().enumerate() {
            if !is_decimal(value, numbers[row], power, narrow) {
                exceptions.push(row);
                numbers[row] = row.checked_sub(1).map_or(0, |before| numbers[before]);
                if exceptions.len() > values.len() / EXCEPTION_OF {
                    return Err(value);
                }
            }
        }
        Ok(Self { exponent, numbers, exceptions })
    }

    fn put(&self, out: &mut Vec<u8>, values: &[f64], pages: &[Range<usize>]) -> Result<(), ChunkError> {
        out.push(self.exponent);
        series::put(out, &self.numbers, pages)?;
        out.push(u8::from(!self.exceptions.is_empty()));
        if self.exceptions.is_empty() {
            return Ok(());
        }
        put_pages(out, pages, |out, rows| {
            let mut before = rows.start;
            for &row in self.exceptions.iter().filter(|row| rows.contains(row)) {
                put_varint(out, (row - before) as u64);
                out.extend_from_slice(&values[row].to_le_bytes());
                before = row;
            }
            Ok(())
        })
    }
}

/// A column of floats to be decoded.
#[derive(Debug)]
pub(super) enum Floats<'a> {
    Bits(Series<'a>),
    Decimal { power: f64, narrow: bool, numbers: Series<'a>, exceptions: Option<Pages<'a>> },
    Packed32(Box<Packed<'a, f32>>),
    Packed64(Box<Packed<'a, f64>>),
}

impl<'a> Floats<'a> {
    /// Takes a column off the front of `source`.
    pub(super) fn open(source: &mut Source<'a>) -> Result<Self, ChunkError> {
        Ok(match source.bytes.byte()? {
            BITS => Self::Bits(Series::open(source)?),
            way @ (DECIMAL | DECIMAL_32) => {
                let exponent = usize::from(source.bytes.byte()?);
                let power = *POWERS.get(exponent).ok_or(ChunkError::Malformed("unknown decimal exponent"))?;
                let numbers = Series::open(source)?;
                let exceptions = if source.bytes.byte()? == 0 { None } else { Some(source.pages()?) };
                Self::Decimal { power, narrow: way == DECIMAL_32, numbers, exceptions }
            }
            PACKED_32 => Self::Packed32(Box::new(source.packed()?)),
            PACKED_64 => Self::Packed64(Box::new(source.packed()?)),
            _ => return Err(ChunkError::Malformed("unknown kind of floats")),
        })
    }

    /// Appends the `count` floats of a page to `out`.
    pub(super) fn page(
        &self,
        index: usize,
        count: usize,
        buffers: &mut Buffers,
        out: &mut Vec<f64>,
    ) -> Result<(), ChunkError> {
        let start = out.len();
        if count == 0 {
            return Ok(());
        }
        match self {
            Self::Bits(bits) => {
                bits.page(index, count, buffers, out, |bits| f64::from_bits(bits.cast_unsigned()))?;
            }
            Self::Decimal { power, narrow, numbers, exceptions } => {
                if *narrow {
                    numbers.page(index, count, buffers, out, |number| from_decimal_32(number, *power))?;
                } else {
                    numbers.page(index, count, buffers, out, |number| from_decimal(number, *power))?;
                }
                if let Some(exceptions) = exceptions {
                    put_back(exceptions.page(index)?, &mut out[start..])?;
                }
            }
            Self::Packed32(packed) => {
                buffers.f32s.resize(count, 0.0);
                packed.page(index, &mut buffers.scratch, &mut buffers.f32s)?;
                out.extend(buffers.f32s.iter().map(|&value| f64::from(value)));
            }
            Self::Packed64(packed) => {
                out.resize(start + count, 0.0);
                packed.page(index, &mut buffers.scratch, &mut out[start..])?;
            }
        }
        Ok(())
    }
}

fn put_back(mut exceptions: Bytes<'_>, values: &mut [f64]) -> Result<(), ChunkError> {
    let mut row = 0_usize;
    while !exceptions.0.is_empty() {
        row = row.saturating_add(exceptions.size()?);
        let value = values.get_mut(row).ok_or(ChunkError::Malformed("an exception that is nowhere"))?;
        *value = f64::from_le_bytes(exceptions.array()?);
    }
    Ok(())
}

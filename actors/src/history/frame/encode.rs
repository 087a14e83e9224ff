//! Changes to bytes.

use super::column::{put_series, put_varint, put_zigzag};
use super::{EncodedFrame, FrameError, MAX_CHANGES, MIXED_KINDS, POWERS, VERSION, kind};
use crate::cvt::TagChange;
use flyball_schema::{Timestamp, Value};

/// Floats that are looked at to choose the decimal exponent of a frame.
const PROBES: usize = 32;

/// Encodes 1 to [`MAX_CHANGES`] changes, in their order.
///
/// # Errors
/// [`FrameError::Count`] for any other number of them.
pub fn encode(changes: &[TagChange]) -> Result<EncodedFrame, FrameError> {
    let count = changes.len();
    if count == 0 || count > MAX_CHANGES {
        return Err(FrameError::Count(count));
    }
    let mut data = Vec::with_capacity(64 + 12 * count);
    data.push(VERSION);
    put_varint(&mut data, count as u64);
    let mut column = Vec::with_capacity(count);
    put_column(&mut data, &mut column, changes, |change| i64::from(change.tag.0));
    let (first_seq, last_seq) = put_column(&mut data, &mut column, changes, |change| change.seq.cast_signed());
    let (r0, r1) = put_column(&mut data, &mut column, changes, |change| change.server_time.as_micros());
    let (t0, t1) = put_column(&mut data, &mut column, changes, |change| change.source_time.as_micros());
    put_column(&mut data, &mut column, changes, |change| i64::from(change.quality.status_code()));
    put_values(&mut data, changes);
    Ok(EncodedFrame {
        first_seq: first_seq.cast_unsigned(),
        last_seq: last_seq.cast_unsigned(),
        t0: Timestamp::from_micros(t0),
        t1: Timestamp::from_micros(t1),
        r0: Timestamp::from_micros(r0),
        r1: Timestamp::from_micros(r1),
        changes: count,
        checksum: crc32fast::hash(&data),
        data,
    })
}

/// Appends one series; its smallest and largest number.
fn put_column(
    data: &mut Vec<u8>,
    column: &mut Vec<i64>,
    changes: &[TagChange],
    number: impl Fn(&TagChange) -> i64,
) -> (i64, i64) {
    column.clear();
    column.extend(changes.iter().map(number));
    put_series(data, column);
    column.iter().fold((i64::MAX, i64::MIN), |(low, high), &value| (low.min(value), high.max(value)))
}

fn put_values(data: &mut Vec<u8>, changes: &[TagChange]) {
    let exponent = decimal_exponent(changes);
    let power = POWERS[exponent];
    let plans: Vec<Plan<'_>> = changes.iter().map(|change| Plan::of(change.value.as_ref(), power)).collect();
    let first = plans[0].kind();
    if plans.iter().all(|plan| plan.kind() == first) {
        data.push(first);
    } else {
        data.push(MIXED_KINDS);
        data.extend(plans.chunks(2).map(|pair| pair[0].kind() | pair.get(1).map_or(0, Plan::kind) << 4));
    }
    data.push(exponent.to_le_bytes()[0]);
    plans.iter().for_each(|plan| plan.put(data));
}

/// How one value is written.
#[derive(Clone, Copy)]
enum Plan<'a> {
    None,
    Boolean(bool),
    Integer(i64),
    Decimal(i64),
    Float32(f32),
    Float64(f64),
    Text(&'a str),
}

impl<'a> Plan<'a> {
    fn of(value: Option<&'a Value>, power: f64) -> Self {
        match value {
            None => Self::None,
            Some(Value::Boolean(value)) => Self::Boolean(*value),
            Some(Value::Integer(value)) => Self::Integer(*value),
            Some(Value::Float(value)) => Self::of_float(*value, power),
            Some(Value::Text(text)) => Self::Text(text),
        }
    }

    fn of_float(value: f64, power: f64) -> Self {
        if let Some(digits) = decimal(value, power) {
            return Self::Decimal(digits);
        }
        #[expect(clippy::cast_possible_truncation, reason = "whether it loses anything is seen in the next line")]
        let short = value as f32;
        // The bits of a NaN need not survive the way through binary32.
        if value.is_finite() && f64::from(short).to_bits() == value.to_bits() {
            return Self::Float32(short);
        }
        Self::Float64(value)
    }

    fn kind(&self) -> u8 {
        match self {
            Self::None => kind::NONE,
            Self::Boolean(false) => kind::FALSE,
            Self::Boolean(true) => kind::TRUE,
            Self::Integer(_) => kind::INTEGER,
            Self::Decimal(_) => kind::DECIMAL,
            Self::Float32(_) => kind::FLOAT_32,
            Self::Float64(_) => kind::FLOAT_64,
            Self::Text(_) => kind::TEXT,
        }
    }

    fn put(&self, data: &mut Vec<u8>) {
        match self {
            Self::None | Self::Boolean(_) => {}
            Self::Integer(value) | Self::Decimal(value) => put_zigzag(data, *value),
            Self::Float32(value) => data.extend_from_slice(&value.to_le_bytes()),
            Self::Float64(value) => data.extend_from_slice(&value.to_le_bytes()),
            Self::Text(text) => {
                put_varint(data, text.len() as u64);
                data.extend_from_slice(text.as_bytes());
            }
        }
    }
}

/// The exponent by which most of the first floats are whole numbers; the smallest of equals.
fn decimal_exponent(changes: &[TagChange]) -> usize {
    let floats = || {
        let float = |change: &TagChange| match change.value {
            Some(Value::Float(value)) => Some(value),
            _ => None,
        };
        changes.iter().filter_map(float).take(PROBES)
    };
    let mut best = (0, 0);
    for (exponent, &power) in POWERS.iter().enumerate() {
        let exact = floats().filter(|&value| decimal(value, power).is_some()).count();
        if exact > best.1 {
            best = (exponent, exact);
        }
    }
    best.0
}

/// `n` where `value` is exactly `n / power` and short enough that a varint beats the plain bits.
#[inline]
fn decimal(value: f64, power: f64) -> Option<i64> {
    const LIMIT: f64 = 8_589_934_592.0; // 2^33: five bytes as zigzag varint
    const ROUNDING: f64 = 6_755_399_441_055_744.0; // 1.5 · 2^52: adding it leaves no bits for a fraction
    let scaled = value * power;
    if scaled.abs() < LIMIT {
        #[expect(clippy::cast_possible_truncation, reason = "whole, and below 2^33 + 1")]
        let digits = ((scaled + ROUNDING) - ROUNDING) as i64;
        // By bits, so that minus zero is told from zero.
        return ((digits as f64 / power).to_bits() == value.to_bits()).then_some(digits);
    }
    None
}

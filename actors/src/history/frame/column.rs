//! Integers as bytes: varints, and series of them as differences or runs.

use super::FrameError;

/// Differences one by one.
const PLAIN: u8 = 0;
/// Differences one by one, in thousands.
const THOUSANDS: u8 = 1;
/// Runs of equal differences.
const RUNS: u8 = 2;

pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

pub(super) fn put_zigzag(out: &mut Vec<u8>, value: i64) {
    put_varint(out, ((value << 1) ^ (value >> 63)).cast_unsigned());
}

/// Appends a series; `values` is not empty.
pub(super) fn put_series(out: &mut Vec<u8>, values: &[i64]) {
    let Some(&first) = values.first() else { return };
    put_zigzag(out, first);
    let differences = || values.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
    let (mut runs, mut thousands, mut previous) = (0_usize, true, None);
    for difference in differences() {
        runs += usize::from(previous != Some(difference));
        thousands &= difference % 1_000 == 0;
        previous = Some(difference);
    }
    if runs * 4 <= values.len() {
        out.push(RUNS);
        put_runs(out, runs, differences());
    } else if thousands {
        out.push(THOUSANDS);
        differences().for_each(|difference| put_zigzag(out, difference / 1_000));
    } else {
        out.push(PLAIN);
        differences().for_each(|difference| put_zigzag(out, difference));
    }
}

fn put_runs(out: &mut Vec<u8>, runs: usize, differences: impl Iterator<Item = i64>) {
    put_varint(out, runs as u64);
    let mut run: Option<(u64, i64)> = None;
    for difference in differences {
        run = match run {
            Some((length, same)) if same == difference => Some((length + 1, same)),
            other => {
                put_run(out, other);
                Some((1, difference))
            }
        };
    }
    put_run(out, run);
}

fn put_run(out: &mut Vec<u8>, run: Option<(u64, i64)>) {
    if let Some((length, difference)) = run {
        put_varint(out, length);
        put_zigzag(out, difference);
    }
}

/// Takes numbers off the front of a frame's bytes; never reads past the end.
#[derive(Debug)]
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl<'a> Bytes<'a> {
    #[inline]
    pub(super) fn byte(&mut self) -> Result<u8, FrameError> {
        let (&byte, rest) = self.0.split_first().ok_or(FrameError::Truncated)?;
        self.0 = rest;
        Ok(byte)
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], FrameError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(FrameError::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], FrameError> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(FrameError::Truncated)?;
        self.0 = rest;
        Ok(*taken)
    }

    #[inline]
    pub(super) fn varint(&mut self) -> Result<u64, FrameError> {
        // One and two bytes are nearly all of them.
        match *self.0 {
            [low, ref rest @ ..] if low < 0x80 => {
                self.0 = rest;
                Ok(u64::from(low))
            }
            [low, high, ref rest @ ..] if high < 0x80 => {
                self.0 = rest;
                Ok(u64::from(low & 0x7F) | u64::from(high) << 7)
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, FrameError> {
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
        Err(FrameError::Malformed("a number of more than 64 bits"))
    }

    #[inline]
    pub(super) fn zigzag(&mut self) -> Result<i64, FrameError> {
        let coded = self.varint()?;
        Ok((coded >> 1).cast_signed() ^ -(coded & 1).cast_signed())
    }

    /// Reads a series of `count` numbers into `values`, which is emptied first.
    pub(super) fn series(&mut self, count: usize, values: &mut Vec<i64>) -> Result<(), FrameError> {
        values.clear();
        let mut value = self.zigzag()?;
        values.push(value);
        let mode = self.byte()?;
        match mode {
            PLAIN | THOUSANDS => {
                let unit = if mode == PLAIN { 1 } else { 1_000 };
                for _ in 1..count {
                    value = value.wrapping_add(self.zigzag()?.wrapping_mul(unit));
                    values.push(value);
                }
                Ok(())
            }
            RUNS => self.runs(count, value, values),
            _ => Err(FrameError::Malformed("unknown kind of series")),
        }
    }

    fn runs(&mut self, count: usize, mut value: i64, values: &mut Vec<i64>) -> Result<(), FrameError> {
        for _ in 0..self.varint()? {
            let length = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
            let difference = self.zigzag()?;
            if length == 0 || length > count - values.len() {
                return Err(FrameError::Malformed("runs that do not add up"));
            }
            for _ in 0..length {
                value = value.wrapping_add(difference);
                values.push(value);
            }
        }
        if values.len() == count { Ok(()) } else { Err(FrameError::Malformed("runs that do not add up")) }
    }
}

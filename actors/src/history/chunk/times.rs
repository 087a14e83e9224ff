//! Source times as a column: the difference to the nominal sampling grid, or steps.
//!
//! Times are counted in *ticks* behind the first one, the longest time of which all distances are multiples: 1 ms for a
//! source that counts milliseconds.
//!
//! ```text
//! varint tick, µs; zigzag first time, µs; u8 way
//!   0 steps  zigzag per page: ticks from the page's first time before to its own; series: ticks since the sample before,
//!            anything for the first of a page
//!   1 grid   zigzag origin, ticks; varint period, 2^-16 ticks; series: skipped = slot − index of the sample;
//!            series: ticks behind the slot
//! ```
//!
//! A slot lies at origin + ⌊slot · period / 2^16⌋. So a sampling that misses samples stays on the grid, and jitter costs its
//! own entropy, not twice as much as it does in steps. All sums wrap: any sequence of times has an encoding.

use super::ChunkError;
use super::bytes::{put_varint, put_zigzag};
use super::packed::Source;
use super::series::{self, Buffers, Series};
use std::ops::Range;

const STEPS: u8 = 0;
const GRID: u8 = 1;

/// Bits of a period behind the point: over 16,384 samples it is wrong by an eighth of a tick at the most.
const FRACTION: u32 = 16;
/// Steps that are looked at for the usual one.
const LOOKS: usize = 512;
/// Steps on a grid are off it by less than this part of its period, on an average.
const KEPT: f64 = 0.17;
/// One in so many steps is shorter than a short one.
const SHORT: usize = 16;
/// Fewer samples have no grid.
const SMALLEST_GRID: usize = 8;

/// Appends a column of times, which are in order.
pub(super) fn put(out: &mut Vec<u8>, times: &[i64], pages: &[Range<usize>]) -> Result<(), ChunkError> {
    let first = times.first().copied().unwrap_or_default();
    let unit = series::unit(times, first);
    put_varint(out, unit);
    put_zigzag(out, first);
    let ticks: Vec<i64> =
        times.iter().map(|time| (time.wrapping_sub(first).cast_unsigned() / unit).cast_signed()).collect();
    let steps = steps(&ticks, pages);
    if let Some(grid) = Grid::find(&ticks, &steps) {
        out.push(GRID);
        put_zigzag(out, grid.origin);
        put_varint(out, grid.period.cast_unsigned());
        series::put(out, &grid.skipped, pages)?;
        return series::put(out, &grid.behind, pages);
    }
    out.push(STEPS);
    let mut before = 0_i64;
    for rows in pages {
        let start = ticks.get(rows.start).copied().unwrap_or_default();
        put_zigzag(out, start.wrapping_sub(before));
        before = start;
    }
    series::put(out, &steps, pages)
}

/// Ticks since the sample before; of the first of a page, what makes it like its neighbours.
fn steps(ticks: &[i64], pages: &[Range<usize>]) -> Vec<i64> {
    let mut steps = Vec::with_capacity(ticks.len());
    for rows in pages {
        let page = &ticks[rows.clone()];
        let after = page.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
        let first = after.clone().next().or(steps.last().copied()).unwrap_or_default();
        steps.push(first);
        steps.extend(after);
    }
    steps
}

/// Times as slots of equal distance and what they are behind them.
struct Grid {
    origin: i64,
    period: i64,
    skipped: Vec<i64>,
    behind: Vec<i64>,
}

impl Grid {
    /// The grid of `ticks`, where it makes them shorter than `steps` do.
    fn find(ticks: &[i64], steps: &[i64]) -> Option<Self> {
        if ticks.len() < SMALLEST_GRID || !(0..1 << 46).contains(ticks.last()?) {
            return None;
        }
        let some = some_sorted(steps);
        let usual = some[some.len() / 2];
        // Where changes alone are told, most steps are several periods of the scan.
        let short = Some(some[some.len() / SHORT]).filter(|&short| short <= usual / 3 * 2);
        let mut fewest = bits(steps, usual);
        let mut found = None;
        for period in [Some(usual), short].into_iter().flatten().filter(|&period| keeps_time(&some, period)) {
            if let Some((grid, bits)) = Self::of(ticks, steps, period).filter(|&(_, bits)| bits < fewest) {
                (fewest, found) = (bits, Some(grid));
            }
        }
        found
    }

    /// The grid of about this period, and the bits that it takes.
    fn of(ticks: &[i64], steps: &[i64], about: i64) -> Option<(Self, u64)> {
        let slots = slots(ticks, mean_period(steps, about));
        let (origin, period) = fit(ticks, &slots)?;
        let behind: Vec<i64> =
            ticks.iter().zip(&slots).map(|(tick, &slot)| tick.wrapping_sub(at(origin, period, slot))).collect();
        let skipped: Vec<i64> = slots.iter().zip(0_i64..).map(|(slot, index)| slot - index).collect();
        let bits = bits(&behind, 0) + bits_of_skips(&skipped);
        Some((Self { origin, period, skipped, behind }, bits))
    }
}

/// Where a slot lies.
#[inline]
fn at(origin: i64, period: i64, slot: i64) -> i64 {
    origin.wrapping_add(slot.wrapping_mul(period) >> FRACTION)
}

fn some_sorted(steps: &[i64]) -> Vec<i64> {
    let mut some: Vec<i64> = steps.iter().copied().step_by(steps.len().div_ceil(LOOKS)).collect();
    some.sort_unstable();
    some
}

/// Whether steps are nearer to multiples of a period than by chance: a quarter of it.
fn keeps_time(steps: &[i64], period: i64) -> bool {
    if period <= 0 {
        return false;
    }
    let off = |step: &i64| {
        let rest = step.rem_euclid(period);
        rest.min(period - rest) as f64 / period as f64
    };
    steps.iter().map(off).sum::<f64>() < KEPT * steps.len() as f64
}

/// The mean period of the steps that are no long gaps.
fn mean_period(steps: &[i64], about: i64) -> f64 {
    let (mut sum, mut periods) = (0_i64, 0_i64);
    for &step in steps.iter().filter(|&&step| step <= about.saturating_mul(8)) {
        sum = sum.saturating_add(step);
        periods += (step.saturating_add(about / 2)) / about;
    }
    if sum > 0 && periods > 0 { sum as f64 / periods as f64 } else { about as f64 }
}

/// The slot of each time: as many further as periods fit between it and the time before.
fn slots(ticks: &[i64], period: f64) -> Vec<i64> {
    let half = rounded(period / 2.0);
    let (mut slot, mut before) = (0_i64, ticks[0]);
    let mut slots = vec![slot];
    slots.extend(ticks[1..].iter().map(|&tick| {
        let step = tick - before;
        before = tick;
        // A step of less than half and more than one and a half periods is rare: no division for the others.
        slot += if half < step && step < 3 * half { 1 } else { rounded(step as f64 / period) };
        slot
    }));
    slots
}

/// Origin and period (in 2^-16 ticks) of the straight line through the slots; `None` where there is but one slot.
fn fit(ticks: &[i64], slots: &[i64]) -> Option<(i64, i64)> {
    slots.last().filter(|&&last| last > 0)?;
    let count = ticks.len() as f64;
    let mean = |numbers: &[i64]| numbers.iter().map(|&number| number as f64).sum::<f64>() / count;
    let (mean_tick, mean_slot) = (mean(ticks), mean(slots));
    let (mut both, mut square) = (0.0, 0.0);
    for (&tick, &slot) in ticks.iter().zip(slots) {
        let across = slot as f64 - mean_slot;
        both += across * (tick as f64 - mean_tick);
        square += across * across;
    }
    let slope = both / square;
    let scale = f64::from(1_u32 << FRACTION);
    let (origin, period) = (mean_tick - slope * mean_slot, slope * scale);
    (origin.abs() < 1e15 && (1.0..1e18).contains(&period)).then(|| (rounded(origin), rounded(period)))
}

#[expect(clippy::cast_possible_truncation, reason = "of numbers below 2^62")]
fn rounded(number: f64) -> i64 {
    number.round() as i64
}

/// Bits that skipped slots take: in runs where they are rare, else with each sample.
fn bits_of_skips(skipped: &[i64]) -> u64 {
    let (mut jumps, mut bits) = (0_u64, skipped.len() as u64);
    for pair in skipped.windows(2).filter(|pair| pair[0] != pair[1]) {
        jumps += 1;
        bits += u64::from(64 - pair[1].wrapping_sub(pair[0]).unsigned_abs().leading_zeros());
    }
    bits.min(16 * jumps)
}

/// Bits of the distances from `center`, about.
fn bits(numbers: &[i64], center: i64) -> u64 {
    numbers.iter().map(|number| u64::from(64 - number.wrapping_sub(center).unsigned_abs().leading_zeros())).sum()
}

/// A column of times to be decoded.
#[derive(Debug)]
pub(super) struct Times<'a> {
    unit: i64,
    first: i64,
    way: Way<'a>,
}

#[derive(Debug)]
enum Way<'a> {
    Steps { starts: Vec<i64>, steps: Series<'a> },
    Grid { origin: i64, period: i64, skipped: Series<'a>, behind: Series<'a> },
}

impl<'a> Times<'a> {
    /// Takes the column off the front of `source`.
    pub(super) fn open(source: &mut Source<'a>) -> Result<Self, ChunkError> {
        let unit = source.bytes.varint()?.cast_signed();
        let first = source.bytes.zigzag()?;
        let way = match source.bytes.byte()? {
            STEPS => {
                let mut start = 0_i64;
                let mut starts = Vec::new();
                for _ in 0..source.pages {
                    start = start.wrapping_add(source.bytes.zigzag()?);
                    starts.push(start);
                }
                Way::Steps { starts, steps: Series::open(source)? }
            }
            GRID => Way::Grid {
                origin: source.bytes.zigzag()?,
                period: source.bytes.varint()?.cast_signed(),
                skipped: Series::open(source)?,
                behind: Series::open(source)?,
            },
            _ => return Err(ChunkError::Malformed("unknown kind of times")),
        };
        Ok(Self { unit, first, way })
    }

    /// Appends the times of a page that holds `rows`.
    pub(super) fn page(
        &self,
        index: usize,
        rows: Range<usize>,
        buffers: &mut Buffers,
        slots: &mut Vec<i64>,
        out: &mut Vec<i64>,
    ) -> Result<(), ChunkError> {
        let time = |ticks: i64| self.first.wrapping_add(ticks.wrapping_mul(self.unit));
        match &self.way {
            Way::Steps { starts, steps } => {
                let start = *starts.get(index).ok_or(ChunkError::Malformed("a page that is not there"))?;
                let mut ticks = None;
                steps.page(index, rows.len(), buffers, out, |step| {
                    let next = ticks.map_or(start, |before: i64| before.wrapping_add(step));
                    ticks = Some(next);
                    time(next)
                })
            }
            Way::Grid { origin, period, skipped: Series::Constant(skipped), behind } => {
                let first = i64::try_from(rows.start).unwrap_or_default().wrapping_add(*skipped);
                let mut slot = first.wrapping_mul(*period);
                behind.page(index, rows.len(), buffers, out, |behind| {
                    let ticks = origin.wrapping_add(slot >> FRACTION).wrapping_add(behind);
                    slot = slot.wrapping_add(*period);
                    time(ticks)
                })
            }
            Way::Grid { origin, period, skipped, behind } => {
                slots.clear();
                let mut index_of_row = i64::try_from(rows.start).unwrap_or_default();
                skipped.page(index, rows.len(), buffers, slots, |skipped| {
                    index_of_row = index_of_row.wrapping_add(1);
                    at(*origin, *period, index_of_row.wrapping_sub(1).wrapping_add(skipped))
                })?;
                let mut slots = slots.iter();
                behind.page(index, rows.len(), buffers, out, |behind| {
                    time(slots.next().copied().unwrap_or_default().wrapping_add(behind))
                })
            }
        }
    }
}

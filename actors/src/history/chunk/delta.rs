//! How numbers are best told from those before them: `pco` tries it out, which takes longer than all of its packing.

use pco::{ChunkConfig, DeltaSpec};

/// Numbers are looked at in so many places …
const PLACES: usize = 8;
/// … so many neighbours in each.
const NEIGHBOURS: usize = 128;
/// Differences of differences of differences at the most: a smooth signal in fine steps.
const ORDERS: usize = 3;
/// Another order has to save so many bits per thousand numbers: less is chance.
const WORTH: u64 = 100;

/// Bins are searched among 2^6 candidates: as small within 0.5 % as with the 2^8 that are usual, packed in half of the
/// time, and a page is open in a third.
const LEVEL: usize = 6;

/// How `numbers` are packed.
pub(super) fn config(numbers: impl Fn(usize) -> i64, count: usize) -> ChunkConfig {
    ChunkConfig::default()
        .with_compression_level(LEVEL)
        .with_delta_spec(DeltaSpec::TryConsecutive(order(numbers, count)))
}

/// The order of differences that leaves the fewest bits.
fn order(numbers: impl Fn(usize) -> i64, count: usize) -> usize {
    let neighbours = NEIGHBOURS.min(count);
    let places = (count / neighbours.max(1)).clamp(1, PLACES);
    let stride = (count - neighbours) / (places - 1).max(1);
    let mut looked_at: Vec<Vec<i64>> =
        (0..places).map(|place| (place * stride..place * stride + neighbours).map(&numbers).collect()).collect();
    let (mut best, mut fewest) = (0, bits_per_thousand(&looked_at));
    for order in 1..=ORDERS {
        for part in &mut looked_at {
            *part = part.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])).collect();
        }
        let bits = bits_per_thousand(&looked_at);
        if bits + WORTH >= fewest {
            break;
        }
        (best, fewest) = (order, bits);
    }
    best
}

/// Bits of the distances from the middle number, per thousand numbers.
fn bits_per_thousand(parts: &[Vec<i64>]) -> u64 {
    let mut some: Vec<i64> = parts.iter().flatten().copied().step_by(PLACES - 1).collect();
    if some.is_empty() {
        return u64::MAX - WORTH;
    }
    let middle = some.len() / 2;
    let middle = *some.select_nth_unstable(middle).1;
    let bits = |number: &i64| u64::from(64 - number.wrapping_sub(middle).unsigned_abs().leading_zeros());
    let count = parts.iter().map(Vec::len).sum::<usize>().max(1) as u64;
    1_000 * parts.iter().flatten().map(bits).sum::<u64>() / count
}

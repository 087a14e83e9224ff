//! A range of time in parts of equal width. Pure.

use super::{HistoryError, MAX_BUCKETS};
use flyball_schema::Timestamp;

/// `n` buckets over a range of time: bucket *i* holds the times *t* with ⌊(*t* − from) · *n* / (to − from)⌋ = *i*.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    from: i64,
    span: u64,
    buckets: usize,
}

impl Grid {
    /// The grid of a trend.
    ///
    /// # Errors
    /// [`HistoryError::BucketCount`]; [`HistoryError::Range`] where a bucket would be shorter than a microsecond.
    pub fn new(from: Timestamp, to: Timestamp, buckets: usize) -> Result<Self, HistoryError> {
        if buckets == 0 || buckets > MAX_BUCKETS {
            return Err(HistoryError::BucketCount(buckets));
        }
        let (start, end) = (from.as_micros(), to.as_micros());
        if end <= start || end.abs_diff(start) < buckets as u64 {
            return Err(HistoryError::Range { from, to });
        }
        Ok(Self { from: start, span: end.abs_diff(start), buckets })
    }

    /// Number of buckets.
    #[must_use]
    pub fn len(&self) -> usize {
        self.buckets
    }

    /// Never: a grid has one bucket at the least.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buckets == 0
    }

    /// Start of bucket `index`; `index` = number of buckets gives the end.
    #[must_use]
    pub fn start(&self, index: usize) -> Timestamp {
        let buckets = self.buckets as u64;
        // 64 bits do for 58 years in 10,000 buckets, and divide several times faster.
        let offset = match self.span.checked_mul(index as u64) {
            Some(product) => product.div_ceil(buckets),
            None => {
                let offset = (u128::from(self.span) * index as u128).div_ceil(u128::from(buckets));
                u64::try_from(offset).unwrap_or(self.span)
            }
        };
        // At most `span`, so the sum is at most the end of the range.
        Timestamp::from_micros(self.from.wrapping_add_unsigned(offset.min(self.span)))
    }

    /// The bucket of a time, `None` outside the range.
    #[must_use]
    pub fn bucket_of(&self, time: Timestamp) -> Option<usize> {
        let time = time.as_micros();
        if time < self.from {
            return None;
        }
        let offset = time.abs_diff(self.from);
        if offset >= self.span {
            return None;
        }
        let buckets = self.buckets as u64;
        let index = match offset.checked_mul(buckets) {
            Some(product) => product / self.span,
            None => u64::try_from(u128::from(offset) * u128::from(buckets) / u128::from(self.span)).unwrap_or(u64::MAX),
        };
        usize::try_from(index).ok()
    }

    /// Start of every bucket.
    #[must_use]
    pub fn starts(&self) -> Vec<Timestamp> {
        (0..self.buckets).map(|index| self.start(index)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn a_grid_that_makes_no_sense_is_refused() {
        assert_eq!(Grid::new(at(0), at(1), 0), Err(HistoryError::BucketCount(0)));
        assert_eq!(Grid::new(at(0), at(1), 10_001), Err(HistoryError::BucketCount(10_001)));
        assert_eq!(Grid::new(at(1), at(1), 1), Err(HistoryError::Range { from: at(1), to: at(1) }));
        let short = Timestamp::from_micros(9);
        let from = Timestamp::from_micros(0);
        assert_eq!(Grid::new(from, short, 10), Err(HistoryError::Range { from, to: short }));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_time_of_a_grid_lies_between_two_starts(
            from in any::<i64>(), span in prop_oneof![1..100_000_u64, any::<u64>()], n in 1..MAX_BUCKETS, part in 0.0..1.0_f64
        ) {
            let from = Timestamp::from_micros(from);
            let Some(to) = from.as_micros().checked_add_unsigned(span) else { return Ok(()) };
            let Ok(grid) = Grid::new(from, Timestamp::from_micros(to), n) else { return Ok(()) };
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "any time in the range does")]
            let offset = ((span as f64 * part) as u64).min(span - 1);
            let time = Timestamp::from_micros(from.as_micros().wrapping_add_unsigned(offset));
            let bucket = grid.bucket_of(time).unwrap();
            prop_assert!(grid.start(bucket) <= time && time < grid.start(bucket + 1));
            prop_assert_eq!((grid.start(0), grid.start(n)), (from, Timestamp::from_micros(to)));
            prop_assert_eq!(grid.bucket_of(grid.start(n)), None);
        }
    }
}

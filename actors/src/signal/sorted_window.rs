//! The last samples in order of size, for medians.

/// The last `capacity` samples, in order of arrival and in order of size. Pushing costs a binary search and a move
/// of at most `capacity` numbers, and never allocates.
#[derive(Debug)]
pub(super) struct SortedWindow {
    arrived: Box<[f64]>,
    sorted: Box<[f64]>,
    length: usize,
    /// Position of the oldest in `arrived` once it is full.
    oldest: usize,
}

impl SortedWindow {
    /// An empty window of `capacity` samples, at least 1.
    pub(super) fn new(capacity: usize) -> Self {
        let empty = || vec![0.0; capacity.max(1)].into_boxed_slice();
        Self { arrived: empty(), sorted: empty(), length: 0, oldest: 0 }
    }

    pub(super) fn is_full(&self) -> bool {
        self.length == self.arrived.len()
    }

    /// Takes a sample in, and the oldest out where the window is full. `value`: not NaN.
    pub(super) fn push(&mut self, value: f64) {
        if self.is_full() {
            let leaving = std::mem::replace(&mut self.arrived[self.oldest], value);
            self.oldest = (self.oldest + 1) % self.arrived.len();
            self.replace(leaving, value);
        } else {
            self.arrived[self.length] = value;
            let place = self.place_of(value);
            self.sorted.copy_within(place..self.length, place + 1);
            self.sorted[place] = value;
            self.length += 1;
        }
    }

    /// Puts `entering` where it belongs and moves what lies between it and the place of `leaving` by one.
    fn replace(&mut self, leaving: f64, entering: f64) {
        let from = self.place_of(leaving);
        let to = self.place_of(entering);
        if to > from {
            self.sorted.copy_within(from + 1..to, from);
            self.sorted[to - 1] = entering;
        } else {
            self.sorted.copy_within(to..from, to + 1);
            self.sorted[to] = entering;
        }
    }

    /// Position of the first that is not smaller.
    fn place_of(&self, value: f64) -> usize {
        self.sorted[..self.length].partition_point(|other| other.total_cmp(&value).is_lt())
    }

    /// The median; the mean of the two in the middle for an even number; `None` while empty.
    pub(super) fn median(&self) -> Option<f64> {
        let upper = *self.sorted[..self.length].get(self.length / 2)?;
        Some(if self.length.is_multiple_of(2) { self.sorted[self.length / 2 - 1].midpoint(upper) } else { upper })
    }

    /// The median of the absolute deviations from `median`, the window's; `None` while empty.
    ///
    /// Deviations grow from the middle to both ends, so that merging the two sides up to the middle rank is enough.
    pub(super) fn median_deviation(&self, median: f64) -> Option<f64> {
        let sorted = &self.sorted[..self.length];
        let mut right = sorted.partition_point(|value| *value < median);
        let mut left = right;
        let (mut below, mut present) = (None, None);
        for _ in 0..=self.length / 2 {
            let down = left.checked_sub(1).map(|place| median - sorted[place]);
            let up = sorted.get(right).map(|value| value - median);
            let take_down = match (down, up) {
                (Some(down), Some(up)) => down < up,
                (down, _) => down.is_some(),
            };
            below = present;
            if take_down {
                left -= 1;
                present = down;
            } else {
                right += 1;
                present = up;
            }
        }
        let upper = present?;
        Some(if self.length.is_multiple_of(2) { below.unwrap_or(upper).midpoint(upper) } else { upper })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn median_by_sort(mut values: Vec<f64>) -> f64 {
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        if values.len().is_multiple_of(2) { values[middle - 1].midpoint(values[middle]) } else { values[middle] }
    }

    #[test]
    fn an_empty_window_has_no_median() {
        let window = SortedWindow::new(3);
        assert_eq!((window.median(), window.median_deviation(0.0)), (None, None));
    }

    proptest! {
        #[test]
        fn median_and_median_deviation_are_those_of_a_sort(
            capacity in 1_usize..20,
            values in prop::collection::vec(prop_oneof![-5.0..5.0_f64, (-3..3_i8).prop_map(f64::from), Just(-0.0)], 1..80),
        ) {
            let mut window = SortedWindow::new(capacity);
            for (index, &value) in values.iter().enumerate() {
                window.push(value);
                let last = &values[(index + 1).saturating_sub(capacity)..=index];
                let median = median_by_sort(last.to_vec());
                let deviation = median_by_sort(last.iter().map(|value| (value - median).abs()).collect());
                prop_assert_eq!(window.is_full(), last.len() == capacity);
                prop_assert_eq!(window.median(), Some(median));
                prop_assert_eq!(window.median_deviation(median), Some(deviation));
            }
        }
    }
}

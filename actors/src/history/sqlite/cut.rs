//! How many samples make a chunk, and how chunks of one start are told apart. Pure.

use std::ops::Range;

/// Cuts `rows` samples into the fewest runs of nearly equal length, up to `points` each.
pub(super) fn cut(rows: Range<usize>, points: usize) -> impl Iterator<Item = Range<usize>> {
    let count = rows.len().div_ceil(points);
    (0..count).map(move |index| {
        let edge = |index: usize| rows.start + index * rows.len() / count;
        edge(index)..edge(index + 1)
    })
}

/// Place of a chunk among those of its tag: by the time of the first sample; `turn` tells apart chunks that begin with
/// the same one, as those of a device whose clock stands still do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) t0: i64,
    pub(super) turn: i64,
}

impl Key {
    /// Behind all that begin at `t0`.
    pub(super) fn behind(t0: i64) -> Self {
        Self { t0, turn: i64::MAX }
    }

    /// Before all that begin at `t0`.
    pub(super) fn before(t0: i64) -> Self {
        Self { t0, turn: i64::MIN }
    }
}

/// Keys of chunks that begin at `starts` and take the place of others, of which `old` was the first; `next` comes behind.
pub(super) fn keys(starts: &[i64], old: Option<Key>, next: Option<Key>) -> Vec<Key> {
    let mut keys: Vec<Key> = Vec::with_capacity(starts.len());
    for (index, &t0) in starts.iter().enumerate() {
        let turn = match (keys.last(), old, next) {
            (Some(last), ..) if last.t0 == t0 => last.turn + 1,
            (_, Some(old), _) if old.t0 == t0 => old.turn,
            // All that is left of `starts` is of this time too.
            (.., Some(next)) if next.t0 == t0 => next.turn - i64::try_from(starts.len() - index).unwrap_or(i64::MAX),
            _ => 0,
        };
        keys.push(Key { t0, turn });
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_cut_into_the_fewest_equal_runs() {
        assert_eq!(cut(3..3, 4).count(), 0);
        assert!(cut(3..7, 4).eq(std::iter::once(3..7)));
        assert_eq!(cut(0..9, 4).collect::<Vec<_>>(), [0..3, 3..6, 6..9]);
        assert_eq!(cut(10..15, 4).collect::<Vec<_>>(), [10..12, 12..15]);
    }

    #[test]
    fn chunks_that_begin_at_one_time_keep_their_order() {
        let key = |t0, turn| Key { t0, turn };
        assert_eq!(keys(&[5, 5, 7], Some(key(5, 3)), None), [key(5, 3), key(5, 4), key(7, 0)]);
        assert_eq!(keys(&[4, 9, 9], Some(key(4, 0)), Some(key(9, 0))), [key(4, 0), key(9, -2), key(9, -1)]);
        assert_eq!(keys(&[4, 6], None, Some(key(6, -3))), [key(4, 0), key(6, -4)]);
        assert!(Key::before(5) < key(5, -9) && key(5, 9) < Key::behind(5));
    }
}

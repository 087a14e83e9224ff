//! A set of ranks with a cheap least one.

/// Bits per word.
const WORD: usize = 64;

/// A set of numbers below a bound, as a tree of words: a bit of one level says whether a word of the level below has
/// any. Insertion and taking the least take as many steps as there are levels: 1 up to 64 ranks, 4 up to 16.7 million.
#[derive(Debug, Default)]
pub(super) struct Ranks {
    /// From the leaves to the root, which is one word.
    levels: Vec<Vec<u64>>,
}

impl Ranks {
    /// The empty set of numbers below `bound`.
    pub(super) fn new(bound: usize) -> Self {
        let mut levels = Vec::new();
        let mut words = bound;
        while words > 1 || levels.is_empty() {
            words = words.div_ceil(WORD).max(1);
            levels.push(vec![0; words]);
        }
        Self { levels }
    }

    /// Puts `rank` in; one beyond the bound is left out.
    #[inline]
    pub(super) fn insert(&mut self, rank: usize) {
        let mut index = rank;
        for level in &mut self.levels {
            let Some(word) = level.get_mut(index / WORD) else { return };
            let had_any = *word != 0;
            *word |= 1 << (index % WORD);
            if had_any {
                return;
            }
            index /= WORD;
        }
    }

    /// The least, which stays.
    #[inline]
    pub(super) fn first(&self) -> Option<usize> {
        let mut index = 0;
        for level in self.levels.iter().rev() {
            let word = *level.get(index)?;
            if word == 0 {
                return None;
            }
            index = index * WORD + word.trailing_zeros() as usize;
        }
        (!self.levels.is_empty()).then_some(index)
    }

    /// Takes `rank` out.
    #[inline]
    pub(super) fn remove(&mut self, rank: usize) {
        let mut index = rank;
        for level in &mut self.levels {
            let Some(word) = level.get_mut(index / WORD) else { return };
            *word &= !(1 << (index % WORD));
            if *word != 0 {
                return;
            }
            index /= WORD;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn ranks_behave_as_an_ordered_set(
            bound in 1_usize..10_000,
            steps in prop::collection::vec((any::<usize>(), 0..3), 0..200),
        ) {
            let (mut ranks, mut model) = (Ranks::new(bound), BTreeSet::new());
            for (number, action) in steps {
                let rank = number % bound;
                if action == 0 {
                    ranks.remove(rank);
                    model.remove(&rank);
                } else {
                    ranks.insert(rank);
                    model.insert(rank);
                }
                prop_assert_eq!(ranks.first(), model.first().copied());
            }
        }
    }

    #[test]
    fn a_set_of_nothing_has_no_least() {
        assert_eq!(Ranks::default().first(), None);
        assert_eq!(Ranks::new(0).first(), None);
        assert_eq!(Ranks::new(5_000_000).first(), None);
    }
}

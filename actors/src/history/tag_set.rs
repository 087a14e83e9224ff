//! A set of tags, for a look-up per change.

use flyball_schema::TagId;

/// Distinct tags in ascending order; the position of a tag in it is its *slot*.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TagSet(Vec<TagId>);

impl TagSet {
    /// The set of `tags`; duplicates count once.
    #[must_use]
    pub fn new(mut tags: Vec<TagId>) -> Self {
        tags.sort_unstable();
        tags.dedup();
        Self(tags)
    }

    /// Number of tags.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no tag in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tags, ascending.
    #[must_use]
    pub fn as_slice(&self) -> &[TagId] {
        &self.0
    }

    /// Position of `tag`, `None` where it is not in the set.
    #[must_use]
    pub fn slot(&self, tag: TagId) -> Option<usize> {
        // Most changes of a frame are of other tags: two comparisons refuse most of them.
        let (first, last) = (*self.0.first()?, *self.0.last()?);
        if tag < first || tag > last {
            return None;
        }
        self.0.binary_search(&tag).ok()
    }

    /// Whether `tag` is in the set.
    #[must_use]
    pub fn contains(&self, tag: TagId) -> bool {
        self.slot(tag).is_some()
    }
}

impl FromIterator<TagId> for TagSet {
    fn from_iter<I: IntoIterator<Item = TagId>>(tags: I) -> Self {
        Self::new(tags.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_the_position_in_ascending_order() {
        let set: TagSet = [TagId(9), TagId(2), TagId(9), TagId(5)].into_iter().collect();
        assert_eq!(set.as_slice(), [TagId(2), TagId(5), TagId(9)]);
        assert_eq!(set.slot(TagId(5)), Some(1));
        assert_eq!(set.slot(TagId(3)), None);
        assert_eq!(set.slot(TagId(10)), None);
        assert!(!TagSet::default().contains(TagId(0)));
    }
}

//! Which tags a subscription is about.

use flyball::schema::TagId;

/// Which tags a subscription is about. Tags that do not exist yet belong to it as soon as they do.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Selection {
    /// All.
    All,
    /// These, ascending, each once.
    Ids(Vec<TagId>),
    /// Those whose name begins so.
    Prefix(String),
}

impl Selection {
    /// The tags `ids`, in any order, doubles allowed.
    pub fn ids(ids: impl IntoIterator<Item = TagId>) -> Self {
        let mut ids: Vec<TagId> = ids.into_iter().collect();
        ids.sort_unstable();
        ids.dedup();
        Self::Ids(ids)
    }

    /// Whether the tag `id` called `name` belongs to it.
    #[must_use]
    pub fn contains(&self, id: TagId, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Ids(ids) => ids.binary_search(&id).is_ok(),
            Self::Prefix(prefix) => name.starts_with(prefix),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_is_the_same_whatever_the_order_of_its_ids() {
        let one = Selection::ids([TagId(3), TagId(1), TagId(3)]);
        assert_eq!(one, Selection::ids([TagId(1), TagId(3)]));
        assert!(one.contains(TagId(3), "x") && !one.contains(TagId(2), "x"));
    }

    #[test]
    fn a_prefix_selects_by_name() {
        let unit = Selection::Prefix("unit1/".into());
        assert!(unit.contains(TagId(1), "unit1/level") && !unit.contains(TagId(1), "unit10/level"));
    }
}

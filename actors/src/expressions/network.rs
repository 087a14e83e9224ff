//! The derived tags of a plant, and which of them a change concerns.

use super::ranks::Ranks;
use super::{Outcome, Program, Reading};
use flyball_schema::expression::{Cycle, order};
use flyball_schema::{TagId, Timestamp};
use std::collections::HashMap;

/// `rank_of` of a tag that is not derived.
const NOT_DERIVED: u32 = u32::MAX;

/// Programs by rank: every derived tag stands after its inputs, so calculating the due ones by rising rank calculates
/// each once, whatever way a change reaches it.
///
/// The current value table's loop: [`mark`](Self::mark) every changed tag; then while there is a
/// [`next_due`](Self::next_due) one, [`evaluate`](Self::evaluate) it, and mark it if its value changed.
///
/// Without derived tags it takes no memory; with them 8 bytes for each id up to the largest that is derived or an
/// input.
#[derive(Debug, Default)]
pub struct Network {
    /// By rank.
    derived: Vec<Derived>,
    /// By tag, as far as there are derived ones.
    rank_of: Vec<u32>,
    /// By tag, as far as there are inputs: where its dependents begin in `dependents`; one more ends the last.
    first_dependent: Vec<u32>,
    /// Ranks, those of one tag next to each other.
    dependents: Vec<u32>,
    /// Ranks of the programs with windows or sums, rising.
    timed: Vec<u32>,
    due: Ranks,
}

#[derive(Debug)]
struct Derived {
    tag: TagId,
    program: Program,
}

fn rank(index: usize) -> u32 {
    // Tags are numbered in 32 bits, so ranks are too.
    u32::try_from(index).unwrap_or(NOT_DERIVED)
}

impl Network {
    /// Adds programs, in place of those of the same tags where there are; `None` takes a tag's away. All or none.
    ///
    /// The tags of new programs, and those that depend on a tag whose program came or went, become due. Takes time
    /// proportional to all derived tags and their inputs, however few change: hand many over at once.
    ///
    /// # Errors
    /// [`Cycle`] where tags would need each other; nothing is changed.
    pub fn change(&mut self, changes: Vec<(TagId, Option<Program>)>) -> Result<(), Cycle<TagId>> {
        let mut changed: HashMap<TagId, Option<Program>> = changes.into_iter().collect();
        let kept = self.derived.iter().filter(|derived| !changed.contains_key(&derived.tag));
        let kept = kept.map(|derived| (derived.tag, derived.program.inputs().to_vec()));
        let added = changed.iter().filter_map(|(tag, program)| Some((*tag, program.as_ref()?.inputs().to_vec())));
        let mut items: Vec<(TagId, Vec<TagId>)> = kept.chain(added).collect();
        items.sort_unstable_by_key(|(tag, _)| *tag);
        let order = order(&items)?;
        let still_due = self.take_all_due();
        let touched: Vec<TagId> = changed.keys().copied().collect();
        let mut programs: HashMap<TagId, Program> =
            self.derived.drain(..).map(|derived| (derived.tag, derived.program)).collect();
        programs.extend(changed.drain().filter_map(|(tag, program)| Some((tag, program?))));
        // Exactly the programs of `items`: those kept and those added.
        self.derived = order
            .into_iter()
            .filter_map(|index| {
                let tag = items[index].0;
                Some(Derived { tag, program: programs.remove(&tag)? })
            })
            .collect();
        self.index();
        for tag in still_due {
            self.mark_derived(tag);
        }
        for tag in touched {
            self.mark_derived(tag);
            self.mark(tag);
        }
        Ok(())
    }

    /// Adds or replaces one program; see [`change`](Self::change).
    ///
    /// # Errors
    /// As [`change`](Self::change).
    pub fn insert(&mut self, tag: TagId, program: Program) -> Result<(), Cycle<TagId>> {
        self.change(vec![(tag, Some(program))])
    }

    /// Takes the program of a tag away, if it has one; those that depend on the tag become due. See
    /// [`change`](Self::change) for the time it takes.
    pub fn remove(&mut self, tag: TagId) {
        if self.rank(tag).is_none() {
            return;
        }
        let still_due = self.take_all_due();
        // What is left is still in order.
        self.derived.retain(|derived| derived.tag != tag);
        self.index();
        for due in still_due {
            self.mark_derived(due);
        }
        self.mark(tag);
    }

    /// Builds everything that is looked up by tag.
    fn index(&mut self) {
        let bound = |tags: &mut dyn Iterator<Item = TagId>| tags.map(|tag| tag.index() + 1).max().unwrap_or(0);
        let derived_bound = bound(&mut self.derived.iter().map(|derived| derived.tag));
        let inputs = || self.derived.iter().flat_map(|derived| derived.program.inputs().iter().copied());
        let input_bound = bound(&mut inputs());
        let mut rank_of = vec![NOT_DERIVED; derived_bound];
        let mut first_dependent = vec![0_u32; if input_bound == 0 { 0 } else { input_bound + 1 }];
        for input in inputs() {
            first_dependent[input.index() + 1] += 1;
        }
        for index in 1..first_dependent.len() {
            first_dependent[index] += first_dependent[index - 1];
        }
        let mut next = first_dependent.clone();
        let mut dependents = vec![0; inputs().count()];
        for (index, derived) in self.derived.iter().enumerate() {
            rank_of[derived.tag.index()] = rank(index);
            for input in derived.program.inputs() {
                let place = &mut next[input.index()];
                dependents[*place as usize] = rank(index);
                *place += 1;
            }
        }
        let timed = self.derived.iter().enumerate().filter(|(_, derived)| derived.program.is_timed());
        self.timed = timed.map(|(index, _)| rank(index)).collect();
        self.due = if self.derived.is_empty() { Ranks::default() } else { Ranks::new(self.derived.len()) };
        (self.rank_of, self.first_dependent, self.dependents) = (rank_of, first_dependent, dependents);
    }

    /// Whether there is no derived tag.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.derived.is_empty()
    }

    /// How many derived tags there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.derived.len()
    }

    fn rank(&self, tag: TagId) -> Option<usize> {
        let rank = *self.rank_of.get(tag.index())?;
        (rank != NOT_DERIVED).then_some(rank as usize)
    }

    /// Says that a tag has changed, derived or not: the derived tags that read it become due.
    #[inline]
    pub fn mark(&mut self, tag: TagId) {
        let first = self.first_dependent.get(tag.index());
        let (Some(&first), Some(&end)) = (first, self.first_dependent.get(tag.index() + 1)) else { return };
        for rank in self.dependents.get(first as usize..end as usize).unwrap_or_default() {
            self.due.insert(*rank as usize);
        }
    }

    /// Makes a derived tag itself due; does nothing for one that is not derived.
    pub fn mark_derived(&mut self, tag: TagId) {
        if let Some(rank) = self.rank(tag) {
            self.due.insert(rank);
        }
    }

    /// Makes every derived tag with windows or sums due, as time has passed.
    pub fn mark_timed(&mut self) {
        for rank in &self.timed {
            self.due.insert(*rank as usize);
        }
    }

    /// The due tag of the lowest rank; it stays due until it is evaluated.
    #[inline]
    #[must_use]
    pub fn next_due(&self) -> Option<TagId> {
        self.derived.get(self.due.first()?).map(|derived| derived.tag)
    }

    fn take_all_due(&mut self) -> Vec<TagId> {
        let mut tags = Vec::new();
        while let Some(rank) = self.due.first() {
            self.due.remove(rank);
            tags.extend(self.derived.get(rank).map(|derived| derived.tag));
        }
        tags
    }

    /// Evaluates a derived tag, due or not, which is then no longer due; see [`Program::evaluate`]. `None` for a tag
    /// that is not derived.
    #[inline]
    pub fn evaluate<'a>(
        &mut self,
        tag: TagId,
        now: Timestamp,
        read: impl FnMut(TagId) -> Option<Reading<'a>>,
    ) -> Option<Outcome> {
        let rank = self.rank(tag)?;
        self.due.remove(rank);
        Some(self.derived.get_mut(rank)?.program.evaluate(now, read))
    }

    /// The program of a derived tag.
    #[must_use]
    pub fn program(&self, tag: TagId) -> Option<&Program> {
        self.derived.get(self.rank(tag)?).map(|derived| &derived.program)
    }

    /// The program of a derived tag, to restore its memory.
    pub fn program_mut(&mut self, tag: TagId) -> Option<&mut Program> {
        let rank = self.rank(tag)?;
        self.derived.get_mut(rank).map(|derived| &mut derived.program)
    }

    /// The derived tags with windows or sums, by rank.
    pub fn timed(&self) -> impl Iterator<Item = TagId> {
        self.timed.iter().filter_map(|rank| self.derived.get(*rank as usize)).map(|derived| derived.tag)
    }

    /// The derived tags by rank: each after its inputs.
    pub fn tags(&self) -> impl Iterator<Item = TagId> {
        self.derived.iter().map(|derived| derived.tag)
    }

    /// The derived tags that read a tag.
    pub fn dependents(&self, tag: TagId) -> impl Iterator<Item = TagId> {
        let bounds = self.first_dependent.get(tag.index()..=tag.index() + 1);
        let range = bounds.map_or(0..0, |bounds| bounds[0] as usize..bounds[1] as usize);
        let ranks = self.dependents.get(range).unwrap_or_default();
        ranks.iter().filter_map(|rank| self.derived.get(*rank as usize)).map(|derived| derived.tag)
    }
}

//! Which derived tag is calculated before which.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;

/// Derived tags that need each other: each of `path` takes the next as input, the last takes the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cycle<K> {
    /// The tags of the cycle, each once; one alone takes itself.
    pub path: Vec<K>,
}

impl<K> Cycle<K> {
    /// The same cycle with other names for its tags.
    pub fn map<L>(self, name: impl FnMut(K) -> L) -> Cycle<L> {
        Cycle { path: self.path.into_iter().map(name).collect() }
    }
}

impl<K: fmt::Display> fmt::Display for Cycle<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("derived tags need each other: ")?;
        for tag in &self.path {
            write!(f, "{tag} -> ")?;
        }
        self.path.first().map_or(Ok(()), |first| first.fmt(f))
    }
}

impl<K: fmt::Debug + fmt::Display> std::error::Error for Cycle<K> {}

/// The order in which to calculate derived tags so that each comes after its inputs: indexes into `items`.
///
/// * `items`: each derived tag with its inputs; every derived tag once. Inputs that are not among them, and inputs
///   named twice, do no harm.
/// * Takes time and memory proportional to tags and inputs, and no recursion, however long the chains are.
/// * Source: A. B. Kahn, "Topological sorting of large networks", CACM 5 (1962), 558.
///
/// # Errors
/// [`Cycle`], with one of the cycles there are.
pub fn order<K: Copy + Eq + Hash>(items: &[(K, Vec<K>)]) -> Result<Vec<usize>, Cycle<K>> {
    let index_of: HashMap<K, usize> = items.iter().enumerate().map(|(index, (tag, _))| (*tag, index)).collect();
    let inputs = |index: usize| items[index].1.iter().filter_map(|input| index_of.get(input).copied());
    let mut missing = vec![0_usize; items.len()];
    let mut dependents = vec![Vec::new(); items.len()];
    for (index, count) in missing.iter_mut().enumerate() {
        for input in inputs(index) {
            *count += 1;
            dependents[input].push(index);
        }
    }
    let mut ordered: Vec<usize> = (0..items.len()).filter(|index| missing[*index] == 0).collect();
    let mut done = 0;
    while let Some(&index) = ordered.get(done) {
        done += 1;
        for &dependent in &dependents[index] {
            missing[dependent] -= 1;
            if missing[dependent] == 0 {
                ordered.push(dependent);
            }
        }
    }
    if ordered.len() == items.len() {
        return Ok(ordered);
    }
    Err(find_cycle(items, &missing, inputs))
}

/// Walks from input to input among the tags that are left, each of which has one left as input, until one comes again.
fn find_cycle<K: Copy, I: Iterator<Item = usize>>(
    items: &[(K, Vec<K>)],
    missing: &[usize],
    inputs: impl Fn(usize) -> I,
) -> Cycle<K> {
    let mut path: Vec<usize> = Vec::new();
    let mut place = vec![None; items.len()];
    let mut next = missing.iter().position(|count| *count > 0);
    while let Some(index) = next {
        if let Some(first) = place[index] {
            path.drain(..first);
            break;
        }
        place[index] = Some(path.len());
        path.push(index);
        next = inputs(index).find(|input| missing[*input] > 0);
    }
    Cycle { path: path.into_iter().map(|index| items[index].0).collect() }
}

//! Rows of an import, checked one by one.

use super::{Point, RowError};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// A point with the line of the file that it stands in.
#[derive(Debug, Clone, PartialEq)]
pub struct NumberedPoint {
    /// Line, from 1.
    pub line: u64,
    /// The point.
    pub point: Point,
}

/// A row that cannot be taken.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("line {line}: {error}")]
pub struct RowFault {
    /// Line, from 1.
    pub line: u64,
    /// What is wrong with it; part of the text above, so no source.
    pub error: RowError,
}

/// Takes the rows of an import one by one and refuses those that are wrong or stand there twice.
#[derive(Debug, Default)]
pub struct Rows {
    taken: Vec<NumberedPoint>,
    /// Line of each post (its bits) by segment.
    lines: HashMap<String, HashMap<u64, u64>>,
}

impl Rows {
    /// Takes a row.
    ///
    /// # Errors
    /// [`RowError::Point`], [`RowError::Duplicate`]; the row is left out.
    pub fn take(&mut self, line: u64, point: Point) -> Result<(), RowError> {
        let point = point.checked()?;
        match self.lines.entry(point.segment.clone()).or_default().entry(point.post.to_bits()) {
            Entry::Occupied(first) => {
                let Point { segment, post, .. } = point;
                return Err(RowError::Duplicate { segment, post, first_line: *first.get() });
            }
            Entry::Vacant(free) => free.insert(line),
        };
        self.taken.push(NumberedPoint { line, point });
        Ok(())
    }

    /// The rows that were taken, in their order.
    #[must_use]
    pub fn into_points(self) -> Vec<NumberedPoint> {
        self.taken
    }
}

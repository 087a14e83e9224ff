//! Tags and alarms as CSV, for changing many at once in a spreadsheet.
//!
//! The first line names the columns: dotted paths of fields as TOML has them, such as `dead_band.absolute`. A file
//! with a column `kind` or `set_point` has alarms, any other has tags. An empty cell is a field that is not set.
//! Read are UTF-8 with or without a byte order mark, any line end, and `;` in place of commas, where numbers may have a
//! decimal comma. A text that a spreadsheet would take for a formula has an apostrophe before it.

mod cells;
mod columns;
mod error;
mod merge;
mod read;
mod scan;
#[cfg(test)]
mod tests;
mod write;

pub use error::{CsvError, CsvFault, CsvWriteError};
pub use merge::merge;
pub use write::{write_alarms, write_tags};

use super::{AlarmDefinition, DefinitionError, Place, TagDefinition};
use columns::is_within;
use read::Header;
use scan::{Position, Scanner};
use std::collections::HashMap;

/// The items of a CSV file, and where each of their fields stands in it.
#[derive(Debug, Clone)]
pub struct CsvItems {
    items: Rows,
    header: Header,
    /// Where the row of each name begins.
    lines: HashMap<String, Position>,
    separator: u8,
    text: Box<str>,
}

#[derive(Debug, Clone)]
enum Rows {
    Tags(Vec<TagDefinition>),
    Alarms(Vec<AlarmDefinition>),
}

impl CsvItems {
    /// Reads a file as a whole.
    ///
    /// # Errors
    /// Everything that is wrong, by line; after a wrong quote, nothing more is looked at.
    pub fn read(text: &str) -> Result<Self, Vec<CsvError>> {
        read::read(text)
    }

    /// The tags; none in a file of alarms.
    #[must_use]
    pub fn tags(&self) -> &[TagDefinition] {
        match &self.items {
            Rows::Tags(tags) => tags,
            Rows::Alarms(_) => &[],
        }
    }

    /// The alarms; none in a file of tags.
    #[must_use]
    pub fn alarms(&self) -> &[AlarmDefinition] {
        match &self.items {
            Rows::Tags(_) => &[],
            Rows::Alarms(alarms) => alarms,
        }
    }

    /// Line and column, from 1, at which a field of an item stands: its cell; for a table the first cell of it that is
    /// filled; for a field that has no column the name. None for an item that is not in the file.
    #[must_use]
    pub fn locate(&self, place: &Place) -> Option<(usize, usize)> {
        let start = self.lines.get(&place.name).filter(|_| self.header.item == place.item)?;
        let cells = Scanner::from(&self.text, self.separator, *start).next()?.ok()?;
        let columns = || cells.iter().zip(&self.header.columns);
        let within = |column: &str| is_within(column, place.field);
        let cell = columns()
            .find(|(cell, (column, _))| within(column) && !cell.text.is_empty())
            .or_else(|| columns().find(|(_, (column, _))| within(column)))
            .or_else(|| columns().find(|(_, (column, _))| *column == "name"))
            .map(|(cell, _)| cell.position)?;
        Some((cell.line, cell.column))
    }

    /// Gives each problem of a definition into which the items were merged its line and column, where it is one of
    /// theirs.
    pub fn locate_all(&self, problems: &mut [DefinitionError]) {
        for problem in problems {
            problem.position = problem.place.as_ref().and_then(|place| self.locate(place));
        }
    }
}

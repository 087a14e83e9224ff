//! What can be wrong with a CSV file of items, and where.

use std::fmt;

/// What is wrong.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CsvFault {
    /// No line at all.
    #[error("the file is empty: its first line names the columns")]
    Empty,
    /// A quote that is never closed.
    #[error("this quote is never closed")]
    OpenQuote,
    /// Text after a closing quote.
    #[error("text after a closing quote: a quote within quotes is doubled")]
    AfterQuote,
    /// No such column.
    #[error("there is no column \"{column}\" of {item}s{}", if .similar.is_empty() { String::new() } else { format!("; similar are {}", .similar.join(", ")) })]
    UnknownColumn {
        /// The column.
        column: String,
        /// `tag` or `alarm`.
        item: &'static str,
        /// Columns that are written much like it.
        similar: Vec<&'static str>,
    },
    /// A column is there twice.
    #[error("this column is there twice")]
    RepeatedColumn,
    /// A column without which the others cannot be read.
    #[error("the column \"{0}\" is missing")]
    MissingColumn(&'static str),
    /// More or fewer cells than columns.
    #[error("{cells} cells, where there are {columns} columns")]
    Width {
        /// Cells in this row.
        cells: usize,
        /// Cells in the first line.
        columns: usize,
    },
    /// The name is missing.
    #[error("the name is missing")]
    NoName,
    /// The name is in two rows.
    #[error("this name already stands in line {first}")]
    DuplicateName {
        /// Line of the first, from 1.
        first: usize,
    },
    /// A cell that is not what its column holds.
    #[error("\"{value}\" is not allowed: {allowed}")]
    NotAllowed {
        /// The cell.
        value: String,
        /// What would be.
        allowed: &'static str,
    },
    /// Two columns that exclude each other.
    #[error("not together with {0}")]
    Excludes(&'static str),
    /// Not an item: a field is missing, or none of the words allowed.
    #[error("{0}")]
    Item(String),
}

/// A wrong row or column, and where.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub struct CsvError {
    /// Line of the cell's first character, from 1.
    pub line: usize,
    /// Column of it in characters, from 1.
    pub column: usize,
    /// `tag` or `alarm`, where the row is known to be one.
    pub item: Option<&'static str>,
    /// Name of the item; empty where it has none.
    pub name: String,
    /// Name of the column, as the first line has it; empty for the row as a whole.
    pub field: String,
    /// What is wrong.
    #[source]
    pub fault: CsvFault,
}

impl fmt::Display for CsvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: ", self.line, self.column)?;
        if let Some(item) = self.item {
            write!(f, "{item} \"{}\"", self.name)?;
            f.write_str(if self.field.is_empty() { ": " } else { ", " })?;
        }
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        self.fault.fmt(f)
    }
}

/// Why an item cannot be written as a row.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CsvWriteError {
    /// A number that is not finite.
    #[error("{item} \"{name}\", {field}: not a finite number")]
    NotFinite {
        /// `tag` or `alarm`.
        item: &'static str,
        /// Name of the item.
        name: String,
        /// The field.
        field: String,
    },
    /// It cannot be told field by field.
    #[error("{item} \"{name}\" cannot be told in cells")]
    NotFlat {
        /// `tag` or `alarm`.
        item: &'static str,
        /// Name of the item.
        name: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

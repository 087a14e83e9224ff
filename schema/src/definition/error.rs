//! What can be wrong with a plant definition, and where.

use crate::DataType;
use crate::expression::{Cycle, ExpressionError};
use std::fmt;
use toml::Spanned;
use toml::de::DeTable;

/// The item and field a fault belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// `link`, `tag`, `alarm`, `machine` or `plant`.
    pub item: &'static str,
    /// Position in its list, from 0.
    pub index: usize,
    /// Name of the item; may be empty.
    pub name: String,
    /// The field; empty for the item as a whole.
    pub field: &'static str,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} \"{}\"", self.item, self.name)?;
        if !self.field.is_empty() {
            write!(f, ", {}", self.field)?;
        }
        Ok(())
    }
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// Not TOML, an unknown key, or a value of the wrong type.
    #[error("{0}")]
    Syntax(String),
    /// A name is empty, too long or has control characters.
    #[error("a name has 1 to 200 printable characters, and no space at its ends")]
    BadName,
    /// The name is taken.
    #[error("this name is taken: it already stands at entry {}", .first + 1)]
    Duplicate {
        /// Position of the first with that name.
        first: usize,
    },
    /// A text is too long.
    #[error("a text of {length} characters is too long: {limit} at the most")]
    TooLong {
        /// Its length, in characters.
        length: usize,
        /// The longest allowed.
        limit: usize,
    },
    /// Another item is named that does not exist.
    #[error("there is no {item} \"{name}\"")]
    Unknown {
        /// Kind of item.
        item: &'static str,
        /// The name looked for.
        name: String,
    },
    /// No such unit.
    #[error("unknown unit \"{unit}\"{}", if .similar.is_empty() { String::new() } else { format!("; similar are {}", .similar.join(", ")) })]
    UnknownUnit {
        /// The unit.
        unit: String,
        /// Units that are written much like it.
        similar: Vec<&'static str>,
    },
    /// No such quantity.
    #[error("unknown quantity \"{quantity}\"; there are {}", .allowed.join(", "))]
    UnknownQuantity {
        /// The quantity.
        quantity: String,
        /// All there are.
        allowed: Vec<&'static str>,
    },
    /// The unit does not measure the quantity.
    #[error("\"{unit}\" is no unit of {quantity}; its units are {}", .allowed.join(", "))]
    UnitOfOtherQuantity {
        /// The unit.
        unit: String,
        /// The quantity.
        quantity: String,
        /// Units that would do.
        allowed: Vec<&'static str>,
    },
    /// A number is not finite, or outside its bounds.
    #[error("{value} is not allowed: {allowed}")]
    OutOfBounds {
        /// The number.
        value: f64,
        /// What would be.
        allowed: &'static str,
    },
    /// A value that is no number, or none of those allowed.
    #[error("{value} is not allowed: {allowed}")]
    NotAllowed {
        /// The value.
        value: String,
        /// What would be.
        allowed: &'static str,
    },
    /// Two fields that exclude each other.
    #[error("not together with {0}")]
    Excludes(&'static str),
    /// Only one of two fields that belong together.
    #[error("needs {0} as well")]
    Needs(&'static str),
    /// A field that makes no sense for this tag.
    #[error("not for a tag of type {0}")]
    NotForType(DataType),
    /// A second alarm of a type on one tag.
    #[error("\"{other}\" is an alarm of this type on this tag as well, and only one may be")]
    DuplicateKind {
        /// The other alarm.
        other: String,
    },
    /// LL < L < H < HH is broken.
    #[error("set points must rise from LOW_LOW over LOW and HIGH to HIGH_HIGH: \"{other}\" has {other_set_point}")]
    LimitOrder {
        /// The alarm it conflicts with.
        other: String,
        /// That alarm's set point.
        other_set_point: f64,
    },
    /// A node address is used twice on one link.
    #[error("tag \"{other}\" reads this node as well, and only one may")]
    DuplicateNode {
        /// The other tag.
        other: String,
    },
    /// A name shown to people is used twice.
    #[error("tag \"{other}\" has this display name as well, and only one may")]
    DuplicateDisplayName {
        /// The other tag.
        other: String,
    },
    /// Two items claim to have had one name.
    #[error("\"{other}\" is said to have had this name as well, and only one may be")]
    DuplicateFormer {
        /// The other item.
        other: String,
    },
    /// An item claims to have had the name of one that is defined as well.
    #[error("\"{name}\" is itself defined here, so that it cannot have been renamed")]
    FormerStillThere {
        /// The name.
        name: String,
    },
    /// An expression that cannot be calculated.
    #[error(transparent)]
    Expression(#[from] ExpressionError),
    /// Derived tags that need each other.
    #[error(transparent)]
    Cycle(#[from] Cycle<String>),
    /// An endpoint that is no `opc.tcp` address.
    #[error("\"{0}\" is no endpoint, which reads opc.tcp://host:port/path")]
    BadEndpoint(String),
}

impl Fault {
    /// The other item of a pair of which only one may be as it is: the fault is as much its own, and is told once.
    #[must_use]
    pub fn other(&self) -> Option<&str> {
        match self {
            Self::DuplicateKind { other }
            | Self::LimitOrder { other, .. }
            | Self::DuplicateNode { other }
            | Self::DuplicateDisplayName { other }
            | Self::DuplicateFormer { other } => Some(other),
            _ => None,
        }
    }
}

/// A plant definition that cannot be used: where, and why.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub struct DefinitionError {
    /// The item and field; none where the file could not be read as items.
    pub place: Option<Place>,
    /// Line and column in the file, from 1.
    pub position: Option<(usize, usize)>,
    /// What is wrong.
    #[source]
    pub fault: Fault,
}

impl fmt::Display for DefinitionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((line, column)) = self.position {
            write!(f, "line {line}, column {column}: ")?;
        }
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        self.fault.fmt(f)
    }
}

impl DefinitionError {
    /// A fault of an item, not yet found in a file.
    #[must_use]
    pub fn new(place: Place, fault: Fault) -> Self {
        Self { place: Some(place), position: None, fault }
    }

    pub(super) fn syntax(text: &str, error: &toml::de::Error) -> Self {
        Self {
            place: None,
            position: error.span().map(|span| line_and_column(text, span.start)),
            fault: Fault::Syntax(error.message().to_owned()),
        }
    }

    /// Adds line and column to each by looking its place up in the file.
    pub fn locate_all(errors: &mut [Self], text: &str) {
        let Ok(document) = toml::de::DeTable::parse(text) else { return };
        for error in errors {
            error.position = error.place.as_ref().and_then(|place| locate(&document, text, place));
        }
    }
}

fn locate(document: &Spanned<DeTable<'_>>, text: &str, place: &Place) -> Option<(usize, usize)> {
    let item = document.get_ref().get(place.item)?.get_ref();
    let entry = item.as_array().map_or(Some(item), |list| list.get(place.index).map(|entry| entry.get_ref()))?;
    let table = entry.as_table()?;
    // A field within a table is named by its path; the table is where it stands.
    let field = place.field.split('.').next().unwrap_or_default();
    let field = table.iter().find(|(key, _)| key.get_ref() == field);
    let start = match field {
        Some((key, _)) => key.span().start,
        None => table.iter().map(|(key, _)| key.span().start).min()?,
    };
    Some(line_and_column(text, start))
}

fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |tail| tail.chars().count()) + 1;
    (line, column)
}

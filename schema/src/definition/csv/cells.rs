//! Values as cells and back: exactly, and safe to open in a spreadsheet.

use super::columns::Kind;
use crate::DataType;
use serde_json::{Number, Value as Json};
use std::borrow::Cow;

/// What a spreadsheet takes a cell for a formula by; and what protects one.
const FORMULA: [char; 7] = ['=', '+', '-', '@', '\t', '\r', '\''];

/// A text that no spreadsheet takes for a formula, with an apostrophe before what begins like one; and an
/// apostrophe alone for the empty text, since an empty cell is none.
pub(super) fn protected(text: &str) -> Cow<'_, str> {
    // A text that looks protected is protected once more, so that `bare` gives it back.
    let looks_protected = text.strip_prefix('\'').is_some_and(|rest| rest.is_empty() || rest.starts_with(FORMULA));
    let is_formula = text.starts_with(FORMULA) && !text.starts_with('\'');
    if text.is_empty() || is_formula || looks_protected { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

/// The text that was [`protected`].
pub(super) fn bare(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|rest| rest.is_empty() || rest.starts_with(FORMULA)).unwrap_or(cell)
}

/// The cell of a field's value; none for what no cell can tell.
pub(super) fn cell(value: &Json) -> Option<Cow<'_, str>> {
    match value {
        Json::String(text) => Some(protected(text)),
        Json::Bool(truth) => Some(Cow::Borrowed(if *truth { "true" } else { "false" })),
        Json::Number(number) => Some(Cow::Owned(number.to_string())),
        Json::Object(table) if table.is_empty() => Some(Cow::Borrowed("true")),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

/// How cells of a file and a row are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    /// Whether a comma in a number is its decimal point, as where `;` separates cells.
    pub(super) decimal_comma: bool,
    /// The type of the row's values; any number or truth where it is not known.
    pub(super) data_type: Option<DataType>,
}

impl Reading {
    /// The value of a cell that is not empty.
    ///
    /// # Errors
    /// What would be allowed.
    pub(super) fn read(self, cell: &str, kind: Kind) -> Result<Json, &'static str> {
        match kind {
            Kind::Text => Ok(bare(cell).into()),
            Kind::Integer => integer(cell).ok_or("a whole number from 0 to 4,294,967,295"),
            Kind::Number => self.number(cell, "a number"),
            Kind::Truth => truth(cell).ok_or("true or false"),
            Kind::Table if truth(cell) == Some(true.into()) => Ok(Json::Object(serde_json::Map::new())),
            Kind::Table => Err("true, or nothing"),
            Kind::Value => match self.data_type {
                Some(DataType::Text) => Ok(bare(cell).into()),
                Some(DataType::Boolean) => truth(cell).ok_or("true or false"),
                Some(DataType::Float) => self.number(cell, "a number"),
                Some(DataType::Integer) => self.number(cell, "a whole number"),
                None => self.number(cell, "a number, or true or false").or_else(|allowed| truth(cell).ok_or(allowed)),
            },
        }
    }

    /// A finite number, an integer where it is written as one.
    fn number(self, cell: &str, allowed: &'static str) -> Result<Json, &'static str> {
        let cell = cell.trim();
        if self.decimal_comma && is_grouped(cell) {
            return Err("a number without points between its thousands: 1.000 may be 1 or 1000");
        }
        let has_comma = self.decimal_comma && cell.matches(',').count() == 1 && !cell.contains('.');
        let cell = if has_comma { Cow::Owned(cell.replace(',', ".")) } else { Cow::Borrowed(cell) };
        if let Ok(integer) = cell.parse::<i64>() {
            return Ok(integer.into());
        }
        let number = cell.parse().ok().and_then(Number::from_f64);
        number.map(Json::Number).ok_or(allowed)
    }
}

/// Whether a number is written like `1.000`: a thousand where the comma is decimal, and one where the point is.
fn is_grouped(cell: &str) -> bool {
    let mut groups = cell.trim_start_matches(['+', '-']).split('.');
    let digits = |group: &str| !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_digit());
    let first = groups.next().is_some_and(|first| digits(first) && first.len() <= 3 && !first.starts_with('0'));
    let mut rest = groups.peekable();
    first && rest.peek().is_some() && rest.all(|group| digits(group) && group.len() == 3)
}

fn integer(cell: &str) -> Option<Json> {
    cell.trim().parse::<u32>().ok().map(Json::from)
}

fn truth(cell: &str) -> Option<Json> {
    match cell.trim() {
        "true" | "TRUE" | "True" | "1" => Some(true.into()),
        "false" | "FALSE" | "False" | "0" => Some(false.into()),
        _ => None,
    }
}

/// The type a row's values have by its cell of that column.
pub(super) fn data_type(cell: &str) -> Option<DataType> {
    let types = [DataType::Float, DataType::Integer, DataType::Boolean, DataType::Text];
    types.into_iter().find(|data_type| data_type.as_str() == cell)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_no_formula_and_comes_back_whatever_it_is() {
        for (text, cell) in [
            ("auto", "auto"),
            ("=1+1", "'=1+1"),
            ("-", "'-"),
            ("@x", "'@x"),
            ("\tx", "'\tx"),
            ("'tis", "'tis"),
            ("'=1", "''=1"),
            ("", "'"),
            ("'", "''"),
            ("''", "'''"),
        ] {
            assert_eq!(protected(text), cell);
            assert_eq!(bare(cell), text);
        }
    }

    #[test]
    fn a_number_is_an_integer_where_it_is_written_as_one() {
        let comma = |decimal_comma| Reading { decimal_comma, data_type: None };
        let read = |cell| comma(false).read(cell, Kind::Value).map(|value| value.to_string());
        assert_eq!(read("3"), Ok("3".to_owned()));
        assert_eq!(read("3.0"), Ok("3.0".to_owned()));
        assert_eq!(read("-9223372036854775808"), Ok("-9223372036854775808".to_owned()));
        assert_eq!(read("1E300"), Ok("1e+300".to_owned()));
        assert_eq!(read("TRUE"), Ok("true".to_owned()));
        for cell in ["inf", "NaN", "1e999", "1,5", "1 000", "x"] {
            assert_eq!(read(cell), Err("a number, or true or false"), "{cell}");
        }
        assert_eq!(comma(true).read("1,5", Kind::Number), Ok(1.5.into()));
        assert_eq!(comma(true).read("1.5", Kind::Number), Ok(1.5.into()));
        for thousand in ["1.000", "-12.345", "1.000.000"] {
            assert!(comma(true).read(thousand, Kind::Number).is_err(), "{thousand} may be a thousand");
        }
        assert_eq!(comma(true).read("0.125", Kind::Number), Ok(0.125.into()));
        assert_eq!(comma(false).read("1.000", Kind::Number), Ok(1.0.into()));
        assert_eq!(comma(true).read("1.000,5", Kind::Number), Err("a number"));
        assert_eq!(comma(true).read("1,000,000", Kind::Number), Err("a number"));
        for cell in ["1.0", "-1", "4294967296", "1,5", ""] {
            assert!(comma(true).read(cell, Kind::Integer).is_err(), "{cell}");
        }
    }

    #[test]
    fn a_value_is_read_by_the_type_of_its_row() {
        let read =
            |cell, data_type| Reading { decimal_comma: false, data_type: Some(data_type) }.read(cell, Kind::Value);
        assert_eq!(read("1", DataType::Text), Ok("1".into()));
        assert_eq!(read("1", DataType::Boolean), Ok(true.into()));
        assert_eq!(read("1", DataType::Float), Ok(1.into()));
        assert_eq!(read("true", DataType::Float), Err("a number"));
        assert_eq!(read("x", DataType::Integer), Err("a whole number"));
    }

    #[test]
    fn every_type_is_read_by_its_word() {
        for kind in [DataType::Float, DataType::Integer, DataType::Boolean, DataType::Text] {
            assert_eq!(data_type(kind.as_str()), Some(kind));
        }
    }
}

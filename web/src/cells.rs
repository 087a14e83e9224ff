//! Samples as cells of a table of text, and back: exactly, and safe to open in a spreadsheet. Pure.

use flyball::schema::{DataType, Quality, Timestamp, Value};
use std::borrow::Cow;
use std::fmt::Write as _;

/// What a spreadsheet takes a cell for a formula by; and what protects one.
const FORMULA: [char; 7] = ['=', '+', '-', '@', '\t', '\r', '\''];

/// A text that no spreadsheet takes for a formula: an apostrophe before what begins like one.
#[must_use]
pub fn protected(text: &str) -> Cow<'_, str> {
    // A text that looks protected is protected once more, so that `bare` gives it back.
    let looks_protected = text.strip_prefix('\'').is_some_and(|rest| rest.starts_with(FORMULA));
    let is_formula = text.starts_with(FORMULA) && !text.starts_with('\'');
    if is_formula || looks_protected { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

/// The text that was [`protected`].
#[must_use]
pub fn bare(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|rest| rest.starts_with(FORMULA)).unwrap_or(cell)
}

/// A time: RFC 3339 with microseconds, in UTC; outside its years 0 to 9999, microseconds since the epoch as `…us`.
#[must_use]
pub fn time_cell(time: Timestamp) -> String {
    let text = time.to_string();
    if text.len() == "2026-11-22T13:03:37.190123Z".len() { text } else { format!("{}us", time.as_micros()) }
}

/// The time of a cell, with any offset.
#[must_use]
pub fn read_time(cell: &str) -> Option<Timestamp> {
    match cell.strip_suffix("us") {
        Some(micros) => micros.parse().ok().map(Timestamp::from_micros),
        None => Timestamp::parse(cell).ok(),
    }
}

/// A value and its type; both are empty where there is none.
#[must_use]
pub fn value_cells(value: Option<&Value>) -> (Cow<'_, str>, &'static str) {
    let Some(value) = value else { return (Cow::Borrowed(""), "") };
    let text = match value {
        Value::Float(float) => Cow::Owned(float_cell(*float)),
        Value::Integer(integer) => Cow::Owned(integer.to_string()),
        Value::Boolean(boolean) => Cow::Borrowed(if *boolean { "true" } else { "false" }),
        Value::Text(text) => protected(text),
    };
    (text, value.data_type().as_str())
}

/// The shortest digits that mean this float, and the bits of what is no number.
fn float_cell(float: f64) -> String {
    let mut text = format!("{float:?}");
    if float.is_nan() && float.to_bits() != f64::NAN.to_bits() {
        // Writing into a string does not fail.
        let _written = write!(text, "(0x{:016x})", float.to_bits());
    }
    text
}

fn read_float(cell: &str) -> Option<f64> {
    match cell.strip_prefix("NaN(0x").and_then(|rest| rest.strip_suffix(')')) {
        Some(bits) => u64::from_str_radix(bits, 16).ok().map(f64::from_bits).filter(|float| float.is_nan()),
        // Rust reads "nan" as well; a spreadsheet that writes a decimal comma is refused.
        None => cell.parse().ok(),
    }
}

/// The value of a cell of this type.
///
/// # Errors
/// Why it is none.
pub fn read_value(cell: &str, data_type: DataType) -> Result<Value, String> {
    let value = match data_type {
        DataType::Float => read_float(cell).map(Value::Float),
        DataType::Integer => cell.parse().ok().map(Value::Integer),
        DataType::Boolean => match cell {
            "true" | "TRUE" | "True" | "1" => Some(Value::Boolean(true)),
            "false" | "FALSE" | "False" | "0" => Some(Value::Boolean(false)),
            _ => None,
        },
        DataType::Text => Some(Value::from(bare(cell))),
    };
    value.ok_or_else(|| format!("\"{cell}\" is no {data_type}"))
}

/// The type that a cell names.
#[must_use]
pub fn read_type(cell: &str) -> Option<DataType> {
    [DataType::Float, DataType::Integer, DataType::Boolean, DataType::Text]
        .into_iter()
        .find(|kind| kind.as_str() == cell)
}

/// A quality: its OPC UA `StatusCode` in hexadecimal, and what it means.
#[must_use]
pub fn quality_cell(quality: Quality) -> String {
    format!("0x{:08X} {quality}", quality.status_code())
}

/// The quality of a cell: what stands behind the code is for people; a word alone is one without a reason.
#[must_use]
pub fn read_quality(cell: &str) -> Option<Quality> {
    let word = cell.split(' ').next().unwrap_or_default();
    match (word.strip_prefix("0x"), word) {
        (Some(code), _) => u32::from_str_radix(code, 16).ok().map(Quality::from_status_code),
        (None, "good" | "") => Some(Quality::GOOD),
        (None, "uncertain") => Some(Quality::UNCERTAIN),
        (None, "bad") => Some(Quality::BAD),
        _ => None,
    }
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
            ("'", "'"),
            ("''", "'''"),
            ("'=1", "''=1"),
            ("", ""),
        ] {
            assert_eq!(protected(text), cell);
            assert_eq!(bare(cell), text);
        }
    }

    #[test]
    fn every_value_comes_back_bit_for_bit() {
        let floats =
            [0.1, -0.0, 1e300, f64::MIN_POSITIVE, 5e-324, f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
        let payload = f64::from_bits(0x7ff8_0000_0000_0007);
        for float in floats.into_iter().chain([payload]) {
            let value = Value::Float(float);
            let (cell, kind) = value_cells(Some(&value));
            let Ok(Value::Float(back)) = read_value(&cell, read_type(kind).unwrap()) else { panic!("{cell}") };
            assert_eq!(back.to_bits(), float.to_bits(), "{cell}");
        }
        for value in [Value::Integer(i64::MIN), Value::Integer(i64::MAX), Value::Boolean(true), Value::from("'=é\n")] {
            let (cell, kind) = value_cells(Some(&value));
            assert_eq!(read_value(&cell, read_type(kind).unwrap()).as_ref(), Ok(&value));
        }
        assert_eq!(value_cells(None), ("".into(), ""));
    }

    #[test]
    fn what_is_no_value_is_refused_by_its_type() {
        assert_eq!(read_value("1,5", DataType::Float), Err("\"1,5\" is no float".to_owned()));
        assert_eq!(read_value("1.5", DataType::Integer), Err("\"1.5\" is no integer".to_owned()));
        assert_eq!(read_value("on", DataType::Boolean), Err("\"on\" is no boolean".to_owned()));
        assert!(read_value("NaN(0x0)", DataType::Float).is_err());
    }

    #[test]
    fn every_time_comes_back_and_an_offset_is_understood() {
        for micros in [0, -1, 1_795_352_617_190_123, i64::MIN, i64::MAX, 300_000_000_000_000_000] {
            let time = Timestamp::from_micros(micros);
            assert_eq!(read_time(&time_cell(time)), Some(time), "{}", time_cell(time));
        }
        let utc = read_time("2026-11-22T13:03:37.190123Z");
        assert_eq!(read_time("2026-11-22T14:03:37.190123+01:00"), utc);
        assert_eq!(read_time("22.11.2026"), None);
    }

    #[test]
    fn every_quality_comes_back_and_a_word_is_understood() {
        for code in [0, 0x4094_0480, 0x8031_0000, u32::MAX] {
            let quality = Quality::from_status_code(code);
            assert_eq!(read_quality(&quality_cell(quality)), Some(quality));
        }
        assert_eq!(quality_cell(Quality::BAD_NO_COMMUNICATION), "0x80310000 bad: no communication");
        assert_eq!(read_quality("bad"), Some(Quality::BAD));
        assert_eq!(read_quality("so-so"), None);
    }
}

//! Samples as rows: of COPY's binary format on the way in, of an answer on the way out.

use super::super::sample::{Block, Column, Sample};
use diesel::deserialize::{self, QueryableByName};
use diesel::pg::Pg;
use diesel::row::NamedRow;
use diesel::sql_types::{BigInt, Bool, Double, Integer, Nullable, Text};
use flyball_schema::{Quality, TagId, Timestamp, Value};
use std::borrow::Cow;

/// PostgreSQL counts from 2000-01-01, microseconds since the epoch.
const YEAR_2000: i64 = 946_684_800_000_000;
/// The earliest time of a timestamptz, 4714-11-24 BC, microseconds before 2000-01-01.
const EARLIEST: i64 = -211_813_488_000_000_000;

/// Begins a COPY: signature, flags, no extension.
pub(super) const COPY_HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// Ends a COPY.
pub(super) const COPY_TRAILER: [u8; 2] = (-1_i16).to_be_bytes();

const COLUMNS: i16 = 8;
const NULL: [u8; 4] = (-1_i32).to_be_bytes();

/// Takes the place of what a text of PostgreSQL cannot hold.
const SUBSTITUTE: char = '\u{1A}';

/// A time, microseconds since the epoch, as PostgreSQL counts. Times before its earliest become that: samples with such
/// times are not kept as timestamptz.
pub(super) fn to_pg(time: i64) -> i64 {
    time.saturating_sub(YEAR_2000).max(EARLIEST)
}

/// The inverse of [`to_pg`].
pub(super) fn from_pg(time: i64) -> i64 {
    time.saturating_add(YEAR_2000)
}

/// Which table a row is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    /// Time as timestamptz.
    Sample,
    /// Time as a number.
    Outlying,
}

impl Table {
    fn time(self, time: i64) -> i64 {
        if self == Self::Sample { to_pg(time) } else { time }
    }
}

pub(super) fn tag_column(tag: TagId) -> i32 {
    tag.0.cast_signed()
}

pub(super) fn tag_of(column: i32) -> TagId {
    TagId(column.cast_unsigned())
}

/// Appends the sample at `index` as a row of COPY. Columns as in [`super::schema`].
pub(super) fn encode(out: &mut Vec<u8>, table: Table, tag: TagId, block: &Block, index: usize, tie: Option<i32>) {
    out.extend_from_slice(&COLUMNS.to_be_bytes());
    field(out, &table.time(block.times[index]).to_be_bytes());
    field(out, &tag_column(tag).to_be_bytes());
    field(out, &block.qualities[index].status_code().to_be_bytes());
    match &block.values {
        Column::Float(values) => numbers(out, Some(values[index]), None, tie, None),
        Column::Integer(values) => numbers(out, None, Some(values[index]), tie, None),
        Column::Boolean(values) => numbers(out, None, None, tie, Some(values[index])),
        Column::Any(values) => match &values[index] {
            Some(Value::Float(value)) => numbers(out, Some(*value), None, tie, None),
            Some(Value::Integer(value)) => numbers(out, None, Some(*value), tie, None),
            Some(Value::Boolean(value)) => numbers(out, None, None, tie, Some(*value)),
            Some(Value::Text(text)) => {
                numbers(out, None, None, tie, None);
                return field(out, escaped(text).as_bytes());
            }
            None => numbers(out, None, None, tie, None),
        },
    }
    out.extend_from_slice(&NULL);
}

fn numbers(out: &mut Vec<u8>, value: Option<f64>, integer: Option<i64>, tie: Option<i32>, boolean: Option<bool>) {
    optional(out, value.map(f64::to_be_bytes));
    optional(out, integer.map(i64::to_be_bytes));
    optional(out, tie.map(i32::to_be_bytes));
    optional(out, boolean.map(|value| [u8::from(value)]));
}

fn optional<const N: usize>(out: &mut Vec<u8>, bytes: Option<[u8; N]>) {
    match bytes {
        Some(bytes) => field(out, &bytes),
        None => out.extend_from_slice(&NULL),
    }
}

/// A field longer than the 1 GiB that PostgreSQL takes is refused by it.
fn field(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = i32::try_from(bytes.len()).unwrap_or(i32::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(bytes);
}

/// A text without U+0000, which PostgreSQL does not take: U+0000 becomes U+001A `0`, U+001A itself U+001A `1`.
fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(['\0', SUBSTITUTE]) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace(SUBSTITUTE, "\u{1A}1").replace('\0', "\u{1A}0"))
}

/// The inverse of [`escaped`].
fn unescaped(text: String) -> String {
    if !text.contains(SUBSTITUTE) {
        return text;
    }
    text.replace("\u{1A}0", "\0").replace("\u{1A}1", "\u{1A}")
}

/// The columns of a [`Row`], behind its time.
pub(super) const SELECTED: &str = "quality, value, integer, boolean, text";

/// A sample as it is read: its time as the table has it, then [`SELECTED`].
pub(super) struct Row {
    time: i64,
    sample: Sample,
}

impl Row {
    pub(super) fn into_sample(mut self, table: Table) -> Sample {
        let time = if table == Table::Sample { from_pg(self.time) } else { self.time };
        self.sample.time = Timestamp::from_micros(time);
        self.sample
    }
}

// By place, not by name: it is done a million times.
impl QueryableByName<Pg> for Row {
    fn build<'a>(row: &impl NamedRow<'a, Pg>) -> deserialize::Result<Self> {
        // A timestamptz is sent as a number too.
        let time = row.get_value::<BigInt, i64, _>(0)?;
        let quality: i32 = row.get_value::<Integer, _, _>(1)?;
        let value = if let Some(value) = row.get_value::<Nullable<Double>, Option<f64>, _>(2)? {
            Some(Value::Float(value))
        } else if let Some(value) = row.get_value::<Nullable<BigInt>, Option<i64>, _>(3)? {
            Some(Value::Integer(value))
        } else if let Some(value) = row.get_value::<Nullable<Bool>, Option<bool>, _>(4)? {
            Some(Value::Boolean(value))
        } else {
            let text = row.get_value::<Nullable<Text>, Option<String>, _>(5)?;
            text.map(|text| Value::Text(unescaped(text).into()))
        };
        let quality = Quality::from_status_code(quality.cast_unsigned());
        Ok(Self { time, sample: Sample { time: Timestamp::default(), value, quality } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_time_that_is_kept_in_partitions_is_a_timestamptz() {
        let kept = super::super::parts::SENSIBLE;
        assert_eq!(from_pg(to_pg(kept.start)), kept.start);
        assert_eq!(from_pg(to_pg(kept.end - 1)), kept.end - 1);
        assert_eq!(to_pg(i64::MIN), EARLIEST);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_text_is_stored_without_u0000_and_comes_back(text in "[\0\u{1A}01ab]{0,12}") {
            let stored = escaped(&text).into_owned();
            prop_assert!(!stored.contains('\0'));
            prop_assert_eq!(unescaped(stored), text);
        }
    }
}

//! Values of any kind as a column: the kinds, then a column for each kind.
//!
//! ```text
//! series: kind of each sample, 0 never a value, 1 false, 2 true, 3 integer, 4 float, 5 text
//! where there are integers: series
//! where there are floats: floats
//! where there are texts: varint count, then per distinct text varint length, UTF-8; series: which text
//! ```
//!
//! Which of the last three there are is said by a byte in front, a bit each.

use super::bytes::put_varint;
use super::floats::{self, Floats};
use super::packed::Source;
use super::series::{self, Buffers, Series};
use super::{ChunkError, MAX_POINTS};
use flyball_schema::{Text, Value};
use std::collections::HashMap;
use std::ops::Range;

const NONE: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const INTEGER: u8 = 3;
const FLOAT: u8 = 4;
const TEXT: u8 = 5;

/// Appends a column of values.
pub(super) fn put(out: &mut Vec<u8>, values: &[Option<Value>], pages: &[Range<usize>]) -> Result<(), ChunkError> {
    let mut columns = Columns::default();
    for rows in pages {
        columns.add(&values[rows.clone()]);
    }
    let has = |pages: &[Range<usize>]| pages.last().is_some_and(|rows| rows.end > 0);
    let there = [&columns.integer_pages, &columns.float_pages, &columns.text_pages].map(|pages| has(pages));
    out.push(there.iter().rev().fold(0, |bits, &there| bits << 1 | u8::from(there)));
    series::put(out, &columns.kinds, pages)?;
    if there[0] {
        series::put(out, &columns.integers, &columns.integer_pages)?;
    }
    if there[1] {
        floats::put(out, &columns.floats, &columns.float_pages)?;
    }
    if there[2] {
        put_varint(out, columns.dictionary.len() as u64);
        for text in &columns.dictionary {
            put_varint(out, text.len() as u64);
            out.extend_from_slice(text.as_bytes());
        }
        series::put(out, &columns.texts, &columns.text_pages)?;
    }
    Ok(())
}

/// Values by kind, and which of them belong to which page.
#[derive(Default)]
struct Columns<'a> {
    kinds: Vec<i64>,
    integers: Vec<i64>,
    integer_pages: Vec<Range<usize>>,
    floats: Vec<f64>,
    float_pages: Vec<Range<usize>>,
    texts: Vec<i64>,
    text_pages: Vec<Range<usize>>,
    dictionary: Vec<&'a str>,
    places: HashMap<&'a str, i64>,
}

impl<'a> Columns<'a> {
    fn add(&mut self, page: &'a [Option<Value>]) {
        let starts = [self.integers.len(), self.floats.len(), self.texts.len()];
        for value in page {
            let kind = match value {
                None => NONE,
                Some(Value::Boolean(false)) => FALSE,
                Some(Value::Boolean(true)) => TRUE,
                Some(Value::Integer(value)) => {
                    self.integers.push(*value);
                    INTEGER
                }
                Some(Value::Float(value)) => {
                    self.floats.push(*value);
                    FLOAT
                }
                Some(Value::Text(text)) => {
                    self.add_text(text);
                    TEXT
                }
            };
            self.kinds.push(kind.into());
        }
        self.integer_pages.push(starts[0]..self.integers.len());
        self.float_pages.push(starts[1]..self.floats.len());
        self.text_pages.push(starts[2]..self.texts.len());
    }

    fn add_text(&mut self, text: &'a str) {
        let next = self.dictionary.len();
        let place = *self.places.entry(text).or_insert_with(|| i64::try_from(next).unwrap_or(i64::MAX));
        if self.places.len() > next {
            self.dictionary.push(text);
        }
        self.texts.push(place);
    }
}

/// A column of values to be decoded.
#[derive(Debug)]
pub(super) struct Any<'a> {
    kinds: Series<'a>,
    integers: Option<Series<'a>>,
    floats: Option<Floats<'a>>,
    texts: Option<(Vec<Text>, Series<'a>)>,
}

impl<'a> Any<'a> {
    /// Takes a column off the front of `source`.
    pub(super) fn open(source: &mut Source<'a>) -> Result<Self, ChunkError> {
        let there = source.bytes.byte()?;
        Ok(Self {
            kinds: Series::open(source)?,
            integers: (there & 1 != 0).then(|| Series::open(source)).transpose()?,
            floats: (there & 2 != 0).then(|| Floats::open(source)).transpose()?,
            texts: (there & 4 != 0).then(|| Ok((dictionary(source)?, Series::open(source)?))).transpose()?,
        })
    }

    /// Appends the `count` values of a page to `out`.
    pub(super) fn page(
        &self,
        index: usize,
        count: usize,
        buffers: &mut Buffers,
        out: &mut Vec<Option<Value>>,
    ) -> Result<(), ChunkError> {
        let (mut kinds, mut integers, mut floats, mut texts) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        self.kinds.page(index, count, buffers, &mut kinds, |kind| kind)?;
        let of = |kind: u8| kinds.iter().filter(|&&other| other == i64::from(kind)).count();
        if let Some(series) = &self.integers {
            series.page(index, of(INTEGER), buffers, &mut integers, |value| value)?;
        }
        if let Some(column) = &self.floats {
            column.page(index, of(FLOAT), buffers, &mut floats)?;
        }
        if let Some((_, places)) = &self.texts {
            places.page(index, of(TEXT), buffers, &mut texts, |place| usize::try_from(place).unwrap_or(usize::MAX))?;
        }
        let (mut integers, mut floats, mut texts) = (integers.into_iter(), floats.into_iter(), texts.into_iter());
        let text = |place: usize| self.texts.as_ref()?.0.get(place).cloned();
        let missing = || ChunkError::Malformed("a value that is not there");
        for &kind in &kinds {
            out.push(match u8::try_from(kind).unwrap_or(u8::MAX) {
                NONE => None,
                FALSE => Some(Value::Boolean(false)),
                TRUE => Some(Value::Boolean(true)),
                INTEGER => Some(Value::Integer(integers.next().ok_or_else(missing)?)),
                FLOAT => Some(Value::Float(floats.next().ok_or_else(missing)?)),
                TEXT => Some(Value::Text(texts.next().and_then(text).ok_or_else(missing)?)),
                _ => return Err(ChunkError::Malformed("unknown kind of value")),
            });
        }
        Ok(())
    }
}

fn dictionary(source: &mut Source<'_>) -> Result<Vec<Text>, ChunkError> {
    let count = source.bytes.size()?;
    if count > MAX_POINTS {
        return Err(ChunkError::Malformed("more texts than samples"));
    }
    let mut texts = Vec::new();
    for _ in 0..count {
        let length = source.bytes.size()?;
        let text = std::str::from_utf8(source.bytes.take(length)?);
        texts.push(Text::from(text.map_err(|_| ChunkError::Malformed("text that is not UTF-8"))?));
    }
    Ok(texts)
}

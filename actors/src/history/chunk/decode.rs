//! Bytes to samples.

use super::any::Any;
use super::bytes::Bytes;
use super::floats::Floats;
use super::packed::Source;
use super::series::{Buffers, Series};
use super::times::Times;
use super::{ChunkError, Page, VERSION, kind};
use crate::history::sample::{Block, Column};
use flyball_schema::Quality;
use std::ops::Range;

/// Decodes chunks, one after the other, in memory that it keeps.
#[derive(Debug, Default)]
pub struct Decoder {
    buffers: Buffers,
    slots: Vec<i64>,
}

impl Decoder {
    /// Decodes the pages `wanted` of a chunk into `out`, which is emptied first.
    ///
    /// * `pages`: the whole directory of the chunk.
    ///
    /// # Errors
    /// [`ChunkError`] where `data` is not what was encoded; `out` is empty then.
    pub fn decode(
        &mut self,
        data: &[u8],
        checksum: u32,
        pages: &[Page],
        wanted: Range<usize>,
        out: &mut Block,
    ) -> Result<(), ChunkError> {
        let found = crc32fast::hash(data);
        if found != checksum {
            out.clear();
            return Err(ChunkError::Checksum { expected: checksum, found });
        }
        self.decode_unchecked(data, pages, wanted, out)
    }

    /// [`Decoder::decode`] of bytes that nothing vouches for.
    pub(super) fn decode_unchecked(
        &mut self,
        data: &[u8],
        pages: &[Page],
        wanted: Range<usize>,
        out: &mut Block,
    ) -> Result<(), ChunkError> {
        out.clear();
        let outcome = self.fill(data, pages, wanted, out);
        if outcome.is_err() {
            out.clear();
        }
        outcome
    }

    fn fill(&mut self, data: &[u8], pages: &[Page], wanted: Range<usize>, out: &mut Block) -> Result<(), ChunkError> {
        if wanted.start > wanted.end || wanted.end > pages.len() {
            return Err(ChunkError::Pages { wanted, pages: pages.len() });
        }
        let Columns { times, values, qualities } = Columns::open(data, pages)?;
        values.choose(&mut out.values);
        let mut start: usize = pages[..wanted.start].iter().map(|page| page.count as usize).sum();
        for index in wanted {
            let page = &pages[index];
            let (count, before) = (page.count as usize, out.times.len());
            times.page(index, start..start + count, &mut self.buffers, &mut self.slots, &mut out.times)?;
            values.page(index, count, &mut self.buffers, &mut out.values)?;
            qualities.page(index, count, &mut self.buffers, &mut out.qualities, quality)?;
            check(&out.times[before..], page)?;
            start += count;
        }
        Ok(())
    }
}

/// The times of a page have to be those of the directory, by which it was chosen.
fn check(times: &[i64], page: &Page) -> Result<(), ChunkError> {
    let ends = [page.t0, page.t1].map(|time| Some(time.as_micros()));
    if [times.first().copied(), times.last().copied()] == ends && times.is_sorted() {
        return Ok(());
    }
    Err(ChunkError::Malformed("times that are not the directory's"))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "32 bits were encoded")]
fn quality(code: i64) -> Quality {
    Quality::from_status_code(code as u32)
}

struct Columns<'a> {
    times: Times<'a>,
    values: Values<'a>,
    qualities: Series<'a>,
}

impl<'a> Columns<'a> {
    fn open(data: &'a [u8], pages: &[Page]) -> Result<Self, ChunkError> {
        let mut bytes = Bytes(data);
        let version = bytes.byte()?;
        if version != VERSION {
            return Err(ChunkError::Version(version));
        }
        let count = bytes.size()?;
        if count != pages.iter().map(|page| page.count as usize).sum::<usize>() {
            return Err(ChunkError::Malformed("pages that are not the chunk's"));
        }
        let mut source = Source::open(bytes, pages.len())?;
        let times = Times::open(&mut source)?;
        let values = Values::open(&mut source)?;
        let qualities = Series::open(&mut source)?;
        source.bytes.end()?;
        Ok(Self { times, values, qualities })
    }
}

enum Values<'a> {
    Float(Floats<'a>),
    Integer(Series<'a>),
    Boolean(Series<'a>),
    Any(Box<Any<'a>>),
}

impl<'a> Values<'a> {
    fn open(source: &mut Source<'a>) -> Result<Self, ChunkError> {
        Ok(match source.bytes.byte()? {
            kind::FLOAT => Self::Float(Floats::open(source)?),
            kind::INTEGER => Self::Integer(Series::open(source)?),
            kind::BOOLEAN => Self::Boolean(Series::open(source)?),
            kind::ANY => Self::Any(Box::new(Any::open(source)?)),
            _ => return Err(ChunkError::Malformed("unknown kind of values")),
        })
    }

    /// Makes `column`, which is empty, one of this kind; keeps its memory where it is one.
    fn choose(&self, column: &mut Column) {
        match (self, &column) {
            (Self::Float(_), Column::Float(_))
            | (Self::Integer(_), Column::Integer(_))
            | (Self::Boolean(_), Column::Boolean(_))
            | (Self::Any(_), Column::Any(_)) => {}
            (Self::Float(_), _) => *column = Column::Float(Vec::new()),
            (Self::Integer(_), _) => *column = Column::Integer(Vec::new()),
            (Self::Boolean(_), _) => *column = Column::Boolean(Vec::new()),
            (Self::Any(_), _) => *column = Column::Any(Vec::new()),
        }
    }

    fn page(&self, index: usize, count: usize, buffers: &mut Buffers, out: &mut Column) -> Result<(), ChunkError> {
        match (self, out) {
            (Self::Float(floats), Column::Float(out)) => floats.page(index, count, buffers, out),
            (Self::Integer(series), Column::Integer(out)) => series.page(index, count, buffers, out, |value| value),
            (Self::Boolean(series), Column::Boolean(out)) => {
                series.page(index, count, buffers, out, |value| value != 0)
            }
            (Self::Any(any), Column::Any(out)) => any.page(index, count, buffers, out),
            _ => Err(ChunkError::Malformed("values of two kinds")),
        }
    }
}

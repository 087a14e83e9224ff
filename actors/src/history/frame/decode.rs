//! Bytes to changes.

use super::column::Bytes;
use super::{FrameError, MAX_CHANGES, MIXED_KINDS, POWERS, VERSION, kind};
use crate::cvt::TagChange;
use crate::history::TagSet;
use flyball_schema::{Quality, TagId, Timestamp, Value};

/// Decodes frames, one after the other, in memory that it keeps.
#[derive(Debug, Default)]
pub struct Decoder {
    tags: Vec<i64>,
    seqs: Vec<i64>,
    server_times: Vec<i64>,
    source_times: Vec<i64>,
    qualities: Vec<i64>,
    kinds: Vec<u8>,
    /// Positions of the wanted tags.
    wanted: Vec<usize>,
}

impl Decoder {
    /// Hands every change of the frame to `visit`, or those of the tags `only`, in order.
    ///
    /// A frame without a wanted tag costs its tag column alone.
    ///
    /// # Errors
    /// [`FrameError`] where `data` is not what was encoded; some changes may have been visited by then.
    pub fn decode(
        &mut self,
        data: &[u8],
        checksum: u32,
        only: Option<&TagSet>,
        visit: impl FnMut(TagChange),
    ) -> Result<(), FrameError> {
        let found = crc32fast::hash(data);
        if found != checksum {
            return Err(FrameError::Checksum { expected: checksum, found });
        }
        self.decode_unchecked(data, only, visit)
    }

    /// [`Decoder::decode`] of bytes that nothing vouches for.
    pub(super) fn decode_unchecked(
        &mut self,
        data: &[u8],
        only: Option<&TagSet>,
        visit: impl FnMut(TagChange),
    ) -> Result<(), FrameError> {
        let mut bytes = Bytes(data);
        match bytes.byte()? {
            VERSION => {}
            other => return Err(FrameError::Version(other)),
        }
        let count = usize::try_from(bytes.varint()?).unwrap_or(usize::MAX);
        if count == 0 || count > MAX_CHANGES {
            return Err(FrameError::Count(count));
        }
        bytes.series(count, &mut self.tags)?;
        self.find(only)?;
        if self.wanted.is_empty() {
            return Ok(());
        }
        bytes.series(count, &mut self.seqs)?;
        bytes.series(count, &mut self.server_times)?;
        bytes.series(count, &mut self.source_times)?;
        bytes.series(count, &mut self.qualities)?;
        self.kinds(&mut bytes, count)?;
        self.values(bytes, visit)
    }

    fn find(&mut self, only: Option<&TagSet>) -> Result<(), FrameError> {
        self.wanted.clear();
        for (position, &tag) in self.tags.iter().enumerate() {
            let tag = TagId(u32::try_from(tag).map_err(|_| FrameError::Malformed("a tag id of more than 32 bits"))?);
            if only.is_none_or(|set| set.contains(tag)) {
                self.wanted.push(position);
            }
        }
        Ok(())
    }

    fn kinds(&mut self, bytes: &mut Bytes<'_>, count: usize) -> Result<(), FrameError> {
        self.kinds.clear();
        match bytes.byte()? {
            MIXED_KINDS => {
                let nibbles = bytes.take(count.div_ceil(2))?;
                self.kinds.extend(nibbles.iter().flat_map(|pair| [pair & 0x0F, pair >> 4]));
                self.kinds.truncate(count);
            }
            same => self.kinds.resize(count, same),
        }
        Ok(())
    }

    fn values(&self, mut bytes: Bytes<'_>, mut visit: impl FnMut(TagChange)) -> Result<(), FrameError> {
        let exponent = usize::from(bytes.byte()?);
        let power = *POWERS.get(exponent).ok_or(FrameError::Malformed("unknown decimal exponent"))?;
        let mut next = 0;
        for &position in &self.wanted {
            for &kind in &self.kinds[next..position] {
                skip(&mut bytes, kind)?;
            }
            visit(self.change(position, value(&mut bytes, self.kinds[position], power)?)?);
            next = position + 1;
        }
        if next == self.kinds.len() && !bytes.0.is_empty() {
            return Err(FrameError::Malformed("bytes behind the last value"));
        }
        Ok(())
    }

    fn change(&self, position: usize, value: Option<Value>) -> Result<TagChange, FrameError> {
        let narrow = |number: i64| u32::try_from(number).map_err(|_| FrameError::Malformed("more than 32 bits"));
        Ok(TagChange {
            value,
            source_time: Timestamp::from_micros(self.source_times[position]),
            server_time: Timestamp::from_micros(self.server_times[position]),
            seq: self.seqs[position].cast_unsigned(),
            tag: TagId(narrow(self.tags[position])?),
            quality: Quality::from_status_code(narrow(self.qualities[position])?),
        })
    }
}

fn value(bytes: &mut Bytes<'_>, kind: u8, power: f64) -> Result<Option<Value>, FrameError> {
    Ok(Some(match kind {
        kind::NONE => return Ok(None),
        kind::FALSE => Value::Boolean(false),
        kind::TRUE => Value::Boolean(true),
        kind::INTEGER => Value::Integer(bytes.zigzag()?),
        kind::DECIMAL => Value::Float(bytes.zigzag()? as f64 / power),
        kind::FLOAT_32 => Value::Float(f64::from(f32::from_le_bytes(bytes.array()?))),
        kind::FLOAT_64 => Value::Float(f64::from_le_bytes(bytes.array()?)),
        kind::TEXT => {
            let text = text(bytes)?;
            Value::from(std::str::from_utf8(text).map_err(|_| FrameError::Malformed("text that is not UTF-8"))?)
        }
        _ => return Err(FrameError::Malformed("unknown kind of value")),
    }))
}

fn text<'a>(bytes: &mut Bytes<'a>) -> Result<&'a [u8], FrameError> {
    let length = usize::try_from(bytes.varint()?).unwrap_or(usize::MAX);
    bytes.take(length)
}

fn skip(bytes: &mut Bytes<'_>, kind: u8) -> Result<(), FrameError> {
    match kind {
        kind::NONE | kind::FALSE | kind::TRUE => Ok(()),
        kind::INTEGER | kind::DECIMAL => bytes.varint().map(drop),
        kind::FLOAT_32 => bytes.take(4).map(drop),
        kind::FLOAT_64 => bytes.take(8).map(drop),
        kind::TEXT => text(bytes).map(drop),
        _ => Err(FrameError::Malformed("unknown kind of value")),
    }
}

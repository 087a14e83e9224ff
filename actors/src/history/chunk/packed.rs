//! Columns of numbers packed by `pco`: one description of how for all pages, each page on its own.

use super::ChunkError;
use super::bytes::{Bytes, Pages, put_pages, put_varint};
use pco::data_types::Number;
use pco::metadata::{DeltaEncoding, Mode};
use pco::wrapped::{ChunkDecompressor, FileCompressor, FileDecompressor};
use pco::{ChunkConfig, DecompressorScratch, PagingSpec};
use std::ops::Range;

/// Modes of `pco` that are written; its others can ask for much memory with few bytes.
const LAST_MODE: u8 = 3;

/// The bytes by which `pco` knows its own format again.
pub(super) fn put_format(out: &mut Vec<u8>) -> Result<(), ChunkError> {
    FileCompressor::default().write_header(out).map(drop).map_err(packing)
}

/// Packs `numbers`, which are not empty.
pub(super) fn put<T: Number>(
    out: &mut Vec<u8>,
    numbers: &[T],
    pages: &[Range<usize>],
    config: ChunkConfig,
) -> Result<(), ChunkError> {
    let counts = pages.iter().map(Range::len).filter(|&count| count > 0).collect();
    let config = config.with_paging_spec(PagingSpec::Exact(counts));
    let mut packer = FileCompressor::default().chunk_compressor(numbers, &config).map_err(packing)?;
    let mut meta = Vec::with_capacity(packer.meta_size_hint());
    packer.write_meta(&mut meta).map_err(packing)?;
    put_varint(out, meta.len() as u64);
    out.extend_from_slice(&meta);
    let mut next = 0;
    put_pages(out, pages, |out, _| {
        packer.write_page(next, out).map_err(packing)?;
        next += 1;
        Ok(())
    })
}

/// What is being decoded: columns are taken off its front.
#[derive(Debug)]
pub(super) struct Source<'a> {
    pub(super) bytes: Bytes<'a>,
    format: FileDecompressor,
    /// Pages of every column.
    pub(super) pages: usize,
}

impl<'a> Source<'a> {
    /// Takes the format off the front of `bytes`; columns of `pages` pages follow.
    pub(super) fn open(bytes: Bytes<'a>, pages: usize) -> Result<Self, ChunkError> {
        let (format, rest) = FileDecompressor::new(bytes.0).map_err(packing)?;
        Ok(Self { bytes: Bytes(rest), format, pages })
    }

    pub(super) fn pages(&mut self) -> Result<Pages<'a>, ChunkError> {
        Pages::open(&mut self.bytes, self.pages)
    }

    pub(super) fn packed<T: Number>(&mut self) -> Result<Packed<'a, T>, ChunkError> {
        let length = self.bytes.size()?;
        let meta = self.bytes.take(length)?;
        if meta.first().is_none_or(|first| first & 0x0F > LAST_MODE) {
            return Err(ChunkError::Malformed("unknown way of packing"));
        }
        let (chunk, rest) = self.format.chunk_decompressor::<T, _>(meta).map_err(packing)?;
        let known_delta =
            matches!(chunk.meta().delta_encoding, DeltaEncoding::NoOp | DeltaEncoding::Consecutive { .. });
        let known_mode = !matches!(chunk.meta().mode, Mode::Dict(_));
        if !known_delta || !known_mode || !rest.is_empty() {
            return Err(ChunkError::Malformed("unknown way of packing"));
        }
        Ok(Packed { chunk, pages: self.pages()? })
    }
}

/// A packed column.
#[derive(Debug)]
pub(super) struct Packed<'a, T: Number> {
    chunk: ChunkDecompressor<T>,
    pages: Pages<'a>,
}

impl<T: Number> Packed<'_, T> {
    /// Unpacks a page into `numbers`, which has its length.
    pub(super) fn page(
        &self,
        index: usize,
        scratch: &mut DecompressorScratch,
        numbers: &mut [T],
    ) -> Result<(), ChunkError> {
        let (bytes, length) = self.pages.page_and_rest(index)?;
        let mut page = self.chunk.page_decompressor_with_scratch(bytes, numbers.len(), scratch).map_err(packing)?;
        let progress = page.read(numbers).map_err(packing)?;
        if !progress.finished || bytes.len() - page.into_src().len() != length {
            return Err(ChunkError::Malformed("a page of another length"));
        }
        Ok(())
    }
}

fn packing(error: pco::errors::PcoError) -> ChunkError {
    ChunkError::Packed(error.to_string())
}

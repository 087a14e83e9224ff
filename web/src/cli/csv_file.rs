//! Samples as CSV: `tag,time,value,type,quality`, one row per sample.

use super::export::{SampleWriter, Stream};
use super::import::{Problem, Row, SampleRows, Tags};
use csv::StringRecord;
use flyball::history::sample::Block;
use flyball::schema::Quality;
use flyball_web::cells::{
    bare, protected, quality_cell, read_quality, read_time, read_type, read_value, time_cell, value_cells,
};
use std::fs::File;
use std::io;
use std::ops::Range;

/// Columns, in the order in which they are written.
const COLUMNS: [&str; 5] = ["tag", "time", "value", "type", "quality"];

/// Writes samples.
pub(super) struct CsvWriter {
    file: csv::Writer<Box<dyn Stream>>,
    is_begun: bool,
}

impl CsvWriter {
    pub(super) fn new(stream: Box<dyn Stream>) -> Self {
        Self { file: csv::WriterBuilder::new().buffer_capacity(1 << 16).from_writer(stream), is_begun: false }
    }

    fn begin(&mut self) -> io::Result<()> {
        if !std::mem::replace(&mut self.is_begun, true) {
            self.file.write_record(COLUMNS).map_err(failed)?;
        }
        Ok(())
    }
}

impl SampleWriter for CsvWriter {
    fn write(&mut self, tag: &str, block: &Block, rows: Range<usize>) -> io::Result<()> {
        self.begin()?;
        let tag = protected(tag);
        for row in rows {
            let sample = block.sample(row);
            let (value, kind) = value_cells(sample.value.as_ref());
            let (time, quality) = (time_cell(sample.time), quality_cell(sample.quality));
            self.file.write_record([&*tag, &time, &value, kind, &quality]).map_err(failed)?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.begin()?;
        self.file.flush()
    }
}

fn failed(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

/// Reads samples. Columns in any order; `type` and `quality` may be missing: the tag's type, and good.
pub(super) struct CsvRows {
    file: csv::Reader<File>,
    /// Where each of [`COLUMNS`] stands.
    places: [Option<usize>; 5],
    width: usize,
    record: StringRecord,
}

impl CsvRows {
    /// Reads the first line, which names the columns.
    pub(super) fn open(file: File) -> Result<Self, Problem> {
        let mut file = csv::ReaderBuilder::new().flexible(true).buffer_capacity(1 << 16).from_reader(file);
        let headers = file.headers().map_err(|error| unreadable(&error))?.clone();
        let mut places = [None; 5];
        for (index, header) in headers.iter().enumerate() {
            let name = header.trim_start_matches('\u{feff}').trim();
            let wrong = |text: String| Problem {
                unit: "line",
                number: 1,
                column: Some((index + 1, "first line")),
                text,
                is_end: true,
            };
            let Some(place) = COLUMNS.iter().position(|column| *column == name) else {
                return Err(wrong(format!("\"{name}\" is none of the columns {}", COLUMNS.join(", "))));
            };
            if places[place].replace(index).is_some() {
                return Err(wrong(format!("there is a second column \"{name}\"")));
            }
        }
        match places.iter().take(3).position(Option::is_none) {
            Some(missing) => {
                let text = format!("there is no column \"{}\"", COLUMNS[missing]);
                Err(Problem { unit: "line", number: 1, column: None, text, is_end: true })
            }
            None => Ok(Self { file, places, width: headers.len(), record: StringRecord::new() }),
        }
    }

    /// The cell of one of [`COLUMNS`], empty where there is no such column.
    fn cell(&self, column: usize) -> &str {
        self.places[column].and_then(|place| self.record.get(place)).unwrap_or_default()
    }

    fn wrong(&self, column: usize, text: String) -> Problem {
        let line = self.record.position().map_or(0, csv::Position::line);
        let place = self.places[column].map(|place| (place + 1, COLUMNS[column]));
        Problem { unit: "line", number: line, column: place, text, is_end: false }
    }

    fn row(&self, tags: &Tags) -> Result<Row, Problem> {
        if self.record.len() != self.width {
            let text = format!("{} cells, not {}", self.record.len(), self.width);
            return Err(Problem { column: None, ..self.wrong(0, text) });
        }
        let name = bare(self.cell(0));
        let tag = tags.find(name).ok_or_else(|| self.wrong(0, format!("there is no tag \"{name}\"")))?;
        let time = read_time(self.cell(1));
        let time = time.ok_or_else(|| self.wrong(1, format!("\"{}\" is no time of RFC 3339", self.cell(1))))?;
        let quality = if self.places[4].is_some() { read_quality(self.cell(4)) } else { Some(Quality::GOOD) };
        let quality = quality.ok_or_else(|| self.wrong(4, format!("\"{}\" is no quality", self.cell(4))))?;
        let (value, kind) = (self.cell(2), self.cell(3));
        let data_type = match (self.places[3], kind) {
            (Some(_), "") | (None, _) if value.is_empty() => None,
            (None, _) | (Some(_), "") => Some(tag.data_type),
            (Some(_), _) => {
                Some(read_type(kind).ok_or_else(|| self.wrong(3, format!("\"{kind}\" is no type of a value")))?)
            }
        };
        let value = data_type.map(|data_type| read_value(value, data_type)).transpose();
        let value = value.map_err(|text| self.wrong(2, text))?;
        let sample = tags.check(tag, time, value, quality).map_err(|text| self.wrong(2, text))?;
        Ok(Row { tag: tag.id, sample })
    }
}

impl SampleRows for CsvRows {
    fn next(&mut self, tags: &Tags) -> Option<Result<Row, Problem>> {
        match self.file.read_record(&mut self.record) {
            Ok(false) => None,
            Ok(true) => Some(self.row(tags)),
            Err(error) => Some(Err(unreadable(&error))),
        }
    }

    fn bytes(&self) -> u64 {
        self.file.position().byte()
    }
}

fn unreadable(error: &csv::Error) -> Problem {
    let line = error.position().map_or(0, csv::Position::line);
    let (text, is_end) = match error.kind() {
        csv::ErrorKind::Io(error) => (error.to_string(), true),
        csv::ErrorKind::Utf8 { err, .. } => (err.to_string(), false),
        _ => (error.to_string(), true),
    };
    Problem { unit: "line", number: line, column: None, text, is_end }
}

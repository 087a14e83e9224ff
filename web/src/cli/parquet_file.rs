//! Samples as Parquet: a row per sample, and a column per type of value, of which one or none is filled.

use super::Failure;
use super::export::{SampleWriter, Stream};
use super::import::{Problem, Row, SampleRows, Tags};
use flyball::history::sample::{Block, Sample};
use flyball::schema::{Quality, Timestamp, Value};
use parquet::basic::Compression;
use parquet::column::writer::ColumnWriterImpl;
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::FileReader as _;
use parquet::file::serialized_reader::SerializedFileReader;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::record::Field;
use parquet::record::reader::RowIter;
use parquet::schema::parser::parse_message_type;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;

const SCHEMA: &str = "message flyball {
    REQUIRED BINARY tag (UTF8);
    REQUIRED INT64 time (TIMESTAMP(MICROS,true));
    OPTIONAL DOUBLE float;
    OPTIONAL INT64 integer;
    OPTIONAL BOOLEAN boolean;
    OPTIONAL BINARY text (UTF8);
    REQUIRED INT32 quality (INTEGER(32,false));
}";

/// Samples of a group of rows, which is in memory at a time.
const GROUP: usize = 100_000;

/// Writing and reading of Parquet files.
pub(super) struct ParquetFile;

impl ParquetFile {
    /// Writes samples.
    pub(super) fn writer(stream: Box<dyn Stream>) -> Result<Box<dyn SampleWriter>, Failure> {
        let cannot = |error: ParquetError| Failure::new(super::INTERNAL, error);
        let schema = Arc::new(parse_message_type(SCHEMA).map_err(cannot)?);
        let properties = Arc::new(WriterProperties::builder().set_compression(Compression::SNAPPY).build());
        let file = SerializedFileWriter::new(stream, schema, properties).map_err(cannot)?;
        Ok(Box::new(Writer { file, group: Group::default() }))
    }

    /// Reads samples.
    pub(super) fn rows(file: File) -> Result<Box<dyn SampleRows>, Problem> {
        let wrong = |text: String| Problem { unit: "row", number: 0, column: None, text, is_end: true };
        let reader = SerializedFileReader::new(file).map_err(|error| wrong(error.to_string()))?;
        let schema = parse_message_type(SCHEMA).map_err(|error| wrong(error.to_string()))?;
        let columns: Vec<String> = schema.get_fields().iter().map(|field| field.name().to_owned()).collect();
        let found = reader.metadata().file_metadata().schema().get_fields();
        if !found.iter().map(|field| field.name()).eq(&columns) {
            return Err(wrong(format!("its columns are not {}", columns.join(", "))));
        }
        Ok(Box::new(Rows { rows: reader.into_iter(), number: 0 }))
    }
}

struct Writer {
    file: SerializedFileWriter<Box<dyn Stream>>,
    group: Group,
}

#[derive(Default)]
struct Group {
    tags: Vec<ByteArray>,
    times: Vec<i64>,
    floats: Vec<f64>,
    integers: Vec<i64>,
    booleans: Vec<bool>,
    texts: Vec<ByteArray>,
    /// Which of the four columns of values is filled, none where it is 4.
    filled: Vec<usize>,
    qualities: Vec<i32>,
}

impl Group {
    fn push(&mut self, tag: &ByteArray, sample: Sample) {
        self.tags.push(tag.clone());
        self.times.push(sample.time.as_micros());
        self.qualities.push(sample.quality.status_code().cast_signed());
        self.filled.push(match sample.value {
            Some(Value::Float(value)) => {
                self.floats.push(value);
                0
            }
            Some(Value::Integer(value)) => {
                self.integers.push(value);
                1
            }
            Some(Value::Boolean(value)) => {
                self.booleans.push(value);
                2
            }
            Some(Value::Text(text)) => {
                self.texts.push(ByteArray::from(&*text));
                3
            }
            None => 4,
        });
    }

    fn levels(&self, column: usize) -> Vec<i16> {
        self.filled.iter().map(|filled| i16::from(*filled == column)).collect()
    }

    fn write(&self, group: &mut SerializedRowGroupWriter<'_, Box<dyn Stream>>) -> Result<(), ParquetError> {
        column::<ByteArrayType>(group, &self.tags, None)?;
        column::<Int64Type>(group, &self.times, None)?;
        column::<DoubleType>(group, &self.floats, Some(self.levels(0)))?;
        column::<Int64Type>(group, &self.integers, Some(self.levels(1)))?;
        column::<BoolType>(group, &self.booleans, Some(self.levels(2)))?;
        column::<ByteArrayType>(group, &self.texts, Some(self.levels(3)))?;
        column::<Int32Type>(group, &self.qualities, None)
    }
}

/// Writes the next column of a group.
fn column<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, Box<dyn Stream>>,
    values: &[T::T],
    levels: Option<Vec<i16>>,
) -> Result<(), ParquetError> {
    let next = group.next_column()?;
    let mut next = next.ok_or_else(|| ParquetError::General("there is no such column".to_owned()))?;
    let column: &mut ColumnWriterImpl<'_, T> = next.typed::<T>();
    column.write_batch(values, levels.as_deref(), None)?;
    next.close()
}

impl Writer {
    fn write_group(&mut self) -> io::Result<()> {
        let group = std::mem::take(&mut self.group);
        if group.tags.is_empty() {
            return Ok(());
        }
        let mut write = || {
            let mut writer = self.file.next_row_group()?;
            group.write(&mut writer)?;
            writer.close()
        };
        write().map(drop).map_err(failed)
    }
}

fn failed(error: ParquetError) -> io::Error {
    io::Error::other(error)
}

impl SampleWriter for Writer {
    fn write(&mut self, tag: &str, block: &Block, rows: Range<usize>) -> io::Result<()> {
        let tag = ByteArray::from(tag);
        for row in rows {
            self.group.push(&tag, block.sample(row));
            if self.group.tags.len() == GROUP {
                self.write_group()?;
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.write_group()?;
        self.file.finish().map(drop).map_err(failed)
    }
}

struct Rows {
    rows: RowIter<'static>,
    number: u64,
}

impl SampleRows for Rows {
    fn next(&mut self, tags: &Tags) -> Option<Result<Row, Problem>> {
        let row = self.rows.next()?;
        self.number += 1;
        let wrong = |text, is_end| Problem { unit: "row", number: self.number, column: None, text, is_end };
        let row = match row {
            Ok(row) => row,
            Err(error) => return Some(Err(wrong(error.to_string(), true))),
        };
        let fields: Vec<&Field> = row.get_column_iter().map(|(_, field)| field).collect();
        Some(read(&fields, tags).map_err(|text| wrong(text, false)))
    }

    fn bytes(&self) -> u64 {
        0
    }
}

fn read(fields: &[&Field], tags: &Tags) -> Result<Row, String> {
    let [Field::Str(tag), Field::TimestampMicros(time), values @ .., Field::UInt(quality)] = fields else {
        return Err("a column is of another type than flyball exports".to_owned());
    };
    let value = match values {
        [Field::Double(value), Field::Null, Field::Null, Field::Null] => Some(Value::Float(*value)),
        [Field::Null, Field::Long(value), Field::Null, Field::Null] => Some(Value::Integer(*value)),
        [Field::Null, Field::Null, Field::Bool(value), Field::Null] => Some(Value::Boolean(*value)),
        [Field::Null, Field::Null, Field::Null, Field::Str(value)] => Some(Value::from(value.as_str())),
        [Field::Null, Field::Null, Field::Null, Field::Null] => None,
        _ => return Err("there is more than one value, or one of another type".to_owned()),
    };
    let found = tags.find(tag).ok_or_else(|| format!("there is no tag \"{tag}\""))?;
    let (time, quality) = (Timestamp::from_micros(*time), Quality::from_status_code(*quality));
    Ok(Row { tag: found.id, sample: tags.check(found, time, value, quality)? })
}

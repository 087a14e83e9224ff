//! Points of segments as CSV: `segment,post,latitude,longitude,elevation`, one row per point. Pure.
//!
//! The first line names the columns, in any order; `elevation` may be missing, its cells may be empty. Numbers have a
//! decimal point. A file has up to [`MAX_POINTS`] rows.

use crate::cells::bare;
use csv::ByteRecord;
use flyball::points::MAX_POINTS;
use flyball::schema::linear::{NumberedPoint, Point, RowError, RowFault, Rows};
use std::borrow::Cow;
use std::fmt;

/// Columns, in the order in which their cells are read.
const COLUMNS: [&str; 5] = ["segment", "post", "latitude", "longitude", "elevation"];

/// Columns that have to be there.
const NEEDED: usize = 4;

/// Byte order mark of UTF-8, which some spreadsheets write.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// What is wrong at a place of a file.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CsvError {
    /// There is nothing in it.
    #[error("the first line has to name the columns {}", COLUMNS.join(", "))]
    NoHeader,
    /// A column that is none of ours.
    #[error("{:?} is none of the columns {}", .0, COLUMNS.join(", "))]
    UnknownColumn(String),
    /// A column is there twice.
    #[error("there is a second column \"{0}\"")]
    SecondColumn(&'static str),
    /// A column is not there.
    #[error("there is no column \"{0}\"")]
    MissingColumn(&'static str),
    /// There is no row.
    #[error("there is no row behind the names of the columns")]
    NoRow,
    /// More rows than a file may have.
    #[error("a file has {MAX_POINTS} rows at the most")]
    TooMany,
    /// A row with more or fewer cells than columns.
    #[error("{found} cells, not {expected}")]
    Cells {
        /// How many there are.
        found: usize,
        /// How many columns there are.
        expected: usize,
    },
    /// A cell that is no text.
    #[error("{0}: the cell is not UTF-8")]
    NotUtf8(&'static str),
    /// A cell that is no number.
    #[error("{field}: {cell:?} is no number with a decimal point")]
    NoNumber {
        /// The column.
        field: &'static str,
        /// What is in it.
        cell: String,
    },
    /// A point that cannot be taken.
    #[error(transparent)]
    Row(#[from] RowError),
    /// The file cannot be taken apart.
    #[error("the row cannot be read: {0}")]
    Unreadable(String),
}

impl CsvError {
    /// What is wrong, for a program.
    #[must_use]
    pub fn code(&self) -> Cow<'static, str> {
        let code = match self {
            Self::NoHeader => "missing_header",
            Self::UnknownColumn(_) => "unknown_column",
            Self::SecondColumn(_) => "duplicate_column",
            Self::MissingColumn(_) => "missing_column",
            Self::NoRow => "missing_row",
            Self::TooMany => "too_many_rows",
            Self::Cells { .. } | Self::Unreadable(_) => "invalid_row",
            Self::Row(RowError::Duplicate { .. }) => "duplicate_post",
            Self::Row(RowError::Stored { .. }) => "stored_post",
            Self::NotUtf8(field) | Self::NoNumber { field, .. } => return format!("invalid_{field}").into(),
            Self::Row(error) => return format!("invalid_{}", error.field()).into(),
        };
        code.into()
    }

    /// The column that is wrong, where it is one of ours.
    fn field(&self) -> Option<&'static str> {
        match self {
            Self::SecondColumn(field) | Self::NotUtf8(field) | Self::NoNumber { field, .. } => Some(field),
            Self::Row(error) => Some(error.field()),
            _ => None,
        }
    }
}

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct CsvFault {
    /// Line, from 1.
    pub line: u64,
    /// Column, from 1; `None` where the whole line is wrong.
    pub column: Option<usize>,
    /// What is wrong.
    pub error: CsvError,
}

impl CsvFault {
    /// Where it stands: `/line/7/latitude`, or `/line/7`.
    #[must_use]
    pub fn pointer(&self) -> String {
        let column = self.error.field().map(|field| format!("/{field}")).unwrap_or_default();
        format!("/line/{}{column}", self.line)
    }
}

impl From<RowFault> for CsvFault {
    fn from(fault: RowFault) -> Self {
        Self { line: fault.line, column: None, error: fault.error.into() }
    }
}

impl fmt::Display for CsvFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        if let Some(column) = self.column {
            write!(f, ", column {column}")?;
        }
        write!(f, ": {}", self.error)
    }
}

/// A file that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct PointsFile {
    /// Its points, at least one, each with its line.
    pub points: Vec<NumberedPoint>,
    columns: Columns,
}

impl PointsFile {
    /// Reads a file whole: every row is looked at.
    ///
    /// # Errors
    /// Every wrong row with its first wrong cell, in their order; a wrong first line alone.
    pub fn read(bytes: &[u8]) -> Result<Self, Vec<CsvFault>> {
        let mut lines = Lines::of(bytes);
        let columns = match lines.next() {
            Some((line, header)) => Columns::read(line, &header?)?,
            None => return Err(whole(1, CsvError::NoHeader)),
        };
        let (mut rows, mut faults) = (Rows::default(), Vec::new());
        let mut count = 0;
        for (line, record) in lines {
            count += 1;
            if count > MAX_POINTS {
                faults.extend(whole(line, CsvError::TooMany));
                break;
            }
            let taken = columns.point(&record?).and_then(|point| Ok(rows.take(line, point)?));
            if let Err(error) = taken {
                faults.push(columns.fault(line, error));
            }
        }
        match (faults.is_empty(), count) {
            (false, _) => Err(faults),
            (true, 0) => Err(whole(1, CsvError::NoRow)),
            (true, _) => Ok(Self { points: rows.into_points(), columns }),
        }
    }

    /// A fault that was found later, with its column in this file.
    #[must_use]
    pub fn fault(&self, fault: RowFault) -> CsvFault {
        self.columns.fault(fault.line, fault.error.into())
    }
}

fn whole(line: u64, error: CsvError) -> Vec<CsvFault> {
    vec![CsvFault { line, column: None, error }]
}

/// Where each of [`COLUMNS`] stands.
#[derive(Debug, Clone, PartialEq)]
struct Columns {
    places: [Option<usize>; COLUMNS.len()],
    width: usize,
}

impl Columns {
    fn read(line: u64, header: &ByteRecord) -> Result<Self, Vec<CsvFault>> {
        let mut places = [None; COLUMNS.len()];
        for (index, cell) in header.iter().enumerate() {
            let name = String::from_utf8_lossy(cell);
            let wrong = |error| Err(vec![CsvFault { line, column: Some(index + 1), error }]);
            let Some(place) = COLUMNS.iter().position(|column| *column == name.trim()) else {
                return wrong(CsvError::UnknownColumn(name.trim().to_owned()));
            };
            if places[place].replace(index).is_some() {
                return wrong(CsvError::SecondColumn(COLUMNS[place]));
            }
        }
        match places.iter().take(NEEDED).position(Option::is_none) {
            Some(missing) => Err(whole(line, CsvError::MissingColumn(COLUMNS[missing]))),
            None => Ok(Self { places, width: header.len() }),
        }
    }

    fn fault(&self, line: u64, error: CsvError) -> CsvFault {
        let known = error.field().and_then(|field| COLUMNS.iter().position(|column| *column == field));
        let column = known.and_then(|known| self.places[known]).map(|place| place + 1);
        CsvFault { line, column, error }
    }

    fn point(&self, record: &ByteRecord) -> Result<Point, CsvError> {
        if record.len() != self.width {
            return Err(CsvError::Cells { found: record.len(), expected: self.width });
        }
        let segment = bare(self.cell(record, 0)?).to_owned();
        let (post, latitude) = (self.number(record, 1)?, self.number(record, 2)?);
        let longitude = self.number(record, 3)?;
        let is_known = !self.cell(record, 4)?.is_empty();
        let elevation = if is_known { Some(self.number(record, 4)?) } else { None };
        Ok(Point { segment, post, latitude, longitude, elevation })
    }

    /// The cell of one of [`COLUMNS`], empty where there is no such column.
    fn cell<'a>(&self, record: &'a ByteRecord, column: usize) -> Result<&'a str, CsvError> {
        let cell = self.places[column].and_then(|place| record.get(place)).unwrap_or_default();
        std::str::from_utf8(cell).map(str::trim).map_err(|_| CsvError::NotUtf8(COLUMNS[column]))
    }

    fn number(&self, record: &ByteRecord, column: usize) -> Result<f64, CsvError> {
        let cell = self.cell(record, column)?;
        cell.parse().map_err(|_| CsvError::NoNumber { field: COLUMNS[column], cell: cell.to_owned() })
    }
}

/// Records of a file with the line in which each begins.
///
/// The parser counts the line that it is in before it has skipped the end of the last one and empty lines, so lines are
/// counted here.
struct Lines<'a> {
    bytes: &'a [u8],
    reader: csv::Reader<&'a [u8]>,
    /// Up to where lines are counted, and the line there.
    counted: (usize, u64),
}

impl<'a> Lines<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        let bytes = bytes.strip_prefix(BOM).unwrap_or(bytes);
        let reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
        Self { bytes, reader, counted: (0, 1) }
    }

    /// The line of the first cell that begins at `byte` or behind the ends of lines there. Bytes only rise.
    fn line_at(&mut self, byte: u64) -> u64 {
        let start = usize::try_from(byte).unwrap_or(usize::MAX).min(self.bytes.len());
        let ends = self.bytes[start..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let (from, line) = self.counted;
        let to = (start + ends).max(from);
        let passed = line_ends(&self.bytes[from..to]);
        self.counted = (to, line + passed);
        self.counted.1
    }
}

/// Lines that end in these bytes: by LF, CR LF, or CR alone.
fn line_ends(bytes: &[u8]) -> u64 {
    let mut ends = 0;
    for (index, byte) in bytes.iter().enumerate() {
        let is_second_half = *byte == b'\n' && index > 0 && bytes[index - 1] == b'\r';
        ends += u64::from(matches!(byte, b'\r' | b'\n') && !is_second_half);
    }
    ends
}

impl Iterator for Lines<'_> {
    type Item = (u64, Result<ByteRecord, Vec<CsvFault>>);

    fn next(&mut self) -> Option<Self::Item> {
        let mut record = ByteRecord::new();
        match self.reader.read_byte_record(&mut record) {
            Ok(false) => None,
            Ok(true) => {
                let byte = record.position().map_or(0, csv::Position::byte);
                Some((self.line_at(byte), Ok(record)))
            }
            Err(error) => {
                let byte = error.position().map_or(0, csv::Position::byte);
                let line = self.line_at(byte);
                Some((line, Err(whole(line, CsvError::Unreadable(error.to_string())))))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        let faults = PointsFile::read(text.as_bytes()).unwrap_err();
        faults.iter().map(|fault| format!("{fault} [{} {}]", fault.pointer(), fault.error.code())).collect()
    }

    #[test]
    fn a_file_is_read_whatever_the_order_of_its_columns_and_the_ends_of_its_lines() {
        let text =
            "\u{feff}post, segment ,longitude,latitude,elevation\n\n12.5,'=L1,11.5,48,\n13, L 2 ,-11.5,48.5,510\n";
        for text in [text.to_owned(), text.replace('\n', "\r\n"), text.replace('\n', "\r")] {
            let points = PointsFile::read(text.as_bytes()).unwrap().points;
            let point = |segment: &str, post, latitude, longitude, elevation| Point {
                segment: segment.to_owned(),
                post,
                latitude,
                longitude,
                elevation,
            };
            assert_eq!(
                points,
                [
                    NumberedPoint { line: 3, point: point("=L1", 12.5, 48.0, 11.5, None) },
                    NumberedPoint { line: 4, point: point("L 2", 13.0, 48.5, -11.5, Some(510.0)) },
                ]
            );
        }
        let bare = PointsFile::read(b"segment,post,latitude,longitude\nL1,1,2,3").unwrap();
        assert_eq!((bare.points.len(), bare.points[0].point.elevation), (1, None));
    }

    #[test]
    fn every_wrong_row_is_told_by_line_and_column() {
        let text = "segment,post,latitude,longitude,elevation\r\n\
                    L1,1,48,11,\r\n\
                    L1,2,91,11,\r\n\
                    \r\n\
                    \"L\n1\",3,48,11,\r\n\
                    L1,1.0,48,11,\r\n\
                    L1,4,48\r\n\
                    L1,5,48,east,\r\n\
                    L1,\"6,5\",48,11,\r\n\
                    L1,7,48,11,high\r\n";
        assert_eq!(
            faults(text),
            [
                "line 3, column 3: latitude 91.0 is not allowed: -90 to 90 degrees [/line/3/latitude invalid_latitude]",
                "line 5, column 1: segment \"L\\n1\" is not allowed: a name has 1 to 200 printable characters and no space around it \
             [/line/5/segment invalid_segment]",
                "line 7, column 2: segment \"L1\" has km 1.0 twice: it already stands in line 2 [/line/7/post duplicate_post]",
                "line 8: 3 cells, not 5 [/line/8 invalid_row]",
                "line 9, column 4: longitude: \"east\" is no number with a decimal point [/line/9/longitude invalid_longitude]",
                "line 10, column 2: post: \"6,5\" is no number with a decimal point [/line/10/post invalid_post]",
                "line 11, column 5: elevation: \"high\" is no number with a decimal point [/line/11/elevation invalid_elevation]",
            ]
        );
        let latin = PointsFile::read(b"segment,post,latitude,longitude\nM\xfcnchen,1,2,3\n").unwrap_err();
        assert_eq!(latin[0].to_string(), "line 2, column 1: segment: the cell is not UTF-8");
    }

    #[test]
    fn a_first_line_that_does_not_name_the_columns_is_refused_alone() {
        for (text, told) in [
            (
                "",
                "line 1: the first line has to name the columns segment, post, latitude, longitude, elevation [/line/1 missing_header]",
            ),
            (
                "\n\n",
                "line 1: the first line has to name the columns segment, post, latitude, longitude, elevation [/line/1 missing_header]",
            ),
            (
                "segment;post\nx",
                "line 1, column 1: \"segment;post\" is none of the columns segment, post, latitude, longitude, elevation [/line/1 unknown_column]",
            ),
            (
                "\nsegment,post,segment",
                "line 2, column 3: there is a second column \"segment\" [/line/2/segment duplicate_column]",
            ),
            ("segment,post,latitude\n1", "line 1: there is no column \"longitude\" [/line/1 missing_column]"),
            (
                "segment,post,latitude,longitude\n",
                "line 1: there is no row behind the names of the columns [/line/1 missing_row]",
            ),
        ] {
            assert_eq!(faults(text), [told], "{text:?}");
        }
    }

    #[test]
    fn a_file_with_more_rows_than_are_taken_is_told_where_they_end() {
        let mut text = String::from("segment,post,latitude,longitude\n");
        (0..=MAX_POINTS).for_each(|row| text.push_str(&format!("L1,{},1,1\n", row as f64 / 1_000.0)));
        let told = faults(&text);
        assert_eq!(
            told,
            [format!("line {}: a file has {MAX_POINTS} rows at the most [/line/{0} too_many_rows]", MAX_POINTS + 2)]
        );
    }

    #[test]
    fn a_fault_that_is_found_later_has_its_column() {
        let file = PointsFile::read(b"post,segment,latitude,longitude\n1,L1,2,3").unwrap();
        let error = RowError::Stored { segment: "L1".to_owned(), post: 1.0 };
        let fault = file.fault(RowFault { line: 2, error });
        assert_eq!(fault.to_string(), "line 2, column 1: segment \"L1\" has km 1.0 already");
        assert_eq!((fault.pointer(), fault.error.code()), ("/line/2/post".to_owned(), "stored_post".into()));
    }
}

//! Cells of a CSV text (RFC 4180), with line and column of each.

use super::CsvFault;
use std::borrow::Cow;

/// A cell.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cell<'a> {
    /// What it says, without quotes.
    pub(super) text: Cow<'a, str>,
    /// Where it begins.
    pub(super) position: Position,
}

/// A place in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    /// In bytes, from 0.
    pub(super) offset: usize,
    /// From 1.
    pub(super) line: usize,
    /// In characters, from 1.
    pub(super) column: usize,
}

/// `;` where the first line has one outside of quotes and no comma.
fn separator_of(text: &str) -> u8 {
    let mut is_quoted = false;
    let mut has_semicolon = false;
    for byte in text.bytes() {
        match byte {
            b'"' => is_quoted = !is_quoted,
            _ if is_quoted => {}
            b',' => return b',',
            b';' => has_semicolon = true,
            b'\n' | b'\r' => break,
            _ => {}
        }
    }
    if has_semicolon { b';' } else { b',' }
}

/// Reads a text record by record: each ends with its line, but for line ends in quotes. Blank lines are left out.
#[derive(Debug, Clone)]
pub(super) struct Scanner<'a> {
    text: &'a str,
    separator: u8,
    at: Position,
}

const BYTE_ORDER_MARK: char = '\u{feff}';

impl<'a> Scanner<'a> {
    /// At the beginning of a text, whose first line tells the separator: `;` where it has one and no comma.
    pub(super) fn new(text: &'a str) -> Self {
        let offset = if text.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len_utf8() } else { 0 };
        let start = Position { offset, line: 1, column: 1 };
        Self { text, separator: separator_of(text), at: start }
    }

    /// The same text from the beginning of one of its records.
    pub(super) fn from(text: &'a str, separator: u8, at: Position) -> Self {
        Self { text, separator, at }
    }

    /// What separates cells.
    pub(super) fn separator(&self) -> u8 {
        self.separator
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at.offset).copied()
    }

    /// Goes past a byte. A carriage return and a line feed are the end of one line.
    fn step(&mut self, byte: u8) {
        self.at.offset += 1;
        match byte {
            b'\n' => self.at = Position { line: self.at.line + 1, column: 1, ..self.at },
            b'\r' if self.byte() != Some(b'\n') => {
                self.at = Position { line: self.at.line + 1, column: 1, ..self.at };
            }
            b'\r' => {}
            // A byte that only continues a character.
            0x80..=0xbf => {}
            _ => self.at.column += 1,
        }
    }

    fn skip_while(&mut self, is_part: impl Fn(u8) -> bool) {
        while let Some(byte) = self.byte().filter(|byte| is_part(*byte)) {
            self.step(byte);
        }
    }

    fn is_end(&self, byte: u8) -> bool {
        byte == self.separator || byte == b'\n' || byte == b'\r'
    }

    fn slice(&self, from: usize) -> &'a str {
        self.text.get(from..self.at.offset).unwrap_or_default()
    }

    fn cell(&mut self) -> Result<Cell<'a>, (Position, CsvFault)> {
        let position = self.at;
        if self.byte() != Some(b'"') {
            while let Some(byte) = self.byte().filter(|byte| !self.is_end(*byte)) {
                self.step(byte);
            }
            return Ok(Cell { text: Cow::Borrowed(self.slice(position.offset)), position });
        }
        let mut text = Cow::Borrowed("");
        loop {
            self.step(b'"');
            let start = self.at.offset;
            self.skip_while(|byte| byte != b'"');
            let part = self.slice(start);
            if text.is_empty() {
                text = Cow::Borrowed(part);
            } else {
                text.to_mut().push_str(part);
            }
            if self.byte().is_none() {
                return Err((position, CsvFault::OpenQuote));
            }
            self.step(b'"');
            match self.byte() {
                Some(b'"') => text.to_mut().push('"'),
                Some(byte) if !self.is_end(byte) => return Err((self.at, CsvFault::AfterQuote)),
                _ => return Ok(Cell { text, position }),
            }
        }
    }

    fn record(&mut self) -> Result<Vec<Cell<'a>>, (Position, CsvFault)> {
        let mut cells = vec![self.cell()?];
        while let Some(byte) = self.byte().filter(|byte| *byte == self.separator) {
            self.step(byte);
            cells.push(self.cell()?);
        }
        Ok(cells)
    }
}

impl<'a> Iterator for Scanner<'a> {
    type Item = Result<Vec<Cell<'a>>, (Position, CsvFault)>;

    fn next(&mut self) -> Option<Self::Item> {
        self.skip_while(|byte| byte == b'\n' || byte == b'\r');
        self.byte()?;
        let record = self.record();
        if record.is_err() {
            // Where quotes are wrong, nothing tells what follows.
            self.at.offset = self.text.len();
        }
        Some(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(text: &str) -> Vec<String> {
        Scanner::new(text)
            .map(|record| match record {
                Ok(cells) => {
                    let told =
                        |cell: &Cell<'_>| format!("{}:{} {}", cell.position.line, cell.position.column, cell.text);
                    cells.iter().map(told).collect::<Vec<_>>().join(" | ")
                }
                Err((at, fault)) => format!("{}:{} {fault}", at.line, at.column),
            })
            .collect()
    }

    #[test]
    fn every_cell_knows_where_it_begins() {
        assert_eq!(told("a,b\n1,é,2\n"), ["1:1 a | 1:3 b", "2:1 1 | 2:3 é | 2:5 2"]);
        assert_eq!(
            told("a,b\r\n\"x\r\ny\",2\r\n\r\n3,\"\"\"q\"\"\""),
            ["1:1 a | 1:3 b", "2:1 x\r\ny | 3:4 2", "5:1 3 | 5:3 \"q\"",]
        );
        assert_eq!(told("\u{feff}a;b\n1;2,5"), ["1:1 a | 1:3 b", "2:1 1 | 2:3 2,5"]);
        assert_eq!(told("\"a\";b\r1;2"), ["1:1 a | 1:5 b", "2:1 1 | 2:3 2"]);
        assert_eq!(told(",\n"), ["1:1  | 1:2 "]);
        assert!(told("\n\r\n").is_empty());
    }

    #[test]
    fn wrong_quotes_end_the_reading_where_they_are() {
        assert_eq!(told("a,b\nx,\"y\nz,1\n"), ["1:1 a | 1:3 b", "2:3 this quote is never closed"]);
        assert_eq!(
            told("a,b\nx,\"y\" \n"),
            ["1:1 a | 1:3 b", "2:6 text after a closing quote: a quote within quotes is doubled",]
        );
        assert_eq!(told("a\n5\" pipe\n"), ["1:1 a", "2:1 5\" pipe"]);
    }

    proptest! {
        #[test]
        fn what_another_writer_wrote_is_read_alike(
            rows in prop::collection::vec(prop::collection::vec("[a\";, \r\n'é]{0,6}", 3), 1..6),
            semicolon in any::<bool>(),
        ) {
            let separator = if semicolon { b';' } else { b',' };
            let mut file = csv::WriterBuilder::new().delimiter(separator).from_writer(Vec::new());
            file.write_record(["x", "y", "z"]).unwrap();
            for row in &rows {
                file.write_record(row).unwrap();
            }
            let text = String::from_utf8(file.into_inner().unwrap()).unwrap();
            let scanner = Scanner::new(&text);
            prop_assert_eq!(scanner.separator(), separator);
            let read: Vec<Vec<String>> = scanner
                .skip(1)
                .map(|record| record.unwrap().into_iter().map(|cell| cell.text.into_owned()).collect())
                .collect();
            prop_assert_eq!(&read, &rows);
            let lines: Vec<&str> = text.split('\n').collect();
            for cell in Scanner::new(&text).flat_map(Result::unwrap) {
                let again = Scanner::from(&text, separator, cell.position).cell().unwrap();
                prop_assert_eq!(&again, &cell);
                // Lines and columns are those of an editor, where no carriage return stands alone.
                if !text.contains('\r') {
                    let before: String = lines[cell.position.line - 1].chars().take(cell.position.column - 1).collect();
                    let line_start: usize = lines[..cell.position.line - 1].iter().map(|line| line.len() + 1).sum();
                    prop_assert_eq!(line_start + before.len(), cell.position.offset);
                }
            }
        }
    }
}

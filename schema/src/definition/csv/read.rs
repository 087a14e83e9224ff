//! Rows as items.

use super::cells::{Reading, bare, data_type};
use super::columns::{ALARM, ALTERNATIVES, Column, TAG, field_of, is_within};
use super::scan::{Cell, Position, Scanner};
use super::{CsvError, CsvFault, CsvItems, Rows};
use crate::DataType;
use crate::definition::tree;
use crate::definition::{AlarmDefinition, Item, TagDefinition};
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// A wrong cell of a row: its column, and what is wrong.
type CellFault = (usize, CsvFault);

/// What the first line says.
#[derive(Debug, Clone)]
pub(super) struct Header {
    /// `tag` or `alarm`.
    pub(super) item: &'static str,
    /// The columns, in the order of the file.
    pub(super) columns: Vec<Column>,
}

impl Header {
    fn read(cells: &[Cell<'_>]) -> Result<Self, Vec<CsvError>> {
        let names: Vec<&str> = cells.iter().map(|cell| cell.text.trim()).collect();
        let is_alarms = names.iter().any(|name| matches!(*name, "kind" | "set_point"));
        let (item, table) = if is_alarms { ("alarm", ALARM) } else { ("tag", TAG) };
        let mut columns: Vec<Column> = Vec::new();
        let mut errors = Vec::new();
        let mut refuse = |cell: &Cell<'_>, field: &str, fault| {
            let Position { line, column, .. } = cell.position;
            let (name, field) = (String::new(), field.to_owned());
            errors.push(CsvError { line, column, item: None, name, field, fault });
        };
        for (cell, name) in cells.iter().zip(&names) {
            match table.iter().find(|(column, _)| column == name) {
                Some(column) if columns.contains(column) => refuse(cell, name, CsvFault::RepeatedColumn),
                Some(column) => columns.push(*column),
                None => {
                    let similar = similar(name, table);
                    refuse(cell, "", CsvFault::UnknownColumn { column: (*name).to_owned(), item, similar });
                }
            }
        }
        let has = |name: &str| names.contains(&name);
        let needed: &[&str] = if is_alarms { &["name", "tag", "kind"] } else { &["name"] };
        // What an initial value says depends on its type.
        let depending = (has("initial") && !has("data_type")).then_some("data_type");
        for missing in needed.iter().copied().filter(|name| !has(name)).chain(depending) {
            if let Some(first) = cells.first() {
                refuse(first, "", CsvFault::MissingColumn(missing));
            }
        }
        if errors.is_empty() { Ok(Self { item, columns }) } else { Err(errors) }
    }

    pub(super) fn position(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|(name, _)| *name == column)
    }

    /// Whether a field of an item has a column, or one of its own fields has.
    pub(super) fn has(&self, field: &str) -> bool {
        self.columns.iter().any(|(name, _)| field_of(name) == field)
    }
}

/// Up to three columns that are written much like `name`.
fn similar(name: &str, table: &[Column]) -> Vec<&'static str> {
    /// Jaro-Winkler similarity from which a word is taken for a slip of the pen.
    const ALIKE: f64 = 0.85;
    let mut alike: Vec<(f64, &'static str)> =
        table.iter().map(|(column, _)| (strsim::jaro_winkler(name, column), *column)).collect();
    alike.retain(|(similarity, _)| *similarity >= ALIKE);
    alike.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    alike.into_iter().take(3).map(|(_, column)| column).collect()
}

/// Reads a whole file.
pub(super) fn read(text: &str) -> Result<CsvItems, Vec<CsvError>> {
    let mut scanner = Scanner::new(text);
    let header = match scanner.next() {
        None => return Err(vec![broken(Position { offset: 0, line: 1, column: 1 }, CsvFault::Empty)]),
        Some(Err((position, fault))) => return Err(vec![broken(position, fault)]),
        Some(Ok(cells)) => Header::read(&cells)?,
    };
    let is_tags = header.item == TagDefinition::KIND;
    let mut reader = Reader {
        decimal_comma: scanner.separator() == b';',
        separator: scanner.separator(),
        header,
        lines: HashMap::new(),
        errors: Vec::new(),
    };
    let items = if is_tags {
        Rows::Tags(reader.items::<TagDefinition>(scanner))
    } else {
        Rows::Alarms(reader.items::<AlarmDefinition>(scanner))
    };
    if reader.errors.is_empty() {
        let Reader { header, lines, separator, .. } = reader;
        Ok(CsvItems { items, header, lines, separator, text: text.into() })
    } else {
        Err(reader.errors)
    }
}

fn broken(Position { line, column, .. }: Position, fault: CsvFault) -> CsvError {
    CsvError { line, column, item: None, name: String::new(), field: String::new(), fault }
}

struct Reader {
    header: Header,
    separator: u8,
    decimal_comma: bool,
    /// Where the row of each name begins.
    lines: HashMap<String, Position>,
    errors: Vec<CsvError>,
}

impl Reader {
    fn items<T: Item + DeserializeOwned>(&mut self, scanner: Scanner<'_>) -> Vec<T> {
        let mut items = Vec::new();
        for record in scanner {
            match record {
                Err((position, fault)) => self.errors.push(broken(position, fault)),
                // A spreadsheet writes the rows below the last as well.
                Ok(cells) if cells.iter().all(|cell| cell.text.is_empty()) => {}
                Ok(cells) => items.extend(self.item(&cells)),
            }
        }
        items
    }

    fn item<T: DeserializeOwned>(&mut self, cells: &[Cell<'_>]) -> Option<T> {
        let name_at = self.header.position("name").unwrap_or_default();
        let name = cells.get(name_at).map(|cell| bare(&cell.text)).unwrap_or_default().to_owned();
        let columns = self.header.columns.len();
        if cells.len() != columns {
            let at = columns.min(cells.len() - 1);
            self.refuse(cells, &name, at, "", CsvFault::Width { cells: cells.len(), columns });
            return None;
        }
        let errors_so_far = self.errors.len();
        if name.is_empty() {
            self.refuse(cells, &name, name_at, "name", CsvFault::NoName);
        } else {
            match self.lines.entry(name.clone()) {
                Entry::Vacant(free) => drop(free.insert(cells.first()?.position)),
                Entry::Occupied(taken) => {
                    let first = taken.get().line;
                    self.refuse(cells, &name, name_at, "name", CsvFault::DuplicateName { first });
                }
            }
        }
        let (filled, mut faults) = self.filled(cells);
        let item = if faults.is_empty() && !name.is_empty() { build(&filled) } else { Err(Vec::new()) };
        let item = item.map_err(|more| faults.extend(more));
        for (at, fault) in faults {
            let field = self.header.columns.get(at).map_or("", |(column, _)| *column);
            self.refuse(cells, &name, at, field, fault);
        }
        item.ok().filter(|_| self.errors.len() == errors_so_far)
    }

    /// The values of a row's cells that are not empty, and what is wrong with the others.
    fn filled(&self, cells: &[Cell<'_>]) -> (Vec<Filled>, Vec<CellFault>) {
        let reading = Reading { decimal_comma: self.decimal_comma, data_type: self.data_type(cells) };
        let (mut filled, mut faults) = (Vec::new(), Vec::new());
        for (at, (cell, (column, kind))) in cells.iter().zip(&self.header.columns).enumerate() {
            if cell.text.is_empty() {
                continue;
            }
            match reading.read(&cell.text, *kind) {
                Ok(value) => filled.push(Filled { at, column, value }),
                Err(allowed) => faults.push((at, CsvFault::NotAllowed { value: cell.text.to_string(), allowed })),
            }
        }
        (filled, faults)
    }

    /// The type of the values of a row: what a tag says, or what an alarm of its kind compares with.
    fn data_type(&self, cells: &[Cell<'_>]) -> Option<DataType> {
        let text = |column| self.header.position(column).and_then(|at| cells.get(at)).map(|cell| &*cell.text);
        match (text("data_type"), text("kind")) {
            (Some(""), _) => Some(DataType::Float),
            (Some(word), _) => data_type(word),
            (None, Some("BOOL")) => Some(DataType::Boolean),
            (None, Some("LOW_LOW" | "LOW" | "HIGH" | "HIGH_HIGH" | "DEVIATION" | "RATE")) => Some(DataType::Float),
            _ => None,
        }
    }

    fn refuse(&mut self, cells: &[Cell<'_>], name: &str, at: usize, field: &str, fault: CsvFault) {
        if let Some(cell) = cells.get(at).or(cells.first()) {
            let Position { line, column, .. } = cell.position;
            let (item, name, field) = (Some(self.header.item), name.to_owned(), field.to_owned());
            self.errors.push(CsvError { line, column, item, name, field, fault });
        }
    }
}

/// A cell with a value.
#[derive(Debug, Clone)]
struct Filled {
    at: usize,
    column: &'static str,
    value: Json,
}

/// The item of a row.
fn build<T: DeserializeOwned>(filled: &[Filled]) -> Result<T, Vec<CellFault>> {
    let excluded = ALTERNATIVES.iter().filter_map(|alternatives| excluded(filled, alternatives)).collect::<Vec<_>>();
    if !excluded.is_empty() {
        return Err(excluded);
    }
    table(filled.iter()).map_err(|error| vec![blame::<T>(filled, &error)])
}

fn table<'a, T: DeserializeOwned>(filled: impl Iterator<Item = &'a Filled>) -> Result<T, serde_json::Error> {
    let mut table = serde_json::Map::new();
    for Filled { column, value, .. } in filled {
        tree::insert(&mut table, column, value.clone());
    }
    tree::read(table)
}

/// The second of two cells that exclude each other.
fn excluded(filled: &[Filled], alternatives: &[&'static str]) -> Option<CellFault> {
    let mut chosen = filled
        .iter()
        .filter_map(|cell| alternatives.iter().find(|table| is_within(cell.column, table)).map(|table| (*table, cell)));
    let (first, _) = chosen.next()?;
    let (_, second) = chosen.find(|(table, _)| *table != first)?;
    Some((second.at, CsvFault::Excludes(first)))
}

/// The cell to blame for what serde refuses: the one without which it says something else, a cell before a whole
/// table; the first where there is none.
fn blame<T: DeserializeOwned>(filled: &[Filled], error: &serde_json::Error) -> CellFault {
    let said = error.to_string();
    let says_other = |without: &dyn Fn(&Filled) -> bool| {
        table::<T>(filled.iter().filter(|cell| !without(cell))).err().is_none_or(|other| other.to_string() != said)
    };
    let cell = |blamed: &&Filled| blamed.column != "name" && says_other(&|cell: &Filled| cell.at == blamed.at);
    let field = |blamed: &&Filled| {
        blamed.column != "name" && says_other(&|cell: &Filled| field_of(cell.column) == field_of(blamed.column))
    };
    let blamed = filled.iter().find(cell).or_else(|| filled.iter().find(field)).or(filled.first());
    (blamed.map_or(0, |cell| cell.at), CsvFault::Item(said))
}

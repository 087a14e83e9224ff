//! `flyball import`: samples of a file into the history of a plant that does not run.

use super::csv_file::CsvRows;
use super::export::{Format, failure};
use super::progress::Progress;
use super::{DAMAGED, Failure, NO_INPUT, say};
use flyball::history::offline::{Importer, Told, Unit, known_tags};
use flyball::history::sample::Sample;
use flyball::schema::{DataType, Quality, TagId, Timestamp, Value};
use flyball::settings::Settings;
use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Wrong rows that are told one by one; more are counted.
const TOLD: u64 = 20;

/// How often it is told how far the work is, rows.
const TELL_EVERY: u64 = 10_000;

/// What to import.
#[derive(Debug, clap::Args)]
pub(super) struct Import {
    /// File to read.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// What the file is made of.
    #[arg(long, value_enum, default_value = "csv")]
    format: Format,
    /// Check every row and store nothing.
    #[arg(long)]
    dry_run: bool,
    /// Leave out samples of a tag and time that have one already.
    #[arg(long)]
    skip_existing: bool,
    /// Keep the type of each value as the file names it, where it is another than the tag's now.
    #[arg(long)]
    keep_types: bool,
    /// Begin with this row: to go on where an import was broken off.
    #[arg(long, value_name = "ROW", default_value_t = 1)]
    from_row: u64,
}

/// A sample of a file.
pub(super) struct Row {
    pub(super) tag: TagId,
    pub(super) sample: Sample,
}

/// Why a row cannot be taken.
#[derive(Debug)]
pub(super) struct Problem {
    /// What the place is counted in: `line` or `row`.
    pub(super) unit: &'static str,
    /// Which of them, 0 where that is not known.
    pub(super) number: u64,
    /// Number and name of the column.
    pub(super) column: Option<(usize, &'static str)>,
    /// What is wrong.
    pub(super) text: String,
    /// Whether nothing behind it can be read.
    pub(super) is_end: bool,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.unit, self.number)?;
        if let Some((number, name)) = self.column {
            write!(f, ", column {number} ({name})")?;
        }
        write!(f, ": {}", self.text)
    }
}

/// Gives samples, one by one.
pub(super) trait SampleRows {
    /// The next one; `None` at the end.
    fn next(&mut self, tags: &Tags) -> Option<Result<Row, Problem>>;

    /// Bytes read so far.
    fn bytes(&self) -> u64;
}

/// A tag that samples may be imported of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tag {
    pub(super) id: TagId,
    pub(super) data_type: DataType,
}

/// The tags of the plant by name, and what their samples have to be.
#[derive(Debug)]
pub(super) struct Tags {
    by_name: HashMap<String, Tag>,
    keep_types: bool,
}

impl Tags {
    fn of(settings: &Settings, keep_types: bool) -> Result<Self, Failure> {
        let known = known_tags(settings).map_err(|error| failure(&error))?;
        let tag = |known: flyball::history::offline::KnownTag| {
            (known.definition.name, Tag { id: known.id, data_type: known.definition.data_type })
        };
        Ok(Self { by_name: known.into_iter().map(tag).collect(), keep_types })
    }

    pub(super) fn find(&self, name: &str) -> Option<Tag> {
        self.by_name.get(name).copied()
    }

    /// The sample of these, as a device could have sent it; why it is none.
    pub(super) fn check(
        &self,
        tag: Tag,
        time: Timestamp,
        value: Option<Value>,
        quality: Quality,
    ) -> Result<Sample, String> {
        let value = match value {
            Some(value) if !self.keep_types => {
                let found = value.data_type();
                let fits = value.coerce(tag.data_type);
                Some(fits.ok_or_else(|| format!("the value is {found}, the tag is {}", tag.data_type))?)
            }
            value => value,
        };
        let usable = !quality.is_bad();
        match &value {
            None if usable => Err("there is no value, yet it is not bad".to_owned()),
            Some(value) if usable && !value.is_finite() => Err("the value is no number, yet it is not bad".to_owned()),
            _ => Ok(Sample { time, value, quality }),
        }
    }
}

/// What looking through a file has found.
#[derive(Debug, Default)]
struct Checked {
    rows: u64,
    wrong: u64,
    told: Vec<String>,
}

/// Imports a file: first every row is checked, then all are stored.
pub(super) fn import(settings: &Settings, arguments: &Import) -> Result<(), Failure> {
    let tags = Tags::of(settings, arguments.keep_types)?;
    let checked = check(arguments, &tags)?;
    for line in &checked.told {
        eprintln!("{}: {line}", arguments.file.display());
    }
    if checked.wrong > 0 {
        let more = checked.wrong.saturating_sub(TOLD);
        let more = if more > 0 { format!(" ({more} more are not shown)") } else { String::new() };
        let text = format!("{} of {} rows cannot be imported{more}; nothing was stored", checked.wrong, checked.rows);
        return Err(Failure::new(DAMAGED, text));
    }
    if arguments.dry_run {
        say(format_args!("good: {} rows; nothing was stored", checked.rows));
        return Ok(());
    }
    store(settings, arguments, &tags, checked.rows)
}

fn open(arguments: &Import) -> Result<(Box<dyn SampleRows>, u64), Failure> {
    let path = &arguments.file;
    let cannot = |error: &dyn fmt::Display| Failure::new(NO_INPUT, format!("{}: {error}", path.display()));
    let file = File::open(path).map_err(|error| cannot(&error))?;
    let size = file.metadata().map_or(0, |file| file.len());
    let rows: Box<dyn SampleRows> = match arguments.format {
        Format::Csv => Box::new(CsvRows::open(file).map_err(|error| wrong(path, &error))?),
        #[cfg(feature = "parquet")]
        Format::Parquet => super::parquet_file::ParquetFile::rows(file).map_err(|error| wrong(path, &error))?,
        #[cfg(not(feature = "parquet"))]
        Format::Parquet => return Err(super::export::no_parquet()),
    };
    Ok((rows, size))
}

fn wrong(path: &Path, problem: &Problem) -> Failure {
    Failure::new(DAMAGED, format!("{}: {problem}", path.display()))
}

fn check(arguments: &Import, tags: &Tags) -> Result<Checked, Failure> {
    let (mut rows, size) = open(arguments)?;
    let (mut checked, mut progress) = (Checked::default(), Progress::new());
    progress.told(Told::Step { what: "check", total: size, unit: Unit::Bytes });
    while let Some(row) = rows.next(tags) {
        checked.rows += 1;
        if checked.rows.is_multiple_of(TELL_EVERY) {
            progress.told(Told::At(rows.bytes()));
        }
        let Err(problem) = row else { continue };
        checked.wrong += 1;
        if checked.wrong <= TOLD {
            checked.told.push(problem.to_string());
        }
        if problem.is_end {
            break;
        }
    }
    Ok(checked)
}

fn store(settings: &Settings, arguments: &Import, tags: &Tags, count: u64) -> Result<(), Failure> {
    let skipped_before = arguments.from_row.saturating_sub(1);
    let mut importer = Importer::open(settings, arguments.skip_existing).map_err(|error| failure(&error))?;
    let (mut rows, _) = open(arguments)?;
    let (mut progress, mut number) = (Progress::new(), 0);
    progress.told(Told::Step { what: "import", total: count, unit: Unit::Samples });
    let stored = loop {
        let Some(row) = rows.next(tags) else { break importer.finish().map_err(|error| failure(&error.into())) };
        number += 1;
        if number <= skipped_before {
            continue;
        }
        // It was good a moment ago: somebody has changed the file.
        let Row { tag, sample } = match row {
            Ok(row) => row,
            Err(problem) => break Err(wrong(&arguments.file, &problem)),
        };
        if let Err(error) = importer.push(tag, sample) {
            break Err(failure(&error.into()));
        }
        if number.is_multiple_of(TELL_EVERY) {
            progress.told(Told::At(number));
        }
    };
    drop(progress);
    match stored {
        Ok(imported) => {
            let samples = imported.taken - imported.skipped;
            say(format_args!("imported: {samples} samples, {} skipped that exist", imported.skipped));
            Ok(())
        }
        Err(Failure { code, text }) => {
            let row = skipped_before + importer.imported().taken;
            let kept = format!("the first {row} rows are stored, none behind them: go on with --from-row {}", row + 1);
            Err(Failure { code, text: format!("{text}; {kept}") })
        }
    }
}

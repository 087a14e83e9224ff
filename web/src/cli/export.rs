//! `flyball export`: samples as a table, also while the plant runs.

use super::csv_file::CsvWriter;
use super::progress::Progress;
use super::{DAMAGED, Failure, NO_INPUT, UNAVAILABLE, WRONG_USAGE, chain};
use flyball::Clock;
use flyball::history::offline::{KnownTag, OfflineError, Recorded, Told, Unit, known_tags};
use flyball::history::sample::Block;
use flyball::schema::{TagId, Timestamp};
use flyball::settings::Settings;
use flyball_web::range::parse_time;
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, Write};
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};

/// What a file of samples is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// Text, one row per sample.
    Csv,
    /// Columns, for programs of analysis.
    Parquet,
}

/// What to export.
#[derive(Debug, clap::Args)]
pub(super) struct Export {
    #[command(flatten)]
    which: Which,
    /// From this time on: RFC 3339 or now-1h; from the beginning without.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    from: Option<String>,
    /// Until this time, not included.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    to: Option<String>,
    /// What the file is made of.
    #[arg(long, value_enum, default_value = "csv")]
    format: Format,
    /// File to write; - for standard output.
    #[arg(long, value_name = "FILE", default_value = "-")]
    out: PathBuf,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// Names of tags.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    tags: Vec<String>,
    /// All tags whose names begin so.
    #[arg(long)]
    prefix: Option<String>,
    /// All tags, those that the plant no longer has among them.
    #[arg(long)]
    all: bool,
}

/// Takes samples.
pub(super) trait SampleWriter {
    /// Writes rows of a tag's samples.
    fn write(&mut self, tag: &str, block: &Block, rows: Range<usize>) -> io::Result<()>;

    /// Writes what is left.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

/// Exports samples.
pub(super) fn export(settings: &Settings, arguments: &Export) -> Result<(), Failure> {
    let range = range(arguments)?;
    let known = known_tags(settings).map_err(|error| failure(&error))?;
    let tags = select(&known, &arguments.which)?;
    let mut recorded = Recorded::open(settings).map_err(|error| failure(&error))?;
    let cannot = |error: &io::Error| Failure::new(UNAVAILABLE, format!("{}: {error}", arguments.out.display()));
    let mut output = Output::open(&arguments.out).map_err(|error| cannot(&error))?;
    let mut writer = open(arguments.format, output.stream.take())?;

    let names: HashMap<TagId, (u64, &str)> =
        (1..).zip(&tags).map(|(number, tag)| (tag.id, (number, tag.name()))).collect();
    let (mut progress, mut failed) = (Progress::new(), None);
    progress.told(Told::Step { what: "export", total: tags.len() as u64, unit: Unit::Tags });
    let ids: Vec<TagId> = tags.iter().map(|tag| tag.id).collect();
    let read = recorded.read(&ids, range, |tag, block, rows| {
        let (number, name) = names.get(&tag).copied().unwrap_or_default();
        progress.told(Told::At(number.saturating_sub(1)));
        match writer.write(name, block, rows) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        }
    });
    read.map_err(|error| failure(&error.into()))?;
    drop(progress);
    let written = match failed {
        Some(error) => Err(error),
        None => writer.finish().and_then(|()| output.keep()),
    };
    match written {
        // Who reads has enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
        written => written.map_err(|error| cannot(&error))?,
    }
    match recorded.damaged() {
        0 => Ok(()),
        parts => {
            Err(Failure::new(DAMAGED, format!("{parts} damaged parts were left out; see flyball check --history")))
        }
    }
}

pub(super) fn failure(error: &OfflineError) -> Failure {
    let code = if matches!(error, OfflineError::NoPlant(_)) { NO_INPUT } else { UNAVAILABLE };
    Failure::new(code, chain(error))
}

fn range(arguments: &Export) -> Result<Range<Timestamp>, Failure> {
    let now = Clock::system().now();
    let time = |text: &Option<String>, otherwise| match text {
        Some(text) => parse_time(text, now).map_err(|error| Failure::new(WRONG_USAGE, error)),
        None => Ok(otherwise),
    };
    let range = time(&arguments.from, Timestamp::MIN)?..time(&arguments.to, Timestamp::MAX)?;
    if range.start < range.end {
        return Ok(range);
    }
    Err(Failure::new(WRONG_USAGE, format!("no time between {} and {}", range.start, range.end)))
}

/// The tags that are asked for, by name.
fn select<'a>(known: &'a [KnownTag], which: &Which) -> Result<Vec<&'a KnownTag>, Failure> {
    let wanted: HashSet<&str> = which.tags.iter().map(String::as_str).collect();
    let prefix = which.prefix.as_deref();
    let is_asked = |tag: &&KnownTag| {
        which.all || wanted.contains(tag.name()) || prefix.is_some_and(|prefix| tag.name().starts_with(prefix))
    };
    let tags: Vec<&KnownTag> = known.iter().filter(is_asked).collect();
    let missing: Vec<&str> =
        which.tags.iter().map(String::as_str).filter(|name| !tags.iter().any(|tag| tag.name() == *name)).collect();
    if !missing.is_empty() {
        return Err(Failure::new(WRONG_USAGE, format!("there is no tag {}", missing.join(", "))));
    }
    match prefix {
        Some(prefix) if tags.is_empty() => Err(Failure::new(WRONG_USAGE, format!("no tag begins with \"{prefix}\""))),
        _ => Ok(tags),
    }
}

fn open(format: Format, stream: Option<Box<dyn Stream>>) -> Result<Box<dyn SampleWriter>, Failure> {
    let stream = stream.unwrap_or_else(|| Box::new(io::sink()));
    match format {
        Format::Csv => Ok(Box::new(CsvWriter::new(stream))),
        #[cfg(feature = "parquet")]
        Format::Parquet => super::parquet_file::ParquetFile::writer(stream),
        #[cfg(not(feature = "parquet"))]
        Format::Parquet => Err(no_parquet()),
    }
}

/// What a binary without Parquet says of it.
#[cfg(not(feature = "parquet"))]
pub(super) fn no_parquet() -> Failure {
    Failure::new(WRONG_USAGE, "this flyball was built without Parquet: build it with --features parquet")
}

/// What is written to, from any thread.
pub(super) trait Stream: Write + Send {}

impl<W: Write + Send> Stream for W {}

/// A file that has its name once it is whole, or standard output.
pub(super) struct Output {
    pub(super) stream: Option<Box<dyn Stream>>,
    file: Option<(File, PathBuf, PathBuf)>,
}

impl Output {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        if path == Path::new("-") {
            return Ok(Self { stream: Some(Box::new(io::stdout())), file: None });
        }
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let file = File::create(&partial)?;
        let stream: Box<dyn Stream> = Box::new(file.try_clone()?);
        Ok(Self { stream: Some(stream), file: Some((file, partial.into(), path.to_owned())) })
    }

    pub(super) fn keep(&mut self) -> io::Result<()> {
        let Some((file, partial, path)) = self.file.take() else { return Ok(()) };
        file.sync_all()?;
        std::fs::rename(partial, path)
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Some((_, partial, _)) = self.file.take()
            && let Err(error) = std::fs::remove_file(&partial)
        {
            log::warn!("{} stays behind: {error}", partial.display());
        }
    }
}

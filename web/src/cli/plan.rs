//! `flyball plan`, `apply` and `export-plant`: the plant as code.
//!
//! Where the plant runs its server is asked; where it does not, its database is read and changed.

use super::export::Output;
use super::plant_file::PlantFile;
use super::remote::Remote;
use super::{Failure, INTERNAL, NO_INPUT, UNAVAILABLE, chain};
use flyball::Clock;
use flyball::configuration::offline::{self, OfflineError};
use flyball::configuration::{Author, Plan as Planned};
use flyball::plant::PlantError;
use flyball::schema::definition::csv::{write_alarms, write_tags};
use flyball::schema::definition::{Difference, PlantDefinition};
use flyball_web::ServerSettings;
use serde::Deserialize;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::PathBuf;

/// Lines told of each kind of change at the most, as a server does.
const MOST_LINES: usize = 200;

/// Which file, and where the plant is.
#[derive(Debug, clap::Args)]
pub(super) struct Plan {
    /// TOML (the whole plant: what it does not name is removed) or .csv (tags or alarms, by name); - for TOML on
    /// standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Server to ask; without, the one of these settings where the plant runs.
    #[arg(long, value_name = "http://HOST:PORT")]
    server: Option<Remote>,
}

/// What to apply.
#[derive(Debug, clap::Args)]
pub(super) struct Apply {
    #[command(flatten)]
    what: Plan,
    /// Only tell what would change.
    #[arg(long)]
    dry_run: bool,
    /// Why, for the record.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// What to export.
#[derive(Debug, clap::Args)]
pub(super) struct ExportPlant {
    /// What the file has.
    #[arg(long, value_enum, default_value = "toml")]
    format: Format,
    /// File to write; - for standard output.
    #[arg(long, value_name = "FILE", default_value = "-")]
    out: PathBuf,
    /// Server to ask; without, the one of these settings where the plant runs.
    #[arg(long, value_name = "http://HOST:PORT")]
    server: Option<Remote>,
}

/// What a plant file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// The whole plant.
    Toml,
    /// Tags alone.
    TagsCsv,
    /// Alarms alone.
    AlarmsCsv,
}

/// What a file changes, or would change.
#[derive(Debug, Deserialize)]
pub(super) struct Outcome {
    empty: bool,
    added: usize,
    changed: usize,
    renamed: usize,
    removed: usize,
    text: String,
    warnings: Vec<String>,
    problems: Vec<String>,
}

impl From<&Planned> for Outcome {
    fn from(plan: &Planned) -> Self {
        let difference = Difference::between(&plan.before, &plan.after);
        let counts = difference.counts();
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ok = difference.write(&mut text, MOST_LINES);
        Self {
            empty: difference.is_empty(),
            added: counts.added,
            changed: counts.changed,
            renamed: counts.renamed,
            removed: counts.removed,
            text,
            warnings: difference.warnings().iter().map(ToString::to_string).collect(),
            problems: plan.problems.clone(),
        }
    }
}

impl Outcome {
    /// What people are told of it, but for how it ended.
    fn told(&self) -> String {
        let mut text = if self.empty { String::new() } else { format!("{}\n", self.text.trim_end()) };
        for warning in self.warnings.iter().take(MOST_LINES) {
            // Writing to a string does not fail.
            let _ok = writeln!(text, "warning: {warning}");
        }
        if let Some(more) = self.warnings.len().checked_sub(MOST_LINES).filter(|more| *more > 0) {
            let _ok = writeln!(text, "… and {more} more warnings");
        }
        text
    }
}

/// Tells what applying a file would change; whether it would change anything.
pub(super) fn plan(settings: &ServerSettings, arguments: &Plan) -> Result<bool, Failure> {
    let outcome = change(settings, arguments, None, true)?;
    let mut text = outcome.told();
    if outcome.empty {
        text.push_str("no difference\n");
    }
    print(&text)?;
    Ok(!outcome.empty)
}

/// Applies a file.
pub(super) fn apply(settings: &ServerSettings, arguments: &Apply) -> Result<(), Failure> {
    if arguments.dry_run {
        return plan(settings, &arguments.what).map(|_differs| ());
    }
    let outcome = change(settings, &arguments.what, arguments.reason.as_deref(), false)?;
    let Outcome { added, changed, renamed, removed, .. } = outcome;
    let mut text = outcome.told();
    text.push_str(&match outcome.empty {
        true => "nothing to change\n".to_owned(),
        false => format!("applied: {added} added, {changed} changed, {renamed} renamed, {removed} removed\n"),
    });
    print(&text)?;
    for problem in &outcome.problems {
        eprintln!("flyball: not in effect before the next start: {problem}");
    }
    Ok(())
}

/// Plans or applies a file where the plant is.
fn change(
    settings: &ServerSettings,
    arguments: &Plan,
    reason: Option<&str>,
    dry_run: bool,
) -> Result<Outcome, Failure> {
    let file = PlantFile::read(&arguments.file)?;
    let ask = |server: &Remote| if dry_run { server.plan(&file) } else { server.apply(&file, reason) };
    if let Some(server) = &arguments.server {
        return ask(server);
    }
    let content = file.content()?;
    let author = Author::anonymous(Some("flyball apply".to_owned())).because(reason.map(ToOwned::to_owned));
    let now = Clock::system().now();
    match offline::change(&settings.plant(), &content.change(), &author, now, dry_run) {
        Ok(plan) => Ok(Outcome::from(&plan)),
        Err(OfflineError::Folder(used @ PlantError::InUse(_))) => in_use(settings, &used, ask),
        Err(OfflineError::Refused(error)) => Err(file.refused(&content, error)),
        Err(error) => Err(Failure::new(UNAVAILABLE, chain(&error))),
    }
}

/// Asks the server of a plant that runs; where none answers, who uses the data folder is not one.
fn in_use<T>(
    settings: &ServerSettings,
    used: &PlantError,
    ask: impl FnOnce(&Remote) -> Result<T, Failure>,
) -> Result<T, Failure> {
    ask(&Remote::of(settings)?).map_err(|failure| match failure.code {
        UNAVAILABLE => Failure::new(UNAVAILABLE, format!("{used}; {}", failure.text)),
        _ => failure,
    })
}

/// Exports what the plant consists of.
pub(super) fn export(settings: &ServerSettings, arguments: &ExportPlant) -> Result<(), Failure> {
    let format = match arguments.format {
        Format::Toml => "toml",
        Format::TagsCsv => "tags_csv",
        Format::AlarmsCsv => "alarms_csv",
    };
    let text = match &arguments.server {
        Some(server) => server.export(format)?,
        None => {
            let folder = &settings.data.dir;
            if !folder.exists() {
                return Err(Failure::new(
                    NO_INPUT,
                    format!("no plant has run here: there is no \"{}\"", folder.display()),
                ));
            }
            match offline::read(&settings.plant()) {
                Ok(definition) => write(&definition, arguments.format)?,
                Err(OfflineError::Folder(used @ PlantError::InUse(_))) => {
                    in_use(settings, &used, |server| server.export(format))?
                }
                Err(error) => return Err(Failure::new(UNAVAILABLE, chain(&error))),
            }
        }
    };
    let cannot = |error: &io::Error| Failure::new(UNAVAILABLE, format!("{}: {error}", arguments.out.display()));
    let mut output = Output::open(&arguments.out).map_err(|error| cannot(&error))?;
    let mut stream = output.stream.take().unwrap_or_else(|| Box::new(io::sink()));
    let written = stream.write_all(text.as_bytes()).and_then(|()| stream.flush()).and_then(|()| output.keep());
    unless_closed(written).map_err(|error| cannot(&error))
}

fn write(definition: &PlantDefinition, format: Format) -> Result<String, Failure> {
    let cannot = |error: &dyn std::error::Error| Failure::new(INTERNAL, chain(error));
    match format {
        Format::Toml => definition.to_toml().map_err(|error| cannot(&error)),
        Format::TagsCsv => write_tags(&definition.tags).map_err(|error| cannot(&error)),
        Format::AlarmsCsv => write_alarms(&definition.alarms).map_err(|error| cannot(&error)),
    }
}

/// Writes a result whole.
fn print(text: &str) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    let written = output.write_all(text.as_bytes()).and_then(|()| output.flush());
    unless_closed(written).map_err(|error| Failure::new(UNAVAILABLE, format!("standard output: {error}")))
}

/// Who reads and closes has enough: that is no error.
fn unless_closed(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

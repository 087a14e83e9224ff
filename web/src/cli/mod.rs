//! Commands of the binary.

mod backup;
mod check;
mod csv_file;
mod demo;
mod export;
mod import;
#[cfg(feature = "parquet")]
mod parquet_file;
mod plan;
mod plant_file;
mod points;
mod progress;
mod remote;
mod serve;
mod simulate;
mod verify;

use clap::{Parser, Subcommand};
use flyball::schema::definition::PlantDefinition;
use flyball_web::ServerSettings;
use plant_file::PlantFile;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

/// An actor-model control system: tags, alarms, history, machines, OPC UA.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
struct Cli {
    /// Settings file; `flyball.toml` of this folder where there is one.
    #[arg(long, global = true, value_name = "FILE")]
    settings: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server for a plant.
    Serve {
        /// What the plant is at its first start; an empty plant without. Afterwards its database says it: see `flyball
        /// plan` and `flyball apply`.
        #[arg(long, value_name = "FILE")]
        plant: Option<PathBuf>,
    },
    /// Run the demo plant: a simulated device and the server for it.
    Demo,
    /// Run the simulated device of the demo plant alone.
    Simulate {
        /// Address and port; `demo.bind` of the settings without.
        #[arg(long, value_name = "ADDRESS:PORT")]
        bind: Option<SocketAddr>,
        /// Seconds simulated per second.
        #[arg(long, default_value_t = 1.0, value_name = "FACTOR")]
        time_scale: f64,
        /// End when standard input closes.
        #[arg(long, hide = true)]
        until_stdin_closes: bool,
    },
    /// Check settings and a plant definition, or what is kept, without running anything.
    Check {
        /// Plant definition.
        #[arg(long, value_name = "FILE")]
        plant: Option<PathBuf>,
        /// Look through journal and history for damage; the plant may run.
        #[arg(long, conflicts_with = "plant")]
        history: bool,
    },
    /// Check that the alarm journal is as it was written; the plant may run.
    ///
    /// Exit code 0: it is, 65: a row was altered or is missing, 69: the database cannot be read.
    Verify,
    /// Tell what applying a plant file would change.
    ///
    /// Where the plant runs its server is asked. Exit code 0: no difference, 2: there are differences, 65: the file is wrong
    /// or refused, 66: it cannot be read, 69: the server does not answer, 78: wrong settings.
    Plan(plan::Plan),
    /// Apply a plant file, all of it or nothing.
    ///
    /// Where the plant runs its server does it, and what is not changed is not disturbed. Exit code 0: done, or nothing to
    /// change, 65: the file is wrong or refused, 66: it cannot be read, 69: the server does not answer, 78: wrong settings.
    Apply(plan::Apply),
    /// Export what the plant consists of, as `plan` and `apply` take it; the plant may run.
    ExportPlant(plan::ExportPlant),
    /// Back up journal, history and configuration into a new folder; the plant may run.
    Backup(backup::Backup),
    /// Restore a backup; no plant may run on the data folder.
    Restore(backup::Restore),
    /// Export samples; the plant may run.
    Export(export::Export),
    /// Import samples; no plant may run on the data folder.
    ///
    /// Every row is checked first; where one is wrong nothing is stored. Up to half a million rows are stored whole or not
    /// at all, more in parts of that size; what is broken off says with which row to go on. Samples are stored beside those
    /// that are there, also where these have the same time, unless --skip-existing is given.
    Import(import::Import),
    /// Import surveyed points of segments from CSV; no plant may run on the data folder.
    ///
    /// Every row is checked first; all are stored or, where one is wrong, none. A post that is stored already is wrong,
    /// unless --replace is given.
    ImportPoints(points::ImportPointsFile),
    /// Print the `OpenAPI` description of the HTTP API.
    Openapi,
}

/// Why a command ended early, and the exit code that says so.
#[derive(Debug)]
struct Failure {
    code: u8,
    text: String,
}

/// Exit code of `flyball plan` where there are differences.
const DIFFERENT: u8 = 2;

/// Exit code for a wrong command line (`EX_USAGE` of sysexits).
const WRONG_USAGE: u8 = 64;

/// Exit code for data that are damaged or cannot be taken (`EX_DATAERR`).
const DAMAGED: u8 = 65;

/// Exit code for a file or folder that is not there (`EX_NOINPUT`).
const NO_INPUT: u8 = 66;

/// Exit code for wrong settings or a wrong plant definition (`EX_CONFIG` of sysexits).
const WRONG_CONFIGURATION: u8 = 78;

/// Exit code for something that is not available, such as a taken port (`EX_UNAVAILABLE`).
const UNAVAILABLE: u8 = 69;

/// Exit code for the loss of a core actor, or a shutdown that was not clean (`EX_SOFTWARE`).
const INTERNAL: u8 = 70;

impl Failure {
    fn new(code: u8, text: impl fmt::Display) -> Self {
        Self { code, text: text.to_string() }
    }
}

/// An error with all its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

/// Runs the command of this process's command line; what is wrong goes to standard error.
pub(crate) fn run() -> ExitCode {
    match Cli::try_parse() {
        Ok(cli) => cli.run(),
        Err(told) => {
            // Nobody is left to be told where it cannot be printed.
            let _printed = told.print();
            // Not clap's own code, which says something else of `flyball plan`.
            if told.use_stderr() { ExitCode::from(WRONG_USAGE) } else { ExitCode::SUCCESS }
        }
    }
}

impl Cli {
    fn run(self) -> ExitCode {
        match self.command() {
            Ok(code) => code,
            Err(failure) => {
                eprintln!("flyball: {}", failure.text);
                ExitCode::from(failure.code)
            }
        }
    }

    fn command(self) -> Result<ExitCode, Failure> {
        let settings = ServerSettings::load(self.settings.as_deref())
            .map_err(|error| Failure::new(WRONG_CONFIGURATION, format!("settings: {error}")))?;
        let done = match self.command {
            Command::Serve { plant } => {
                let given = plant.as_deref().map(PlantFile::definition).transpose()?.map(serve::Given::from);
                actix_rt::System::new().block_on(serve::serve(settings, given.unwrap_or_default()))
            }
            Command::Plan(arguments) => {
                let code = if plan::plan(&settings, &arguments)? { DIFFERENT } else { 0 };
                return Ok(ExitCode::from(code));
            }
            Command::Apply(arguments) => plan::apply(&settings, &arguments),
            Command::ExportPlant(arguments) => plan::export(&settings, &arguments),
            Command::Demo => actix_rt::System::new().block_on(demo::demo(settings, self.settings)),
            Command::Simulate { bind, time_scale, until_stdin_closes } => {
                let bind = bind.unwrap_or(settings.demo.bind);
                actix_rt::System::new().block_on(simulate::simulate(bind, time_scale, until_stdin_closes))
            }
            Command::Check { history: true, .. } => check::history(&settings.plant()),
            Command::Verify => verify::alarms(&settings.plant()),
            Command::Backup(arguments) => backup::backup(&settings.plant(), &arguments),
            Command::Restore(arguments) => backup::restore(&settings.plant(), &arguments),
            Command::Export(arguments) => export::export(&settings.plant(), &arguments),
            Command::Import(arguments) => import::import(&settings.plant(), &arguments),
            Command::ImportPoints(arguments) => points::import(&settings.plant(), &arguments),
            Command::Check { plant, .. } => {
                let definition = match plant.as_deref().map(PlantFile::definition).transpose()? {
                    Some((_, definition)) => definition,
                    None => PlantDefinition::default(),
                };
                say(format_args!(
                    "good: {} links, {} tags, {} alarms, {} machines",
                    definition.links.len(),
                    definition.tags.len(),
                    definition.alarms.len(),
                    definition.machines.len()
                ));
                Ok(())
            }
            Command::Openapi => {
                say(format_args!("{}", flyball_web::openapi_json()));
                Ok(())
            }
        };
        done.map(|()| ExitCode::SUCCESS)
    }
}

/// Writes a line of a command's result.
#[expect(clippy::print_stdout, reason = "the result of a command goes to standard output")]
fn say(line: fmt::Arguments<'_>) {
    println!("{line}");
}

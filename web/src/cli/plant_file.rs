//! A file that says what a plant consists of: TOML for the whole plant, CSV for tags or alarms.

use super::{DAMAGED, Failure, NO_INPUT, UNAVAILABLE, WRONG_CONFIGURATION, chain};
use flyball::configuration::{Complete, ConfigurationError};
use flyball::machines::Kinds;
use flyball::schema::definition::PlantDefinition;
use flyball::schema::definition::csv::CsvItems;
use flyball_web::plant_text::Content;
use std::fmt;
use std::io::Read as _;
use std::path::Path;

/// A file as it was read, not yet understood.
#[derive(Debug)]
pub(super) struct PlantFile {
    name: String,
    text: String,
    is_csv: bool,
}

impl PlantFile {
    /// Reads a file: CSV where its name ends so, TOML otherwise; `-` is standard input, in TOML.
    ///
    /// # Errors
    /// A file that cannot be read, or that is not UTF-8.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let (name, bytes) = if path == Path::new("-") {
            let mut bytes = Vec::new();
            ("standard input".to_owned(), std::io::stdin().lock().read_to_end(&mut bytes).map(|_read| bytes))
        } else {
            (path.display().to_string(), std::fs::read(path))
        };
        let bytes = bytes.map_err(|error| Failure::new(NO_INPUT, format!("{name}: {error}")))?;
        let is_csv = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Self { name, text, is_csv }),
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                let line = error.as_bytes()[..valid].iter().filter(|byte| **byte == b'\n').count() + 1;
                Err(Failure::new(DAMAGED, format!("{name}: line {line}: not UTF-8")))
            }
        }
    }

    /// The name that people are told.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Its text.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Its media type.
    pub(super) fn content_type(&self) -> &'static str {
        if self.is_csv { "text/csv" } else { "application/toml" }
    }

    /// What it says.
    ///
    /// # Errors
    /// Everything that is wrong with it, as far as the file alone tells.
    pub(super) fn content(&self) -> Result<Content, Failure> {
        if self.is_csv {
            let items = CsvItems::read(&self.text).map_err(|errors| self.wrong(&errors))?;
            return Ok(Content::Items(Box::new(items)));
        }
        let definition = PlantDefinition::from_toml_or_all(&self.text).map_err(|errors| self.wrong(&errors))?;
        Ok(Content::Whole(Box::new(definition)))
    }

    /// Reads the definition of a whole plant and holds it against every rule, its machines too.
    ///
    /// # Errors
    /// A file that cannot be read, and everything that is wrong with it: all of it is a wrong configuration.
    pub(super) fn definition(path: &Path) -> Result<(Self, PlantDefinition), Failure> {
        let read = || {
            let file = Self::read(path)?;
            let definition = match file.content()? {
                Content::Whole(definition) => *definition,
                Content::Items(_) => return Err(file.wrong(&["a plant is a TOML file; CSV has tags or alarms alone"])),
            };
            match Complete::new(definition.clone(), &[], &Kinds::default()) {
                Ok(_complete) => Ok((file, definition)),
                Err(error) => Err(file.refused(&Content::Whole(Box::new(definition)), error)),
            }
        };
        read().map_err(|failure| Failure { code: WRONG_CONFIGURATION, ..failure })
    }

    /// What is wrong, a line each.
    pub(super) fn wrong(&self, problems: &[impl fmt::Display]) -> Failure {
        let name = &self.name;
        if let [problem] = problems {
            return Failure::new(DAMAGED, format!("{name}: {problem}"));
        }
        let lines = problems.iter().map(|problem| format!("\n{name}: {problem}"));
        let lines: String = lines.collect();
        Failure::new(DAMAGED, format!("{name}: {} things are wrong{lines}", problems.len()))
    }

    /// Why a change to what the file says is refused, with the places in the file.
    pub(super) fn refused(&self, content: &Content, error: ConfigurationError) -> Failure {
        match content.blamed(&self.text, error) {
            Ok(errors) => self.wrong(&errors),
            Err(error @ (ConfigurationError::Database(_) | ConfigurationError::Unavailable)) => {
                Failure::new(UNAVAILABLE, chain(&error))
            }
            Err(other) => self.wrong(&[chain(&other)]),
        }
    }
}

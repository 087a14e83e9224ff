//! Settings of the server's process: `flyball.toml`, then the environment.

use flyball::notify::settings::Notify;
use flyball::settings::{Alarms, Backup, Data, Database, History, OpcUa, Settings};
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::Path;

/// File that is read where no other is named.
const DEFAULT_FILE: &str = "flyball.toml";

/// Settings of the server's process. Unknown keys are errors.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerSettings {
    /// HTTP API and console.
    pub http: HttpSettings,
    /// Where files are kept.
    pub data: Data,
    /// The configuration and state database.
    pub database: Database,
    /// The journal of samples.
    pub history: History,
    /// Scheduled backups.
    pub backup: Backup,
    /// The OPC UA client.
    pub opcua: OpcUa,
    /// Who is told of alarms.
    pub notify: Notify,
    /// Alarms.
    pub alarms: Alarms,
    /// The demo plant.
    pub demo: DemoSettings,
}

/// HTTP API and console.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpSettings {
    /// Address and port; a loopback address unless you know better: there is no login yet.
    pub bind: SocketAddr,
    /// Threads that serve requests, 1 to 64.
    pub workers: usize,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self { bind: SocketAddr::from(([127, 0, 0, 1], 8080)), workers: 2 }
    }
}

/// The demo plant.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DemoSettings {
    /// Address and port of the simulated device.
    pub bind: SocketAddr,
}

impl Default for DemoSettings {
    fn default() -> Self {
        Self { bind: SocketAddr::from(([127, 0, 0, 1], 48400)) }
    }
}

impl ServerSettings {
    /// Reads `file` (or `flyball.toml` where there is one), then `FLYBALL__SECTION__KEY` from the environment.
    ///
    /// # Errors
    /// A named file that is missing, an unknown key, a value of the wrong type; the text names the file or the
    /// environment, and the key.
    pub fn load(file: Option<&Path>) -> Result<Self, config::ConfigError> {
        let source = match file {
            Some(path) => config::File::from(path).required(true),
            None => config::File::with_name(DEFAULT_FILE).required(false),
        };
        let environment =
            config::Environment::with_prefix("FLYBALL").prefix_separator("__").separator("__").try_parsing(true);
        let name = file.unwrap_or(Path::new(DEFAULT_FILE)).display().to_string();
        Self::from_sources(source, &name, environment)
    }

    /// The file alone first, so that what is wrong is told of where it stands.
    fn from_sources<F>(source: F, name: &str, environment: config::Environment) -> Result<Self, config::ConfigError>
    where
        F: config::Source + Send + Sync + 'static,
    {
        let file = config::Config::builder().add_source(source);
        let told = |place: &str, error: &config::ConfigError| {
            let text = error.to_string();
            config::ConfigError::Message(if text.contains(place) { text } else { format!("{place}: {text}") })
        };
        let alone = file.build_cloned().and_then(config::Config::try_deserialize::<Self>);
        alone.map_err(|error| told(name, &error))?;
        file.add_source(environment).build()?.try_deserialize().map_err(|error| told("environment", &error))
    }

    /// The settings of the plant within.
    #[must_use]
    pub fn plant(&self) -> Settings {
        Settings {
            data: self.data.clone(),
            database: self.database.clone(),
            history: self.history.clone(),
            backup: self.backup.clone(),
            opcua: self.opcua.clone(),
            notify: self.notify.clone(),
            alarms: self.alarms.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn load(toml: &str, environment: &[(&str, &str)]) -> Result<ServerSettings, String> {
        let file = config::File::from_str(toml, config::FileFormat::Toml);
        let pairs: HashMap<String, String> =
            environment.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let environment = config::Environment::with_prefix("FLYBALL")
            .prefix_separator("__")
            .separator("__")
            .try_parsing(true)
            .source(Some(pairs));
        ServerSettings::from_sources(file, "flyball.toml", environment).map_err(|error| error.to_string())
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let settings = load("[http]\nbind = \"127.0.0.1:1\"", &[("FLYBALL__HTTP__BIND", "127.0.0.1:2")]).unwrap();
        assert_eq!(settings.http.bind.port(), 2);
        assert_eq!(settings.http.workers, 2, "defaults fill the rest");
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_it_and_its_place() {
        let error = load("[http]\nbnid = \"127.0.0.1:1\"", &[]).unwrap_err();
        assert!(error.starts_with("flyball.toml: ") && error.contains("bnid"), "{error}");
        let error = load("", &[("FLYBALL__HTPP__BIND", "127.0.0.1:2")]).unwrap_err();
        assert!(error.starts_with("environment: ") && error.contains("htpp"), "{error}");
    }

    #[test]
    fn a_value_of_the_wrong_type_is_an_error_that_names_its_key() {
        assert!(load("[http]\nbind = \"eight\"", &[]).unwrap_err().contains("http.bind"));
    }

    #[test]
    fn channels_and_rules_of_notifications_are_lists_of_tables() {
        let toml = r#"
            [[notify.channels]]
            name = "mail"
            kind = "smtp"
            port = 2525
            [[notify.rules]]
            name = "night"
            to = ["ann@plant.example"]
            delay_min = 5
        "#;
        let notify = load(toml, &[]).unwrap().plant().notify;
        assert_eq!((&*notify.channels[0].kind, notify.channels[0].port, notify.queue), ("smtp", Some(2525), 1_000));
        assert_eq!((notify.rules[0].delay_min, notify.rules[0].to.len()), (5, 1));
        let error = load("[[notify.channels]]\npassword = \"x\"", &[]).unwrap_err();
        assert!(error.contains("password") && !error.contains("\"x\""), "a password is no setting: {error}");
        assert!(load("[[notify.rules]]\ndelay_min = -1", &[]).unwrap_err().contains("notify.rules"));
    }

    #[test]
    fn the_shipped_file_says_the_defaults() {
        let shipped = load(include_str!("../../flyball.example.toml"), &[]).unwrap();
        assert_eq!(shipped, ServerSettings::default());
    }
}

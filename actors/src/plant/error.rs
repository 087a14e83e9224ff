//! Why a plant did not start.

use crate::alarms::AlarmError;
use crate::configuration::ConfigurationError;
use crate::cvt::CvtError;
use crate::db::DbError;
use crate::machines::MachineError;
use crate::notify::NotifyError;
use crate::opcua::LinkError;
use crate::send::SendError;
use flyball_schema::definition::DefinitionError;
use std::path::PathBuf;

/// Why a plant did not start. Nothing runs then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlantError {
    /// The definition breaks a rule.
    #[error("the plant definition is wrong: {0}")]
    Definition(#[from] DefinitionError),
    /// The data folder cannot be made.
    #[error("cannot make the data folder \"{}\"", .path.display())]
    DataFolder {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The configuration and state database cannot be used.
    #[error("cannot use the database")]
    Database(#[from] DbError),
    /// The journal of samples cannot be used.
    #[error("cannot use the journal: {0}")]
    Journal(String),
    /// A tag names a retention class that the settings do not.
    #[error("tag \"{tag}\": there is no retention class \"{class}\" in [history.classes]")]
    RetentionClass {
        /// The tag.
        tag: String,
        /// The class it names.
        class: String,
    },
    /// A setting of the notifications cannot be.
    #[error("wrong setting {0}")]
    Notify(#[from] NotifyError),
    /// The data folder is in use by another process.
    #[error("the data folder \"{}\" is in use by another Flyball", .0.display())]
    InUse(PathBuf),
    /// A restore into the data folder was killed.
    #[error("a restore into the data folder \"{}\" did not end: restore again with --force", .0.display())]
    Unfinished(PathBuf),
    /// A tag was refused.
    #[error("cannot create the tags")]
    Tags(#[from] CvtError),
    /// An alarm was refused.
    #[error("cannot create the alarms")]
    Alarms(#[from] AlarmError),
    /// An alarm watches a tag that no machine made.
    #[error("alarm \"{alarm}\": there is no tag \"{tag}\"")]
    AlarmTag {
        /// The alarm.
        alarm: String,
        /// The tag it names.
        tag: String,
    },
    /// A machine was refused.
    #[error("cannot add a machine")]
    Machine(#[from] MachineError),
    /// A link was refused.
    #[error("cannot add a link")]
    Link(#[from] LinkError),
    /// Threads for the links cannot be had.
    #[error("cannot start the threads of the links")]
    Threads(#[source] std::io::Error),
    /// The definition cannot be used.
    #[error("the plant definition cannot be used")]
    Configuration(#[source] ConfigurationError),
    /// An actor died while the plant was starting.
    #[error("an actor did not start")]
    Start(#[from] SendError),
}

impl From<ConfigurationError> for PlantError {
    fn from(error: ConfigurationError) -> Self {
        match error {
            ConfigurationError::Invalid(mut errors) if !errors.is_empty() => Self::Definition(errors.swap_remove(0)),
            ConfigurationError::Machine(error) => Self::Machine(error),
            ConfigurationError::Database(error) => Self::Database(error),
            ConfigurationError::RetentionClass { tag, class } => Self::RetentionClass { tag, class },
            other => Self::Configuration(other),
        }
    }
}

impl PlantError {
    /// Whether somebody has to change the definition, rather than the machine it runs on.
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        matches!(
            self,
            Self::Definition(_)
                | Self::Configuration(_)
                | Self::RetentionClass { .. }
                | Self::Tags(_)
                | Self::Alarms(_)
                | Self::AlarmTag { .. }
                | Self::Machine(_)
        )
    }
}

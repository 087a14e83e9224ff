//! A change worked out, up to the point where it is stored. Pure, and long where the plant is large: not for the thread of
//! an actor.

use super::catalogue::{Catalogue, CatalogueIds};
use super::complete::{Complete, OwnMachine};
use super::live::{by_name, keeping};
use super::{Change, ConfigurationError, edit};
use crate::machines::Kinds;
use crate::settings::Settings;
use flyball_schema::TagId;
use flyball_schema::definition::{Difference, PlantDefinition};
use std::sync::Arc;

/// A change that keeps every rule.
pub(super) struct Prepared {
    /// What is stored.
    pub(super) before: Catalogue,
    /// As people gave it.
    pub(super) defined: Arc<PlantDefinition>,
    /// What is to be.
    pub(super) complete: Complete,
    /// As people give it.
    pub(super) after: Arc<PlantDefinition>,
    pub(super) difference: Difference,
}

impl Prepared {
    /// Works out a change of what is stored.
    ///
    /// # Errors
    /// As [`ChangePlant`](super::ChangePlant).
    pub(super) fn new(
        before: Catalogue,
        change: &Change,
        expected: Option<&str>,
        own: &[OwnMachine],
        settings: &Settings,
    ) -> Result<Self, ConfigurationError> {
        if expected.is_some_and(|expected| expected != before.version()) {
            return Err(ConfigurationError::PlantChangedMeanwhile);
        }
        let wanted = match change {
            Change::Whole(definition) => (**definition).clone(),
            Change::Edits(edits) => edit::apply(&before, edits)?,
        };
        let complete = Complete::new(wanted, own, &Kinds::default())?;
        check_retention(settings, &complete.definition)?;
        let (defined, after) = (Arc::new(before.defined()), Arc::new(complete.defined()));
        let difference = Difference::between(&defined, &after);
        Ok(Self { before, defined, complete, after, difference })
    }
}

/// Holds the retention classes that tags name against the settings.
///
/// # Errors
/// [`ConfigurationError::RetentionClass`].
pub(crate) fn check_retention(settings: &Settings, definition: &PlantDefinition) -> Result<(), ConfigurationError> {
    // Ids do not matter here.
    let ids = CatalogueIds { tags: (0..).map(TagId).take(definition.tags.len()).collect(), ..Default::default() };
    let kept = keeping(settings, &by_name(definition, &ids));
    kept.map(|_| ()).map_err(|(tag, class)| ConfigurationError::RetentionClass { tag, class })
}

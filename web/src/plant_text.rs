//! What a plant file says, and where in it something is wrong. Pure.

use flyball::configuration::{Change, ConfigurationError, Edit};
use flyball::schema::definition::csv::CsvItems;
use flyball::schema::definition::{DefinitionError, Fault, Place, PlantDefinition};

/// What a file says.
#[derive(Debug)]
pub enum Content {
    /// The whole plant: what it does not name is removed.
    Whole(Box<PlantDefinition>),
    /// Tags or alarms that are added or changed by name; others stay.
    Items(Box<CsvItems>),
}

impl Content {
    /// The change that applying it is.
    #[must_use]
    pub fn change(&self) -> Change {
        match self {
            Self::Whole(definition) => Change::Whole(definition.clone()),
            Self::Items(items) => Change::Edits(vec![Edit::Put(items.clone())]),
        }
    }

    /// What of a refusal the file is to blame for, each with line and column where the file has it; `text` is that of
    /// the file.
    ///
    /// # Errors
    /// A refusal for another reason, as it was.
    pub fn blamed(&self, text: &str, error: ConfigurationError) -> Result<Vec<DefinitionError>, ConfigurationError> {
        let mut errors = match error {
            ConfigurationError::Invalid(errors) => errors,
            ConfigurationError::RetentionClass { tag, class } => {
                let fault = Fault::Syntax(format!("there is no retention class \"{class}\" in [history.classes]"));
                vec![DefinitionError::new(self.place("tag", &tag, "retention"), fault)]
            }
            ConfigurationError::Machine(error) => {
                let said = error.to_string();
                let Some((name, rest)) = self.machine_in(&said) else { return Err(error.into()) };
                vec![DefinitionError::new(self.place("machine", name, ""), Fault::Syntax(rest.to_owned()))]
            }
            other => return Err(other),
        };
        match self {
            Self::Whole(_) => DefinitionError::locate_all(&mut errors, text),
            Self::Items(items) => items.locate_all(&mut errors),
        }
        Ok(errors)
    }

    /// The machine of the file that a sentence begins with, and how it goes on.
    fn machine_in<'a>(&'a self, said: &'a str) -> Option<(&'a str, &'a str)> {
        let Self::Whole(definition) = self else { return None };
        definition.machines.iter().find_map(|machine| {
            let rest = said.strip_prefix(&format!("machine \"{}\"", machine.name))?;
            Some((machine.name.as_str(), rest.trim_start_matches([':', ',', ' '])))
        })
    }

    fn place(&self, item: &'static str, name: &str, field: &'static str) -> Place {
        let index = match self {
            Self::Whole(definition) if item == "tag" => definition.tags.iter().position(|tag| tag.name == name),
            Self::Whole(definition) => definition.machines.iter().position(|machine| machine.name == name),
            Self::Items(_) => None,
        };
        // One that is not in the file has no place in it.
        Place { item, index: index.unwrap_or(usize::MAX), name: name.to_owned(), field }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flyball::machines::MachineError;

    const TEXT: &str =
        "[[tag]]\nname = \"a\"\nretention = \"yaer\"\n\n[[machine]]\nname = \"m\"\nkind = \"pdi\"\ninterval_ms = 100\n";

    fn told(content: &Content, text: &str, error: ConfigurationError) -> Vec<String> {
        content.blamed(text, error).unwrap().iter().map(ToString::to_string).collect()
    }

    fn retention() -> ConfigurationError {
        ConfigurationError::RetentionClass { tag: "a".to_owned(), class: "yaer".to_owned() }
    }

    #[test]
    fn what_only_the_plant_knows_is_told_with_its_place_in_the_file() {
        let whole = Content::Whole(Box::new(PlantDefinition::from_toml_or_all(TEXT).unwrap()));
        let class = "there is no retention class \"yaer\" in [history.classes]";
        assert_eq!(told(&whole, TEXT, retention()), [format!("line 3, column 1: tag \"a\", retention: {class}")]);
        let machine = MachineError::UnknownKind {
            machine: "m".to_owned(),
            kind: "pdi".to_owned(),
            known: vec!["pid".to_owned()],
        };
        let expected = "line 6, column 1: machine \"m\": unknown kind \"pdi\"; there are pid";
        assert_eq!(told(&whole, TEXT, machine.into()), [expected]);
        let text = "name,retention\na,yaer\n";
        let items = Content::Items(Box::new(CsvItems::read(text).unwrap()));
        assert_eq!(told(&items, text, retention()), [format!("line 2, column 3: tag \"a\", retention: {class}")]);
        assert!(whole.blamed(TEXT, ConfigurationError::Unavailable).is_err());
    }
    #[test]
    fn the_example_of_the_readme_is_a_plant() {
        let readme = include_str!("../../README.md");
        let example = readme.split("```toml").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let beside = "[[link]]\nname = \"plc\"\nendpoint = \"opc.tcp://127.0.0.1:4840\"\n\n[[tag]]\nname = \"tank2.level\"\nunit = \"cm\"\n";
        let text = format!("{example}\n{beside}");
        let problems = PlantDefinition::from_toml_or_all(&text).err().unwrap_or_default();
        assert!(problems.is_empty(), "{problems:?}");
    }
}

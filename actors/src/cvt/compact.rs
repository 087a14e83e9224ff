//! Tag definitions as the table keeps them: what most tags have inline, the rest behind one pointer, and words that
//! many tags share (units, links) once. A million tags have to fit into 200 bytes each.

use super::Stretch;
use flyball_schema::definition::{DeadBand, Filter, Location, Range, Role, Screens, TagDefinition};
use flyball_schema::{DataType, Value};
use std::collections::HashMap;

/// Words that many definitions share, each once.
#[derive(Debug, Default)]
pub(super) struct Interner {
    words: Vec<Box<str>>,
    numbers: HashMap<Box<str>, u32>,
}

/// Number of an interned word; 0 is no word.
type Word = u32;

impl Interner {
    fn intern(&mut self, word: Option<String>) -> Word {
        let Some(word) = word else { return 0 };
        if let Some(number) = self.numbers.get(word.as_str()) {
            return *number;
        }
        let word = word.into_boxed_str();
        self.words.push(word.clone());
        let number = u32::try_from(self.words.len()).unwrap_or(u32::MAX);
        self.numbers.insert(word, number);
        number
    }

    fn word(&self, number: Word) -> Option<String> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        self.words.get(index).map(|word| word.to_string())
    }
}

/// A tag's definition, less what the table keeps beside its state.
#[derive(Debug)]
pub(super) struct Compact {
    name: Box<str>,
    range: Range,
    quantity: Word,
    unit: Word,
    link: Word,
    retention: Word,
    has_range: bool,
    has_dead_band: bool,
    writable: bool,
    history: bool,
    /// The plant makes the tag by itself.
    pub(super) made: bool,
    rare: Option<Box<Rare>>,
}

/// What few tags have.
#[derive(Debug, Default, PartialEq)]
struct Rare {
    display_name: Option<String>,
    description: Option<String>,
    area: Option<String>,
    node: Option<String>,
    publish_ms: Option<u32>,
    poll_ms: Option<u32>,
    display_unit: Option<String>,
    expression: Option<String>,
    filter: Option<Filter>,
    screens: Option<Box<Screens>>,
    dead_band_percent: Option<f64>,
    max_silence_ms: Option<u32>,
    stale_after_ms: Option<u32>,
    write_limits: Option<Range>,
    write_role: Option<Role>,
    history_dead_band: Option<DeadBand>,
    initial: Option<Value>,
    location: Option<Box<Location>>,
}

impl Compact {
    pub(super) fn new(tag: TagDefinition, made: bool, interner: &mut Interner) -> Self {
        let dead_band_percent = match tag.dead_band {
            Some(DeadBand::Percent(percent)) => Some(percent),
            _ => None,
        };
        let rare = Rare {
            display_name: tag.display_name,
            description: tag.description,
            area: tag.area,
            node: tag.node,
            publish_ms: tag.publish_ms,
            poll_ms: tag.poll_ms,
            display_unit: tag.display_unit,
            expression: tag.expression,
            filter: tag.filter,
            screens: tag.screens.map(Box::new),
            dead_band_percent,
            max_silence_ms: tag.max_silence_ms,
            stale_after_ms: tag.stale_after_ms,
            write_limits: tag.write_limits,
            write_role: tag.write_role,
            history_dead_band: tag.history_dead_band,
            initial: tag.initial,
            location: tag.location.map(Box::new),
        };
        Self {
            name: tag.name.into_boxed_str(),
            range: tag.range.unwrap_or(Range { low: 0.0, high: 0.0 }),
            quantity: interner.intern(tag.quantity),
            unit: interner.intern(tag.unit),
            link: interner.intern(tag.link),
            retention: interner.intern(tag.retention),
            has_range: tag.range.is_some(),
            has_dead_band: tag.dead_band.is_some(),
            writable: tag.writable,
            history: tag.history,
            made,
            rare: (rare != Rare::default()).then(|| Box::new(rare)),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether the tag lies in an area, or in one below it.
    pub(super) fn is_in(&self, area: &str) -> bool {
        let own = self.rare.as_ref().and_then(|rare| rare.area.as_deref()).unwrap_or_default();
        own.strip_prefix(area).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Whether the tag stands on a stretch of a line.
    pub(super) fn is_on(&self, stretch: &Stretch) -> bool {
        let location = self.rare.as_ref().and_then(|rare| rare.location.as_deref());
        location.is_some_and(|location| stretch.contains(location))
    }

    /// Whether name or display name contains `needle`, which is in lower case.
    pub(super) fn mentions(&self, needle: &str) -> bool {
        let display_name = self.rare.as_ref().and_then(|rare| rare.display_name.as_deref());
        let mut names = [Some(&*self.name), display_name].into_iter().flatten();
        names.any(|name| name.to_lowercase().contains(needle))
    }

    /// The definition as it was given, less the name the tag had before.
    pub(super) fn expand(&self, data_type: DataType, dead_band: f64, interner: &Interner) -> TagDefinition {
        let nothing = Rare::default();
        let rare = self.rare.as_deref().unwrap_or(&nothing);
        let percent = rare.dead_band_percent.map(DeadBand::Percent);
        TagDefinition {
            name: self.name.to_string(),
            display_name: rare.display_name.clone(),
            description: rare.description.clone(),
            area: rare.area.clone(),
            data_type,
            quantity: interner.word(self.quantity),
            unit: interner.word(self.unit),
            range: self.has_range.then_some(self.range),
            link: interner.word(self.link),
            node: rare.node.clone(),
            display_unit: rare.display_unit.clone(),
            publish_ms: rare.publish_ms,
            poll_ms: rare.poll_ms,
            expression: rare.expression.clone(),
            filter: rare.filter.clone(),
            screens: rare.screens.as_deref().cloned(),
            dead_band: self.has_dead_band.then(|| percent.unwrap_or(DeadBand::Absolute(dead_band))),
            max_silence_ms: rare.max_silence_ms,
            stale_after_ms: rare.stale_after_ms,
            writable: self.writable,
            write_limits: rare.write_limits,
            write_role: rare.write_role,
            history: self.history,
            history_dead_band: rare.history_dead_band,
            retention: interner.word(self.retention),
            initial: rare.initial.clone(),
            location: rare.location.as_deref().cloned(),
            was: None,
        }
    }
}

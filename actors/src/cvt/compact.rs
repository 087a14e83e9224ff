//! Tag definitions as the table keeps them: what most tags have inline, the rest behind one pointer, and words that
//! many tags share (units, links, areas) once. A million tags have to fit into 200 bytes each.

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

    fn get(&self, number: Word) -> Option<&str> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        self.words.get(index).map(|word| &**word)
    }

    fn word(&self, number: Word) -> Option<String> {
        self.get(number).map(str::to_owned)
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
    common: Option<Box<Common>>,
}

/// What tags of a link have, and those that somebody has described.
#[derive(Debug, Default, PartialEq)]
struct Common {
    display_name: Option<Box<str>>,
    description: Option<Box<str>>,
    node: Option<Box<str>>,
    area: Word,
    display_unit: Word,
    publish_ms: Option<u32>,
    poll_ms: Option<u32>,
    rare: Option<Box<Rare>>,
}

/// What few tags have.
#[derive(Debug, Default, PartialEq)]
struct Rare {
    expression: Option<Box<str>>,
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

/// The value on the heap where it is not the default.
fn boxed<T: Default + PartialEq>(value: T) -> Option<Box<T>> {
    (value != T::default()).then(|| Box::new(value))
}

impl Compact {
    pub(super) fn new(tag: TagDefinition, made: bool, interner: &mut Interner) -> Self {
        let dead_band_percent = match tag.dead_band {
            Some(DeadBand::Percent(percent)) => Some(percent),
            _ => None,
        };
        let rare = Rare {
            expression: tag.expression.map(String::into_boxed_str),
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
        let common = Common {
            display_name: tag.display_name.map(String::into_boxed_str),
            description: tag.description.map(String::into_boxed_str),
            node: tag.node.map(String::into_boxed_str),
            area: interner.intern(tag.area),
            display_unit: interner.intern(tag.display_unit),
            publish_ms: tag.publish_ms,
            poll_ms: tag.poll_ms,
            rare: boxed(rare),
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
            common: boxed(common),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    fn rare(&self) -> Option<&Rare> {
        self.common.as_ref()?.rare.as_deref()
    }

    /// Whether the tag lies in an area, or in one below it.
    pub(super) fn is_in(&self, area: &str, interner: &Interner) -> bool {
        let own = self.common.as_ref().and_then(|common| interner.get(common.area)).unwrap_or_default();
        own.strip_prefix(area).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Whether the tag stands on a stretch of a line.
    pub(super) fn is_on(&self, stretch: &Stretch) -> bool {
        let location = self.rare().and_then(|rare| rare.location.as_deref());
        location.is_some_and(|location| stretch.contains(location))
    }

    /// Whether name or display name contains `needle`, which is in lower case.
    pub(super) fn mentions(&self, needle: &str) -> bool {
        let display_name = self.common.as_ref().and_then(|common| common.display_name.as_deref());
        let mut names = [Some(&*self.name), display_name].into_iter().flatten();
        names.any(|name| name.to_lowercase().contains(needle))
    }

    /// The definition as it was given, less the name the tag had before.
    pub(super) fn expand(&self, data_type: DataType, dead_band: f64, interner: &Interner) -> TagDefinition {
        let (nothing, nothing_rare) = (Common::default(), Rare::default());
        let common = self.common.as_deref().unwrap_or(&nothing);
        let rare = self.rare().unwrap_or(&nothing_rare);
        let text = |text: &Option<Box<str>>| text.as_deref().map(str::to_owned);
        let percent = rare.dead_band_percent.map(DeadBand::Percent);
        TagDefinition {
            name: self.name.to_string(),
            display_name: text(&common.display_name),
            description: text(&common.description),
            area: interner.word(common.area),
            data_type,
            quantity: interner.word(self.quantity),
            unit: interner.word(self.unit),
            range: self.has_range.then_some(self.range),
            link: interner.word(self.link),
            node: text(&common.node),
            display_unit: interner.word(common.display_unit),
            publish_ms: common.publish_ms,
            poll_ms: common.poll_ms,
            expression: text(&rare.expression),
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

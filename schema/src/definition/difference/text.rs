//! A difference in words.

use super::{Changed, Changes, Counts, Difference, Item};
use serde::Serialize;
use serde_json::Value as Json;
use std::fmt::{self, Write};

/// Column at which details begin, from 0.
const DETAIL: usize = 31;

/// Lines of one item: its head, and details of which the first stands beside it.
struct Lines<'a, W> {
    out: &'a mut W,
    /// How many were written.
    count: usize,
}

impl<W: Write> Lines<'_, W> {
    fn item(&mut self, head: &str, details: &[String]) -> fmt::Result {
        let width = DETAIL - 2;
        match details.first() {
            Some(detail) => writeln!(self.out, "{head:<width$}  {detail}")?,
            None => writeln!(self.out, "{head}")?,
        }
        for detail in details.iter().skip(1) {
            writeln!(self.out, "{:DETAIL$}{detail}", "")?;
        }
        self.count += details.len().max(1);
        Ok(())
    }
}

/// Writes `items` until `limit` lines are reached; an item is never cut.
fn group<'i, W: Write, I: 'i>(
    out: &mut W,
    limit: usize,
    (kind, verb): (&str, &str),
    items: impl Iterator<Item = &'i I>,
    describe: impl Fn(&I) -> (String, Vec<String>),
) -> fmt::Result {
    let mut lines = Lines { out, count: 0 };
    let mut rest: usize = 0;
    for item in items {
        if lines.count < limit {
            let (head, details) = describe(item);
            lines.item(&head, &details)?;
        } else {
            rest += 1;
        }
    }
    match rest {
        0 => Ok(()),
        1 => writeln!(out, "… and 1 more {kind} to {verb}"),
        _ => writeln!(out, "… and {} more {kind}s to {verb}", grouped(rest)),
    }
}

impl<T: Item> Changes<T> {
    fn write(&self, out: &mut impl Write, limit: usize) -> fmt::Result {
        let kind = T::KIND;
        group(out, limit, (kind, "add"), self.added.iter(), |item| {
            (format!("+ {kind} {}", quoted(item.name())), vec![item.summary()])
        })?;
        let (renamed, changed): (Vec<_>, Vec<_>) = self.changed.iter().partition(|change| change.is_renamed());
        group(out, limit, (kind, "change"), changed.into_iter(), |change| {
            (format!("~ {kind} {}", quoted(change.after.name())), details(change))
        })?;
        group(out, limit, (kind, "rename"), renamed.into_iter(), |change| {
            let (from, to) = (quoted(change.before.name()), quoted(change.after.name()));
            (format!("> {kind} {from} is renamed {to}"), details(change))
        })?;
        group(out, limit, (kind, "remove"), self.removed.iter(), |item| {
            (format!("- {kind} {}", quoted(item.name())), Vec::new())
        })
    }
}

/// `field: before -> after` of each field but the name.
fn details<T: Serialize>(change: &Changed<T>) -> Vec<String> {
    let fields = change.fields().into_iter().filter(|field| field.path != "name");
    fields.map(|field| field_line(&field.path, field.before.as_ref(), field.after.as_ref())).collect()
}

fn field_line(path: &str, before: Option<&Json>, after: Option<&Json>) -> String {
    format!("{}: {} -> {}", bare_or_quoted(path), told(before), told(after))
}

impl Difference {
    /// Writes the difference for people: a line per added, changed, renamed and removed item, by links, tags, alarms
    /// and machines, and last how many there are. Of each group, for example the tags to add, writing ends with the
    /// item that reaches `limit` lines, and how many follow is told.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, out: &mut impl Write, limit: usize) -> fmt::Result {
        if let Some(header) = &self.header {
            let fields = header.fields();
            let lines = fields.iter().map(|field| field_line(&field.path, field.before.as_ref(), field.after.as_ref()));
            Lines { out, count: 0 }.item("~ plant", &lines.collect::<Vec<_>>())?;
        }
        self.links.write(out, limit)?;
        self.tags.write(out, limit)?;
        self.alarms.write(out, limit)?;
        self.machines.write(out, limit)?;
        write!(out, "{}", self.counts())
    }
}

impl fmt::Display for Difference {
    /// Everything, without a limit.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, usize::MAX)
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [added, changed, renamed, removed] = [self.added, self.changed, self.renamed, self.removed].map(grouped);
        write!(f, "{added} to add, {changed} to change, {renamed} to rename, {removed} to remove")
    }
}

/// The number with a comma every three digits.
pub(super) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn told(value: Option<&Json>) -> String {
    match value {
        None => "(none)".to_owned(),
        Some(Json::String(text)) => bare_or_quoted(text),
        Some(Json::Null) => "(not a number)".to_owned(),
        Some(other) => other.to_string(),
    }
}

/// The text in quotes, with what is not printable escaped: it may come from anywhere, and go to a terminal.
pub(super) fn quoted(text: &str) -> String {
    format!("{text:?}")
}

/// The text without quotes where it cannot be taken for anything else.
pub(super) fn bare_or_quoted(text: &str) -> String {
    let is_plain = |c: char| !c.is_whitespace() && !matches!(c, '"' | '\\' | ',');
    let looks_like_json = serde_json::from_str::<Json>(text).is_ok();
    let in_quotes = quoted(text);
    let is_bare = !text.is_empty()
        && text.chars().all(is_plain)
        && in_quotes.len() == text.len() + 2
        && !text.starts_with('(')
        && !looks_like_json;
    if is_bare { text.to_owned() } else { in_quotes }
}

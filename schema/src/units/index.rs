//! Units by symbol and by quantity, so that a start with 100,000 tags need not search the table for each.

use super::{UNITS, Unit};
use std::collections::HashMap;
use std::sync::LazyLock;

/// Each code point of the table with the one that looks the same: Greek mu for micro, and the ohm sign.
const LOOK_ALIKE: [(char, &str); 2] = [('\u{B5}', "\u{3BC}"), ('\u{3A9}', "\u{2126}")];

#[derive(Default)]
struct Index {
    by_symbol: HashMap<String, Vec<&'static Unit>>,
    by_quantity: HashMap<&'static str, Vec<&'static Unit>>,
}

static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let mut index = Index::default();
    for unit in UNITS {
        index.by_quantity.entry(unit.quantity).or_default().push(unit);
        index.by_symbol.entry(unit.symbol.to_owned()).or_default().push(unit);
        for (character, other) in LOOK_ALIKE {
            if unit.symbol.contains(character) {
                index.by_symbol.entry(unit.symbol.replace(character, other)).or_default().push(unit);
            }
        }
    }
    index
});

pub(super) fn by_symbol(symbol: &str) -> &'static [&'static Unit] {
    INDEX.by_symbol.get(symbol).map_or(&[], Vec::as_slice)
}

pub(super) fn by_quantity(quantity: &str) -> &'static [&'static Unit] {
    INDEX.by_quantity.get(quantity).map_or(&[], Vec::as_slice)
}

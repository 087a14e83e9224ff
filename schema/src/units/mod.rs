//! Quantities and their units: factor and offset to the SI unit of the quantity.
//!
//! Every factor is exact by definition: SI Brochure, 9th edition (SI units, prefixes, and the units of its
//! table 8), and NIST SP 811, 2008, appendix B.8 (all others, where it prints the factor in bold type, or as
//! product and quotient of such). A unit of which several definitions are in use names its own in the symbol
//! or in the line above it; one without a single exact definition is left out. A stored value is never
//! converted in place; conversion happens at the edge.

mod constants;
mod electrical;
mod energy;
mod flow;
mod geometry;
mod index;
mod matter;
mod mechanics;
mod table;
#[cfg(test)]
mod tests;

pub use table::UNITS;

/// A unit of one quantity: `SI value = value × factor + offset`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Unit {
    /// Symbol as used in plant definitions; unique within its quantity, and over all quantities but for those
    /// that share their units: length and level, density and mass concentration (`kg/m³`).
    pub symbol: &'static str,
    /// Name of the quantity.
    pub quantity: &'static str,
    /// Multiplier to the quantity's SI unit; positive.
    pub factor: f64,
    /// Added after the multiplication, in the quantity's SI unit.
    pub offset: f64,
}

impl Unit {
    /// `value` of this unit in the SI unit of the quantity.
    #[must_use]
    pub fn to_si(&self, value: f64) -> f64 {
        value.mul_add(self.factor, self.offset)
    }

    /// An SI `value` in this unit.
    #[must_use]
    pub fn from_si(&self, value: f64) -> f64 {
        (value - self.offset) / self.factor
    }
}

const fn unit(quantity: &'static str, symbol: &'static str, factor: f64) -> Unit {
    Unit { symbol, quantity, factor, offset: 0.0 }
}

const fn shifted(quantity: &'static str, symbol: &'static str, factor: f64, offset: f64) -> Unit {
    Unit { symbol, quantity, factor, offset }
}

/// A change of unit: `value × factor + offset`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Linear {
    /// Multiplier; positive.
    pub factor: f64,
    /// Added after the multiplication, in the unit converted to.
    pub offset: f64,
}

impl Linear {
    /// `value` in the unit converted to.
    #[must_use]
    pub fn apply(self, value: f64) -> f64 {
        value.mul_add(self.factor, self.offset)
    }
}

/// Why a value cannot be converted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnitError {
    /// The units measure different quantities.
    #[error("\"{from}\" ({from_quantity}) cannot be converted to \"{to}\" ({to_quantity})")]
    OtherQuantity {
        /// Symbol of the unit of the value.
        from: &'static str,
        /// Its quantity.
        from_quantity: &'static str,
        /// Symbol of the unit asked for.
        to: &'static str,
        /// Its quantity.
        to_quantity: &'static str,
    },
}

/// `value` of the unit `from` in the unit `to`; exact to a few units in the last place.
///
/// # Errors
/// [`UnitError::OtherQuantity`] where the units measure different quantities. Level counts as a length, and
/// mass concentration as a density.
pub fn convert(value: f64, from: &Unit, to: &Unit) -> Result<f64, UnitError> {
    if dimension(from.quantity) == dimension(to.quantity) {
        return Ok(to.from_si(from.to_si(value)));
    }
    Err(UnitError::OtherQuantity {
        from: from.symbol,
        from_quantity: from.quantity,
        to: to.symbol,
        to_quantity: to.quantity,
    })
}

/// The conversion of `from` to `to` as factor and offset, for a reader that converts by itself; `None` where
/// they measure different quantities. Offsets of temperatures are exact to 1e-12 of the unit.
#[must_use]
pub fn conversion(from: &Unit, to: &Unit) -> Option<Linear> {
    (dimension(from.quantity) == dimension(to.quantity))
        .then(|| Linear { factor: from.factor / to.factor, offset: (from.offset - to.offset) / to.factor })
}

/// The quantity whose units a quantity shares; itself where it has its own.
fn dimension(quantity: &'static str) -> &'static str {
    match quantity {
        "level" => "length",
        "mass_concentration" => "density",
        own => own,
    }
}

/// The units with this symbol; with `quantity`, only that quantity's. Micro and ohm may be written with either
/// of their two code points.
pub fn find<'a>(symbol: &'a str, quantity: Option<&'a str>) -> impl Iterator<Item = &'static Unit> + 'a {
    index::by_symbol(symbol).iter().copied().filter(move |unit| quantity.is_none_or(|name| unit.quantity == name))
}

/// Whether a quantity of this name exists.
#[must_use]
pub fn has_quantity(name: &str) -> bool {
    !index::by_quantity(name).is_empty()
}

/// The units of a quantity, in the order of the table; empty where there is no such quantity.
#[must_use]
pub fn of_quantity(quantity: &str) -> &'static [&'static Unit] {
    index::by_quantity(quantity)
}

/// The symbols of a quantity's units, in the order of the table.
#[must_use]
pub fn symbols(quantity: &str) -> Vec<&'static str> {
    of_quantity(quantity).iter().map(|unit| unit.symbol).collect()
}

/// The names of all quantities, in the order of the table.
pub fn quantities() -> impl Iterator<Item = &'static str> {
    UNITS.chunk_by(|left, right| left.quantity == right.quantity).map(|units| units[0].quantity)
}

/// Symbols that are written much like this one, the most alike first; five at the most.
#[must_use]
pub fn similar(symbol: &str) -> Vec<&'static str> {
    let wanted = symbol.to_lowercase();
    let likeness = |unit: &Unit| strsim::normalized_damerau_levenshtein(&unit.symbol.to_lowercase(), &wanted);
    let mut alike: Vec<(f64, &'static str)> =
        UNITS.iter().map(|unit| (likeness(unit), unit.symbol)).filter(|(likeness, _)| *likeness >= 0.5).collect();
    alike.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    let mut symbols: Vec<&'static str> = Vec::new();
    for (_, symbol) in alike {
        if symbols.len() < 5 && !symbols.contains(&symbol) {
            symbols.push(symbol);
        }
    }
    symbols
}

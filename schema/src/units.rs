//! Quantities and their units: factor and offset to the SI unit of the quantity.
//!
//! Factors are exact by definition (SI Brochure, 9th edition; NIST SP 811, 2008, appendix B) unless a
//! line says otherwise. A stored value is never converted in place; conversion happens at the edge.

/// A unit of one quantity: `SI value = value × factor + offset`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Unit {
    /// Symbol as used in plant definitions, unique over all quantities but for the shared ones of
    /// length and level.
    pub symbol: &'static str,
    /// Name of the quantity.
    pub quantity: &'static str,
    /// Multiplier to the quantity's SI unit.
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

const DEGREE_FAHRENHEIT: f64 = 5.0 / 9.0;
const POUND: f64 = 0.453_592_37;
const INCH: f64 = 0.025_4;
const FOOT: f64 = 0.304_8;
const STANDARD_GRAVITY: f64 = 9.806_65;
const US_GALLON: f64 = 231.0 * INCH * INCH * INCH;
const BARREL: f64 = 42.0 * US_GALLON;
const POUND_FORCE: f64 = POUND * STANDARD_GRAVITY;

/// Every unit known, by quantity.
pub const UNITS: &[Unit] = &[
    unit("temperature", "K", 1.0),
    shifted("temperature", "°C", 1.0, 273.15),
    shifted("temperature", "°F", DEGREE_FAHRENHEIT, 459.67 * DEGREE_FAHRENHEIT),
    unit("length", "m", 1.0),
    unit("length", "km", 1_000.0),
    unit("length", "cm", 0.01),
    unit("length", "mm", 0.001),
    unit("length", "in", INCH),
    unit("length", "ft", FOOT),
    unit("level", "m", 1.0),
    unit("level", "cm", 0.01),
    unit("level", "mm", 0.001),
    unit("level", "in", INCH),
    unit("level", "ft", FOOT),
    unit("time", "s", 1.0),
    unit("time", "ms", 0.001),
    unit("time", "min", 60.0),
    unit("time", "h", 3_600.0),
    unit("time", "d", 86_400.0),
    unit("mass", "kg", 1.0),
    unit("mass", "g", 0.001),
    unit("mass", "t", 1_000.0),
    unit("mass", "lb", POUND),
    unit("force", "N", 1.0),
    unit("force", "kN", 1_000.0),
    unit("force", "lbf", POUND_FORCE),
    unit("pressure", "Pa", 1.0),
    unit("pressure", "kPa", 1_000.0),
    unit("pressure", "MPa", 1_000_000.0),
    unit("pressure", "bar", 100_000.0),
    unit("pressure", "mbar", 100.0),
    unit("pressure", "psi", POUND_FORCE / (INCH * INCH)),
    unit("pressure", "atm", 101_325.0),
    unit("volume", "m³", 1.0),
    unit("volume", "L", 0.001),
    unit("volume", "mL", 0.000_001),
    unit("volume", "cm³", 0.000_001),
    unit("volume", "gal", US_GALLON),
    unit("volume", "bbl", BARREL),
    unit("density", "kg/m³", 1.0),
    unit("density", "g/cm³", 1_000.0),
    unit("volumetric_flow", "m³/s", 1.0),
    unit("volumetric_flow", "m³/h", 1.0 / 3_600.0),
    unit("volumetric_flow", "L/s", 0.001),
    unit("volumetric_flow", "L/min", 0.001 / 60.0),
    unit("volumetric_flow", "cm³/s", 0.000_001),
    unit("volumetric_flow", "bbl/d", BARREL / 86_400.0),
    unit("mass_flow", "kg/s", 1.0),
    unit("mass_flow", "kg/h", 1.0 / 3_600.0),
    unit("mass_flow", "t/h", 1_000.0 / 3_600.0),
    unit("power", "W", 1.0),
    unit("power", "kW", 1_000.0),
    unit("power", "MW", 1_000_000.0),
    unit("energy", "J", 1.0),
    unit("energy", "kJ", 1_000.0),
    unit("energy", "kWh", 3_600_000.0),
    unit("current", "A", 1.0),
    unit("current", "mA", 0.001),
    unit("voltage", "V", 1.0),
    unit("voltage", "mV", 0.001),
    unit("voltage", "kV", 1_000.0),
    unit("resistance", "Ω", 1.0),
    unit("resistance", "kΩ", 1_000.0),
    unit("frequency", "Hz", 1.0),
    unit("frequency", "kHz", 1_000.0),
    unit("frequency", "1/min", 1.0 / 60.0),
    unit("velocity", "m/s", 1.0),
    unit("velocity", "km/h", 1.0 / 3.6),
    unit("velocity", "ft/s", FOOT),
    unit("conductivity", "S/m", 1.0),
    unit("conductivity", "µS/cm", 0.000_1),
    unit("conductivity", "mS/cm", 0.1),
    unit("ph", "pH", 1.0),
    unit("percentage", "%", 0.01),
    unit("dimensionless", "1", 1.0),
];

/// The units with this symbol; with `quantity`, only that quantity's.
pub fn find<'a>(symbol: &'a str, quantity: Option<&'a str>) -> impl Iterator<Item = &'static Unit> + 'a {
    UNITS.iter().filter(move |unit| unit.symbol == symbol && quantity.is_none_or(|name| unit.quantity == name))
}

/// Whether a quantity of this name exists.
#[must_use]
pub fn has_quantity(name: &str) -> bool {
    UNITS.iter().any(|unit| unit.quantity == name)
}

/// The symbols of a quantity's units, in the order of the table.
#[must_use]
pub fn symbols(quantity: &str) -> Vec<&'static str> {
    UNITS.iter().filter(|unit| unit.quantity == quantity).map(|unit| unit.symbol).collect()
}

/// The names of all quantities, in the order of the table.
#[must_use]
pub fn quantities() -> Vec<&'static str> {
    let mut names: Vec<&'static str> = UNITS.iter().map(|unit| unit.quantity).collect();
    names.dedup();
    names
}

/// Symbols that are written much like this one, the most alike first; five at the most.
#[must_use]
pub fn similar(symbol: &str) -> Vec<&'static str> {
    let mut alike: Vec<(f64, &'static str)> = UNITS
        .iter()
        .map(|unit| {
            (strsim::normalized_damerau_levenshtein(&unit.symbol.to_lowercase(), &symbol.to_lowercase()), unit.symbol)
        })
        .filter(|(likeness, _)| *likeness >= 0.5)
        .collect();
    alike.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    alike.dedup_by_key(|(_, symbol)| *symbol);
    alike.truncate(5);
    alike.into_iter().map(|(_, symbol)| symbol).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_conversions_hold() {
        let convert = |value: f64, from: &str, to: &str| {
            let from = find(from, None).next().unwrap();
            find(to, Some(from.quantity)).next().unwrap().from_si(from.to_si(value))
        };
        for (value, from, to, expected) in [
            (32.0, "°F", "°C", 0.0),
            (100.0, "°C", "K", 373.15),
            (1.0, "bbl", "gal", 42.0),
            (1.0, "psi", "Pa", 6_894.757_293_168_36),
            (12.4, "cm", "m", 0.124),
        ] {
            let got = convert(value, from, to);
            assert!((got - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{value} {from} = {got} {to}");
        }
    }

    #[test]
    fn a_symbol_stands_once_in_its_quantity() {
        for unit in UNITS {
            assert_eq!(find(unit.symbol, Some(unit.quantity)).count(), 1, "{}", unit.symbol);
        }
    }

    proptest! {
        #[test]
        fn there_and_back_is_the_same(index in 0..UNITS.len(), value in -1e6..1e6_f64) {
            let unit = &UNITS[index];
            let back = unit.from_si(unit.to_si(value));
            // The offset of a temperature costs bits near its zero: relative to the larger of the two.
            let scale = value.abs().max((unit.offset / unit.factor).abs()).max(1.0);
            prop_assert!((back - value).abs() <= 1e-12 * scale);
        }
    }
}

mod uom_oracle;

use super::*;
use proptest::prelude::*;

fn known(symbol: &str, quantity: &str) -> &'static Unit {
    find(symbol, Some(quantity)).next().unwrap_or_else(|| panic!("no unit {symbol} of {quantity}"))
}

#[test]
fn known_conversions_hold() {
    for (value, from, to, quantity, expected) in [
        (32.0, "°F", "°C", "temperature", 0.0),
        (100.0, "°C", "K", "temperature", 373.15),
        (-40.0, "°C", "°F", "temperature", -40.0),
        (491.67, "°R", "°C", "temperature", 0.0),
        (1.0, "bbl", "gal", "volume", 42.0),
        (1.0, "psi", "Pa", "pressure", 6_894.757_293_168_36),
        (760.0, "Torr", "atm", "pressure", 1.0),
        (12.4, "cm", "m", "level", 0.124),
        (1.0, "hp", "W", "power", 745.699_871_582_270_2),
        (3_000.0, "rpm", "Hz", "frequency", 50.0),
    ] {
        let got = convert(value, known(from, quantity), known(to, quantity)).unwrap();
        assert!((got - expected).abs() <= 1e-12 * expected.abs().max(300.0), "{value} {from} = {got} {to}");
    }
}

#[test]
fn a_symbol_stands_once_in_its_quantity_and_in_one_quantity_but_for_the_shared() {
    let shared = |unit: &Unit| matches!(unit.quantity, "level" | "mass_concentration");
    for unit in UNITS {
        assert_eq!(find(unit.symbol, Some(unit.quantity)).count(), 1, "{}", unit.symbol);
        let owners = find(unit.symbol, None).filter(|other| !shared(other)).count();
        assert!(owners == 1 || shared(unit), "{} has {owners} quantities", unit.symbol);
    }
}

#[test]
fn every_quantity_stands_together_and_has_one_si_unit_first_or_a_share() {
    let names: Vec<&str> = quantities().collect();
    for (index, name) in names.iter().enumerate() {
        assert!(!names[..index].contains(name), "{name} stands in two places");
        assert!(has_quantity(name));
        let si = of_quantity(name).iter().any(|unit| (unit.to_si(1.0) - 1.0).abs() <= f64::EPSILON);
        assert!(si || *name == "percentage", "{name} has no SI unit");
    }
    assert!(!has_quantity("colour") && of_quantity("colour").is_empty() && symbols("colour").is_empty());
}

#[test]
fn level_has_the_units_of_length_up_to_the_mile() {
    for unit in of_quantity("level") {
        let length = known(unit.symbol, "length");
        assert!((length.factor - unit.factor).abs() <= 0.0, "{}", unit.symbol);
    }
    assert_eq!(symbols("level"), symbols("length"));
    assert!(convert(1.0, known("mm", "level"), known("m", "length")).is_ok());
}

#[test]
fn units_of_other_quantities_are_refused_with_both_names() {
    let error = convert(1.0, known("°C", "temperature"), known("bar", "pressure")).unwrap_err();
    assert_eq!(error.to_string(), "\"°C\" (temperature) cannot be converted to \"bar\" (pressure)");
    assert_eq!(conversion(known("°C", "temperature"), known("bar", "pressure")), None);
    assert!(conversion(known("N·m", "torque"), known("J", "energy")).is_none(), "a torque is no energy");
}

#[test]
fn micro_and_ohm_are_found_by_either_code_point() {
    for (typed, symbol) in [("\u{3BC}m", "µm"), ("\u{B5}S/cm", "µS/cm"), ("k\u{2126}", "kΩ"), ("\u{3A9}", "Ω")] {
        let found: Vec<_> = find(typed, None).map(|unit| unit.symbol).collect();
        assert_eq!(found.first(), Some(&symbol), "{typed}");
    }
    assert_eq!(find("furlong", None).count(), 0);
}

proptest! {
    #[test]
    fn there_and_back_is_the_same_for_every_pair_of_a_quantity(
        index in 0..UNITS.len(), other in any::<prop::sample::Index>(), value in -1e6..1e6_f64
    ) {
        let from = &UNITS[index];
        let units = of_quantity(from.quantity);
        let to = units[other.index(units.len())];
        // The offset of a temperature costs bits near its zero: relative to the larger of the two.
        let offset = (from.offset.abs() + to.offset.abs()) / from.factor;
        let bound = 1e-12 * value.abs().max(offset);
        let back = convert(convert(value, from, to).unwrap(), to, from).unwrap();
        prop_assert!((back - value).abs() <= bound, "{} {}: {value} {back}", from.symbol, to.symbol);
        let [there, home] = [conversion(from, to).unwrap(), conversion(to, from).unwrap()];
        let back = home.apply(there.apply(value));
        prop_assert!((back - value).abs() <= bound, "{} {}: {value} {back}", from.symbol, to.symbol);
    }
}

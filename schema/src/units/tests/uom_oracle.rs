//! Every unit against `uom`, and what `uom` lacks against NIST SP 811, 2008, appendix B.8.

use super::{UNITS, known};
use uom::si;

/// `uom` keeps factors of many units with the seven digits that SP 811 prints.
const SEVEN_DIGITS: f64 = 5e-7;
const EXACT: f64 = 1e-14;

/// Quantity, symbol, a value of the unit in SI by `uom`, tolerance.
type Case = (&'static str, &'static str, fn(f64) -> f64, f64);

macro_rules! tolerance {
    (=) => {
        EXACT
    };
    (~) => {
        SEVEN_DIGITS
    };
}

/// `=` where `uom` has the exact factor, `~` where it has seven digits.
macro_rules! by_uom {
    ($($quantity:literal as $type:ident in $module:ident { $($symbol:literal $how:tt $unit:ident),* $(,)? })*) => {
        &[$($((
            $quantity,
            $symbol,
            |value| si::f64::$type::new::<si::$module::$unit>(value).value,
            tolerance!($how),
        ),)*)*]
    };
}

const BY_UOM: &[Case] = by_uom! {
    "temperature" as ThermodynamicTemperature in thermodynamic_temperature {
        "K" = kelvin, "°C" = degree_celsius, "°F" = degree_fahrenheit, "°R" = degree_rankine,
    }
    "length" as Length in length {
        "m" = meter, "km" = kilometer, "cm" = centimeter, "mm" = millimeter, "µm" = micrometer, "in" = inch,
        "ft" = foot, "yd" = yard, "mi" = mile,
    }
    "level" as Length in length {
        "m" = meter, "km" = kilometer, "cm" = centimeter, "mm" = millimeter, "µm" = micrometer, "in" = inch,
        "ft" = foot, "yd" = yard, "mi" = mile,
    }
    "area" as Area in area {
        "m²" = square_meter, "km²" = square_kilometer, "cm²" = square_centimeter, "mm²" = square_millimeter,
        "ha" = hectare, "in²" = square_inch, "ft²" = square_foot, "yd²" = square_yard, "mi²" = square_mile,
    }
    "volume" as Volume in volume {
        "m³" = cubic_meter, "L" = liter, "mL" = milliliter, "cm³" = cubic_centimeter, "µL" = microliter,
        "mm³" = cubic_millimeter, "dm³" = cubic_decimeter, "hL" = hectoliter, "ML" = megaliter, "in³" ~ cubic_inch,
        "ft³" ~ cubic_foot, "yd³" ~ cubic_yard, "gal" ~ gallon, "qt" ~ quart_liquid, "pt" ~ pint_liquid,
        "fl oz" ~ fluid_ounce, "imp gal" = gallon_imperial, "bbl" ~ barrel,
    }
    "angle" as Angle in angle {
        "rad" = radian, "°" = degree, "′" = minute, "″" = second, "gon" = gon, "rev" = revolution,
    }
    "time" as Time in time {
        "s" = second, "ms" = millisecond, "µs" = microsecond, "min" = minute, "h" = hour, "d" = day,
    }
    "mass" as Mass in mass {
        "kg" = kilogram, "g" = gram, "mg" = milligram, "µg" = microgram, "t" = ton, "lb" ~ pound, "oz" ~ ounce,
        "gr" ~ grain, "US ton" ~ ton_short, "long ton" ~ ton_long,
    }
    "density" as MassDensity in mass_density {
        "kg/m³" = kilogram_per_cubic_meter, "g/cm³" = gram_per_cubic_centimeter, "t/m³" = ton_per_cubic_meter,
        "lb/ft³" ~ pound_per_cubic_foot, "lb/in³" ~ pound_per_cubic_inch, "lb/gal" ~ pound_per_gallon,
        "lb/imp gal" ~ pound_per_gallon_imperial,
    }
    "mass_concentration" as MassConcentration in mass_concentration {
        "kg/m³" = kilogram_per_cubic_meter, "g/m³" = gram_per_cubic_meter, "mg/m³" = milligram_per_cubic_meter,
        "µg/m³" = microgram_per_cubic_meter,
    }
    "amount" as AmountOfSubstance in amount_of_substance {
        "mol" = mole, "kmol" = kilomole, "mmol" = millimole, "µmol" = micromole,
    }
    "amount_concentration" as MolarConcentration in molar_concentration {
        "mol/m³" = mole_per_cubic_meter, "mol/L" = kilomole_per_cubic_meter, "mmol/L" = mole_per_cubic_meter,
        "µmol/L" = millimole_per_cubic_meter,
    }
    "percentage" as Ratio in ratio {
        "%" = percent, "‰" = per_mille, "ppm" = part_per_million, "ppb" = part_per_billion,
    }
    "dimensionless" as Ratio in ratio { "1" = ratio }
    "force" as Force in force {
        "N" = newton, "mN" = millinewton, "kN" = kilonewton, "MN" = meganewton, "lbf" ~ pound_force, "kip" ~ kip,
        "kgf" = kilogram_force, "dyn" = dyne,
    }
    "torque" as Torque in torque {
        "N·m" = newton_meter, "N·cm" = newton_centimeter, "kN·m" = kilonewton_meter, "kgf·m" = kilogram_force_meter,
        "lbf·ft" ~ pound_force_foot, "lbf·in" ~ pound_force_inch, "ozf·in" ~ ounce_force_inch,
    }
    "pressure" as Pressure in pressure {
        "Pa" = pascal, "hPa" = hectopascal, "kPa" = kilopascal, "MPa" = megapascal, "GPa" = gigapascal, "bar" = bar,
        "mbar" = millibar, "psi" ~ psi, "ksi" ~ kip_per_square_inch, "lbf/ft²" ~ pound_force_per_square_foot,
        "atm" = atmosphere, "kgf/cm²" = atmosphere_technical, "Torr" ~ torr, "mmHg" ~ millimeter_of_mercury,
        "inHg" ~ inch_of_mercury, "mmH2O" = millimeter_of_water, "cmH2O" = centimeter_of_water,
        "inH2O" ~ inch_of_water, "ftH2O" ~ foot_of_water,
    }
    "frequency" as Frequency in frequency {
        "Hz" = hertz, "mHz" = millihertz, "kHz" = kilohertz, "MHz" = megahertz, "GHz" = gigahertz,
        "1/min" = cycle_per_minute, "1/h" = cycle_per_hour, "rpm" = cycle_per_minute,
    }
    "velocity" as Velocity in velocity {
        "m/s" = meter_per_second, "cm/s" = centimeter_per_second, "mm/s" = millimeter_per_second,
        "µm/s" = micrometer_per_second, "mm/min" = millimeter_per_minute, "km/h" = kilometer_per_hour,
        "in/s" = inch_per_second, "ft/s" = foot_per_second, "ft/min" = foot_per_minute, "mph" = mile_per_hour,
        "kn" = knot,
    }
    "acceleration" as Acceleration in acceleration {
        "m/s²" = meter_per_second_squared, "cm/s²" = centimeter_per_second_squared,
        "mm/s²" = millimeter_per_second_squared, "in/s²" = inch_per_second_squared, "ft/s²" = foot_per_second_squared,
        "gₙ" = standard_gravity,
    }
    "angular_velocity" as AngularVelocity in angular_velocity {
        "rad/s" = radian_per_second, "°/s" = degree_per_second, "rev/s" = revolution_per_second,
        "rev/min" = revolution_per_minute,
    }
    "dynamic_viscosity" as DynamicViscosity in dynamic_viscosity {
        "Pa·s" = pascal_second, "mPa·s" = millipascal_second, "P" = poise, "cP" = centipoise,
        "lb/(ft·s)" ~ pound_per_foot_second, "lb/(ft·h)" ~ pound_per_foot_hour,
    }
    "kinematic_viscosity" as KinematicViscosity in kinematic_viscosity {
        "m²/s" = square_meter_per_second, "mm²/s" = square_millimeter_per_second, "St" = stokes, "cSt" = centistokes,
    }
    "volumetric_flow" as VolumeRate in volume_rate {
        "m³/s" = cubic_meter_per_second, "m³/min" = cubic_meter_per_minute, "m³/h" = cubic_meter_per_hour,
        "L/s" = liter_per_second, "mL/s" = milliliter_per_second, "cm³/s" = cubic_centimeter_per_second,
        "ft³/s" ~ cubic_foot_per_second, "ft³/min" ~ cubic_foot_per_minute, "gal/s" ~ gallon_per_second,
        "gal/min" ~ gallon_per_minute, "gal/d" ~ gallon_per_day,
    }
    "mass_flow" as MassRate in mass_rate {
        "kg/s" = kilogram_per_second, "kg/min" = kilogram_per_minute, "kg/h" = kilogram_per_hour,
        "kg/d" = kilogram_per_day, "g/s" = gram_per_second, "g/min" = gram_per_minute, "g/h" = gram_per_hour,
        "t/h" = ton_per_hour, "t/d" = ton_per_day, "lb/s" ~ pound_per_second, "lb/min" ~ pound_per_minute,
        "lb/h" ~ pound_per_hour, "US ton/h" ~ ton_short_per_hour,
    }
    "power" as Power in power {
        "W" = watt, "mW" = milliwatt, "kW" = kilowatt, "MW" = megawatt, "GW" = gigawatt, "hp" ~ horsepower,
        "hp(metric)" ~ horsepower_metric,
    }
    "energy" as Energy in energy {
        "J" = joule, "kJ" = kilojoule, "MJ" = megajoule, "GJ" = gigajoule, "Wh" = watt_hour, "kWh" = kilowatt_hour,
        "MWh" = megawatt_hour, "GWh" = gigawatt_hour, "cal" = calorie, "kcal" = kilocalorie, "cal(IT)" = calorie_it,
        "kcal(IT)" = kilocalorie_it, "BTU" ~ btu_it, "therm(US)" = therm_us, "ft·lbf" ~ foot_pound,
    }
    "current" as ElectricCurrent in electric_current {
        "A" = ampere, "mA" = milliampere, "µA" = microampere, "kA" = kiloampere,
    }
    "voltage" as ElectricPotential in electric_potential {
        "V" = volt, "µV" = microvolt, "mV" = millivolt, "kV" = kilovolt, "MV" = megavolt,
    }
    "resistance" as ElectricalResistance in electrical_resistance {
        "Ω" = ohm, "mΩ" = milliohm, "kΩ" = kiloohm, "MΩ" = megaohm,
    }
    "conductivity" as ElectricalConductivity in electrical_conductivity {
        "S/m" = siemens_per_meter, "S/cm" = siemens_per_centimeter,
    }
    "charge" as ElectricCharge in electric_charge {
        "C" = coulomb, "mC" = millicoulomb, "mAh" = milliampere_hour, "Ah" = ampere_hour,
    }
    // Electric power of other names (IEC 80000-6).
    "apparent_power" as Power in power { "VA" = watt, "kVA" = kilowatt, "MVA" = megawatt }
    "reactive_power" as Power in power { "var" = watt, "kvar" = kilowatt, "Mvar" = megawatt }
};

/// What `uom` lacks: the factor to SI as SP 811 B.8 prints it, or by the prefixes and units that it is made of.
const BY_HAND: &[(&str, &str, f64, f64)] = &[
    ("angle", "mrad", 1e-3, EXACT),
    ("time", "wk", 604_800.0, EXACT),
    ("density", "kg/L", 1e3, EXACT),
    ("density", "g/mL", 1e3, EXACT),
    ("mass_concentration", "g/L", 1.0, EXACT),
    ("mass_concentration", "mg/L", 1e-3, EXACT),
    ("mass_concentration", "µg/L", 1e-6, EXACT),
    ("ph", "pH", 1.0, EXACT),
    ("pressure", "µbar", 0.1, EXACT),
    ("pressure", "mH2O", 9_806.65, EXACT),
    ("velocity", "m/min", 1.666_666_666_666_666_7e-2, EXACT),
    ("velocity", "m/h", 2.777_777_777_777_778e-4, EXACT),
    // Square foot per second and per hour.
    ("kinematic_viscosity", "ft²/s", 9.290_304e-2, EXACT),
    ("kinematic_viscosity", "ft²/h", 2.580_64e-5, EXACT),
    ("volumetric_flow", "m³/d", 1.157_407_407_407_407_4e-5, EXACT),
    ("volumetric_flow", "L/min", 1.666_666_666_666_666_7e-5, EXACT),
    ("volumetric_flow", "L/h", 2.777_777_777_777_777_8e-7, EXACT),
    ("volumetric_flow", "mL/min", 1.666_666_666_666_666_7e-8, EXACT),
    ("volumetric_flow", "mL/h", 2.777_777_777_777_777_8e-10, EXACT),
    ("volumetric_flow", "ML/d", 1.157_407_407_407_407_4e-2, EXACT),
    // A cubic foot of 2.831 685 E-02 m³ and a gallon of 3.785 412 E-03 m³ over 3,600 s.
    ("volumetric_flow", "ft³/h", 7.865_792e-6, SEVEN_DIGITS),
    ("volumetric_flow", "gal/h", 1.051_503e-6, SEVEN_DIGITS),
    // 1e6 gallons over 86,400 s.
    ("volumetric_flow", "Mgal/d", 4.381_264e-2, SEVEN_DIGITS),
    // An imperial gallon of 4.546 09 E-03 m³ over 60 s.
    ("volumetric_flow", "imp gal/min", 7.576_816_666_666_667e-5, EXACT),
    // A barrel of 1.589 873 E-01 m³ over 3,600 and 86,400 s.
    ("volumetric_flow", "bbl/h", 4.416_314e-5, SEVEN_DIGITS),
    ("volumetric_flow", "bbl/d", 1.840_131e-6, SEVEN_DIGITS),
    // British thermal unit (IT) per hour; ton of refrigeration; thermochemical kilocalorie per 3,600 s.
    ("power", "BTU/h", 2.930_711e-1, SEVEN_DIGITS),
    ("power", "TR", 3.516_853e3, SEVEN_DIGITS),
    ("power", "kcal/h", 1.162_222_222_222_222_2, EXACT),
    // Therm (EC), of which SP 811 has six digits: 1.055 06 E+08.
    ("energy", "therm(EC)", 1.055_06e8, 5e-6),
    ("conductivity", "µS/m", 1e-6, EXACT),
    ("conductivity", "mS/m", 1e-3, EXACT),
    ("conductivity", "µS/cm", 1e-4, EXACT),
    ("conductivity", "mS/cm", 0.1, EXACT),
];

#[test]
fn every_unit_that_uom_has_converts_as_in_uom() {
    for (quantity, symbol, to_si, tolerance) in BY_UOM {
        let unit = known(symbol, quantity);
        for value in [0.0, 1.0, -3.25, 12_345.678] {
            let (own, other) = (unit.to_si(value), to_si(value));
            let bound = tolerance * other.abs().max(unit.offset);
            assert!((own - other).abs() <= bound, "{value} {symbol} of {quantity} is {own}, by uom {other}");
        }
    }
}

#[test]
fn every_unit_that_uom_lacks_has_its_factor_by_sp_811() {
    for (quantity, symbol, factor, tolerance) in BY_HAND {
        let own = known(symbol, quantity).to_si(1.0);
        assert!((own - factor).abs() <= tolerance * factor, "{symbol} of {quantity} is {own}, by SP 811 {factor}");
    }
}

#[test]
fn every_unit_is_compared_with_one_other_source() {
    for unit in UNITS {
        let by_uom = BY_UOM.iter().filter(|case| (case.0, case.1) == (unit.quantity, unit.symbol)).count();
        let by_hand = BY_HAND.iter().filter(|case| (case.0, case.1) == (unit.quantity, unit.symbol)).count();
        assert_eq!(by_uom + by_hand, 1, "{} of {}", unit.symbol, unit.quantity);
    }
    assert_eq!(BY_UOM.len() + BY_HAND.len(), UNITS.len());
}

//! Units of temperature, power and energy.

use super::constants::{BTU_IT, DEGREE_FAHRENHEIT, FOOT, HOUR, POUND_FORCE, STANDARD_GRAVITY};
use super::{Unit, shifted, unit};

pub(super) const TEMPERATURE: &[Unit] = &[
    unit("temperature", "K", 1.0),
    shifted("temperature", "°C", 1.0, 273.15),
    shifted("temperature", "°F", DEGREE_FAHRENHEIT, 459.67 * DEGREE_FAHRENHEIT),
    unit("temperature", "°R", DEGREE_FAHRENHEIT),
];

pub(super) const UNITS: &[Unit] = &[
    unit("power", "W", 1.0),
    unit("power", "mW", 0.001),
    unit("power", "kW", 1_000.0),
    unit("power", "MW", 1_000_000.0),
    unit("power", "GW", 1e9),
    // Mechanical horsepower: 550 foot-pounds-force per second.
    unit("power", "hp", 550.0 * FOOT * POUND_FORCE),
    // Metric horsepower: 75 kgf·m/s.
    unit("power", "hp(metric)", 75.0 * STANDARD_GRAVITY),
    unit("power", "BTU/h", BTU_IT / HOUR),
    // Ton of refrigeration: 12,000 BTU(IT) per hour.
    unit("power", "TR", 12_000.0 * BTU_IT / HOUR),
    unit("power", "kcal/h", 4_184.0 / HOUR),
    unit("energy", "J", 1.0),
    unit("energy", "kJ", 1_000.0),
    unit("energy", "MJ", 1_000_000.0),
    unit("energy", "GJ", 1e9),
    unit("energy", "Wh", 3_600.0),
    unit("energy", "kWh", 3_600_000.0),
    unit("energy", "MWh", 3.6e9),
    unit("energy", "GWh", 3.6e12),
    // Thermochemical calorie; the International Table's names itself.
    unit("energy", "cal", 4.184),
    unit("energy", "kcal", 4_184.0),
    unit("energy", "cal(IT)", 4.186_8),
    unit("energy", "kcal(IT)", 4_186.8),
    // Of the International Table.
    unit("energy", "BTU", BTU_IT),
    // 100,000 BTU(IT), before SP 811 rounds it.
    unit("energy", "therm(EC)", 100_000.0 * BTU_IT),
    // 100,000 BTU at 59 °F, as fixed in US law.
    unit("energy", "therm(US)", 105_480_400.0),
    unit("energy", "ft·lbf", FOOT * POUND_FORCE),
];

//! Units of volume and mass per time.

use super::constants::{BARREL, CUBIC_FOOT, DAY, HOUR, IMPERIAL_GALLON, LITER, MINUTE, POUND, US_GALLON};
use super::{Unit, unit};

pub(super) const UNITS: &[Unit] = &[
    unit("volumetric_flow", "m³/s", 1.0),
    unit("volumetric_flow", "m³/min", 1.0 / MINUTE),
    unit("volumetric_flow", "m³/h", 1.0 / HOUR),
    unit("volumetric_flow", "m³/d", 1.0 / DAY),
    unit("volumetric_flow", "L/s", LITER),
    unit("volumetric_flow", "L/min", LITER / MINUTE),
    unit("volumetric_flow", "L/h", LITER / HOUR),
    unit("volumetric_flow", "mL/s", 0.000_001),
    unit("volumetric_flow", "mL/min", 0.000_001 / MINUTE),
    unit("volumetric_flow", "mL/h", 0.000_001 / HOUR),
    unit("volumetric_flow", "cm³/s", 0.000_001),
    unit("volumetric_flow", "ML/d", 1_000.0 / DAY),
    unit("volumetric_flow", "ft³/s", CUBIC_FOOT),
    unit("volumetric_flow", "ft³/min", CUBIC_FOOT / MINUTE),
    unit("volumetric_flow", "ft³/h", CUBIC_FOOT / HOUR),
    unit("volumetric_flow", "gal/s", US_GALLON),
    unit("volumetric_flow", "gal/min", US_GALLON / MINUTE),
    unit("volumetric_flow", "gal/h", US_GALLON / HOUR),
    unit("volumetric_flow", "gal/d", US_GALLON / DAY),
    // A million US gallons per day.
    unit("volumetric_flow", "Mgal/d", 1_000_000.0 * US_GALLON / DAY),
    unit("volumetric_flow", "imp gal/min", IMPERIAL_GALLON / MINUTE),
    unit("volumetric_flow", "bbl/h", BARREL / HOUR),
    unit("volumetric_flow", "bbl/d", BARREL / DAY),
    unit("mass_flow", "kg/s", 1.0),
    unit("mass_flow", "kg/min", 1.0 / MINUTE),
    unit("mass_flow", "kg/h", 1.0 / HOUR),
    unit("mass_flow", "kg/d", 1.0 / DAY),
    unit("mass_flow", "g/s", 0.001),
    unit("mass_flow", "g/min", 0.001 / MINUTE),
    unit("mass_flow", "g/h", 0.001 / HOUR),
    unit("mass_flow", "t/h", 1_000.0 / HOUR),
    unit("mass_flow", "t/d", 1_000.0 / DAY),
    unit("mass_flow", "lb/s", POUND),
    unit("mass_flow", "lb/min", POUND / MINUTE),
    unit("mass_flow", "lb/h", POUND / HOUR),
    unit("mass_flow", "US ton/h", 2_000.0 * POUND / HOUR),
];

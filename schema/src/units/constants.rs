//! What factors are made of; each exact by definition.

/// International inch, m (SP 811 B.8).
pub(super) const INCH: f64 = 0.025_4;
/// International foot, m (SP 811 B.8).
pub(super) const FOOT: f64 = 0.304_8;
/// International yard, m (SP 811 B.8).
pub(super) const YARD: f64 = 0.914_4;
/// International mile, m (SP 811 B.8).
pub(super) const MILE: f64 = 1_609.344;
/// Avoirdupois pound, kg (SP 811 B.8).
pub(super) const POUND: f64 = 0.453_592_37;
/// Standard acceleration of free fall, m/s² (3rd CGPM, 1901; SI Brochure).
pub(super) const STANDARD_GRAVITY: f64 = 9.806_65;
/// Pound-force, N: the pound under standard gravity (SP 811 B.8).
pub(super) const POUND_FORCE: f64 = POUND * STANDARD_GRAVITY;
/// Liter, m³ (SI Brochure, table 8).
pub(super) const LITER: f64 = 0.001;
/// US gallon, m³: 231 cubic inches (SP 811 B.8).
pub(super) const US_GALLON: f64 = 231.0 * INCH * INCH * INCH;
/// Imperial gallon, m³ (SP 811 B.8).
pub(super) const IMPERIAL_GALLON: f64 = 0.004_546_09;
/// Barrel of petroleum, m³: 42 US gallons (SP 811 B.8).
pub(super) const BARREL: f64 = 42.0 * US_GALLON;
/// Cubic foot, m³.
pub(super) const CUBIC_FOOT: f64 = FOOT * FOOT * FOOT;
/// Conventional density of mercury at 0 °C, kg/m³ (SP 811 B.8, "conventional").
pub(super) const MERCURY: f64 = 13_595.1;
/// British thermal unit of the International Table, J: 2,326 J/kg per pound (5th International Conference on the
/// Properties of Steam, 1956; SP 811 B.8).
pub(super) const BTU_IT: f64 = 1_055.055_852_62;
/// Seconds of a minute, an hour and a day (SI Brochure, table 8).
pub(super) const MINUTE: f64 = 60.0;
/// See [`MINUTE`].
pub(super) const HOUR: f64 = 3_600.0;
/// See [`MINUTE`].
pub(super) const DAY: f64 = 86_400.0;
/// Kelvin of a degree Fahrenheit or Rankine (SP 811 B.8).
pub(super) const DEGREE_FAHRENHEIT: f64 = 5.0 / 9.0;

//! Which screens stand.

use flyball_schema::Quality;
use std::fmt;

/// An anomaly screen, in order of precedence: what is known for certain before what is inferred from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Screen {
    /// The value lies outside its range.
    Range,
    /// The source is alive, but its values do not move.
    Frozen,
    /// The value has changed faster than it can.
    Rate,
    /// The value lies far from those before it.
    Outlier,
    /// The values wander off their target.
    Drift,
}

impl Screen {
    /// Every screen, in order of precedence.
    pub const ALL: [Self; 5] = [Self::Range, Self::Frozen, Self::Rate, Self::Outlier, Self::Drift];

    /// The word used in plant definitions and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Range => "range",
            Self::Frozen => "frozen",
            Self::Rate => "rate",
            Self::Outlier => "outlier",
            Self::Drift => "drift",
        }
    }

    /// The quality of a value while the screen stands.
    #[must_use]
    pub const fn quality(self) -> Quality {
        match self {
            Self::Range => Quality::UNCERTAIN_RANGE_EXCEEDED,
            Self::Frozen => Quality::UNCERTAIN_FROZEN,
            Self::Rate => Quality::UNCERTAIN_RATE,
            Self::Outlier => Quality::UNCERTAIN_OUTLIER,
            Self::Drift => Quality::UNCERTAIN_DRIFT,
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// The screens that stand after a sample; none by default.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Standing(u8);

impl Standing {
    /// Whether no screen stands.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether this screen stands.
    #[must_use]
    pub const fn contains(self, screen: Screen) -> bool {
        self.0 & screen.bit() != 0
    }

    /// These screens and `screen` where it `stands`.
    #[must_use]
    pub(super) const fn with(self, screen: Screen, stands: bool) -> Self {
        if stands { Self(self.0 | screen.bit()) } else { self }
    }

    /// The screens that stand, in order of precedence.
    pub fn iter(self) -> impl Iterator<Item = Screen> {
        Screen::ALL.into_iter().filter(move |screen| self.contains(*screen))
    }

    /// The quality by the first screen that stands, in the order of [`Screen`]: range, frozen, rate, outlier, drift;
    /// good where none does. The caller takes the worst of this and the sample's own.
    #[must_use]
    pub fn quality(self) -> Quality {
        self.iter().next().map_or(Quality::GOOD, Screen::quality)
    }
}

impl fmt::Display for Standing {
    /// The names, `range, drift`; empty for none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, screen) in self.iter().enumerate() {
            let separator = if position == 0 { "" } else { ", " };
            write!(f, "{separator}{}", screen.as_str())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flyball_schema::Severity;

    #[test]
    fn the_quality_is_that_of_the_first_screen_that_stands() {
        let mut standing = Standing::default();
        assert_eq!((standing.is_empty(), standing.quality()), (true, Quality::GOOD));
        for screen in Screen::ALL.into_iter().rev() {
            standing = standing.with(screen, true);
            assert!(standing.contains(screen));
            assert_eq!(standing.quality(), screen.quality());
            assert_eq!(screen.quality().severity(), Severity::Uncertain);
        }
        assert_eq!(standing.to_string(), "range, frozen, rate, outlier, drift");
        assert_eq!(standing.with(Screen::Rate, false), standing);
        assert_eq!(size_of::<Standing>(), 1);
    }
}

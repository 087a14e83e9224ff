//! Which aggregates there are, and what they take for good. Pure.

use super::super::HistoryError;

/// Writes [`Aggregate`] and its names from one table.
macro_rules! aggregates {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// An aggregate of OPC UA Part 13, by its browse name.
        ///
        /// Unless said otherwise its time is the start of the interval, *good* means the severity of the raw sample, and
        /// the value is a float.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Aggregate {
            $($(#[$doc])* $name,)*
        }

        impl Aggregate {
            /// Every aggregate.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The browse name.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }
        }
    };
}

aggregates! {
    /// Mean of the good samples (5.4.3.5).
    Average,
    /// Mean over time, straight lines between the samples that are not bad, through those that are (5.4.3.6).
    TimeAverage,
    /// Mean over the time in which the tag was not bad (5.4.3.7).
    TimeAverage2,
    /// Smallest good sample (5.4.3.10).
    Minimum,
    /// Largest good sample (5.4.3.11).
    Maximum,
    /// Smallest good sample, with its time (5.4.3.12).
    MinimumActualTime,
    /// Largest good sample, with its time (5.4.3.13).
    MaximumActualTime,
    /// Largest less smallest good sample (5.4.3.14).
    Range,
    /// Number of good samples, an integer (5.4.3.20).
    Count,
    /// First sample as it was stored, with its time and quality (5.4.3.25).
    Start,
    /// Last sample as it was stored, with its time and quality (5.4.3.26).
    End,
    /// Last less first good sample (5.4.3.27).
    Delta,
    /// What the tag is at the start of the interval (5.4.3.28).
    StartBound,
    /// What the tag is at the end of the interval (5.4.3.29).
    EndBound,
    /// Time in which the tag was good, ms (5.4.3.31).
    DurationGood,
    /// Time in which the tag was bad, ms (5.4.3.32).
    DurationBad,
    /// Share of the time in which the tag was good, % (5.4.3.33).
    PercentGood,
    /// Share of the time in which the tag was bad, % (5.4.3.34).
    PercentBad,
    /// Standard deviation of the good samples, as a sample of more (5.4.3.37).
    StandardDeviationSample,
    /// Standard deviation of the good samples, as all there are (5.4.3.39).
    StandardDeviationPopulation,
}

impl Aggregate {
    /// The aggregate of a browse name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|aggregate| aggregate.as_str() == name)
    }

    /// Whether its values have times of their own, and not the start of the interval.
    #[must_use]
    pub fn has_time_of_its_own(self) -> bool {
        matches!(self, Self::MinimumActualTime | Self::MaximumActualTime | Self::Start | Self::End)
    }

    /// Whether it computes with the values, which must be numbers then.
    #[must_use]
    pub fn is_numeric(self) -> bool {
        !matches!(
            self,
            Self::Count
                | Self::Start
                | Self::End
                | Self::StartBound
                | Self::EndBound
                | Self::DurationGood
                | Self::DurationBad
                | Self::PercentGood
                | Self::PercentBad
        )
    }
}

/// What aggregates take for good (OPC UA Part 13, 4.2.1.2, and `Stepped` of Part 11). The defaults are the standard's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AggregateConfig {
    /// Whether uncertain samples count as bad ones.
    pub treat_uncertain_as_bad: bool,
    /// From which share of bad data on a result is bad, %.
    pub percent_data_bad: u8,
    /// From which share of good data on a result is good, %; at least 100 − `percent_data_bad`. Of two shares that are both
    /// reached this one counts, as in the examples of annex A.
    pub percent_data_good: u8,
    /// Whether a straight line goes on behind the last sample, and not its value.
    pub use_sloped_extrapolation: bool,
    /// Whether a value holds until the next sample. Where not, a straight line leads there. Boolean values and texts always
    /// hold.
    pub stepped: bool,
}

impl Default for AggregateConfig {
    fn default() -> Self {
        Self {
            treat_uncertain_as_bad: true,
            percent_data_bad: 100,
            percent_data_good: 100,
            use_sloped_extrapolation: false,
            stepped: false,
        }
    }
}

impl AggregateConfig {
    /// Refuses shares that the standard does not allow.
    ///
    /// # Errors
    /// [`HistoryError::Percent`].
    pub fn check(&self) -> Result<(), HistoryError> {
        let (good, bad) = (self.percent_data_good, self.percent_data_bad);
        let fits = good <= 100 && bad <= 100 && u16::from(good) + u16::from(bad) >= 100;
        if fits { Ok(()) } else { Err(HistoryError::Percent { good, bad }) }
    }
}

//! How far a value can be trusted, as OPC UA says it.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The two highest bits of an OPC UA `StatusCode` (OPC UA Part 4, 7.39).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The value can be used.
    Good,
    /// The value can be used with care.
    Uncertain,
    /// The value must not be used.
    Bad,
}

impl Severity {
    /// The word used on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Uncertain => "uncertain",
            Self::Bad => "bad",
        }
    }
}

/// The quality of a value: an OPC UA `StatusCode`, kept whole.
///
/// Compare by [`severity`](Self::severity), never with [`Quality::GOOD`]: a good value may carry
/// information bits such as *overflow*.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Quality(u32);

macro_rules! qualities {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $reason:literal;)*) => {
        impl Quality {
            $($(#[$doc])* pub const $name: Self = Self($code);)*

            /// Why the value is not plainly good, in a few words; empty for good.
            #[must_use]
            pub fn reason(self) -> &'static str {
                match self.0 & 0xFFFF_0000 {
                    $($code => $reason,)*
                    _ => match self.severity() {
                        Severity::Good => "",
                        Severity::Uncertain => "uncertain",
                        Severity::Bad => "bad",
                    },
                }
            }
        }
    };
}

// Codes: OPC UA Part 6, annex A (StatusCode.csv). Flyball's own: sub-codes 0xF01 to 0xF05, of the block 0xF00 to
// 0xFFF of the 12-bit sub-code field (Part 4, 7.39) in which Part 6 assigns none.
qualities! {
    /// Nothing is known against the value.
    GOOD = 0x0000_0000, "";
    /// An operator has put the value in place of the device's.
    GOOD_LOCAL_OVERRIDE = 0x0096_0000, "substituted";
    /// Uncertain, without a reason.
    UNCERTAIN = 0x4000_0000, "uncertain";
    /// The value is the last one before communication was lost.
    UNCERTAIN_LAST_USABLE = 0x4090_0000, "last usable value";
    /// The value stands in for a measured one.
    UNCERTAIN_SUBSTITUTE = 0x4091_0000, "substituted";
    /// The sensor is known to be less accurate than it should be.
    UNCERTAIN_SENSOR_NOT_ACCURATE = 0x4093_0000, "sensor not accurate";
    /// The value lies outside the range of its unit.
    UNCERTAIN_RANGE_EXCEEDED = 0x4094_0000, "out of range";
    /// The value was calculated from data of which not all are good.
    UNCERTAIN_DATA_SUB_NORMAL = 0x40A4_0000, "calculated from data that are not all good";
    /// The source is alive, but its values do not move. Flyball's own.
    UNCERTAIN_FROZEN = 0x4F01_0000, "frozen";
    /// The value lies far from those before it. Flyball's own.
    UNCERTAIN_OUTLIER = 0x4F02_0000, "outlier";
    /// The value changes faster than it can. Flyball's own.
    UNCERTAIN_RATE = 0x4F03_0000, "changes too fast";
    /// The values wander off their target. Flyball's own.
    UNCERTAIN_DRIFT = 0x4F04_0000, "drifts";
    /// Bad, without a reason.
    BAD = 0x8000_0000, "bad";
    /// The device did not answer in time.
    BAD_TIMEOUT = 0x800A_0000, "timeout";
    /// Reading it is not allowed.
    BAD_USER_ACCESS_DENIED = 0x801F_0000, "access denied";
    /// There is no communication with the device, and no last value.
    BAD_NO_COMMUNICATION = 0x8031_0000, "no communication";
    /// No value has arrived yet.
    BAD_WAITING_FOR_INITIAL_DATA = 0x8032_0000, "waiting for initial data";
    /// The node address is malformed.
    BAD_NODE_ID_INVALID = 0x8033_0000, "node id invalid";
    /// The device does not know the node.
    BAD_NODE_ID_UNKNOWN = 0x8034_0000, "node id unknown";
    /// The device does not know the attribute.
    BAD_ATTRIBUTE_ID_INVALID = 0x8035_0000, "attribute id invalid";
    /// The node cannot be read.
    BAD_NOT_READABLE = 0x803A_0000, "not readable";
    /// The node cannot be written.
    BAD_NOT_WRITABLE = 0x803B_0000, "not writable";
    /// The value is not finite or lies outside what its type can hold.
    BAD_OUT_OF_RANGE = 0x803C_0000, "out of range";
    /// The value's type is not the tag's.
    BAD_TYPE_MISMATCH = 0x8074_0000, "type mismatch";
    /// The tag is configured wrongly.
    BAD_CONFIGURATION_ERROR = 0x8089_0000, "configuration error";
    /// The device is not connected.
    BAD_NOT_CONNECTED = 0x808A_0000, "not connected";
    /// The device has failed.
    BAD_DEVICE_FAILURE = 0x808B_0000, "device failure";
    /// The sensor has failed.
    BAD_SENSOR_FAILURE = 0x808C_0000, "sensor failure";
    /// The source is out of service.
    BAD_OUT_OF_SERVICE = 0x808D_0000, "out of service";
    /// There are no data to calculate a value from.
    BAD_NO_DATA = 0x809B_0000, "no data";
    /// The source has said nothing for too long. Flyball's own.
    BAD_STALE = 0x8F05_0000, "stale";
}

impl Quality {
    /// The quality of an OPC UA `StatusCode`. The reserved severity `0b11` counts as bad.
    #[must_use]
    pub const fn from_status_code(code: u32) -> Self {
        Self(code)
    }

    /// The OPC UA `StatusCode`.
    #[must_use]
    pub const fn status_code(self) -> u32 {
        self.0
    }

    /// The `StatusCode` for clients that know the codes of OPC UA alone: Flyball's own sub-codes as the nearest
    /// standard ones, all else unchanged. Severity and information bits (0 to 15) stay.
    #[must_use]
    pub const fn to_opcua(self) -> u32 {
        let standard = match Self(self.0 & 0xFFFF_0000) {
            Self::UNCERTAIN_FROZEN | Self::UNCERTAIN_OUTLIER | Self::UNCERTAIN_RATE | Self::UNCERTAIN_DRIFT => {
                Self::UNCERTAIN_SENSOR_NOT_ACCURATE
            }
            Self::BAD_STALE => Self::BAD_NO_DATA,
            other => other,
        };
        standard.0 | (self.0 & 0xFFFF)
    }

    /// Good, uncertain or bad.
    #[must_use]
    pub const fn severity(self) -> Severity {
        match self.0 >> 30 {
            0 => Severity::Good,
            1 => Severity::Uncertain,
            _ => Severity::Bad,
        }
    }

    /// Whether the severity is good.
    #[must_use]
    pub const fn is_good(self) -> bool {
        self.0 >> 30 == 0
    }

    /// Whether the value must not be used.
    #[must_use]
    pub const fn is_bad(self) -> bool {
        self.0 >> 31 == 1
    }

    /// The worse of two qualities; the first where they are equally bad.
    #[must_use]
    pub fn worst(self, other: Self) -> Self {
        if other.severity() > self.severity() { other } else { self }
    }
}

impl Default for Quality {
    fn default() -> Self {
        Self::BAD_WAITING_FOR_INITIAL_DATA
    }
}

impl fmt::Debug for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} (0x{:08X})", self.0)
    }
}

impl fmt::Display for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = self.severity().as_str();
        match self.reason() {
            "" => f.write_str(severity),
            reason if reason == severity => f.write_str(severity),
            reason => write!(f, "{severity}: {reason}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severity_comes_from_the_two_highest_bits_alone() {
        let good_with_overflow = Quality::from_status_code(0x0000_0480);
        assert!(good_with_overflow.is_good());
        assert_eq!(Quality::UNCERTAIN_SUBSTITUTE.severity(), Severity::Uncertain);
        assert_eq!(Quality::from_status_code(0xC000_0000).severity(), Severity::Bad);
        assert!(Quality::BAD_NO_COMMUNICATION.is_bad());
    }

    #[test]
    fn a_quality_says_its_reason() {
        assert_eq!(Quality::BAD_NODE_ID_UNKNOWN.to_string(), "bad: node id unknown");
        assert_eq!(Quality::GOOD.to_string(), "good");
        assert_eq!(Quality::BAD.to_string(), "bad");
    }

    #[test]
    fn own_sub_codes_become_the_nearest_standard_ones_for_others() {
        let information_bits = 0x0480;
        for (own, standard) in [
            (Quality::UNCERTAIN_FROZEN, Quality::UNCERTAIN_SENSOR_NOT_ACCURATE),
            (Quality::UNCERTAIN_OUTLIER, Quality::UNCERTAIN_SENSOR_NOT_ACCURATE),
            (Quality::UNCERTAIN_RATE, Quality::UNCERTAIN_SENSOR_NOT_ACCURATE),
            (Quality::UNCERTAIN_DRIFT, Quality::UNCERTAIN_SENSOR_NOT_ACCURATE),
            (Quality::BAD_STALE, Quality::BAD_NO_DATA),
            (Quality::UNCERTAIN_RANGE_EXCEEDED, Quality::UNCERTAIN_RANGE_EXCEEDED),
            (Quality::GOOD, Quality::GOOD),
        ] {
            let with_bits = Quality::from_status_code(own.status_code() | information_bits);
            assert_eq!(own.to_opcua(), standard.status_code());
            assert_eq!(with_bits.to_opcua(), standard.status_code() | information_bits);
            assert_eq!(own.severity(), standard.severity());
            assert_eq!(with_bits.reason(), own.reason());
        }
        assert_eq!(Quality::UNCERTAIN_RATE.to_string(), "uncertain: changes too fast");
        assert_eq!(Quality::BAD_STALE.to_string(), "bad: stale");
    }

    #[test]
    fn the_worst_of_two_qualities_keeps_the_first_reason_on_a_tie() {
        let worst = Quality::BAD_TIMEOUT.worst(Quality::BAD_NO_COMMUNICATION);
        assert_eq!(worst, Quality::BAD_TIMEOUT);
        assert_eq!(Quality::GOOD.worst(Quality::UNCERTAIN), Quality::UNCERTAIN);
    }
}

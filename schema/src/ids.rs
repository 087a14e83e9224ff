//! Dense, permanent identities. A name may change; an id never does, and is not used again.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub u32);

        impl $name {
            /// The id as an index into a dense vector.
            #[must_use]
            pub fn index(self) -> usize {
                self.0 as usize
            }

            /// The id as the database keeps it.
            #[must_use]
            pub fn to_i32(self) -> i32 {
                i32::try_from(self.0).unwrap_or(i32::MAX)
            }

            /// The id of a database row; `None` for a negative number.
            #[must_use]
            pub fn from_i32(row: i32) -> Option<Self> {
                u32::try_from(row).ok().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id!(
    /// Identity of a tag: an index into the current value table.
    TagId
);
id!(
    /// Identity of an alarm.
    AlarmId
);
id!(
    /// Identity of a machine.
    MachineId
);
id!(
    /// Identity of a link: a connection to a device.
    LinkId
);
id!(
    /// Identity of a user.
    UserId
);

//! Tables of the configuration and state database.
//!
//! Times are microseconds since the epoch, UTC; definitions and memories are JSON.

pub mod alarms;
pub mod configuration;
pub mod events;
pub mod notes;
pub mod notifications;
pub mod opcua;
pub mod points;
pub mod users;

macro_rules! catalogue_table {
    ($(#[$doc:meta])* $name:ident) => {
        diesel::table! {
            $(#[$doc])*
            $name (id) {
                /// Given once and never again.
                id -> Integer,
                /// Unique, also among the retired.
                name -> Text,
                /// Definition as JSON.
                definition -> Text,
                /// When the definition last changed.
                changed_at -> BigInt,
                /// Since when it is no part of the plant; its history stays.
                retired_at -> Nullable<BigInt>,
                /// Made by the plant itself, not defined by anybody.
                made -> Bool,
            }
        }
    };
}

catalogue_table!(
    /// Links.
    link
);
catalogue_table!(
    /// Tags.
    tag
);
catalogue_table!(
    /// Alarms.
    alarm
);
catalogue_table!(
    /// Machines.
    machine
);

diesel::table! {
    /// What a machine remembers over a restart.
    machine_memory (machine_id) {
        /// The machine.
        machine_id -> Integer,
        /// Parameters and own state, as JSON.
        memory -> Text,
        /// When it was saved.
        saved_at -> BigInt,
    }
}

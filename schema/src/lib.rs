//! What a Flyball plant *is*: identities, values with quality and time, units, the plant definition as
//! code, and the database that keeps configuration and state. Nothing here knows actors or HTTP.

pub mod db;
pub mod definition;
mod ids;
mod quality;
pub mod tables;
mod time;
pub mod units;
mod value;

pub use ids::{AlarmId, LinkId, MachineId, TagId};
pub use quality::{Quality, Severity};
pub use time::Timestamp;
pub use value::{DataType, Text, Value};

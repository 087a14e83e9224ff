//! What a Flyball plant *is*: identities, values with quality and time, units, the plant definition as
//! code, and the database that keeps configuration and state. Nothing here knows actors or HTTP.

pub mod db;
pub mod definition;
pub mod expression;
mod ids;
pub mod linear;
mod quality;
pub mod tables;
#[cfg(any(test, feature = "test-support"))]
pub mod test_support;
mod time;
pub mod units;
mod value;

pub use ids::{AlarmId, LinkId, MachineId, TagId, UserId};
pub use quality::{Quality, Severity};
pub use time::Timestamp;
pub use value::{DataType, Text, Value};

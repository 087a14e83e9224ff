//! `flyball verify`: whether the alarm journal is as it was written.

use super::{DAMAGED, Failure, UNAVAILABLE, chain, say};
use flyball::alarms::{BrokenJournal, verify_offline};
use flyball::schema::db::{Access, DatabaseUrl, connect};
use flyball::settings::Settings;

/// Walks the chain of hashes, and tells how far it is whole and with which hash it ends.
pub(super) fn alarms(settings: &Settings) -> Result<(), Failure> {
    let text = settings.database_url();
    let unreadable =
        |error: &dyn std::fmt::Display| Failure::new(UNAVAILABLE, format!("cannot read the database: {error}"));
    let url = DatabaseUrl::parse(&text).map_err(|error| unreadable(&error))?;
    let mut connection = connect(&url, Access::Read).map_err(|error| unreadable(&error))?;
    let found = verify_offline(&mut connection).map_err(|error| unreadable(&chain(&error)))?;
    let head: String = found.head.iter().flatten().map(|byte| format!("{byte:02x}")).collect();
    let seen = format!("{} rows of the alarm journal are as they were written", found.checked);
    match found.broken {
        None if head.is_empty() => say(format_args!("good: {seen}")),
        None => say(format_args!("good: {seen}; the last has the hash {head}")),
        Some(BrokenJournal::Altered(id)) => {
            let text =
                format!("row {id} of the alarm journal is not as it was written, or one before it is missing; {seen}");
            return Err(Failure::new(DAMAGED, text));
        }
        Some(BrokenJournal::Unchained(id)) => {
            return Err(Failure::new(DAMAGED, format!("row {id} of the alarm journal has no hash; {seen}")));
        }
    }
    Ok(())
}

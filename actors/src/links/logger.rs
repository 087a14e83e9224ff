//! Settings and connections of the OPC UA side in the database. **Engine.**

use super::{
    ListConnections, ListSettings, NoteConnection, ReadSettingVersions, RemoveSetting, SaveSetting, history, settings,
};
use crate::Clock;
use crate::db::{Database, answer_by_jobs};
use actix::{Actor, Context};

/// Keeps settings of links and of served nodes, and the history of connections. **Engine.**
#[derive(Debug)]
pub struct LinksLogger {
    clock: Clock,
    database: Database,
}

impl LinksLogger {
    /// An engine on `database`, which is migrated.
    #[must_use]
    pub fn new(clock: Clock, database: Database) -> Self {
        Self { clock, database }
    }
}

impl Actor for LinksLogger {
    type Context = Context<Self>;
}

answer_by_jobs! { LinksLogger:
    read ListSettings => settings::list;
    read ReadSettingVersions => settings::versions;
    read ListConnections => history::list;
    write SaveSetting => settings::save;
    write RemoveSetting => settings::remove;
    write NoteConnection => history::note;
}

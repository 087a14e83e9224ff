//! Users, roles, sessions and keys in the database. **Engine.**

use super::{
    ChangeUser, CreateApiKey, CreateUser, FindApiKey, FindSession, FindUser, ListApiKeys, ListRoles, ListSessions,
    ListUsers, NoteLogin, OpenSession, PruneSessions, RemoveRole, RemoveUser, RevokeApiKey, RevokeSession,
    RevokeSessions, SaveRole, SetPassword, TouchSession, accounts, keys, roles, sessions,
};
use crate::Clock;
use crate::db::{Database, answer_by_jobs};
use actix::{Actor, Context};

/// Keeps users, roles, sessions and keys. **Engine.**
#[derive(Debug)]
pub struct UsersLogger {
    clock: Clock,
    database: Database,
}

impl UsersLogger {
    /// An engine on `database`, which is migrated.
    #[must_use]
    pub fn new(clock: Clock, database: Database) -> Self {
        Self { clock, database }
    }
}

impl Actor for UsersLogger {
    type Context = Context<Self>;
}

answer_by_jobs! { UsersLogger:
    read FindUser => accounts::find;
    read ListUsers => accounts::list;
    read ListRoles => roles::list;
    read FindSession => sessions::find;
    read ListSessions => sessions::list;
    read FindApiKey => keys::find;
    read ListApiKeys => keys::list;
    write CreateUser => accounts::create;
    write ChangeUser => accounts::change;
    write SetPassword => accounts::set_password;
    write RemoveUser => accounts::remove;
    write NoteLogin => accounts::note_login;
    write SaveRole => roles::save;
    write RemoveRole => roles::remove;
    write OpenSession => sessions::open;
    write TouchSession => sessions::touch;
    write RevokeSession => sessions::revoke;
    write RevokeSessions => sessions::revoke_all;
    write PruneSessions => sessions::prune;
    write CreateApiKey => keys::create;
    write RevokeApiKey => keys::revoke;
}

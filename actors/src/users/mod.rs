//! Users, their roles and sessions, and the keys of programs, as the database keeps them.
//!
//! Only storage and its rules: names are unique, roles that come with Flyball stay as they are, the last administrator
//! cannot be lost. Passwords and tokens come in as hashes; whether one is right is decided elsewhere.

mod accounts;
mod keys;
mod logger;
mod protocol;
mod roles;
mod sessions;
#[cfg(test)]
mod tests;

pub use logger::UsersLogger;
pub use protocol::{
    ApiKey, ChangeUser, CreateApiKey, CreateUser, FindApiKey, FindSession, FindUser, ListApiKeys, ListRoles,
    ListSessions, ListUsers, NoteLogin, OpenSession, PruneSessions, RemoveRole, RemoveUser, RevokeApiKey,
    RevokeSession, RevokeSessions, Role, SaveRole, Session, SetPassword, TouchSession, User, UserKey,
};

use crate::db::{DbError, storable};
use flyball_schema::UserId;

/// The role whose last enabled user cannot be lost.
pub const ADMIN: &str = "admin";

/// Why users, roles, sessions or keys were not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UsersError {
    /// The name is empty.
    #[error("a name without a letter")]
    EmptyName,
    /// Somebody has, or had, the name.
    #[error("the name \"{0}\" is taken")]
    NameTaken(String),
    /// No user has this id.
    #[error("unknown user {0}")]
    UnknownUser(UserId),
    /// There is no such role.
    #[error("unknown role \"{0}\"")]
    UnknownRole(String),
    /// The role comes with Flyball.
    #[error("the role \"{0}\" comes with Flyball and cannot be altered")]
    BuiltinRole(String),
    /// Users have the role.
    #[error("{users} users have the role \"{role}\"")]
    RoleInUse {
        /// The role.
        role: String,
        /// How many have it.
        users: i64,
    },
    /// Nobody could administer the plant any more.
    #[error("user {0} is the last enabled administrator")]
    LastAdmin(UserId),
    /// No session has this number.
    #[error("unknown session {0}")]
    UnknownSession(i64),
    /// No key has this id.
    #[error("unknown key \"{0}\"")]
    UnknownKey(String),
    /// The database cannot be used.
    #[error(transparent)]
    Database(#[from] DbError),
}

/// A name as it is kept and compared: without outer blanks, in small letters. `Ann` and `ann` are one person.
fn canonical(name: &str) -> String {
    storable(name.trim()).to_lowercase()
}

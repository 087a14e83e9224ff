//! What is kept, and the messages to the engine. Replies to writing messages come when the change is durable.

use super::UsersError;
use crate::db::DbError;
use actix::Message;
use flyball_schema::{Timestamp, UserId};
use std::collections::BTreeSet;
use std::fmt;

/// A person who may use the plant.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// Identity, never given to another.
    pub id: UserId,
    /// What they log in with, in small letters; never given to another.
    pub name: String,
    /// How they are shown.
    pub display_name: String,
    /// Hash of the password with its parameters; `None` where they cannot log in by password.
    pub password_hash: Option<String>,
    /// Name of the role.
    pub role: String,
    /// May not log in.
    pub disabled: bool,
    /// Log-ins that failed since the last that did not.
    pub failed_attempts: u32,
    /// May not log in before.
    pub locked_until: Option<Timestamp>,
    /// When the user was made.
    pub created_at: Timestamp,
    /// When name, role, password or state last changed.
    pub changed_at: Timestamp,
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the hash, which must not get into a log.
        f.debug_struct("User").field("id", &self.id).field("name", &self.name).finish_non_exhaustive()
    }
}

/// Makes a user, enabled.
///
/// * Errors: [`UsersError::EmptyName`], [`UsersError::NameTaken`], [`UsersError::UnknownRole`], [`UsersError::Database`].
#[derive(Clone, Message)]
#[rtype(result = "Result<User, UsersError>")]
pub struct CreateUser {
    /// What they log in with; kept in small letters.
    pub name: String,
    /// How they are shown.
    pub display_name: String,
    /// Hash of the password.
    pub password_hash: Option<String>,
    /// Name of the role.
    pub role: String,
}

/// Changes a user; what is `None` stays. A user who is disabled loses every session.
///
/// * Errors: [`UsersError::UnknownUser`], [`UsersError::UnknownRole`], [`UsersError::LastAdmin`],
///   [`UsersError::Database`].
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<User, UsersError>")]
pub struct ChangeUser {
    /// Who.
    pub id: UserId,
    /// How they are shown.
    pub display_name: Option<String>,
    /// Name of the role.
    pub role: Option<String>,
    /// May not log in.
    pub disabled: Option<bool>,
}

/// Sets a password's hash, forgets failed attempts and unlocks. Sessions stay; see [`RevokeSessions`].
///
/// * Errors: [`UsersError::UnknownUser`], [`UsersError::Database`].
#[derive(Clone, Message)]
#[rtype(result = "Result<User, UsersError>")]
pub struct SetPassword {
    /// Whose.
    pub id: UserId,
    /// Hash of the password; `None` where they cannot log in by password any more.
    pub password_hash: Option<String>,
}

/// Removes a user and ends every session. The name stays taken: events refer to it.
///
/// * Errors: [`UsersError::UnknownUser`], [`UsersError::LastAdmin`], [`UsersError::Database`].
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Result<(), UsersError>")]
pub struct RemoveUser(pub UserId);

/// Notes how a log-in ended: a success forgets failed attempts and the lock, a failure counts.
///
/// * Errors: [`UsersError::UnknownUser`], [`UsersError::Database`].
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Result<User, UsersError>")]
pub struct NoteLogin {
    /// Who.
    pub id: UserId,
    /// Whether it succeeded.
    pub succeeded: bool,
    /// With a failure: no log-in before.
    pub locked_until: Option<Timestamp>,
}

/// By what a user is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserKey {
    /// The id.
    Id(UserId),
    /// The name, in any case.
    Name(String),
}

/// Finds a user who is not removed.
///
/// * Errors: [`DbError`].
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Option<User>, DbError>")]
pub struct FindUser(pub UserKey);

/// Lists users who are not removed by id, a page at a time.
///
/// * Errors: [`DbError`].
#[derive(Debug, Clone, Copy, Default, Message)]
#[rtype(result = "Result<Vec<User>, DbError>")]
pub struct ListUsers {
    /// Start behind this id.
    pub after: Option<UserId>,
    /// At most so many.
    pub limit: usize,
}

/// A name for a set of permissions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// What it permits, as `<object>.<verb>`.
    pub permissions: BTreeSet<String>,
    /// It comes with Flyball and cannot be altered.
    pub builtin: bool,
}

/// Lists every role by name.
///
/// * Errors: [`DbError`], [`DbError::Corrupt`] for permissions that are none.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Result<Vec<Role>, DbError>")]
pub struct ListRoles;

/// Makes or alters a role.
///
/// * Errors: [`UsersError::EmptyName`], [`UsersError::BuiltinRole`], [`UsersError::Database`].
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Role, UsersError>")]
pub struct SaveRole {
    /// Its name; kept in small letters.
    pub name: String,
    /// What it permits.
    pub permissions: BTreeSet<String>,
}

/// Removes a role that nobody has, or had.
///
/// * Errors: [`UsersError::UnknownRole`], [`UsersError::BuiltinRole`], [`UsersError::RoleInUse`],
///   [`UsersError::Database`].
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<(), UsersError>")]
pub struct RemoveRole(pub String);

/// A log-in that lasts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Number, rising.
    pub id: i64,
    /// Whose it is.
    pub user: UserId,
    /// From where.
    pub origin: String,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used.
    pub seen_at: Timestamp,
    /// When it ends unless it is used.
    pub idle_expires_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was ended before its time.
    pub revoked_at: Option<Timestamp>,
}

impl Session {
    /// Whether it can be used now.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && now < self.idle_expires_at && now < self.expires_at
    }
}

/// Begins a session of a user who is enabled.
///
/// * Errors: [`UsersError::UnknownUser`], also for one who is disabled; [`UsersError::Database`], also for a token that
///   is there already.
#[derive(Clone, Message)]
#[rtype(result = "Result<Session, UsersError>")]
pub struct OpenSession {
    /// Whose.
    pub user: UserId,
    /// SHA-256 of the token.
    pub token_hash: [u8; 32],
    /// From where.
    pub origin: String,
    /// When it ends unless it is used.
    pub idle_expires_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Finds a session by its token, also one that has ended, with its user where that one is neither removed nor disabled.
///
/// * Errors: [`DbError`].
#[derive(Clone, Message)]
#[rtype(result = "Result<Option<(Session, Option<User>)>, DbError>")]
pub struct FindSession(pub [u8; 32]);

/// Notes that a session was used now. One that was revoked meanwhile stays so.
///
/// * Errors: [`UsersError::UnknownSession`], [`UsersError::Database`].
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Result<(), UsersError>")]
pub struct TouchSession {
    /// Which.
    pub id: i64,
    /// When it ends unless it is used again.
    pub idle_expires_at: Timestamp,
}

/// Ends a session. One that has ended already stays so.
///
/// * Errors: [`UsersError::UnknownSession`], [`UsersError::Database`].
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Result<(), UsersError>")]
pub struct RevokeSession(pub i64);

/// Ends every session of a user but one; how many.
///
/// * Errors: [`UsersError::Database`].
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Result<usize, UsersError>")]
pub struct RevokeSessions {
    /// Whose.
    pub user: UserId,
    /// But this one.
    pub except: Option<i64>,
}

/// Lists the sessions that can be used at a time, newest first.
///
/// * Errors: [`DbError`].
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Result<Vec<Session>, DbError>")]
pub struct ListSessions {
    /// Of this user; `None` for all.
    pub user: Option<UserId>,
    /// The time.
    pub now: Timestamp,
}

/// Forgets sessions that ended before a time; how many.
///
/// * Errors: [`UsersError::Database`].
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Result<usize, UsersError>")]
pub struct PruneSessions(pub Timestamp);

/// A key of a program. Its secret is known only to whom it was shown once.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// The part that is no secret.
    pub id: String,
    /// SHA-256 of the secret.
    pub hash: [u8; 32],
    /// What people call it.
    pub name: String,
    /// What it permits.
    pub scope: BTreeSet<String>,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// When it was ended before its time.
    pub revoked_at: Option<Timestamp>,
}

impl ApiKey {
    /// Whether it can be used now.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKey").field("id", &self.id).field("name", &self.name).finish_non_exhaustive()
    }
}

/// Makes a key.
///
/// * Errors: [`UsersError::EmptyName`], [`UsersError::NameTaken`] by another key that is not revoked, or for an id that
///   is there already; [`UsersError::Database`].
#[derive(Clone, Message)]
#[rtype(result = "Result<ApiKey, UsersError>")]
pub struct CreateApiKey {
    /// The part that is no secret; unique.
    pub id: String,
    /// SHA-256 of the secret.
    pub hash: [u8; 32],
    /// What people call it.
    pub name: String,
    /// What it permits.
    pub scope: BTreeSet<String>,
    /// Who makes it.
    pub created_by: String,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

/// Finds a key, also one that has ended.
///
/// * Errors: [`DbError`], [`DbError::Corrupt`].
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Option<ApiKey>, DbError>")]
pub struct FindApiKey(pub String);

/// Lists every key, newest first, also those that have ended.
///
/// * Errors: [`DbError`], [`DbError::Corrupt`].
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Result<Vec<ApiKey>, DbError>")]
pub struct ListApiKeys;

/// Ends a key. One that has ended already stays so.
///
/// * Errors: [`UsersError::UnknownKey`], [`UsersError::Database`].
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<(), UsersError>")]
pub struct RevokeApiKey(pub String);

/// Messages that carry a hash are shown without it.
macro_rules! shown_by_name {
    ($($message:ident),*) => {
        $(impl fmt::Debug for $message {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($message))
            }
        })*
    };
}

shown_by_name!(CreateUser, SetPassword, OpenSession, FindSession, CreateApiKey);

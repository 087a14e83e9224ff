//! People, their roles and sessions, and the keys of programs.

use diesel::prelude::{Insertable, Queryable, Selectable};

diesel::table! {
    /// Names for sets of permissions.
    role (name) {
        /// Unique.
        name -> Text,
        /// List of words as JSON.
        permissions -> Text,
        /// Comes with Flyball and cannot be altered.
        builtin -> Bool,
    }
}

diesel::table! {
    /// People.
    account (id) {
        /// Given once and never again.
        id -> Integer,
        /// Unique, also among the removed.
        name -> Text,
        /// How they are shown.
        display_name -> Text,
        /// Hash of the password with its parameters.
        password_hash -> Nullable<Text>,
        /// Name of the role.
        role -> Text,
        /// May not log in.
        disabled -> Bool,
        /// Log-ins that failed since the last that did not.
        failed_attempts -> Integer,
        /// May not log in before.
        locked_until -> Nullable<BigInt>,
        /// When it was made.
        created_at -> BigInt,
        /// When it last changed.
        changed_at -> BigInt,
        /// Since when it is removed.
        removed_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    /// Who is logged in.
    session (id) {
        /// Given once and never again.
        id -> BigInt,
        /// SHA-256 of the token.
        token_hash -> Binary,
        /// Whose it is.
        account_id -> Integer,
        /// From where.
        origin -> Text,
        /// When it began.
        created_at -> BigInt,
        /// When it was last used.
        seen_at -> BigInt,
        /// When it ends unless it is used.
        idle_expires_at -> BigInt,
        /// When it ends.
        expires_at -> BigInt,
        /// When it was ended before its time.
        revoked_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    /// Keys of programs.
    api_key (id) {
        /// The part of the key that is no secret.
        id -> Text,
        /// Hash of the secret.
        key_hash -> Binary,
        /// What people call it.
        name -> Text,
        /// What it permits, as JSON.
        scope -> Text,
        /// Who made it.
        created_by -> Text,
        /// When it was made.
        created_at -> BigInt,
        /// When it ends.
        expires_at -> Nullable<BigInt>,
        /// When it was ended before its time.
        revoked_at -> Nullable<BigInt>,
    }
}

diesel::joinable!(session -> account (account_id));
diesel::allow_tables_to_appear_in_same_query!(session, account);

/// A row of [`account`].
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = account)]
pub struct AccountRow {
    /// Given once and never again.
    pub id: i32,
    /// Unique.
    pub name: String,
    /// How they are shown.
    pub display_name: String,
    /// Hash of the password with its parameters.
    pub password_hash: Option<String>,
    /// Name of the role.
    pub role: String,
    /// May not log in.
    pub disabled: bool,
    /// Log-ins that failed since the last that did not.
    pub failed_attempts: i32,
    /// May not log in before.
    pub locked_until: Option<i64>,
    /// When it was made.
    pub created_at: i64,
    /// When it last changed.
    pub changed_at: i64,
    /// Since when it is removed.
    pub removed_at: Option<i64>,
}

/// A row of [`session`] without its token.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = session)]
pub struct SessionRow {
    /// Given once and never again.
    pub id: i64,
    /// Whose it is.
    pub account_id: i32,
    /// From where.
    pub origin: String,
    /// When it began.
    pub created_at: i64,
    /// When it was last used.
    pub seen_at: i64,
    /// When it ends unless it is used.
    pub idle_expires_at: i64,
    /// When it ends.
    pub expires_at: i64,
    /// When it was ended before its time.
    pub revoked_at: Option<i64>,
}

/// A row of [`api_key`].
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = api_key, treat_none_as_default_value = false)]
pub struct ApiKeyRow {
    /// The part of the key that is no secret.
    pub id: String,
    /// Hash of the secret.
    pub key_hash: Vec<u8>,
    /// What people call it.
    pub name: String,
    /// What it permits, as JSON.
    pub scope: String,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: i64,
    /// When it ends.
    pub expires_at: Option<i64>,
    /// When it was ended before its time.
    pub revoked_at: Option<i64>,
}

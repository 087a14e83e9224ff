//! Audit events.

use diesel::prelude::{Insertable, Queryable, Selectable};

diesel::table! {
    /// Who did what. Rows are never altered or deleted; triggers see to it.
    event (id) {
        /// From 1, without a gap.
        id -> BigInt,
        /// When it happened.
        occurred -> BigInt,
        /// Who did it.
        actor -> Text,
        /// From where.
        origin -> Nullable<Text>,
        /// What was done.
        action -> Text,
        /// Kind of the object.
        object_kind -> Nullable<Text>,
        /// Id of the object.
        object_id -> Nullable<BigInt>,
        /// Name that the object had.
        object_name -> Nullable<Text>,
        /// The object before, as JSON.
        value_before -> Nullable<Text>,
        /// The object after, as JSON.
        value_after -> Nullable<Text>,
        /// Why it was done.
        reason -> Nullable<Text>,
        /// How it ended.
        outcome -> Text,
        /// SHA-256 over this row and the hash of the row before.
        hash -> Binary,
    }
}

/// A row of [`event`].
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = event, treat_none_as_default_value = false)]
pub struct EventRow {
    /// From 1, without a gap.
    pub id: i64,
    /// When it happened.
    pub occurred: i64,
    /// Who did it.
    pub actor: String,
    /// From where.
    pub origin: Option<String>,
    /// What was done.
    pub action: String,
    /// Kind of the object.
    pub object_kind: Option<String>,
    /// Id of the object.
    pub object_id: Option<i64>,
    /// Name that the object had.
    pub object_name: Option<String>,
    /// The object before, as JSON.
    pub value_before: Option<String>,
    /// The object after, as JSON.
    pub value_after: Option<String>,
    /// Why it was done.
    pub reason: Option<String>,
    /// How it ended.
    pub outcome: String,
    /// SHA-256 over this row and the hash of the row before.
    pub hash: Vec<u8>,
}

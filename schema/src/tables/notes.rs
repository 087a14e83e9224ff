//! Operational notes.

use diesel::prelude::{Insertable, Queryable, Selectable};

diesel::table! {
    /// What a note is about, and which of its versions stands.
    note (id) {
        /// Rising.
        id -> BigInt,
        /// The version that stands, from 1.
        revision -> BigInt,
        /// About this alarm.
        alarm_id -> Nullable<Integer>,
        /// About this occurrence of the alarm.
        occurrence -> Nullable<BigInt>,
        /// About this event.
        event_id -> Nullable<BigInt>,
        /// About this tag.
        tag_id -> Nullable<Integer>,
        /// About the time from here,
        range_from -> Nullable<BigInt>,
        /// to here.
        range_to -> Nullable<BigInt>,
    }
}

diesel::table! {
    /// Every text that a note ever had. Rows are never altered or deleted; triggers see to it.
    note_version (note_id, revision) {
        /// The note.
        note_id -> BigInt,
        /// From 1.
        revision -> BigInt,
        /// What it says.
        text -> Text,
        /// Who wrote it.
        author -> Text,
        /// When it was written.
        written_at -> BigInt,
    }
}

diesel::joinable!(note_version -> note (note_id));
diesel::allow_tables_to_appear_in_same_query!(note, note_version);

/// A row of [`note`].
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = note, treat_none_as_default_value = false)]
pub struct NoteRow {
    /// Rising.
    pub id: i64,
    /// The version that stands.
    pub revision: i64,
    /// About this alarm.
    pub alarm_id: Option<i32>,
    /// About this occurrence of the alarm.
    pub occurrence: Option<i64>,
    /// About this event.
    pub event_id: Option<i64>,
    /// About this tag.
    pub tag_id: Option<i32>,
    /// About the time from here,
    pub range_from: Option<i64>,
    /// to here.
    pub range_to: Option<i64>,
}

/// A row of [`note_version`].
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = note_version)]
pub struct NoteVersionRow {
    /// The note.
    pub note_id: i64,
    /// From 1.
    pub revision: i64,
    /// What it says.
    pub text: String,
    /// Who wrote it.
    pub author: String,
    /// When it was written.
    pub written_at: i64,
}

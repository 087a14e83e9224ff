//! States and journal of the alarms.
//!
//! States, events and values are text: mnemonics of ISA-18.2, words, and JSON.

use super::alarm;
use diesel::prelude::{AsChangeset, Identifiable, Insertable, Queryable, Selectable};

diesel::table! {
    /// The state of every alarm after its last transition.
    alarm_state (alarm_id) {
        /// The alarm.
        alarm_id -> Integer,
        /// Mnemonic of the state.
        state -> Text,
        /// Number of the present or last occurrence, from 1; 0 before the first.
        occurrence -> BigInt,
        /// Value at the last transition, as JSON.
        value -> Nullable<Text>,
        /// When the occurrence began.
        raised_at -> Nullable<BigInt>,
        /// When the last transition happened.
        since -> Nullable<BigInt>,
        /// When the occurrence was acknowledged.
        acknowledged_at -> Nullable<BigInt>,
        /// Who acknowledged it.
        acknowledged_by -> Nullable<Text>,
        /// Flags, delay, horn, group and peak, as JSON; none where there is nothing of it.
        more -> Nullable<Text>,
    }
}

diesel::table! {
    /// Every occurrence of an alarm, in one row.
    alarm_occurrence (alarm_id, occurrence) {
        /// The alarm.
        alarm_id -> Integer,
        /// Number of the occurrence, from 1.
        occurrence -> BigInt,
        /// When it began.
        raised_at -> BigInt,
        /// When it was acknowledged last.
        acknowledged_at -> Nullable<BigInt>,
        /// Who acknowledged it.
        acknowledged_by -> Nullable<Text>,
        /// When the condition was last false again.
        returned_at -> Nullable<BigInt>,
        /// When the alarm was normal again.
        cleared_at -> Nullable<BigInt>,
        /// The value furthest beyond the set point, as JSON.
        peak -> Nullable<Text>,
        /// Whether it was the first of its group.
        first_out -> Bool,
    }
}

diesel::table! {
    /// Every transition. Rows are never altered or deleted; triggers see to it.
    alarm_journal (id) {
        /// Rising.
        id -> BigInt,
        /// The alarm.
        alarm_id -> Integer,
        /// Number of the occurrence.
        occurrence -> BigInt,
        /// Mnemonic of the state before.
        from_state -> Text,
        /// Mnemonic of the state after.
        to_state -> Text,
        /// What happened.
        event -> Text,
        /// Value of the tag, as JSON.
        value -> Nullable<Text>,
        /// Quality of the tag, an OPC UA status code.
        quality -> BigInt,
        /// When it happened.
        occurred -> BigInt,
        /// When Flyball noticed.
        recorded -> BigInt,
        /// Who did it.
        actor -> Text,
        /// Comment given with it.
        reason -> Nullable<Text>,
        /// Whether operators were told.
        annunciated -> Bool,
        /// SHA-256 over the row and the hash before; none in rows older than the chain.
        hash -> Nullable<Binary>,
    }
}

diesel::joinable!(alarm_journal -> alarm (alarm_id));
diesel::joinable!(alarm_occurrence -> alarm (alarm_id));
diesel::allow_tables_to_appear_in_same_query!(alarm_journal, alarm);
diesel::allow_tables_to_appear_in_same_query!(alarm_occurrence, alarm);

/// A row of [`alarm_state`].
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Identifiable, Insertable, AsChangeset)]
#[diesel(table_name = alarm_state, primary_key(alarm_id), treat_none_as_null = true)]
pub struct AlarmStateRow {
    /// The alarm.
    pub alarm_id: i32,
    /// Mnemonic of the state.
    pub state: String,
    /// Number of the present or last occurrence.
    pub occurrence: i64,
    /// Value at the last transition, as JSON.
    pub value: Option<String>,
    /// When the occurrence began.
    pub raised_at: Option<i64>,
    /// When the last transition happened.
    pub since: Option<i64>,
    /// When the occurrence was acknowledged.
    pub acknowledged_at: Option<i64>,
    /// Who acknowledged it.
    pub acknowledged_by: Option<String>,
    /// Flags, delay, horn, group and peak, as JSON.
    pub more: Option<String>,
}

/// A row of [`alarm_occurrence`].
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Identifiable, Insertable, AsChangeset)]
#[diesel(table_name = alarm_occurrence, primary_key(alarm_id, occurrence), treat_none_as_null = true)]
pub struct AlarmOccurrenceRow {
    /// The alarm.
    pub alarm_id: i32,
    /// Number of the occurrence.
    pub occurrence: i64,
    /// When it began.
    pub raised_at: i64,
    /// When it was acknowledged last.
    pub acknowledged_at: Option<i64>,
    /// Who acknowledged it.
    pub acknowledged_by: Option<String>,
    /// When the condition was last false again.
    pub returned_at: Option<i64>,
    /// When the alarm was normal again.
    pub cleared_at: Option<i64>,
    /// The value furthest beyond the set point, as JSON.
    pub peak: Option<String>,
    /// Whether it was the first of its group.
    pub first_out: bool,
}

/// A row of [`alarm_journal`].
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = alarm_journal, treat_none_as_default_value = false)]
pub struct AlarmJournalRow {
    /// Rising.
    pub id: i64,
    /// The alarm.
    pub alarm_id: i32,
    /// Number of the occurrence.
    pub occurrence: i64,
    /// Mnemonic of the state before.
    pub from_state: String,
    /// Mnemonic of the state after.
    pub to_state: String,
    /// What happened.
    pub event: String,
    /// Value of the tag, as JSON.
    pub value: Option<String>,
    /// Quality of the tag, an OPC UA status code.
    pub quality: i64,
    /// When it happened.
    pub occurred: i64,
    /// When Flyball noticed.
    pub recorded: i64,
    /// Who did it.
    pub actor: String,
    /// Comment given with it.
    pub reason: Option<String>,
    /// Whether operators were told.
    pub annunciated: bool,
    /// SHA-256 over the row and the hash before; none in rows older than the chain.
    pub hash: Option<Vec<u8>>,
}

//! Messages about alarms.

use super::alarm;
use diesel::prelude::{AsChangeset, Insertable, Queryable, Selectable};

diesel::table! {
    /// Who was told what, and what became of it.
    notification (id) {
        /// Rising.
        id -> BigInt,
        /// The same for the same message.
        message_key -> Text,
        /// When it was made.
        at -> BigInt,
        /// Name of the channel.
        channel -> Text,
        /// Mail address, or host of a webhook.
        recipient -> Text,
        /// Name of the rule; none for a summary.
        rule -> Nullable<Text>,
        /// The alarm; none for a summary.
        alarm_id -> Nullable<Integer>,
        /// Number of the occurrence.
        occurrence -> Nullable<BigInt>,
        /// Why it was told.
        kind -> Text,
        /// What has become of it.
        status -> Text,
        /// How often it was tried.
        attempts -> Integer,
        /// Why it failed.
        error -> Nullable<Text>,
    }
}

diesel::joinable!(notification -> alarm (alarm_id));
diesel::allow_tables_to_appear_in_same_query!(notification, alarm);

/// A row of [`notification`].
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = notification)]
pub struct NotificationRow {
    /// Rising.
    pub id: i64,
    /// The same for the same message.
    pub message_key: String,
    /// When it was made.
    pub at: i64,
    /// Name of the channel.
    pub channel: String,
    /// Mail address, or host of a webhook.
    pub recipient: String,
    /// Name of the rule; none for a summary.
    pub rule: Option<String>,
    /// The alarm; none for a summary.
    pub alarm_id: Option<i32>,
    /// Number of the occurrence.
    pub occurrence: Option<i64>,
    /// Why it was told.
    pub kind: String,
    /// What has become of it.
    pub status: String,
    /// How often it was tried.
    pub attempts: i32,
    /// Why it failed.
    pub error: Option<String>,
}

/// A row to be appended to [`notification`].
#[derive(Debug, Clone, PartialEq, Eq, Insertable)]
#[diesel(table_name = notification)]
pub struct NewNotificationRow<'a> {
    /// The same for the same message.
    pub message_key: &'a str,
    /// When it was made.
    pub at: i64,
    /// Name of the channel.
    pub channel: &'a str,
    /// Mail address, or host of a webhook.
    pub recipient: &'a str,
    /// Name of the rule; none for a summary.
    pub rule: Option<&'a str>,
    /// The alarm; none for a summary.
    pub alarm_id: Option<i32>,
    /// Number of the occurrence.
    pub occurrence: Option<i64>,
    /// Why it was told.
    pub kind: &'a str,
    /// What has become of it.
    pub status: &'a str,
    /// How often it was tried.
    pub attempts: i32,
    /// Why it failed.
    pub error: Option<&'a str>,
}

/// What has become of a message.
#[derive(Debug, Clone, PartialEq, Eq, AsChangeset)]
#[diesel(table_name = notification, treat_none_as_null = true)]
pub struct NotificationOutcome<'a> {
    /// What has become of it.
    pub status: &'a str,
    /// How often it was tried.
    pub attempts: i32,
    /// Why it failed.
    pub error: Option<&'a str>,
}

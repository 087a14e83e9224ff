//! Settings of the OPC UA side, and the history of its connections.

use diesel::prelude::{Queryable, Selectable};

diesel::table! {
    /// Settings as they are.
    opcua_setting (id) {
        /// Given once and never again.
        id -> Integer,
        /// `link` or `server_node`.
        kind -> Text,
        /// Unique in its kind, also among the removed.
        name -> Text,
        /// Number of the present version, from 1.
        revision -> BigInt,
        /// Definition as JSON.
        definition -> Text,
        /// When it last changed.
        changed_at -> BigInt,
        /// Who changed it.
        changed_by -> Text,
        /// Since when it is removed.
        removed_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    /// Settings as they were. Rows are never altered or deleted; triggers see to it.
    opcua_setting_version (setting_id, revision) {
        /// The setting.
        setting_id -> Integer,
        /// From 1.
        revision -> BigInt,
        /// Definition as JSON; none where the setting was removed.
        definition -> Nullable<Text>,
        /// When it changed.
        changed_at -> BigInt,
        /// Who changed it.
        changed_by -> Text,
    }
}

diesel::table! {
    /// When links were connected and lost.
    link_connection (id) {
        /// Rising.
        id -> BigInt,
        /// The link.
        link_id -> Integer,
        /// Connected, or lost.
        connected -> Bool,
        /// Why it was lost.
        reason -> Nullable<Text>,
        /// When it happened.
        occurred -> BigInt,
    }
}

diesel::joinable!(opcua_setting_version -> opcua_setting (setting_id));
diesel::allow_tables_to_appear_in_same_query!(opcua_setting, opcua_setting_version);

/// A row of [`opcua_setting`].
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = opcua_setting)]
pub struct OpcUaSettingRow {
    /// Given once and never again.
    pub id: i32,
    /// Unique in its kind.
    pub name: String,
    /// Number of the present version.
    pub revision: i64,
    /// Definition as JSON.
    pub definition: String,
    /// When it last changed.
    pub changed_at: i64,
    /// Who changed it.
    pub changed_by: String,
    /// Since when it is removed.
    pub removed_at: Option<i64>,
}

/// A row of [`opcua_setting_version`].
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = opcua_setting_version)]
pub struct OpcUaSettingVersionRow {
    /// From 1.
    pub revision: i64,
    /// Definition as JSON; none where the setting was removed.
    pub definition: Option<String>,
    /// When it changed.
    pub changed_at: i64,
    /// Who changed it.
    pub changed_by: String,
}

/// A row of [`link_connection`].
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = link_connection)]
pub struct LinkConnectionRow {
    /// Rising.
    pub id: i64,
    /// The link.
    pub link_id: i32,
    /// Connected, or lost.
    pub connected: bool,
    /// Why it was lost.
    pub reason: Option<String>,
    /// When it happened.
    pub occurred: i64,
}

//! Rows of the settings.

use super::{
    ListSettings, ReadSettingVersions, RemoveSetting, SaveSetting, Setting, SettingError, SettingKind, SettingVersion,
};
use crate::db::{DbError, limit, storable, to_json};
use diesel::prelude::*;
use flyball_schema::Timestamp;
use flyball_schema::db::Connection;
use flyball_schema::tables::opcua::{
    OpcUaSettingRow, OpcUaSettingVersionRow, opcua_setting as setting, opcua_setting_version as version,
};
use serde_json::Value as Json;

pub(super) fn save(
    connection: &mut Connection,
    save: &SaveSetting,
    now: Timestamp,
) -> Result<Result<Setting, SettingError>, DbError> {
    let definition = to_json(&save.definition)?;
    let (name, by) = (storable(&save.name), storable(&save.by));
    let found = find(connection, save.kind, &name)?;
    match (found.as_ref().filter(|row| row.removed_at.is_none()), save.revision) {
        (Some(row), seen) if seen != Some(row.revision) => {
            return Ok(Err(SettingError::Conflict { name: row.name.clone(), current: row.revision }));
        }
        (None, Some(_)) => return Ok(Err(SettingError::Unknown(name.into_owned()))),
        _ => {}
    }
    let (id, revision) = match found {
        Some(row) => (row.id, row.revision + 1),
        None => (insert(connection, save.kind, &name, &definition)?, 1),
    };
    let none: Option<i64> = None;
    let change = (
        setting::revision.eq(revision),
        setting::definition.eq(&definition),
        setting::changed_at.eq(now.as_micros()),
        setting::changed_by.eq(&*by),
        setting::removed_at.eq(none),
    );
    diesel::update(setting::table.find(id)).set(change).execute(connection)?;
    keep(connection, id, revision, Some(&definition), &by, now)?;
    Ok(Ok(Setting {
        name: name.into_owned(),
        revision,
        definition: save.definition.clone(),
        changed_at: now,
        changed_by: by.into_owned(),
    }))
}

pub(super) fn remove(
    connection: &mut Connection,
    remove: &RemoveSetting,
    now: Timestamp,
) -> Result<Result<(), SettingError>, DbError> {
    let name = storable(&remove.name);
    let found = find(connection, remove.kind, &name)?.filter(|row| row.removed_at.is_none());
    let Some(row) = found else { return Ok(Err(SettingError::Unknown(name.into_owned()))) };
    if row.revision != remove.revision {
        return Ok(Err(SettingError::Conflict { name: row.name, current: row.revision }));
    }
    let (by, revision) = (storable(&remove.by), row.revision + 1);
    let change = (
        setting::revision.eq(revision),
        setting::changed_at.eq(now.as_micros()),
        setting::changed_by.eq(&*by),
        setting::removed_at.eq(now.as_micros()),
    );
    diesel::update(setting::table.find(row.id)).set(change).execute(connection)?;
    keep(connection, row.id, revision, None, &by, now)?;
    Ok(Ok(()))
}

pub(super) fn list(connection: &mut Connection, query: &ListSettings) -> Result<Vec<Setting>, DbError> {
    let mut select = setting::table
        .filter(setting::kind.eq(query.kind.as_str()).and(setting::removed_at.is_null()))
        .select(OpcUaSettingRow::as_select())
        .order(setting::name)
        .limit(limit(query.limit))
        .into_boxed();
    if let Some(after) = &query.after {
        select = select.filter(setting::name.gt(storable(after)));
    }
    let rows: Vec<OpcUaSettingRow> = select.load(connection)?;
    rows.into_iter().map(setting_of).collect()
}

pub(super) fn versions(
    connection: &mut Connection,
    query: &ReadSettingVersions,
) -> Result<Vec<SettingVersion>, DbError> {
    let rows: Vec<OpcUaSettingVersionRow> = version::table
        .inner_join(setting::table)
        .filter(setting::kind.eq(query.kind.as_str()).and(setting::name.eq(storable(&query.name))))
        .order(version::revision)
        .select(OpcUaSettingVersionRow::as_select())
        .load(connection)?;
    rows.into_iter().map(version_of).collect()
}

fn find(connection: &mut Connection, kind: SettingKind, name: &str) -> Result<Option<OpcUaSettingRow>, DbError> {
    let same = setting::table.filter(setting::kind.eq(kind.as_str()).and(setting::name.eq(name)));
    Ok(same.select(OpcUaSettingRow::as_select()).first(connection).optional()?)
}

/// Inserts the row of a new setting, to be brought up to date by the caller; its id.
fn insert(connection: &mut Connection, kind: SettingKind, name: &str, definition: &str) -> Result<i32, DbError> {
    let row = (
        setting::kind.eq(kind.as_str()),
        setting::name.eq(name),
        setting::revision.eq(0),
        setting::definition.eq(definition),
        setting::changed_at.eq(0),
        setting::changed_by.eq(""),
    );
    diesel::insert_into(setting::table).values(row).execute(connection)?;
    let same = setting::table.filter(setting::kind.eq(kind.as_str()).and(setting::name.eq(name)));
    Ok(same.select(setting::id).first(connection)?)
}

fn keep(
    connection: &mut Connection,
    id: i32,
    revision: i64,
    definition: Option<&str>,
    by: &str,
    now: Timestamp,
) -> Result<(), DbError> {
    let row = (
        version::setting_id.eq(id),
        version::revision.eq(revision),
        version::definition.eq(definition),
        version::changed_at.eq(now.as_micros()),
        version::changed_by.eq(by),
    );
    diesel::insert_into(version::table).values(row).execute(connection)?;
    Ok(())
}

fn setting_of(row: OpcUaSettingRow) -> Result<Setting, DbError> {
    Ok(Setting {
        definition: definition_of("opcua_setting", row.id.into(), &row.definition)?,
        name: row.name,
        revision: row.revision,
        changed_at: Timestamp::from_micros(row.changed_at),
        changed_by: row.changed_by,
    })
}

fn version_of(row: OpcUaSettingVersionRow) -> Result<SettingVersion, DbError> {
    let definition = row.definition.as_deref();
    let json = definition.map(|text| definition_of("opcua_setting_version", row.revision, text)).transpose()?;
    Ok(SettingVersion {
        revision: row.revision,
        definition: json,
        changed_at: Timestamp::from_micros(row.changed_at),
        changed_by: row.changed_by,
    })
}

fn definition_of(table: &'static str, id: i64, text: &str) -> Result<Json, DbError> {
    serde_json::from_str(text).map_err(|error| DbError::Corrupt { table, id, problem: error.to_string() })
}

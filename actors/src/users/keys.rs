//! Rows of the keys.

use super::{ApiKey, CreateApiKey, FindApiKey, ListApiKeys, RevokeApiKey, UsersError};
use crate::db::{DbError, storable, to_json};
use diesel::prelude::*;
use flyball_schema::Timestamp;
use flyball_schema::db::Connection;
use flyball_schema::tables::users::{ApiKeyRow, api_key};

pub(super) fn create(
    connection: &mut Connection,
    new: &CreateApiKey,
    now: Timestamp,
) -> Result<Result<ApiKey, UsersError>, DbError> {
    let (id, name) = (storable(&new.id).into_owned(), storable(new.name.trim()).into_owned());
    if id.is_empty() || name.is_empty() {
        return Ok(Err(UsersError::EmptyName));
    }
    let same_name = api_key::name.eq(&name).and(api_key::revoked_at.is_null());
    let same = api_key::table.filter(same_name.or(api_key::id.eq(&id)));
    if diesel::select(diesel::dsl::exists(same)).get_result(connection)? {
        return Ok(Err(UsersError::NameTaken(name)));
    }
    let row = ApiKeyRow {
        id,
        key_hash: new.hash.to_vec(),
        name,
        scope: to_json(&new.scope)?,
        created_by: storable(&new.created_by).into_owned(),
        created_at: now.as_micros(),
        expires_at: new.expires_at.map(Timestamp::as_micros),
        revoked_at: None,
    };
    diesel::insert_into(api_key::table).values(&row).execute(connection)?;
    Ok(Ok(key_of(row)?))
}

pub(super) fn find(connection: &mut Connection, FindApiKey(id): &FindApiKey) -> Result<Option<ApiKey>, DbError> {
    let rows = api_key::table.find(storable(id)).select(ApiKeyRow::as_select());
    let row: Option<ApiKeyRow> = rows.first(connection).optional()?;
    row.map(key_of).transpose()
}

pub(super) fn list(connection: &mut Connection, _: &ListApiKeys) -> Result<Vec<ApiKey>, DbError> {
    let rows = api_key::table.order((api_key::created_at.desc(), api_key::id)).select(ApiKeyRow::as_select());
    let rows: Vec<ApiKeyRow> = rows.load(connection)?;
    rows.into_iter().map(key_of).collect()
}

pub(super) fn revoke(
    connection: &mut Connection,
    RevokeApiKey(id): &RevokeApiKey,
    now: Timestamp,
) -> Result<Result<(), UsersError>, DbError> {
    let id = storable(id);
    let open = api_key::table.find(&id).filter(api_key::revoked_at.is_null());
    let revoked = diesel::update(open).set(api_key::revoked_at.eq(now.as_micros())).execute(connection)?;
    if revoked == 0 && api_key::table.find(&id).count().get_result::<i64>(connection)? == 0 {
        return Ok(Err(UsersError::UnknownKey(id.into_owned())));
    }
    Ok(Ok(()))
}

fn key_of(row: ApiKeyRow) -> Result<ApiKey, DbError> {
    let (id, name) = (row.id, row.name);
    let corrupt =
        |problem: String| DbError::Corrupt { table: "api_key", id: 0, problem: format!("\"{id}\": {problem}") };
    let scope = serde_json::from_str(&row.scope).map_err(|error| corrupt(error.to_string()))?;
    let wrong_length = |hash: Vec<u8>| corrupt(format!("a hash of {} bytes", hash.len()));
    let hash = row.key_hash.try_into().map_err(wrong_length)?;
    Ok(ApiKey {
        id,
        hash,
        name,
        scope,
        created_by: row.created_by,
        created_at: Timestamp::from_micros(row.created_at),
        expires_at: row.expires_at.map(Timestamp::from_micros),
        revoked_at: row.revoked_at.map(Timestamp::from_micros),
    })
}

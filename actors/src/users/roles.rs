//! Rows of the roles.

use super::{ListRoles, RemoveRole, Role, SaveRole, UsersError, canonical};
use crate::db::{DbError, storable, to_json};
use diesel::prelude::*;
use flyball_schema::Timestamp;
use flyball_schema::db::Connection;
use flyball_schema::tables::users::{account, role};

pub(super) fn list(connection: &mut Connection, _: &ListRoles) -> Result<Vec<Role>, DbError> {
    let rows: Vec<(String, String, bool)> = role::table.order(role::name).load(connection)?;
    rows.into_iter().map(role_of).collect()
}

pub(super) fn save(
    connection: &mut Connection,
    save: &SaveRole,
    _now: Timestamp,
) -> Result<Result<Role, UsersError>, DbError> {
    let name = canonical(&save.name);
    if name.is_empty() {
        return Ok(Err(UsersError::EmptyName));
    }
    let builtin: Option<bool> = role::table.find(&name).select(role::builtin).first(connection).optional()?;
    let permissions = to_json(&save.permissions)?;
    match builtin {
        Some(true) => return Ok(Err(UsersError::BuiltinRole(name))),
        Some(false) => {
            diesel::update(role::table.find(&name)).set(role::permissions.eq(permissions)).execute(connection)?
        }
        None => {
            let row = (role::name.eq(&name), role::permissions.eq(permissions), role::builtin.eq(false));
            diesel::insert_into(role::table).values(row).execute(connection)?
        }
    };
    Ok(Ok(Role { name, permissions: save.permissions.clone(), builtin: false }))
}

pub(super) fn remove(
    connection: &mut Connection,
    RemoveRole(name): &RemoveRole,
    _now: Timestamp,
) -> Result<Result<(), UsersError>, DbError> {
    let name = canonical(name);
    let builtin: Option<bool> = role::table.find(&name).select(role::builtin).first(connection).optional()?;
    match builtin {
        None => return Ok(Err(UsersError::UnknownRole(name))),
        Some(true) => return Ok(Err(UsersError::BuiltinRole(name))),
        Some(false) => {}
    }
    // Also those who are removed: their rows refer to it.
    let users: i64 = account::table.filter(account::role.eq(&name)).count().get_result(connection)?;
    if users > 0 {
        return Ok(Err(UsersError::RoleInUse { role: name, users }));
    }
    diesel::delete(role::table.find(&name)).execute(connection)?;
    Ok(Ok(()))
}

pub(super) fn exists(connection: &mut Connection, name: &str) -> Result<bool, DbError> {
    let same = role::table.filter(role::name.eq(storable(name)));
    Ok(diesel::select(diesel::dsl::exists(same)).get_result(connection)?)
}

fn role_of((name, permissions, builtin): (String, String, bool)) -> Result<Role, DbError> {
    let permissions = serde_json::from_str(&permissions).map_err(|error| DbError::Corrupt {
        table: "role",
        id: 0,
        problem: format!("permissions of \"{name}\": {error}"),
    })?;
    Ok(Role { name, permissions, builtin })
}

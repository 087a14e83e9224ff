//! Rows of the users.

use super::{
    ADMIN, ChangeUser, CreateUser, FindUser, ListUsers, NoteLogin, RemoveUser, SetPassword, User, UserKey, UsersError,
    canonical, roles, sessions,
};
use crate::db::{DbError, limit, storable};
use diesel::prelude::*;
use flyball_schema::db::Connection;
use flyball_schema::tables::users::{AccountRow, account};
use flyball_schema::{Timestamp, UserId};

type Changed = Result<Result<User, UsersError>, DbError>;

pub(super) fn create(connection: &mut Connection, new: &CreateUser, now: Timestamp) -> Changed {
    let name = canonical(&new.name);
    if name.is_empty() {
        return Ok(Err(UsersError::EmptyName));
    }
    let same = account::table.filter(account::name.eq(&name));
    if diesel::select(diesel::dsl::exists(same)).get_result(connection)? {
        return Ok(Err(UsersError::NameTaken(name)));
    }
    if !roles::exists(connection, &new.role)? {
        return Ok(Err(UsersError::UnknownRole(new.role.clone())));
    }
    let row = (
        account::name.eq(&name),
        account::display_name.eq(storable(&new.display_name)),
        account::password_hash.eq(&new.password_hash),
        account::role.eq(&new.role),
        account::disabled.eq(false),
        account::failed_attempts.eq(0),
        account::created_at.eq(now.as_micros()),
        account::changed_at.eq(now.as_micros()),
    );
    diesel::insert_into(account::table).values(row).execute(connection)?;
    let made = account::table.filter(account::name.eq(&name)).select(AccountRow::as_select()).first(connection)?;
    Ok(Ok(user_of(made)?))
}

pub(super) fn change(connection: &mut Connection, change: &ChangeUser, now: Timestamp) -> Changed {
    let id = change.id;
    let Some(row) = present(connection, id)? else { return Ok(Err(UsersError::UnknownUser(id))) };
    let role = change.role.clone().unwrap_or_else(|| row.role.clone());
    if role != row.role && !roles::exists(connection, &role)? {
        return Ok(Err(UsersError::UnknownRole(role)));
    }
    let disabled = change.disabled.unwrap_or(row.disabled);
    if (disabled || role != ADMIN) && is_last_admin(connection, &row)? {
        return Ok(Err(UsersError::LastAdmin(id)));
    }
    let display_name = change.display_name.as_deref().unwrap_or(&row.display_name);
    let set = (
        account::display_name.eq(storable(display_name)),
        account::role.eq(role),
        account::disabled.eq(disabled),
        account::changed_at.eq(now.as_micros()),
    );
    diesel::update(account::table.find(row.id)).set(set).execute(connection)?;
    if disabled {
        sessions::revoke_of(connection, id, None, now)?;
    }
    again(connection, id)
}

pub(super) fn set_password(connection: &mut Connection, set: &SetPassword, now: Timestamp) -> Changed {
    let Some(row) = present(connection, set.id)? else { return Ok(Err(UsersError::UnknownUser(set.id))) };
    let none: Option<i64> = None;
    let change = (
        account::password_hash.eq(&set.password_hash),
        account::failed_attempts.eq(0),
        account::locked_until.eq(none),
        account::changed_at.eq(now.as_micros()),
    );
    diesel::update(account::table.find(row.id)).set(change).execute(connection)?;
    again(connection, set.id)
}

pub(super) fn remove(
    connection: &mut Connection,
    RemoveUser(id): &RemoveUser,
    now: Timestamp,
) -> Result<Result<(), UsersError>, DbError> {
    let Some(row) = present(connection, *id)? else { return Ok(Err(UsersError::UnknownUser(*id))) };
    if is_last_admin(connection, &row)? {
        return Ok(Err(UsersError::LastAdmin(*id)));
    }
    let none: Option<String> = None;
    let change = (
        account::disabled.eq(true),
        account::password_hash.eq(none),
        account::changed_at.eq(now.as_micros()),
        account::removed_at.eq(now.as_micros()),
    );
    diesel::update(account::table.find(row.id)).set(change).execute(connection)?;
    sessions::revoke_of(connection, *id, None, now)?;
    Ok(Ok(()))
}

pub(super) fn note_login(connection: &mut Connection, login: &NoteLogin, _now: Timestamp) -> Changed {
    let Some(row) = present(connection, login.id)? else { return Ok(Err(UsersError::UnknownUser(login.id))) };
    let (attempts, locked) = if login.succeeded {
        (0, None)
    } else {
        (row.failed_attempts.saturating_add(1), login.locked_until.map(Timestamp::as_micros))
    };
    let change = (account::failed_attempts.eq(attempts), account::locked_until.eq(locked));
    diesel::update(account::table.find(row.id)).set(change).execute(connection)?;
    again(connection, login.id)
}

pub(super) fn find(connection: &mut Connection, FindUser(key): &FindUser) -> Result<Option<User>, DbError> {
    let row = match key {
        UserKey::Id(id) => present(connection, *id)?,
        UserKey::Name(name) => account::table
            .filter(account::name.eq(canonical(name)).and(account::removed_at.is_null()))
            .select(AccountRow::as_select())
            .first(connection)
            .optional()?,
    };
    row.map(user_of).transpose()
}

pub(super) fn list(connection: &mut Connection, query: &ListUsers) -> Result<Vec<User>, DbError> {
    let rows: Vec<AccountRow> = account::table
        .filter(account::removed_at.is_null().and(account::id.gt(query.after.map_or(-1, UserId::to_i32))))
        .order(account::id)
        .limit(limit(query.limit))
        .select(AccountRow::as_select())
        .load(connection)?;
    rows.into_iter().map(user_of).collect()
}

/// A user who is not removed.
pub(super) fn present(connection: &mut Connection, id: UserId) -> Result<Option<AccountRow>, DbError> {
    let rows = account::table.find(id.to_i32()).filter(account::removed_at.is_null());
    Ok(rows.select(AccountRow::as_select()).first(connection).optional()?)
}

fn again(connection: &mut Connection, id: UserId) -> Changed {
    let row = present(connection, id)?;
    Ok(Ok(user_of(row.ok_or(diesel::result::Error::NotFound)?)?))
}

/// Whether nobody else could administer the plant.
fn is_last_admin(connection: &mut Connection, row: &AccountRow) -> Result<bool, DbError> {
    if row.role != ADMIN || row.disabled {
        return Ok(false);
    }
    // Who is removed is disabled.
    let others = account::role.eq(ADMIN).and(account::disabled.eq(false)).and(account::id.ne(row.id));
    let is_there_another: bool =
        diesel::select(diesel::dsl::exists(account::table.filter(others))).get_result(connection)?;
    Ok(!is_there_another)
}

pub(super) fn user_of(row: AccountRow) -> Result<User, DbError> {
    let corrupt = |problem: &str| DbError::Corrupt { table: "account", id: row.id.into(), problem: problem.to_owned() };
    Ok(User {
        id: UserId::from_i32(row.id).ok_or_else(|| corrupt("a negative id"))?,
        failed_attempts: u32::try_from(row.failed_attempts).map_err(|_| corrupt("negative attempts"))?,
        name: row.name,
        display_name: row.display_name,
        password_hash: row.password_hash,
        role: row.role,
        disabled: row.disabled,
        locked_until: row.locked_until.map(Timestamp::from_micros),
        created_at: Timestamp::from_micros(row.created_at),
        changed_at: Timestamp::from_micros(row.changed_at),
    })
}

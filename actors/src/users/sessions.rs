//! Rows of the sessions.

use super::{
    FindSession, ListSessions, OpenSession, PruneSessions, RevokeSession, RevokeSessions, Session, TouchSession, User,
    UsersError, accounts,
};
use crate::db::{DbError, storable};
use diesel::prelude::*;
use flyball_schema::db::Connection;
use flyball_schema::tables::users::{AccountRow, SessionRow, account, session};
use flyball_schema::{Timestamp, UserId};

pub(super) fn open(
    connection: &mut Connection,
    new: &OpenSession,
    now: Timestamp,
) -> Result<Result<Session, UsersError>, DbError> {
    if accounts::present(connection, new.user)?.is_none_or(|row| row.disabled) {
        return Ok(Err(UsersError::UnknownUser(new.user)));
    }
    let token = new.token_hash.as_slice();
    let row = (
        session::token_hash.eq(token),
        session::account_id.eq(new.user.to_i32()),
        session::origin.eq(storable(&new.origin)),
        session::created_at.eq(now.as_micros()),
        session::seen_at.eq(now.as_micros()),
        session::idle_expires_at.eq(new.idle_expires_at.as_micros()),
        session::expires_at.eq(new.expires_at.as_micros()),
    );
    diesel::insert_into(session::table).values(row).execute(connection)?;
    let made = session::table.filter(session::token_hash.eq(token));
    Ok(Ok(session_of(made.select(SessionRow::as_select()).first(connection)?)?))
}

pub(super) fn find(
    connection: &mut Connection,
    FindSession(token): &FindSession,
) -> Result<Option<(Session, Option<User>)>, DbError> {
    let found: Option<(SessionRow, AccountRow)> = session::table
        .inner_join(account::table)
        .filter(session::token_hash.eq(token.as_slice()))
        .select((SessionRow::as_select(), AccountRow::as_select()))
        .first(connection)
        .optional()?;
    let Some((session, person)) = found else { return Ok(None) };
    // Who is removed is disabled.
    let user = if person.disabled { None } else { Some(accounts::user_of(person)?) };
    Ok(Some((session_of(session)?, user)))
}

pub(super) fn touch(
    connection: &mut Connection,
    touch: &TouchSession,
    now: Timestamp,
) -> Result<Result<(), UsersError>, DbError> {
    let change = (session::seen_at.eq(now.as_micros()), session::idle_expires_at.eq(touch.idle_expires_at.as_micros()));
    let touched = diesel::update(session::table.find(touch.id)).set(change).execute(connection)?;
    Ok(if touched == 0 { Err(UsersError::UnknownSession(touch.id)) } else { Ok(()) })
}

pub(super) fn revoke(
    connection: &mut Connection,
    RevokeSession(id): &RevokeSession,
    now: Timestamp,
) -> Result<Result<(), UsersError>, DbError> {
    let open = session::table.find(id).filter(session::revoked_at.is_null());
    let revoked = diesel::update(open).set(session::revoked_at.eq(now.as_micros())).execute(connection)?;
    if revoked == 0 && session::table.find(id).count().get_result::<i64>(connection)? == 0 {
        return Ok(Err(UsersError::UnknownSession(*id)));
    }
    Ok(Ok(()))
}

pub(super) fn revoke_all(
    connection: &mut Connection,
    revoke: &RevokeSessions,
    now: Timestamp,
) -> Result<Result<usize, UsersError>, DbError> {
    Ok(Ok(revoke_of(connection, revoke.user, revoke.except, now)?))
}

/// Ends every session of a user but one; how many.
pub(super) fn revoke_of(
    connection: &mut Connection,
    user: UserId,
    except: Option<i64>,
    now: Timestamp,
) -> Result<usize, DbError> {
    // Numbers begin at 1.
    let others = session::account_id.eq(user.to_i32()).and(session::id.ne(except.unwrap_or(0)));
    let open = session::table.filter(others.and(session::revoked_at.is_null()));
    Ok(diesel::update(open).set(session::revoked_at.eq(now.as_micros())).execute(connection)?)
}

pub(super) fn list(connection: &mut Connection, query: &ListSessions) -> Result<Vec<Session>, DbError> {
    let now = query.now.as_micros();
    let mut select = session::table
        .filter(session::revoked_at.is_null().and(session::idle_expires_at.gt(now)).and(session::expires_at.gt(now)))
        .select(SessionRow::as_select())
        .order(session::id.desc())
        .into_boxed();
    if let Some(user) = query.user {
        select = select.filter(session::account_id.eq(user.to_i32()));
    }
    let rows: Vec<SessionRow> = select.load(connection)?;
    rows.into_iter().map(session_of).collect()
}

pub(super) fn prune(
    connection: &mut Connection,
    PruneSessions(before): &PruneSessions,
    _now: Timestamp,
) -> Result<Result<usize, UsersError>, DbError> {
    let before = before.as_micros();
    let expired = session::expires_at.lt(before).or(session::idle_expires_at.lt(before));
    let revoked = session::revoked_at.is_not_null().and(session::revoked_at.lt(before));
    let by_time = diesel::delete(session::table.filter(expired)).execute(connection)?;
    let by_hand = diesel::delete(session::table.filter(revoked)).execute(connection)?;
    Ok(Ok(by_time + by_hand))
}

fn session_of(row: SessionRow) -> Result<Session, DbError> {
    let user = UserId::from_i32(row.account_id).ok_or_else(|| DbError::Corrupt {
        table: "session",
        id: row.id,
        problem: "a negative user id".to_owned(),
    })?;
    Ok(Session {
        id: row.id,
        user,
        origin: row.origin,
        created_at: Timestamp::from_micros(row.created_at),
        seen_at: Timestamp::from_micros(row.seen_at),
        idle_expires_at: Timestamp::from_micros(row.idle_expires_at),
        expires_at: Timestamp::from_micros(row.expires_at),
        revoked_at: row.revoked_at.map(Timestamp::from_micros),
    })
}

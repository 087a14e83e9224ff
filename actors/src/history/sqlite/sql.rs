//! SQL that the connection keeps prepared.

use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::BigInt;
use diesel::sqlite::Sqlite;
use std::marker::PhantomData;

/// SQL whose statement is prepared once per connection, which [`diesel::sql_query`]'s is not: every `?` is bound to a
/// number, a row has the types `Row`.
pub(super) struct Sql<Row, const N: usize> {
    text: &'static str,
    numbers: [i64; N],
    row: PhantomData<Row>,
}

/// A statement without rows.
pub(super) fn statement<const N: usize>(text: &'static str, numbers: [i64; N]) -> Sql<(), N> {
    query(text, numbers)
}

/// A statement whose rows have the types `Row`.
pub(super) fn query<Row, const N: usize>(text: &'static str, numbers: [i64; N]) -> Sql<Row, N> {
    Sql { text, numbers, row: PhantomData }
}

impl<Row, const N: usize> QueryFragment<Sqlite> for Sql<Row, N> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        let mut parts = self.text.split('?');
        out.push_sql(parts.next().unwrap_or_default());
        for (number, part) in self.numbers.iter().zip(parts) {
            out.push_bind_param::<BigInt, _>(number)?;
            out.push_sql(part);
        }
        Ok(())
    }
}

// The key of the cache is the text.
impl<Row, const N: usize> QueryId for Sql<Row, N> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Row, const N: usize> Query for Sql<Row, N> {
    type SqlType = Row;
}

impl<Row, const N: usize> RunQueryDsl<SqliteConnection> for Sql<Row, N> {}

//! On a real server; skipped, saying so, where there is none.

mod faults;
mod partitions;

use super::*;
use crate::history::historian::{Batch, JournalId};
use crate::history::store_suite::{DAY_0, JOURNAL, TAG, TestStore, batch, integers, pairs, store, store_suite};
use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection, RunQueryDsl};
use flyball_schema::test_support::{TestDatabase, postgres_server};
use std::any::Any;
use std::sync::Arc;

fn made() -> Option<TestStore> {
    made_with_database().map(|(store, _)| store)
}

store_suite!(made);

// By the sample, and in a size that shows few of them: where chunks are dropped whole, there are tests of their own.
store_suite! { made:
    samples_past_their_retention_are_dropped_and_counted,
    a_store_that_is_too_big_loses_its_oldest_samples,
}

/// A store, and a connection to its database.
fn made_with_database() -> Option<(TestStore, PgConnection)> {
    let database = TestDatabase::postgres()?;
    let connection = PgConnection::establish(database.url()).unwrap();
    let historian = Arc::new(PostgresHistorian::new(database.url()));
    Some((TestStore { historian, _kept: Box::new(database) as Box<dyn Any> }, connection))
}

#[derive(diesel::QueryableByName)]
struct Answer {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    answer: i64,
}

/// The one number that a query answers, its column called `answer`.
fn number(connection: &mut PgConnection, query: &str) -> i64 {
    diesel::sql_query(query).get_result::<Answer>(connection).unwrap().answer
}

const RELATIONS: &str =
    "SELECT count(*) AS answer FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = 'history'";

#[test]
fn tables_are_made_and_removed_and_made_again() {
    let Some(database) = TestDatabase::postgres() else { return };
    let historian = PostgresHistorian::new(database.url());
    let mut connection = PgConnection::establish(database.url()).unwrap();
    drop(historian.open_writer().unwrap());
    let relations = number(&mut connection, RELATIONS);
    store(&mut *historian.open_writer().unwrap(), TAG, integers(&[(DAY_0, 1)]));
    historian.remove().unwrap();
    assert_eq!(number(&mut connection, RELATIONS), 0);
    drop(historian.open_writer().unwrap());
    assert_eq!(number(&mut connection, RELATIONS), relations);
    assert_eq!(historian.open_writer().unwrap().position(JOURNAL).unwrap(), 0);
}

#[test]
fn tables_of_a_later_version_are_refused() {
    let Some((store, mut connection)) = made_with_database() else { return };
    drop(store.writer());
    let mut reader = store.reader();
    connection.batch_execute("UPDATE history.meta SET version = 2").unwrap();
    let refused = |error: Option<HistorianError>| matches!(error, Some(HistorianError::Version { version: 2, .. }));
    assert!(refused(store.historian.open_writer().err()));
    assert!(refused(store.historian.open_reader().err()));
    assert!(refused(reader.begin(JOURNAL).err()));
}

#[test]
fn several_programs_may_start_at_a_time() {
    let Some(store) = made() else { return };
    let historian = &store.historian;
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| historian.open_writer().unwrap());
        }
    });
}

#[test]
fn a_journal_is_stored_by_one_session_and_others_by_others() {
    let Some(test) = made() else { return };
    let mut first = test.writer();
    store(&mut *first, TAG, integers(&[(DAY_0, 1)]));
    let mut second = test.writer();
    let taken = second.position(JOURNAL);
    assert!(matches!(taken, Err(HistorianError::Taken(JOURNAL))), "{taken:?}");
    let one = batch(1, vec![(TAG, integers(&[(DAY_0, 2)]))]);
    assert!(matches!(second.store(&one), Err(HistorianError::Taken(JOURNAL))));
    // Of another journal it stores, and what it stored comes in its order.
    let another = Batch { journal: JournalId(uuid::Uuid::from_u128(2 << 64)), behind: 0, upto: 1, ..one.clone() };
    second.store(&another).unwrap();
    first.store(&batch(1, vec![(TAG, integers(&[(DAY_0, 3)]))])).unwrap();
    drop(first);
    let mut third = test.writer();
    third.store(&batch(2, vec![(TAG, integers(&[(DAY_0, 4)]))])).unwrap();
    assert_eq!(pairs(&test.all(TAG)), [(DAY_0, 1), (DAY_0, 2), (DAY_0, 3), (DAY_0, 4)]);
}

#[test]
fn a_database_in_another_encoding_is_refused_before_a_text_gets_stuck() {
    let Some(server) = postgres_server() else { return };
    let name = format!("flyball_test_ascii_{}", std::process::id());
    let made = format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'");
    server.execute(&made).unwrap();
    let refused = PostgresHistorian::new(server.url_of(&name)).open_writer().err();
    server.execute(&format!("DROP DATABASE {name} WITH (FORCE)")).unwrap();
    assert!(matches!(refused, Some(HistorianError::Unsuitable(reason)) if reason.contains("SQL_ASCII")));
}

#[test]
fn a_right_that_is_taken_away_is_an_error_and_nothing_is_lost_when_it_is_back() {
    let Some((test, mut connection)) = made_with_database() else { return };
    let mut writer = test.writer();
    store(&mut *writer, TAG, integers(&[(DAY_0, 1)]));
    // A superuser may do everything: the trigger stands for a right that is missing.
    let forbid = "CREATE FUNCTION forbid() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE insufficient_privilege; END $$;
        CREATE TRIGGER forbid BEFORE INSERT ON history.sample FOR EACH ROW EXECUTE FUNCTION forbid();";
    connection.batch_execute(forbid).unwrap();
    let next = batch(1, vec![(TAG, integers(&[(DAY_0, 2)]))]);
    let refused = writer.store(&next);
    assert!(matches!(refused, Err(HistorianError::Database(_))), "{refused:?}");
    drop(writer);
    connection.batch_execute("DROP TRIGGER forbid ON history.sample").unwrap();
    let mut writer = test.writer();
    assert_eq!(writer.position(JOURNAL).unwrap(), 1);
    writer.store(&next).unwrap();
    assert_eq!(pairs(&test.all(TAG)), [(DAY_0, 1), (DAY_0, 2)]);
}

//! Both backends: migrations, equal schemas, access, recovery.

use super::*;
use crate::test_support::TestDatabase;
use diesel::sql_types::{BigInt, Text};
use diesel::{QueryableByName, RunQueryDsl};

fn open(database: &TestDatabase, access: Access) -> Connection {
    connect(&DatabaseUrl::parse(database.url()).unwrap(), access).unwrap()
}

fn migrated(database: &TestDatabase) -> Connection {
    let mut connection = open(database, Access::Write);
    migrate(&mut connection).unwrap();
    connection
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

fn lines(connection: &mut Connection, query: &str) -> Vec<String> {
    let rows: Vec<Line> = diesel::sql_query(query).load(connection).unwrap();
    rows.into_iter().map(|row| row.line).collect()
}

/// Every column as `table.column type [not null] [key n]`, sorted.
fn columns(connection: &mut Connection) -> Vec<String> {
    let query = match connection {
        Connection::Sqlite(_) => {
            "SELECT t.name || '.' || c.name || ' ' || lower(c.type) \
               || CASE WHEN c.\"notnull\" OR c.pk > 0 THEN ' not null' ELSE '' END \
               || CASE WHEN c.pk > 0 THEN ' key ' || c.pk ELSE '' END AS line \
             FROM sqlite_schema t JOIN pragma_table_info(t.name) c \
             WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND t.name NOT LIKE '\\_\\_diesel%' ESCAPE '\\'"
        }
        Connection::Postgres(_) => {
            "SELECT c.table_name || '.' || c.column_name || ' ' || c.data_type \
               || CASE WHEN c.is_nullable = 'NO' THEN ' not null' ELSE '' END \
               || coalesce(' key ' || k.ordinal_position, '') AS line \
             FROM information_schema.columns c \
             LEFT JOIN (information_schema.key_column_usage k JOIN information_schema.table_constraints p \
               ON p.constraint_name = k.constraint_name AND p.constraint_type = 'PRIMARY KEY') \
               ON k.table_schema = c.table_schema AND k.table_name = c.table_name AND k.column_name = c.column_name \
             WHERE c.table_schema = 'public' AND c.table_name NOT LIKE '\\_\\_diesel%'"
        }
    };
    let mut lines = lines(connection, query);
    for line in &mut lines {
        *line = line.replace("bytea", "blob");
        // A row id of SQLite is 64 bits wide, and has to be declared INTEGER to be one.
        for wide in ["alarm_journal", "event", "link_connection", "note", "notification", "session", "unit_change"] {
            *line = line.replace(&format!("{wide}.id integer"), &format!("{wide}.id bigint"));
        }
    }
    lines.sort_unstable();
    lines
}

/// Every index as `table (column, …) [unique]`, sorted; also those behind UNIQUE, not those behind primary keys.
fn indexes(connection: &mut Connection) -> Vec<String> {
    let query = match connection {
        Connection::Sqlite(_) => {
            "SELECT t.name || ' (' || (SELECT group_concat(name, ', ') FROM pragma_index_info(i.name)) || ')' \
               || CASE WHEN i.\"unique\" THEN ' unique' ELSE '' END || CASE WHEN i.partial THEN ' partial' ELSE '' END AS line \
             FROM sqlite_schema t JOIN pragma_index_list(t.name) i \
             WHERE t.type = 'table' AND i.origin <> 'pk' AND t.name NOT LIKE '\\_\\_diesel%' ESCAPE '\\'"
        }
        Connection::Postgres(_) => {
            "SELECT t.relname || ' (' || (SELECT string_agg(a.attname, ', ' ORDER BY k.n) \
                 FROM unnest(i.indkey) WITH ORDINALITY AS k (attnum, n) \
                 JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum) || ')' \
               || CASE WHEN i.indisunique THEN ' unique' ELSE '' END \
               || CASE WHEN i.indpred IS NOT NULL THEN ' partial' ELSE '' END AS line \
             FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace s ON s.oid = t.relnamespace \
             WHERE s.nspname = 'public' AND NOT i.indisprimary AND t.relname NOT LIKE '\\_\\_diesel%'"
        }
    };
    let mut lines = lines(connection, query);
    lines.sort_unstable();
    lines
}

/// Every reference as `table.column -> table`, sorted.
fn references(connection: &mut Connection) -> Vec<String> {
    let query = match connection {
        Connection::Sqlite(_) => {
            "SELECT t.name || '.' || f.\"from\" || ' -> ' || f.\"table\" AS line \
             FROM sqlite_schema t JOIN pragma_foreign_key_list(t.name) f WHERE t.type = 'table'"
        }
        Connection::Postgres(_) => {
            "SELECT c.conrelid::regclass || '.' || a.attname || ' -> ' || c.confrelid::regclass AS line \
             FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1] \
             WHERE c.contype = 'f'"
        }
    };
    let mut lines = lines(connection, query);
    lines.sort_unstable();
    lines
}

#[test]
fn migrations_go_up_down_and_up_again() {
    for database in TestDatabase::each() {
        let mut connection = migrated(&database);
        let (full, indexed) = (columns(&mut connection), indexes(&mut connection));
        assert!(full.contains(&"tag.name text not null".to_owned()), "{full:?}");
        assert_eq!(migrate(&mut connection).unwrap(), 0, "nothing is done twice");
        assert!(revert(&mut connection).unwrap() >= 2);
        assert_eq!(columns(&mut connection), Vec::<String>::new());
        migrate(&mut connection).unwrap();
        assert_eq!((columns(&mut connection), indexes(&mut connection)), (full, indexed));
    }
}

#[test]
fn both_backends_have_the_same_schema() {
    let Some(postgres) = TestDatabase::postgres() else { return };
    let sqlite = TestDatabase::sqlite();
    let (mut sqlite, mut postgres) = (migrated(&sqlite), migrated(&postgres));
    assert_eq!(columns(&mut sqlite), columns(&mut postgres));
    assert_eq!(indexes(&mut sqlite), indexes(&mut postgres));
    assert_eq!(references(&mut sqlite), references(&mut postgres));
}

#[test]
fn a_down_migration_leaves_nothing_of_a_postgres_database() {
    let Some(database) = TestDatabase::postgres() else { return };
    let mut connection = migrated(&database);
    revert(&mut connection).unwrap();
    let left = "SELECT proname::text AS line FROM pg_proc WHERE pronamespace = 'public'::regnamespace \
                UNION SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace \
                AND relname NOT LIKE '\\_\\_diesel%'";
    assert_eq!(lines(&mut connection, left), Vec::<String>::new());
}

#[test]
fn two_processes_may_migrate_at_once() {
    for database in TestDatabase::each() {
        migrated(&database);
        revert(&mut open(&database, Access::Write)).unwrap();
        let applied = std::thread::scope(|scope| {
            let both = [0, 1].map(|_| scope.spawn(|| migrate(&mut open(&database, Access::Write))));
            both.map(|one| one.join().unwrap())
        });
        let mut counts = applied.map(Result::unwrap);
        counts.sort_unstable();
        assert_eq!((counts[0], counts[1] > 0), (0, true));
    }
}

#[test]
fn a_reader_cannot_write() {
    for database in TestDatabase::each() {
        migrated(&database);
        let pool = open_pool(database.url(), Access::Read, 1).unwrap();
        let error = diesel::sql_query("DELETE FROM tag").execute(&mut pool.get().unwrap()).unwrap_err().to_string();
        assert!(error.contains("read-only") || error.contains("readonly"), "{error}");
    }
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

fn tags(connection: &mut Connection) -> i64 {
    diesel::sql_query("SELECT count(*) AS count FROM tag").get_result::<Count>(connection).unwrap().count
}

fn insert_tag(connection: &mut Connection) -> Result<(), diesel::result::Error> {
    let insert = "INSERT INTO tag (name, definition, changed_at) VALUES ('a', '{}', 0)";
    diesel::sql_query(insert).execute(connection).map(|_| ())
}

#[test]
fn a_transaction_keeps_all_or_nothing() {
    for database in TestDatabase::each() {
        let mut connection = migrated(&database);
        let twice = connection.write_transaction(|connection| {
            insert_tag(connection)?;
            insert_tag(connection)
        });
        assert!(matches!(twice, Err(diesel::result::Error::DatabaseError(..))), "{twice:?}");
        assert_eq!(tags(&mut connection), 0);
        connection.write_transaction(insert_tag).unwrap();
        assert_eq!(tags(&mut connection), 1);
    }
}

#[test]
fn a_pool_replaces_connections_that_were_cut() {
    let Some(database) = TestDatabase::postgres() else { return };
    migrated(&database);
    let pool = open_pool(database.url(), Access::Write, 2).unwrap();
    let mut held = pool.get().unwrap();
    database.cut_connections();
    assert!(held.is_lost());
    assert!(held.write_transaction(insert_tag).is_err());
    drop(held);
    for _ in 0..4 {
        assert_eq!(tags(&mut pool.get().unwrap()), 0);
    }
}

#[test]
fn a_password_is_in_no_error() {
    let url = DatabaseUrl::parse("postgres://ann:secret@127.0.0.1:1/plant").unwrap();
    let error = connect(&url, Access::Read).unwrap_err();
    assert!(!format!("{error} {error:?} {url:?}").contains("secret"));
}

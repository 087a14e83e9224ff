//! Configuration and state between PostgreSQL and the SQLite file of a backup, row by row, whatever tables there are.
//!
//! Rows travel as JSON: both sides build and read it by themselves, and both have the same columns.

use super::BackupError;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use flyball_schema::db::{Access, Connection, DatabaseUrl, connect, migrate};
use std::fmt::Write as _;
use std::path::Path;

/// Rows in memory at a time.
const PAGE: usize = 500;

/// Copies a PostgreSQL database into a new SQLite file.
///
/// # Errors
/// [`BackupError`].
pub(super) fn dump(from: &DatabaseUrl, to: &Path) -> Result<(), BackupError> {
    let mut target = open(&DatabaseUrl::Sqlite(to.display().to_string()), Access::Write)?;
    migrate(&mut target)?;
    let mut source = open(from, Access::Read)?;
    source.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
    target.write_transaction(|target| {
        let tables = tables(target)?;
        clear(target, &tables)?;
        for table in tables {
            dump_table(&mut source, target, &table)?;
        }
        Ok(())
    })
}

/// Copies the SQLite file of a backup into an empty PostgreSQL database.
///
/// # Errors
/// [`BackupError::NotEmpty`] where there is a plant in it; [`BackupError`], nothing was copied.
pub(super) fn load(from: &Path, to: &DatabaseUrl) -> Result<(), BackupError> {
    let mut target = open(to, Access::Write)?;
    migrate(&mut target)?;
    // Brings the copy to the newest schema, which the server has.
    let mut source = open(&DatabaseUrl::Sqlite(from.display().to_string()), Access::Write)?;
    migrate(&mut source)?;
    target.write_transaction(|target| {
        if !is_fresh(target)? {
            return Err(BackupError::NotEmpty(to.to_string()));
        }
        let tables = tables(&mut source)?;
        clear(target, &tables)?;
        for table in tables {
            load_table(&mut source, target, &table)?;
        }
        Ok(())
    })
}

/// Whether nothing is in a PostgreSQL database but what comes with the schema.
///
/// # Errors
/// [`BackupError`].
pub(super) fn is_empty(url: &DatabaseUrl) -> Result<bool, BackupError> {
    let mut connection = open(url, Access::Write)?;
    migrate(&mut connection)?;
    is_fresh(&mut connection)
}

/// Whether every table has as many rows as in a new database.
fn is_fresh(connection: &mut Connection) -> Result<bool, BackupError> {
    let mut new = open(&DatabaseUrl::Sqlite(":memory:".to_owned()), Access::Write)?;
    migrate(&mut new)?;
    for Table { name, .. } in tables(&mut new)? {
        if count(connection, &name)? != count(&mut new, &name)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Takes away what comes with the schema: the copy has it as well. Empty tables are left alone: some refuse it.
fn clear(connection: &mut Connection, tables: &[Table]) -> Result<(), BackupError> {
    for Table { name, .. } in tables.iter().rev() {
        if count(connection, name)? > 0 {
            connection.batch_execute(&format!("DELETE FROM \"{name}\""))?;
        }
    }
    Ok(())
}

/// Takes the sessions out of a copied configuration: nobody is logged in after a restore.
///
/// # Errors
/// [`BackupError`].
pub(super) fn end_sessions(copy: &Path) -> Result<(), BackupError> {
    let mut connection = open(&DatabaseUrl::Sqlite(copy.display().to_string()), Access::Write)?;
    if tables(&mut connection)?.iter().any(|table| table.name == "session") {
        connection.batch_execute("DELETE FROM session; VACUUM")?;
    }
    Ok(())
}

/// A table: its name, and its columns with whether they hold bytes.
struct Table {
    name: String,
    columns: Vec<(String, bool)>,
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    line: String,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

fn open(url: &DatabaseUrl, access: Access) -> Result<Connection, BackupError> {
    connect(url, access).map_err(|error| BackupError::Connect(error.to_string()))
}

fn count(connection: &mut Connection, table: &str) -> Result<i64, BackupError> {
    let query = diesel::sql_query(format!("SELECT count(*) AS count FROM \"{table}\""));
    Ok(query.get_result::<Count>(connection)?.count)
}

/// The tables of an SQLite database as they were made: none refers to a later one.
fn tables(connection: &mut Connection) -> Result<Vec<Table>, BackupError> {
    let names = "SELECT name AS line FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
                 AND name NOT LIKE '\\_\\_diesel%' ESCAPE '\\' ORDER BY rowid";
    let names = diesel::sql_query(names).load::<Line>(connection)?;
    let mut tables = Vec::with_capacity(names.len());
    for Line { line: name } in names {
        let columns = format!("SELECT type || ' ' || name AS line FROM pragma_table_info('{name}') ORDER BY cid");
        let columns = diesel::sql_query(columns).load::<Line>(connection)?;
        let column = |Line { line }: Line| {
            // A type may have spaces (DOUBLE PRECISION), a column has none.
            let (kind, column) = line.rsplit_once(' ').unwrap_or(("", &line));
            (column.to_owned(), kind.eq_ignore_ascii_case("blob"))
        };
        tables.push(Table { columns: columns.into_iter().map(column).collect(), name });
    }
    Ok(tables)
}

impl Table {
    fn names(&self) -> String {
        self.columns.iter().map(|(name, _)| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
    }
}

fn dump_table(source: &mut Connection, target: &mut Connection, table: &Table) -> Result<(), BackupError> {
    let name = &table.name;
    let columns = table.columns.iter().map(|(column, is_blob)| {
        let value = format!("json_extract(value, '$.\"{column}\"')");
        // PostgreSQL writes bytes as \x and hexadecimal digits.
        if *is_blob { format!("unhex(substr({value}, 3))") } else { value }
    });
    let columns = columns.collect::<Vec<_>>().join(", ");
    let insert = format!("INSERT INTO \"{name}\" ({}) SELECT {columns} FROM json_each(?)", table.names());
    let key = if table.columns.iter().any(|(column, _)| column == "id") { "id" } else { "1" };
    source.batch_execute(&format!(
        "DECLARE backup_rows NO SCROLL CURSOR FOR \
         SELECT row_to_json(t)::text AS line FROM (SELECT * FROM \"{name}\" ORDER BY {key}) AS t"
    ))?;
    loop {
        let page = diesel::sql_query(format!("FETCH {PAGE} FROM backup_rows")).load::<Line>(source)?;
        if page.is_empty() {
            break;
        }
        let rows = as_array(page.iter().map(|row| row.line.as_str()));
        diesel::sql_query(&insert).bind::<Text, _>(rows).execute(target)?;
    }
    Ok(source.batch_execute("CLOSE backup_rows")?)
}

fn load_table(source: &mut Connection, target: &mut Connection, table: &Table) -> Result<(), BackupError> {
    let (name, columns) = (&table.name, table.names());
    let pairs = table.columns.iter().map(|(column, is_blob)| {
        let value = if *is_blob { format!("'\\x' || hex(\"{column}\")") } else { format!("\"{column}\"") };
        format!("'{column}', {value}")
    });
    let pairs = pairs.collect::<Vec<_>>().join(", ");
    let select = format!(
        "SELECT rowid AS id, json_object({pairs}) AS line FROM \"{name}\" WHERE rowid > ? ORDER BY rowid LIMIT {PAGE}"
    );
    let insert = format!(
        "INSERT INTO \"{name}\" ({columns}) SELECT {columns} FROM json_populate_recordset(NULL::\"{name}\", $1::json)"
    );
    let mut behind = i64::MIN;
    loop {
        let page = diesel::sql_query(&select).bind::<BigInt, _>(behind).load::<Row>(source)?;
        let Some(last) = page.last() else { break };
        behind = last.id;
        let rows = as_array(page.iter().map(|row| row.line.as_str()));
        diesel::sql_query(&insert).bind::<Text, _>(rows).execute(target)?;
    }
    if table.columns.iter().any(|(column, _)| column == "id") {
        // The next id is behind those that came.
        target.batch_execute(&format!(
            "SELECT setval(pg_get_serial_sequence('\"{name}\"', 'id'), max(id)::text::bigint) FROM \"{name}\" HAVING max(id) IS NOT NULL \
             AND pg_get_serial_sequence('\"{name}\"', 'id') IS NOT NULL"
        ))?;
    }
    Ok(())
}

fn as_array<'a>(rows: impl Iterator<Item = &'a str>) -> String {
    let mut array = String::from("[");
    for (index, row) in rows.enumerate() {
        let separator = if index == 0 { "" } else { "," };
        // Writing into a string does not fail.
        let _written = write!(array, "{separator}{row}");
    }
    array.push(']');
    array
}

impl From<diesel::result::Error> for BackupError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Configuration(error)
    }
}

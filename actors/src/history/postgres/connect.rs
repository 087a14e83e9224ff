//! Connections: what is asked of libpq and of the server, and what the loss of one is called.

use super::super::historian::HistorianError;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error};
use diesel::sql_types::{Integer, Text};

/// Asked of libpq unless the URL says otherwise: a server that is away is noticed within 5 s, while connecting as well
/// as in the middle of a statement (units: s, s, s, count, ms).
const PARAMETERS: [(&str, &str); 6] = [
    ("application_name", "flyball%20history"),
    ("connect_timeout", "4"),
    ("keepalives_idle", "2"),
    ("keepalives_interval", "1"),
    ("keepalives_count", "3"),
    ("tcp_user_timeout", "5000"),
];

/// The server too lets go of a client that is away: its locks must not outlive it by hours. Plans are made for the times
/// that are asked for, go by the index, and do not depend on what the server knows of a partition that is an hour old.
const SESSION: &str = "SET timezone = 'UTC'; SET search_path = pg_catalog; SET client_min_messages = warning;
    SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3;
    SET tcp_user_timeout = 10000; SET plan_cache_mode = force_custom_plan; SET enable_seqscan = off;
    SET enable_bitmapscan = off; SET max_parallel_workers_per_gather = 0; SET jit = off;";

// Who waited for a lock has to see what was committed meanwhile.
const WRITER: &str = "SET synchronous_commit = on; SET default_transaction_isolation = 'read committed';
    SET lock_timeout = '10s'; SET statement_timeout = '5min';
    SET idle_in_transaction_session_timeout = '1min';";

// A cursor's first rows are wanted soon: who asked may go away.
const READER: &str = "SET default_transaction_read_only = on; SET lock_timeout = '4s'; SET statement_timeout = '30s';
    SET idle_in_transaction_session_timeout = '5min'; SET cursor_tuple_fraction = 0.001;";

/// The oldest server that can be used: 14 reads ranges of pages, which retention needs.
const OLDEST_SERVER: i32 = 140_000;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Write,
    Read,
}

#[derive(QueryableByName)]
struct Server {
    #[diesel(sql_type = Integer)]
    version: i32,
    #[diesel(sql_type = Text)]
    encoding: String,
}

/// Makes a connection.
pub(super) fn connect(url: &str, access: Access) -> Result<PgConnection, HistorianError> {
    let mut connection = PgConnection::establish(&with_parameters(url)).map_err(HistorianError::Connect)?;
    let ready = prepare(&mut connection, access);
    ready.map_err(|error| failure(&mut connection, error))?;
    Ok(connection)
}

fn prepare(connection: &mut PgConnection, access: Access) -> Result<(), HistorianError> {
    connection.batch_execute(SESSION)?;
    connection.batch_execute(if access == Access::Write { WRITER } else { READER })?;
    let server = diesel::sql_query(
        "SELECT current_setting('server_version_num')::int4 AS version, current_setting('server_encoding') AS encoding",
    );
    let server: Server = server.get_result(connection)?;
    if server.version < OLDEST_SERVER {
        let (have, need) = (server.version / 10_000, OLDEST_SERVER / 10_000);
        return Err(HistorianError::Unsuitable(format!("it is version {have}, {need} is needed")));
    }
    if server.encoding != "UTF8" {
        return Err(HistorianError::Unsuitable(format!("its database is in {}, not UTF8", server.encoding)));
    }
    Ok(())
}

/// Says of an error whether it is the loss of the connection: then [`HistorianError::Connect`].
pub(super) fn failure(connection: &mut PgConnection, error: HistorianError) -> HistorianError {
    let HistorianError::Database(cause) = error else { return error };
    // A COPY that was cut does not say so; the next statement knows.
    if is_loss(&cause) || connection.batch_execute("SELECT 1").is_err_and(|error| is_loss(&error)) {
        return HistorianError::Connect(ConnectionError::BadConnection(cause.to_string()));
    }
    HistorianError::Database(cause)
}

fn is_loss(error: &Error) -> bool {
    matches!(
        error,
        Error::DatabaseError(DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand, _)
            | Error::BrokenTransactionManager
    )
}

/// The URL as libpq gets it.
fn with_parameters(url: &str) -> String {
    let query = url.rsplit_once('?').map_or("", |(_, query)| query);
    let is_set = |name: &str| query.split('&').any(|pair| pair.split('=').next() == Some(name));
    let mut complete = url.to_owned();
    for (name, value) in PARAMETERS.into_iter().filter(|(name, _)| !is_set(name)) {
        complete.push(if complete.contains('?') { '&' } else { '?' });
        complete.push_str(name);
        complete.push('=');
        complete.push_str(value);
    }
    complete
}

/// Server and database of a URL, without who connects.
pub(super) fn without_user(url: &str) -> &str {
    let address = url.split_once("://").map_or(url, |(_, rest)| rest);
    let address = address.rsplit_once('?').map_or(address, |(address, _)| address);
    address.rsplit_once('@').map_or(address, |(_, address)| address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_of_the_url_win() {
        let complete = with_parameters("postgres://host/p?connect_timeout=30");
        assert!(complete.starts_with("postgres://host/p?connect_timeout=30&application_name=flyball%20history&"));
        assert_eq!(complete.matches("connect_timeout").count(), 1);
        assert!(with_parameters("postgres://host/p").starts_with("postgres://host/p?application_name="));
    }

    #[test]
    fn a_url_is_shown_without_who_connects() {
        assert_eq!(without_user("postgres://ann:s@cret@host:5/plant?password=x"), "host:5/plant");
        assert_eq!(without_user("postgresql://host/plant"), "host/plant");
    }
}

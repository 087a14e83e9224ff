//! A PostgreSQL server for tests: the one that is named, one that runs here already, or our own.

use super::{execute, fail, say};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

/// Names the server; its user must be allowed to create databases.
const VARIABLE: &str = "FLYBALL_TEST_POSTGRES_URL";

/// The server of this process's tests: that of `FLYBALL_TEST_POSTGRES_URL`; else one that answers on this machine; else
/// our own, where PostgreSQL is installed. `None`, and a line on standard error, where there is none.
///
/// # Panics
/// Where there is none and `CI` is set, or the one that is named does not answer.
#[must_use]
pub fn postgres_server() -> Option<&'static PostgresServer> {
    static SERVER: OnceLock<Option<PostgresServer>> = OnceLock::new();
    SERVER.get_or_init(find).as_ref()
}

fn find() -> Option<PostgresServer> {
    if let Ok(url) = std::env::var(VARIABLE) {
        let server = PostgresServer { url, _own: None };
        if let Err(error) = server.is_usable() {
            fail(&format!("{VARIABLE}={}: {error}", server.url));
        }
        return Some(server);
    }
    if let Some(server) = running_here() {
        return Some(server);
    }
    match OwnServer::start() {
        Ok(own) => Some(PostgresServer { url: own.url().to_owned(), _own: Some(own) }),
        Err(error) if std::env::var_os("CI").is_some() => fail(&format!("CI needs a PostgreSQL server: {error}")),
        Err(error) => {
            say(&format!("SKIPPED: tests on PostgreSQL (set {VARIABLE}, or install postgresql): {error}"));
            None
        }
    }
}

fn running_here() -> Option<PostgresServer> {
    let user = std::env::var("PGUSER").or_else(|_| std::env::var("USER")).unwrap_or_else(|_| "root".to_owned());
    let at_host = |user: &str| format!("postgres://{user}@127.0.0.1:5432/postgres?connect_timeout=2");
    let by_socket = format!("postgres:///postgres?host=/var/run/postgresql&user={user}&connect_timeout=2");
    let candidates = [at_host(&user), by_socket, at_host("postgres")];
    let servers = candidates.into_iter().map(|url| PostgresServer { url, _own: None });
    servers.into_iter().find(|server| server.is_usable().is_ok())
}

/// A PostgreSQL server on which tests may make databases.
#[derive(Debug)]
pub struct PostgresServer {
    url: String,
    _own: Option<OwnServer>,
}

impl PostgresServer {
    /// URL of a database that is there, for administration.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// URL of the database `name` on this server.
    #[must_use]
    pub fn url_of(&self, name: &str) -> String {
        let (address, query) = self.url.split_once('?').map_or((self.url.as_str(), None), |(a, q)| (a, Some(q)));
        let (scheme, rest) = address.split_once("://").unwrap_or(("postgres", address));
        let host = rest.split('/').next().unwrap_or_default();
        query.map_or_else(|| format!("{scheme}://{host}/{name}"), |query| format!("{scheme}://{host}/{name}?{query}"))
    }

    /// Runs one statement outside of any test database.
    ///
    /// # Errors
    /// What the server says.
    pub fn execute(&self, statement: &str) -> Result<(), String> {
        execute(&self.url, statement)
    }

    fn is_usable(&self) -> Result<(), String> {
        // A division by zero where the user may not make databases.
        self.execute("SELECT 1 / (rolcreatedb OR rolsuper)::int FROM pg_roles WHERE rolname = current_user")
            .map_err(|error| format!("no server, or its user may not create databases: {error}"))
    }
}

/// A server of our own, on a free port. It ends with this value, or with the process, however that ends.
#[derive(Debug)]
pub struct OwnServer {
    url: String,
    /// Its standard input is what keeps the server alive.
    guardian: Child,
    answers: BufReader<ChildStdout>,
}

impl OwnServer {
    /// Makes a new cluster in a temporary folder and starts it; takes about two seconds.
    ///
    /// # Errors
    /// PostgreSQL is not installed, or does not start.
    pub fn start() -> Result<Self, String> {
        const SCRIPT: &str = include_str!("own_server.sh");
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = free.map_err(|error| format!("no free port: {error}"))?.port();
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "flyball-postgres", &port.to_string(), SCRIPT]);
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut guardian = spawned.map_err(|error| format!("cannot run sh: {error}"))?;
        let answers = BufReader::new(guardian.stdout.take().ok_or("sh without a standard output")?);
        let mut server = Self { url: format!("postgres://flyball@127.0.0.1:{port}/postgres"), guardian, answers };
        server.answer("ready")?;
        Ok(server)
    }

    /// Ends it as a crash does: connections are cut, and what it had not committed is gone.
    ///
    /// # Errors
    /// What the server says.
    pub fn stop(&mut self) -> Result<(), String> {
        self.tell("stop")?;
        self.answer("stopped")
    }

    /// Starts it again after [`OwnServer::stop`], with its data; returns when it answers.
    ///
    /// # Errors
    /// What the server says.
    pub fn start_again(&mut self) -> Result<(), String> {
        self.tell("start")?;
        self.answer("ready")
    }

    fn tell(&mut self, command: &str) -> Result<(), String> {
        let mut stdin = self.guardian.stdin.as_ref().ok_or("it has ended")?;
        writeln!(stdin, "{command}").map_err(|error| error.to_string())
    }

    fn answer(&mut self, expected: &str) -> Result<(), String> {
        let mut line = String::new();
        self.answers.read_line(&mut line).map_err(|error| error.to_string())?;
        if line.trim() == expected { Ok(()) } else { Err(self.complaint()) }
    }

    /// URL of its database `postgres`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    fn complaint(&mut self) -> String {
        drop(self.guardian.stdin.take());
        let mut text = String::new();
        if let Some(mut stderr) = self.guardian.stderr.take() {
            let _unreadable = std::io::Read::read_to_string(&mut stderr, &mut text);
        }
        format!("no server of our own: {}", text.trim())
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        drop(self.guardian.stdin.take());
        let _ended = self.guardian.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_of_our_own_answers_can_be_away_and_ends_with_its_owner() {
        let mut server = match OwnServer::start() {
            Ok(server) => server,
            Err(error) if error.contains("not installed") && std::env::var_os("CI").is_none() => {
                return say(&format!("SKIPPED: {error}"));
            }
            Err(error) => panic!("{error}"),
        };
        let url = server.url().to_owned();
        execute(&url, "SELECT 1").unwrap();
        server.stop().unwrap();
        assert!(execute(&url, "SELECT 1").is_err());
        server.start_again().unwrap();
        execute(&url, "SELECT 1").unwrap();
        drop(server);
        assert!(execute(&url, "SELECT 1").is_err());
    }

    #[test]
    fn a_database_of_a_server_has_the_servers_parameters() {
        let url_of = |url: &str| PostgresServer { url: url.to_owned(), _own: None }.url_of("x");
        assert_eq!(url_of("postgres://ann@host:5/test?connect_timeout=2"), "postgres://ann@host:5/x?connect_timeout=2");
        assert_eq!(url_of("postgres:///test?host=/run"), "postgres:///x?host=/run");
        assert_eq!(url_of("postgres://host"), "postgres://host/x");
    }
}

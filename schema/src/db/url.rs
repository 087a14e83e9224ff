//! Which database: the meaning of `database.url`.

use super::OpenError;
use std::fmt;

/// What is asked of libpq unless the URL says otherwise: a server that is away is noticed within seconds (units: s, s,
/// s, count, ms).
const POSTGRES_PARAMETERS: [(&str, &str); 6] = [
    ("application_name", "flyball"),
    ("connect_timeout", "5"),
    ("keepalives_idle", "10"),
    ("keepalives_interval", "5"),
    ("keepalives_count", "3"),
    ("tcp_user_timeout", "10000"),
];

/// The kind of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Backend {
    /// A file of this machine.
    Sqlite,
    /// A server.
    Postgres,
}

/// Where the database is. Shown without its password.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// This file.
    Sqlite(String),
    /// This `postgres://` URL.
    Postgres(String),
}

impl DatabaseUrl {
    /// Reads a path, `sqlite://path`, `file:path`, `postgres://…` or `postgresql://…`.
    ///
    /// # Errors
    /// [`OpenError::UnsupportedUrl`] for another scheme or an empty path.
    pub fn parse(url: &str) -> Result<Self, OpenError> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Self::Postgres(url.to_owned()));
        }
        let path = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("file:")).unwrap_or(url);
        if path.is_empty() || path.contains("://") {
            return Err(OpenError::UnsupportedUrl(without_password(url)));
        }
        Ok(Self::Sqlite(path.to_owned()))
    }

    /// The kind of database.
    #[must_use]
    pub fn backend(&self) -> Backend {
        match self {
            Self::Sqlite(_) => Backend::Sqlite,
            Self::Postgres(_) => Backend::Postgres,
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => f.write_str(path),
            Self::Postgres(url) => f.write_str(&without_password(url)),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

/// The URL as libpq gets it: with our parameters, where it does not set them itself.
pub(super) fn with_parameters(url: &str) -> String {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let is_set = |name: &str| query.split('&').any(|pair| pair.split('=').next() == Some(name));
    let mut complete = url.to_owned();
    for (name, value) in POSTGRES_PARAMETERS.into_iter().filter(|(name, _)| !is_set(name)) {
        complete.push(if complete.contains('?') { '&' } else { '?' });
        complete.push_str(name);
        complete.push('=');
        complete.push_str(value);
    }
    complete
}

fn without_password(url: &str) -> String {
    let (address, query) = url.split_once('?').map_or((url, None), |(address, query)| (address, Some(query)));
    let mut shown = match address.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?))) {
        Some((scheme, (person, host))) => {
            let name = person.split_once(':').map_or(person.to_owned(), |(name, _)| format!("{name}:***"));
            format!("{scheme}://{name}@{host}")
        }
        None => address.to_owned(),
    };
    let hidden = |pair: &str| match pair.split_once('=') {
        Some((name, _)) if name.ends_with("password") => format!("{name}=***"),
        _ => pair.to_owned(),
    };
    if let Some(query) = query {
        shown.push('?');
        shown.push_str(&query.split('&').map(hidden).collect::<Vec<_>>().join("&"));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_which_database_it_means() {
        let sqlite = |path: &str| DatabaseUrl::Sqlite(path.to_owned());
        assert_eq!(DatabaseUrl::parse("data/plant.db").unwrap(), sqlite("data/plant.db"));
        assert_eq!(DatabaseUrl::parse("sqlite:///var/plant.db").unwrap(), sqlite("/var/plant.db"));
        assert_eq!(DatabaseUrl::parse("file:plant.db").unwrap(), sqlite("plant.db"));
        for url in ["postgres://host/plant", "postgresql://host/plant"] {
            assert_eq!(DatabaseUrl::parse(url).unwrap(), DatabaseUrl::Postgres(url.to_owned()));
        }
    }

    #[test]
    fn another_scheme_is_refused_by_name_and_without_its_password() {
        let error = DatabaseUrl::parse("mysql://ann:secret@host/db").unwrap_err().to_string();
        assert!(error.contains("mysql://ann:***@host/db"), "{error}");
        assert!(DatabaseUrl::parse("sqlite://").is_err());
    }

    #[test]
    fn a_url_is_shown_without_its_password() {
        let shown = |url: &str| DatabaseUrl::parse(url).unwrap().to_string();
        assert_eq!(shown("postgres://ann:s@cret@host:5/p"), "postgres://ann:***@host:5/p");
        assert_eq!(shown("postgres:///p?user=ann&password=x&port=5"), "postgres:///p?user=ann&password=***&port=5");
        assert_eq!(shown("postgres://ann@host/p"), "postgres://ann@host/p");
    }

    #[test]
    fn parameters_of_the_url_win() {
        let complete = with_parameters("postgres://host/p?connect_timeout=30");
        assert!(complete.starts_with("postgres://host/p?connect_timeout=30&application_name=flyball&"), "{complete}");
        assert_eq!(complete.matches("connect_timeout").count(), 1);
        assert!(with_parameters("postgres://host/p").starts_with("postgres://host/p?application_name=flyball&"));
    }
}

//! One connection type over the two engines.

use diesel::prelude::*;
use diesel::{PgConnection, SqliteConnection};

/// A connection to either engine; queries are written once against it.
///
/// A few forms (`on_conflict`, inserting a `Vec`, `FOR UPDATE`) need the concrete engine: see [`each!`](crate::each).
#[derive(diesel::MultiConnection)]
pub enum AnyConnection {
    Pg(PgConnection),
    Sqlite(SqliteConnection),
}

/// Compiles one body for both engines, with the concrete connection at hand.
#[macro_export]
macro_rules! each {
    ($connection:expr, |$concrete:ident| $body:expr) => {
        match $connection {
            $crate::AnyConnection::Pg($concrete) => $body,
            $crate::AnyConnection::Sqlite($concrete) => $body,
        }
    };
}

/// Which engine a database runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

/// Where a database is, told by the scheme of its URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// The path of an SQLite file.
    Sqlite(String),
    /// A libpq connection URL.
    Postgres(String),
}

impl Location {
    /// Reads `sqlite://path` or `postgres://…`; other schemes are refused.
    pub fn parse(url: &str) -> Option<Self> {
        if let Some(path) = url.strip_prefix("sqlite://") {
            return (!path.is_empty()).then(|| Self::Sqlite(path.to_owned()));
        }
        (url.starts_with("postgres://") || url.starts_with("postgresql://")).then(|| Self::Postgres(url.to_owned()))
    }

    pub const fn engine(&self) -> Engine {
        match self {
            Self::Sqlite(_) => Engine::Sqlite,
            Self::Postgres(_) => Engine::Postgres,
        }
    }

    /// Opens a connection for writing (on PostgreSQL: for everything).
    pub fn connect(&self) -> ConnectionResult<AnyConnection> {
        match self {
            Self::Sqlite(path) => open_sqlite(path, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"),
            Self::Postgres(url) => open_postgres(url),
        }
    }

    /// Opens a connection that can only read (on PostgreSQL: the same as [`Self::connect`]).
    pub fn connect_reader(&self) -> ConnectionResult<AnyConnection> {
        match self {
            Self::Sqlite(path) => open_sqlite(path, "PRAGMA query_only = ON;"),
            Self::Postgres(url) => open_postgres(url),
        }
    }
}

fn open_sqlite(path: &str, pragmas: &str) -> ConnectionResult<AnyConnection> {
    let mut connection = SqliteConnection::establish(path)?;
    diesel::connection::SimpleConnection::batch_execute(
        &mut connection,
        &format!(
            "PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; \
             PRAGMA cache_size = -4000; PRAGMA mmap_size = 268435456; {pragmas}"
        ),
    )
    .map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(AnyConnection::Sqlite(connection))
}

/// Connects to PostgreSQL.
///
/// OpenSSL is set up first, without what it does at the end of a process by itself: that would free its tables while
/// database threads still use them.
pub fn connect_postgres(url: &str) -> ConnectionResult<PgConnection> {
    openssl_sys::init();
    PgConnection::establish(url)
}

fn open_postgres(url: &str) -> ConnectionResult<AnyConnection> {
    let mut connection = connect_postgres(url)?;
    let set =
        |connection: &mut PgConnection, sql: &str| diesel::connection::SimpleConnection::batch_execute(connection, sql);
    set(
        &mut connection,
        "SET TIME ZONE 'UTC'; SET application_name = 'manager'; SET statement_timeout = '30s'; \
         SET idle_in_transaction_session_timeout = '60s'; SET client_min_messages = 'warning'",
    )
    .map_err(ConnectionError::CouldntSetupConfiguration)?;
    // Errors are told apart by their English text where diesel has no kind for them; only superusers may set this.
    let _ = set(&mut connection, "SET lc_messages = 'C'");
    Ok(AnyConnection::Pg(connection))
}

//! Migrations, embedded and paired per engine; applied under a lock so that several servers may start at once.

use diesel::connection::SimpleConnection;
use diesel::migration::Migration;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::connection::{AnyConnection, Location};
use crate::errors::Error;

const SQLITE: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");

/// A migration and whether this database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    pub name: String,
    pub applied: bool,
}

/// Applies what is missing and answers the names of the migrations applied now, oldest first.
///
/// # Errors
/// [`Error::Unavailable`] where the database can't be reached, [`Error::Defect`] where a migration fails.
pub fn apply(location: &Location) -> Result<Vec<String>, Error> {
    let mut connection = location.connect().map_err(|error| Error::Unavailable(error.to_string()))?;
    crate::each!(&mut connection, |c| {
        lock(c)?;
        let pending = c.pending_migrations(source(location)).map_err(defect)?;
        c.run_migrations(&pending).map_err(defect)?;
        Ok(pending.iter().map(|migration| migration.name().to_string()).collect())
    })
}

/// Lists all migrations with their state, oldest first.
///
/// # Errors
/// As [`apply`].
pub fn status(location: &Location) -> Result<Vec<Status>, Error> {
    use diesel::migration::MigrationSource;
    let mut connection = location.connect().map_err(|error| Error::Unavailable(error.to_string()))?;
    macro_rules! list {
        ($c:expr, $backend:ty) => {{
            let applied = $c.applied_migrations().map_err(defect)?;
            let all: Vec<Box<dyn Migration<$backend>>> = source(location).migrations().map_err(defect)?;
            let mut list: Vec<Status> = all
                .iter()
                .map(|migration| Status {
                    name: migration.name().to_string(),
                    applied: applied.contains(&migration.name().version().as_owned()),
                })
                .collect();
            list.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(list)
        }};
    }
    match &mut connection {
        AnyConnection::Pg(c) => list!(c, diesel::pg::Pg),
        AnyConnection::Sqlite(c) => list!(c, diesel::sqlite::Sqlite),
    }
}

fn defect(error: Box<dyn std::error::Error + Send + Sync>) -> Error {
    Error::Defect(error.to_string())
}

fn source(location: &Location) -> EmbeddedMigrations {
    match location {
        Location::Sqlite(_) => SQLITE,
        Location::Postgres(_) => POSTGRES,
    }
}

/// On PostgreSQL, servers that start together migrate one after the other; SQLite's file lock does the same.
fn lock<C: SimpleConnection + 'static>(connection: &mut C) -> Result<(), Error> {
    let any: &mut dyn std::any::Any = connection;
    match any.downcast_mut::<diesel::PgConnection>() {
        // Held until this connection closes, right after the migrations.
        Some(postgres) => Ok(postgres.batch_execute("SELECT pg_advisory_lock(7305127)")?),
        None => Ok(()),
    }
}

//! The database as its operator handles it: opened, migrated, copied.

use std::path::Path;

use manager_repository::{backups, migrations};

use crate::errors::Result;

pub use manager_repository::migrations::Status as Migration;
pub use manager_repository::{Database, Location};

/// Starts the threads that serve the database, which is connected to when it is first needed; `connections` counts
/// readers on SQLite and all connections on PostgreSQL.
///
/// # Errors
/// Where the system gives no threads.
pub fn open(location: Location, connections: usize) -> std::io::Result<Database> {
    Database::open(location, connections)
}

/// Applies the migrations that are missing and answers their names, oldest first. Blocks until they are done.
///
/// # Errors
/// [`Unavailable`](crate::Error::Unavailable) where the database can't be reached,
/// [`Defect`](crate::Error::Defect) where a migration fails.
pub fn migrate(location: &Location) -> Result<Vec<String>> {
    Ok(migrations::apply(location)?)
}

/// All migrations and whether this database has them, oldest first. Blocks.
///
/// # Errors
/// As [`migrate`].
pub fn migrations(location: &Location) -> Result<Vec<Migration>> {
    Ok(migrations::status(location)?)
}

/// Copies the embedded database into a new file while it is in use. Blocks.
///
/// # Errors
/// A sentence for the operator: on PostgreSQL the line that does it there, else what stood in the way.
pub fn back_up(location: &Location, file: &Path) -> std::result::Result<(), String> {
    backups::copy(location, file)
}

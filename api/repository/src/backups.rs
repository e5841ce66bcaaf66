//! A consistent copy of the embedded database while it is in use.

use std::path::Path;

use diesel::RunQueryDsl;
use diesel::sql_types::Text;

use crate::connection::{AnyConnection, Location};

/// Copies the database into a new file (`VACUUM INTO`).
///
/// # Errors
/// A sentence for the operator: on PostgreSQL the line that does it there, else what stood in the way.
pub fn copy(location: &Location, file: &Path) -> Result<(), String> {
    if let Location::Postgres(_) = location {
        return Err(format!(
            "PostgreSQL is copied by: pg_dump --format=custom --file={} \"$DATABASE_URL\"",
            file.display()
        ));
    }
    if file.exists() {
        return Err(format!("{} exists; it is not written over", file.display()));
    }
    let target = file.to_str().ok_or("the file's name must be UTF-8")?;
    match location.connect().map_err(|error| error.to_string())? {
        AnyConnection::Sqlite(mut c) => {
            let copied = diesel::sql_query("VACUUM INTO ?").bind::<Text, _>(target).execute(&mut c);
            copied.map(drop).map_err(|error| error.to_string())
        }
        AnyConnection::Pg(_) => Err("not an SQLite database".to_owned()),
    }
}

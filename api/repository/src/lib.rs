//! SQL only: the two engines, their connections, the schema, and one file of queries per noun.

pub mod connection;
pub mod database;
pub mod errors;
pub mod migrations;
pub mod schema;
pub mod sql_types;
mod sqlite_writer;

pub use connection::{AnyConnection, Engine, Location};
pub use database::Database;
pub use errors::{Carries, Error};
pub use sql_types::{Json, sql};

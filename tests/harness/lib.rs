//! The harness: each test starts the application on a database of its own and speaks HTTP to it.
//!
//! `TEST_ENGINE=postgres` with `TEST_DATABASE_URL` runs the same tests on PostgreSQL.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::missing_panics_doc, missing_docs)]

pub mod answers;
pub mod app;
pub mod clock;
pub mod conformance;
pub mod crowd;
pub mod customers;
pub mod databases;
pub mod people;
pub mod processes;
pub mod races;
pub mod smtp;
pub mod withheld;

pub use answers::Answer;
pub use app::TestApp;
pub use crowd::crowd;
pub use customers::Customer;
pub use people::Person;
pub use processes::{Installation, Process};
pub use serde_json::{Value, json};
pub use withheld::Withheld;

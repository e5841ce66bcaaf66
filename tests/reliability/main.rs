//! What the server owes when things go wrong around it: against the program as a process of its own, one file a subject.
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod backups;
mod books;
mod commands;
mod compose;
mod dev_mail;
mod failpoints;
mod full_disk;
mod killed_checkouts;
mod mail_outages;
mod postgres_restarts;
mod readme;
mod secrets;
mod shutdown;
mod two_servers;

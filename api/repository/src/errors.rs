//! What can go wrong with a database, told apart as far as callers act on it.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

/// A failed database operation.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The queue to the database threads is full; the caller may come back.
    #[error("the database queue is full")]
    Overloaded,
    /// The engine is away, its disk is full or read-only; nothing was committed, or the outcome of a commit is unknown.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// Two transactions stood in each other's way; running this one again may succeed.
    #[error("the transaction must be run again")]
    Conflict,
    /// A stored value can't be read, or a statement is wrong: a defect.
    #[error("the database refused: {0}")]
    Defect(String),
}

impl Error {
    /// Whether the connection, or the whole batch of writes, can't be trusted after this error.
    pub(crate) const fn is_fatal(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    /// Whether a reason, with or without this type's words around it, is that an SQLite file can't be written.
    pub(crate) fn tells_read_only(reason: &str) -> bool {
        reason.contains(READ_ONLY)
    }
}

/// Errors that can carry a database error, so that the engine room sees it through a use case's own type.
pub trait Carries: From<Error> + Send + 'static {
    fn database(&self) -> Option<&Error>;
}

impl Carries for Error {
    fn database(&self) -> Option<&Error> {
        Some(self)
    }
}

/// How SQLite's message begins for a file that can't be written.
const READ_ONLY: &str = "attempt to write a readonly database";

/// Starts of messages after which nothing of the transaction stands, on either engine.
const LOST: [&str; 13] = [
    "database or disk is full",
    "disk I/O error",
    "out of memory",
    "database is locked",
    "database table is locked",
    READ_ONLY,
    "unable to open database file",
    "database disk image is malformed",
    "server closed the connection",
    "terminating connection",
    "no connection to the server",
    "SSL ",
    "could not ",
];

impl From<DieselError> for Error {
    fn from(error: DieselError) -> Self {
        match error {
            DieselError::DatabaseError(kind, information) => {
                let message = information.message();
                match kind {
                    DatabaseErrorKind::SerializationFailure => Self::Conflict,
                    DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand => {
                        Self::Unavailable(message.to_owned())
                    }
                    DatabaseErrorKind::ReadOnlyTransaction => Self::Unavailable(message.to_owned()),
                    _ if message.contains("deadlock detected") => Self::Conflict,
                    _ if message.contains("canceling statement due to") => Self::Unavailable(message.to_owned()),
                    _ if LOST.iter().any(|start| message.starts_with(start)) => Self::Unavailable(message.to_owned()),
                    _ => Self::Defect(message.to_owned()),
                }
            }
            DieselError::BrokenTransactionManager => Self::Unavailable("the connection was lost".to_owned()),
            DieselError::RollbackErrorOnCommit { commit_error, .. } => Self::from(*commit_error),
            other => Self::Defect(other.to_string()),
        }
    }
}

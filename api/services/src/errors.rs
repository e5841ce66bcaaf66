//! What a use case answers when it doesn't succeed.

use manager_domain::{Code, Refusal};
use manager_repository::{Carries, Error as DatabaseError};

pub type Result<T> = std::result::Result<T, Error>;

/// A use case that did not succeed; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request was understood and refused.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// More waits for the database, or to be hashed, than is let in; the caller may come back at once.
    #[error("too much waits already")]
    Overloaded,
    /// The database is away, full or read-only; the caller may come back later.
    #[error(transparent)]
    Unavailable(DatabaseError),
    /// Another transaction stood in the way. The engine room runs the use case again, so that no caller sees this.
    #[error("the use case must be run again")]
    Conflict,
    /// A defect of this program or of its stored data; the text is for the log alone.
    #[error("defect: {0}")]
    Defect(String),
}

impl Error {
    pub fn defect(what: impl std::fmt::Display) -> Self {
        Self::Defect(what.to_string())
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Code> for Error {
    fn from(code: Code) -> Self {
        Self::Refused(code.into())
    }
}

impl From<DatabaseError> for Error {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Overloaded => Self::Overloaded,
            DatabaseError::Unavailable(_) => Self::Unavailable(error),
            DatabaseError::Conflict => Self::Conflict,
            DatabaseError::Defect(_) => Self::defect(error),
        }
    }
}

impl Carries for Error {
    fn database(&self) -> Option<&DatabaseError> {
        match self {
            Self::Unavailable(error) => Some(error),
            Self::Conflict => Some(&DatabaseError::Conflict),
            Self::Refused(_) | Self::Overloaded | Self::Defect(_) => None,
        }
    }
}

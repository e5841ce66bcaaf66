//! What a use case answers when it doesn't succeed.

use manager_domain::{Code, Refusal};
use manager_repository::Carries;

pub type Result<T> = std::result::Result<T, Error>;

/// A use case that did not succeed; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request was understood and refused.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// The database or a provider is away or busy; the caller may come back.
    #[error(transparent)]
    Database(manager_repository::Error),
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

impl From<manager_repository::Error> for Error {
    fn from(error: manager_repository::Error) -> Self {
        Self::Database(error)
    }
}

impl Carries for Error {
    fn database(&self) -> Option<&manager_repository::Error> {
        match self {
            Self::Database(error) => Some(error),
            Self::Refused(_) | Self::Defect(_) => None,
        }
    }
}

//! Why a bank's file wasn't read, and where.

use std::fmt;

/// A file that can't be read. Nothing of it is used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at {place}")]
pub struct FileFault {
    pub kind: FaultKind,
    pub place: Place,
}

/// Where something stands in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Elements from the root down, numbered where several stand side by side: `Ntfctn[1]/Ntry[3]/Amt`.
    pub path: String,
    /// From 1.
    pub line: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (line {})", if self.path.is_empty() { "the document" } else { &self.path }, self.line)
    }
}

/// What is wrong. Values of the file are quoted up to 40 characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultKind {
    #[error("text that isn't UTF-8")]
    NotUtf8,
    #[error("broken XML ({0})")]
    BrokenXml(String),
    #[error("a document type, which is refused")]
    DocumentType,
    #[error("an entity that isn't built in")]
    Entity,
    #[error("elements deeper than {0}")]
    TooDeep(usize),
    #[error("more than {0} elements")]
    TooMany(usize),
    #[error("a message that isn't camt.053 or camt.054 in version 04 or 08: {0:?}")]
    UnknownMessage(String),
    #[error("no {0}")]
    Missing(&'static str),
    #[error("more than one {0}")]
    Repeated(&'static str),
    #[error("an unknown currency: {0:?}")]
    UnknownCurrency(String),
    #[error("an amount that isn't one in minor units: {0:?}")]
    BadAmount(String),
    #[error("neither credit nor debit: {0:?}")]
    BadDirection(String),
    #[error("neither true nor false: {0:?}")]
    BadFlag(String),
    #[error("a date that isn't one: {0:?}")]
    BadDate(String),
    /// The transactions of an entry don't add up, and no charges explain it. In minor units.
    #[error("transactions of {transactions} in an entry of {entry}")]
    WrongTotal { entry: i64, transactions: i64 },
    /// The entry names another number of transactions than it has.
    #[error("{found} transactions where {announced} are announced")]
    WrongCount { announced: u32, found: u32 },
    /// A transaction has no amount in the account's currency.
    #[error("no amount in the account's currency")]
    ForeignAmount,
}

/// A value for a message: short, whatever the file holds.
pub(super) fn quoted(text: &str) -> String {
    text.chars().take(40).collect()
}

//! What a bank reports of an account: files read into plain rows, so that bank transfers can be matched by their QR
//! reference (BIL-5, BIL-7, PRE-2) and payouts by their end-to-end id (PRE-4).

pub mod camt054;
mod errors;
mod fields;
mod identities;
mod references;
mod xml_tree;

use chrono::NaiveDate;
use manager_domain::Money;

pub use errors::{FaultKind, FileFault, Place};
pub use references::Reference;

/// A file, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BankFile {
    pub kind: FileKind,
    /// The bank's name for the message.
    pub message_id: String,
    /// In the order of the file.
    pub rows: Vec<Row>,
}

/// What a file says. One account's money is to be settled from files of one kind only: a statement often has an entry's
/// reference where the notification has the transaction's, so that their identities differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// camt.053: all that moved on a day.
    Statement,
    /// camt.054: some movements, in detail. The same ones stand in the day's statement too.
    Notification,
}

/// Whether money came to the account or left it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    Credit,
    Debit,
}

/// Somebody on the other side.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Party {
    pub name: Option<String>,
    /// As the bank wrote it, without spaces.
    pub iban: Option<String>,
}

/// One movement of money: a transaction of an entry, or the whole entry where the bank gives no transactions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The account's IBAN, or its other number where it has none.
    pub account: String,
    /// The bank's or the account's reference of the entry, often the QR-IBAN.
    pub entry_reference: Option<String>,
    /// Never negative; in minor units of the account's currency.
    pub amount: Money,
    pub direction: Direction,
    /// Whether it takes an earlier entry back. `direction` says already which way the money goes now.
    pub is_reversal: bool,
    /// Whether it is booked, rather than expected or for information. Nothing else may be settled by it.
    pub is_booked: bool,
    pub booked_on: Option<NaiveDate>,
    pub valued_on: Option<NaiveDate>,
    pub reference: Option<Reference>,
    pub end_to_end_id: Option<String>,
    /// What the payer wrote, lines joined by spaces.
    pub text: Option<String>,
    pub debtor: Party,
    pub creditor: Party,
    /// Why a payment came back (ISO external code, such as `AC04`).
    pub return_reason: Option<String>,
    /// The bank's reference of the transaction, else of the entry.
    pub bank_reference: Option<String>,
    pub identity: Identity,
    /// How many payments the amount stands for, where the bank says that without telling them apart. More than one can't
    /// be matched from this file.
    pub stands_for: u32,
    /// The line of the file that it begins in.
    pub line: u32,
}

/// By what a movement is known again when a file is imported twice, or when it stands in another file too. A unique key
/// together with the account.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Identity {
    /// At most 80 characters.
    pub key: String,
    pub basis: IdentityBasis,
}

/// What an identity was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IdentityBasis {
    /// The bank's reference of the transaction: sure.
    Transaction,
    /// The bank's reference of the entry, with the place in it: sure among files that list the entry in the same order.
    Entry,
    /// Date, amount, parties and texts, for the bank gave no reference. Two payments that are equal in all of that in
    /// different files look like one.
    Content,
}

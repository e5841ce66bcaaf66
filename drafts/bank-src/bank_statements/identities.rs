//! By what a movement is known again.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use super::{Direction, Identity, IdentityBasis, Reference, Row};

/// What ISO 20022 allows a bank's reference.
const MAX_REFERENCE: usize = 35;

/// The bank's references of an entry and of a transaction in it.
pub(super) struct References<'a> {
    pub entry: Option<&'a str>,
    pub transaction: Option<&'a str>,
    /// Whether no other transaction of the entry has the same reference: some banks repeat the entry's.
    pub is_unique: bool,
    /// From 0.
    pub position: usize,
    /// How many rows the entry has.
    pub of: usize,
}

/// Gives identities to the rows of one file.
#[derive(Default)]
pub(super) struct Identities {
    /// How often the same key was made in this file.
    made: HashMap<String, u32>,
}

impl Identities {
    /// The identity of a row, from the bank's references if there are any.
    pub fn of(&mut self, row: &Row, references: &References<'_>) -> Identity {
        let identity = best(row, references);
        let count = self.made.entry(identity.key.clone()).or_insert(0);
        *count += 1;
        if *count == 1 {
            return identity;
        }
        // The bank used a reference twice in one file, or the contents are equal: two movements all the same.
        Identity { key: format!("{}~{count}", identity.key), basis: IdentityBasis::Content }
    }
}

fn best(row: &Row, references: &References<'_>) -> Identity {
    // A payment and its reversal may bear the same reference.
    let side = match (row.direction, row.is_reversal) {
        (Direction::Credit, false) => "",
        (Direction::Debit, false) => "/D",
        (Direction::Credit, true) => "/CR",
        (Direction::Debit, true) => "/DR",
    };
    let usable = |reference: &&str| reference.chars().count() <= MAX_REFERENCE;
    if let Some(reference) = references.transaction.filter(usable).filter(|_| references.is_unique) {
        return Identity { key: format!("{reference}{side}"), basis: IdentityBasis::Transaction };
    }
    if let Some(reference) = references.entry.or(references.transaction).filter(usable) {
        let place = if references.of > 1 { format!("#{}", references.position + 1) } else { String::new() };
        return Identity { key: format!("{reference}{place}{side}"), basis: IdentityBasis::Entry };
    }
    Identity { key: digest(row), basis: IdentityBasis::Content }
}

/// Of all that a row says; what was absent and what was empty don't run together.
fn digest(row: &Row) -> String {
    let reference = match &row.reference {
        Some(Reference::Qr(text) | Reference::Other(text)) => Some(text.as_str()),
        None => None,
    };
    let dates = [row.booked_on, row.valued_on].map(|date| date.map(|date| date.to_string()));
    let parts = [
        Some(row.account.as_str()),
        row.entry_reference.as_deref(),
        dates[0].as_deref(),
        dates[1].as_deref(),
        reference,
        row.end_to_end_id.as_deref(),
        row.text.as_deref(),
        row.debtor.name.as_deref(),
        row.debtor.iban.as_deref(),
        row.creditor.name.as_deref(),
        row.creditor.iban.as_deref(),
    ];
    let mut hash = Sha256::new();
    hash.update(format!("{}|{:?}|{}", row.amount, row.direction, row.is_reversal));
    for part in parts {
        match part {
            Some(text) => hash.update(format!("|{}:{text}", text.len())),
            None => hash.update("|-"),
        }
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

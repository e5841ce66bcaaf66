//! The proof of the books (PRE-1): what every account comes to, and whatever doesn't agree.

use manager_domain::Currency;
use manager_repository::{AnyConnection, books as rows};

use crate::Services;
use crate::errors::Result;

pub use rows::{AccountSum, Mismatch, Unbalanced};

/// Faults named at most, of each kind.
const NAMED: i64 = 100;

/// The books at one moment.
#[derive(Debug, Clone)]
pub struct Books {
    pub sums: Vec<AccountSum>,
    pub unbalanced: Vec<Unbalanced>,
    pub mismatches: Vec<Mismatch>,
}

impl Books {
    /// The sum over all accounts of a currency, in minor units: zero, or the books are wrong.
    pub fn trial_balance(&self, currency: Currency) -> i64 {
        self.sums.iter().filter(|sum| sum.currency == currency).map(|sum| sum.amount).sum()
    }

    /// Whether everything agrees.
    pub fn agree(&self) -> bool {
        let zero = Currency::ALL.into_iter().all(|currency| self.trial_balance(currency) == 0);
        zero && self.unbalanced.is_empty() && self.mismatches.is_empty()
    }
}

/// Proves the books, over everything that was ever booked.
pub async fn prove(services: &Services) -> Result<Books> {
    let read = |conn: &mut AnyConnection| {
        let (sums, unbalanced) = (rows::sums(conn)?, rows::unbalanced(conn, NAMED)?);
        Ok(Books { sums, unbalanced, mismatches: rows::mismatches(conn, NAMED)? })
    };
    // In a transaction, so that all of it is of one moment.
    services.db.write(read).await
}

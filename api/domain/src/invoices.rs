//! Invoices: states and numbers (BIL-1).

use serde::{Deserialize, Serialize};

use crate::catalogue::Texts;
use crate::organizations::{BillingAddress, OrganizationKind};
use crate::taxes::{TaxNote, TaxTotal};
use crate::words::words;

words! {
    /// Where an invoice stands.
    InvoiceState {
        /// Pro forma: without number, may be voided freely.
        Open = "open",
        /// Numbered and immutable.
        Paid = "paid",
        Void = "void",
        PartlyRefunded = "partly_refunded",
        Refunded = "refunded",
    }
}

impl InvoiceState {
    /// Whether an invoice may move to `next`.
    pub const fn may_become(self, next: Self) -> bool {
        match self {
            Self::Open => matches!(next, Self::Paid | Self::Void),
            Self::Paid => matches!(next, Self::PartlyRefunded | Self::Refunded),
            Self::PartlyRefunded => matches!(next, Self::Refunded),
            Self::Void | Self::Refunded => false,
        }
    }
}

/// The customer as an invoice names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Buyer {
    pub kind: OrganizationKind,
    pub name: String,
    pub address: Option<BillingAddress>,
    pub vat_number: Option<String>,
}

/// Taxes per rate, and what must be said about them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Taxes {
    pub rates: Vec<TaxTotal>,
    pub notes: Vec<TaxNote>,
}

/// What a line is for, as of when it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineDescription {
    /// The offer's name.
    pub names: Texts,
    /// What the product is called.
    pub product: String,
}

/// The number of the `n`-th invoice of an organization in a year.
pub fn number(organization: &str, year: i32, n: i64) -> String {
    format!("{organization}-{year}-{n}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_numbered_invoice_is_never_voided() {
        assert!(InvoiceState::Open.may_become(InvoiceState::Void));
        assert!(!InvoiceState::Paid.may_become(InvoiceState::Void));
        assert!(!InvoiceState::Void.may_become(InvoiceState::Paid));
    }

    #[test]
    fn numbers_name_organization_year_and_place() {
        assert_eq!(number("M48213", 2026, 7), "M48213-2026-7");
    }
}

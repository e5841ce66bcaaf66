//! Invoices: states and numbers (BIL-1).

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

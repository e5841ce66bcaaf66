//! Invoices: states and numbers (BIL-1).

use serde::{Deserialize, Serialize};

use crate::catalogue::Texts;
use crate::organizations::{BillingAddress, OrganizationKind};
use crate::refusals::{Code, Refusal};
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
            Self::PartlyRefunded => matches!(next, Self::PartlyRefunded | Self::Refunded),
            Self::Void | Self::Refunded => false,
        }
    }

    /// Whether it was issued: numbered, immutable, and corrected by credit notes only.
    pub const fn is_settled(self) -> bool {
        matches!(self, Self::Paid | Self::PartlyRefunded | Self::Refunded)
    }

    /// Where a settled invoice stands when so much of its total is credited; both in minor units.
    #[must_use]
    pub const fn credited(total: i64, credited: i64) -> Self {
        if credited >= total {
            Self::Refunded
        } else if credited > 0 {
            Self::PartlyRefunded
        } else {
            Self::Paid
        }
    }

    /// Whether it can be paid.
    ///
    /// # Errors
    /// `invoice_closed` with where it stands.
    pub fn check_payable(self) -> Result<(), Refusal> {
        match self {
            Self::Open => Ok(()),
            _ => Err(Refusal::new(Code::InvoiceClosed).with("state", self.as_str())),
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

words! {
    /// What is numbered on its own: each gapless per organization and year (BIL-1).
    Series {
        Invoices = "invoices",
        CreditNotes = "credit_notes",
    }
}

impl Series {
    /// The `n`-th number of an organization in a year; those of test organizations are marked (TIM-3).
    pub fn number(self, organization: &str, year: i32, n: i64, is_test: bool) -> String {
        let mark = if is_test { "TEST-" } else { "" };
        match self {
            Self::Invoices => format!("{mark}{organization}-{year}-{n}"),
            Self::CreditNotes => format!("{mark}{organization}-{year}-C{n}"),
        }
    }
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
        assert_eq!(Series::Invoices.number("M48213", 2026, 7, false), "M48213-2026-7");
        assert_eq!(Series::CreditNotes.number("M48213", 2026, 7, false), "M48213-2026-C7");
        assert_eq!(Series::Invoices.number("M48213", 2026, 7, true), "TEST-M48213-2026-7");
        assert_eq!(Series::CreditNotes.number("M48213", 2026, 7, true), "TEST-M48213-2026-C7");
    }

    #[test]
    fn only_an_open_invoice_is_paid() {
        for state in InvoiceState::ALL {
            assert_eq!(state.check_payable().is_ok(), *state == InvoiceState::Open);
        }
    }

    #[test]
    fn credits_say_where_it_stands() {
        use InvoiceState::*;
        let of = |credited| InvoiceState::credited(1_081, credited);
        assert_eq!([of(0), of(1), of(1_080), of(1_081)], [Paid, PartlyRefunded, PartlyRefunded, Refunded]);
        assert!(InvoiceState::ALL.iter().all(|state| state.is_settled() != matches!(state, Open | Void)));
        assert!(PartlyRefunded.may_become(PartlyRefunded) && !Refunded.may_become(PartlyRefunded));
    }
}

//! Where an invoice stands (BIL-1).

use crate::words::words;

words! {
    /// Where an invoice stands.
    InvoiceStatus {
        /// A pro forma to be paid, or a numbered one still unpaid.
        Open = "open",
        /// Settled: from here on corrected by credit notes only.
        Paid = "paid",
        Void = "void",
        /// A part of what was paid went back.
        PartlyRefunded = "partly_refunded",
        Refunded = "refunded",
    }
}

impl InvoiceStatus {
    pub const fn may_become(self, next: Self) -> bool {
        use InvoiceStatus as S;
        match self {
            S::Open => matches!(next, S::Paid | S::Void),
            S::Paid => matches!(next, S::PartlyRefunded | S::Refunded),
            S::PartlyRefunded => matches!(next, S::PartlyRefunded | S::Refunded),
            S::Void | S::Refunded => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::InvoiceStatus as S;

    #[test]
    fn a_paid_invoice_is_never_void() {
        assert!(S::Open.may_become(S::Paid) && S::Open.may_become(S::Void));
        assert!(!S::Paid.may_become(S::Void) && !S::Paid.may_become(S::Open) && !S::Void.may_become(S::Paid));
        assert!(S::ALL.iter().all(|next| !S::Refunded.may_become(*next)));
    }
}

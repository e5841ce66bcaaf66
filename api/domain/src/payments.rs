//! Ways to pay and where a payment stands (BIL-5, BIL-6).

use crate::money::Currency;
use crate::words::words;

words! {
    /// A way to pay.
    PaymentMethodKind {
        Card = "card",
        Paypal = "paypal",
        Twint = "twint",
        Postfinance = "postfinance",
        BankTransfer = "bank_transfer",
        /// The organization's prepaid account.
        Prepaid = "prepaid",
    }
}

impl PaymentMethodKind {
    /// The currencies it moves.
    pub const fn currencies(self) -> &'static [Currency] {
        match self {
            Self::Twint | Self::Postfinance => &[Currency::Chf],
            Self::Card | Self::Paypal | Self::BankTransfer | Self::Prepaid => &[Currency::Chf, Currency::Eur],
        }
    }

    pub fn takes(self, currency: Currency) -> bool {
        self.currencies().contains(&currency)
    }

    /// Whether it can be saved and used again with nobody at the screen (PRD-4).
    pub const fn is_reusable(self) -> bool {
        matches!(self, Self::Card | Self::Paypal | Self::Prepaid)
    }

    /// Whether money can go back the way it came; a bank transfer is paid back as a withdrawal.
    pub const fn is_refundable(self) -> bool {
        !matches!(self, Self::BankTransfer)
    }
}

words! {
    /// Where a payment stands (BIL-6).
    PaymentStatus {
        /// Committed here, the provider not asked yet.
        Created = "created",
        Processing = "processing",
        /// The payer has to do something at the provider.
        RequiresAction = "requires_action",
        Succeeded = "succeeded",
        Failed = "failed",
        Cancelled = "cancelled",
        Expired = "expired",
        /// The payer took the money back through the provider.
        Disputed = "disputed",
    }
}

impl PaymentStatus {
    /// Whether a report of `next` moves the payment on. Others are late or repeated and change nothing (BIL-7); money
    /// that arrives after the end is booked by a rule of its own.
    pub const fn may_become(self, next: Self) -> bool {
        use PaymentStatus as S;
        match self {
            S::Created => !matches!(next, S::Created | S::Disputed),
            S::Processing => !matches!(next, S::Created | S::Processing | S::Disputed),
            S::RequiresAction => !matches!(next, S::Created | S::RequiresAction | S::Disputed),
            S::Succeeded => matches!(next, S::Disputed),
            S::Failed | S::Cancelled | S::Expired | S::Disputed => false,
        }
    }

    /// Whether its outcome is still to come.
    pub const fn is_under_way(self) -> bool {
        matches!(self, Self::Created | Self::Processing | Self::RequiresAction)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swiss_methods_move_francs_only() {
        for kind in PaymentMethodKind::ALL {
            assert!(kind.takes(Currency::Chf), "{kind:?}");
            let swiss = matches!(kind, PaymentMethodKind::Twint | PaymentMethodKind::Postfinance);
            assert_eq!(kind.takes(Currency::Eur), !swiss, "{kind:?}");
        }
    }

    #[test]
    fn a_settled_payment_can_only_be_disputed() {
        for status in PaymentStatus::ALL {
            assert!(!status.may_become(*status), "{status:?}");
            assert!(!status.may_become(PaymentStatus::Created), "{status:?}");
            let moves = PaymentStatus::ALL.iter().filter(|next| status.may_become(**next)).count();
            assert_eq!(moves > 1, status.is_under_way(), "{status:?}");
        }
        assert!(PaymentStatus::Succeeded.may_become(PaymentStatus::Disputed));
        assert!(!PaymentStatus::Succeeded.may_become(PaymentStatus::Failed));
    }
}

//! Payment methods and the states of payments (BIL-5, BIL-6).

use crate::money::Currency;
use crate::words::words;

words! {
    /// How something is paid.
    PaymentMethodKind {
        Card = "card",
        Paypal = "paypal",
        Twint = "twint",
        Postfinance = "postfinance",
        BankTransfer = "bank_transfer",
        Prepaid = "prepaid",
    }
}

impl PaymentMethodKind {
    /// Whether it pays in this currency.
    pub fn pays_in(self, currency: Currency) -> bool {
        match self {
            Self::Twint | Self::Postfinance => currency == Currency::Chf,
            Self::Card | Self::Paypal | Self::BankTransfer | Self::Prepaid => true,
        }
    }

    /// Whether this program can take it at present.
    pub const fn is_offered(self) -> bool {
        matches!(self, Self::Card)
    }
}

words! {
    /// Where a payment stands.
    PaymentState {
        /// Committed; the provider may not know it yet.
        Created = "created",
        /// The provider has it, or may have it, and its outcome is not known yet.
        Processing = "processing",
        RequiresAction = "requires_action",
        Succeeded = "succeeded",
        Failed = "failed",
        Cancelled = "cancelled",
        Expired = "expired",
    }
}

impl PaymentState {
    /// The states in which the outcome is still open.
    pub const OPEN: [Self; 3] = [Self::Created, Self::Processing, Self::RequiresAction];

    /// Whether the outcome is known and final.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled | Self::Expired)
    }

    /// Whether a payment may move to `next`.
    pub const fn may_become(self, next: Self) -> bool {
        match self {
            Self::Created => !matches!(next, Self::Created),
            Self::Processing | Self::RequiresAction => !matches!(next, Self::Created),
            Self::Succeeded | Self::Failed | Self::Cancelled | Self::Expired => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swiss_methods_pay_in_francs_only() {
        assert!(PaymentMethodKind::Twint.pays_in(Currency::Chf) && !PaymentMethodKind::Twint.pays_in(Currency::Eur));
        assert!(PaymentMethodKind::Card.pays_in(Currency::Eur));
    }

    #[test]
    fn a_known_outcome_never_changes() {
        for state in PaymentState::ALL.iter().filter(|state| state.is_final()) {
            assert!(PaymentState::ALL.iter().all(|next| !state.may_become(*next)));
        }
        assert!(PaymentState::OPEN.iter().all(|state| state.may_become(PaymentState::Succeeded)));
    }
}

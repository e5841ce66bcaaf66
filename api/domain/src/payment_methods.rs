//! Payment methods: what each is good for (BIL-5).

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

    /// The currencies it pays in.
    pub fn currencies(self) -> impl Iterator<Item = Currency> {
        Currency::ALL.into_iter().filter(move |currency| self.pays_in(*currency))
    }

    /// Whether this program can take it at present.
    pub const fn is_offered(self) -> bool {
        !matches!(self, Self::BankTransfer)
    }

    /// Whether it can be saved and charged again without the customer: for renewals and automatic top-ups (PRD-4, PRE-6).
    pub const fn is_reusable(self) -> bool {
        matches!(self, Self::Card | Self::Paypal)
    }

    /// Whether a renewal may use it: the prepaid account and what can be charged again (PRD-4).
    pub const fn renews(self) -> bool {
        self.is_reusable() || matches!(self, Self::Prepaid)
    }

    /// Whether money can go back by it; what came by bank transfer goes to the prepaid account, from where it can be
    /// withdrawn.
    pub const fn is_refundable(self) -> bool {
        !matches!(self, Self::BankTransfer)
    }

    /// Whether its outcome is known while the customer waits. What isn't keeps its reservations until the order lapses
    /// (ORD-4).
    pub const fn is_immediate(self) -> bool {
        !matches!(self, Self::BankTransfer)
    }

    /// Whether the payer can have it taken back: a top-up by it can be withdrawn later only (PRE-4).
    pub const fn is_reversible(self) -> bool {
        matches!(self, Self::Card | Self::Paypal)
    }

    /// Whether it fills the prepaid account (PRE-2).
    pub const fn tops_up(self) -> bool {
        !matches!(self, Self::Prepaid)
    }

    /// Whether a provider carries it out; the prepaid account and bank transfers are the seller's own.
    pub const fn goes_through_a_provider(self) -> bool {
        !matches!(self, Self::BankTransfer | Self::Prepaid)
    }
}

#[cfg(test)]
mod tests {
    use super::PaymentMethodKind::*;
    use super::*;

    #[test]
    fn swiss_methods_pay_in_francs_only() {
        assert!(Twint.pays_in(Currency::Chf) && !Twint.pays_in(Currency::Eur));
        assert_eq!(Postfinance.currencies().collect::<Vec<_>>(), [Currency::Chf]);
        assert_eq!(Card.currencies().count(), 2);
    }

    #[test]
    fn each_method_says_what_it_is_good_for() {
        let which = |good: fn(PaymentMethodKind) -> bool| -> Vec<_> {
            PaymentMethodKind::ALL.iter().copied().filter(|kind| good(*kind)).collect()
        };
        assert_eq!(which(PaymentMethodKind::is_reusable), [Card, Paypal]);
        assert_eq!(which(PaymentMethodKind::renews), [Card, Paypal, Prepaid]);
        assert_eq!(which(PaymentMethodKind::is_reversible), [Card, Paypal]);
        assert_eq!(which(PaymentMethodKind::tops_up), [Card, Paypal, Twint, Postfinance, BankTransfer]);
        assert_eq!(which(PaymentMethodKind::goes_through_a_provider), [Card, Paypal, Twint, Postfinance]);
        assert_eq!(which(|kind| !kind.is_refundable()), [BankTransfer]);
        assert_eq!(which(|kind| !kind.is_immediate()), [BankTransfer]);
    }
}

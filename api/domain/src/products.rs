//! Products: their states (PRD-1).

use crate::words::words;

words! {
    /// Where a product stands.
    ProductState {
        /// Ordered, not paid.
        Pending = "pending",
        Active = "active",
        /// In grace after an unpaid term.
        PastDue = "past_due",
        Suspended = "suspended",
        Terminated = "terminated",
        /// Its order died before it was paid.
        Cancelled = "cancelled",
    }
}

impl ProductState {
    /// The states of products that are there no more.
    pub const GONE: [Self; 2] = [Self::Terminated, Self::Cancelled];

    /// Whether a product may move to `next`.
    pub const fn may_become(self, next: Self) -> bool {
        match self {
            Self::Pending => matches!(next, Self::Active | Self::Cancelled),
            Self::Active => matches!(next, Self::PastDue | Self::Terminated),
            Self::PastDue => matches!(next, Self::Active | Self::Suspended | Self::Terminated),
            Self::Suspended => matches!(next, Self::Active | Self::Terminated),
            Self::Terminated | Self::Cancelled => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ProductState;

    #[test]
    fn a_product_is_suspended_only_after_grace() {
        assert!(!ProductState::Active.may_become(ProductState::Suspended));
        assert!(ProductState::PastDue.may_become(ProductState::Suspended));
    }

    #[test]
    fn terminated_and_cancelled_are_final() {
        for next in ProductState::ALL {
            assert!(!ProductState::Terminated.may_become(*next) && !ProductState::Cancelled.may_become(*next));
        }
    }
}

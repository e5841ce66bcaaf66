//! Where a product stands (PRD-1, PRD-6, PRD-7).

use crate::words::words;

words! {
    /// Where a product stands.
    ProductState {
        /// Ordered, not paid.
        Pending = "pending",
        Active = "active",
        /// Its term ended unpaid; the grace days run.
        PastDue = "past_due",
        /// The grace days are over; the suspension days run.
        Suspended = "suspended",
        Terminated = "terminated",
        /// Its order lapsed or was called off.
        Cancelled = "cancelled",
    }
}

impl ProductState {
    pub const fn may_become(self, next: Self) -> bool {
        use ProductState as S;
        match self {
            S::Pending => matches!(next, S::Active | S::Cancelled),
            S::Active => matches!(next, S::PastDue | S::Terminated),
            S::PastDue => matches!(next, S::Active | S::Suspended | S::Terminated),
            S::Suspended => matches!(next, S::Active | S::Terminated),
            S::Terminated | S::Cancelled => false,
        }
    }

    /// Whether it came to life and has not ended.
    pub const fn is_living(self) -> bool {
        matches!(self, Self::Active | Self::PastDue | Self::Suspended)
    }
}

#[cfg(test)]
mod tests {
    use super::ProductState as S;

    #[test]
    fn a_product_dies_once_and_lives_only_when_paid() {
        for state in S::ALL {
            assert!(!state.may_become(*state) && !state.may_become(S::Pending), "{state:?}");
            assert_eq!(state.may_become(S::Terminated), state.is_living(), "{state:?}");
            assert_eq!(state.may_become(S::Cancelled), *state == S::Pending, "{state:?}");
        }
        assert!(!S::Active.may_become(S::Suspended), "past_due comes first");
    }
}

//! Products: their states (PRD-1).

use chrono::{Days, NaiveDate};

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

/// What happens to a product whose term ends unpaid (PRD-6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IfUnpaid {
    /// After the type's grace days.
    pub suspends_on: NaiveDate,
    /// After the suspension days that follow.
    pub terminates_on: NaiveDate,
}

impl IfUnpaid {
    /// `None` where there is no term to pay for, or the product isn't in service.
    pub fn of(state: ProductState, term_end: Option<NaiveDate>, grace_days: u32, suspension_days: u32) -> Option<Self> {
        if !matches!(state, ProductState::Active | ProductState::PastDue | ProductState::Suspended) {
            return None;
        }
        let suspends_on = term_end?.checked_add_days(Days::new(grace_days.into()))?;
        let terminates_on = suspends_on.checked_add_days(Days::new(suspension_days.into()))?;
        Some(Self { suspends_on, terminates_on })
    }
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::{IfUnpaid, ProductState};

    #[test]
    fn an_unpaid_term_is_followed_by_grace_and_suspension() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let end = Some(day("2028-02-20"));
        let dates = IfUnpaid { suspends_on: day("2028-03-01"), terminates_on: day("2028-03-31") };
        assert_eq!(IfUnpaid::of(ProductState::Active, end, 10, 30), Some(dates));
        let at_once = IfUnpaid { suspends_on: day("2028-02-20"), terminates_on: day("2028-03-01") };
        assert_eq!(IfUnpaid::of(ProductState::PastDue, end, 0, 10), Some(at_once));
        assert_eq!(IfUnpaid::of(ProductState::Suspended, None, 10, 30), None);
        for state in [ProductState::Pending, ProductState::Terminated, ProductState::Cancelled] {
            assert_eq!(IfUnpaid::of(state, end, 10, 30), None);
        }
        assert_eq!(IfUnpaid::of(ProductState::Active, Some(NaiveDate::MAX), 10, 30), None);
    }

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

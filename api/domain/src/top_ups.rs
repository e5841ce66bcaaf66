//! Top-ups: where one stands (PRE-2).

use crate::words::words;

words! {
    /// Where a top-up stands.
    TopUpState {
        /// Its payment is under way.
        Pending = "pending",
        /// Credited to the prepaid account.
        Succeeded = "succeeded",
        /// Its payment failed, was cancelled or expired.
        Failed = "failed",
    }
}

impl TopUpState {
    /// Whether a top-up may move to `next`: once credited it stays so, and money that comes in late is credited all the
    /// same (BIL-7).
    pub const fn may_become(self, next: Self) -> bool {
        match self {
            Self::Pending => !matches!(next, Self::Pending),
            Self::Failed => matches!(next, Self::Succeeded),
            Self::Succeeded => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::TopUpState::*;

    #[test]
    fn what_was_credited_stays_credited() {
        assert!(Pending.may_become(Succeeded) && Pending.may_become(Failed) && !Pending.may_become(Pending));
        assert!(Failed.may_become(Succeeded) && !Failed.may_become(Pending));
        assert!(!Succeeded.may_become(Failed) && !Succeeded.may_become(Pending));
    }
}

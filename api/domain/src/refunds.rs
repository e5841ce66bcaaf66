//! Refunds: what support gives back of an invoice, who decides on it, and what becomes of it (BIL-8, STF-1).

use crate::refusals::{Code, Refusal};
use crate::words::words;

words! {
    /// Where a refund stands.
    RefundState {
        /// It waits for a second person.
        Requested = "requested",
        /// A second person refused it, or the first one took it back.
        Rejected = "rejected",
        /// Credited; the provider hasn't said yet that the money went back.
        Pending = "pending",
        Succeeded = "succeeded",
        /// The other method didn't take its part: the prepaid account has it.
        Failed = "failed",
    }
}

words! {
    /// Where the money of a credit note goes.
    RefundDestination {
        /// Back to where it came from: the other method first, then the prepaid account (BIL-8).
        OriginalMethods = "original_methods",
        /// To the prepaid account, whatever paid.
        PrepaidAccount = "prepaid_account",
    }
}

impl RefundState {
    /// Whether a refund may move to `next`. A provider may take back that it succeeded.
    pub const fn may_become(self, next: Self) -> bool {
        match self {
            Self::Requested => matches!(next, Self::Rejected | Self::Pending | Self::Succeeded),
            Self::Pending => matches!(next, Self::Succeeded | Self::Failed),
            Self::Succeeded => matches!(next, Self::Failed),
            Self::Rejected | Self::Failed => false,
        }
    }

    /// Whether an invoice is credited by it.
    pub const fn is_carried_out(self) -> bool {
        matches!(self, Self::Pending | Self::Succeeded | Self::Failed)
    }

    /// Whether a second person may decide on it.
    ///
    /// # Errors
    /// `refund_closed` with where it stands.
    pub fn check_undecided(self) -> Result<(), Refusal> {
        match self {
            Self::Requested => Ok(()),
            _ => Err(Refusal::new(Code::RefundClosed).with("state", self.as_str())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::RefundState::*;
    use super::*;

    #[test]
    fn a_refund_is_decided_on_once() {
        for state in RefundState::ALL {
            assert_eq!(state.check_undecided().is_ok(), *state == Requested);
            assert_eq!(state.is_carried_out(), !matches!(state, Requested | Rejected));
            assert!(!state.may_become(*state) && !state.may_become(Requested));
        }
        assert!(!Rejected.may_become(Pending) && !Failed.may_become(Succeeded) && !Requested.may_become(Failed));
        assert!(Pending.may_become(Failed) && Succeeded.may_become(Failed) && !Succeeded.may_become(Pending));
    }
}

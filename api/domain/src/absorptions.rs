//! Absorbing an old account: where it stands as a whole and in each organization (MEM-7).

use crate::memberships::InvitationState;
use crate::words::words;

words! {
    /// Where an absorption stands.
    AbsorptionState {
        Running = "running",
        /// Every organization is done.
        Done = "done",
        /// By the person, or by a new password.
        Cancelled = "cancelled",
    }
}

words! {
    /// Where an absorption stands in one organization.
    StepState {
        /// The old account is only a member: an owner or admin decides.
        AwaitingApproval = "awaiting_approval",
        /// The new account is invited.
        Invited = "invited",
        /// An owner or admin refused.
        Refused = "refused",
        /// The new account declined.
        Declined = "declined",
        /// The organization took the invitation back.
        Revoked = "revoked",
        /// The invitation was not answered in time.
        Expired = "expired",
        /// The new account has replaced the old one.
        Done = "done",
        Cancelled = "cancelled",
    }
}

impl StepState {
    /// The state to show, where the invitation may have moved on since the step was written.
    pub const fn shown(self, invitation: Option<InvitationState>) -> Self {
        match (self, invitation) {
            (Self::Invited, Some(InvitationState::Declined)) => Self::Declined,
            (Self::Invited, Some(InvitationState::Revoked)) => Self::Revoked,
            (Self::Invited, Some(InvitationState::Expired)) => Self::Expired,
            (state, _) => state,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_follows_its_invitation_until_it_is_done() {
        let declined = Some(InvitationState::Declined);
        assert_eq!(StepState::Invited.shown(declined), StepState::Declined);
        assert_eq!(StepState::Invited.shown(Some(InvitationState::Pending)), StepState::Invited);
        assert_eq!(StepState::Done.shown(Some(InvitationState::Accepted)), StepState::Done);
        assert_eq!(StepState::Cancelled.shown(declined), StepState::Cancelled);
    }
}

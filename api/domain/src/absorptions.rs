//! Absorbing an old account: where it stands as a whole and in each organization (MEM-7).

use crate::memberships::InvitationState;
use crate::words::words;

words! {
    /// Where an absorption stands.
    AbsorptionState {
        Running = "running",
        /// Every organization is done.
        Done = "done",
        /// No organization has anything left to answer, but not all are done: it was refused, declined, revoked, or the
        /// invitation expired. It can be asked for again.
        Incomplete = "incomplete",
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
        /// The invitation was not answered in time, or the question whether there may be one.
        Expired = "expired",
        /// The new account has replaced the old one.
        Done = "done",
        /// Called off, or the old account is no member any more.
        Cancelled = "cancelled",
    }
}

impl AbsorptionState {
    /// The state by its steps, each as it is shown: it runs for as long as one of them can still be answered.
    pub fn shown(self, steps: impl IntoIterator<Item = StepState>) -> Self {
        if self != Self::Running {
            return self;
        }
        let mut all_done = true;
        for step in steps {
            match step {
                StepState::AwaitingApproval | StepState::Invited => return Self::Running,
                StepState::Done => {}
                StepState::Refused
                | StepState::Declined
                | StepState::Revoked
                | StepState::Expired
                | StepState::Cancelled => all_done = false,
            }
        }
        if all_done { Self::Done } else { Self::Incomplete }
    }
}

impl StepState {
    /// What became of a question that awaits approval, by whether the old account is still a `member` and the question
    /// may still be answered.
    pub const fn asked(self, member: bool, in_time: bool) -> Self {
        match (self, member, in_time) {
            (Self::AwaitingApproval, false, _) => Self::Cancelled,
            (Self::AwaitingApproval, true, false) => Self::Expired,
            (state, ..) => state,
        }
    }

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
    fn an_absorption_runs_while_a_step_can_be_answered() {
        use StepState::{AwaitingApproval, Declined, Done, Expired, Invited, Refused};
        let shown = |steps: &[StepState]| AbsorptionState::Running.shown(steps.iter().copied());
        assert_eq!(shown(&[Done, Invited]), AbsorptionState::Running);
        assert_eq!(shown(&[Refused, AwaitingApproval]), AbsorptionState::Running);
        assert_eq!(shown(&[Done, Done]), AbsorptionState::Done);
        assert_eq!(shown(&[Done, Refused]), AbsorptionState::Incomplete);
        assert_eq!(shown(&[Expired, Declined]), AbsorptionState::Incomplete);
        assert_eq!(AbsorptionState::Cancelled.shown([Done]), AbsorptionState::Cancelled);
    }

    #[test]
    fn a_step_follows_its_invitation_until_it_is_done() {
        let declined = Some(InvitationState::Declined);
        assert_eq!(StepState::Invited.shown(declined), StepState::Declined);
        assert_eq!(StepState::Invited.shown(Some(InvitationState::Pending)), StepState::Invited);
        assert_eq!(StepState::Done.shown(Some(InvitationState::Accepted)), StepState::Done);
        assert_eq!(StepState::Cancelled.shown(declined), StepState::Cancelled);
    }
}

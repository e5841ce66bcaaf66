//! Disputes: a payer has a payment taken back through their bank (BIL-7). A provider reports in any order and more than
//! once; what its reports come to follows from what is known of the dispute by its id.

use crate::words::words;

words! {
    /// Where a dispute stands.
    DisputeState {
        /// The provider took the money back until it is decided.
        Open = "open",
        /// Decided for the seller: the money came again.
        Won = "won",
        Lost = "lost",
    }
}

/// What a report of a dispute comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Known already, or overtaken.
    Ignore,
    /// It was over before it was heard of: only its id is kept.
    Note,
    /// The money went; the dispute is in this state from now on.
    Book(DisputeState),
    /// What was booked is undone.
    Undo,
    /// It is lost, and nothing more is booked.
    Lose,
}

/// What a report says about a dispute that is in `known`, if it was heard of before.
pub const fn step(known: Option<DisputeState>, reported: DisputeState) -> Step {
    match (known, reported) {
        (None, DisputeState::Won) => Step::Note,
        (None, state) => Step::Book(state),
        // A lost one can still be won before a higher instance, and nothing comes after that.
        (Some(DisputeState::Open | DisputeState::Lost), DisputeState::Won) => Step::Undo,
        (Some(DisputeState::Open), DisputeState::Lost) => Step::Lose,
        (Some(_), _) => Step::Ignore,
    }
}

#[cfg(test)]
mod tests {
    use super::DisputeState::*;
    use super::*;

    #[test]
    fn each_dispute_is_booked_once_and_undone_once() {
        assert_eq!(step(None, Open), Step::Book(Open));
        assert_eq!(step(Some(Open), Open), Step::Ignore);
        assert_eq!(step(Some(Open), Won), Step::Undo);
        assert_eq!(step(Some(Open), Lost), Step::Lose);
        assert_eq!(step(Some(Lost), Won), Step::Undo);
    }

    #[test]
    fn the_end_can_be_heard_of_first() {
        assert_eq!(step(None, Won), Step::Note);
        assert_eq!(step(None, Lost), Step::Book(Lost));
        for reported in [Open, Won, Lost] {
            assert_eq!(step(Some(Won), reported), Step::Ignore);
        }
        assert_eq!(step(Some(Lost), Open), Step::Ignore);
    }
}

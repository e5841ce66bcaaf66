//! Payments: their states, and what a provider's report does to one (BIL-6, BIL-7).

use serde::{Deserialize, Serialize};

use crate::money::{Currency, Money};
use crate::words::words;

pub use crate::payment_methods::PaymentMethodKind;

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
        /// It succeeded, and the payer had it taken back.
        Disputed = "disputed",
    }
}

words! {
    /// What became of a payment on the sandbox's page.
    SandboxDecision {
        Paid = "paid",
        Declined = "declined",
        /// The seller gave it up before.
        Cancelled = "cancelled",
    }
}

impl PaymentState {
    /// The states in which the outcome is still open.
    pub const OPEN: [Self; 3] = [Self::Created, Self::Processing, Self::RequiresAction];

    /// Whether the outcome is known.
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Created | Self::Processing | Self::RequiresAction)
    }

    /// Whether it ended without success, so that what it held is released.
    pub const fn is_dead(self) -> bool {
        matches!(self, Self::Failed | Self::Cancelled | Self::Expired)
    }

    /// Whether a payment may move to `next`. A dead one that succeeds after all is [`judge`]'s business; what came in by
    /// it can be disputed too.
    pub const fn may_become(self, next: Self) -> bool {
        match self {
            Self::Created => !matches!(next, Self::Created | Self::Disputed),
            Self::Processing | Self::RequiresAction => !matches!(next, Self::Created | Self::Disputed),
            Self::Succeeded => matches!(next, Self::Disputed),
            // The seller won: back to where it was.
            Self::Disputed => matches!(next, Self::Succeeded | Self::Failed),
            Self::Failed | Self::Cancelled | Self::Expired => matches!(next, Self::Disputed),
        }
    }
}

/// What a customer has to do so that a payment goes on (BIL-6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Action {
    /// Go to a page of the provider.
    Redirect { url: String },
    /// Give the provider's own component this secret.
    ClientSecret { client_secret: String },
}

/// What a provider reports of a payment, in any order and any number of times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// An outcome that brought no money: processing, requires action, failed, cancelled or expired.
    Became(PaymentState),
    /// With what came in.
    Succeeded(Money),
    /// A dispute that isn't known by its id yet: one that was won must not be booked again.
    Disputed,
    DisputeWon,
}

/// What a payment is for, at the moment of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// An invoice to be paid, or a top-up.
    Payable,
    /// The invoice was paid otherwise, or voided, or its order is dead.
    Gone,
}

/// A payment as a report meets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub state: PaymentState,
    /// What the provider was asked to collect.
    pub amount: Money,
    pub purpose: Purpose,
    /// Whether it had a prepaid part, which is no longer held once the payment is dead.
    pub had_prepaid_part: bool,
    /// Whether another payment of the same invoice is under way.
    pub another_under_way: bool,
    /// What came in by it and went to the prepaid account or to suspense instead, in minor units.
    pub booked_elsewhere: i64,
}

/// What is to be done. Amounts are minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Known already, or overtaken.
    Ignore,
    /// The state changes and nothing is booked, but for a hold that is released where it is dead.
    Advance(PaymentState),
    /// It succeeded and pays what it is for; `excess` goes to the prepaid account.
    Settle { excess: i64 },
    /// It pays nothing, and what came in goes to the prepaid account, beyond its cap if need be. An open payment
    /// becomes failed, and what it held is released.
    CreditToPrepaid { amount: i64 },
    /// What came in is in the wrong currency. An open payment becomes failed.
    Suspense { received: Money },
    /// The success that a dispute implies hasn't been reported yet: it comes first, with the payment's own amount, and
    /// the report is judged again.
    SucceedFirst,
    /// The money went back: prepaid balance first, then a receivable. The payment is disputed from now on.
    Dispute { amount: i64 },
    /// The money came again. The payment has succeeded, or is failed again where it was booked elsewhere.
    UndoDispute,
}

/// What a provider's report does to a payment: each success counts once, whatever the order (BIL-7).
pub fn judge(payment: &Standing, report: Report) -> Verdict {
    match report {
        // Money comes and goes by the other reports only, and nothing overtakes a known outcome.
        Report::Became(state) => {
            let brings_money = state.is_final() && !state.is_dead();
            let moves = !payment.state.is_final() && payment.state != state && payment.state.may_become(state);
            if moves && !brings_money { Verdict::Advance(state) } else { Verdict::Ignore }
        }
        Report::Succeeded(received) => succeeded(payment, received),
        Report::Disputed => match payment.state {
            PaymentState::Succeeded => Verdict::Dispute { amount: payment.amount.amount },
            PaymentState::Disputed => Verdict::Ignore,
            _ if payment.booked_elsewhere > 0 => Verdict::Dispute { amount: payment.booked_elsewhere },
            _ => Verdict::SucceedFirst,
        },
        Report::DisputeWon if payment.state == PaymentState::Disputed => Verdict::UndoDispute,
        Report::DisputeWon => Verdict::Ignore,
    }
}

fn succeeded(payment: &Standing, received: Money) -> Verdict {
    let known = matches!(payment.state, PaymentState::Succeeded | PaymentState::Disputed);
    if known || payment.booked_elsewhere > 0 || received.amount <= 0 {
        return Verdict::Ignore;
    }
    if received.currency != payment.amount.currency {
        return Verdict::Suspense { received };
    }
    // A dead payment's prepaid part was released and may be spent; another payment may be about to succeed.
    let revived = !payment.state.is_dead() || !(payment.had_prepaid_part || payment.another_under_way);
    if payment.purpose == Purpose::Payable && revived && received.amount >= payment.amount.amount {
        return Verdict::Settle { excess: received.amount - payment.amount.amount };
    }
    Verdict::CreditToPrepaid { amount: received.amount }
}

/// Money that no payment of ours asked for, such as a bank transfer: `payer` is the currency of whom it is known to come
/// from (BIL-7).
pub fn judge_unasked(received: Money, payer: Option<Currency>) -> Verdict {
    match payer {
        _ if received.amount <= 0 => Verdict::Ignore,
        Some(currency) if currency == received.currency => Verdict::CreditToPrepaid { amount: received.amount },
        _ => Verdict::Suspense { received },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::PaymentState::*;
    use super::*;

    const ASKED: Money = Money::new(1000, Currency::Chf);

    fn standing(state: PaymentState) -> Standing {
        Standing {
            state,
            amount: ASKED,
            purpose: Purpose::Payable,
            had_prepaid_part: false,
            another_under_way: false,
            booked_elsewhere: 0,
        }
    }

    fn received(amount: i64) -> Report {
        Report::Succeeded(Money::new(amount, Currency::Chf))
    }

    #[test]
    fn a_known_outcome_changes_by_a_dispute_only() {
        for state in PaymentState::ALL.iter().filter(|state| state.is_final()) {
            for next in PaymentState::ALL {
                let disputed = (*state == Disputed) != (*next == Disputed) && next.is_final();
                let undone = *state != Disputed || matches!(next, Succeeded | Failed);
                assert_eq!(state.may_become(*next), disputed && undone, "{state:?} to {next:?}");
            }
        }
        for state in PaymentState::OPEN {
            assert!(state.may_become(Succeeded) && state.may_become(Expired) && !state.may_become(Disputed));
        }
    }

    #[test]
    fn a_success_settles_once() {
        for state in PaymentState::OPEN {
            assert_eq!(judge(&standing(state), received(1000)), Verdict::Settle { excess: 0 });
        }
        assert_eq!(judge(&standing(Succeeded), received(1000)), Verdict::Ignore);
        assert_eq!(judge(&standing(Disputed), received(1000)), Verdict::Ignore);
        assert_eq!(judge(&standing(Processing), received(0)), Verdict::Ignore);
    }

    #[test]
    fn what_isnt_due_goes_to_the_prepaid_account() {
        let credit = |amount| Verdict::CreditToPrepaid { amount };
        let open = standing(Processing);
        assert_eq!(judge(&open, received(1200)), Verdict::Settle { excess: 200 });
        assert_eq!(judge(&open, received(999)), credit(999));
        assert_eq!(judge(&Standing { purpose: Purpose::Gone, ..open }, received(1000)), credit(1000));
        let euros = Money::new(1000, Currency::Eur);
        assert_eq!(judge(&open, Report::Succeeded(euros)), Verdict::Suspense { received: euros });
    }

    #[test]
    fn a_late_success_revives_a_dead_payment_that_nothing_depends_on() {
        let dead = standing(Expired);
        let credit = Verdict::CreditToPrepaid { amount: 1000 };
        assert_eq!(judge(&dead, received(1000)), Verdict::Settle { excess: 0 });
        assert_eq!(judge(&Standing { had_prepaid_part: true, ..dead }, received(1000)), credit);
        assert_eq!(judge(&Standing { another_under_way: true, ..dead }, received(1000)), credit);
        assert_eq!(judge(&Standing { booked_elsewhere: 1000, ..dead }, received(1000)), Verdict::Ignore);
    }

    #[test]
    fn a_dispute_follows_a_success_once() {
        let amount = 1000;
        assert_eq!(judge(&standing(Succeeded), Report::Disputed), Verdict::Dispute { amount });
        assert_eq!(judge(&standing(Disputed), Report::Disputed), Verdict::Ignore);
        assert_eq!(judge(&standing(Processing), Report::Disputed), Verdict::SucceedFirst);
        let elsewhere = Standing { booked_elsewhere: 900, ..standing(Failed) };
        assert_eq!(judge(&elsewhere, Report::Disputed), Verdict::Dispute { amount: 900 });
        assert_eq!(judge(&standing(Disputed), Report::DisputeWon), Verdict::UndoDispute);
        assert_eq!(judge(&standing(Succeeded), Report::DisputeWon), Verdict::Ignore);
    }

    #[test]
    fn unasked_money_finds_its_payer_or_waits() {
        assert_eq!(judge_unasked(ASKED, Some(Currency::Chf)), Verdict::CreditToPrepaid { amount: 1000 });
        assert_eq!(judge_unasked(ASKED, Some(Currency::Eur)), Verdict::Suspense { received: ASKED });
        assert_eq!(judge_unasked(ASKED, None), Verdict::Suspense { received: ASKED });
    }

    fn report() -> impl Strategy<Value = Report> {
        prop_oneof![
            Just(Report::Succeeded(ASKED)),
            Just(Report::Disputed),
            prop::sample::select(PaymentState::ALL).prop_map(Report::Became),
        ]
    }

    proptest! {
        /// However reports come, the money of one payment comes in at most once and goes back at most once, in this order.
        #[test]
        fn reports_in_any_order_book_once(reports in prop::collection::vec(report(), 0..40)) {
            let mut payment = standing(Created);
            let (mut came, mut went) = (0, 0);
            for report in reports {
                let mut verdict = judge(&payment, report);
                if verdict == Verdict::SucceedFirst {
                    prop_assert_eq!(judge(&payment, Report::Succeeded(ASKED)), Verdict::Settle { excess: 0 });
                    payment.state = Succeeded;
                    came += 1;
                    verdict = judge(&payment, report);
                }
                match verdict {
                    Verdict::Advance(state) => payment.state = state,
                    Verdict::Settle { .. } => {
                        payment.state = Succeeded;
                        came += 1;
                    }
                    Verdict::Dispute { .. } => {
                        payment.state = Disputed;
                        went += 1;
                    }
                    other => prop_assert_eq!(other, Verdict::Ignore),
                }
                prop_assert!(came <= 1 && went <= came);
            }
        }
    }
}

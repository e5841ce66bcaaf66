//! The built-in provider for trying things out and for test organizations: scripted means of payment for every outcome.

use std::future::ready;

use chrono::Duration;
use manager_domain::payments::{PaymentMethodKind, PaymentState};

use super::{Answer, Charge, NoAnswer, Outcome, Provider, Refund};
use crate::Services;
use crate::settings::PaymentProvider;

pub const SUCCEEDS: &str = "sandbox_succeeds";
pub const INSUFFICIENT_FUNDS: &str = "sandbox_declined_insufficient_funds";
pub const EXPIRED_CARD: &str = "sandbox_declined_expired_card";
/// Never answers when it is asked to collect; asked again later, it says that the money was taken.
pub const TIMES_OUT: &str = "sandbox_times_out";

/// Is processing for a day, then says that the money was taken.
pub const PROCESSES_FOR_A_DAY: &str = "sandbox_processes_for_a_day";

/// Takes the money and can't give it back.
pub const REFUND_FAILS: &str = "sandbox_refund_fails";

/// The means of payment it knows.
pub const TOKENS: [&str; 6] =
    [SUCCEEDS, INSUFFICIENT_FUNDS, EXPIRED_CARD, TIMES_OUT, PROCESSES_FOR_A_DAY, REFUND_FAILS];

/// Keeps nothing: its answers follow from the charge, so the same payment always gets the same one at the same age.
#[derive(Debug, Clone, Copy)]
pub struct Sandbox;

impl Provider for Sandbox {
    fn name(&self) -> &'static str {
        PaymentProvider::Sandbox.name()
    }

    fn takes(&self, method: PaymentMethodKind) -> bool {
        method.goes_through_a_provider()
    }

    fn knows(&self, method_token: &str) -> bool {
        TOKENS.contains(&method_token)
    }

    fn create<'a>(&'a self, _: &'a Services, charge: &'a Charge) -> Answer<'a> {
        let answer = if charge.method_token == TIMES_OUT { Err(NoAnswer) } else { Ok(outcome(charge)) };
        Box::pin(ready(answer))
    }

    fn look_up<'a>(&'a self, _: &'a Services, charge: &'a Charge) -> Answer<'a> {
        Box::pin(ready(Ok(outcome(charge))))
    }

    fn refund<'a>(&'a self, _: &'a Services, refund: &'a Refund) -> Answer<'a> {
        let fails = refund.reference.as_deref().is_none_or(|reference| reference.starts_with(REFUND_FAILS));
        let outcome = if fails { Outcome::failed("account_gone") } else { Outcome::of(PaymentState::Succeeded) };
        let reference = Some(format!("sandbox_{}", refund.id));
        Box::pin(ready(Ok(Outcome { reference, ..outcome })))
    }
}

/// What becomes of a charge.
pub(crate) fn outcome(charge: &Charge) -> Outcome {
    // A refund is asked for by the reference alone.
    let prefix = if charge.method_token == REFUND_FAILS { REFUND_FAILS } else { "sandbox" };
    let reference = Some(format!("{prefix}_{}", charge.payment));
    let became = |state| Outcome { reference: reference.clone(), ..Outcome::of(state) };
    let failed = |code: &str| Outcome { failure_code: Some(code.to_owned()), ..became(PaymentState::Failed) };
    match charge.method_token.as_str() {
        PROCESSES_FOR_A_DAY if charge.asked_after < Duration::days(1) => became(PaymentState::Processing),
        SUCCEEDS | TIMES_OUT | PROCESSES_FOR_A_DAY | REFUND_FAILS => became(PaymentState::Succeeded),
        INSUFFICIENT_FUNDS => failed("insufficient_funds"),
        EXPIRED_CARD => failed("expired_card"),
        _ => failed("unknown_payment_method"),
    }
}

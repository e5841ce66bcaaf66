//! The built-in provider for trying things out and for test organizations: scripted means of payment for every outcome.

use std::future::ready;

use chrono::Duration;
use manager_domain::payments::{PaymentMethodKind, PaymentState};

use super::{Answer, Charge, NoAnswer, Outcome, Provider};
use crate::settings::PaymentProvider;

pub const SUCCEEDS: &str = "sandbox_succeeds";
pub const INSUFFICIENT_FUNDS: &str = "sandbox_declined_insufficient_funds";
pub const EXPIRED_CARD: &str = "sandbox_declined_expired_card";
/// Never answers when it is asked to collect; asked again later, it says that the money was taken.
pub const TIMES_OUT: &str = "sandbox_times_out";

/// Is processing for a day, then says that the money was taken.
pub const PROCESSES_FOR_A_DAY: &str = "sandbox_processes_for_a_day";

/// The means of payment it knows.
pub const TOKENS: [&str; 5] = [SUCCEEDS, INSUFFICIENT_FUNDS, EXPIRED_CARD, TIMES_OUT, PROCESSES_FOR_A_DAY];

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

    fn create<'a>(&'a self, charge: &'a Charge) -> Answer<'a> {
        let answer = if charge.method_token == TIMES_OUT { Err(NoAnswer) } else { Ok(outcome(charge)) };
        Box::pin(ready(answer))
    }

    fn look_up<'a>(&'a self, charge: &'a Charge) -> Answer<'a> {
        Box::pin(ready(Ok(outcome(charge))))
    }
}

/// What becomes of a charge.
pub(crate) fn outcome(charge: &Charge) -> Outcome {
    let reference = Some(format!("sandbox_{}", charge.payment));
    let became = |state| Outcome { reference: reference.clone(), ..Outcome::of(state) };
    let failed = |code: &str| Outcome { failure_code: Some(code.to_owned()), ..became(PaymentState::Failed) };
    match charge.method_token.as_str() {
        PROCESSES_FOR_A_DAY if charge.asked_after < Duration::days(1) => became(PaymentState::Processing),
        SUCCEEDS | TIMES_OUT | PROCESSES_FOR_A_DAY => became(PaymentState::Succeeded),
        INSUFFICIENT_FUNDS => failed("insufficient_funds"),
        EXPIRED_CARD => failed("expired_card"),
        _ => failed("unknown_payment_method"),
    }
}

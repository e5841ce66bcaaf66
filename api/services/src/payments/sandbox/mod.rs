//! The built-in provider for trying things out and for test organizations: scripted means of payment for every outcome,
//! a page of its own and signed webhooks (BIL-6). No money is moved.

mod events;
mod pages;

use std::future::ready;

use chrono::Duration;
use manager_domain::Instant;
use manager_domain::payments::{Action, PaymentMethodKind, PaymentState, SandboxDecision};
use manager_repository::{AnyConnection, sandbox_payments};

use super::providers::{Event, EventFault};
use super::{Answer, Charge, NoAnswer, Outcome, Provider, Refund};
use crate::Services;
use crate::errors::Error;
use crate::settings::PaymentProvider;

pub use events::{SIGNATURE_HEADER, deliver, secret};
pub use pages::{SandboxPage, decide, show};

pub const SUCCEEDS: &str = "sandbox_succeeds";
pub const INSUFFICIENT_FUNDS: &str = "sandbox_declined_insufficient_funds";
pub const EXPIRED_CARD: &str = "sandbox_declined_expired_card";
/// Declined without a reason that may be told.
pub const DECLINED: &str = "sandbox_declined";
/// Sends the customer to the sandbox's page, where they pay or decline.
pub const REQUIRES_ACTION: &str = "sandbox_requires_action";
/// Never answers when it is asked to collect; asked again later, it says that the money was taken.
pub const TIMES_OUT: &str = "sandbox_times_out";
/// Is processing for a day, then the money was taken.
pub const PROCESSES_FOR_A_DAY: &str = "sandbox_processes_for_a_day";
/// Is processing for a day, then it failed.
pub const PROCESSES_THEN_FAILS: &str = "sandbox_processes_then_fails";
/// Is declined, and an hour later a webhook says that the money was taken after all.
pub const SUCCEEDS_LATE: &str = "sandbox_succeeds_late";
/// The money is taken; an hour later the payer disputes it.
pub const DISPUTED: &str = "sandbox_disputed";
/// The money is taken and can't be given back.
pub const REFUND_FAILS: &str = "sandbox_refund_fails";
/// The money is taken; giving it back takes a day.
pub const REFUND_PROCESSES: &str = "sandbox_refund_processes";

/// The means of payment it knows.
pub const TOKENS: [&str; 12] = [
    SUCCEEDS,
    INSUFFICIENT_FUNDS,
    EXPIRED_CARD,
    DECLINED,
    REQUIRES_ACTION,
    TIMES_OUT,
    PROCESSES_FOR_A_DAY,
    PROCESSES_THEN_FAILS,
    SUCCEEDS_LATE,
    DISPUTED,
    REFUND_FAILS,
    REFUND_PROCESSES,
];

/// How long slow things take.
const DAY: Duration = Duration::days(1);
const HOUR: Duration = Duration::hours(1);

/// Keeps nothing but what was decided on its page: its answers follow from the charge, so the same payment always gets
/// the same one at the same age.
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

    fn create<'a>(&'a self, services: &'a Services, charge: &'a Charge) -> Answer<'a> {
        Box::pin(async move {
            events::schedule(services, charge).await.map_err(unanswered)?;
            if charge.method_token == TIMES_OUT { Err(NoAnswer) } else { stands(services, charge).await }
        })
    }

    fn look_up<'a>(&'a self, services: &'a Services, charge: &'a Charge) -> Answer<'a> {
        Box::pin(stands(services, charge))
    }

    fn cancel<'a>(&'a self, services: &'a Services, charge: &'a Charge) -> Answer<'a> {
        Box::pin(async move {
            let (of, now) = ((charge.organization, charge.payment), services.clock.now());
            let cancel = move |tx: &mut AnyConnection| {
                Ok::<_, Error>(sandbox_payments::decide(tx, of, SandboxDecision::Cancelled, now)?)
            };
            services.db.write(cancel).await.map_err(unanswered)?;
            stands(services, charge).await
        })
    }

    fn refund<'a>(&'a self, services: &'a Services, refund: &'a Refund) -> Answer<'a> {
        let of = |token: &str| refund.reference.as_deref().is_some_and(|reference| reference.starts_with(token));
        let outcome = if refund.reference.is_none() || of(REFUND_FAILS) {
            Outcome::failed("account_gone")
        } else if of(REFUND_PROCESSES) && refund.made_at().is_some_and(|at| services.clock.now() - at < DAY) {
            Outcome::of(PaymentState::Processing)
        } else {
            Outcome::of(PaymentState::Succeeded)
        };
        Box::pin(ready(Ok(Outcome { reference: Some(format!("sandbox_{}", refund.id)), ..outcome })))
    }

    fn signature_header(&self) -> &'static str {
        SIGNATURE_HEADER
    }

    fn open(
        &self,
        services: &Services,
        signature: &str,
        body: &[u8],
        now: Instant,
    ) -> std::result::Result<Event, EventFault> {
        events::open(services, signature, body, now)
    }
}

/// How a payment stands, as far as its page decides with what was decided there.
async fn stands(services: &Services, charge: &Charge) -> std::result::Result<Outcome, NoAnswer> {
    if charge.method_token != REQUIRES_ACTION {
        return Ok(outcome(charge));
    }
    let payment = charge.payment;
    let read = move |conn: &mut AnyConnection| Ok::<_, Error>(sandbox_payments::find(conn, payment)?);
    let decided = services.db.read(read).await.map_err(unanswered)?;
    let outcome = match decided {
        Some(decision) => decided_outcome(decision),
        None => {
            let url = pages::link(services, charge.organization, payment);
            Outcome { action: Some(Action::Redirect { url }), ..Outcome::of(PaymentState::RequiresAction) }
        }
    };
    Ok(Outcome { reference: Some(reference(charge)), ..outcome })
}

fn unanswered(error: Error) -> NoAnswer {
    tracing::warn!(%error, "the sandbox gives no answer");
    NoAnswer
}

fn decided_outcome(decision: SandboxDecision) -> Outcome {
    match decision {
        SandboxDecision::Paid => Outcome::of(PaymentState::Succeeded),
        SandboxDecision::Declined => Outcome::failed("declined_by_customer"),
        SandboxDecision::Cancelled => {
            Outcome { failure_code: Some("not_confirmed_in_time".to_owned()), ..Outcome::of(PaymentState::Expired) }
        }
    }
}

/// What becomes of a charge; one that requires an action depends on [`stands`].
pub(crate) fn outcome(charge: &Charge) -> Outcome {
    let outcome = match charge.method_token.as_str() {
        PROCESSES_FOR_A_DAY | PROCESSES_THEN_FAILS if charge.asked_after < DAY => Outcome::of(PaymentState::Processing),
        SUCCEEDS | TIMES_OUT | PROCESSES_FOR_A_DAY | DISPUTED | REFUND_FAILS | REFUND_PROCESSES => {
            Outcome::of(PaymentState::Succeeded)
        }
        INSUFFICIENT_FUNDS => Outcome::failed("insufficient_funds"),
        EXPIRED_CARD => Outcome::failed("expired_card"),
        DECLINED | PROCESSES_THEN_FAILS | SUCCEEDS_LATE => Outcome::failed("declined"),
        _ => Outcome::failed("unknown_payment_method"),
    };
    Outcome { reference: Some(reference(charge)), ..outcome }
}

/// Its name for a payment. A refund is asked for by that alone, so it says what becomes of refunds.
fn reference(charge: &Charge) -> String {
    let prefix = match charge.method_token.as_str() {
        token @ (REFUND_FAILS | REFUND_PROCESSES) => token,
        _ => "sandbox",
    };
    format!("{prefix}_{}", charge.payment)
}

/// What its webhooks say happens later to a charge, and when.
fn later(charge: &Charge) -> Option<(Duration, events::Body)> {
    let told = |state: PaymentState, failure_code: Option<&str>| {
        let outcome = Outcome { reference: Some(reference(charge)), ..Outcome::of(state) };
        events::Body::payment(charge, &Outcome { failure_code: failure_code.map(str::to_owned), ..outcome })
    };
    match charge.method_token.as_str() {
        PROCESSES_FOR_A_DAY => Some((DAY, told(PaymentState::Succeeded, None))),
        PROCESSES_THEN_FAILS => Some((DAY, told(PaymentState::Failed, Some("declined")))),
        SUCCEEDS_LATE => Some((HOUR, told(PaymentState::Succeeded, None))),
        DISPUTED => Some((HOUR, events::Body::disputed(charge))),
        _ => None,
    }
}

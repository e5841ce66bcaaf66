//! Webhooks: what providers tell by themselves, more than once and in any order (BIL-6, BIL-7).

use manager_domain::ids::*;
use manager_domain::{Code, Refusal};
use manager_repository::payment_events::{self as rows, PaymentEvent};
use manager_repository::{
    AnyConnection, Error as DatabaseError, organizations, payment_references, payments, refunds as refund_rows,
};

use super::providers::{Event, EventFault, Fact, Outcome, Provider, Subject};
use super::settlement::{Told, report_in};
use super::{NoAnswer, by_name, in_time};
use crate::errors::{Error, Result};
use crate::vault::Purpose;
use crate::{Call, Services, refunds};

/// The header in which a provider signs its webhooks, in lower case.
///
/// # Errors
/// `not_found` for a provider that there isn't.
pub fn signature_header(provider: &str) -> Result<&'static str> {
    Ok(by_name(provider).map_err(|_| Code::NotFound)?.signature_header())
}

/// Takes a webhook in: each event has its effect once, and is kept even where nobody knows whose payment it is about.
///
/// # Errors
/// `not_found` for a provider that there isn't or that this server doesn't use, `webhook_signature_refused`,
/// `malformed_json` for what is signed and can't be understood; unavailable where the provider doesn't answer a question
/// about it, so that it delivers again.
pub async fn receive(services: &Services, call: &Call, provider: &str, signature: &str, body: &[u8]) -> Result<()> {
    let provider = by_name(provider).map_err(|_| Code::NotFound)?;
    let event = provider.open(services, signature, body, call.now).map_err(refused)?;
    let (name, id) = (provider.name(), event.id.clone());
    let known = services.db.read(move |conn| Ok::<_, Error>(rows::is_applied(conn, name, &id)?)).await?;
    if known == Some(true) {
        return Ok(());
    }
    let completed = in_time(provider.complete(services, event)).await;
    let event =
        completed.map_err(|NoAnswer| DatabaseError::Unavailable(format!("{name} doesn't answer about an event")))?;
    let sealed = services.vault.seal(Purpose::PaymentEvents, event.id.as_bytes(), body)?;
    let (shared, call) = (services.clone(), call.clone());
    services.db.write(move |tx| take_in(tx, &shared, &call, provider, &event, &sealed)).await
}

fn refused(fault: EventFault) -> Refusal {
    match fault {
        EventFault::Signature(_) => Code::WebhookSignatureRefused.into(),
        EventFault::Unreadable => Code::MalformedJson.into(),
        EventFault::NotSetUp => Code::NotFound.into(),
    }
}

fn take_in(
    tx: &mut AnyConnection,
    services: &Services,
    call: &Call,
    provider: &dyn Provider,
    event: &Event,
    body: &[u8],
) -> Result<()> {
    let about = whose(tx, provider, &event.about)?;
    if let Some((organization, _)) = about {
        organizations::lock(tx, organization)?;
    }
    let effect = match about {
        Some(of) => effect(tx, of, &event.fact)?,
        None => None,
    };
    let row = PaymentEvent {
        provider: provider.name(),
        id: &event.id,
        kind: &event.kind,
        about,
        applied: effect.is_some(),
        body,
        received_at: call.now,
    };
    let first = rows::insert(tx, &row)?;
    let (Some((organization, payment)), Some(effect)) = (about, effect) else {
        tracing::info!(provider = row.provider, event = row.id, kind = row.kind, "an event is kept without an effect");
        return Ok(());
    };
    // One that was kept when nobody knew the payment has its effect now.
    if !first && !rows::apply(tx, &row)? {
        return Ok(());
    }
    match effect {
        Effect::OnPayment(told) => report_in(tx, services, call, organization, payment, told),
        Effect::OnRefund(id, outcome) => refunds::settle_in(tx, services, (organization, id), outcome, call.now),
    }
}

/// What an event changes.
enum Effect<'a> {
    OnPayment(Told<'a>),
    OnRefund(RefundId, &'a Outcome),
}

/// `None` for what nothing is done about, and for a refund that isn't one of this payment.
fn effect<'a>(
    tx: &mut AnyConnection,
    (organization, payment): (OrganizationId, PaymentId),
    fact: &'a Fact,
) -> Result<Option<Effect<'a>>> {
    Ok(match fact {
        Fact::Payment(outcome) => Some(Effect::OnPayment(Told::Outcome(outcome))),
        Fact::Dispute(dispute) => Some(Effect::OnPayment(Told::Dispute(dispute))),
        Fact::Refund(note, outcome) => {
            let refund = refund_rows::find_by_credit_note(tx, organization, *note)?;
            let refund = refund.filter(|refund| refund.payment_id == Some(payment));
            refund.map(|refund| Effect::OnRefund(refund.id, outcome))
        }
        Fact::Other => None,
    })
}

/// The payment that an event is about, if it is one of this provider's.
fn whose(
    tx: &mut AnyConnection,
    provider: &dyn Provider,
    about: &Subject,
) -> Result<Option<(OrganizationId, PaymentId)>> {
    if let Some((organization, payment)) = about.ids {
        let found = payments::find(tx, organization, payment)?;
        if found.is_some_and(|found| found.provider == provider.name()) {
            return Ok(about.ids);
        }
    }
    match &about.reference {
        Some(reference) => Ok(payment_references::find(tx, provider.name(), reference)?),
        None => Ok(None),
    }
}

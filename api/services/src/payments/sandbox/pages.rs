//! The page on which a customer of the sandbox pays or declines, as a bank's page would be. Who has its link may decide.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use manager_domain::ids::*;
use manager_domain::payments::SandboxDecision;
use manager_domain::{Code, Money};
use manager_repository::{AnyConnection, payments, sandbox_payments};
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use super::super::{HEAD_START, Outcome, Provider as _};
use super::{REQUIRES_ACTION, Sandbox, decided_outcome, deliver, events};
use crate::errors::{Error, Result};
use crate::jobs::{self, Job};
use crate::vault::Purpose;
use crate::{Call, Services};

/// What the page shows.
#[derive(Debug, Clone)]
pub struct SandboxPage {
    pub amount: Money,
    pub payee: String,
    /// `None` while it is to be decided.
    pub decision: Option<SandboxDecision>,
}

/// Where a payment is decided: its ids, and what only this server can have made of them.
pub(super) fn link(services: &Services, organization: OrganizationId, payment: PaymentId) -> String {
    let ids = [*organization.uuid().as_bytes(), *payment.uuid().as_bytes()].concat();
    let mac = services.vault.mac(Purpose::SandboxPages, &ids);
    let token = URL_SAFE_NO_PAD.encode([ids.as_slice(), &mac].concat());
    format!("{}/sandbox/payments/{token}", services.settings.public_url)
}

/// # Errors
/// `not_found` for a token that this server didn't make.
fn read(services: &Services, token: &str) -> Result<(OrganizationId, PaymentId)> {
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| Code::NotFound)?;
    let (ids, mac) = bytes.split_at_checked(32).ok_or(Code::NotFound)?;
    if !bool::from(services.vault.mac(Purpose::SandboxPages, ids).as_slice().ct_eq(mac)) {
        return Err(Code::NotFound.into());
    }
    let id = |bytes: &[u8]| Uuid::from_slice(bytes).map_err(Error::defect);
    Ok((OrganizationId::from_uuid(id(&ids[..16])?), PaymentId::from_uuid(id(&ids[16..])?)))
}

/// The page of a payment.
///
/// # Errors
/// `not_found`.
pub async fn show(services: &Services, token: &str) -> Result<SandboxPage> {
    let (organization, payment) = read(services, token)?;
    let payee = services.settings.seller.name.clone();
    let look = move |conn: &mut AnyConnection| {
        let found = payments::find(conn, organization, payment)?.ok_or(Code::NotFound)?;
        if found.provider != Sandbox.name() || found.method_token != REQUIRES_ACTION {
            return Err(Error::from(Code::NotFound));
        }
        let decision = sandbox_payments::find(conn, payment)?;
        Ok(SandboxPage { amount: Money::new(found.amount, found.currency), payee: payee.clone(), decision })
    };
    services.db.read(look).await
}

/// Decides a payment, once; the sandbox tells so by a webhook, at once and again by a job if that was cut short.
///
/// # Errors
/// `not_found`.
pub async fn decide(services: &Services, call: &Call, token: &str, decision: SandboxDecision) -> Result<()> {
    show(services, token).await?;
    let (organization, payment) = read(services, token)?;
    let reference = Some(format!("sandbox_{payment}"));
    let outcome = Outcome { reference, ..decided_outcome(decision) };
    let body = events::Body::of(organization, payment, &outcome).text()?;
    let (shared, call_, job) = (services.clone(), call.clone(), Job::DeliverSandboxEvent { body: body.clone() });
    let write = move |tx: &mut AnyConnection| {
        if !sandbox_payments::decide(tx, (organization, payment), decision, call_.now)? {
            return Ok::<_, Error>(false);
        }
        jobs::enqueue(tx, &shared, call_.now, call_.now + HEAD_START, &job)?;
        Ok(true)
    };
    if services.db.write(write).await?
        && let Err(error) = deliver(services, &Call::system(call.now), &body).await
    {
        tracing::warn!(%error, "the sandbox's webhook is delivered later");
    }
    Ok(())
}

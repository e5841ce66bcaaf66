//! The sandbox's webhooks: signed as any provider's, delivered by a job to the same use case.

use manager_domain::disputes::DisputeState;
use manager_domain::ids::*;
use manager_domain::payments::PaymentState;
use manager_domain::{Instant, Money};
use manager_repository::AnyConnection;
use serde::{Deserialize, Serialize};

use super::super::providers::{DisputeReport, Event, EventFault, Fact, Subject};
use super::super::{Charge, Outcome, Provider as _, signatures, webhooks};
use super::{Sandbox, later};
use crate::errors::{Error, Result};
use crate::jobs::{self, Job};
use crate::vault::Purpose;
use crate::{Call, Services};

/// The header that carries a webhook's signature, in lower case.
pub const SIGNATURE_HEADER: &str = "sandbox-signature";

/// What a webhook says; other fields are ignored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Body {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    organization: OrganizationId,
    payment: PaymentId,
    #[serde(default)]
    reference: Option<String>,
    /// Where the payment stands, in events of the type `payment`.
    #[serde(default)]
    state: Option<PaymentState>,
    #[serde(default)]
    failure_code: Option<String>,
    /// What came in, where it isn't what was asked for.
    #[serde(default)]
    received: Option<Money>,
    /// The credit note, in events of the type `refund`, whose state it is then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    credit_note: Option<CreditNoteId>,
    /// In events of the type `dispute`.
    #[serde(default)]
    dispute: Option<DisputeBody>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct DisputeBody {
    id: String,
    state: DisputeState,
    #[serde(default)]
    amount: Option<Money>,
    #[serde(default)]
    reason: Option<String>,
}

const PAYMENT: &str = "payment";
const REFUND: &str = "refund";
const DISPUTE: &str = "dispute";

impl Body {
    /// A payment changed.
    pub fn payment(charge: &Charge, outcome: &Outcome) -> Self {
        Self::of(charge.organization, charge.payment, outcome)
    }

    pub fn of(organization: OrganizationId, payment: PaymentId, outcome: &Outcome) -> Self {
        Self {
            id: format!("evt_{payment}_{}", outcome.state.as_str()),
            kind: PAYMENT.to_owned(),
            organization,
            payment,
            reference: outcome.reference.clone(),
            state: Some(outcome.state),
            failure_code: outcome.failure_code.clone(),
            received: outcome.received,
            credit_note: None,
            dispute: None,
        }
    }

    /// The payer had the payment taken back.
    pub fn disputed(charge: &Charge) -> Self {
        let id = format!("dispute_{}", charge.payment);
        let reason = Some("fraudulent".to_owned());
        let dispute = DisputeBody { id: id.clone(), state: DisputeState::Open, amount: Some(charge.amount), reason };
        let outcome = Outcome::of(PaymentState::Disputed);
        let body = Self::of(charge.organization, charge.payment, &outcome);
        Self { id: format!("evt_{id}"), kind: DISPUTE.to_owned(), state: None, dispute: Some(dispute), ..body }
    }

    pub fn text(&self) -> Result<String> {
        serde_json::to_string(self).map_err(Error::defect)
    }

    fn outcome(self) -> Option<Outcome> {
        Some(Outcome {
            state: self.state?,
            reference: self.reference,
            failure_code: self.failure_code,
            action: None,
            received: self.received,
        })
    }

    fn fact(self) -> Option<Fact> {
        match self.kind.as_str() {
            PAYMENT => Some(Fact::Payment(self.outcome()?)),
            REFUND => Some(Fact::Refund(self.credit_note?, self.outcome()?)),
            DISPUTE => {
                let DisputeBody { id: reference, state, amount, reason } = self.dispute?;
                Some(Fact::Dispute(DisputeReport { reference, state, amount, reason }))
            }
            _ => Some(Fact::Other),
        }
    }
}

/// What webhooks of the sandbox are signed with.
pub fn secret(services: &Services) -> [u8; 32] {
    services.vault.mac(Purpose::SandboxWebhooks, b"")
}

/// Reads a webhook.
pub(super) fn open(
    services: &Services,
    signature: &str,
    body: &[u8],
    now: Instant,
) -> std::result::Result<Event, EventFault> {
    signatures::verify(signature, body, &secret(services), now)?;
    let body: Body = serde_json::from_slice(body).map_err(|_| EventFault::Unreadable)?;
    let about = Subject { ids: Some((body.organization, body.payment)), reference: body.reference.clone() };
    let (id, kind) = (body.id.clone(), body.kind.clone());
    let is_name = |text: &str| (1..=200).contains(&text.len()) && !text.contains(char::is_control);
    if !is_name(&id) || !is_name(&kind) {
        return Err(EventFault::Unreadable);
    }
    Ok(Event { id, kind, about, fact: body.fact().ok_or(EventFault::Unreadable)? })
}

/// Plans what happens later to a charge. Planned twice, it is delivered twice, as the same event.
pub(super) async fn schedule(services: &Services, charge: &Charge) -> Result<()> {
    let Some((wait, body)) = later(charge) else { return Ok(()) };
    let (shared, body, now) = (services.clone(), body.text()?, services.clock.now());
    let enqueue = move |tx: &mut AnyConnection| {
        let job = Job::DeliverSandboxEvent { body: body.clone() };
        jobs::enqueue(tx, &shared, now, now + wait, &job).map(|_| ())
    };
    services.db.write(enqueue).await
}

/// Delivers an event to this server, signed as of now.
///
/// # Errors
/// As [`webhooks::receive`].
pub async fn deliver(services: &Services, call: &Call, body: &str) -> Result<()> {
    let signature = signatures::sign(body.as_bytes(), &secret(services), call.now);
    webhooks::receive(services, call, Sandbox.name(), &signature, body.as_bytes()).await
}

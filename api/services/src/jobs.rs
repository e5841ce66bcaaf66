//! Background work: rows written in the transaction that needs them, done afterwards by workers (`TIM-4`).

use chrono::Duration;
use manager_domain::Instant;
use manager_domain::ids::*;
use manager_repository::{AnyConnection, jobs as rows};
use serde::{Deserialize, Serialize};

use crate::errors::{Error, Result};
use crate::mails::Mail;
use crate::vault::Purpose;
use crate::{Services, Settings};

/// How long work is tried that carries nothing which is over sooner.
const LIFE: Duration = Duration::days(5);

/// A piece of work, as stored (encrypted, for it may carry secrets on their way to a mail).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Job {
    /// Send a mail.
    Mail(Mail),
    /// Mail reset links to whoever has this address, if anybody does (ACC-8); where one is named, to that account only.
    PasswordReset { email_key: String, only: Option<AccountId>, ip: String, device: String },
    /// Ask the provider to carry out a payment that was committed, unless its outcome is known by now.
    CollectPayment { organization: OrganizationId, payment: PaymentId },
    /// Deliver what happened at the sandbox, which plays a payment provider, as a webhook of its own.
    DeliverSandboxEvent { body: String },
    /// Ask the provider to give a refund's money back, unless its outcome is known by now.
    PayBackRefund { organization: OrganizationId, refund: RefundId },
}

impl Job {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Mail(_) => "mail",
            Self::PasswordReset { .. } => "password_reset",
            Self::CollectPayment { .. } => "collect_payment",
            Self::DeliverSandboxEvent { .. } => "deliver_sandbox_event",
            Self::PayBackRefund { .. } => "pay_back_refund",
        }
    }

    const fn organization(&self) -> Option<OrganizationId> {
        match self {
            Self::Mail(_) | Self::PasswordReset { .. } | Self::DeliverSandboxEvent { .. } => None,
            Self::CollectPayment { organization, .. } | Self::PayBackRefund { organization, .. } => Some(*organization),
        }
    }

    /// How long after its beginning the work is still worth doing.
    pub(crate) fn life(&self, settings: &Settings) -> Duration {
        match self {
            Self::Mail(mail) => mail.template.life(settings).unwrap_or(LIFE),
            Self::PasswordReset { .. }
            | Self::CollectPayment { .. }
            | Self::DeliverSandboxEvent { .. }
            | Self::PayBackRefund { .. } => LIFE,
        }
    }
}

/// Enqueues work inside the caller's transaction; it runs at `run_at` or soon after, but not before the commit.
pub fn enqueue(tx: &mut AnyConnection, services: &Services, now: Instant, run_at: Instant, job: &Job) -> Result<JobId> {
    let id: JobId = services.id(now);
    let plain = serde_json::to_vec(job).map_err(Error::defect)?;
    let payload = services.vault.seal(Purpose::JobPayloads, id.uuid().as_bytes(), &plain)?;
    rows::insert(
        tx,
        &rows::NewJob { id, organization: job.organization(), kind: job.kind(), payload, run_at, created_at: now },
    )?;
    Ok(id)
}

/// Jobs that wait, and jobs that were given up.
pub async fn counts(services: &Services) -> Result<(i64, i64)> {
    services.db.read(|conn| Ok(rows::counts(conn)?)).await
}

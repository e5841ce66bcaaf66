//! Verification of VAT numbers (BIL-3): a provider tells what it knows of a number, staff decide what it leaves open.

use std::future::Future;
use std::pin::Pin;

use manager_domain::ids::*;
use manager_domain::organizations::check_vat_number;
use manager_domain::search_keys::search_key;
use manager_domain::{Code, FaultCode, Instant, Refusal};
use manager_repository::{AnyConnection, organizations as rows, payments};
use serde_json::json;

use crate::audit_log::{self, Entry};
use crate::errors::{Error, Result};
use crate::organizations::Organization;
use crate::{Call, Services};

/// What a provider is asked, as VIES is: whether this number is that of this firm.
#[derive(Debug, Clone)]
pub struct Question {
    pub country: String,
    pub number: String,
    /// As the firm calls itself.
    pub name: String,
}

/// What a provider knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The number is that firm's.
    Confirmed,
    /// There is no such number, or it is another firm's.
    Denied,
    /// Nothing is known against it: staff look it up.
    AskStaff,
}

pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<Verdict>> + Send + 'a>>;

/// Tells whose a VAT number is. Never asked inside a transaction.
pub trait Verifier: Send + Sync {
    /// # Errors
    /// Where the provider is away; it may be asked again.
    fn ask<'a>(&'a self, question: &'a Question) -> Answer<'a>;
}

/// The built-in provider: knows forms and check digits, and leaves the rest to staff.
#[derive(Debug, Clone, Copy)]
pub struct SyntaxThenStaff;

impl Verifier for SyntaxThenStaff {
    fn ask<'a>(&'a self, question: &'a Question) -> Answer<'a> {
        let well_formed = check_vat_number(&question.country, &question.number).is_ok();
        Box::pin(async move { Ok(if well_formed { Verdict::AskStaff } else { Verdict::Denied }) })
    }
}

/// What staff say of an organization's VAT number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It was looked up, and is theirs.
    Verify,
    Revoke,
}

/// Writes down what staff decided; the organization is named by its number or id. Verifying asks the provider first.
///
/// # Errors
/// `not_found`; `validation_failed` where the organization names no number or the provider denies it;
/// `payment_in_progress`, for how somebody is taxed stays as it is while it is being paid; `precondition_failed` where
/// the organization was changed meanwhile.
pub async fn decide(services: &Services, now: Instant, organization: &str, decision: Decision) -> Result<Organization> {
    let named = organization.to_owned();
    let seen = services.db.read(move |conn| find(conn, &named)).await?;
    if decision == Decision::Verify {
        let denied = || Error::from(Refusal::fault("/vat_number", FaultCode::InvalidVatNumber));
        let number = seen.vat_number.clone().ok_or_else(denied)?;
        let question = Question { country: seen.country.clone(), number, name: seen.name.clone() };
        if services.vat_verifier.ask(&question).await? == Verdict::Denied {
            return Err(denied());
        }
    }
    let shared = services.clone();
    services.db.write(move |tx| write_down(tx, &shared, now, &seen, decision)).await
}

fn find(conn: &mut AnyConnection, named: &str) -> Result<Organization> {
    let id = match named.parse::<OrganizationId>() {
        Ok(id) => Some(id),
        Err(_) => rows::find_by_number(conn, named)?,
    };
    let found = id.map(|id| rows::find(conn, id)).transpose()?.flatten();
    found.ok_or_else(|| Code::NotFound.into())
}

fn write_down(
    tx: &mut AnyConnection,
    services: &Services,
    now: Instant,
    seen: &Organization,
    decision: Decision,
) -> Result<Organization> {
    let id = seen.id;
    rows::lock(tx, id)?;
    let is_verified = seen.vat_verified_at.is_some();
    if is_verified == (decision == Decision::Verify) {
        return Ok(seen.clone());
    }
    if let Some(payment) = payments::find_open(tx, id)? {
        return Err(Refusal::new(Code::PaymentInProgress).with("payment", json!(payment)).into());
    }
    let next = Organization { vat_verified_at: (!is_verified).then_some(now), ..seen.clone() };
    // What was looked up is what was seen: any change since then must be looked at anew.
    if !rows::update(tx, &next, &search_key(&next.name), now)? {
        return Err(Code::PreconditionFailed.into());
    }
    let action = if is_verified { "organization.vat_number_revoked" } else { "organization.vat_number_verified" };
    let entry = Entry::new(action, id).before(json!({ "vat_verified": is_verified }));
    let mut entry = entry.after(json!({ "vat_verified": !is_verified, "by": "staff" }));
    entry.personal = next.vat_number.clone();
    audit_log::append(tx, services, &Call::system(now), id, entry)?;
    rows::find(tx, id)?.ok_or_else(|| Error::defect("the changed organization is gone"))
}

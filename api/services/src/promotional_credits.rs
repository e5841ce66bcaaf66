//! Promotional credits: what support gives an organization to spend (PRE-1); above a limit two persons decide (STF-1).

use manager_domain::ids::*;
use manager_domain::promotional_credits::{PromotionalCreditState, check_promotional_credit};
use manager_domain::staff::{StaffPermission, check_second_person, needs_second_person};
use manager_domain::{Code, Money, postings};
use manager_repository::AnyConnection;
use manager_repository::organizations::{self, Organization};
use manager_repository::promotional_credits as rows;
use serde_json::json;

use crate::audit_log::{self, Entry};
use crate::errors::{Error, Result};
use crate::staff::{self, Reason};
use crate::{Call, Services, ledger, prepaid_accounts};

pub use rows::PromotionalCredit;

const PERMISSION: StaffPermission = StaffPermission::ManagePrepaid;

/// Gives an organization something to spend, or asks for a second person where that is needed.
///
/// # Errors
/// `not_found`, `forbidden`, `own_organization`, `balance_limit_reached`; faults at `/amount` and of the reason.
pub async fn create(
    services: &Services,
    call: &Call,
    organization: OrganizationId,
    amount: Money,
    reason: &Reason,
) -> Result<PromotionalCredit> {
    let (shared, caller, reason) = (services.clone(), call.clone(), reason.clone());
    let id: PromotionalCreditId = services.id(call.now);
    let write = move |tx: &mut AnyConnection| {
        let owner = staff::act_on(tx, &caller, organization, PERMISSION, &reason)?;
        let actor = caller.actor.ok_or(Code::Unauthenticated)?;
        let account = prepaid_accounts::account(tx, &owner)?;
        check_promotional_credit(amount, &account, shared.settings.top_ups)?;
        let waits = needs_second_person(amount, shared.settings.second_person_above);
        let state = if waits { PromotionalCreditState::Requested } else { PromotionalCreditState::Granted };
        let row = PromotionalCredit {
            organization_id: owner.id,
            id,
            amount: amount.amount,
            currency: amount.currency,
            reason: reason.text.clone(),
            state,
            requested_by: actor.account,
            requested_at: caller.now,
            decided_by: None,
            decided_at: None,
        };
        rows::insert(tx, &row)?;
        if waits {
            audit_log::append(tx, &shared, &caller, owner.id, told("promotional_credit.requested", &row, &reason))?;
        } else {
            book(tx, &shared, &caller, &row, &reason)?;
        }
        Ok(row)
    };
    services.write(call.clone(), write).await
}

/// The money is in the account from here on.
fn book(
    tx: &mut AnyConnection,
    services: &Services,
    call: &Call,
    row: &PromotionalCredit,
    reason: &Reason,
) -> Result<()> {
    organizations::fix_currency(tx, row.organization_id)?;
    let transfer = postings::promotional_granted(row.currency, row.amount);
    ledger::book(tx, services, call, (row.organization_id, row.currency), row.id, transfer)?;
    audit_log::append(tx, services, call, row.organization_id, told("promotional_credit.granted", row, reason))
}

fn told(action: &'static str, row: &PromotionalCredit, reason: &Reason) -> Entry {
    let after = json!({ "amount": row.amount, "currency": row.currency, "requested_by": row.requested_by });
    Entry::new(action, row.id).after(after).by_support(&reason.text)
}

/// Grants what another person asked for.
///
/// # Errors
/// `not_found`, `forbidden`, `own_organization`, faults of the reason; `promotional_credit_closed`,
/// `second_person_required` for who asked for it, `balance_limit_reached`.
pub async fn approve(
    services: &Services,
    call: &Call,
    of: (OrganizationId, PromotionalCreditId),
    reason: &Reason,
) -> Result<PromotionalCredit> {
    let (shared, caller, reason) = (services.clone(), call.clone(), reason.clone());
    let write = move |tx: &mut AnyConnection| {
        let (owner, row) = undecided(tx, &caller, of, &reason)?;
        let actor = caller.actor.ok_or(Code::Unauthenticated)?;
        check_second_person(row.requested_by, actor.account)?;
        let account = prepaid_accounts::account(tx, &owner)?;
        check_promotional_credit(Money::new(row.amount, row.currency), &account, shared.settings.top_ups)?;
        let row = decide(tx, &caller, row, PromotionalCreditState::Granted)?;
        book(tx, &shared, &caller, &row, &reason)?;
        Ok(row)
    };
    services.write(call.clone(), write).await
}

/// Refuses what was asked for; who asked for it may take it back so.
///
/// # Errors
/// `not_found`, `forbidden`, `own_organization`, faults of the reason, `promotional_credit_closed`.
pub async fn reject(
    services: &Services,
    call: &Call,
    of: (OrganizationId, PromotionalCreditId),
    reason: &Reason,
) -> Result<PromotionalCredit> {
    let (shared, caller, reason) = (services.clone(), call.clone(), reason.clone());
    let write = move |tx: &mut AnyConnection| {
        let (owner, row) = undecided(tx, &caller, of, &reason)?;
        let row = decide(tx, &caller, row, PromotionalCreditState::Rejected)?;
        audit_log::append(tx, &shared, &caller, owner.id, told("promotional_credit.rejected", &row, &reason))?;
        Ok(row)
    };
    services.write(call.clone(), write).await
}

fn undecided(
    tx: &mut AnyConnection,
    call: &Call,
    (organization, id): (OrganizationId, PromotionalCreditId),
    reason: &Reason,
) -> Result<(Organization, PromotionalCredit)> {
    let owner = staff::act_on(tx, call, organization, PERMISSION, reason)?;
    let row = rows::find(tx, organization, id)?.ok_or(Code::NotFound)?;
    row.state.check_undecided()?;
    Ok((owner, row))
}

fn decide(
    tx: &mut AnyConnection,
    call: &Call,
    row: PromotionalCredit,
    state: PromotionalCreditState,
) -> Result<PromotionalCredit> {
    let by = call.actor.ok_or(Code::Unauthenticated)?.account;
    if !rows::decide(tx, (row.organization_id, row.id), state, by, call.now)? {
        return Err(Error::defect(format!("{} changed although its organization is locked", row.id)));
    }
    Ok(PromotionalCredit { state, decided_by: Some(by), decided_at: Some(call.now), ..row })
}

/// A page of an organization's promotional credits, which is written into its audit log.
///
/// # Errors
/// `not_found`, `forbidden`, `own_organization`, faults of the reason.
pub async fn list(
    services: &Services,
    call: &Call,
    organization: OrganizationId,
    reason: &Reason,
    (before, limit): (Option<PromotionalCreditId>, i64),
) -> Result<Vec<PromotionalCredit>> {
    let list = move |tx: &mut AnyConnection, _| Ok(rows::list(tx, organization, before, limit)?);
    staff::read(services, call, (organization, PERMISSION), reason, "promotional_credits.read", list).await
}

/// A page of all promotional credits that wait for a second person, newest first.
pub async fn list_requested(
    services: &Services,
    before: Option<PromotionalCreditId>,
    limit: i64,
) -> Result<Vec<PromotionalCredit>> {
    services.db.read(move |conn| Ok(rows::list_requested(conn, before, limit)?)).await
}

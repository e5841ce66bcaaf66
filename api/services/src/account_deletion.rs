//! Deleting an account (ACC-10): it leaves its organizations, and what is personal is erased.

use std::collections::{BTreeMap, BTreeSet};

use manager_domain::ids::*;
use manager_domain::memberships::{InvitationState, Role};
use manager_domain::{Code, Refusal};
use manager_repository::accounts::{self, Account};
use manager_repository::invitations as rows;
use manager_repository::memberships::{self, Belonging};
use manager_repository::{
    AnyConnection, audit_log as audit_rows, avatars, login_id_changes, one_time_tokens, organizations,
    security_log as security_rows,
};
use serde_json::{Value, json};

use crate::audit_log::{self, Entry};
use crate::errors::{Error, Result};
use crate::mails::{Mail, Template};
use crate::memberships::summary;
use crate::{Call, Services, absorptions, expiry, invitations, sessions};

/// More memberships than anybody has.
const ALL: i64 = 100_000;

/// Deletes the signed-in person's account. The row and its id stay, empty, so that the id is never reused; invoices keep
/// the name they were issued with.
///
/// # Errors
/// `wrong_password`, `too_many_requests`; `account_owns_organizations` with those it is the last owner of;
/// `login_id_undo_open` while the holder of a former login ID may still take the account back.
pub async fn delete(services: &Services, call: &Call, account: &Account, password: &str) -> Result<()> {
    sessions::confirm_password(services, call, account, password).await?;
    let (shared, call, account) = (services.clone(), call.clone(), account.clone());
    let caller = call.clone();
    let write = move |tx: &mut AnyConnection| {
        absorptions::cancel_in(tx, &shared, &call, account.id)?;
        let belongings = memberships::list_of_account(tx, account.id, None, ALL, call.now)?;
        let address = accounts::find_login_key(tx, account.id)?.ok_or(Code::SessionEnded)?;
        let invited = invitations_of(tx, account.id, &address)?;
        // Always in the order of their ids, whoever locks several.
        let joined = belongings.iter().map(|(_, organization)| organization.id);
        for organization in joined.chain(invited.keys().copied()).collect::<BTreeSet<_>>() {
            organizations::lock(tx, organization)?;
        }
        leave_all(tx, &shared, &call, &belongings)?;
        let current = sessions::unchanged(tx, &account)?;
        if let Some(until) = login_id_changes::undo_open_until(tx, current.id, call.now)? {
            return Err(Refusal::new(Code::LoginIdUndoOpen).with("until", json!(until)).into());
        }
        // Joined meanwhile: once more, with that organization.
        if !memberships::list_of_account(tx, current.id, None, 1, call.now)?.is_empty() {
            return Err(Error::Conflict);
        }
        for (organization, ids) in &invited {
            erase_invitations(tx, &shared, &call, (*organization, ids), &address)?;
        }
        absorptions::erase_in(tx, current.id, &address)?;
        erase(tx, &call, &current)?;
        Mail::new(&current.login_id, current.locale, Template::AccountDeleted)
            .with("name", current.name())
            .enqueue(tx, &shared, call.now)
    };
    services.write(caller, write).await
}

/// By organization, the invitations of the account's address and those that it answered under a former one.
fn invitations_of(
    tx: &mut AnyConnection,
    account: AccountId,
    address: &str,
) -> Result<BTreeMap<OrganizationId, BTreeSet<InvitationId>>> {
    let mut found: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for (organization, id) in
        rows::list_of_address(tx, address)?.into_iter().chain(audit_rows::list_answered(tx, account)?)
    {
        found.entry(organization).or_default().insert(id);
    }
    Ok(found)
}

/// Declines what still waits for the account's address, and erases that, in whatever spelling, from all invitations and
/// from what the log says of them; the caller holds the organization's lock. Whoever wants the address's next holder
/// invites it anew.
fn erase_invitations(
    tx: &mut AnyConnection,
    services: &Services,
    call: &Call,
    (organization, ids): (OrganizationId, &BTreeSet<InvitationId>),
    address: &str,
) -> Result<()> {
    expiry::expire_invitation_of(tx, services, call.now, organization, address)?;
    if let Some(pending) = rows::find_pending(tx, organization, address)? {
        invitations::close_in(tx, services, call, &pending, InvitationState::Declined)?;
    }
    for id in ids {
        audit_rows::erase_personal(tx, organization, &id.to_string())?;
        rows::erase_address(tx, organization, *id)?;
    }
    Ok(())
}

/// Ends every membership, organizations locked in the order of their ids; refused as a whole where somewhere no other
/// owner is left (MEM-3).
fn leave_all(tx: &mut AnyConnection, services: &Services, call: &Call, belongings: &[Belonging]) -> Result<()> {
    let mut owned: Vec<Value> = Vec::new();
    for (seen, organization) in belongings {
        if !organizations::lock(tx, organization.id)? {
            continue;
        }
        // Rights may have changed before the lock was there.
        let found = memberships::find_by_account(tx, organization.id, seen.account_id, call.now)?;
        let Some(membership) = found else { continue };
        if membership.role == Role::Owner && !organizations::remove_owner(tx, organization.id)? {
            owned.push(json!({ "id": organization.id, "name": organization.name }));
            continue;
        }
        memberships::delete(tx, organization.id, membership.id)?;
        let entry = Entry::new("membership.left", membership.id).before(summary(&membership));
        audit_log::append(tx, services, call, organization.id, entry)?;
    }
    if owned.is_empty() {
        return Ok(());
    }
    Err(Error::from(Refusal::new(Code::AccountOwnsOrganizations).with("organizations", owned)))
}

fn erase(tx: &mut AnyConnection, call: &Call, account: &Account) -> Result<()> {
    sessions::end_all_in(tx, account.id, None, call.now)?;
    one_time_tokens::delete_of_account(tx, account.id)?;
    login_id_changes::delete_of_account(tx, account.id)?;
    avatars::delete(tx, account.id)?;
    security_rows::delete_of_account(tx, account.id)?;
    if !accounts::erase(tx, account.id, call.now)? {
        return Err(Error::Conflict);
    }
    Ok(())
}

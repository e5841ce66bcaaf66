//! Absorbing an old account (MEM-7): a new account takes over its memberships, organization by organization.
//!
//! Locks are taken in the order absorption, organization, membership.

use chrono::Duration;
use manager_domain::absorptions::{AbsorptionState, StepState};
use manager_domain::emails::EmailAddress;
use manager_domain::ids::*;
use manager_domain::memberships::{InvitationState, Role};
use manager_domain::{Code, Instant, Refusal};
use manager_repository::absorptions as rows;
use manager_repository::accounts::{self, Account};
use manager_repository::invitations::{self as invitation_rows, Invitation};
use manager_repository::memberships::{self, Membership};
use manager_repository::organizations::{self, Organization};
use manager_repository::{AnyConnection, Json, audit_log as audit_rows};
use serde_json::json;

use crate::access::Authority;
use crate::audit_log::{self, Entry};
use crate::errors::{Error, Result};
use crate::housekeeping::each_due;
use crate::mails::{Mail, Template};
use crate::memberships::{require_step_up, summary};
use crate::{Call, Services, expiry, invitations, security_log, throttles, vault};

pub use rows::{Absorption, Asked, Step};

/// Organizations that one absorption reaches.
const MOST: i64 = 1_000;
/// Organizations whose names are in the mail to the new address.
const NAMED: usize = 20;
/// One that ended is shown, and kept, so long.
const KEPT: Duration = Duration::days(7);

/// An absorption with its steps, their states as they stand now.
pub type Status = (Absorption, Vec<Step>);

/// Starts the absorption of the account that asks: the new address is invited wherever the old account is an owner or
/// admin, with one mail for all; where it is a member, an owner or admin is asked to approve. Owners are told.
///
/// # Errors
/// `step_up_required`, also where the password is a new one meanwhile; `absorption_target_refused` for the account's own
/// address, `absorption_pending`,
/// `invitation_pending` with the organization in which the address is invited already, `too_many_requests`.
pub async fn start(services: &Services, call: &Call, old: Account, target: EmailAddress) -> Result<Status> {
    require_step_up(services, call)?;
    let id: AbsorptionId = services.id(call.now);
    let (shared, call) = (services.clone(), call.clone());
    services
        .write(call.clone(), move |tx| {
            let account = old.id;
            if accounts::find_login_key(tx, account)?.as_deref() == Some(target.key()) {
                return Err(Error::from(Code::AbsorptionTargetRefused));
            }
            throttles::take_invitation(tx, &shared, call.now, account, target.key())?;
            // An older one may be over without anybody having written it down.
            if let Some(older) = rows::lock_running(tx, account)? {
                finish_in(tx, &shared, &call, &older)?;
            }
            let absorption = Absorption {
                id,
                account_id: account,
                target_email: target.stored().to_owned(),
                target_key: target.key().to_owned(),
                state: AbsorptionState::Running,
                password_version: old.password_version,
                created_at: call.now,
                ended_at: None,
            };
            if !rows::insert(tx, &absorption)? {
                return Err(Code::AbsorptionPending.into());
            }
            let mut invited = Vec::new();
            for (_, organization) in memberships::list_of_account(tx, account, None, MOST, call.now)? {
                let name = organization.name.clone();
                let row = ask(tx, &shared, &call, &absorption, &old, organization)?;
                invited.extend(row.map(|row| (row, name)));
            }
            mail_invited(tx, &shared, &call, &old, &invited)?;
            // Nothing is moved for an account that was deleted or got a new password meanwhile: it was asked for with
            // the one that the caller's session had proved.
            let current = accounts::lock(tx, account)?.ok_or(Code::SessionEnded)?;
            if current.password_version != old.password_version {
                return Err(Code::StepUpRequired.into());
            }
            security_log::append(tx, &shared, &call, account, "absorption.started", json!({ "absorption": id }))?;
            finish_in(tx, &shared, &call, &absorption)?;
            status_in(tx, &shared, account, call.now)?.ok_or_else(|| Error::defect("the new absorption is gone"))
        })
        .await
}

/// One organization's step: an invitation, whose mail is the caller's to send, or the question whether there may be one.
fn ask(
    tx: &mut AnyConnection,
    services: &Services,
    call: &Call,
    absorption: &Absorption,
    old: &Account,
    organization: Organization,
) -> Result<Option<Invitation>> {
    let id = organization.id;
    organizations::lock(tx, id)?;
    let Some(membership) = memberships::find_by_account(tx, id, old.id, call.now)? else { return Ok(None) };
    let may_invite = membership.rights().is_admin();
    let entry = Entry::new("absorption.requested", absorption.id).after(json!({ "account": old.id }));
    audit_log::append(tx, services, call, id, entry.personal(absorption.target_email.clone()))?;
    let invitation = may_invite.then(|| invite(tx, services, call, absorption, &membership, old.id)).transpose()?;
    rows::insert_step(
        tx,
        &Step {
            absorption_id: absorption.id,
            organization_id: id,
            name: organization.name.clone(),
            invitation_id: invitation.as_ref().map(|row| row.id),
            state: if may_invite { StepState::Invited } else { StepState::AwaitingApproval },
            updated_at: call.now,
        },
    )?;
    let (readers, template) = if may_invite {
        (memberships::list_owners(tx, id)?, Template::AbsorptionRequested)
    } else {
        (memberships::list_admins(tx, id, call.now)?, Template::AbsorptionApproval)
    };
    for reader in readers.iter().filter(|reader| reader.id != old.id) {
        Mail::new(&reader.login_id, reader.locale, template)
            .with("name", reader.name())
            .with("organization", organization.name.clone())
            .with("old_member", old.name())
            .with("new_email", absorption.target_email.clone())
            .enqueue(tx, services, call.now)?;
    }
    Ok(invitation)
}

/// One mail for all invitations of the new address, however many: it was counted as one. Its link opens the first, the
/// others are among the person's invitations.
fn mail_invited(
    tx: &mut AnyConnection,
    services: &Services,
    call: &Call,
    old: &Account,
    invited: &[(Invitation, String)],
) -> Result<()> {
    let Some((first, _)) = invited.first() else { return Ok(()) };
    let token = vault::token("ivt")?;
    if invited.len() == 1 {
        return invitations::send(tx, services, call, first, &token);
    }
    let link = invitations::open_link(tx, services, call, first, &token)?;
    let mut names: Vec<_> = invited.iter().take(NAMED).map(|(_, name)| name.as_str()).collect();
    if invited.len() > NAMED {
        names.push("…");
    }
    Mail::new(&first.email, first.locale, Template::AbsorptionInvitation)
        .with("inviter", old.name())
        .with("count", invited.len())
        .with("organizations", names.join(", "))
        .with("days", services.settings.invitation_lifetime.num_days())
        .with("link", link)
        .enqueue(tx, services, call.now)
}

/// Invites the new address with the rights of the old membership.
fn invite(
    tx: &mut AnyConnection,
    services: &Services,
    call: &Call,
    absorption: &Absorption,
    old: &Membership,
    invited_by: AccountId,
) -> Result<Invitation> {
    let locale = match accounts::find_by_login_key(tx, &absorption.target_key)? {
        Some(account) => account.locale,
        None => organizations::find(tx, old.organization_id)?.ok_or(Code::NotFound)?.locale,
    };
    let row = Invitation {
        organization_id: old.organization_id,
        id: services.id(call.now),
        email: absorption.target_email.clone(),
        email_key: absorption.target_key.clone(),
        role: old.role,
        products: old.products.clone(),
        billing: old.billing,
        access_expires_at: old.expires_at,
        locale,
        state: InvitationState::Pending,
        invited_by,
        replaces_account_id: Some(absorption.account_id),
        created_at: call.now,
        expires_at: call.now + services.settings.invitation_lifetime,
        closed_at: None,
        version: 1,
    };
    invitations::insert_in(tx, services, call, &row).map_err(|error| match error {
        Error::Refused(refusal) if refusal.code == Code::InvitationPending => {
            Refusal::new(refusal.code).with("organization", old.organization_id.to_string()).into()
        }
        other => other,
    })?;
    Ok(row)
}

/// The account's latest absorption with its steps.
///
/// # Errors
/// `not_found` where there never was one.
pub async fn get(services: &Services, call: &Call, account: AccountId) -> Result<Status> {
    let (shared, now) = (services.clone(), call.now);
    services
        .db
        .read(move |conn| status_in(conn, &shared, account, now)?.ok_or_else(|| Error::from(Code::NotFound)))
        .await
}

fn status_in(
    conn: &mut AnyConnection,
    services: &Services,
    account: AccountId,
    now: Instant,
) -> Result<Option<Status>> {
    let Some(absorption) = rows::find_latest(conn, account)? else { return Ok(None) };
    let steps = rows::list_steps(conn, absorption.id)?;
    let steps =
        steps.into_iter().map(|step| shown(conn, services, &absorption, step, now)).collect::<Result<Vec<_>>>()?;
    let state = absorption.state.shown(steps.iter().map(|step| step.state));
    Ok(Some((Absorption { state, ..absorption }, steps)))
}

/// The step in the state that its invitation is in by now. A question waits for as long as an invitation would, and for
/// a member only.
fn shown(conn: &mut AnyConnection, services: &Services, row: &Absorption, step: Step, now: Instant) -> Result<Step> {
    if row.state == AbsorptionState::Running && step.state == StepState::AwaitingApproval {
        let member = memberships::find_by_account(conn, step.organization_id, row.account_id, now)?.is_some();
        let in_time = row.created_at + services.settings.invitation_lifetime > now;
        return Ok(Step { state: step.state.asked(member, in_time), ..step });
    }
    let Some(id) = step.invitation_id.filter(|_| step.state == StepState::Invited) else { return Ok(step) };
    let invitation = rows::find_invitation(conn, step.organization_id, id)?.map(|(state, expires_at)| {
        if state == InvitationState::Pending && expires_at <= now { InvitationState::Expired } else { state }
    });
    Ok(Step { state: step.state.shown(invitation), ..step })
}

/// Calls the account's running absorption off; what is done stays.
///
/// # Errors
/// `not_found` where none is running.
pub async fn cancel(services: &Services, call: &Call, account: AccountId) -> Result<()> {
    let (shared, call) = (services.clone(), call.clone());
    services
        .write(call.clone(), move |tx| {
            let cancelled = cancel_in(tx, &shared, &call, account)?;
            if cancelled { Ok(()) } else { Err(Error::from(Code::NotFound)) }
        })
        .await
}

/// Calls the account's running absorption off in the transaction that changes its password or deletes it; tells whether
/// there was one. To be called before organizations are locked.
pub(crate) fn cancel_in(tx: &mut AnyConnection, services: &Services, call: &Call, account: AccountId) -> Result<bool> {
    let Some(absorption) = rows::lock_running(tx, account)? else { return Ok(false) };
    finish_in(tx, services, call, &absorption)?;
    if !rows::end(tx, absorption.id, AbsorptionState::Cancelled, call.now)? {
        return Ok(false);
    }
    for step in rows::list_steps(tx, absorption.id)? {
        if matches!(step.state, StepState::Invited | StepState::AwaitingApproval) {
            cancel_step(tx, services, call, &step)?;
        }
    }
    let details = json!({ "absorption": absorption.id });
    security_log::append(tx, services, call, account, "absorption.cancelled", details)?;
    Ok(true)
}

fn cancel_step(tx: &mut AnyConnection, services: &Services, call: &Call, step: &Step) -> Result<()> {
    let organization = step.organization_id;
    if organizations::lock(tx, organization)? {
        if let Some(id) = step.invitation_id
            && let Some((row, ..)) = invitation_rows::find(tx, organization, id)?
            && row.state_at(call.now) == InvitationState::Pending
        {
            invitations::close_in(tx, services, call, &row, InvitationState::Revoked)?;
        }
        let entry = Entry::new("absorption.cancelled", step.absorption_id);
        audit_log::append(tx, services, call, organization, entry)?;
    }
    rows::move_step(tx, step, StepState::Cancelled, step.invitation_id, call.now)?;
    Ok(())
}

/// A page of the running absorptions in an organization, newest first.
pub async fn list(
    services: &Services,
    call: &Call,
    organization: OrganizationId,
    before: Option<AbsorptionId>,
    limit: i64,
) -> Result<Vec<Asked>> {
    let (shared, now) = (services.clone(), call.now);
    services
        .db
        .read(move |conn| {
            let asked = rows::list_asked(conn, organization, before, limit)?;
            asked.into_iter().map(|(step, row, old)| Ok((shown(conn, &shared, &row, step, now)?, row, old))).collect()
        })
        .await
}

/// What an owner or admin answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Approve,
    Refuse,
}

/// Answers the question of a member's absorption; approval invites the new address in the name of who approves.
///
/// # Errors
/// `not_found`, `forbidden`, `invitation_closed` where it was answered before or asked too long ago, or the member is none
/// any more; `invitation_pending`, `too_many_requests`.
pub async fn answer(
    services: &Services,
    call: &Call,
    organization: OrganizationId,
    id: AbsorptionId,
    verdict: Verdict,
) -> Result<()> {
    let (shared, call) = (services.clone(), call.clone());
    services
        .write(call.admitted(None), move |tx| {
            // The absorption is locked before the organization, and the rights are decided with both.
            let absorption = rows::lock(tx, id)?;
            let authority = Authority::lock(tx, &call)?;
            let absorption = absorption.ok_or(Code::NotFound)?;
            let (step, ..) = rows::find_asked(tx, organization, id)?.ok_or(Code::NotFound)?;
            if shown(tx, &shared, &absorption, step.clone(), call.now)?.state != StepState::AwaitingApproval {
                return Err(Error::from(Code::InvitationClosed));
            }
            let old = memberships::find_by_account(tx, organization, absorption.account_id, call.now)?;
            let old = old.ok_or(Code::InvitationClosed)?;
            authority.require_over(old.role)?;
            let (action, state, invitation) = match verdict {
                Verdict::Refuse => ("absorption.refused", StepState::Refused, None),
                Verdict::Approve => {
                    let by = authority.membership.account_id;
                    throttles::take_invitation(tx, &shared, call.now, by, &absorption.target_key)?;
                    let invitation = invite(tx, &shared, &call, &absorption, &old, by)?;
                    invitations::send(tx, &shared, &call, &invitation, &vault::token("ivt")?)?;
                    ("absorption.approved", StepState::Invited, Some(invitation.id))
                }
            };
            if !rows::move_step(tx, &step, state, invitation, call.now)? {
                return Err(Code::InvitationClosed.into());
            }
            audit_log::append(tx, &shared, &call, organization, Entry::new(action, id))?;
            finish_in(tx, &shared, &call, &absorption)
        })
        .await
}

/// The running absorption of an old account, locked, if its password is still the one it was asked for with.
pub(crate) fn lock_of(tx: &mut AnyConnection, old: AccountId) -> Result<Absorption> {
    let absorption = rows::lock_running(tx, old)?.ok_or(Code::InvitationClosed)?;
    let account = accounts::find(tx, old)?.ok_or(Code::InvitationClosed)?;
    if account.password_version != absorption.password_version {
        return Err(Code::InvitationClosed.into());
    }
    Ok(absorption)
}

/// Puts the new account in the place of the old membership, in the transaction that accepts the invitation. The
/// organization keeps its owners (MEM-3).
///
/// # Errors
/// `invitation_closed`, `already_member` where the new account is a member whose rights don't go together with the old
/// ones.
pub(crate) fn replace_in(
    tx: &mut AnyConnection,
    services: &Services,
    call: &Call,
    new: &Account,
    absorption: &Absorption,
    old: &Membership,
) -> Result<()> {
    let organization = old.organization_id;
    let steps = rows::list_steps(tx, absorption.id)?;
    let step = steps.into_iter().find(|step| step.organization_id == organization).ok_or(Code::InvitationClosed)?;
    if step.state != StepState::Invited
        || !rows::move_step(tx, &step, StepState::Done, step.invitation_id, call.now)?
        || !memberships::delete(tx, organization, old.id)?
    {
        return Err(Code::InvitationClosed.into());
    }
    let next = take_over(tx, services, call, new, old)?;
    let entry = Entry::new("membership.replaced", next.id).before(summary(old)).after(summary(&next));
    audit_log::append(tx, services, call, organization, entry)?;
    finish_in(tx, services, call, absorption)?;
    tell_done(tx, services, call, organization, absorption.account_id, new)
}

fn take_over(
    tx: &mut AnyConnection,
    services: &Services,
    call: &Call,
    new: &Account,
    old: &Membership,
) -> Result<Membership> {
    let organization = old.organization_id;
    expiry::expire_membership_of(tx, services, call.now, organization, new.id)?;
    let Some(own) = memberships::find_by_account(tx, organization, new.id, call.now)? else {
        let id = services.id(call.now);
        let next = Membership {
            id,
            account_id: new.id,
            version: 1,
            created_at: call.now,
            updated_at: call.now,
            ..old.clone()
        };
        if !memberships::insert(tx, &next)? {
            return Err(Code::AlreadyMember.into());
        }
        return Ok(next);
    };
    let next = united(&own, old).ok_or(Code::AlreadyMember)?;
    if !memberships::update(tx, &next, call.now)? {
        return Err(Code::AlreadyMember.into());
    }
    // Two owners became one.
    if own.role == Role::Owner && old.role == Role::Owner && !organizations::remove_owner(tx, organization)? {
        return Err(Code::LastOwner.into());
    }
    Ok(next)
}

/// The new account's own membership with what the old one adds to it; nobody gains or loses a right or a day by it.
fn united(own: &Membership, old: &Membership) -> Option<Membership> {
    let rights = own.rights().union(&old.rights())?;
    let lasts = |one: &Membership, other: &Membership| {
        one.expires_at.is_none_or(|end| other.expires_at.is_some_and(|other| other <= end))
    };
    let expires_at = if rights == own.rights() && lasts(own, old) {
        own.expires_at
    } else if rights == old.rights() && lasts(old, own) || own.expires_at == old.expires_at {
        old.expires_at
    } else {
        return None;
    };
    Some(Membership {
        role: rights.role,
        products: Json(rights.products),
        billing: rights.billing,
        expires_at,
        ..own.clone()
    })
}

/// Ends the absorption once no organization has anything left to answer. Its row must be locked.
fn finish_in(tx: &mut AnyConnection, services: &Services, call: &Call, absorption: &Absorption) -> Result<()> {
    let mut states = Vec::new();
    let mut closed = Vec::new();
    for step in rows::list_steps(tx, absorption.id)? {
        let shown = shown(tx, services, absorption, step.clone(), call.now)?;
        states.push(shown.state);
        if shown.state != step.state {
            closed.push((step, shown.state));
        }
    }
    let (state, action) = match absorption.state.shown(states) {
        AbsorptionState::Done => (AbsorptionState::Done, "absorption.done"),
        AbsorptionState::Incomplete => (AbsorptionState::Incomplete, "absorption.incomplete"),
        AbsorptionState::Running | AbsorptionState::Cancelled => return Ok(()),
    };
    if !rows::end(tx, absorption.id, state, call.now)? {
        return Ok(());
    }
    for (step, state) in closed {
        let organization = step.organization_id;
        match (state, step.invitation_id) {
            // An expired invitation can't be sent again: there is nothing left that it could complete.
            (StepState::Expired, Some(_)) => {
                expiry::expire_invitation_of(tx, services, call.now, organization, &absorption.target_key)?;
            }
            (StepState::Expired | StepState::Cancelled, None) => {
                let expired = state == StepState::Expired;
                let action = if expired { "absorption.expired" } else { "absorption.cancelled" };
                audit_log::append(tx, services, call, organization, Entry::new(action, absorption.id))?;
            }
            _ => {}
        }
        rows::move_step(tx, &step, state, step.invitation_id, call.now)?;
    }
    let details = json!({ "absorption": absorption.id });
    security_log::append(tx, services, call, absorption.account_id, action, details)
}

/// Ends absorptions whose last invitations were declined, taken back or not answered in time.
pub async fn finish_due(services: &Services, now: Instant) -> Result<()> {
    let asked_after = now - services.settings.invitation_lifetime;
    let shared = services.clone();
    let list = move |conn: &mut _, page| rows::list_answered(conn, now, asked_after, page);
    let finish = move |tx: &mut _, id| {
        let Some(absorption) = rows::lock(tx, id)? else { return Ok(false) };
        finish_in(tx, &shared, &Call::system(now), &absorption)?;
        Ok(rows::lock(tx, id)?.is_none_or(|after| after.state != AbsorptionState::Running))
    };
    each_due(services, list, finish).await.map(|_| ())
}

/// Forgets absorptions that ended seven days ago.
pub async fn forget_ended(services: &Services, now: Instant) -> Result<()> {
    let list = move |conn: &mut _, page| rows::list_ended(conn, now - KEPT, page);
    let forget = move |tx: &mut _, id| {
        forget_address(tx, id)?;
        rows::delete(tx, id)?;
        Ok(true)
    };
    each_due(services, list, forget).await.map(|_| ())
}

/// Forgets the absorptions of an account that is being deleted, and what the logs say of those that name its address as
/// the new one (ACC-10).
pub(crate) fn erase_in(tx: &mut AnyConnection, account: AccountId, address_key: &str) -> Result<()> {
    for row in rows::list_of_person(tx, account, address_key)? {
        forget_address(tx, row.id)?;
        if row.account_id == account {
            rows::delete(tx, row.id)?;
        }
    }
    Ok(())
}

/// The new address, where it was asked for: if it was invited, the entry about the invitation has it too.
fn forget_address(tx: &mut AnyConnection, id: AbsorptionId) -> Result<()> {
    for step in rows::list_steps(tx, id)? {
        audit_rows::erase_personal(tx, step.organization_id, &id.to_string())?;
    }
    Ok(())
}

fn tell_done(
    tx: &mut AnyConnection,
    services: &Services,
    call: &Call,
    organization: OrganizationId,
    old: AccountId,
    new: &Account,
) -> Result<()> {
    let row = organizations::find(tx, organization)?.ok_or(Code::NotFound)?;
    let mut readers = memberships::list_owners(tx, organization)?;
    readers.retain(|owner| owner.id != new.id);
    readers.push(new.clone());
    readers.extend(accounts::find(tx, old)?);
    for reader in readers {
        Mail::new(&reader.login_id, reader.locale, Template::AbsorptionDone)
            .with("name", reader.name())
            .with("organization", row.name.clone())
            .enqueue(tx, services, call.now)?;
    }
    Ok(())
}

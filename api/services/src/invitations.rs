//! Invitations (MEM-4): sent to an address, accepted by the account whose verified login ID it is.

use manager_domain::emails::EmailAddress;
use manager_domain::ids::*;
use manager_domain::languages::Language;
use manager_domain::memberships::{InvitationState, Rights, Role};
use manager_domain::one_time_tokens::TokenPurpose;
use manager_domain::{Code, Instant};
use manager_repository::accounts::{self, Account};
use manager_repository::invitations as rows;
use manager_repository::memberships::{self, Membership};
use manager_repository::one_time_tokens::{self, OneTimeToken};
use manager_repository::{AnyConnection, Json, organizations};
use serde_json::{Value, json};

use crate::audit_log::{self, Entry};
use crate::errors::{Error, Result};
use crate::failpoints::failpoint;
use crate::mails::{Mail, Template};
use crate::memberships::{check, check_grants, move_owner_count, require_step_up, tell};
use crate::versions::fresh;
use crate::{Call, Services, absorptions, expiry, throttles, vault};

pub use rows::{Invitation, Sent};

/// An invitation to be.
#[derive(Debug, Clone)]
pub struct NewInvitation {
    pub email: EmailAddress,
    pub rights: Rights,
    /// When the access that it gives ends by itself.
    pub access_expires_at: Option<Instant>,
}

/// Invites an address. Its mail is in the language of its account, else of the organization.
///
/// # Errors
/// `forbidden`, `step_up_required` to invite an owner, `already_member`, `invitation_pending`, `too_many_requests`,
/// those of [`check`] and [`check_grants`].
pub async fn invite(
    services: &Services,
    call: &Call,
    organization: OrganizationId,
    new: NewInvitation,
) -> Result<Sent> {
    let token = vault::token("ivt")?;
    let id: InvitationId = services.id(call.now);
    let (shared, call) = (services.clone(), call.clone());
    services
        .write_as(call.clone(), move |tx, authority| {
            authority.require_over(new.rights.role)?;
            check(&new.rights, new.access_expires_at, call.now)?;
            check_grants(tx, &shared, organization, &new.rights.products, call.now)?;
            if new.rights.role == Role::Owner {
                require_step_up(&shared, &call)?;
            }
            let inviter = authority.membership.account_id;
            throttles::take_invitation(tx, &shared, call.now, inviter, new.email.key())?;
            let invited = accounts::find_by_login_key(tx, new.email.key())?;
            if let Some(account) = &invited
                && memberships::find_by_account(tx, organization, account.id, call.now)?.is_some()
            {
                return Err(Error::from(Code::AlreadyMember));
            }
            let locale = match invited {
                Some(account) => account.locale,
                None => organizations::find(tx, organization)?.ok_or(Code::NotFound)?.locale,
            };
            let row = row(&shared, &call, organization, id, &new, locale, inviter);
            insert_in(tx, &shared, &call, &row)?;
            send(tx, &shared, &call, &row, &token)?;
            rows::find(tx, organization, id)?.ok_or_else(|| Error::defect("the new invitation is gone"))
        })
        .await
}

/// Writes an invitation in the caller's transaction; its mail is the caller's to send.
///
/// # Errors
/// `invitation_pending` where the address is invited already.
pub(crate) fn insert_in(tx: &mut AnyConnection, services: &Services, call: &Call, row: &Invitation) -> Result<()> {
    expiry::expire_invitation_of(tx, services, call.now, row.organization_id, &row.email_key)?;
    if !rows::insert(tx, row)? {
        return Err(Code::InvitationPending.into());
    }
    let entry = Entry::new("invitation.sent", row.id).after(summary(row)).personal(row.email.clone());
    audit_log::append(tx, services, call, row.organization_id, entry)
}

/// `locale`: the language of its mail.
fn row(
    services: &Services,
    call: &Call,
    organization: OrganizationId,
    id: InvitationId,
    new: &NewInvitation,
    locale: Language,
    invited_by: AccountId,
) -> Invitation {
    Invitation {
        organization_id: organization,
        id,
        email: new.email.stored().to_owned(),
        email_key: new.email.key().to_owned(),
        role: new.rights.role,
        products: Json(new.rights.products.clone()),
        billing: new.rights.billing,
        access_expires_at: new.access_expires_at,
        locale,
        state: InvitationState::Pending,
        invited_by,
        replaces_account_id: None,
        created_at: call.now,
        expires_at: call.now + services.settings.invitation_lifetime,
        closed_at: None,
        version: 1,
    }
}

fn summary(row: &Invitation) -> Value {
    json!({ "role": row.role, "products": row.products.0, "billing": row.billing })
}

/// Makes `token` the one that opens the invitation; answers the link to it.
pub(crate) fn open_link(
    tx: &mut AnyConnection,
    services: &Services,
    call: &Call,
    row: &Invitation,
    token: &str,
) -> Result<String> {
    one_time_tokens::void_of_subject(tx, row.id, TokenPurpose::Invitation, call.now)?;
    one_time_tokens::insert(
        tx,
        &OneTimeToken {
            token_hash: services.vault.token_hash(token),
            purpose: TokenPurpose::Invitation,
            account_id: None,
            organization_id: Some(row.organization_id),
            subject: Some(one_time_tokens::subject(row.id)),
            details: Json(json!({})),
            created_at: call.now,
            expires_at: call.now + services.settings.invitation_lifetime,
            used_at: None,
        },
    )?;
    Ok(services.settings.link("invitation", token))
}

/// Mails an invitation with a link to it.
pub(crate) fn send(
    tx: &mut AnyConnection,
    services: &Services,
    call: &Call,
    row: &Invitation,
    token: &str,
) -> Result<()> {
    let link = open_link(tx, services, call, row, token)?;
    let organization = organizations::find(tx, row.organization_id)?.ok_or(Code::NotFound)?;
    let inviter = accounts::find(tx, row.invited_by)?.map(|account| account.name()).unwrap_or_default();
    Mail::new(&row.email, row.locale, Template::Invitation)
        .with("organization", organization.name)
        .with("inviter", inviter)
        .with("role", row.role.as_str())
        .with("days", services.settings.invitation_lifetime.num_days())
        .with("link", link)
        .enqueue(tx, services, call.now)
}

/// A page of the organization's invitations, newest first.
pub async fn list(
    services: &Services,
    organization: OrganizationId,
    before: Option<InvitationId>,
    limit: i64,
) -> Result<Vec<Sent>> {
    services.db.read(move |conn| Ok(rows::list(conn, organization, before, limit)?)).await
}

/// One of the organization's invitations.
///
/// # Errors
/// `not_found`.
pub async fn get(services: &Services, organization: OrganizationId, id: InvitationId) -> Result<Sent> {
    let found = services.db.read(move |conn| Ok::<_, Error>(rows::find(conn, organization, id)?)).await?;
    found.ok_or_else(|| Code::NotFound.into())
}

/// The pending invitations of a person's login ID.
pub async fn list_mine(
    services: &Services,
    call: &Call,
    account: AccountId,
    before: Option<InvitationId>,
    limit: i64,
) -> Result<Vec<Sent>> {
    let now = call.now;
    services
        .db
        .read(move |conn| {
            let Some(key) = accounts::find_login_key(conn, account)? else { return Ok(Vec::new()) };
            Ok(rows::list_pending_of_address(conn, &key, before, limit, now)?)
        })
        .await
}

/// Sends a pending invitation again, with a new link and a new end.
///
/// # Errors
/// `not_found`, `forbidden`, `step_up_required` for an owner's, `invitation_closed`, `too_many_requests`.
pub async fn resend(services: &Services, call: &Call, organization: OrganizationId, id: InvitationId) -> Result<Sent> {
    let token = vault::token("ivt")?;
    let (shared, call) = (services.clone(), call.clone());
    services
        .write_as(call.clone(), move |tx, authority| {
            let (row, ..) = rows::find(tx, organization, id)?.ok_or(Code::NotFound)?;
            authority.require_over(row.role)?;
            if row.role == Role::Owner {
                require_step_up(&shared, &call)?;
            }
            throttles::take_invitation(tx, &shared, call.now, authority.membership.account_id, &row.email_key)?;
            if !rows::renew(tx, organization, id, call.now + shared.settings.invitation_lifetime, call.now)? {
                return Err(Error::from(Code::InvitationClosed));
            }
            audit_log::append(tx, &shared, &call, organization, Entry::new("invitation.resent", id))?;
            send(tx, &shared, &call, &row, &token)?;
            rows::find(tx, organization, id)?.ok_or_else(|| Error::defect("the invitation is gone"))
        })
        .await
}

/// Takes a pending invitation back.
///
/// # Errors
/// `not_found`, `forbidden`, `precondition_failed` where `seen` is stale, `invitation_closed`.
pub async fn revoke(
    services: &Services,
    call: &Call,
    organization: OrganizationId,
    id: InvitationId,
    seen: Option<i64>,
) -> Result<()> {
    let (shared, call) = (services.clone(), call.clone());
    services
        .write_as(call.clone(), move |tx, authority| {
            let (row, ..) = rows::find(tx, organization, id)?.ok_or(Code::NotFound)?;
            authority.require_over(row.role)?;
            fresh(seen, row.version)?;
            close_in(tx, &shared, &call, &row, InvitationState::Revoked)
        })
        .await
}

/// Closes a pending invitation in the caller's transaction.
///
/// # Errors
/// `invitation_closed`.
pub(crate) fn close_in(
    tx: &mut AnyConnection,
    services: &Services,
    call: &Call,
    row: &Invitation,
    state: InvitationState,
) -> Result<()> {
    if !rows::close(tx, row.organization_id, row.id, state, call.now)? {
        return Err(Code::InvitationClosed.into());
    }
    one_time_tokens::void_of_subject(tx, row.id, TokenPurpose::Invitation, call.now)?;
    let action = match state {
        InvitationState::Accepted => "invitation.accepted",
        InvitationState::Declined => "invitation.declined",
        _ => "invitation.revoked",
    };
    let entry = Entry::new(action, row.id);
    // Without a session, declining takes the mailed link.
    let by_link = state == InvitationState::Declined && call.actor.is_none();
    let entry = if by_link { entry.by_link_holder() } else { entry };
    audit_log::append(tx, services, call, row.organization_id, entry)
}

/// Which invitation is meant.
#[derive(Debug, Clone)]
pub enum Which {
    /// By the mailed token.
    Token(String),
    /// By its id, among those of the person's login ID.
    Mine(InvitationId),
}

/// What a token's holder may know of the invitation.
///
/// # Errors
/// `token_lapsed` for tokens that are unknown, used or too old.
pub async fn look_up(services: &Services, call: &Call, token: &str) -> Result<Sent> {
    let (shared, now, token) = (services.clone(), call.now, token.to_owned());
    services
        .db
        .read(move |conn| {
            let row = by_token(conn, &shared, &token, now)?;
            rows::find(conn, row.organization_id, row.id)?.ok_or_else(|| Code::TokenLapsed.into())
        })
        .await
}

/// Refuses an invitation's token that couldn't be accepted with this address.
///
/// # Errors
/// `invitation_lapsed`, `invitation_not_for_you`.
pub(crate) fn check_token(
    tx: &mut AnyConnection,
    services: &Services,
    call: &Call,
    email: &EmailAddress,
    token: &str,
) -> Result<()> {
    let row = by_token(tx, services, token, call.now).map_err(|error| lapsed(error, Code::InvitationLapsed))?;
    if row.email_key == email.key() { Ok(()) } else { Err(Code::InvitationNotForYou.into()) }
}

/// Names the invitation where its token has lapsed.
fn lapsed(error: Error, code: Code) -> Error {
    match error {
        Error::Refused(refusal) if refusal.code == Code::TokenLapsed => code.into(),
        other => other,
    }
}

fn by_token(conn: &mut AnyConnection, services: &Services, token: &str, now: Instant) -> Result<Invitation> {
    let found = one_time_tokens::find(conn, &services.vault.token_hash(token), TokenPurpose::Invitation)?;
    let found = found.filter(|token| token.used_at.is_none() && token.expires_at > now).ok_or(Code::TokenLapsed)?;
    let (organization, id) = found.organization_id.zip(found.subject_as()).ok_or(Code::TokenLapsed)?;
    let sent = rows::find(conn, organization, id)?;
    Ok(sent.ok_or(Code::TokenLapsed)?.0)
}

fn which(
    tx: &mut AnyConnection,
    services: &Services,
    call: &Call,
    account: AccountId,
    which: &Which,
) -> Result<Invitation> {
    let key = accounts::find_login_key(tx, account)?.ok_or(Code::NotFound)?;
    let row = match which {
        Which::Token(token) => by_token(tx, services, token, call.now)?,
        Which::Mine(id) => rows::find_of_address(tx, &key, *id)?.ok_or(Code::NotFound)?,
    };
    if row.email_key != key {
        return Err(Code::InvitationNotForYou.into());
    }
    Ok(row)
}

/// Accepts an invitation; exactly one acceptance wins.
///
/// # Errors
/// `token_lapsed`, `not_found`, `invitation_not_for_you`, `invitation_closed`, `inviter_not_allowed`, `already_member`.
pub async fn accept(services: &Services, call: &Call, account: &Account, chosen: Which) -> Result<OrganizationId> {
    let (shared, caller, call, account) = (services.clone(), call.clone(), call.clone(), account.clone());
    let write = move |tx: &mut AnyConnection| {
        let row = which(tx, &shared, &call, account.id, &chosen)?;
        accept_in(tx, &shared, &call, &account, &row)?;
        failpoint!("invitations.before_commit");
        Ok::<_, Error>(row.organization_id)
    };
    let organization = services.write(caller, write).await?;
    failpoint!("invitations.after_commit");
    Ok(organization)
}

/// Accepts by token in the transaction that registers the account (ACC-3).
pub(crate) fn accept_by_token_in(
    tx: &mut AnyConnection,
    services: &Services,
    call: &Call,
    account: &Account,
    token: &str,
) -> Result<OrganizationId> {
    let row = which(tx, services, call, account.id, &Which::Token(token.to_owned()));
    // It was open when the registration was asked for.
    let row = row.map_err(|error| lapsed(error, Code::InvitationClosed))?;
    accept_in(tx, services, call, account, &row)?;
    Ok(row.organization_id)
}

fn accept_in(
    tx: &mut AnyConnection,
    services: &Services,
    call: &Call,
    account: &Account,
    row: &Invitation,
) -> Result<()> {
    let organization = row.organization_id;
    // Locked before the organization, as whoever cancels an absorption does.
    let absorption = row.replaces_account_id.map(|old| absorptions::lock_of(tx, old)).transpose()?;
    if !organizations::lock(tx, organization)? {
        return Err(Code::NotFound.into());
    }
    // An account that is being deleted joins nothing; an acceptance that came first is seen by the deletion.
    let account = &accounts::lock(tx, account.id)?.ok_or(Code::SessionEnded)?;
    let replaced = row.replaces_account_id.map(|old| memberships::find_by_account(tx, organization, old, call.now));
    let replaced = replaced.transpose()?.map(|replaced| replaced.ok_or(Code::InvitationClosed)).transpose()?;
    let rights = replaced.as_ref().map_or_else(|| row.rights(), Membership::rights);
    // An access that would be over already is none.
    if replaced.is_none() && row.access_expires_at.is_some_and(|end| end <= call.now) {
        return Err(Code::InvitationClosed.into());
    }
    // What the inviter may grant is judged by what they are now.
    let inviter = memberships::find_by_account(tx, organization, row.invited_by, call.now)?;
    if !inviter.is_some_and(|inviter| inviter.rights().may_grant(rights.role)) {
        return Err(Code::InviterNotAllowed.into());
    }
    close_in(tx, services, call, row, InvitationState::Accepted)?;
    match absorption.zip(replaced) {
        Some((absorption, old)) => absorptions::replace_in(tx, services, call, account, &absorption, &old),
        None => join_in(tx, services, call, account, row),
    }
}

fn join_in(
    tx: &mut AnyConnection,
    services: &Services,
    call: &Call,
    account: &Account,
    row: &Invitation,
) -> Result<()> {
    let organization = row.organization_id;
    expiry::expire_membership_of(tx, services, call.now, organization, account.id)?;
    let membership = Membership {
        organization_id: organization,
        id: services.id(call.now),
        account_id: account.id,
        role: row.role,
        products: row.products.clone(),
        billing: row.billing,
        expires_at: row.access_expires_at,
        version: 1,
        created_at: call.now,
        updated_at: call.now,
    };
    if !memberships::insert(tx, &membership)? {
        return Err(Code::AlreadyMember.into());
    }
    move_owner_count(tx, organization, Role::Member, row.role)?;
    let after = json!({ "account": account.id, "role": row.role });
    audit_log::append(tx, services, call, organization, Entry::new("membership.joined", membership.id).after(after))?;
    if row.role == Role::Owner {
        tell(tx, services, call, organization, account, Template::OwnershipGranted)?;
    }
    tell_inviter(tx, services, call, row, Template::InvitationAccepted, &account.name())
}

/// Declines an invitation.
///
/// # Errors
/// As [`accept`], but for the inviter's rights.
pub async fn decline(services: &Services, call: &Call, account: &Account, chosen: Which) -> Result<()> {
    let (shared, call, account) = (services.clone(), call.clone(), account.id);
    services
        .write(call.clone(), move |tx| {
            let row = which(tx, &shared, &call, account, &chosen)?;
            decline_in(tx, &shared, &call, &row)
        })
        .await
}

/// Declines by the mailed token alone: whoever can read the mail may say no, with or without an account.
///
/// # Errors
/// `token_lapsed`, `invitation_closed`.
pub async fn decline_by_token(services: &Services, call: &Call, token: &str) -> Result<()> {
    let (shared, call, token) = (services.clone(), call.clone(), token.to_owned());
    services
        .db
        .write(move |tx| {
            let row = by_token(tx, &shared, &token, call.now)?;
            decline_in(tx, &shared, &call, &row)
        })
        .await
}

fn decline_in(tx: &mut AnyConnection, services: &Services, call: &Call, row: &Invitation) -> Result<()> {
    organizations::lock(tx, row.organization_id)?;
    close_in(tx, services, call, row, InvitationState::Declined)?;
    tell_inviter(tx, services, call, row, Template::InvitationDeclined, "")
}

fn tell_inviter(
    tx: &mut AnyConnection,
    services: &Services,
    call: &Call,
    row: &Invitation,
    template: Template,
    member: &str,
) -> Result<()> {
    // Whoever was removed meanwhile learns nothing of the organization any more (ORG-3).
    if memberships::find_by_account(tx, row.organization_id, row.invited_by, call.now)?.is_none() {
        return Ok(());
    }
    let Some(inviter) = accounts::find(tx, row.invited_by)? else { return Ok(()) };
    let organization = organizations::find(tx, row.organization_id)?.ok_or(Code::NotFound)?;
    Mail::new(&inviter.login_id, inviter.locale, template)
        .with("name", inviter.name())
        .with("organization", organization.name)
        .with("member", member)
        .with("email", row.email.clone())
        .enqueue(tx, services, call.now)
}

//! Staff accounts and service tokens, made by the command line (STF-1, STF-2).

use chrono::Duration;
use manager_domain::emails::EmailAddress;
use manager_domain::ids::*;
use manager_domain::languages::Language;
use manager_domain::one_time_tokens::TokenPurpose;
use manager_domain::staff::{self, ServiceRole, StaffPermission, StaffRole};
use manager_domain::{Code, Instant, time_zones};
use manager_repository::accounts::Account;
use manager_repository::organizations::{self, Organization};
use manager_repository::{AnyConnection, accounts, memberships, one_time_tokens, service_tokens};
use serde_json::json;

use crate::audit_log::{self, Entry};
use crate::credentials::{RESET_PREFIX, account_token};
use crate::errors::{Error, Result};
use crate::mails::{Mail, Template};
use crate::vault::{self, Purpose};
use crate::{Call, Services, security_log};

/// How long a new staff account's link to set the password is good for.
pub(crate) const INVITATION_LIFETIME: Duration = Duration::hours(24);

/// Why staff acts on an organization, and where in the request that is said.
#[derive(Debug, Clone)]
pub struct Reason {
    pub text: String,
    pub pointer: &'static str,
}

/// The account of a call, if its staff role includes an action at this moment.
///
/// # Errors
/// `forbidden`.
pub(crate) fn require(tx: &mut AnyConnection, call: &Call, permission: StaffPermission) -> Result<AccountId> {
    let actor = call.actor.ok_or(Code::Unauthenticated)?;
    let role = accounts::find(tx, actor.account)?.and_then(|account| account.staff_role);
    if role.is_some_and(|role| role.may(permission)) { Ok(actor.account) } else { Err(Code::Forbidden.into()) }
}

/// The organization that staff acts on, with its row locked: not one they belong to, and with a reason (STF-1).
///
/// # Errors
/// `forbidden`, `not_found`, `own_organization`, faults of the reason.
pub(crate) fn act_on(
    tx: &mut AnyConnection,
    call: &Call,
    organization: OrganizationId,
    permission: StaffPermission,
    reason: &Reason,
) -> Result<Organization> {
    let account = require(tx, call, permission)?;
    organizations::lock(tx, organization)?;
    let owner = organizations::find(tx, organization)?.ok_or(Code::NotFound)?;
    let role = accounts::find(tx, account)?.and_then(|account| account.staff_role);
    let is_member = memberships::find_by_account(tx, organization, account, call.now)?.is_some();
    staff::check(role, permission, is_member, &reason.text, reason.pointer)?;
    Ok(owner)
}

/// Reads what staff asks for of an organization, which is written into its audit log as `action`.
///
/// # Errors
/// As [`act_on`], and those of `read`.
pub(crate) async fn read<T: Send + 'static>(
    services: &Services,
    call: &Call,
    (organization, permission): (OrganizationId, StaffPermission),
    reason: &Reason,
    action: &'static str,
    read: impl Fn(&mut AnyConnection, Organization) -> Result<T> + Send + 'static,
) -> Result<T> {
    let (shared, caller, reason) = (services.clone(), call.clone(), reason.clone());
    let write = move |tx: &mut AnyConnection| {
        let owner = act_on(tx, &caller, organization, permission, &reason)?;
        let entry = Entry::new(action, organization).by_support(&reason.text);
        audit_log::append(tx, &shared, &caller, organization, entry)?;
        read(tx, owner)
    };
    services.write(call.clone(), write).await
}

/// Makes a staff account, or gives an existing account the role.
///
/// A new account gets a mail with a link to set its password (a password reset that lives a day).
pub async fn create(services: &Services, email: &EmailAddress, role: StaffRole, now: Instant) -> Result<AccountId> {
    let call = Call { device: "command line".to_owned(), ..Call::system(now) };
    let (id, token) = (services.id(now), vault::token(RESET_PREFIX)?);
    let (shared, email) = (services.clone(), email.clone());
    services
        .db
        .write(move |tx| match accounts::find_by_login_key(tx, email.key())? {
            Some(account) => {
                accounts::set_staff_role(tx, account.id, Some(role), now)?;
                log(tx, &shared, &call, account.id, role)?;
                Ok(account.id)
            }
            None => {
                accounts::insert(tx, &new_account(id, &email, role, now))?;
                if !accounts::claim_address(tx, email.key(), id, now)? {
                    return Err(Error::from(Code::LoginIdTaken));
                }
                log(tx, &shared, &call, id, role)?;
                invite(tx, &shared, &email, id, role, &token, now)?;
                Ok(id)
            }
        })
        .await
}

fn log(tx: &mut AnyConnection, services: &Services, call: &Call, id: AccountId, role: StaffRole) -> Result<()> {
    security_log::append(tx, services, call, id, "account.staff_role_set", json!({ "role": role }))
}

fn invite(
    tx: &mut AnyConnection,
    services: &Services,
    email: &EmailAddress,
    id: AccountId,
    role: StaffRole,
    token: &str,
    now: Instant,
) -> Result<()> {
    let until = now + INVITATION_LIFETIME;
    one_time_tokens::insert(tx, &account_token(services, id, TokenPurpose::PasswordReset, token, now, until))?;
    Mail::new(email.stored(), Language::En, Template::StaffAccountCreated)
        .with("name", email.stored())
        .with("role", role.as_str())
        .with("hours", INVITATION_LIFETIME.num_hours())
        .with("link", services.settings.link("password-reset", token))
        .enqueue(tx, services, now)
}

fn new_account(id: AccountId, email: &EmailAddress, role: StaffRole, now: Instant) -> Account {
    Account {
        display_name: Some(email.stored().to_owned()),
        staff_role: Some(role),
        ..Account::new(id, email.stored(), Language::En, time_zones::DEFAULT, now)
    }
}

/// A token for another system; only its hash is kept.
pub async fn make_service_token(services: &Services, role: ServiceRole, now: Instant) -> Result<String> {
    let token = vault::token("mst")?;
    let id: ServiceTokenId = services.id(now);
    let hash = services.vault.mac(Purpose::ServiceTokens, token.as_bytes()).to_vec();
    services.db.write(move |tx| Ok::<_, Error>(service_tokens::insert(tx, id, role, &hash, now)?)).await?;
    Ok(token)
}

//! The recovery e-mail: set with the password, in effect once confirmed from that address (ACC-8).

use manager_domain::Code;
use manager_domain::emails::{EmailAddress, mask};
use manager_domain::ids::*;
use manager_domain::one_time_tokens::TokenPurpose;
use manager_repository::accounts::Account;
use manager_repository::one_time_tokens::{self, OneTimeToken};
use manager_repository::{AnyConnection, Json, accounts, sessions as session_rows};
use serde_json::json;

use crate::credentials::account_token;
use crate::errors::{Error, Result};
use crate::login_id_changes::login_key;
use crate::mails::{Mail, Template};
use crate::memberships::require_step_up;
use crate::{Call, Services, security_log, sessions, throttles, vault};

/// Asks for a recovery e-mail; the older one stays until the link mailed to the new one is confirmed. The login address
/// is told: whoever has it would get the account.
///
/// # Errors
/// `wrong_password`, `too_many_requests`, `recovery_email_is_login_id`.
pub async fn put(
    services: &Services,
    call: &Call,
    account: &Account,
    password: &str,
    email: &EmailAddress,
) -> Result<()> {
    sessions::confirm_password(services, call, account, password).await?;
    let session = call.actor.ok_or(Code::Unauthenticated)?.session;
    let token = vault::token("rec")?;
    let (shared, call, account, email) = (services.clone(), call.clone(), account.clone(), email.clone());
    let caller = call.clone();
    let write = move |tx: &mut AnyConnection| {
        let account = sessions::unchanged(tx, &account)?;
        refuse_login_id(&account, email.key())?;
        throttles::take(tx, &shared, call.now, throttles::MAILS_IP, &throttles::network(&call.ip))?;
        let bucket = throttles::account_and_address(account.id, email.key());
        throttles::take(tx, &shared, call.now, throttles::MAILS_ACCOUNT, &bucket)?;
        void_links(tx, &call, account.id)?;
        let lifetime = shared.settings.recovery_email_lifetime;
        let row = account_token(
            &shared,
            account.id,
            TokenPurpose::RecoveryEmailConfirm,
            &token,
            call.now,
            call.now + lifetime,
        );
        let details = Json(json!({ "email": email.stored(), "session": session }));
        one_time_tokens::insert(tx, &OneTimeToken { details, ..row })?;
        security_log::append(tx, &shared, &call, account.id, "recovery_email.requested", json!({}))?;
        Mail::new(email.stored(), account.locale, Template::RecoveryEmailConfirm)
            .with("name", account.name())
            .with("hours", lifetime.num_hours())
            .with("link", shared.settings.link("recovery-email", &token))
            .enqueue(tx, &shared, call.now)?;
        Mail::new(&account.login_id, account.locale, Template::RecoveryEmailRequested)
            .with("name", account.name())
            .with("recovery_masked", mask(email.stored()))
            .enqueue(tx, &shared, call.now)
    };
    services.write(caller, write).await
}

/// Makes the address the recovery e-mail by the link mailed to it, once; the login address is told, and so is the one
/// it replaces. The link is worth as much as the session that asked for it: it ends with that and with the password.
///
/// # Errors
/// `token_lapsed`, `recovery_email_is_login_id` where it became the login ID meanwhile.
pub async fn confirm(services: &Services, call: &Call, token: &str) -> Result<()> {
    let (shared, call, hash) = (services.clone(), call.clone(), services.vault.token_hash(token));
    let write = move |tx: &mut AnyConnection| {
        let row = one_time_tokens::find(tx, &hash, TokenPurpose::RecoveryEmailConfirm)?.ok_or(Code::TokenLapsed)?;
        let holder = row.account_id.ok_or(Code::TokenLapsed)?;
        let account = accounts::lock(tx, holder)?.ok_or(Code::TokenLapsed)?;
        if !one_time_tokens::consume(tx, &hash, call.now)? {
            return Err(Error::from(Code::TokenLapsed));
        }
        let detail = |name: &str| row.details.0.get(name).and_then(|value| value.as_str()).unwrap_or_default();
        let asked_in: SessionId = detail("session").parse().map_err(|_| Code::TokenLapsed)?;
        session_rows::find_living(tx, asked_in, call.now)?.ok_or(Code::TokenLapsed)?;
        let email = EmailAddress::parse(detail("email")).map_err(|_| Error::defect("a stored address is none"))?;
        refuse_login_id(&account, email.key())?;
        accounts::set_recovery_email(tx, account.id, Some((email.stored(), email.key())), call.now)?;
        // A reset link that went to the former address is none any more.
        one_time_tokens::void_of_account(tx, account.id, TokenPurpose::PasswordReset, call.now)?;
        security_log::append(tx, &shared, &call, account.id, "recovery_email.confirmed", json!({}))?;
        let former = account.recovery_email.clone().filter(|_| account.recovery_key.as_deref() != Some(email.key()));
        for address in former.iter().chain([&account.login_id]) {
            Mail::new(address, account.locale, Template::RecoveryEmailChanged)
                .with("name", account.name())
                .with("recovery_masked", mask(email.stored()))
                .enqueue(tx, &shared, call.now)?;
        }
        Ok(())
    };
    services.db.write(write).await
}

/// Removes the recovery e-mail, of which both addresses are told, and a pending request for another, also where there is
/// no more than that. As a DELETE has no body, a fresh login stands for the password.
///
/// # Errors
/// `step_up_required`; `not_found` where there is none.
pub async fn delete(services: &Services, call: &Call, account: &Account) -> Result<()> {
    require_step_up(services, call)?;
    let (shared, call, account) = (services.clone(), call.clone(), account.clone());
    let caller = call.clone();
    let write = move |tx: &mut AnyConnection| {
        let account = sessions::unchanged(tx, &account)?;
        let waiting = pending(tx, &call, account.id)?.is_some();
        void_links(tx, &call, account.id)?;
        let Some(former) = &account.recovery_email else {
            if !waiting {
                return Err(Error::from(Code::NotFound));
            }
            return security_log::append(tx, &shared, &call, account.id, "recovery_email.withdrawn", json!({}));
        };
        accounts::set_recovery_email(tx, account.id, None, call.now)?;
        one_time_tokens::void_of_account(tx, account.id, TokenPurpose::PasswordReset, call.now)?;
        security_log::append(tx, &shared, &call, account.id, "recovery_email.removed", json!({}))?;
        for address in [former, &account.login_id] {
            Mail::new(address, account.locale, Template::RecoveryEmailRemoved)
                .with("name", account.name())
                .enqueue(tx, &shared, call.now)?;
        }
        Ok(())
    };
    services.write(caller, write).await
}

fn refuse_login_id(account: &Account, key: &str) -> Result<()> {
    if login_key(account)? == key { Err(Code::RecoveryEmailIsLoginId.into()) } else { Ok(()) }
}

/// The masked address that waits for its confirmation.
pub fn pending(conn: &mut AnyConnection, call: &Call, account: AccountId) -> Result<Option<String>> {
    let row = one_time_tokens::find_open_of_account(conn, account, TokenPurpose::RecoveryEmailConfirm, call.now)?;
    Ok(row.and_then(|row| row.details.0.get("email").and_then(|email| email.as_str()).map(mask)))
}

/// Links that would set another recovery e-mail lose their use.
pub fn void_links(tx: &mut AnyConnection, call: &Call, account: AccountId) -> Result<()> {
    Ok(one_time_tokens::void_of_account(tx, account, TokenPurpose::RecoveryEmailConfirm, call.now)?)
}

//! Passwords of accounts: changing them, and resetting forgotten ones (ACC-6, ACC-8).

use manager_domain::emails::EmailAddress;
use manager_domain::ids::*;
use manager_domain::one_time_tokens::TokenPurpose;
use manager_domain::passwords::{self, PasswordPolicy};
use manager_domain::{Code, Instant, Refusal};
use manager_repository::accounts::Account;
use manager_repository::one_time_tokens::OneTimeToken;
use manager_repository::{AnyConnection, Json, accounts, one_time_tokens};
use serde_json::json;

use zeroize::Zeroizing;

use crate::devices::{Device, Shown};
use crate::errors::{Error, Result};
use crate::jobs::{self, Job};
use crate::mails::times::moment;
use crate::mails::{Mail, Template};
use crate::passwords::Verdict;
use crate::{Call, Services, absorptions, recovery_emails, security_log, sessions, throttles, vault};

/// What its tokens begin with.
pub const RESET_PREFIX: &str = "pwr";

/// Accounts that share a recovery address and get a link each.
const SHARED_RECOVERY: i64 = 10;

/// Refuses a password that the policy doesn't allow for this person (ACC-6).
///
/// # Errors
/// `password_refused` with the reasons at `pointer`.
pub async fn check_policy(services: &Services, account: &Account, password: &str, pointer: &'static str) -> Result<()> {
    let display_name = account.display_name.clone().unwrap_or_default();
    let known = [account.first_name.clone(), account.last_name.clone(), display_name, account.login_id.clone()];
    check_policy_for(services, known, password, pointer).await
}

/// The same for a person without an account yet; `known` is what guessing it would begin with.
///
/// # Errors
/// As [`check_policy`].
pub async fn check_policy_for(
    services: &Services,
    known: [String; 4],
    password: &str,
    pointer: &'static str,
) -> Result<()> {
    let settings = &services.settings;
    let policy = PasswordPolicy { min: settings.password_min, max: settings.password_max };
    let (password, product) = (Zeroizing::new(password.to_owned()), settings.product_name.clone());
    let check = move || {
        let [first, last, display, login] = &known;
        passwords::check(&password, &[first, last, display, login, &product], policy, pointer)
    };
    let faults = services.passwords.apart(check).await?;
    if faults.is_empty() {
        return Ok(());
    }
    Err(Refusal { faults, ..Refusal::new(Code::PasswordRefused) }.into())
}

/// Changes the signed-in person's password; every other session ends, open reset links lose their use, and the person
/// is told by mail (ACC-6). Answers a token by which this device is known from now on: those given for the former
/// password are worth nothing any more.
///
/// # Errors
/// `wrong_password`, `too_many_requests`, `password_unchanged`, `password_refused`.
pub async fn change_password(
    services: &Services,
    call: &Call,
    account: &Account,
    session: SessionId,
    current: &str,
    new: &str,
) -> Result<String> {
    sessions::confirm_password(services, call, account, current).await?;
    if services.passwords.verify(new, account.password_hash.as_deref()).await? != Verdict::Wrong {
        return Err(Code::PasswordUnchanged.into());
    }
    check_policy(services, account, new, "/new_password").await?;
    let hash = services.passwords.hash(new).await?;
    let (shared, call, account) = (services.clone(), call.clone(), account.clone());
    let caller = call.clone();
    let write = move |tx: &mut AnyConnection| {
        absorptions::cancel_in(tx, &shared, &call, account.id)?;
        let current = sessions::unchanged(tx, &account)?;
        let password_version = renew_in(tx, &shared, &call, &current, Some(session), &hash)?;
        security_log::append(tx, &shared, &call, current.id, "password.changed", json!({}))?;
        tell_changed(tx, &shared, &call, &current)?;
        Ok::<_, Error>(Device { account: current.id, id: session, password_version })
    };
    let device: Device = services.write(caller, write).await?;
    Ok(device.token(services))
}

/// Sets a password and ends what the old one had let in: sessions but `spare`, login ID changes they asked for, reset
/// links, and a recovery e-mail that waits for its confirmation. The account's row must be locked, and a running
/// absorption cancelled before that. Answers the version of the new password.
pub(crate) fn renew_in(
    tx: &mut AnyConnection,
    services: &Services,
    call: &Call,
    account: &Account,
    spare: Option<SessionId>,
    hash: &str,
) -> Result<i32> {
    if !accounts::set_password(tx, account.id, account.password_version, hash, true, call.now)? {
        return Err(Error::Conflict);
    }
    sessions::end_all_in(tx, account.id, spare, call.now)?;
    one_time_tokens::void_of_account(tx, account.id, TokenPurpose::PasswordReset, call.now)?;
    recovery_emails::void_links(tx, call, account.id)?;
    if let Some(session) = spare {
        throttles::reset(tx, services, throttles::CONFIRMATIONS, &session.to_string())?;
    }
    Ok(account.password_version + 1)
}

/// Asks for reset links to an address. For every address the same is written, a job for it; whether somebody has the
/// address is looked up only when the job is done, so that neither answer nor work tells. A device that logged in
/// before isn't slowed down by strangers, but gets mails for its own account only.
///
/// # Errors
/// `too_many_requests` for the address, known or not, or the caller's network address.
pub async fn request_reset(
    services: &Services,
    call: &Call,
    email: &EmailAddress,
    device_token: Option<&str>,
) -> Result<()> {
    let shown = device_token.and_then(Shown::read);
    let (shared, call, key) = (services.clone(), call.clone(), email.key().to_owned());
    let write = move |tx: &mut AnyConnection| {
        let (now, ip, device) = (call.now, call.ip.clone(), call.device.clone());
        let holder = shown.map(|shown| accounts::find(tx, shown.account)).transpose()?.flatten();
        let known = holder.zip(shown).and_then(|(holder, shown)| shown.proved(&shared, &holder));
        match &known {
            Some(known) => throttles::take(tx, &shared, now, throttles::MAILS_RESET_DEVICE, &known.key())?,
            None => {
                throttles::take(tx, &shared, now, throttles::MAILS_IP, &throttles::network(&ip))?;
                throttles::take(tx, &shared, now, throttles::MAILS_RESET, &key)?;
            }
        }
        let only = known.map(|known| known.account);
        let job = Job::PasswordReset { email_key: key.clone(), only, ip, device };
        jobs::enqueue(tx, &shared, call.now, call.now, &job)?;
        Ok::<_, Error>(())
    };
    services.db.write(write).await
}

/// Mails a reset link for every account whose login ID or recovery address this is, to that stored address; where one
/// is named, for that account only.
pub async fn mail_resets(services: &Services, call: &Call, email_key: &str, only: Option<AccountId>) -> Result<()> {
    let key = email_key.to_owned();
    let found = services.db.read(move |conn| Ok::<_, Error>(accounts::list_by_reset_key(conn, &key, SHARED_RECOVERY)?));
    for account in found.await?.into_iter().filter(|account| only.is_none_or(|only| only == account.id)) {
        let token = vault::token(RESET_PREFIX)?;
        let (shared, call, key, id) = (services.clone(), call.clone(), email_key.to_owned(), account.id);
        let write = move |tx: &mut AnyConnection| {
            let Some(account) = accounts::lock(tx, id)? else { return Ok(()) };
            let to = match &account.recovery_email {
                Some(stored) if account.recovery_key.as_ref() == Some(&key) => stored.clone(),
                _ => account.login_id.clone(),
            };
            mail_reset(tx, &shared, &call, &account, &to, &token)
        };
        services.db.write(write).await?;
    }
    Ok(())
}

fn mail_reset(
    tx: &mut AnyConnection,
    services: &Services,
    call: &Call,
    account: &Account,
    to: &str,
    token: &str,
) -> Result<()> {
    let lifetime = services.settings.password_reset_lifetime;
    one_time_tokens::insert(
        tx,
        &account_token(services, account.id, TokenPurpose::PasswordReset, token, call.now, call.now + lifetime),
    )?;
    security_log::append(tx, services, call, account.id, "password_reset.requested", json!({}))?;
    Mail::new(to, account.locale, Template::PasswordReset)
        .with("name", account.name())
        .with("minutes", lifetime.num_minutes())
        .with("link", services.settings.link("password-reset", token))
        .enqueue(tx, services, call.now)
}

/// Sets a new password by a mailed link, once; every session, pending login ID change and other reset link ends.
/// Answers a token by which the device is known from now on, so that strangers who guess at the address don't keep its
/// holder from logging in.
///
/// # Errors
/// `token_lapsed`, `password_refused`.
pub async fn confirm_reset(services: &Services, call: &Call, token: &str, password: &str) -> Result<String> {
    let hash = services.vault.token_hash(token);
    let (look_up, now) = (hash.clone(), call.now);
    let find = move |conn: &mut AnyConnection| {
        let row = one_time_tokens::find(conn, &look_up, TokenPurpose::PasswordReset)?;
        let open = row.filter(|row| row.used_at.is_none() && row.expires_at > now).and_then(|row| row.account_id);
        Ok::<_, Error>(open.map(|id| accounts::find(conn, id)).transpose()?.flatten())
    };
    let account = services.db.read(find).await?.ok_or(Code::TokenLapsed)?;
    check_policy(services, &account, password, "/password").await?;
    let password_hash = services.passwords.hash(password).await?;
    let device: SessionId = services.id(now);
    let (shared, call) = (services.clone(), call.clone());
    let write = move |tx: &mut AnyConnection| {
        absorptions::cancel_in(tx, &shared, &call, account.id)?;
        let account = accounts::lock(tx, account.id)?.ok_or(Code::TokenLapsed)?;
        if !one_time_tokens::consume(tx, &hash, call.now)? {
            return Err(Error::from(Code::TokenLapsed));
        }
        let password_version = renew_in(tx, &shared, &call, &account, None, &password_hash)?;
        if let Ok(address) = EmailAddress::parse(&account.login_id) {
            throttles::reset(tx, &shared, throttles::LOGIN_ADDRESS, address.key())?;
        }
        security_log::append(tx, &shared, &call, account.id, "password_reset.confirmed", json!({}))?;
        tell_changed(tx, &shared, &call, &account)?;
        Ok(Device { account: account.id, id: device, password_version })
    };
    let device: Device = services.db.write(write).await?;
    Ok(device.token(services))
}

fn tell_changed(tx: &mut AnyConnection, services: &Services, call: &Call, account: &Account) -> Result<()> {
    Mail::new(&account.login_id, account.locale, Template::PasswordChanged)
        .with("name", account.name())
        .with("at", moment(call.now, &account.time_zone, account.locale))
        .with("device", call.device.clone())
        .enqueue(tx, services, call.now)
}

/// The row of a secret that is mailed to the holder of an account.
pub fn account_token(
    services: &Services,
    account: AccountId,
    purpose: TokenPurpose,
    token: &str,
    now: Instant,
    expires_at: Instant,
) -> OneTimeToken {
    OneTimeToken {
        token_hash: services.vault.token_hash(token),
        purpose,
        account_id: Some(account),
        organization_id: None,
        subject: None,
        details: Json(json!({})),
        created_at: now,
        expires_at,
        used_at: None,
    }
}

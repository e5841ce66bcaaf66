//! Changing the login ID: asked for with the password, confirmed from the new address, undone from the old (ACC-5).

use manager_domain::Code;
use manager_domain::emails::{EmailAddress, mask};
use manager_domain::ids::*;
use manager_domain::one_time_tokens::TokenPurpose;
use manager_repository::accounts::Account;
use manager_repository::one_time_tokens::{self, OneTimeToken, subject};
use manager_repository::{AnyConnection, accounts, login_id_changes as rows, sessions as session_rows};
use serde_json::json;

use crate::credentials::{account_token, check_policy, renew_in};
use crate::devices::Device;
use crate::errors::{Error, Result};
use crate::mails::{Mail, Template};
use crate::passwords::Verdict;
use crate::{Call, Services, absorptions, security_log, sessions, throttles, vault};

pub use rows::LoginIdChange;

/// Asks for a new login ID. It takes effect once the link mailed to it is confirmed; an earlier request is superseded,
/// and the present address gets a link to cancel.
///
/// # Errors
/// `wrong_password`, `too_many_requests`, `login_id_unchanged`, `login_id_is_recovery_email`, `login_id_taken`.
pub async fn request(
    services: &Services,
    call: &Call,
    account: &Account,
    session: SessionId,
    password: &str,
    new: &EmailAddress,
) -> Result<LoginIdChange> {
    sessions::confirm_password(services, call, account, password).await?;
    take_attempt(services, call, account.id).await?;
    let (confirm, cancel) = (vault::token("lic")?, vault::token("lix")?);
    let (shared, call, account, new) = (services.clone(), call.clone(), account.clone(), new.clone());
    let caller = call.clone();
    let write = move |tx: &mut AnyConnection| {
        let account = sessions::unchanged(tx, &account)?;
        let change = plan(&shared, &call, &account, session, &new)?;
        if accounts::address_is_taken(tx, new.key(), Some(account.id), call.now)? {
            return Err(Error::from(Code::LoginIdTaken));
        }
        let bucket = throttles::account_and_address(account.id, new.key());
        throttles::take(tx, &shared, call.now, throttles::MAILS_ACCOUNT, &bucket)?;
        void_links(tx, &call, account.id)?;
        rows::close_pending(tx, account.id, "superseded")?;
        rows::insert(tx, &change)?;
        let details = json!({ "change": change.id });
        security_log::append(tx, &shared, &call, account.id, "login_id_change.requested", details)?;
        mail_request(tx, &shared, &call, &account, &change, (&confirm, &cancel))?;
        Ok(change)
    };
    services.write(caller, write).await
}

/// Counted in a transaction of its own, so that refused requests count too.
async fn take_attempt(services: &Services, call: &Call, account: AccountId) -> Result<()> {
    let (shared, now, key) = (services.clone(), call.now, account.to_string());
    let take = move |tx: &mut AnyConnection| throttles::take(tx, &shared, now, throttles::LOGIN_ID_CHANGES, &key);
    services.db.write(take).await
}

fn plan(
    services: &Services,
    call: &Call,
    account: &Account,
    session: SessionId,
    new: &EmailAddress,
) -> Result<LoginIdChange> {
    let old_login_key = login_key(account)?;
    if new.key() == old_login_key {
        return Err(Code::LoginIdUnchanged.into());
    }
    if account.recovery_key.as_deref() == Some(new.key()) {
        return Err(Code::LoginIdIsRecoveryEmail.into());
    }
    Ok(LoginIdChange {
        id: services.id(call.now),
        account_id: account.id,
        session_id: session,
        state: "pending".to_owned(),
        old_login_id: account.login_id.clone(),
        old_login_key,
        new_login_id: new.stored().to_owned(),
        new_login_key: new.key().to_owned(),
        old_password_hash: account.password_hash.clone().ok_or(Code::WrongPassword)?,
        old_recovery_email: account.recovery_email.clone(),
        old_recovery_key: account.recovery_key.clone(),
        created_at: call.now,
        expires_at: call.now + services.settings.login_id_change_lifetime,
        confirmed_at: None,
        undo_until: None,
    })
}

fn mail_request(
    tx: &mut AnyConnection,
    services: &Services,
    call: &Call,
    account: &Account,
    change: &LoginIdChange,
    (confirm, cancel): (&str, &str),
) -> Result<()> {
    let settings = &services.settings;
    for (purpose, token) in [(TokenPurpose::LoginIdConfirm, confirm), (TokenPurpose::LoginIdCancel, cancel)] {
        let row = account_token(services, account.id, purpose, token, call.now, change.expires_at);
        one_time_tokens::insert(tx, &OneTimeToken { subject: Some(subject(change.id)), ..row })?;
    }
    Mail::new(&change.new_login_id, account.locale, Template::LoginIdChangeConfirm)
        .with("name", account.name())
        .with("new_login_id", change.new_login_id.clone())
        .with("minutes", settings.login_id_change_lifetime.num_minutes())
        .with("link", settings.link("login-id-change", confirm))
        .enqueue(tx, services, call.now)?;
    Mail::new(&change.old_login_id, account.locale, Template::LoginIdChangeRequested)
        .with("name", account.name())
        .with("new_login_masked", mask(&change.new_login_id))
        .with("link", settings.link("login-id-cancel", cancel))
        .enqueue(tx, services, call.now)
}

/// The person's pending change.
///
/// # Errors
/// `not_found` where there is none.
pub async fn get(services: &Services, account: AccountId, call: &Call) -> Result<LoginIdChange> {
    let now = call.now;
    let pending = move |conn: &mut AnyConnection| Ok::<_, Error>(rows::find_pending(conn, account, now)?);
    services.db.read(pending).await?.ok_or_else(|| Code::NotFound.into())
}

/// Calls off the signed-in person's pending change.
///
/// # Errors
/// `not_found` where there is none.
pub async fn cancel(services: &Services, call: &Call, account: AccountId) -> Result<()> {
    let (shared, call) = (services.clone(), call.clone());
    services.write(call.clone(), move |tx| cancel_in(tx, &shared, &call, account, None, Code::NotFound)).await
}

/// Calls off a pending change by the link that the old address got.
///
/// # Errors
/// `token_lapsed`.
pub async fn cancel_by_token(services: &Services, call: &Call, token: &str) -> Result<()> {
    let (shared, call, hash) = (services.clone(), call.clone(), services.vault.token_hash(token));
    let write = move |tx: &mut AnyConnection| {
        let (account, change) = find_by_token(tx, &hash, TokenPurpose::LoginIdCancel)?;
        accounts::lock(tx, account)?.ok_or(Code::TokenLapsed)?;
        if !one_time_tokens::consume(tx, &hash, call.now)? {
            return Err(Error::from(Code::TokenLapsed));
        }
        cancel_in(tx, &shared, &call, account, Some(change), Code::TokenLapsed)
    };
    services.db.write(write).await
}

fn cancel_in(
    tx: &mut AnyConnection,
    services: &Services,
    call: &Call,
    account: AccountId,
    only: Option<LoginIdChangeId>,
    refusal: Code,
) -> Result<()> {
    let pending = rows::find_pending(tx, account, call.now)?;
    let Some(change) = pending.filter(|change| only.is_none_or(|id| id == change.id)) else {
        return Err(refusal.into());
    };
    if !rows::close_pending(tx, account, "cancelled")? {
        return Err(refusal.into());
    }
    void_links(tx, call, account)?;
    security_log::append(tx, services, call, account, "login_id_change.cancelled", json!({ "change": change.id }))
}

/// Makes the new address the login ID, by the link mailed to it, in a session of that account. The unique key of
/// addresses decides between accounts that want the same one; sessions go on, and the old address is kept for undo.
///
/// # Errors
/// `token_lapsed`, also for another account's link; `login_id_taken`, `login_id_is_recovery_email`.
pub async fn confirm(services: &Services, call: &Call, account: AccountId, token: &str) -> Result<()> {
    let (shared, call, hash) = (services.clone(), call.clone(), services.vault.token_hash(token));
    let undo = vault::token("liu")?;
    let caller = call.clone();
    let write = move |tx: &mut AnyConnection| {
        let (holder, id) = find_by_token(tx, &hash, TokenPurpose::LoginIdConfirm)?;
        if holder != account {
            return Err(Error::from(Code::TokenLapsed));
        }
        let account = accounts::lock(tx, account)?.ok_or(Code::TokenLapsed)?;
        let until = call.now + shared.settings.login_id_undo;
        let change = rows::find(tx, id)?.ok_or(Code::TokenLapsed)?;
        // However the session that asked came to its end, the change goes with it.
        session_rows::find_living(tx, change.session_id, call.now)?.ok_or(Code::TokenLapsed)?;
        if !one_time_tokens::consume(tx, &hash, call.now)? || !rows::confirm(tx, id, call.now, until)? {
            return Err(Code::TokenLapsed.into());
        }
        if account.recovery_key.as_ref() == Some(&change.new_login_key) {
            return Err(Code::LoginIdIsRecoveryEmail.into());
        }
        if !accounts::claim_address(tx, &change.new_login_key, account.id, call.now)? {
            return Err(Code::LoginIdTaken.into());
        }
        accounts::reserve_address(tx, &change.old_login_key, account.id, until)?;
        accounts::set_login_id(tx, account.id, &change.new_login_id, call.now)?;
        void_links(tx, &call, account.id)?;
        // A reset link that went to the old address is none any more.
        one_time_tokens::void_of_account(tx, account.id, TokenPurpose::PasswordReset, call.now)?;
        let row = account_token(&shared, account.id, TokenPurpose::LoginIdUndo, &undo, call.now, until);
        one_time_tokens::insert(tx, &OneTimeToken { subject: Some(subject(id)), ..row })?;
        security_log::append(tx, &shared, &call, account.id, "login_id_change.confirmed", json!({ "change": id }))?;
        Mail::new(&change.old_login_id, account.locale, Template::LoginIdChanged)
            .with("name", account.name())
            .with("new_login_masked", mask(&change.new_login_id))
            .with("days", shared.settings.login_id_undo.num_days())
            .with("link", shared.settings.link("login-id-undo", &undo))
            .enqueue(tx, &shared, call.now)
    };
    services.write(caller, write).await
}

/// Undoes a change and every later one of login ID and recovery e-mail, with the password that was valid when the
/// change was asked for; sets a new password and ends every session. Answers a token by which the device is known from
/// now on.
///
/// # Errors
/// `token_lapsed`, `wrong_password`, `too_many_requests`, `password_refused`, `password_unchanged`.
pub async fn undo(
    services: &Services,
    call: &Call,
    token: &str,
    old_password: &str,
    new_password: &str,
) -> Result<String> {
    let hash = services.vault.token_hash(token);
    let (account, change) = look_up_undo(services, call, hash.clone()).await?;
    let as_it_was = change.old_password_hash.as_str();
    // The link can't be guessed, so its tries are its holder's own: whoever took the account over can't use them up.
    let bucket = (throttles::UNDO, change.id.to_string());
    sessions::prove_password(services, call, bucket, Some(as_it_was), old_password).await?;
    for stored in [Some(as_it_was), account.password_hash.as_deref()] {
        if services.passwords.verify(new_password, stored).await? != Verdict::Wrong {
            return Err(Code::PasswordUnchanged.into());
        }
    }
    let device: SessionId = services.id(call.now);
    let named = Account { login_id: change.old_login_id.clone(), ..account };
    check_policy(services, &named, new_password, "/new_password").await?;
    let password_hash = services.passwords.hash(new_password).await?;
    let (shared, call) = (services.clone(), call.clone());
    let write = move |tx: &mut AnyConnection| {
        absorptions::cancel_in(tx, &shared, &call, change.account_id)?;
        let account = accounts::lock(tx, change.account_id)?.ok_or(Code::TokenLapsed)?;
        if !one_time_tokens::consume(tx, &hash, call.now)? {
            return Err(Error::from(Code::TokenLapsed));
        }
        let password_version = renew_in(tx, &shared, &call, &account, None, &password_hash)?;
        revert(tx, &call, &account, &change)?;
        void_links(tx, &call, account.id)?;
        security_log::append(tx, &shared, &call, account.id, "login_id_change.undone", json!({ "change": change.id }))?;
        for address in [&change.old_login_id, &account.login_id] {
            Mail::new(address, account.locale, Template::LoginIdChangeUndone)
                .with("name", account.name())
                .with("login_id", change.old_login_id.clone())
                .enqueue(tx, &shared, call.now)?;
        }
        Ok::<_, Error>(Device { account: account.id, id: device, password_version })
    };
    let device = services.db.write(write).await?;
    Ok(device.token(services))
}

async fn look_up_undo(services: &Services, call: &Call, hash: Vec<u8>) -> Result<(Account, LoginIdChange)> {
    let now = call.now;
    let find = move |conn: &mut AnyConnection| {
        let row = one_time_tokens::find(conn, &hash, TokenPurpose::LoginIdUndo)?;
        let open = row.filter(|row| row.used_at.is_none() && row.expires_at > now);
        let id = open.and_then(|row| row.subject_as()).ok_or(Code::TokenLapsed)?;
        let change = rows::find(conn, id)?.filter(|change| change.state == "confirmed").ok_or(Code::TokenLapsed)?;
        let account = accounts::find(conn, change.account_id)?.ok_or(Code::TokenLapsed)?;
        Ok::<_, Error>((account, change))
    };
    services.db.read(find).await
}

/// Back to the state before `change`: later addresses are given up, but for those that an earlier change keeps.
fn revert(tx: &mut AnyConnection, call: &Call, account: &Account, change: &LoginIdChange) -> Result<()> {
    let undone = rows::list_confirmed_since(tx, account.id, change.id)?;
    if undone.first().is_none_or(|first| first.id != change.id) {
        return Err(Code::TokenLapsed.into());
    }
    rows::mark_undone(tx, account.id, change.id)?;
    for later in &undone {
        one_time_tokens::void_of_subject(tx, later.id, TokenPurpose::LoginIdUndo, call.now)?;
        if later.new_login_key == change.old_login_key {
            continue;
        }
        match rows::reserved_until(tx, account.id, &later.new_login_key, change.id, call.now)? {
            Some(until) => accounts::reserve_address(tx, &later.new_login_key, account.id, until)?,
            None => accounts::release_address(tx, &later.new_login_key, account.id)?,
        }
    }
    if !accounts::claim_address(tx, &change.old_login_key, account.id, call.now)? {
        return Err(Code::LoginIdTaken.into());
    }
    accounts::set_login_id(tx, account.id, &change.old_login_id, call.now)?;
    let recovery = change.old_recovery_email.as_deref().zip(change.old_recovery_key.as_deref());
    Ok(accounts::set_recovery_email(tx, account.id, recovery, call.now)?)
}

fn find_by_token(tx: &mut AnyConnection, hash: &[u8], purpose: TokenPurpose) -> Result<(AccountId, LoginIdChangeId)> {
    let row = one_time_tokens::find(tx, hash, purpose)?.ok_or(Code::TokenLapsed)?;
    row.account_id.zip(row.subject_as()).ok_or_else(|| Code::TokenLapsed.into())
}

/// Confirm and cancel links lose their use once the change they are about isn't pending.
fn void_links(tx: &mut AnyConnection, call: &Call, account: AccountId) -> Result<()> {
    one_time_tokens::void_of_account(tx, account, TokenPurpose::LoginIdConfirm, call.now)?;
    Ok(one_time_tokens::void_of_account(tx, account, TokenPurpose::LoginIdCancel, call.now)?)
}

/// The comparison key of the address an account logs in with.
pub fn login_key(account: &Account) -> Result<String> {
    let address =
        EmailAddress::parse(&account.login_id).map_err(|_| Error::defect("a stored login ID is no address"))?;
    Ok(address.key().to_owned())
}

//! Sessions: login, refresh, logout, and what a person sees of them (ACC-9).

use manager_domain::ids::*;
use manager_domain::languages::Language;
use manager_domain::{Code, Instant};
use manager_repository::accounts::Account;
use manager_repository::{AnyConnection, accounts, sessions as rows};
use serde_json::json;

use crate::devices::{Device, Shown};
use crate::errors::{Error, Result};
use crate::mails::times::moment;
use crate::mails::{Mail, Template};
use crate::passwords::Verdict;
use crate::vault::{self, Purpose};
use crate::{Call, Services, security_log, signing_keys, throttles};

pub use rows::Session;

/// For so long the successor of a rotated refresh token is kept for a client that lost the answer.
const LOST_ANSWER: chrono::Duration = chrono::Duration::seconds(30);

/// A session in use is noted as such at most so often.
const TOUCHED: chrono::Duration = chrono::Duration::minutes(10);

/// How a client keeps its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Tokens in the body: apps and integrations.
    Bearer,
    /// A cookie only: browsers.
    Cookie,
}

impl Mode {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "bearer",
            Self::Cookie => "cookie",
        }
    }
}

/// What a client gets when it is let in.
#[derive(Debug, Clone)]
pub struct Grant {
    pub account: AccountId,
    pub session: SessionId,
    pub mode: Mode,
    pub access_token: String,
    /// Seconds the access token lives.
    pub expires_in: i64,
    /// The refresh token, or the value of the session cookie.
    pub secret: String,
    /// Seconds the session lives when it isn't used.
    pub session_expires_in: i64,
    /// To be sent as `X-CSRF-Token` with unsafe requests by cookie.
    pub csrf_token: String,
    /// Recognises this device at a later login, so that strangers can't lock it out.
    pub device_token: String,
    /// The account's language.
    pub locale: Language,
}

/// What a login asks.
#[derive(Debug, Clone)]
pub struct Login {
    /// The comparison key of the address; an address that isn't one has none and is refused alike.
    pub login_key: String,
    pub password: String,
    pub mode: Mode,
    pub device_token: Option<String>,
}

/// A session's secret before its row is written.
pub struct Secret {
    pub id: SessionId,
    pub mode: Mode,
    pub token: String,
}

impl Secret {
    pub fn new(services: &Services, call: &Call, mode: Mode) -> Result<Self> {
        Ok(Self { id: services.id(call.now), mode, token: vault::token("mrt")? })
    }
}

/// Opens a session in the caller's transaction.
pub(crate) fn open(
    tx: &mut AnyConnection,
    services: &Services,
    call: &Call,
    account: &Account,
    secret: &Secret,
) -> Result<()> {
    let (account, locale) = (account.id, account.locale);
    rows::insert(
        tx,
        &Session {
            id: secret.id,
            account_id: account,
            mode: secret.mode.as_str().to_owned(),
            secret_hash: hash(services, &secret.token),
            previous_hash: None,
            successor: None,
            successor_until: None,
            device: call.device.clone(),
            ip: call.ip.clone(),
            created_at: call.now,
            authenticated_at: call.now,
            last_used_at: call.now,
            expires_at: call.now + services.settings.session_lifetime,
            ended_at: None,
            locale,
        },
    )?;
    let details = json!({ "session": secret.id, "mode": secret.mode.as_str() });
    security_log::append(tx, services, call, account, "session.opened", details)
}

/// What the client gets for a session that was opened or refreshed from this device.
pub async fn grant(
    services: &Services,
    call: &Call,
    device: Device,
    locale: Language,
    secret: Secret,
) -> Result<Grant> {
    let account = device.account;
    let (access_token, expires_in) = signing_keys::sign(services, account, secret.id, call.now).await?;
    Ok(Grant {
        account,
        session: secret.id,
        mode: secret.mode,
        access_token,
        expires_in,
        secret: secret.token,
        session_expires_in: services.settings.session_lifetime.num_seconds(),
        csrf_token: csrf_token(services, secret.id),
        device_token: device.token(services),
        locale,
    })
}

/// Logs in with login ID and password.
///
/// # Errors
/// `invalid_credentials` after the same work for known and unknown addresses; `too_many_requests`.
pub async fn login(services: &Services, call: &Call, login: Login) -> Result<Grant> {
    let shown = login.device_token.as_deref().and_then(Shown::read);
    let (shared, now, key, ip) = (services.clone(), call.now, login.login_key.clone(), call.ip.clone());
    // Taken before the password is looked at: guesses that come together are as many as those that come in turn.
    let begin = move |tx: &mut AnyConnection| -> Result<_> {
        let account = accounts::find_by_login_key(tx, &key)?;
        let device = account.as_ref().zip(shown).and_then(|(account, shown)| shown.proved(&shared, account));
        let tries = Tries::of(&shared, device, key.clone(), &ip);
        tries.take(tx, &shared, now)?;
        Ok((account, device, tries))
    };
    let (account, device, tries) = services.db.write(begin).await?;
    let stored = account.as_ref().and_then(|account| account.password_hash.as_deref());
    let verdict = match services.passwords.verify(&login.password, stored).await {
        Ok(verdict) => verdict,
        Err(busy) => {
            tries.end(services, now, Ended::Unjudged).await?;
            return Err(busy);
        }
    };
    let Some(account) = account.filter(|_| verdict != Verdict::Wrong) else {
        tries.end(services, now, Ended::Wrong).await?;
        return Err(Code::InvalidCredentials.into());
    };
    let mut grant = match let_in(services, call, &account, &tries, &login, verdict).await {
        // The right password, and it is our fault that it didn't open: no try.
        Err(error) if !matches!(error, Error::Refused(_)) => {
            tries.end(services, now, Ended::Unjudged).await?;
            return Err(error);
        }
        entered => entered?,
    };
    // A known device goes on being the one it is.
    if let Some(device) = device {
        grant.device_token = device.token(services);
    }
    Ok(grant)
}

/// Where one login counts, the narrowest bucket first.
#[derive(Clone)]
struct Tries {
    taken: Vec<(throttles::Limit, String)>,
    /// Looked at before and written by wrong passwords alone, for all logins share it.
    everybody: Option<throttles::Limit>,
}

/// How a login's password check ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    Wrong,
    /// Nobody had time to look.
    Unjudged,
}

impl Tries {
    /// A device that logged in before has a bucket of its own and no other: what strangers do doesn't touch it.
    fn of(services: &Services, device: Option<Device>, login_key: String, ip: &str) -> Self {
        match device {
            Some(device) => Self { taken: vec![(throttles::LOGIN_DEVICE, device.key())], everybody: None },
            None => Self {
                taken: vec![(throttles::LOGIN_ADDRESS, login_key), (throttles::LOGIN_IP, throttles::network(ip))],
                everybody: Some(throttles::login_global(services)),
            },
        }
    }

    fn take(&self, tx: &mut AnyConnection, services: &Services, now: Instant) -> Result<()> {
        if let Some(everybody) = self.everybody {
            throttles::check(tx, services, now, everybody, "")?;
        }
        self.taken.iter().try_for_each(|(limit, key)| throttles::take(tx, services, now, *limit, key))
    }

    /// A right password: the address or device begins anew, the network gets its try back.
    fn forget(&self, tx: &mut AnyConnection, services: &Services) -> Result<()> {
        for (place, (limit, key)) in self.taken.iter().enumerate() {
            match place {
                0 => throttles::reset(tx, services, *limit, key)?,
                _ => throttles::give_back(tx, services, *limit, key)?,
            }
        }
        Ok(())
    }

    async fn end(&self, services: &Services, now: Instant, ended: Ended) -> Result<()> {
        let (tries, shared) = (self.clone(), services.clone());
        let write = move |tx: &mut AnyConnection| match (ended, tries.everybody) {
            (Ended::Wrong, Some(everybody)) => throttles::take(tx, &shared, now, everybody, ""),
            (Ended::Wrong, None) => Ok(()),
            (Ended::Unjudged, _) => {
                let mut taken = tries.taken.iter();
                taken.try_for_each(|(limit, key)| throttles::give_back(tx, &shared, *limit, key))
            }
        };
        services.db.write(write).await
    }
}

/// Opens a session for a password that was right, kept by today's parameters from then on.
async fn let_in(
    services: &Services,
    call: &Call,
    account: &Account,
    tries: &Tries,
    login: &Login,
    verdict: Verdict,
) -> Result<Grant> {
    let rehash = match verdict {
        Verdict::RightButOld => Some(services.passwords.hash(&login.password).await?),
        Verdict::Right | Verdict::Wrong => None,
    };
    enter(services, call, account, tries.clone(), rehash, login.mode).await
}

async fn enter(
    services: &Services,
    call: &Call,
    account: &Account,
    tries: Tries,
    rehash: Option<String>,
    mode: Mode,
) -> Result<Grant> {
    let secret = Secret::new(services, call, mode)?;
    let id = account.id;
    let version = account.password_version;
    let (shared, call_, opened) = (services.clone(), call.clone(), Secret { token: secret.token.clone(), ..secret });
    services
        .db
        .write(move |tx| {
            // The password was checked outside: it must still be this one.
            let current = accounts::lock(tx, id)?.ok_or(Code::InvalidCredentials)?;
            if current.password_version != version {
                return Err(Error::from(Code::InvalidCredentials));
            }
            if let Some(hash) = &rehash {
                accounts::set_password(tx, id, version, hash, false, call_.now)?;
            }
            tries.forget(tx, &shared)?;
            open(tx, &shared, &call_, &current, &opened)
        })
        .await?;
    let device = Device::of(account, secret.id);
    grant(services, call, device, account.locale, Secret { token: secret.token, ..secret }).await
}

/// A session that goes on.
#[derive(Clone, Copy)]
struct Living {
    device: Device,
    mode: Mode,
    locale: Language,
}

/// What became of a refresh token.
enum Refreshed {
    Rotated(Living),
    /// The answer was lost: the successor that was handed out already.
    Again(Living, String),
    Unknown,
    /// It is over, or is now, for the token was used before: somebody has a copy.
    Ended,
}

/// Rotates the refresh token.
///
/// The immediately previous token gets the same successor again for 30 seconds; any other token that was used before
/// ends the session.
///
/// # Errors
/// `invalid_token`, `session_ended`.
pub async fn refresh(services: &Services, call: &Call, token: &str) -> Result<Grant> {
    let successor = vault::token("mrt")?;
    let (shared, call_, token, next) = (services.clone(), call.clone(), token.to_owned(), successor.clone());
    let refreshed = services.db.write(move |tx| rotate(tx, &shared, &call_, &token, &next)).await?;
    let (Living { device, mode, locale }, token) = match refreshed {
        Refreshed::Rotated(living) => (living, successor),
        Refreshed::Again(living, token) => (living, token),
        Refreshed::Ended => return Err(Code::SessionEnded.into()),
        Refreshed::Unknown => return Err(Code::InvalidToken.into()),
    };
    grant(services, call, device, locale, Secret { id: device.id, mode, token }).await
}

fn rotate(tx: &mut AnyConnection, services: &Services, call: &Call, token: &str, next: &str) -> Result<Refreshed> {
    let now = call.now;
    let from_hash = hash(services, token);
    let Some(session) = rows::find_by_any_secret(tx, &from_hash)? else { return Ok(Refreshed::Unknown) };
    if session.ended_at.is_some() || session.expires_at <= now {
        return Ok(Refreshed::Ended);
    }
    let mode = if session.is_cookie() { Mode::Cookie } else { Mode::Bearer };
    let Some(account) = accounts::find(tx, session.account_id)? else { return Ok(Refreshed::Ended) };
    let living = Living { device: Device::of(&account, session.id), mode, locale: account.locale };
    let successor = services.vault.seal(Purpose::RefreshTokens, token.as_bytes(), next.as_bytes())?;
    let rotation = rows::Rotation {
        from_hash: &from_hash,
        to_hash: &hash(services, next),
        successor: &successor,
        successor_until: now + LOST_ANSWER,
        expires_at: now + services.settings.session_lifetime,
        ip: &call.ip,
        device: &call.device,
        now,
    };
    if rows::rotate(tx, session.id, &rotation)? {
        return Ok(Refreshed::Rotated(living));
    }
    // Somebody was faster, or the token is older: read again what stands now.
    let Some(session) = rows::find_by_any_secret(tx, &from_hash)? else { return Ok(Refreshed::Unknown) };
    if session.ended_at.is_some() {
        return Ok(Refreshed::Ended);
    }
    let kept = session.successor.filter(|_| {
        session.previous_hash.as_deref() == Some(&from_hash[..])
            && session.successor_until.is_some_and(|until| now <= until)
    });
    if let Some(kept) = kept {
        let plain = services.vault.open(Purpose::RefreshTokens, token.as_bytes(), &kept)?;
        let token = String::from_utf8(plain.to_vec()).map_err(Error::defect)?;
        return Ok(Refreshed::Again(living, token));
    }
    end_copied(tx, services, call, session.account_id, session.id)?;
    Ok(Refreshed::Ended)
}

fn end_copied(
    tx: &mut AnyConnection,
    services: &Services,
    call: &Call,
    account: AccountId,
    id: SessionId,
) -> Result<()> {
    end_in(tx, account, id, call.now)?;
    security_log::append(tx, services, call, account, "session.token_reused", json!({ "session": id }))?;
    if let Some(account) = accounts::find(tx, account)? {
        Mail::new(&account.login_id, account.locale, Template::SessionEndedForSafety)
            .with("name", account.name())
            .with("at", moment(call.now, &account.time_zone, account.locale))
            .with("device", call.device.clone())
            .enqueue(tx, services, call.now)?;
    }
    Ok(())
}

/// The living session and account behind a cookie's secret. As browsers don't refresh, using a session is what keeps it.
pub async fn by_secret(services: &Services, secret: &str, now: Instant) -> Result<Option<(Session, Account)>> {
    let hash = hash(services, secret);
    let found: Result<_> = services.db.read(move |conn| Ok(rows::find_by_secret(conn, &hash, now)?)).await;
    let Some((mut session, account)) = found? else { return Ok(None) };
    let (id, before, expires_at) = (session.id, now - TOUCHED, now + services.settings.session_lifetime);
    if session.last_used_at < before {
        let touch = move |tx: &mut AnyConnection| Ok::<_, Error>(rows::touch(tx, id, before, now, expires_at)?);
        match services.db.write(touch).await {
            Ok(()) => (session.last_used_at, session.expires_at) = (now, expires_at),
            // Whoever only reads isn't held up by a database that can't be written to.
            Err(error) => tracing::warn!(%error, "the use of a session can't be noted"),
        }
    }
    Ok(Some((session, account)))
}

/// The living session and account an access token names.
pub async fn by_id(services: &Services, id: SessionId, now: Instant) -> Result<Option<(Session, Account)>> {
    services.db.read(move |conn| Ok(rows::find_living(conn, id, now)?)).await
}

/// A page of the person's living sessions, newest first.
pub async fn list(
    services: &Services,
    account: AccountId,
    before: Option<SessionId>,
    limit: i64,
    now: Instant,
) -> Result<Vec<Session>> {
    services.db.read(move |conn| Ok(rows::list_living(conn, account, before, limit, now)?)).await
}

/// Ends one of the person's sessions.
///
/// # Errors
/// `not_found` where the person has no such living session.
pub async fn end(services: &Services, call: &Call, account: AccountId, id: SessionId) -> Result<()> {
    let (shared, call) = (services.clone(), call.clone());
    services
        .write(call.clone(), move |tx| {
            if !end_in(tx, account, id, call.now)? {
                return Err(Error::from(Code::NotFound));
            }
            security_log::append(tx, &shared, &call, account, "session.ended", json!({ "session": id }))
        })
        .await
}

/// Ends all of the person's sessions but the one that asks; answers how many.
pub async fn end_others(services: &Services, call: &Call, account: AccountId, spare: SessionId) -> Result<usize> {
    let (shared, call) = (services.clone(), call.clone());
    services
        .write(call.clone(), move |tx| {
            let ended = end_all_in(tx, account, Some(spare), call.now)?;
            security_log::append(tx, &shared, &call, account, "session.others_ended", json!({ "count": ended }))?;
            Ok(ended)
        })
        .await
}

/// Ends one session, and with it the login ID change that it asked for (ACC-5); tells whether it was living.
fn end_in(tx: &mut AnyConnection, account: AccountId, id: SessionId, now: Instant) -> Result<bool> {
    manager_repository::login_id_changes::close_pending_of_session(tx, account, id)?;
    Ok(rows::end(tx, account, id, now)?)
}

/// Ends the account's sessions but `spare`, and with them the login ID changes that they asked for (ACC-5).
pub(crate) fn end_all_in(
    tx: &mut AnyConnection,
    account: AccountId,
    spare: Option<SessionId>,
    now: Instant,
) -> Result<usize> {
    manager_repository::login_id_changes::close_pending_but(tx, account, spare)?;
    Ok(rows::end_all(tx, account, spare, now)?)
}

/// Proves the password again for a session, for what needs a fresh login.
///
/// # Errors
/// `wrong_password`, `too_many_requests`.
pub async fn step_up(
    services: &Services,
    call: &Call,
    account: &Account,
    session: SessionId,
    password: &str,
) -> Result<()> {
    confirm_password(services, call, account, password).await?;
    let (shared, call, id) = (services.clone(), call.clone(), account.id);
    services
        .write(call.clone(), move |tx| {
            rows::set_authenticated(tx, session, call.now)?;
            security_log::append(tx, &shared, &call, id, "session.stepped_up", json!({ "session": session }))
        })
        .await
}

/// Checks the signed-in person's password, throttled per session: a thief in one of them doesn't keep the person out in
/// another. The caller compares `password_version` again inside its transaction.
///
/// # Errors
/// `wrong_password`, `too_many_requests`.
pub async fn confirm_password(services: &Services, call: &Call, account: &Account, password: &str) -> Result<()> {
    let key = call.actor.map_or_else(|| account.id.to_string(), |actor| actor.session.to_string());
    let stored = account.password_hash.as_deref();
    prove_password(services, call, (throttles::CONFIRMATIONS, key), stored, password).await
}

/// Compares a password with a stored hash; wrong ones count in the bucket, from which a place is taken beforehand.
///
/// # Errors
/// `wrong_password`, `too_many_requests`.
pub async fn prove_password(
    services: &Services,
    call: &Call,
    (limit, key): (throttles::Limit, String),
    stored: Option<&str>,
    password: &str,
) -> Result<()> {
    let (shared, now, bucket) = (services.clone(), call.now, key.clone());
    // Who asks in an ended session learns nothing more of the password. What counts a try is not the request's answer.
    let caller = Call { claim: None, ..call.clone() };
    services.write(caller, move |tx| throttles::take(tx, &shared, now, limit, &bucket)).await?;
    let verdict = services.passwords.verify(password, stored).await;
    if matches!(verdict, Ok(Verdict::Wrong)) {
        return Err(Code::WrongPassword.into());
    }
    let shared = services.clone();
    services.db.write(move |tx| throttles::give_back(tx, &shared, limit, &key)).await?;
    verdict.map(drop)
}

/// Inside a transaction: the account, its row locked, if its password is still the one that was checked outside.
///
/// # Errors
/// `wrong_password` where it changed meanwhile.
pub(crate) fn unchanged(tx: &mut AnyConnection, account: &Account) -> Result<Account> {
    let current = accounts::lock(tx, account.id)?.filter(|c| c.password_version == account.password_version);
    current.ok_or_else(|| Code::WrongPassword.into())
}

fn hash(services: &Services, token: &str) -> Vec<u8> {
    services.vault.mac(Purpose::RefreshTokens, token.as_bytes()).to_vec()
}

/// The token that unsafe requests by cookie must carry.
pub fn csrf_token(services: &Services, session: SessionId) -> String {
    encode(&services.vault.mac(Purpose::CsrfTokens, session.uuid().as_bytes()))
}

fn encode(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

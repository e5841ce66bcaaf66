//! Registration in two steps (ACC-1, ACC-2, ACC-3): a request without a password, a confirmation that sets it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use manager_domain::emails::EmailAddress;
use manager_domain::ids::*;
use manager_domain::languages::Language;
use manager_domain::organizations::NewOrganization;
use manager_domain::{Code, Instant};
use manager_repository::accounts::Account;
use manager_repository::{AnyConnection, Json, accounts, login_id_changes, registrations as rows};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use subtle::ConstantTimeEq;

use crate::credentials::check_policy_for;
use crate::devices::Device;
use crate::errors::{Error, Result};
use crate::failpoints::failpoint;
use crate::mails::{Mail, Template};
use crate::sessions::{self, Grant, Mode, Secret};
use crate::vault::{self, Purpose};
use crate::{Call, Services, anonymous_carts, invitations, organizations, security_log, throttles};

/// Wrong codes for one registration; then only the link works.
const CODE_TRIES: i32 = 5;

/// What a person says of themselves, kept until they confirm.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Details {
    pub first_name: String,
    pub last_name: String,
    pub locale: Language,
    pub time_zone: String,
    pub joins: Joins,
    /// An anonymous cart that goes into the new organization.
    pub cart: Option<CartClaim>,
}

/// Which organization the person will belong to.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Joins {
    /// A first organization of their own.
    Own(Box<NewOrganization>),
    /// The one that invited them, by the invitation's token.
    Invitation(String),
}

/// An anonymous cart and the secret of its holder.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CartClaim {
    pub id: CartId,
    pub token: String,
}

/// How a registration is confirmed.
#[derive(Debug, Clone)]
pub enum Proof {
    Token(String),
    Code { registration: RegistrationId, code: String },
}

/// Secrets of a registration on their way to a mail.
struct Secrets {
    token: String,
    code: String,
}

impl Secrets {
    fn new() -> Result<Self> {
        Ok(Self { token: vault::token("reg")?, code: vault::code()? })
    }
}

/// Takes a request. Whether the address is taken makes no difference to the answer or the work: its holder gets a mail
/// that says so, and the pending registration can't be confirmed by anybody.
///
/// # Errors
/// `too_many_requests` for the address, known or not, or the caller's network address; `invitation_lapsed` and
/// `invitation_not_for_you`, for the token is a secret that tells nobody anything new.
pub async fn request(
    services: &Services,
    call: &Call,
    email: &EmailAddress,
    details: Details,
) -> Result<RegistrationId> {
    let id: RegistrationId = services.id(call.now);
    let secrets = Secrets::new()?;
    let (shared, call, email) = (services.clone(), call.clone(), email.clone());
    let write = move |tx: &mut AnyConnection| {
        throttles::take(tx, &shared, call.now, throttles::MAILS_IP, &throttles::network(&call.ip))?;
        throttles::take(tx, &shared, call.now, throttles::MAILS_REGISTRATION, email.key())?;
        if let Joins::Invitation(token) = &details.joins {
            invitations::check_token(tx, &shared, &call, &email, token)?;
        }
        rows::insert(
            tx,
            &rows::Registration {
                id,
                email: email.stored().to_owned(),
                email_key: email.key().to_owned(),
                details: seal(&shared, id, &details)?,
                token_hash: shared.vault.token_hash(&secrets.token),
                code_hash: code_hash(&shared, id, &secrets.code),
                code_expires_at: call.now + shared.settings.code_lifetime,
                code_tries: 0,
                expires_at: call.now + shared.settings.registration_lifetime,
                created_at: call.now,
                confirmed_at: None,
            },
        )?;
        mail(tx, &shared, &call, (email.stored(), email.key()), &details, &secrets)
    };
    services.db.write(write).await?;
    Ok(id)
}

/// Sends a pending registration's mail again, with fresh secrets. Answers alike for ids that aren't pending.
///
/// # Errors
/// `too_many_requests`.
pub async fn resend(services: &Services, call: &Call, id: RegistrationId) -> Result<()> {
    let secrets = Secrets::new()?;
    let (shared, call) = (services.clone(), call.clone());
    let write = move |tx: &mut AnyConnection| {
        throttles::take(tx, &shared, call.now, throttles::MAILS_IP, &throttles::network(&call.ip))?;
        let pending = rows::find(tx, id)?.filter(|r| r.confirmed_at.is_none() && r.expires_at > call.now);
        let Some(row) = pending else { return Ok(()) };
        throttles::take(tx, &shared, call.now, throttles::MAILS_REGISTRATION, &row.email_key)?;
        let (token, code) = (shared.vault.token_hash(&secrets.token), code_hash(&shared, id, &secrets.code));
        rows::renew(tx, id, &token, &code, call.now + shared.settings.code_lifetime)?;
        let details = open_sealed(&shared, &row)?;
        mail(tx, &shared, &call, (&row.email, &row.email_key), &details, &secrets)
    };
    services.db.write(write).await
}

/// Among what a person says are secrets, of an invitation and of a cart: nobody who reads the database gets them.
fn seal(services: &Services, id: RegistrationId, details: &Details) -> Result<Json<Value>> {
    let plain = serde_json::to_vec(details).map_err(Error::defect)?;
    let sealed = services.vault.seal(Purpose::Registrations, id.uuid().as_bytes(), &plain)?;
    Ok(Json(json!({ "sealed": URL_SAFE_NO_PAD.encode(sealed) })))
}

fn open_sealed(services: &Services, row: &rows::Registration) -> Result<Details> {
    let sealed = row.details.0.get("sealed").and_then(Value::as_str).unwrap_or_default();
    let sealed = URL_SAFE_NO_PAD.decode(sealed).map_err(Error::defect)?;
    let plain = services.vault.open(Purpose::Registrations, row.id.uuid().as_bytes(), &sealed)?;
    serde_json::from_slice(&plain).map_err(Error::defect)
}

fn mail(
    tx: &mut AnyConnection,
    services: &Services,
    call: &Call,
    (email, key): (&str, &str),
    details: &Details,
    secrets: &Secrets,
) -> Result<()> {
    let settings = &services.settings;
    let mail = match holder(tx, key, call.now)? {
        Some((stored, account)) => {
            let mail = Mail::new(stored, account.locale, Template::RegistrationTaken);
            let mail = mail.with("name", account.name());
            // The built-in pages have none to sign in on.
            settings.sign_in_url.iter().fold(mail, |mail, url| mail.with("link", url.clone()))
        }
        // Without the name that somebody typed: it would be a stranger's text under our sender.
        None => Mail::new(email, details.locale, Template::RegistrationConfirm)
            .with("hours", settings.registration_lifetime.num_hours())
            .with("code", secrets.code.clone())
            .with("code_minutes", settings.code_lifetime.num_minutes())
            .with("link", settings.link("registration", &secrets.token)),
    };
    mail.enqueue(tx, services, call.now)
}

/// Whose login ID an address is, or whose it was for as long as they can have it back (ACC-5); with the address as they
/// wrote it.
fn holder(tx: &mut AnyConnection, key: &str, now: Instant) -> Result<Option<(String, Account)>> {
    if let Some(account) = accounts::find_by_login_key(tx, key)? {
        return Ok(Some((account.login_id.clone(), account)));
    }
    if !accounts::address_is_taken(tx, key, None, now)? {
        return Ok(None);
    }
    let Some(change) = login_id_changes::find_keeping(tx, key, now)? else { return Ok(None) };
    Ok(accounts::find(tx, change.account_id)?.map(|account| (change.old_login_id, account)))
}

/// Confirms a registration: account, organization or accepted invitation, claimed cart and first session in one
/// transaction.
///
/// # Errors
/// `token_lapsed` for a token that is unknown, used or too old; `code_refused`; `validation_failed` with the reasons
/// against the password; `login_id_taken` where the address was taken meanwhile, `invitation_closed` where the
/// invitation was; `too_many_requests`.
pub async fn confirm(services: &Services, call: &Call, proof: Proof, password: &str, mode: Mode) -> Result<Grant> {
    let row = prove(services, call, proof).await?;
    let details = open_sealed(services, &row)?;
    let known = [details.first_name.clone(), details.last_name.clone(), String::new(), row.email.clone()];
    check_policy_for(services, known, password, "/password").await?;
    let password_hash = services.passwords.hash(password).await?;
    let account = new_account(services, call, &row, &details, password_hash);
    let secret = Secret::new(services, call, mode)?;
    let opened = Secret { token: secret.token.clone(), ..secret };
    let (device, locale) = (Device::of(&account, secret.id), account.locale);
    let (shared, call_) = (services.clone(), call.clone());
    let write = move |tx: &mut AnyConnection| {
        create(tx, &shared, &call_, &row, &details, &account, &opened)?;
        failpoint!("registrations.before_commit");
        Ok::<_, Error>(())
    };
    services.db.write(write).await?;
    failpoint!("registrations.after_commit");
    sessions::grant(services, call, device, locale, secret).await
}

/// The registration that the proof is about.
async fn prove(services: &Services, call: &Call, proof: Proof) -> Result<rows::Registration> {
    let now = call.now;
    let open = move |row: &rows::Registration| row.confirmed_at.is_none() && row.expires_at > now;
    match proof {
        Proof::Token(token) => {
            let hash = services.vault.token_hash(&token);
            let row = services.db.read(move |conn| Ok::<_, Error>(rows::find_by_token(conn, &hash)?)).await?;
            row.filter(open).ok_or_else(|| Code::TokenLapsed.into())
        }
        Proof::Code { registration, code } => {
            let expected = code_hash(services, registration, &code);
            let (shared, network) = (services.clone(), throttles::network(&call.ip));
            // The try is counted in a transaction that commits whether the code is right or not.
            let tried = move |tx: &mut AnyConnection| {
                let row = rows::find(tx, registration)?.filter(open);
                let mut buckets: Vec<_> = row.iter().map(|row| (throttles::CODES, row.email_key.clone())).collect();
                buckets.push((throttles::CODES_IP, network.clone()));
                for (limit, key) in &buckets {
                    throttles::take(tx, &shared, now, *limit, key)?;
                }
                // Looked at by all, written by who guesses wrong.
                let everybody = throttles::codes_global(&shared);
                throttles::check(tx, &shared, now, everybody, "")?;
                let right = match &row {
                    Some(row) => {
                        let counted = rows::count_try(tx, registration, CODE_TRIES)?;
                        let matches = bool::from(row.code_hash.as_slice().ct_eq(&expected));
                        counted && matches && row.code_expires_at > now
                    }
                    None => false,
                };
                if !right {
                    throttles::take(tx, &shared, now, everybody, "")?;
                    return Ok::<_, Error>(None);
                }
                for (limit, key) in &buckets {
                    throttles::give_back(tx, &shared, *limit, key)?;
                }
                Ok(row)
            };
            services.db.write(tried).await?.ok_or_else(|| Code::CodeRefused.into())
        }
    }
}

fn new_account(services: &Services, call: &Call, row: &rows::Registration, details: &Details, hash: String) -> Account {
    Account {
        first_name: details.first_name.clone(),
        last_name: details.last_name.clone(),
        password_hash: Some(hash),
        ..Account::new(services.id(call.now), &row.email, details.locale, &details.time_zone, call.now)
    }
}

fn create(
    tx: &mut AnyConnection,
    services: &Services,
    call: &Call,
    row: &rows::Registration,
    details: &Details,
    account: &Account,
    secret: &Secret,
) -> Result<()> {
    if !rows::confirm(tx, row.id, call.now)? {
        return Err(Code::TokenLapsed.into());
    }
    accounts::insert(tx, account)?;
    if !accounts::claim_address(tx, &row.email_key, account.id, call.now)? {
        return Err(Code::LoginIdTaken.into());
    }
    let actor =
        crate::calls::Actor { account: account.id, session: secret.id, authenticated_at: call.now, admission: None };
    let call = Call { actor: Some(actor), ..call.clone() };
    security_log::append(tx, services, &call, account.id, "account.created", Value::Object(Default::default()))?;
    let organization = match &details.joins {
        Joins::Own(new) => organizations::create_in(tx, services, &call, account.id, new)?,
        Joins::Invitation(token) => invitations::accept_by_token_in(tx, services, &call, account, token)?,
    };
    if let (Joins::Own(_), Some(cart)) = (&details.joins, &details.cart) {
        match anonymous_carts::claim_in(tx, services, &call, organization, cart.id, &cart.token) {
            // A cart that expired or went elsewhere meanwhile doesn't keep its holder out.
            Ok(_) => {}
            Err(Error::Refused(refusal)) if refusal.code == Code::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    sessions::open(tx, services, &call, account, secret)
}

fn code_hash(services: &Services, id: RegistrationId, code: &str) -> Vec<u8> {
    services.vault.mac(Purpose::RegistrationCodes, format!("{id}\0{code}").as_bytes()).to_vec()
}

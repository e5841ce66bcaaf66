//! Access tokens: EdDSA JWTs that anyone can verify through the JWKS (RFC 7519, RFC 9068, RFC 8037).
//!
//! They carry identity and session only; rights are read per request.

use std::sync::{Arc, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Duration;
use ed25519_dalek::SigningKey as Ed25519;
use ed25519_dalek::pkcs8::EncodePrivateKey;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use manager_domain::ids::*;
use manager_domain::{Code, Instant};
use manager_repository::{AnyConnection, signing_keys as rows};
use quick_cache::sync::Cache;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::Services;
use crate::errors::{Error, Result};
use crate::vault::{Purpose, random};

const TYPE: &str = "at+jwt";
/// A retired key verifies so long: more than an access token lives.
const RETIREMENT: Duration = Duration::hours(1);
/// An unknown key id makes this process look for new keys, but not more often than this.
const RELOAD_PAUSE: Duration = Duration::seconds(5);
/// A rotation by another process is known after this, well within the retirement.
const RELOAD: Duration = Duration::seconds(60);
/// Tokens whose signature was found good are remembered, the ones used lately.
const REMEMBERED: usize = 16_384;

/// The claims of an access token.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    pub iss: String,
    pub aud: String,
    pub sub: AccountId,
    pub sid: SessionId,
    pub iat: i64,
    pub nbf: i64,
    pub exp: i64,
    pub jti: String,
}

/// Who a valid access token speaks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bearer {
    pub account: AccountId,
    pub session: SessionId,
}

/// The keys of this process, loaded from the database it shares with others.
#[derive(Clone)]
pub struct KeyRing(Arc<Keys>);

struct Keys {
    ring: RwLock<Ring>,
    /// By the token's digest: a signature need not be checked again, times and keys are.
    verified: Cache<[u8; 32], Verified>,
}

#[derive(Clone)]
struct Verified {
    kid: Arc<str>,
    nbf: i64,
    exp: i64,
    bearer: Bearer,
}

impl Default for KeyRing {
    fn default() -> Self {
        Self(Arc::new(Keys { ring: RwLock::default(), verified: Cache::new(REMEMBERED) }))
    }
}

#[derive(Default)]
struct Ring {
    signer: Option<(String, EncodingKey)>,
    verifiers: Vec<Verifier>,
    loaded_at: Option<Instant>,
}

struct Verifier {
    kid: Arc<str>,
    key: DecodingKey,
    x: String,
    retired_at: Option<Instant>,
}

/// A public key as RFC 7517 shows it.
#[derive(Debug, Clone, Serialize)]
pub struct PublicKey {
    pub kty: &'static str,
    pub crv: &'static str,
    pub alg: &'static str,
    #[serde(rename = "use")]
    pub usage: &'static str,
    pub kid: String,
    pub x: String,
}

/// Makes a first key where there is none, and loads all keys.
pub async fn prepare(services: &Services, now: Instant) -> Result<()> {
    // A server also starts on a database that can only be read.
    if services.db.read(lacks_signer).await? {
        let fresh = fresh_key(services, now)?;
        let make = move |tx: &mut AnyConnection| {
            // Of servers that start together on an empty database, one makes the first key.
            rows::lock(tx)?;
            if lacks_signer(tx)? {
                rows::insert(tx, &fresh)?;
            }
            Ok::<_, Error>(())
        };
        services.db.write(make).await?;
    }
    load(services, now).await
}

fn lacks_signer(conn: &mut AnyConnection) -> Result<bool> {
    Ok(rows::list(conn)?.iter().all(|key| key.retired_at.is_some()))
}

/// What becomes of the keys before a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Former {
    /// They verify until their tokens are gone.
    Retire,
    /// They may be in wrong hands: their tokens count no more, in other processes after a minute at the latest.
    Revoke,
}

/// Makes a new signing key; answers its id.
pub async fn rotate(services: &Services, former: Former, now: Instant) -> Result<String> {
    let fresh = fresh_key(services, now)?;
    let kid = fresh.kid.clone();
    services
        .db
        .write(move |tx| {
            rows::lock(tx)?;
            rows::purge(tx, now - RETIREMENT)?;
            rows::insert(tx, &fresh)?;
            match former {
                Former::Retire => rows::retire_others(tx, &fresh.kid, now)?,
                Former::Revoke => rows::delete_others(tx, &fresh.kid)?,
            }
            Ok::<_, Error>(())
        })
        .await?;
    load(services, now).await?;
    Ok(kid)
}

fn fresh_key(services: &Services, now: Instant) -> Result<rows::SigningKey> {
    let key = Ed25519::from_bytes(&random::<32>()?);
    let kid = URL_SAFE_NO_PAD.encode(random::<9>()?);
    let private = services.vault.seal(Purpose::SigningKeys, kid.as_bytes(), key.as_bytes())?;
    let public_key = key.verifying_key().to_bytes().to_vec();
    Ok(rows::SigningKey { kid, public_key, private_key: private, created_at: now, retired_at: None })
}

/// Reads the keys anew.
pub async fn load(services: &Services, now: Instant) -> Result<()> {
    let keys = services.db.read(|conn| Ok::<_, Error>(rows::list(conn)?)).await?;
    let mut ring = Ring { loaded_at: Some(now), ..Ring::default() };
    for key in keys {
        if ring.signer.is_none() && key.retired_at.is_none() {
            let secret = services.vault.open(Purpose::SigningKeys, key.kid.as_bytes(), &key.private_key)?;
            let secret: [u8; 32] = secret.as_slice().try_into().map_err(Error::defect)?;
            let document = Ed25519::from_bytes(&secret).to_pkcs8_der().map_err(Error::defect)?;
            ring.signer = Some((key.kid.clone(), EncodingKey::from_ed_der(document.as_bytes())));
        }
        let x = URL_SAFE_NO_PAD.encode(&key.public_key);
        let verifier = DecodingKey::from_ed_components(&x).map_err(Error::defect)?;
        ring.verifiers.push(Verifier { kid: key.kid.into(), key: verifier, x, retired_at: key.retired_at });
    }
    if let Ok(mut current) = services.keys.0.ring.write() {
        *current = ring;
    }
    Ok(())
}

/// Reads the keys anew where they were read a while ago, so that every process takes part in a rotation.
async fn refresh(services: &Services, now: Instant) -> Result<()> {
    if services.keys.is_older_than(now, RELOAD) { load(services, now).await } else { Ok(()) }
}

/// An access token for the session, and the seconds it lives.
pub async fn sign(services: &Services, account: AccountId, session: SessionId, now: Instant) -> Result<(String, i64)> {
    refresh(services, now).await?;
    let lifetime = services.settings.access_token_lifetime;
    let claims = Claims {
        iss: services.settings.public_url.clone(),
        aud: services.settings.public_url.clone(),
        sub: account,
        sid: session,
        iat: now.unix_seconds(),
        nbf: now.unix_seconds(),
        exp: (now + lifetime).unix_seconds(),
        jti: URL_SAFE_NO_PAD.encode(random::<12>()?),
    };
    let ring = services.keys.0.ring.read().map_err(Error::defect)?;
    let (kid, key) = ring.signer.as_ref().ok_or_else(|| Error::defect("no signing key"))?;
    let mut header = Header::new(Algorithm::EdDSA);
    header.typ = Some(TYPE.to_owned());
    header.kid = Some(kid.clone());
    let token = jsonwebtoken::encode(&header, &claims, key).map_err(Error::defect)?;
    Ok((token, lifetime.num_seconds()))
}

/// Who a valid access token speaks for.
///
/// # Errors
/// `invalid_token` whatever is wrong with it: form, algorithm, type, key, signature, issuer, audience or times.
pub async fn verify(services: &Services, token: &str, now: Instant) -> Result<Bearer> {
    refresh(services, now).await?;
    let digest: [u8; 32] = Sha256::digest(token).into();
    let verified = match services.keys.0.verified.get(&digest) {
        Some(verified) => verified,
        None => {
            let verified = check(services, token, now).await?;
            services.keys.0.verified.insert(digest, verified.clone());
            verified
        }
    };
    let seconds = now.unix_seconds();
    let valid = verified.nbf <= seconds && seconds < verified.exp && services.keys.accepts(&verified.kid, now);
    if valid { Ok(verified.bearer) } else { Err(Code::InvalidToken.into()) }
}

/// Everything of a token that stays as it is: form, signature, issuer, audience.
async fn check(services: &Services, token: &str, now: Instant) -> Result<Verified> {
    let header = jsonwebtoken::decode_header(token).map_err(|_| Code::InvalidToken)?;
    if header.alg != Algorithm::EdDSA || header.typ.as_deref() != Some(TYPE) {
        return Err(Code::InvalidToken.into());
    }
    let kid = header.kid.ok_or(Code::InvalidToken)?;
    if !services.keys.accepts(&kid, now) && services.keys.is_older_than(now, RELOAD_PAUSE) {
        load(services, now).await?;
    }
    let (kid, claims) = services.keys.decode(&kid, token)?;
    let expected = &services.settings.public_url;
    if claims.iss != *expected || claims.aud != *expected {
        return Err(Code::InvalidToken.into());
    }
    let bearer = Bearer { account: claims.sub, session: claims.sid };
    Ok(Verified { kid, nbf: claims.nbf, exp: claims.exp, bearer })
}

/// The public halves of all keys that still verify.
pub async fn public(services: &Services, now: Instant) -> Result<Vec<PublicKey>> {
    refresh(services, now).await?;
    Ok(services.keys.public(now))
}

impl KeyRing {
    /// Whether tokens of a key count.
    fn accepts(&self, kid: &str, now: Instant) -> bool {
        let living =
            |verifier: &Verifier| *verifier.kid == *kid && verifier.retired_at.is_none_or(|at| now - at <= RETIREMENT);
        self.0.ring.read().is_ok_and(|ring| ring.verifiers.iter().any(living))
    }

    fn is_older_than(&self, now: Instant, age: Duration) -> bool {
        self.0.ring.read().is_ok_and(|ring| ring.loaded_at.is_none_or(|at| now - at > age))
    }

    fn decode(&self, kid: &str, token: &str) -> Result<(Arc<str>, Claims)> {
        let ring = self.0.ring.read().map_err(Error::defect)?;
        let verifier = ring.verifiers.iter().find(|verifier| *verifier.kid == *kid).ok_or(Code::InvalidToken)?;
        // Times are compared with the injected clock by the caller; the library would read the system's.
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        let data = jsonwebtoken::decode::<Claims>(token, &verifier.key, &validation);
        data.map(|data| (Arc::clone(&verifier.kid), data.claims)).map_err(|_| Code::InvalidToken.into())
    }

    /// The public halves of all keys that still verify.
    fn public(&self, now: Instant) -> Vec<PublicKey> {
        let Ok(ring) = self.0.ring.read() else { return Vec::new() };
        let living = ring.verifiers.iter().filter(|v| v.retired_at.is_none_or(|at| now - at <= RETIREMENT));
        living
            .map(|verifier| PublicKey {
                kty: "OKP",
                crv: "Ed25519",
                alg: "EdDSA",
                usage: "sig",
                kid: verifier.kid.to_string(),
                x: verifier.x.clone(),
            })
            .collect()
    }
}

//! Repeated requests: the first answer again, never a second effect.
//!
//! A claim with a lease is committed before the work. A use case that writes once keeps its answer in that transaction
//! ([`Services::write`]); one that takes several (paying) keeps how far it has come ([`advance`]), so that whoever takes
//! the claim over after a crash goes on from there.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::Duration;
use manager_domain::{Code, Instant, Refusal};
use manager_repository::AnyConnection;
use manager_repository::idempotency::{self as rows, IdempotencyKey};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::errors::{Error, Result};
use crate::failpoints::failpoint;
use crate::vault::Purpose;
use crate::{Call, Services};

/// How long a claim belongs to its maker.
const LEASE: Duration = Duration::seconds(60);
/// How long an answer is kept.
const KEPT: Duration = Duration::hours(48);
/// When to come back while the first request runs, in seconds.
const COME_BACK: u32 = 1;

/// An answer as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Answer {
    Done {
        status: u16,
        /// Lower-case names and values.
        headers: Vec<(String, String)>,
        body: Option<String>,
    },
    Refused(Refusal),
}

/// Makes the answer from a use case's result, where it is of the type it knows.
type Render = Box<dyn Fn(&dyn Any) -> Option<Answer> + Send + Sync>;

/// Whose request it is, and which: equal scopes are repetitions of each other.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The account, or the secret of a visitor's cart.
    pub caller: &'a str,
    pub method: &'a str,
    /// Names the organization, where there is one.
    pub path: &'a str,
    pub key: &'a str,
    pub body: &'a [u8],
}

/// The right to do what a request asks for, until the lease ends.
pub struct Claim {
    scope_hash: [u8; 32],
    lease: Instant,
    /// What an earlier holder of the claim had reached.
    progress: Option<Vec<u8>>,
    render: Render,
    kept: AtomicBool,
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim").field("lease", &self.lease).finish_non_exhaustive()
    }
}

/// What became of a request that names a key.
#[derive(Debug)]
pub enum Begun {
    /// It is for the caller to do.
    Claimed(Arc<Claim>),
    /// It was done before; this was the answer.
    Repeated(Answer),
}

/// Claims a request. `render` makes the answer of the use case's result.
///
/// # Errors
/// `idempotency_key_reused` with another body, `idempotency_in_progress` while the first request runs.
pub async fn begin<T: Any>(
    services: &Services,
    now: Instant,
    scope: Scope<'_>,
    render: impl Fn(&T) -> Answer + Send + Sync + 'static,
) -> Result<Begun> {
    let parts = [scope.caller, scope.method, scope.path, scope.key].join("\0");
    let scope_hash = services.vault.mac(Purpose::Idempotency, parts.as_bytes());
    let body_hash = services.vault.mac(Purpose::Idempotency, scope.body);
    let lease = now + LEASE;
    let found = services.db.write(move |tx| claim(tx, scope_hash, body_hash, now)).await?;
    failpoint!("idempotency.after_claim");
    if let Some(answer) = found.as_ref().and_then(|row| row.answer.as_deref()) {
        let plain = services.vault.open(Purpose::Idempotency, &scope_hash, answer)?;
        return Ok(Begun::Repeated(serde_json::from_slice(&plain).map_err(Error::defect)?));
    }
    let progress = found.and_then(|row| row.progress);
    let render: Render = Box::new(move |done| done.downcast_ref::<T>().map(&render));
    Ok(Begun::Claimed(Arc::new(Claim { scope_hash, lease, progress, render, kept: AtomicBool::new(false) })))
}

/// A row where the key was there before: answered, or taken over.
fn claim(
    tx: &mut AnyConnection,
    scope_hash: [u8; 32],
    body_hash: [u8; 32],
    now: Instant,
) -> Result<Option<IdempotencyKey>> {
    let row = IdempotencyKey {
        scope_hash: scope_hash.to_vec(),
        body_hash: body_hash.to_vec(),
        leased_until: now + LEASE,
        progress: None,
        answer: None,
        expires_at: now + KEPT,
    };
    if rows::claim(tx, &row, now)? {
        return Ok(None);
    }
    let in_progress = || Error::from(Refusal::new(Code::IdempotencyInProgress).retry_after(COME_BACK));
    let found = rows::find(tx, &scope_hash)?.ok_or_else(in_progress)?;
    if found.body_hash != body_hash {
        return Err(Code::IdempotencyKeyReused.into());
    }
    if found.answer.is_none() && !rows::take_over(tx, &scope_hash, now, now + LEASE)? {
        return Err(in_progress());
    }
    if found.answer.is_some() {
        return Ok(Some(found));
    }
    // What its first holder reached until the moment it was taken over, which may be more than was read before.
    Ok(Some(rows::find(tx, &scope_hash)?.ok_or_else(in_progress)?))
}

impl Claim {
    /// Whether the use case kept its answer in its own transaction.
    pub fn is_kept(&self) -> bool {
        self.kept.load(Ordering::Acquire)
    }

    /// Keeps the answer with the work, if `done` is what the answer is made of.
    fn keep(&self, tx: &mut AnyConnection, services: &Services, done: &dyn Any) -> Result<()> {
        let Some(answer) = (self.render)(done) else { return Ok(()) };
        self.store(tx, services, &answer)?;
        self.kept.store(true, Ordering::Release);
        Ok(())
    }

    fn store(&self, tx: &mut AnyConnection, services: &Services, answer: &Answer) -> Result<()> {
        let sealed = self.seal(services, answer)?;
        self.mine(rows::finish(tx, &self.scope_hash, self.lease, &sealed)?)
    }

    fn seal(&self, services: &Services, value: &impl Serialize) -> Result<Vec<u8>> {
        let plain = serde_json::to_vec(value).map_err(Error::defect)?;
        services.vault.seal(Purpose::Idempotency, &self.scope_hash, &plain)
    }

    /// Whoever took a claim over has the say; the work of the slow one is rolled back.
    fn mine(&self, mine: bool) -> Result<()> {
        if mine { Ok(()) } else { Err(Refusal::new(Code::IdempotencyInProgress).retry_after(COME_BACK).into()) }
    }
}

/// Keeps the answer of work whose transactions are over.
pub async fn finish(services: &Services, claim: &Arc<Claim>, answer: Answer) -> Result<()> {
    let (shared, claim) = (services.clone(), Arc::clone(claim));
    services.db.write(move |tx| claim.store(tx, &shared, &answer)).await?;
    failpoint!("idempotency.after_answer");
    Ok(())
}

/// Gives a claim back whose request changed nothing.
pub async fn release(services: &Services, claim: &Claim) -> Result<()> {
    let (scope_hash, lease) = (claim.scope_hash, claim.lease);
    services.db.write(move |tx| Ok(rows::release(tx, &scope_hash, lease)?)).await
}

/// Keeps how far the call's request has come, in the transaction that brought it there.
pub fn advance(tx: &mut AnyConnection, services: &Services, call: &Call, progress: &impl Serialize) -> Result<()> {
    let Some(claim) = &call.claim else { return Ok(()) };
    let sealed = claim.seal(services, progress)?;
    claim.mine(rows::advance(tx, &claim.scope_hash, claim.lease, &sealed)?)
}

/// How far an earlier, broken-off try of the same request had come.
pub fn reached<P: DeserializeOwned>(services: &Services, call: &Call) -> Result<Option<P>> {
    let Some(claim) = &call.claim else { return Ok(None) };
    let Some(sealed) = &claim.progress else { return Ok(None) };
    let plain = services.vault.open(Purpose::Idempotency, &claim.scope_hash, sealed)?;
    serde_json::from_slice(&plain).map(Some).map_err(Error::defect)
}

impl Services {
    /// A transaction in which the answer is kept of a request that may be repeated.
    pub(crate) async fn write_claimed<T: Any + Send>(
        &self,
        claim: Option<Arc<Claim>>,
        work: impl Fn(&mut AnyConnection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let Some(claim) = claim else { return self.db.write(work).await };
        let services = self.clone();
        let kept = move |tx: &mut AnyConnection| {
            let done = work(tx)?;
            claim.keep(tx, &services, &done)?;
            Ok(done)
        };
        self.db.write(kept).await
    }
}

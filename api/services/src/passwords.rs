//! Hashing passwords with argon2id, a bounded number at a time and off the request threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::errors::{Error, Result};

/// 19 MiB, two passes, one lane: the bar of `quality.md`.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Hashes and verifies; clones share the bound on how many run at once.
#[derive(Clone)]
pub struct Hasher {
    slots: Arc<Semaphore>,
    /// Verified against when there is no account, so that both cases cost the same.
    decoy: Arc<str>,
    /// Hashes done so far, verifying included.
    done: Arc<AtomicU64>,
}

/// What verifying a password told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Wrong,
    Right,
    /// Right, but hashed with older parameters: hash it again now that the password is at hand.
    RightButOld,
}

impl Hasher {
    /// At most `parallel` hashes run at once; each takes 19 MiB.
    pub fn new(parallel: usize) -> Result<Self> {
        let decoy = hash_now("decoy")?;
        Ok(Self { slots: Arc::new(Semaphore::new(parallel.max(1))), decoy: decoy.into(), done: Arc::default() })
    }

    /// The PHC string of a password.
    pub async fn hash(&self, password: &str) -> Result<String> {
        let password = Zeroizing::new(password.to_owned());
        self.run(move || hash_now(&password)).await?
    }

    /// Compares with a stored hash; without one does the same work and says no.
    pub async fn verify(&self, password: &str, stored: Option<&str>) -> Result<Verdict> {
        let password = Zeroizing::new(password.to_owned());
        let known = stored.is_some();
        let hash = stored.map_or_else(|| self.decoy.to_string(), str::to_owned);
        let verdict = self.run(move || verify_now(&password, &hash)).await??;
        Ok(if known { verdict } else { Verdict::Wrong })
    }

    /// How many hashes were made so far, to set or to verify a password.
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let slot = Arc::clone(&self.slots).acquire_owned().await.map_err(Error::defect)?;
        self.done.fetch_add(1, Ordering::Relaxed);
        tokio::task::spawn_blocking(move || {
            let result = work();
            drop(slot);
            result
        })
        .await
        .map_err(Error::defect)
    }
}

fn argon2() -> Result<Argon2<'static>> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(Error::defect)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash_now(password: &str) -> Result<String> {
    Ok(argon2()?.hash_password(password.as_bytes()).map_err(Error::defect)?.to_string())
}

fn verify_now(password: &str, stored: &str) -> Result<Verdict> {
    let hash = PasswordHash::new(stored).map_err(Error::defect)?;
    if argon2()?.verify_password(password.as_bytes(), &hash).is_err() {
        return Ok(Verdict::Wrong);
    }
    let expected = format!("m={MEMORY_KIB},t={PASSES},p={LANES}");
    let current = stored.starts_with("$argon2id$v=19$") && stored.contains(&expected);
    Ok(if current { Verdict::Right } else { Verdict::RightButOld })
}

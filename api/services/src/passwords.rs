//! Hashing passwords with argon2id, on threads of their own.
//!
//! Each thread keeps its 19 MiB for the next hash, and runs at a lower priority than the threads that answer requests,
//! so that logins can fill the processor without making others wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use argon2::password_hash::PasswordVerifier;
use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, Version};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use subtle::ConstantTimeEq;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use crate::errors::{Error, Result};
use crate::vault::random;

/// 19 MiB, two passes, one lane: the bar of `quality.md`.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const SALT: usize = 16;
const OUTPUT: usize = 32;

/// How many passwords may wait for a thread before callers are told to come back.
const QUEUE: usize = 512;
/// A thread without work gives its memory back after so long.
const IDLE: Duration = Duration::from_secs(10);
/// Added to the threads' niceness.
const NICENESS: i32 = 10;

type Job = Box<dyn FnOnce(&mut [Block]) + Send>;

/// Hashes and verifies; clones share the threads.
#[derive(Clone)]
pub struct Hasher {
    queue: Sender<Job>,
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
    /// Starts as many threads; each takes 19 MiB while it has work.
    pub fn new(threads: usize) -> Result<Self> {
        let (queue, jobs) = bounded(QUEUE);
        for number in 0..threads.max(1) {
            let jobs = jobs.clone();
            let thread = thread::Builder::new().name(format!("hash-{number}"));
            thread.spawn(move || serve(&jobs)).map_err(Error::defect)?;
        }
        // What it is the hash of doesn't matter: its verdict is thrown away.
        let decoy = phc(&random::<SALT>()?, &random::<OUTPUT>()?)?;
        Ok(Self { queue, decoy: decoy.into(), done: Arc::default() })
    }

    /// The PHC string of a password.
    pub async fn hash(&self, password: &str) -> Result<String> {
        let password = Zeroizing::new(password.to_owned());
        self.run(move |memory| hash_now(&password, memory)).await
    }

    /// Compares with a stored hash; without one does the same work and says no.
    pub async fn verify(&self, password: &str, stored: Option<&str>) -> Result<Verdict> {
        let password = Zeroizing::new(password.to_owned());
        let known = stored.is_some();
        let hash = stored.map_or_else(|| self.decoy.to_string(), str::to_owned);
        let verdict = self.run(move |memory| verify_now(&password, &hash, memory)).await?;
        Ok(if known { verdict } else { Verdict::Wrong })
    }

    /// Runs work that is too slow for the threads that answer requests, such as estimating a password's strength.
    pub async fn apart<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        self.queued(move |_| Ok(work())).await
    }

    /// How many hashes were made so far, to set or to verify a password.
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce(&mut [Block]) -> Result<T> + Send + 'static) -> Result<T> {
        self.done.fetch_add(1, Ordering::Relaxed);
        self.queued(work).await
    }

    async fn queued<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut [Block]) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |memory| {
            let _ = reply.send(work(memory));
        });
        self.queue.try_send(job).map_err(|_| Error::Overloaded)?;
        answer.await.map_err(Error::defect)?
    }
}

fn serve(jobs: &Receiver<Job>) {
    let own = rustix::thread::gettid();
    if let Err(error) = rustix::process::setpriority_process(Some(own), NICENESS) {
        tracing::warn!(%error, "a hashing thread keeps its priority");
    }
    let mut memory = Vec::new();
    loop {
        match jobs.recv_timeout(IDLE) {
            Ok(job) => {
                memory.resize(MEMORY_KIB as usize, Block::default());
                job(&mut memory);
            }
            Err(RecvTimeoutError::Timeout) => memory = Vec::new(),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn params() -> Result<Params> {
    Params::new(MEMORY_KIB, PASSES, LANES, Some(OUTPUT)).map_err(Error::defect)
}

fn derive(password: &str, salt: &[u8], memory: &mut [Block]) -> Result<[u8; OUTPUT]> {
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params()?);
    let mut output = [0; OUTPUT];
    argon2.hash_password_into_with_memory(password.as_bytes(), salt, &mut output, memory).map_err(Error::defect)?;
    Ok(output)
}

fn phc(salt: &[u8], output: &[u8]) -> Result<String> {
    let mut params = ParamsString::new();
    for (name, value) in [("m", MEMORY_KIB), ("t", PASSES), ("p", LANES)] {
        params.add_decimal(name, value).map_err(Error::defect)?;
    }
    let hash = PasswordHash {
        algorithm: ARGON2ID_IDENT,
        version: Some(Version::V0x13.into()),
        params,
        salt: Some(Salt::new(salt).map_err(Error::defect)?),
        hash: Some(Output::new(output).map_err(Error::defect)?),
    };
    Ok(hash.to_string())
}

fn hash_now(password: &str, memory: &mut [Block]) -> Result<String> {
    let salt = random::<SALT>()?;
    phc(&salt, &derive(password, &salt, memory)?)
}

fn verify_now(password: &str, stored: &str, memory: &mut [Block]) -> Result<Verdict> {
    let hash = PasswordHash::new(stored).map_err(Error::defect)?;
    let current = stored.starts_with(&format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}$"));
    if let (true, Some(salt), Some(output)) = (current, &hash.salt, &hash.hash)
        && output.len() == OUTPUT
    {
        let derived = derive(password, salt.as_ref(), memory)?;
        let equal: bool = derived.ct_eq(output.as_ref()).into();
        return Ok(if equal { Verdict::Right } else { Verdict::Wrong });
    }
    // Of other parameters: the library finds the memory it needs.
    let known = Argon2::default().verify_password(password.as_bytes(), &hash).is_ok();
    Ok(if known { Verdict::RightButOld } else { Verdict::Wrong })
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::PasswordHasher;

    use super::*;

    #[tokio::test]
    async fn a_hash_is_one_that_others_verify_and_old_ones_are_told() {
        let hasher = Hasher::new(1).unwrap();
        let own = hasher.hash("correct horse").await.unwrap();
        assert!(own.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{own}");
        let parsed = PasswordHash::new(&own).unwrap();
        Argon2::default().verify_password(b"correct horse", &parsed).unwrap();
        assert_eq!(hasher.verify("correct horse", Some(&own)).await.unwrap(), Verdict::Right);
        assert_eq!(hasher.verify("wrong horse", Some(&own)).await.unwrap(), Verdict::Wrong);
        assert_eq!(hasher.verify("decoy", None).await.unwrap(), Verdict::Wrong);
        let weak = Argon2::from(Params::new(1024, 1, 1, None).unwrap());
        let old = weak.hash_password(b"correct horse").unwrap().to_string();
        assert_eq!(hasher.verify("correct horse", Some(&old)).await.unwrap(), Verdict::RightButOld);
        assert_eq!(hasher.verify("wrong horse", Some(&old)).await.unwrap(), Verdict::Wrong);
    }
}

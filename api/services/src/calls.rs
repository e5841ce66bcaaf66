//! The circumstances of a call: when, from where, by whom.

use std::sync::Arc;

use manager_domain::languages::Language;
use manager_domain::{Instant, ids::*};

use crate::access::Admission;
use crate::idempotency::Claim;

/// What every use case is told about the request it serves.
#[derive(Debug, Clone)]
pub struct Call {
    /// The moment the request came in; the present for everything it does (`TIM-1`).
    pub now: Instant,
    /// The client's address, taken from forwarded headers only behind a trusted proxy.
    pub ip: String,
    /// What the client calls itself (`User-Agent`), at most 200 characters.
    pub device: String,
    /// The language to answer an unknown person in.
    pub language: Language,
    /// The signed-in person, where there is one.
    pub actor: Option<Actor>,
    /// The claim of a request that may be repeated.
    pub claim: Option<Arc<Claim>>,
}

/// The signed-in person behind a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Actor {
    pub account: AccountId,
    pub session: SessionId,
    /// When the session last proved the password.
    pub authenticated_at: Instant,
    /// What they were let in for, where the request is a member's.
    pub admission: Option<Admission>,
}

impl Call {
    /// The call of a member who is to be let in for this.
    pub(crate) fn admitted(&self, admission: Option<Admission>) -> Self {
        Self { actor: self.actor.map(|actor| Actor { admission, ..actor }), ..self.clone() }
    }

    /// Work that nobody asked for just now: what falls due by itself.
    pub fn system(now: Instant) -> Self {
        Self { now, ip: String::new(), device: String::new(), language: Language::En, actor: None, claim: None }
    }
}

//! Appending to an organization's audit log (ORG-5): chained by an HMAC whose key is outside the database.

use hmac::digest::Digest;
use manager_domain::ids::*;
use manager_repository::{AnyConnection, audit_log as rows};
use serde::Serialize;
use serde_json::Value;
use sha2::Sha256;

use crate::errors::{Error, Result};
use crate::vault::{Purpose, random};
use crate::{Call, Services};

/// A change of state as it is written down. Values hold ids and words, never secrets or personal text.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What happened, `noun.verb`, such as `membership.changed`.
    pub action: &'static str,
    /// The id of what it happened to.
    pub subject: String,
    pub before: Option<Value>,
    pub after: Option<Value>,
    /// Personal text (a name, an address): chained as a salted hash, so that it can be erased.
    pub personal: Option<String>,
    /// Done by whoever holds a mailed link, without a session.
    pub by_link_holder: bool,
    /// Why support did it; who acts is shown as support then (STF-1).
    pub reason: Option<String>,
}

impl Entry {
    pub fn new(action: &'static str, subject: impl ToString) -> Self {
        Self {
            action,
            subject: subject.to_string(),
            before: None,
            after: None,
            personal: None,
            by_link_holder: false,
            reason: None,
        }
    }

    #[must_use]
    pub fn before(mut self, value: impl Into<Value>) -> Self {
        self.before = Some(value.into());
        self
    }

    #[must_use]
    pub fn after(mut self, value: impl Into<Value>) -> Self {
        self.after = Some(value.into());
        self
    }

    #[must_use]
    pub fn personal(mut self, text: impl Into<String>) -> Self {
        self.personal = Some(text.into());
        self
    }

    /// Done by support, for this reason.
    #[must_use]
    pub fn by_support(mut self, reason: &str) -> Self {
        self.reason = Some(reason.to_owned());
        self
    }

    #[must_use]
    pub const fn by_link_holder(mut self) -> Self {
        self.by_link_holder = true;
        self
    }
}

/// Appends an entry in the caller's transaction. The organization's row is locked by it, as the chain needs an order.
pub fn append(
    tx: &mut AnyConnection,
    services: &Services,
    call: &Call,
    organization: OrganizationId,
    entry: Entry,
) -> Result<()> {
    let head =
        rows::lock_head(tx, organization)?.ok_or_else(|| Error::defect("audit entry for an absent organization"))?;
    let salt = random::<16>()?;
    let row = chained(services, call, organization, &head, &salt, &entry)?;
    rows::insert(tx, &row)?;
    if let Some(content) = entry.personal {
        rows::insert_personal(tx, organization, row.sequence, &salt, &content)?;
    }
    rows::set_head(tx, organization, row.sequence, &row.mac)?;
    Ok(())
}

/// The row of an entry that follows on `head`.
pub(crate) fn chained(
    services: &Services,
    call: &Call,
    organization: OrganizationId,
    head: &rows::Head,
    salt: &[u8],
    entry: &Entry,
) -> Result<rows::AuditEntry> {
    let actor_kind = match call.actor {
        Some(_) if entry.reason.is_some() => "support",
        Some(_) => "member",
        None if entry.by_link_holder => "link_holder",
        None => "system",
    };
    let mut row = rows::AuditEntry {
        organization_id: organization,
        sequence: head.sequence + 1,
        id: services.id(call.now),
        at: call.now,
        actor_kind: actor_kind.to_owned(),
        account_id: call.actor.map(|actor| actor.account),
        session_id: call.actor.map(|actor| actor.session),
        action: entry.action.to_owned(),
        subject: entry.subject.clone(),
        before: entry.before.clone(),
        after: entry.after.clone(),
        reason: entry.reason.clone(),
        personal_hash: entry.personal.as_ref().map(|text| personal_hash(salt, text)),
        mac: Vec::new(),
    };
    row.mac = chain(services, &head.mac, &row)?;
    Ok(row)
}

/// The MAC of an entry over its predecessor's and its own content.
pub fn chain(services: &Services, previous: &[u8], row: &rows::AuditEntry) -> Result<Vec<u8>> {
    #[derive(Serialize)]
    struct Content<'a> {
        previous: &'a [u8],
        organization: OrganizationId,
        sequence: i64,
        id: EventId,
        at: i64,
        actor_kind: &'a str,
        account: Option<AccountId>,
        session: Option<SessionId>,
        action: &'a str,
        subject: &'a str,
        before: Option<Value>,
        after: Option<Value>,
        reason: Option<&'a str>,
        personal_hash: Option<&'a [u8]>,
    }
    let content = Content {
        previous,
        organization: row.organization_id,
        sequence: row.sequence,
        id: row.id,
        at: row.at.micros(),
        actor_kind: &row.actor_kind,
        account: row.account_id,
        session: row.session_id,
        action: &row.action,
        subject: &row.subject,
        before: row.before.clone(),
        after: row.after.clone(),
        reason: row.reason.as_deref(),
        personal_hash: row.personal_hash.as_deref(),
    };
    let bytes = serde_json::to_vec(&content).map_err(Error::defect)?;
    Ok(services.vault.mac(Purpose::AuditChain, &bytes).to_vec())
}

/// The salted hash under which personal text is chained.
pub fn personal_hash(salt: &[u8], text: &str) -> Vec<u8> {
    Sha256::new().chain_update(salt).chain_update(text.as_bytes()).finalize().to_vec()
}

/// A page of the log, newest first, with the personal text that wasn't erased.
pub async fn list(
    services: &Services,
    organization: OrganizationId,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<(rows::AuditEntry, Option<String>)>> {
    services.db.read(move |conn| Ok(rows::list(conn, organization, before, limit)?)).await
}

/// Entries verified between two reads, so that a long chain holds no thread for long.
const RUN: i64 = 500;

/// What verifying a chain told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// The last entry of the chain as it stands now.
    pub sequence: i64,
    pub head: Vec<u8>,
    /// The first entry that doesn't follow from its predecessor.
    pub first_broken: Option<i64>,
    /// Whether the chain still holds the earlier head it was compared with.
    pub matches_earlier: Option<bool>,
}

impl Verification {
    pub fn is_valid(&self) -> bool {
        self.first_broken.is_none() && self.matches_earlier != Some(false)
    }
}

/// Walks the whole chain and compares it with a head that was noted earlier, where one is given: so that changed,
/// missing and cut-off entries show.
pub async fn verify(
    services: &Services,
    organization: OrganizationId,
    earlier: Option<(i64, Vec<u8>)>,
) -> Result<Verification> {
    let head = services.db.read(move |conn| Ok::<_, Error>(rows::find_head(conn, organization)?)).await?;
    let head = head.ok_or(manager_domain::Code::NotFound)?;
    let mut verification = Verification {
        sequence: head.sequence,
        head: head.mac.clone(),
        first_broken: None,
        matches_earlier: earlier.as_ref().map(|_| false),
    };
    let (mut sequence, mut mac) = (0, Vec::new());
    while sequence < head.sequence && verification.first_broken.is_none() {
        let shared = services.clone();
        let (after, previous) = (sequence, mac.clone());
        // Up to the head that was read: entries appended meanwhile are another verification's business.
        let most = RUN.min(head.sequence - after);
        let run = move |conn: &mut AnyConnection| verify_run(conn, &shared, organization, after, most, previous);
        let (entries, broken) = services.db.read(run).await?;
        if let Some((noted, noted_mac)) = &earlier
            && entries.iter().any(|(sequence, mac)| sequence == noted && mac == noted_mac)
        {
            verification.matches_earlier = Some(true);
        }
        match entries.last() {
            Some((last, last_mac)) => (sequence, mac) = (*last, last_mac.clone()),
            // The head speaks of entries that are gone.
            None => verification.first_broken = Some(sequence + 1),
        }
        verification.first_broken = broken.or(verification.first_broken);
    }
    if verification.first_broken.is_none() && mac != head.mac {
        verification.first_broken = Some(sequence);
    }
    Ok(verification)
}

type Run = (Vec<(i64, Vec<u8>)>, Option<i64>);

fn verify_run(
    conn: &mut AnyConnection,
    services: &Services,
    organization: OrganizationId,
    after: i64,
    most: i64,
    previous: Vec<u8>,
) -> Result<Run> {
    let (mut seen, mut previous) = (Vec::new(), previous);
    for (expected, row) in (after + 1..).zip(rows::list_chain(conn, organization, after, most)?) {
        let personal = rows::find_personal(conn, organization, row.sequence)?;
        let erased_or_true = personal.is_none_or(|(salt, text)| Some(personal_hash(&salt, &text)) == row.personal_hash);
        if row.sequence != expected || chain(services, &previous, &row)? != row.mac || !erased_or_true {
            return Ok((seen, Some(expected)));
        }
        previous.clone_from(&row.mac);
        seen.push((row.sequence, row.mac));
    }
    Ok((seen, None))
}

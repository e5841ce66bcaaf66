//! Rows of the audit log and the head of its chain in the organization's row.

use diesel::prelude::*;
use manager_domain::Instant;
use manager_domain::ids::*;
use serde_json::Value;

use crate::connection::AnyConnection;
use crate::errors::Error;
use crate::schema::{audit_log, audit_personal, organizations};
use crate::sql_types::{Json, sql};

/// An entry as stored.
#[derive(Debug, Clone)]
pub struct AuditEntry {
    pub organization_id: OrganizationId,
    pub sequence: i64,
    pub id: EventId,
    pub at: Instant,
    pub actor_kind: String,
    pub account_id: Option<AccountId>,
    pub session_id: Option<SessionId>,
    pub action: String,
    pub subject: String,
    pub before: Option<Value>,
    pub after: Option<Value>,
    pub reason: Option<String>,
    pub personal_hash: Option<Vec<u8>>,
    pub mac: Vec<u8>,
}

/// The end of an organization's chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    pub sequence: i64,
    pub mac: Vec<u8>,
}

/// Locks the organization's row until the end of the transaction and reads the head of its chain.
pub fn lock_head(tx: &mut AnyConnection, organization: OrganizationId) -> Result<Option<Head>, Error> {
    let find = organizations::table
        .filter(organizations::id.eq(sql(organization)))
        .select((organizations::audit_sequence, organizations::audit_head));
    let row: Option<(i64, Vec<u8>)> = match tx {
        AnyConnection::Pg(c) => find.for_update().first(c).optional()?,
        AnyConnection::Sqlite(c) => find.first(c).optional()?,
    };
    Ok(row.map(|(sequence, mac)| Head { sequence, mac }))
}

pub fn set_head(tx: &mut AnyConnection, organization: OrganizationId, sequence: i64, mac: &[u8]) -> Result<(), Error> {
    diesel::update(organizations::table.filter(organizations::id.eq(sql(organization))))
        .set((organizations::audit_sequence.eq(sequence), organizations::audit_head.eq(mac)))
        .execute(tx)?;
    Ok(())
}

pub fn insert(tx: &mut AnyConnection, row: &AuditEntry) -> Result<(), Error> {
    diesel::insert_into(audit_log::table)
        .values((
            audit_log::organization_id.eq(sql(row.organization_id)),
            audit_log::sequence.eq(row.sequence),
            audit_log::id.eq(sql(row.id)),
            audit_log::at.eq(sql(row.at)),
            audit_log::actor_kind.eq(&row.actor_kind),
            audit_log::account_id.eq(sql(row.account_id)),
            audit_log::session_id.eq(sql(row.session_id)),
            audit_log::action.eq(&row.action),
            audit_log::subject.eq(&row.subject),
            audit_log::before.eq(sql(row.before.clone().map(Json))),
            audit_log::after.eq(sql(row.after.clone().map(Json))),
            audit_log::reason.eq(&row.reason),
            audit_log::personal_hash.eq(&row.personal_hash),
            audit_log::mac.eq(&row.mac),
        ))
        .execute(tx)?;
    Ok(())
}

pub fn insert_personal(
    tx: &mut AnyConnection,
    organization: OrganizationId,
    sequence: i64,
    salt: &[u8],
    content: &str,
) -> Result<(), Error> {
    diesel::insert_into(audit_personal::table)
        .values((
            audit_personal::organization_id.eq(sql(organization)),
            audit_personal::sequence.eq(sequence),
            audit_personal::salt.eq(salt),
            audit_personal::content.eq(content),
        ))
        .execute(tx)?;
    Ok(())
}

type Columns = (
    (OrganizationId, i64, EventId, Instant, String, Option<AccountId>, Option<SessionId>),
    (String, String, Option<Json<Value>>, Option<Json<Value>>, Option<String>, Option<Vec<u8>>, Vec<u8>),
);

impl From<Columns> for AuditEntry {
    fn from((who, what): Columns) -> Self {
        let (organization_id, sequence, id, at, actor_kind, account_id, session_id) = who;
        let (action, subject, before, after, reason, personal_hash, mac) = what;
        Self {
            organization_id,
            sequence,
            id,
            at,
            actor_kind,
            account_id,
            session_id,
            action,
            subject,
            before: before.map(|json| json.0),
            after: after.map(|json| json.0),
            reason,
            personal_hash,
            mac,
        }
    }
}

macro_rules! columns {
    () => {
        (
            (
                audit_log::organization_id,
                audit_log::sequence,
                audit_log::id,
                audit_log::at,
                audit_log::actor_kind,
                audit_log::account_id,
                audit_log::session_id,
            ),
            (
                audit_log::action,
                audit_log::subject,
                audit_log::before,
                audit_log::after,
                audit_log::reason,
                audit_log::personal_hash,
                audit_log::mac,
            ),
        )
    };
}

/// Entries newest first with their personal text where it wasn't erased, those before `before` where given.
pub fn list(
    conn: &mut AnyConnection,
    organization: OrganizationId,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<(AuditEntry, Option<String>)>, Error> {
    let on = audit_personal::organization_id
        .eq(audit_log::organization_id)
        .and(audit_personal::sequence.eq(audit_log::sequence));
    let rows: Vec<(Columns, Option<String>)> = audit_log::table
        .left_join(audit_personal::table.on(on))
        .filter(audit_log::organization_id.eq(sql(organization)))
        .filter(audit_log::sequence.lt(before.unwrap_or(i64::MAX)))
        .order(audit_log::sequence.desc())
        .limit(limit)
        .select((columns!(), audit_personal::content.nullable()))
        .load(conn)?;
    Ok(rows.into_iter().map(|(columns, personal)| (columns.into(), personal)).collect())
}

/// A run of entries in the order of the chain, to verify it.
pub fn list_chain(
    conn: &mut AnyConnection,
    organization: OrganizationId,
    after: i64,
    limit: i64,
) -> Result<Vec<AuditEntry>, Error> {
    let rows: Vec<Columns> = audit_log::table
        .filter(audit_log::organization_id.eq(sql(organization)).and(audit_log::sequence.gt(after)))
        .order(audit_log::sequence)
        .limit(limit)
        .select(columns!())
        .load(conn)?;
    Ok(rows.into_iter().map(AuditEntry::from).collect())
}

/// The salt and the text of an entry's personal part, where it wasn't erased.
pub fn find_personal(
    conn: &mut AnyConnection,
    organization: OrganizationId,
    sequence: i64,
) -> Result<Option<(Vec<u8>, String)>, Error> {
    let query = audit_personal::table
        .filter(audit_personal::organization_id.eq(sql(organization)).and(audit_personal::sequence.eq(sequence)));
    Ok(query.select((audit_personal::salt, audit_personal::content)).first(conn).optional()?)
}

/// The head of the chain, without a lock.
pub fn find_head(conn: &mut AnyConnection, organization: OrganizationId) -> Result<Option<Head>, Error> {
    let query = organizations::table.filter(organizations::id.eq(sql(organization)));
    let row: Option<(i64, Vec<u8>)> =
        query.select((organizations::audit_sequence, organizations::audit_head)).first(conn).optional()?;
    Ok(row.map(|(sequence, mac)| Head { sequence, mac }))
}

/// Erases the personal text of the entries about one subject; their chain goes on proving the rest (ORG-5).
pub fn erase_personal(tx: &mut AnyConnection, organization: OrganizationId, about: &str) -> Result<(), Error> {
    let entries = audit_log::table
        .filter(audit_log::organization_id.eq(sql(organization)).and(audit_log::subject.eq(about)))
        .filter(audit_log::personal_hash.is_not_null())
        .select(audit_log::sequence);
    let personal = audit_personal::table.filter(audit_personal::organization_id.eq(sql(organization)));
    diesel::delete(personal.filter(audit_personal::sequence.eq_any(entries))).execute(tx)?;
    Ok(())
}

/// The invitations that an account accepted or declined, whichever its address was then, with their organizations.
pub fn list_answered(
    conn: &mut AnyConnection,
    account: AccountId,
) -> Result<Vec<(OrganizationId, InvitationId)>, Error> {
    // In the words of the partial index, for no planner sees them in a bound value.
    let answers = "action IN ('invitation.accepted', 'invitation.declined')";
    let rows: Vec<(OrganizationId, String)> = audit_log::table
        .filter(audit_log::account_id.eq(sql(Some(account))))
        .filter(diesel::dsl::sql::<diesel::sql_types::Bool>(answers))
        .select((audit_log::organization_id, audit_log::subject))
        .load(conn)?;
    Ok(rows.into_iter().filter_map(|(organization, id)| Some((organization, id.parse().ok()?))).collect())
}

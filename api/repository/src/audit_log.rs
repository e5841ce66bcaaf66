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

//! What happened to an account, for the person to read.

use diesel::prelude::*;
use manager_domain::Instant;
use manager_domain::ids::*;
use serde_json::Value;

use crate::connection::AnyConnection;
use crate::errors::Error;
use crate::schema::security_log;
use crate::sql_types::{Json, sql};

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = security_log)]
pub struct SecurityEvent {
    pub id: EventId,
    pub account_id: AccountId,
    pub at: Instant,
    pub action: String,
    pub session_id: Option<SessionId>,
    pub ip: String,
    pub device: String,
    pub details: Json<Value>,
}

pub fn insert(tx: &mut AnyConnection, row: &SecurityEvent) -> Result<(), Error> {
    diesel::insert_into(security_log::table)
        .values((
            security_log::id.eq(sql(row.id)),
            security_log::account_id.eq(sql(row.account_id)),
            security_log::at.eq(sql(row.at)),
            security_log::action.eq(&row.action),
            security_log::session_id.eq(sql(row.session_id)),
            security_log::ip.eq(&row.ip),
            security_log::device.eq(&row.device),
            security_log::details.eq(sql(row.details.clone())),
        ))
        .execute(tx)?;
    Ok(())
}

/// Newest first, those older than `before` where given.
pub fn list(
    conn: &mut AnyConnection,
    account: AccountId,
    before: Option<EventId>,
    limit: i64,
) -> Result<Vec<SecurityEvent>, Error> {
    let mut query = security_log::table.filter(security_log::account_id.eq(sql(account))).into_boxed();
    if let Some(before) = before {
        query = query.filter(security_log::id.lt(sql(before)));
    }
    Ok(query.order(security_log::id.desc()).limit(limit).select(SecurityEvent::as_select()).load(conn)?)
}

/// Deletes at most `limit` entries from before `before`.
pub fn purge(tx: &mut AnyConnection, before: Instant, limit: i64) -> Result<usize, Error> {
    let dead = diesel::alias!(security_log as dead);
    let over = dead.filter(dead.field(security_log::at).lt(sql(before)));
    let over = over.select(dead.field(security_log::id)).limit(limit);
    Ok(diesel::delete(security_log::table).filter(security_log::id.eq_any(over)).execute(tx)?)
}

/// Erases the log of an account that is deleted.
pub fn delete_of_account(tx: &mut AnyConnection, account: AccountId) -> Result<(), Error> {
    diesel::delete(security_log::table.filter(security_log::account_id.eq(sql(account)))).execute(tx)?;
    Ok(())
}

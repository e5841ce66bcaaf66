//! What happened to a person's account, written with the change itself.

use manager_domain::ids::*;
use manager_repository::{AnyConnection, Json, security_log as rows};
use serde_json::Value;

use crate::errors::Result;
use crate::{Call, Services};

pub use rows::SecurityEvent;

/// Writes an event into the account's security log.
pub fn append(
    tx: &mut AnyConnection,
    services: &Services,
    call: &Call,
    account: AccountId,
    action: &str,
    details: Value,
) -> Result<()> {
    rows::insert(
        tx,
        &SecurityEvent {
            id: services.id(call.now),
            account_id: account,
            at: call.now,
            action: action.to_owned(),
            session_id: call.actor.map(|actor| actor.session),
            ip: call.ip.clone(),
            device: call.device.clone(),
            details: Json(details),
        },
    )?;
    Ok(())
}

/// A page of the account's security log, newest first.
pub async fn list(
    services: &Services,
    account: AccountId,
    before: Option<EventId>,
    limit: i64,
) -> Result<Vec<SecurityEvent>> {
    services.db.read(move |conn| Ok(rows::list(conn, account, before, limit)?)).await
}

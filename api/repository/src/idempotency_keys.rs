//! Answers kept for repeated requests.

use diesel::prelude::*;
use manager_domain::Instant;
use serde_json::Value;

use crate::connection::AnyConnection;
use crate::errors::Error;
use crate::schema::idempotency_keys;
use crate::sql_types::{Json, sql};

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = idempotency_keys)]
pub struct IdempotencyKey {
    pub scope_hash: Vec<u8>,
    pub body_hash: Vec<u8>,
    /// `running` or `done`.
    pub state: String,
    pub leased_until: Instant,
    pub status: Option<i32>,
    pub headers: Option<Json<Value>>,
    pub body: Option<Vec<u8>>,
    pub expires_at: Instant,
}

/// Claims the key; `false` where it stands already (read it with [`find`]).
pub fn claim(tx: &mut AnyConnection, row: &IdempotencyKey, now: Instant) -> Result<bool, Error> {
    let gone = idempotency_keys::table.filter(idempotency_keys::scope_hash.eq(&row.scope_hash));
    diesel::delete(gone.filter(idempotency_keys::expires_at.le(sql(now)))).execute(tx)?;
    let inserted = crate::each!(tx, |c| diesel::insert_into(idempotency_keys::table)
        .values((
            idempotency_keys::scope_hash.eq(&row.scope_hash),
            idempotency_keys::body_hash.eq(&row.body_hash),
            idempotency_keys::state.eq("running"),
            idempotency_keys::leased_until.eq(sql(row.leased_until)),
            idempotency_keys::expires_at.eq(sql(row.expires_at)),
        ))
        .on_conflict_do_nothing()
        .execute(c)?);
    Ok(inserted == 1)
}

pub fn find(conn: &mut AnyConnection, scope_hash: &[u8]) -> Result<Option<IdempotencyKey>, Error> {
    let query = idempotency_keys::table.filter(idempotency_keys::scope_hash.eq(scope_hash));
    Ok(query.select(IdempotencyKey::as_select()).first(conn).optional()?)
}

/// Takes over a claim whose lease ran out (its process died); exactly one caller wins.
pub fn take_over(
    tx: &mut AnyConnection,
    scope_hash: &[u8],
    now: Instant,
    leased_until: Instant,
) -> Result<bool, Error> {
    let lapsed = idempotency_keys::table.filter(idempotency_keys::scope_hash.eq(scope_hash));
    let lapsed = lapsed.filter(idempotency_keys::state.eq("running").and(idempotency_keys::leased_until.le(sql(now))));
    Ok(diesel::update(lapsed).set(idempotency_keys::leased_until.eq(sql(leased_until))).execute(tx)? == 1)
}

/// Keeps the answer.
pub fn finish(
    tx: &mut AnyConnection,
    scope_hash: &[u8],
    status: i32,
    headers: Value,
    body: &[u8],
) -> Result<(), Error> {
    diesel::update(idempotency_keys::table.filter(idempotency_keys::scope_hash.eq(scope_hash)))
        .set((
            idempotency_keys::state.eq("done"),
            idempotency_keys::status.eq(Some(status)),
            idempotency_keys::headers.eq(sql(Some(Json(headers)))),
            idempotency_keys::body.eq(Some(body)),
        ))
        .execute(tx)?;
    Ok(())
}

/// Forgets the claim, so that the request may be made again.
pub fn release(tx: &mut AnyConnection, scope_hash: &[u8]) -> Result<(), Error> {
    let running = idempotency_keys::table.filter(idempotency_keys::scope_hash.eq(scope_hash));
    diesel::delete(running.filter(idempotency_keys::state.eq("running"))).execute(tx)?;
    Ok(())
}

pub fn purge(tx: &mut AnyConnection, now: Instant) -> Result<usize, Error> {
    Ok(diesel::delete(idempotency_keys::table.filter(idempotency_keys::expires_at.le(sql(now)))).execute(tx)?)
}

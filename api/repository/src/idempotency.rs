//! Claims of repeatable requests, and the answers kept for their repetitions.

use diesel::prelude::*;
use manager_domain::Instant;

use crate::connection::AnyConnection;
use crate::errors::Error;
use crate::schema::idempotency_keys;
use crate::sql_types::sql;

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = idempotency_keys)]
pub struct IdempotencyKey {
    pub scope_hash: Vec<u8>,
    pub body_hash: Vec<u8>,
    /// Until then the claim belongs to whoever made it.
    pub leased_until: Instant,
    /// Sealed: how far a request has come that takes several transactions.
    pub progress: Option<Vec<u8>>,
    /// Sealed; `None` while the request runs.
    pub answer: Option<Vec<u8>>,
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

/// A claim, for whoever still holds it.
macro_rules! held {
    ($scope_hash:expr, $lease:expr) => {
        idempotency_keys::table
            .filter(idempotency_keys::scope_hash.eq($scope_hash))
            .filter(idempotency_keys::state.eq("running").and(idempotency_keys::leased_until.eq(sql($lease))))
    };
}

/// Keeps how far a claimed request has come; `false` where the claim was lost to somebody else.
pub fn advance(tx: &mut AnyConnection, scope_hash: &[u8], lease: Instant, progress: &[u8]) -> Result<bool, Error> {
    let set = idempotency_keys::progress.eq(Some(progress));
    Ok(diesel::update(held!(scope_hash, lease)).set(set).execute(tx)? == 1)
}

/// Keeps the answer of a claimed request; `false` where the claim was lost to somebody else.
pub fn finish(tx: &mut AnyConnection, scope_hash: &[u8], lease: Instant, answer: &[u8]) -> Result<bool, Error> {
    let set = (idempotency_keys::state.eq("done"), idempotency_keys::answer.eq(Some(answer)));
    Ok(diesel::update(held!(scope_hash, lease)).set(set).execute(tx)? == 1)
}

/// Forgets a claim whose request came to nothing, so that it may be made again.
pub fn release(tx: &mut AnyConnection, scope_hash: &[u8], lease: Instant) -> Result<(), Error> {
    diesel::delete(held!(scope_hash, lease)).filter(idempotency_keys::progress.is_null()).execute(tx)?;
    Ok(())
}

/// Deletes at most `limit` that are forgotten by now.
pub fn purge(tx: &mut AnyConnection, now: Instant, limit: i64) -> Result<usize, Error> {
    let dead = diesel::alias!(idempotency_keys as dead);
    let over = dead.filter(dead.field(idempotency_keys::expires_at).le(sql(now)));
    let over = over.select(dead.field(idempotency_keys::scope_hash)).limit(limit);
    Ok(diesel::delete(idempotency_keys::table).filter(idempotency_keys::scope_hash.eq_any(over)).execute(tx)?)
}

//! Pending registrations (ACC-2).

use diesel::prelude::*;
use manager_domain::Instant;
use manager_domain::ids::*;
use serde_json::Value;

use crate::connection::AnyConnection;
use crate::errors::Error;
use crate::schema::registrations;
use crate::sql_types::{Json, sql};

/// A registration that waits for its confirmation.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = registrations)]
pub struct Registration {
    pub id: RegistrationId,
    pub email: String,
    pub email_key: String,
    pub details: Json<Value>,
    pub token_hash: Vec<u8>,
    pub code_hash: Vec<u8>,
    pub code_expires_at: Instant,
    pub code_tries: i32,
    pub expires_at: Instant,
    pub created_at: Instant,
    pub confirmed_at: Option<Instant>,
}

pub fn insert(tx: &mut AnyConnection, row: &Registration) -> Result<(), Error> {
    diesel::insert_into(registrations::table)
        .values((
            registrations::id.eq(sql(row.id)),
            registrations::email.eq(&row.email),
            registrations::email_key.eq(&row.email_key),
            registrations::details.eq(sql(row.details.clone())),
            registrations::token_hash.eq(&row.token_hash),
            registrations::code_hash.eq(&row.code_hash),
            registrations::code_expires_at.eq(sql(row.code_expires_at)),
            registrations::code_tries.eq(row.code_tries),
            registrations::expires_at.eq(sql(row.expires_at)),
            registrations::created_at.eq(sql(row.created_at)),
        ))
        .execute(tx)?;
    Ok(())
}

pub fn find(conn: &mut AnyConnection, id: RegistrationId) -> Result<Option<Registration>, Error> {
    let query = registrations::table.filter(registrations::id.eq(sql(id)));
    Ok(query.select(Registration::as_select()).first(conn).optional()?)
}

pub fn find_by_token(conn: &mut AnyConnection, token_hash: &[u8]) -> Result<Option<Registration>, Error> {
    let query = registrations::table.filter(registrations::token_hash.eq(token_hash));
    Ok(query.select(Registration::as_select()).first(conn).optional()?)
}

/// Counts a try of the mailed code; `false` once `limit` tries are used up. Commits even when the code is wrong.
pub fn count_try(tx: &mut AnyConnection, id: RegistrationId, limit: i32) -> Result<bool, Error> {
    let open = registrations::table.filter(registrations::id.eq(sql(id)).and(registrations::code_tries.lt(limit)));
    let counted = diesel::update(open).set(registrations::code_tries.eq(registrations::code_tries + 1)).execute(tx)?;
    Ok(counted == 1)
}

/// Marks it confirmed; exactly one caller wins.
pub fn confirm(tx: &mut AnyConnection, id: RegistrationId, now: Instant) -> Result<bool, Error> {
    let open = registrations::table.filter(registrations::id.eq(sql(id)).and(registrations::confirmed_at.is_null()));
    let open = open.filter(registrations::expires_at.gt(sql(now)));
    Ok(diesel::update(open).set(registrations::confirmed_at.eq(sql(Some(now)))).execute(tx)? == 1)
}

/// New secrets for a registration that is sent again.
pub fn renew(
    tx: &mut AnyConnection,
    id: RegistrationId,
    token_hash: &[u8],
    code_hash: &[u8],
    code_expires_at: Instant,
) -> Result<(), Error> {
    diesel::update(registrations::table.filter(registrations::id.eq(sql(id))))
        .set((
            registrations::token_hash.eq(token_hash),
            registrations::code_hash.eq(code_hash),
            registrations::code_expires_at.eq(sql(code_expires_at)),
            registrations::code_tries.eq(0),
        ))
        .execute(tx)?;
    Ok(())
}

/// Deletes at most `limit` that can't be confirmed any more.
pub fn purge(tx: &mut AnyConnection, expired_before: Instant, limit: i64) -> Result<usize, Error> {
    let dead = diesel::alias!(registrations as dead);
    let over = dead.filter(dead.field(registrations::expires_at).lt(sql(expired_before)));
    let over = over.select(dead.field(registrations::id)).limit(limit);
    Ok(diesel::delete(registrations::table).filter(registrations::id.eq_any(over)).execute(tx)?)
}

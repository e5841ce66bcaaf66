//! Secrets that were mailed: kept as keyed hashes, bound to a purpose, used once.

use diesel::prelude::*;
use manager_domain::ids::*;
use manager_domain::one_time_tokens::TokenPurpose;
use manager_domain::{Id, Instant};
use serde_json::Value;
use uuid::Uuid;

use crate::connection::AnyConnection;
use crate::errors::Error;
use crate::schema::one_time_tokens;
use crate::sql_types::{Json, sql};

/// A directory row: what a mailed secret is for.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = one_time_tokens)]
pub struct OneTimeToken {
    pub token_hash: Vec<u8>,
    pub purpose: TokenPurpose,
    pub account_id: Option<AccountId>,
    pub organization_id: Option<OrganizationId>,
    /// The id of what the token is about, of whichever kind the purpose implies.
    pub subject: Option<Uuid>,
    pub details: Json<Value>,
    pub created_at: Instant,
    pub expires_at: Instant,
    pub used_at: Option<Instant>,
}

/// The untyped form of an id, to be kept as a token's subject.
pub fn subject<K>(id: Id<K>) -> Uuid {
    id.uuid()
}

impl OneTimeToken {
    /// The subject as an id of the kind the purpose implies.
    pub fn subject_as<K>(&self) -> Option<Id<K>> {
        self.subject.map(Id::from_uuid)
    }
}

pub fn insert(tx: &mut AnyConnection, row: &OneTimeToken) -> Result<(), Error> {
    diesel::insert_into(one_time_tokens::table)
        .values((
            one_time_tokens::token_hash.eq(&row.token_hash),
            one_time_tokens::purpose.eq(sql(row.purpose)),
            one_time_tokens::account_id.eq(sql(row.account_id)),
            one_time_tokens::organization_id.eq(sql(row.organization_id)),
            one_time_tokens::subject.eq(sql(row.subject)),
            one_time_tokens::details.eq(sql(row.details.clone())),
            one_time_tokens::created_at.eq(sql(row.created_at)),
            one_time_tokens::expires_at.eq(sql(row.expires_at)),
        ))
        .execute(tx)?;
    Ok(())
}

/// A token of this purpose, used or not, expired or not.
pub fn find(conn: &mut AnyConnection, token_hash: &[u8], purpose: TokenPurpose) -> Result<Option<OneTimeToken>, Error> {
    let query = one_time_tokens::table.filter(one_time_tokens::token_hash.eq(token_hash));
    let query = query.filter(one_time_tokens::purpose.eq(sql(purpose)));
    Ok(query.select(OneTimeToken::as_select()).first(conn).optional()?)
}

/// The account's newest open token of a purpose.
pub fn find_open_of_account(
    conn: &mut AnyConnection,
    account: AccountId,
    purpose: TokenPurpose,
    now: Instant,
) -> Result<Option<OneTimeToken>, Error> {
    let query = one_time_tokens::table.filter(one_time_tokens::account_id.eq(sql(Some(account))));
    let query = query.filter(one_time_tokens::purpose.eq(sql(purpose)).and(one_time_tokens::used_at.is_null()));
    let query = query.filter(one_time_tokens::expires_at.gt(sql(now))).order(one_time_tokens::created_at.desc());
    Ok(query.select(OneTimeToken::as_select()).first(conn).optional()?)
}

/// Uses the token up; exactly one caller wins.
pub fn consume(tx: &mut AnyConnection, token_hash: &[u8], now: Instant) -> Result<bool, Error> {
    let open = one_time_tokens::table.filter(one_time_tokens::token_hash.eq(token_hash));
    let open = open.filter(one_time_tokens::used_at.is_null().and(one_time_tokens::expires_at.gt(sql(now))));
    Ok(diesel::update(open).set(one_time_tokens::used_at.eq(sql(Some(now)))).execute(tx)? == 1)
}

/// Voids the account's open tokens of a purpose, such as older reset links.
pub fn void_of_account(
    tx: &mut AnyConnection,
    account: AccountId,
    purpose: TokenPurpose,
    now: Instant,
) -> Result<(), Error> {
    let open = one_time_tokens::table.filter(one_time_tokens::account_id.eq(sql(Some(account))));
    let open = open.filter(one_time_tokens::purpose.eq(sql(purpose)).and(one_time_tokens::used_at.is_null()));
    diesel::update(open).set(one_time_tokens::used_at.eq(sql(Some(now)))).execute(tx)?;
    Ok(())
}

/// Deletes whatever was mailed to the account, once it is gone.
pub fn delete_of_account(tx: &mut AnyConnection, account: AccountId) -> Result<(), Error> {
    diesel::delete(one_time_tokens::table.filter(one_time_tokens::account_id.eq(sql(Some(account))))).execute(tx)?;
    Ok(())
}

/// Voids the open tokens about one subject.
pub fn void_of_subject<K>(
    tx: &mut AnyConnection,
    about: Id<K>,
    purpose: TokenPurpose,
    now: Instant,
) -> Result<(), Error> {
    let open = one_time_tokens::table.filter(one_time_tokens::subject.eq(sql(Some(subject(about)))));
    let open = open.filter(one_time_tokens::purpose.eq(sql(purpose)).and(one_time_tokens::used_at.is_null()));
    diesel::update(open).set(one_time_tokens::used_at.eq(sql(Some(now)))).execute(tx)?;
    Ok(())
}

/// Deletes at most `limit` that expired before.
pub fn purge(tx: &mut AnyConnection, expired_before: Instant, limit: i64) -> Result<usize, Error> {
    let dead = diesel::alias!(one_time_tokens as dead);
    let over = dead.filter(dead.field(one_time_tokens::expires_at).lt(sql(expired_before)));
    let over = over.select(dead.field(one_time_tokens::token_hash)).limit(limit);
    Ok(diesel::delete(one_time_tokens::table).filter(one_time_tokens::token_hash.eq_any(over)).execute(tx)?)
}

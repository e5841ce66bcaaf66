//! Quotes: exact lines behind a price token (CAT-5).

use chrono::NaiveDate;
use diesel::prelude::*;
use manager_domain::Instant;
use manager_domain::ids::*;
use manager_domain::quotes::QuotedLines;

use crate::connection::AnyConnection;
use crate::errors::Error;
use crate::schema::quotes;
use crate::sql_types::{Json, sql};

/// A quote as stored.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = quotes)]
pub struct Quote {
    pub organization_id: OrganizationId,
    pub id: QuoteId,
    pub token_hash: Vec<u8>,
    pub cart_id: CartId,
    /// Of what was ordered and for whom, without prices.
    pub content_hash: Vec<u8>,
    pub lines: Json<QuotedLines>,
    pub day: NaiveDate,
    pub created_by: AccountId,
    pub created_at: Instant,
    pub expires_at: Instant,
    pub used_at: Option<Instant>,
}

pub fn insert(tx: &mut AnyConnection, row: &Quote) -> Result<(), Error> {
    diesel::insert_into(quotes::table)
        .values((
            quotes::organization_id.eq(sql(row.organization_id)),
            quotes::id.eq(sql(row.id)),
            quotes::token_hash.eq(&row.token_hash),
            quotes::cart_id.eq(sql(row.cart_id)),
            quotes::content_hash.eq(&row.content_hash),
            quotes::lines.eq(sql(row.lines.clone())),
            quotes::day.eq(row.day),
            quotes::created_by.eq(sql(row.created_by)),
            quotes::created_at.eq(sql(row.created_at)),
            quotes::expires_at.eq(sql(row.expires_at)),
        ))
        .execute(tx)?;
    Ok(())
}

/// A quote by its token, used or not, expired or not.
pub fn find(conn: &mut AnyConnection, organization: OrganizationId, token_hash: &[u8]) -> Result<Option<Quote>, Error> {
    let query = quotes::table.filter(quotes::organization_id.eq(sql(organization)));
    Ok(query.filter(quotes::token_hash.eq(token_hash)).select(Quote::as_select()).first(conn).optional()?)
}

/// Uses the quote up; exactly one caller wins.
pub fn consume(tx: &mut AnyConnection, organization: OrganizationId, id: QuoteId, now: Instant) -> Result<bool, Error> {
    let open = quotes::table.filter(quotes::organization_id.eq(sql(organization)).and(quotes::id.eq(sql(id))));
    let open = open.filter(quotes::used_at.is_null().and(quotes::expires_at.gt(sql(now))));
    Ok(diesel::update(open).set(quotes::used_at.eq(sql(Some(now)))).execute(tx)? == 1)
}

/// Deletes at most `limit` quotes that expired before `before`.
pub fn purge(tx: &mut AnyConnection, before: Instant, limit: i64) -> Result<usize, Error> {
    let dead = quotes::table.filter(quotes::expires_at.lt(sql(before))).limit(limit);
    let dead: Vec<(OrganizationId, QuoteId)> = dead.select((quotes::organization_id, quotes::id)).load(tx)?;
    for &(organization, id) in &dead {
        let one = quotes::organization_id.eq(sql(organization)).and(quotes::id.eq(sql(id)));
        diesel::delete(quotes::table.filter(one)).execute(tx)?;
    }
    Ok(dead.len())
}

//! Counters of attempts per window, shared by all server processes.

use diesel::prelude::*;
use manager_domain::Instant;

use crate::connection::AnyConnection;
use crate::errors::Error;
use crate::schema::throttles;
use crate::sql_types::sql;

/// A counter after an attempt was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    pub count: i32,
    pub window_ends_at: Instant,
}

/// The counter's state without counting; `None` where no window runs.
pub fn peek(conn: &mut AnyConnection, bucket_hash: &[u8], now: Instant) -> Result<Option<Count>, Error> {
    let query = throttles::table.filter(throttles::bucket_hash.eq(bucket_hash));
    let query = query.filter(throttles::window_ends_at.gt(sql(now)));
    let row: Option<(i32, Instant)> =
        query.select((throttles::count, throttles::window_ends_at)).first(conn).optional()?;
    Ok(row.map(|(count, window_ends_at)| Count { count, window_ends_at }))
}

/// Counts an attempt unless the bound is reached, starting a window that ends at `ends_at` where none runs; tells
/// whether it was counted, and the state.
pub fn count(
    tx: &mut AnyConnection,
    bucket_hash: &[u8],
    max: i32,
    now: Instant,
    ends_at: Instant,
) -> Result<(bool, Count), Error> {
    let lapsed = throttles::table.filter(throttles::bucket_hash.eq(bucket_hash));
    diesel::delete(lapsed.filter(throttles::window_ends_at.le(sql(now)))).execute(tx)?;
    crate::each!(tx, |c| diesel::insert_into(throttles::table)
        .values((
            throttles::bucket_hash.eq(bucket_hash),
            throttles::count.eq(0),
            throttles::window_ends_at.eq(sql(ends_at)),
        ))
        .on_conflict_do_nothing()
        .execute(c)?);
    // Guarded: of attempts at the same time no more win than there is room for.
    let free = throttles::table.filter(throttles::bucket_hash.eq(bucket_hash).and(throttles::count.lt(max)));
    let counted = diesel::update(free).set(throttles::count.eq(throttles::count + 1)).execute(tx)? == 1;
    let row: Option<(i32, Instant)> = throttles::table
        .filter(throttles::bucket_hash.eq(bucket_hash))
        .select((throttles::count, throttles::window_ends_at))
        .first(tx)
        .optional()?;
    // Gone where a success that came between reset it: counted again from there.
    let (count, window_ends_at) = row.ok_or(Error::Conflict)?;
    Ok((counted, Count { count, window_ends_at }))
}

/// Takes one counted attempt back.
pub fn give_back(tx: &mut AnyConnection, bucket_hash: &[u8]) -> Result<(), Error> {
    let counted = throttles::table.filter(throttles::bucket_hash.eq(bucket_hash).and(throttles::count.gt(0)));
    diesel::update(counted).set(throttles::count.eq(throttles::count - 1)).execute(tx)?;
    Ok(())
}

pub fn reset(tx: &mut AnyConnection, bucket_hash: &[u8]) -> Result<(), Error> {
    diesel::delete(throttles::table.filter(throttles::bucket_hash.eq(bucket_hash))).execute(tx)?;
    Ok(())
}

/// Deletes at most `limit` that are over.
pub fn purge(tx: &mut AnyConnection, now: Instant, limit: i64) -> Result<usize, Error> {
    let dead = diesel::alias!(throttles as dead);
    let over = dead.filter(dead.field(throttles::window_ends_at).le(sql(now)));
    let over = over.select(dead.field(throttles::bucket_hash)).limit(limit);
    Ok(diesel::delete(throttles::table).filter(throttles::bucket_hash.eq_any(over)).execute(tx)?)
}

//! Sessions and their refresh tokens.

use diesel::internal::derives::as_expression::Bound;
use diesel::prelude::*;
use manager_domain::Instant;
use manager_domain::ids::*;
use manager_domain::languages::Language;

use crate::accounts::Account;
use crate::connection::AnyConnection;
use crate::errors::Error;
use crate::schema::{accounts, sessions, spent_refresh_tokens};
use crate::sql_types::{SqlInstant, sql};

/// A session as stored.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = sessions)]
pub struct Session {
    pub id: SessionId,
    pub account_id: AccountId,
    /// `bearer` or `cookie`.
    pub mode: String,
    pub secret_hash: Vec<u8>,
    pub previous_hash: Option<Vec<u8>>,
    pub successor: Option<Vec<u8>>,
    pub successor_until: Option<Instant>,
    pub device: String,
    pub ip: String,
    pub created_at: Instant,
    pub authenticated_at: Instant,
    pub last_used_at: Instant,
    pub expires_at: Instant,
    pub ended_at: Option<Instant>,
    /// The account's.
    pub locale: Language,
}

impl Session {
    /// Whether a browser keeps it in a cookie; else a client has its tokens.
    pub fn is_cookie(&self) -> bool {
        self.mode == "cookie"
    }
}

pub fn insert(tx: &mut AnyConnection, row: &Session) -> Result<(), Error> {
    diesel::insert_into(sessions::table)
        .values((
            sessions::id.eq(sql(row.id)),
            sessions::account_id.eq(sql(row.account_id)),
            sessions::mode.eq(&row.mode),
            sessions::secret_hash.eq(&row.secret_hash),
            sessions::device.eq(&row.device),
            sessions::ip.eq(&row.ip),
            sessions::created_at.eq(sql(row.created_at)),
            sessions::authenticated_at.eq(sql(row.authenticated_at)),
            sessions::last_used_at.eq(sql(row.last_used_at)),
            sessions::expires_at.eq(sql(row.expires_at)),
            sessions::locale.eq(sql(row.locale)),
        ))
        .execute(tx)?;
    Ok(())
}

/// The account chose another language.
pub fn set_locale(tx: &mut AnyConnection, account: AccountId, locale: Language) -> Result<(), Error> {
    let living = sessions::table.filter(sessions::account_id.eq(sql(account)).and(sessions::ended_at.is_null()));
    diesel::update(living).set(sessions::locale.eq(sql(locale))).execute(tx)?;
    Ok(())
}

/// Who is neither ended nor past its time.
#[diesel::dsl::auto_type]
pub(crate) fn living(now: Instant) -> _ {
    let now: Bound<SqlInstant, Instant> = sql(now);
    sessions::ended_at.is_null().and(sessions::expires_at.gt(now))
}

/// Whether the session is living.
pub fn is_living(conn: &mut AnyConnection, id: SessionId, now: Instant) -> Result<bool, Error> {
    let found = sessions::table.filter(sessions::id.eq(sql(id)).and(living(now)));
    Ok(found.select(sessions::id).first::<SessionId>(conn).optional()?.is_some())
}

/// A living session with its account, in one query.
pub fn find_living(conn: &mut AnyConnection, id: SessionId, now: Instant) -> Result<Option<(Session, Account)>, Error> {
    let query = sessions::table.inner_join(accounts::table).filter(sessions::id.eq(sql(id)));
    let query = query.filter(living(now));
    let query = query.filter(accounts::deleted_at.is_null());
    Ok(query.select((Session::as_select(), Account::as_select())).first(conn).optional()?)
}

/// A living session by its current secret: what a browser's cookie holds.
pub fn find_by_secret(
    conn: &mut AnyConnection,
    secret_hash: &[u8],
    now: Instant,
) -> Result<Option<(Session, Account)>, Error> {
    // A refresh token is none.
    let query = sessions::table.inner_join(accounts::table).filter(sessions::secret_hash.eq(secret_hash));
    let query = query.filter(sessions::mode.eq("cookie"));
    let query = query.filter(living(now));
    let query = query.filter(accounts::deleted_at.is_null());
    Ok(query.select((Session::as_select(), Account::as_select())).first(conn).optional()?)
}

/// The session a secret belongs or belonged to, by whichever generation.
pub fn find_by_any_secret(conn: &mut AnyConnection, secret_hash: &[u8]) -> Result<Option<Session>, Error> {
    let current = sessions::table.filter(sessions::secret_hash.eq(secret_hash));
    if let Some(session) = current.select(Session::as_select()).first(conn).optional()? {
        return Ok(Some(session));
    }
    let spent = sessions::table.inner_join(spent_refresh_tokens::table);
    let spent = spent.filter(spent_refresh_tokens::token_hash.eq(secret_hash));
    Ok(spent.select(Session::as_select()).first(conn).optional()?)
}

/// What a rotation of the refresh token writes.
pub struct Rotation<'r> {
    pub from_hash: &'r [u8],
    pub to_hash: &'r [u8],
    /// The successor, encrypted under a key derived from its predecessor, for a client that lost the answer.
    pub successor: &'r [u8],
    pub successor_until: Instant,
    pub expires_at: Instant,
    pub ip: &'r str,
    pub device: &'r str,
    pub now: Instant,
}

/// Rotates the secret; exactly one caller wins, the others find the session already moved on.
pub fn rotate(tx: &mut AnyConnection, id: SessionId, rotation: &Rotation<'_>) -> Result<bool, Error> {
    let current = sessions::table.filter(sessions::id.eq(sql(id)).and(sessions::secret_hash.eq(rotation.from_hash)));
    let current = current.filter(sessions::ended_at.is_null());
    let rotated = diesel::update(current)
        .set((
            sessions::secret_hash.eq(rotation.to_hash),
            sessions::previous_hash.eq(Some(rotation.from_hash)),
            sessions::successor.eq(Some(rotation.successor)),
            sessions::successor_until.eq(sql(Some(rotation.successor_until))),
            sessions::expires_at.eq(sql(rotation.expires_at)),
            sessions::last_used_at.eq(sql(rotation.now)),
            sessions::ip.eq(rotation.ip),
            sessions::device.eq(rotation.device),
        ))
        .execute(tx)?;
    if rotated == 1 {
        diesel::insert_into(spent_refresh_tokens::table)
            .values((
                spent_refresh_tokens::token_hash.eq(rotation.from_hash),
                spent_refresh_tokens::session_id.eq(sql(id)),
                spent_refresh_tokens::spent_at.eq(sql(rotation.now)),
            ))
            .execute(tx)?;
    }
    Ok(rotated == 1)
}

/// Notes that the session was used and gives it a new end, unless that was noted after `before`.
pub fn touch(
    tx: &mut AnyConnection,
    id: SessionId,
    before: Instant,
    now: Instant,
    expires_at: Instant,
) -> Result<(), Error> {
    let living = sessions::table.filter(sessions::id.eq(sql(id)).and(sessions::ended_at.is_null()));
    let living = living.filter(sessions::expires_at.gt(sql(now)).and(sessions::last_used_at.lt(sql(before))));
    diesel::update(living)
        .set((sessions::last_used_at.eq(sql(now)), sessions::expires_at.eq(sql(expires_at))))
        .execute(tx)?;
    Ok(())
}

/// Notes that the session proved its password just now.
pub fn set_authenticated(tx: &mut AnyConnection, id: SessionId, now: Instant) -> Result<(), Error> {
    diesel::update(sessions::table.filter(sessions::id.eq(sql(id))))
        .set(sessions::authenticated_at.eq(sql(now)))
        .execute(tx)?;
    Ok(())
}

/// The account's living sessions, newest first, from the one before `before` on.
pub fn list_living(
    conn: &mut AnyConnection,
    account: AccountId,
    before: Option<SessionId>,
    limit: i64,
    now: Instant,
) -> Result<Vec<Session>, Error> {
    let query = sessions::table.filter(sessions::account_id.eq(sql(account)));
    let mut query = query.filter(sessions::ended_at.is_null().and(sessions::expires_at.gt(sql(now)))).into_boxed();
    if let Some(before) = before {
        query = query.filter(sessions::id.lt(sql(before)));
    }
    Ok(query.order(sessions::id.desc()).limit(limit).select(Session::as_select()).load(conn)?)
}

/// Ends one living session of the account; tells whether there was one.
pub fn end(tx: &mut AnyConnection, account: AccountId, id: SessionId, now: Instant) -> Result<bool, Error> {
    let living = sessions::table.filter(sessions::id.eq(sql(id)).and(sessions::account_id.eq(sql(account))));
    let living = living.filter(sessions::ended_at.is_null().and(sessions::expires_at.gt(sql(now))));
    Ok(diesel::update(living).set(sessions::ended_at.eq(sql(Some(now)))).execute(tx)? == 1)
}

/// Ends all of the account's sessions but `spare`; answers how many.
pub fn end_all(
    tx: &mut AnyConnection,
    account: AccountId,
    spare: Option<SessionId>,
    now: Instant,
) -> Result<usize, Error> {
    let living = sessions::table.filter(sessions::account_id.eq(sql(account)).and(sessions::ended_at.is_null()));
    Ok(match spare {
        Some(spare) => diesel::update(living.filter(sessions::id.ne(sql(spare))))
            .set(sessions::ended_at.eq(sql(Some(now))))
            .execute(tx)?,
        None => diesel::update(living).set(sessions::ended_at.eq(sql(Some(now)))).execute(tx)?,
    })
}

/// Deletes at most `limit` sessions that ended or expired before `before`, with their spent tokens.
pub fn purge(tx: &mut AnyConnection, before: Instant, limit: i64) -> Result<usize, Error> {
    let dead = diesel::alias!(sessions as dead);
    let ended = dead.field(sessions::ended_at).lt(sql(Some(before))).assume_not_null();
    let over = dead.filter(dead.field(sessions::expires_at).lt(sql(before)).or(ended));
    let over = over.select(dead.field(sessions::id)).limit(limit);
    Ok(diesel::delete(sessions::table).filter(sessions::id.eq_any(over)).execute(tx)?)
}

//! Requested and performed changes of login IDs (ACC-5).

use diesel::prelude::*;
use manager_domain::Instant;
use manager_domain::ids::*;

use crate::connection::AnyConnection;
use crate::errors::Error;
use crate::schema::login_id_changes;
use crate::sql_types::sql;

/// A change with what undo needs: the state before it.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = login_id_changes)]
pub struct LoginIdChange {
    pub id: LoginIdChangeId,
    pub account_id: AccountId,
    pub session_id: SessionId,
    /// `pending`, `confirmed`, `cancelled`, `superseded` or `undone`.
    pub state: String,
    pub old_login_id: String,
    pub old_login_key: String,
    pub new_login_id: String,
    pub new_login_key: String,
    pub old_password_hash: String,
    pub old_recovery_email: Option<String>,
    pub old_recovery_key: Option<String>,
    pub created_at: Instant,
    pub expires_at: Instant,
    pub confirmed_at: Option<Instant>,
    pub undo_until: Option<Instant>,
}

pub fn insert(tx: &mut AnyConnection, row: &LoginIdChange) -> Result<(), Error> {
    diesel::insert_into(login_id_changes::table)
        .values((
            login_id_changes::id.eq(sql(row.id)),
            login_id_changes::account_id.eq(sql(row.account_id)),
            login_id_changes::session_id.eq(sql(row.session_id)),
            login_id_changes::state.eq(&row.state),
            login_id_changes::old_login_id.eq(&row.old_login_id),
            login_id_changes::old_login_key.eq(&row.old_login_key),
            login_id_changes::new_login_id.eq(&row.new_login_id),
            login_id_changes::new_login_key.eq(&row.new_login_key),
            login_id_changes::old_password_hash.eq(&row.old_password_hash),
            login_id_changes::old_recovery_email.eq(&row.old_recovery_email),
            login_id_changes::old_recovery_key.eq(&row.old_recovery_key),
            login_id_changes::created_at.eq(sql(row.created_at)),
            login_id_changes::expires_at.eq(sql(row.expires_at)),
        ))
        .execute(tx)?;
    Ok(())
}

pub fn find(conn: &mut AnyConnection, id: LoginIdChangeId) -> Result<Option<LoginIdChange>, Error> {
    let query = login_id_changes::table.filter(login_id_changes::id.eq(sql(id)));
    Ok(query.select(LoginIdChange::as_select()).first(conn).optional()?)
}

/// The account's pending change, unless it expired.
pub fn find_pending(
    conn: &mut AnyConnection,
    account: AccountId,
    now: Instant,
) -> Result<Option<LoginIdChange>, Error> {
    let query = login_id_changes::table.filter(login_id_changes::account_id.eq(sql(account)));
    let query = query.filter(login_id_changes::state.eq("pending").and(login_id_changes::expires_at.gt(sql(now))));
    Ok(query.select(LoginIdChange::as_select()).first(conn).optional()?)
}

/// Closes the account's pending change as `state`; tells whether there was one.
pub fn close_pending(tx: &mut AnyConnection, account: AccountId, state: &str) -> Result<bool, Error> {
    let pending = login_id_changes::table.filter(login_id_changes::account_id.eq(sql(account)));
    let pending = pending.filter(login_id_changes::state.eq("pending"));
    Ok(diesel::update(pending).set(login_id_changes::state.eq(state)).execute(tx)? > 0)
}

/// Marks it confirmed; exactly one caller wins.
pub fn confirm(tx: &mut AnyConnection, id: LoginIdChangeId, now: Instant, undo_until: Instant) -> Result<bool, Error> {
    let pending = login_id_changes::table.filter(login_id_changes::id.eq(sql(id)));
    let pending = pending.filter(login_id_changes::state.eq("pending").and(login_id_changes::expires_at.gt(sql(now))));
    let confirmed = diesel::update(pending)
        .set((
            login_id_changes::state.eq("confirmed"),
            login_id_changes::confirmed_at.eq(sql(Some(now))),
            login_id_changes::undo_until.eq(sql(Some(undo_until))),
        ))
        .execute(tx)?;
    Ok(confirmed == 1)
}

/// The account's confirmed changes since `since` (that one included), oldest first.
pub fn list_confirmed_since(
    conn: &mut AnyConnection,
    account: AccountId,
    since: LoginIdChangeId,
) -> Result<Vec<LoginIdChange>, Error> {
    let query = login_id_changes::table.filter(login_id_changes::account_id.eq(sql(account)));
    let query = query.filter(login_id_changes::state.eq("confirmed").and(login_id_changes::id.ge(sql(since))));
    Ok(query.order(login_id_changes::id).select(LoginIdChange::as_select()).load(conn)?)
}

/// Until when an address stays reserved by a change before `before` that can still be undone.
pub fn reserved_until(
    conn: &mut AnyConnection,
    account: AccountId,
    old_key: &str,
    before: LoginIdChangeId,
    now: Instant,
) -> Result<Option<Instant>, Error> {
    let query = login_id_changes::table.filter(login_id_changes::account_id.eq(sql(account)));
    let query = query.filter(login_id_changes::state.eq("confirmed").and(login_id_changes::id.lt(sql(before))));
    let query = query.filter(login_id_changes::old_login_key.eq(old_key));
    let query = query.filter(login_id_changes::undo_until.gt(sql(Some(now))));
    let latest = query.order(login_id_changes::undo_until.desc()).select(login_id_changes::undo_until);
    Ok(latest.first::<Option<Instant>>(conn).optional()?.flatten())
}

/// The latest change that keeps its former address for undo.
pub fn find_keeping(conn: &mut AnyConnection, address_key: &str, now: Instant) -> Result<Option<LoginIdChange>, Error> {
    let query = login_id_changes::table.filter(login_id_changes::old_login_key.eq(address_key));
    let query = query.filter(login_id_changes::state.eq("confirmed"));
    let query = query.filter(login_id_changes::undo_until.gt(sql(Some(now))));
    Ok(query.order(login_id_changes::id.desc()).select(LoginIdChange::as_select()).first(conn).optional()?)
}

/// Until when the account's latest change can be undone.
pub fn undo_open_until(conn: &mut AnyConnection, account: AccountId, now: Instant) -> Result<Option<Instant>, Error> {
    let query = login_id_changes::table.filter(login_id_changes::account_id.eq(sql(account)));
    let query = query.filter(login_id_changes::state.eq("confirmed"));
    let query = query.filter(login_id_changes::undo_until.gt(sql(Some(now))));
    let latest = query.order(login_id_changes::undo_until.desc()).select(login_id_changes::undo_until);
    Ok(latest.first::<Option<Instant>>(conn).optional()?.flatten())
}

/// Deletes at most `limit` changes that are over: nothing of them can be undone or confirmed any more.
pub fn purge(tx: &mut AnyConnection, before: Instant, limit: i64) -> Result<usize, Error> {
    let dead = diesel::alias!(login_id_changes as dead);
    let undo_until = dead.field(login_id_changes::undo_until);
    let undoable = undo_until.ge(sql(Some(before))).assume_not_null();
    let over = dead.field(login_id_changes::expires_at).lt(sql(before));
    let over = dead.filter(over.and(undo_until.is_null().or(diesel::dsl::not(undoable))));
    let over = over.select(dead.field(login_id_changes::id)).limit(limit);
    Ok(diesel::delete(login_id_changes::table).filter(login_id_changes::id.eq_any(over)).execute(tx)?)
}

/// Forgets the addresses and passwords of the account's changes; nothing of them can be undone then.
pub fn delete_of_account(tx: &mut AnyConnection, account: AccountId) -> Result<(), Error> {
    diesel::delete(login_id_changes::table.filter(login_id_changes::account_id.eq(sql(account)))).execute(tx)?;
    Ok(())
}

/// Marks this and every later confirmed change as undone.
pub fn mark_undone(tx: &mut AnyConnection, account: AccountId, since: LoginIdChangeId) -> Result<(), Error> {
    let later = login_id_changes::table.filter(login_id_changes::account_id.eq(sql(account)));
    let later = later.filter(login_id_changes::state.eq("confirmed").and(login_id_changes::id.ge(sql(since))));
    diesel::update(later).set(login_id_changes::state.eq("undone")).execute(tx)?;
    Ok(())
}

/// A pending change dies with the session that asked for it (ACC-5).
pub fn close_pending_of_session(tx: &mut AnyConnection, account: AccountId, session: SessionId) -> Result<(), Error> {
    let pending = login_id_changes::table.filter(login_id_changes::account_id.eq(sql(account)));
    let pending = pending.filter(login_id_changes::state.eq("pending"));
    let pending = pending.filter(login_id_changes::session_id.eq(sql(session)));
    diesel::update(pending).set(login_id_changes::state.eq("cancelled")).execute(tx)?;
    Ok(())
}

/// Closes the pending change unless the session `spare` asked for it.
pub fn close_pending_but(tx: &mut AnyConnection, account: AccountId, spare: Option<SessionId>) -> Result<(), Error> {
    let Some(spare) = spare else {
        close_pending(tx, account, "cancelled")?;
        return Ok(());
    };
    let pending = login_id_changes::table.filter(login_id_changes::account_id.eq(sql(account)));
    let pending = pending.filter(login_id_changes::state.eq("pending"));
    let pending = pending.filter(login_id_changes::session_id.ne(sql(spare)));
    diesel::update(pending).set(login_id_changes::state.eq("cancelled")).execute(tx)?;
    Ok(())
}

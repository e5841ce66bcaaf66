//! Accounts and the addresses they log in with.

use diesel::prelude::*;
use manager_domain::Instant;
use manager_domain::ids::*;
use manager_domain::languages::Language;
use manager_domain::staff::StaffRole;
use serde_json::Value;

use crate::connection::AnyConnection;
use crate::errors::Error;
use crate::schema::{accounts, login_addresses};
use crate::sql_types::{Json, sql};

/// A person's account as stored.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = accounts)]
pub struct Account {
    pub id: AccountId,
    pub login_id: String,
    pub first_name: String,
    pub last_name: String,
    pub display_name: Option<String>,
    pub locale: Language,
    pub time_zone: String,
    pub password_hash: Option<String>,
    pub password_version: i32,
    pub recovery_email: Option<String>,
    pub recovery_key: Option<String>,
    pub default_organization_id: Option<OrganizationId>,
    pub ui_settings: Json<Value>,
    pub avatar_etag: Option<String>,
    pub staff_role: Option<StaffRole>,
    pub version: i64,
    pub created_at: Instant,
    pub updated_at: Instant,
    pub deleted_at: Option<Instant>,
}

impl Account {
    /// One that nobody can log in to yet, without a name.
    pub fn new(id: AccountId, login_id: &str, locale: Language, time_zone: &str, now: Instant) -> Self {
        Self {
            id,
            login_id: login_id.to_owned(),
            first_name: String::new(),
            last_name: String::new(),
            display_name: None,
            locale,
            time_zone: time_zone.to_owned(),
            password_hash: None,
            password_version: 1,
            recovery_email: None,
            recovery_key: None,
            default_organization_id: None,
            ui_settings: Json(Value::Object(serde_json::Map::new())),
            avatar_etag: None,
            staff_role: None,
            version: 1,
            created_at: now,
            updated_at: now,
            deleted_at: None,
        }
    }

    /// The name to show.
    pub fn name(&self) -> String {
        manager_domain::accounts::display_name(self.display_name.as_deref(), &self.first_name, &self.last_name)
    }
}

pub fn find(conn: &mut AnyConnection, id: AccountId) -> Result<Option<Account>, Error> {
    let query = accounts::table.filter(accounts::id.eq(sql(id)).and(accounts::deleted_at.is_null()));
    Ok(query.select(Account::as_select()).first(conn).optional()?)
}

/// A living account, its row locked until the end of the transaction, so that what decides by its state (password,
/// login ID, sessions) happens one after the other.
pub fn lock(tx: &mut AnyConnection, id: AccountId) -> Result<Option<Account>, Error> {
    let query = accounts::table.filter(accounts::id.eq(sql(id)).and(accounts::deleted_at.is_null()));
    Ok(match tx {
        AnyConnection::Pg(c) => query.select(Account::as_select()).for_no_key_update().first(c).optional()?,
        AnyConnection::Sqlite(c) => query.select(Account::as_select()).first(c).optional()?,
    })
}

/// The accounts that an address may reset the password of: the one that logs in with it, and those whose recovery
/// address it is; at most `limit`.
pub fn list_by_reset_key(conn: &mut AnyConnection, key: &str, limit: i64) -> Result<Vec<Account>, Error> {
    let mut found: Vec<Account> = find_by_login_key(conn, key)?.into_iter().collect();
    let query = accounts::table.filter(accounts::recovery_key.eq(key).and(accounts::deleted_at.is_null()));
    found.extend(query.order(accounts::id).limit(limit).select(Account::as_select()).load(conn)?);
    Ok(found)
}

/// The account that logs in with the address whose comparison key this is.
pub fn find_by_login_key(conn: &mut AnyConnection, key: &str) -> Result<Option<Account>, Error> {
    let query = accounts::table.inner_join(login_addresses::table.on(login_addresses::account_id.eq(accounts::id)));
    let query = query.filter(login_addresses::address_key.eq(key).and(login_addresses::kind.eq("current")));
    let query = query.filter(accounts::deleted_at.is_null());
    Ok(query.select(Account::as_select()).first(conn).optional()?)
}

pub fn insert(tx: &mut AnyConnection, account: &Account) -> Result<(), Error> {
    diesel::insert_into(accounts::table)
        .values((
            accounts::id.eq(sql(account.id)),
            accounts::login_id.eq(&account.login_id),
            accounts::first_name.eq(&account.first_name),
            accounts::last_name.eq(&account.last_name),
            accounts::display_name.eq(&account.display_name),
            accounts::locale.eq(sql(account.locale)),
            accounts::time_zone.eq(&account.time_zone),
            accounts::password_hash.eq(&account.password_hash),
            accounts::password_version.eq(account.password_version),
            accounts::recovery_email.eq(&account.recovery_email),
            accounts::recovery_key.eq(&account.recovery_key),
            accounts::default_organization_id.eq(sql(account.default_organization_id)),
            accounts::ui_settings.eq(sql(account.ui_settings.clone())),
            accounts::avatar_etag.eq(&account.avatar_etag),
            accounts::staff_role.eq(sql(account.staff_role)),
            accounts::version.eq(account.version),
            accounts::created_at.eq(sql(account.created_at)),
            accounts::updated_at.eq(sql(account.updated_at)),
        ))
        .execute(tx)?;
    Ok(())
}

/// Writes the profile and preferences if the account is still at `account.version`, and counts the version up.
pub fn update_profile(tx: &mut AnyConnection, account: &Account, now: Instant) -> Result<bool, Error> {
    let current = accounts::table.filter(accounts::id.eq(sql(account.id)).and(accounts::version.eq(account.version)));
    let changed = diesel::update(current)
        .set((
            accounts::first_name.eq(&account.first_name),
            accounts::last_name.eq(&account.last_name),
            accounts::display_name.eq(&account.display_name),
            accounts::locale.eq(sql(account.locale)),
            accounts::time_zone.eq(&account.time_zone),
            accounts::default_organization_id.eq(sql(account.default_organization_id)),
            accounts::ui_settings.eq(sql(account.ui_settings.clone())),
            accounts::version.eq(account.version + 1),
            accounts::updated_at.eq(sql(now)),
        ))
        .execute(tx)?;
    Ok(changed == 1)
}

/// Sets a new password hash if the credential is still at `version`; counts the version up when `renewed` (a mere
/// rehash keeps it).
pub fn set_password(
    tx: &mut AnyConnection,
    id: AccountId,
    version: i32,
    hash: &str,
    renewed: bool,
    now: Instant,
) -> Result<bool, Error> {
    let current = accounts::table.filter(accounts::id.eq(sql(id)).and(accounts::password_version.eq(version)));
    let current = current.filter(accounts::deleted_at.is_null());
    let changed = diesel::update(current)
        .set((
            accounts::password_hash.eq(hash),
            accounts::password_version.eq(version + i32::from(renewed)),
            accounts::version.eq(accounts::version + 1),
            accounts::updated_at.eq(sql(now)),
        ))
        .execute(tx)?;
    Ok(changed == 1)
}

/// Sets or removes the recovery address.
pub fn set_recovery_email(
    tx: &mut AnyConnection,
    id: AccountId,
    email: Option<(&str, &str)>,
    now: Instant,
) -> Result<(), Error> {
    diesel::update(accounts::table.filter(accounts::id.eq(sql(id))))
        .set((
            accounts::recovery_email.eq(email.map(|(stored, _)| stored)),
            accounts::recovery_key.eq(email.map(|(_, key)| key)),
            accounts::version.eq(accounts::version + 1),
            accounts::updated_at.eq(sql(now)),
        ))
        .execute(tx)?;
    Ok(())
}

pub fn set_login_id(tx: &mut AnyConnection, id: AccountId, login_id: &str, now: Instant) -> Result<(), Error> {
    diesel::update(accounts::table.filter(accounts::id.eq(sql(id))))
        .set((
            accounts::login_id.eq(login_id),
            accounts::version.eq(accounts::version + 1),
            accounts::updated_at.eq(sql(now)),
        ))
        .execute(tx)?;
    Ok(())
}

pub fn set_staff_role(
    tx: &mut AnyConnection,
    id: AccountId,
    role: Option<StaffRole>,
    now: Instant,
) -> Result<(), Error> {
    diesel::update(accounts::table.filter(accounts::id.eq(sql(id))))
        .set((
            accounts::staff_role.eq(sql(role)),
            accounts::version.eq(accounts::version + 1),
            accounts::updated_at.eq(sql(now)),
        ))
        .execute(tx)?;
    Ok(())
}

/// Points to the stored picture, or to none.
pub fn set_avatar(tx: &mut AnyConnection, id: AccountId, etag: Option<&str>, now: Instant) -> Result<bool, Error> {
    let living = accounts::table.filter(accounts::id.eq(sql(id)).and(accounts::deleted_at.is_null()));
    let changed = diesel::update(living)
        .set((
            accounts::avatar_etag.eq(etag),
            accounts::version.eq(accounts::version + 1),
            accounts::updated_at.eq(sql(now)),
        ))
        .execute(tx)?;
    Ok(changed == 1)
}

/// Erases what is personal; the row stays so that the id is never reused (ACC-10).
pub fn erase(tx: &mut AnyConnection, id: AccountId, now: Instant) -> Result<bool, Error> {
    diesel::delete(login_addresses::table.filter(login_addresses::account_id.eq(sql(id)))).execute(tx)?;
    let living = accounts::table.filter(accounts::id.eq(sql(id)).and(accounts::deleted_at.is_null()));
    let changed = diesel::update(living)
        .set((
            accounts::login_id.eq(""),
            accounts::first_name.eq(""),
            accounts::last_name.eq(""),
            accounts::display_name.eq(None::<String>),
            accounts::password_hash.eq(None::<String>),
            accounts::password_version.eq(accounts::password_version + 1),
            accounts::recovery_email.eq(None::<String>),
            accounts::recovery_key.eq(None::<String>),
            accounts::default_organization_id.eq(sql(None::<OrganizationId>)),
            accounts::ui_settings.eq(sql(Json(Value::Object(serde_json::Map::new())))),
            accounts::avatar_etag.eq(None::<String>),
            accounts::staff_role.eq(sql(None::<StaffRole>)),
            accounts::version.eq(accounts::version + 1),
            accounts::updated_at.eq(sql(now)),
            accounts::deleted_at.eq(sql(Some(now))),
        ))
        .execute(tx)?;
    Ok(changed == 1)
}

/// Makes an address the account's own; `false` where another account has or keeps it (ACC-1, ACC-5).
///
/// A reservation that ran out gives way, and the account's own reservation turns into use.
pub fn claim_address(tx: &mut AnyConnection, key: &str, account: AccountId, now: Instant) -> Result<bool, Error> {
    release_lapsed(tx, key, now)?;
    let inserted = crate::each!(tx, |c| diesel::insert_into(login_addresses::table)
        .values((
            login_addresses::address_key.eq(key),
            login_addresses::account_id.eq(sql(account)),
            login_addresses::kind.eq("current"),
        ))
        .on_conflict_do_nothing()
        .execute(c)?);
    if inserted == 1 {
        return Ok(true);
    }
    let own = login_addresses::table.filter(login_addresses::address_key.eq(key));
    let own = own.filter(login_addresses::account_id.eq(sql(account)));
    let turned = diesel::update(own)
        .set((login_addresses::kind.eq("current"), login_addresses::reserved_until.eq(sql(None::<Instant>))))
        .execute(tx)?;
    Ok(turned == 1)
}

/// Whether an account other than `account` has or keeps the address.
pub fn address_is_taken(
    conn: &mut AnyConnection,
    key: &str,
    account: Option<AccountId>,
    now: Instant,
) -> Result<bool, Error> {
    let row: Option<(AccountId, Option<Instant>)> = login_addresses::table
        .filter(login_addresses::address_key.eq(key))
        .select((login_addresses::account_id, login_addresses::reserved_until))
        .first(conn)
        .optional()?;
    Ok(row.is_some_and(|(holder, until)| Some(holder) != account && until.is_none_or(|until| until > now)))
}

/// Keeps an address for the account while its change can be undone.
pub fn reserve_address(tx: &mut AnyConnection, key: &str, account: AccountId, until: Instant) -> Result<(), Error> {
    let own = login_addresses::table.filter(login_addresses::address_key.eq(key));
    diesel::update(own.filter(login_addresses::account_id.eq(sql(account))))
        .set((login_addresses::kind.eq("reserved"), login_addresses::reserved_until.eq(sql(Some(until)))))
        .execute(tx)?;
    Ok(())
}

/// Gives up an address of the account.
pub fn release_address(tx: &mut AnyConnection, key: &str, account: AccountId) -> Result<(), Error> {
    let own = login_addresses::table.filter(login_addresses::address_key.eq(key));
    diesel::delete(own.filter(login_addresses::account_id.eq(sql(account)))).execute(tx)?;
    Ok(())
}

fn release_lapsed(tx: &mut AnyConnection, key: &str, now: Instant) -> Result<(), Error> {
    let lapsed = login_addresses::table.filter(login_addresses::address_key.eq(key));
    let lapsed = lapsed.filter(login_addresses::kind.eq("reserved"));
    diesel::delete(lapsed.filter(login_addresses::reserved_until.le(sql(Some(now))))).execute(tx)?;
    Ok(())
}

/// The comparison key of the account's login ID.
pub fn find_login_key(conn: &mut AnyConnection, account: AccountId) -> Result<Option<String>, Error> {
    let query = login_addresses::table
        .filter(login_addresses::account_id.eq(sql(account)).and(login_addresses::kind.eq("current")));
    Ok(query.select(login_addresses::address_key).first(conn).optional()?)
}

//! Memberships. What a session may do with one is asked in `access`.

use diesel::internal::derives::as_expression::Bound;
use diesel::prelude::*;
use diesel::sql_types::Nullable;
use manager_domain::Instant;
use manager_domain::ids::*;
use manager_domain::memberships::{ProductAccess, Rights, Role};

use crate::Page;
use crate::accounts::Account;
use crate::connection::AnyConnection;
use crate::errors::Error;
use crate::schema::{accounts, memberships, organizations};
use crate::sql_types::{Json, SqlInstant, sql};

/// A membership as stored.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = memberships)]
pub struct Membership {
    pub organization_id: OrganizationId,
    pub id: MembershipId,
    pub account_id: AccountId,
    pub role: Role,
    pub products: Json<ProductAccess>,
    pub billing: bool,
    pub expires_at: Option<Instant>,
    pub version: i64,
    pub created_at: Instant,
    pub updated_at: Instant,
}

impl Membership {
    pub fn rights(&self) -> Rights {
        Rights { role: self.role, products: self.products.0.clone(), billing: self.billing }
    }
}

/// Inserts a membership; `false` where the account is a member already.
pub fn insert(tx: &mut AnyConnection, row: &Membership) -> Result<bool, Error> {
    let inserted = crate::each!(tx, |c| diesel::insert_into(memberships::table)
        .values((
            memberships::organization_id.eq(sql(row.organization_id)),
            memberships::id.eq(sql(row.id)),
            memberships::account_id.eq(sql(row.account_id)),
            memberships::role.eq(sql(row.role)),
            memberships::products.eq(sql(row.products.clone())),
            memberships::billing.eq(row.billing),
            memberships::expires_at.eq(sql(row.expires_at)),
            memberships::version.eq(row.version),
            memberships::created_at.eq(sql(row.created_at)),
            memberships::updated_at.eq(sql(row.updated_at)),
        ))
        .on_conflict_do_nothing()
        .execute(c)?);
    Ok(inserted == 1)
}

/// An organization an account belongs to, with its membership there.
pub type Belonging = (Membership, crate::organizations::Organization);

/// The living organizations an account belongs to, in the order of their ids (who joined an old one last finds it
/// first), after `after` where given.
pub fn list_of_account(
    conn: &mut AnyConnection,
    account: AccountId,
    after: Option<OrganizationId>,
    limit: i64,
    now: Instant,
) -> Result<Vec<Belonging>, Error> {
    let on = organizations::id.eq(memberships::organization_id);
    let mut query = memberships::table
        .inner_join(organizations::table.on(on))
        .filter(memberships::account_id.eq(sql(account)))
        .filter(unexpired(now))
        .filter(organizations::deleted_at.is_null())
        .select((Membership::as_select(), crate::organizations::Organization::as_select()))
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(organizations::id.gt(sql(after)));
    }
    Ok(query.order(organizations::id).limit(limit).load(conn)?)
}

/// How many living organizations an account owns.
pub fn count_owned(conn: &mut AnyConnection, account: AccountId) -> Result<i64, Error> {
    let owned = memberships::table
        .inner_join(organizations::table.on(organizations::id.eq(memberships::organization_id)))
        .filter(memberships::account_id.eq(sql(account)).and(memberships::role.eq(sql(Role::Owner))))
        .filter(organizations::deleted_at.is_null());
    Ok(owned.count().get_result(conn)?)
}

/// A living membership with the account it belongs to.
pub type Belonger = (Membership, Account);

/// Whose access hasn't ended by itself.
#[diesel::dsl::auto_type]
pub(crate) fn unexpired(now: Instant) -> _ {
    let end: Bound<Nullable<SqlInstant>, Option<Instant>> = sql(Some(now));
    memberships::expires_at.is_null().or(memberships::expires_at.gt(end).assume_not_null())
}

/// One membership of the organization.
pub fn find(
    conn: &mut AnyConnection,
    organization: OrganizationId,
    id: MembershipId,
    now: Instant,
) -> Result<Option<Belonger>, Error> {
    let on = accounts::id.eq(memberships::account_id);
    let query = memberships::table
        .inner_join(accounts::table.on(on))
        .filter(memberships::organization_id.eq(sql(organization)).and(memberships::id.eq(sql(id))))
        .filter(unexpired(now));
    Ok(query.select((Membership::as_select(), Account::as_select())).first(conn).optional()?)
}

/// The account's membership of the organization.
pub fn find_by_account(
    conn: &mut AnyConnection,
    organization: OrganizationId,
    account: AccountId,
    now: Instant,
) -> Result<Option<Membership>, Error> {
    let query = memberships::table
        .filter(memberships::organization_id.eq(sql(organization)).and(memberships::account_id.eq(sql(account))))
        .filter(unexpired(now));
    Ok(query.select(Membership::as_select()).first(conn).optional()?)
}

/// The organization's id again, if it is living and the account a member of it.
pub fn find_reached(
    conn: &mut AnyConnection,
    organization: OrganizationId,
    account: AccountId,
    now: Instant,
) -> Result<Option<OrganizationId>, Error> {
    let query = memberships::table
        .inner_join(organizations::table.on(organizations::id.eq(memberships::organization_id)))
        .filter(memberships::organization_id.eq(sql(organization)).and(memberships::account_id.eq(sql(account))))
        .filter(organizations::deleted_at.is_null())
        .filter(unexpired(now));
    Ok(query.select(organizations::id).first(conn).optional()?)
}

/// The organization's memberships in the order of joining, after `after` where given.
pub fn list(
    conn: &mut AnyConnection,
    organization: OrganizationId,
    after: Option<MembershipId>,
    limit: i64,
    now: Instant,
) -> Result<Vec<Belonger>, Error> {
    let on = accounts::id.eq(memberships::account_id);
    let mut query = memberships::table
        .inner_join(accounts::table.on(on))
        .filter(memberships::organization_id.eq(sql(organization)))
        .filter(unexpired(now))
        .select((Membership::as_select(), Account::as_select()))
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(memberships::id.gt(sql(after)));
    }
    Ok(query.order(memberships::id).limit(limit).load(conn)?)
}

/// The accounts of the organization's owners.
pub fn list_owners(conn: &mut AnyConnection, organization: OrganizationId) -> Result<Vec<Account>, Error> {
    let on = accounts::id.eq(memberships::account_id);
    let query = memberships::table
        .inner_join(accounts::table.on(on))
        .filter(memberships::organization_id.eq(sql(organization)))
        .filter(memberships::role.eq(sql(Role::Owner)));
    Ok(query.order(memberships::id).select(Account::as_select()).load(conn)?)
}

/// The accounts of the organization's owners and admins.
pub fn list_admins(
    conn: &mut AnyConnection,
    organization: OrganizationId,
    now: Instant,
) -> Result<Vec<Account>, Error> {
    let on = accounts::id.eq(memberships::account_id);
    let query = memberships::table
        .inner_join(accounts::table.on(on))
        .filter(memberships::organization_id.eq(sql(organization)))
        .filter(memberships::role.ne(sql(Role::Member)))
        .filter(unexpired(now));
    Ok(query.order(memberships::id).select(Account::as_select()).load(conn)?)
}

/// The accounts of the members who see invoices and what is due (MEM-2), in the order of joining.
pub fn list_with_billing(
    conn: &mut AnyConnection,
    organization: OrganizationId,
    now: Instant,
) -> Result<Vec<Account>, Error> {
    let on = accounts::id.eq(memberships::account_id);
    let query = memberships::table
        .inner_join(accounts::table.on(on))
        .filter(memberships::organization_id.eq(sql(organization)))
        .filter(memberships::role.ne(sql(Role::Member)).or(memberships::billing))
        .filter(unexpired(now));
    Ok(query.order(memberships::id).select(Account::as_select()).load(conn)?)
}

/// Writes rights and end of access if the membership is still at `row.version`, and counts the version up.
pub fn update(tx: &mut AnyConnection, row: &Membership, now: Instant) -> Result<bool, Error> {
    let current = memberships::table
        .filter(memberships::organization_id.eq(sql(row.organization_id)).and(memberships::id.eq(sql(row.id))))
        .filter(memberships::version.eq(row.version));
    let changed = diesel::update(current)
        .set((
            memberships::role.eq(sql(row.role)),
            memberships::products.eq(sql(row.products.clone())),
            memberships::billing.eq(row.billing),
            memberships::expires_at.eq(sql(row.expires_at)),
            memberships::reminded_at.eq(sql(None::<Instant>)),
            memberships::version.eq(row.version + 1),
            memberships::updated_at.eq(sql(now)),
        ))
        .execute(tx)?;
    Ok(changed == 1)
}

/// Removes a membership; tells whether there was one.
pub fn delete(tx: &mut AnyConnection, organization: OrganizationId, id: MembershipId) -> Result<bool, Error> {
    let row =
        memberships::table.filter(memberships::organization_id.eq(sql(organization)).and(memberships::id.eq(sql(id))));
    Ok(diesel::delete(row).execute(tx)? == 1)
}

/// Removes a membership whose time is over; exactly one caller wins.
pub fn delete_expired(
    tx: &mut AnyConnection,
    organization: OrganizationId,
    id: MembershipId,
    now: Instant,
) -> Result<bool, Error> {
    let row =
        memberships::table.filter(memberships::organization_id.eq(sql(organization)).and(memberships::id.eq(sql(id))));
    Ok(diesel::delete(row.filter(memberships::expires_at.le(sql(Some(now))))).execute(tx)? == 1)
}

/// The account's membership whose time is over.
pub fn find_expired(
    conn: &mut AnyConnection,
    organization: OrganizationId,
    account: AccountId,
    now: Instant,
) -> Result<Option<Membership>, Error> {
    let row = memberships::table
        .filter(memberships::organization_id.eq(sql(organization)).and(memberships::account_id.eq(sql(account))))
        .filter(memberships::expires_at.le(sql(Some(now))));
    Ok(row.select(Membership::as_select()).first(conn).optional()?)
}

/// Memberships of living organizations whose time is over, those that are over longest first.
pub fn list_expired(
    conn: &mut AnyConnection,
    now: Instant,
    page: Page,
) -> Result<Vec<(OrganizationId, AccountId)>, Error> {
    let rows = memberships::table
        .inner_join(organizations::table.on(organizations::id.eq(memberships::organization_id)))
        .filter(memberships::expires_at.le(sql(Some(now))))
        .filter(organizations::deleted_at.is_null());
    let select = (memberships::organization_id, memberships::account_id);
    let order = (memberships::expires_at, memberships::id);
    Ok(rows.order(order).offset(page.skip).limit(page.limit).select(select).load(conn)?)
}

/// Memberships of living organizations that end before `until` and whose members weren't reminded yet, the next first.
pub fn list_expiring(
    conn: &mut AnyConnection,
    now: Instant,
    until: Instant,
    page: Page,
) -> Result<Vec<(OrganizationId, MembershipId)>, Error> {
    let query = memberships::table
        .inner_join(organizations::table.on(organizations::id.eq(memberships::organization_id)))
        .filter(memberships::reminded_at.is_null())
        .filter(memberships::expires_at.gt(sql(Some(now))).and(memberships::expires_at.le(sql(Some(until)))))
        .filter(organizations::deleted_at.is_null());
    let order = (memberships::expires_at, memberships::id);
    let select = (memberships::organization_id, memberships::id);
    Ok(query.order(order).offset(page.skip).limit(page.limit).select(select).load(conn)?)
}

/// Notes that the member was reminded of the end that `row` knows; exactly one caller wins.
pub fn set_reminded(tx: &mut AnyConnection, row: &Membership, now: Instant) -> Result<bool, Error> {
    let unreminded = memberships::table
        .filter(memberships::organization_id.eq(sql(row.organization_id)).and(memberships::id.eq(sql(row.id))))
        .filter(memberships::version.eq(row.version))
        .filter(memberships::reminded_at.is_null());
    Ok(diesel::update(unreminded).set(memberships::reminded_at.eq(sql(Some(now)))).execute(tx)? == 1)
}

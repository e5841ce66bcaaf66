//! Invitations into organizations (MEM-4).

use diesel::prelude::*;
use manager_domain::Instant;
use manager_domain::ids::*;
use manager_domain::languages::Language;
use manager_domain::memberships::{InvitationState, ProductAccess, Rights, Role};

use crate::Page;
use crate::accounts::Account;
use crate::connection::AnyConnection;
use crate::errors::Error;
use crate::organizations::Organization;
use crate::schema::{accounts, invitations, organizations};
use crate::sql_types::{Json, literally, sql};

/// An invitation as stored.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = invitations)]
pub struct Invitation {
    pub organization_id: OrganizationId,
    pub id: InvitationId,
    pub email: String,
    pub email_key: String,
    pub role: Role,
    pub products: Json<ProductAccess>,
    pub billing: bool,
    pub access_expires_at: Option<Instant>,
    pub locale: Language,
    pub state: InvitationState,
    pub invited_by: AccountId,
    /// The old account whose membership the acceptance replaces (MEM-7).
    pub replaces_account_id: Option<AccountId>,
    pub created_at: Instant,
    pub expires_at: Instant,
    pub closed_at: Option<Instant>,
    pub version: i64,
}

impl Invitation {
    pub fn rights(&self) -> Rights {
        Rights { role: self.role, products: self.products.0.clone(), billing: self.billing }
    }

    /// The state at this moment: a pending one whose time is over has expired.
    pub fn state_at(&self, now: Instant) -> InvitationState {
        let over = self.state == InvitationState::Pending && self.expires_at <= now;
        if over { InvitationState::Expired } else { self.state }
    }
}

/// An invitation with its organization and whoever sent it.
pub type Sent = (Invitation, Organization, Account);

/// Inserts an invitation; `false` where one is pending for the address.
pub fn insert(tx: &mut AnyConnection, row: &Invitation) -> Result<bool, Error> {
    let inserted = crate::each!(tx, |c| diesel::insert_into(invitations::table)
        .values((
            invitations::organization_id.eq(sql(row.organization_id)),
            invitations::id.eq(sql(row.id)),
            invitations::email.eq(&row.email),
            invitations::email_key.eq(&row.email_key),
            invitations::role.eq(sql(row.role)),
            invitations::products.eq(sql(row.products.clone())),
            invitations::billing.eq(row.billing),
            invitations::access_expires_at.eq(sql(row.access_expires_at)),
            invitations::locale.eq(sql(row.locale)),
            invitations::state.eq(sql(row.state)),
            invitations::invited_by.eq(sql(row.invited_by)),
            invitations::replaces_account_id.eq(sql(row.replaces_account_id)),
            invitations::created_at.eq(sql(row.created_at)),
            invitations::expires_at.eq(sql(row.expires_at)),
            invitations::version.eq(row.version),
        ))
        .on_conflict_do_nothing()
        .execute(c)?);
    Ok(inserted == 1)
}

/// Marks a pending invitation expired once its time is over; exactly one caller wins.
pub fn expire(
    tx: &mut AnyConnection,
    organization: OrganizationId,
    id: InvitationId,
    now: Instant,
) -> Result<bool, Error> {
    let over = invitations::table
        .filter(invitations::organization_id.eq(sql(organization)).and(invitations::id.eq(sql(id))))
        .filter(invitations::state.eq(sql(InvitationState::Pending)).and(invitations::expires_at.le(sql(now))));
    let expired = diesel::update(over)
        .set((
            invitations::state.eq(sql(InvitationState::Expired)),
            invitations::closed_at.eq(sql(Some(now))),
            invitations::version.eq(invitations::version + 1),
        ))
        .execute(tx)?;
    Ok(expired == 1)
}

/// An address's pending invitation whose time is over.
pub fn find_over(
    conn: &mut AnyConnection,
    organization: OrganizationId,
    key: &str,
    now: Instant,
) -> Result<Option<InvitationId>, Error> {
    let over = invitations::table
        .filter(invitations::organization_id.eq(sql(organization)).and(invitations::email_key.eq(key)))
        .filter(invitations::state.eq(sql(InvitationState::Pending)).and(invitations::expires_at.le(sql(now))));
    Ok(over.select(invitations::id).first(conn).optional()?)
}

/// Pending invitations of living organizations whose time is over, those that are over longest first.
pub fn list_over(
    conn: &mut AnyConnection,
    now: Instant,
    page: Page,
) -> Result<Vec<(OrganizationId, InvitationId)>, Error> {
    let over = invitations::table
        .inner_join(organizations::table)
        .filter(literally("invitations.state = 'pending'"))
        .filter(invitations::expires_at.le(sql(now)))
        .filter(organizations::deleted_at.is_null());
    let select = (invitations::organization_id, invitations::id);
    let order = (invitations::expires_at, invitations::id);
    Ok(over.order(order).offset(page.skip).limit(page.limit).select(select).load(conn)?)
}

pub fn find(conn: &mut AnyConnection, organization: OrganizationId, id: InvitationId) -> Result<Option<Sent>, Error> {
    let query = invitations::table
        .inner_join(organizations::table)
        .inner_join(accounts::table.on(accounts::id.eq(invitations::invited_by)))
        .filter(invitations::organization_id.eq(sql(organization)).and(invitations::id.eq(sql(id))))
        .filter(organizations::deleted_at.is_null());
    let select = (Invitation::as_select(), Organization::as_select(), Account::as_select());
    Ok(query.select(select).first(conn).optional()?)
}

/// The organization's invitations, newest first, those before `before` where given.
pub fn list(
    conn: &mut AnyConnection,
    organization: OrganizationId,
    before: Option<InvitationId>,
    limit: i64,
) -> Result<Vec<Sent>, Error> {
    let mut query = invitations::table
        .inner_join(organizations::table)
        .inner_join(accounts::table.on(accounts::id.eq(invitations::invited_by)))
        .filter(invitations::organization_id.eq(sql(organization)))
        .select((Invitation::as_select(), Organization::as_select(), Account::as_select()))
        .into_boxed();
    if let Some(before) = before {
        query = query.filter(invitations::id.lt(sql(before)));
    }
    Ok(query.order(invitations::id.desc()).limit(limit).load(conn)?)
}

/// The pending invitations of an address, newest first, from the one before `before` on.
pub fn list_pending_of_address(
    conn: &mut AnyConnection,
    key: &str,
    before: Option<InvitationId>,
    limit: i64,
    now: Instant,
) -> Result<Vec<Sent>, Error> {
    let query = invitations::table
        .inner_join(organizations::table)
        .inner_join(accounts::table.on(accounts::id.eq(invitations::invited_by)))
        .filter(invitations::email_key.eq(key).and(invitations::expires_at.gt(sql(now))))
        .filter(invitations::state.eq(sql(InvitationState::Pending)))
        .filter(organizations::deleted_at.is_null());
    let select = (Invitation::as_select(), Organization::as_select(), Account::as_select());
    let mut query = query.select(select).into_boxed();
    if let Some(before) = before {
        query = query.filter(invitations::id.lt(sql(before)));
    }
    Ok(query.order(invitations::id.desc()).limit(limit).load(conn)?)
}

/// One pending invitation of an address, by its id alone: the invited person knows no organization yet.
pub fn find_of_address(conn: &mut AnyConnection, key: &str, id: InvitationId) -> Result<Option<Invitation>, Error> {
    let query = invitations::table.filter(invitations::email_key.eq(key).and(invitations::id.eq(sql(id))));
    Ok(query.select(Invitation::as_select()).first(conn).optional()?)
}

/// Every invitation that an address ever got, with its organization.
pub fn list_of_address(conn: &mut AnyConnection, key: &str) -> Result<Vec<(OrganizationId, InvitationId)>, Error> {
    let of_address = invitations::table.filter(invitations::email_key.eq(key));
    Ok(of_address.select((invitations::organization_id, invitations::id)).load(conn)?)
}

/// The organization's pending invitation of an address, also one whose time is over.
pub fn find_pending(
    conn: &mut AnyConnection,
    organization: OrganizationId,
    key: &str,
) -> Result<Option<Invitation>, Error> {
    let pending = invitations::table
        .filter(invitations::organization_id.eq(sql(organization)).and(invitations::email_key.eq(key)))
        .filter(invitations::state.eq(sql(InvitationState::Pending)));
    Ok(pending.select(Invitation::as_select()).first(conn).optional()?)
}

/// Erases the address from an invitation that isn't pending: the key that keeps a second one of the address out is erased
/// with it.
pub fn erase_address(tx: &mut AnyConnection, organization: OrganizationId, id: InvitationId) -> Result<(), Error> {
    let row =
        invitations::table.filter(invitations::organization_id.eq(sql(organization)).and(invitations::id.eq(sql(id))));
    diesel::update(row.filter(invitations::state.ne(sql(InvitationState::Pending))))
        .set((
            invitations::email.eq(""),
            invitations::email_key.eq(""),
            invitations::version.eq(invitations::version + 1),
        ))
        .execute(tx)?;
    Ok(())
}

/// Closes a pending invitation; exactly one caller wins.
pub fn close(
    tx: &mut AnyConnection,
    organization: OrganizationId,
    id: InvitationId,
    state: InvitationState,
    now: Instant,
) -> Result<bool, Error> {
    let pending = invitations::table
        .filter(invitations::organization_id.eq(sql(organization)).and(invitations::id.eq(sql(id))))
        .filter(invitations::state.eq(sql(InvitationState::Pending)).and(invitations::expires_at.gt(sql(now))));
    let closed = diesel::update(pending)
        .set((
            invitations::state.eq(sql(state)),
            invitations::closed_at.eq(sql(Some(now))),
            invitations::version.eq(invitations::version + 1),
        ))
        .execute(tx)?;
    Ok(closed == 1)
}

/// Gives an invitation that still waits for its answer a new end; tells whether it could.
pub fn renew(
    tx: &mut AnyConnection,
    organization: OrganizationId,
    id: InvitationId,
    expires_at: Instant,
    now: Instant,
) -> Result<bool, Error> {
    let open = invitations::table
        .filter(invitations::organization_id.eq(sql(organization)).and(invitations::id.eq(sql(id))))
        .filter(invitations::state.eq(sql(InvitationState::Pending)).and(invitations::expires_at.gt(sql(now))));
    let renewed = diesel::update(open)
        .set((invitations::expires_at.eq(sql(expires_at)), invitations::version.eq(invitations::version + 1)))
        .execute(tx)?;
    Ok(renewed == 1)
}

//! Organizations and their numbers.

use diesel::prelude::*;
use manager_domain::ids::*;
use manager_domain::languages::Language;
use manager_domain::organizations::{BillingAddress, OrganizationKind};
use manager_domain::{Currency, Instant};

use crate::connection::AnyConnection;
use crate::errors::Error;
use crate::schema::{organization_numbers, organizations};
use crate::sql_types::{Json, sql};

/// An organization as stored, but for its audit chain.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = organizations)]
pub struct Organization {
    pub id: OrganizationId,
    pub number: String,
    pub kind: OrganizationKind,
    pub name: String,
    pub billing_address: Option<Json<BillingAddress>>,
    pub country: String,
    pub vat_number: Option<String>,
    pub vat_verified_at: Option<Instant>,
    pub website: Option<String>,
    pub phone: Option<String>,
    pub locale: Language,
    pub time_zone: String,
    pub currency: Currency,
    pub currency_fixed: bool,
    pub is_test: bool,
    pub version: i64,
    pub created_at: Instant,
    pub updated_at: Instant,
}

/// Takes a number for an organization; `false` where another has it.
pub fn take_number(tx: &mut AnyConnection, number: &str, organization: OrganizationId) -> Result<bool, Error> {
    let taken = crate::each!(tx, |c| diesel::insert_into(organization_numbers::table)
        .values((organization_numbers::number.eq(number), organization_numbers::organization_id.eq(sql(organization))))
        .on_conflict_do_nothing()
        .execute(c)?);
    Ok(taken == 1)
}

/// Inserts an organization without owners; its first membership counts up.
pub fn insert(tx: &mut AnyConnection, row: &Organization, search_key: &str) -> Result<(), Error> {
    diesel::insert_into(organizations::table)
        .values((
            organizations::id.eq(sql(row.id)),
            organizations::number.eq(&row.number),
            organizations::kind.eq(sql(row.kind)),
            organizations::name.eq(&row.name),
            organizations::search_key.eq(search_key),
            organizations::billing_address.eq(sql(row.billing_address.clone())),
            organizations::country.eq(&row.country),
            organizations::vat_number.eq(&row.vat_number),
            organizations::locale.eq(sql(row.locale)),
            organizations::time_zone.eq(&row.time_zone),
            organizations::currency.eq(sql(row.currency)),
            organizations::currency_fixed.eq(row.currency_fixed),
            organizations::is_test.eq(row.is_test),
            organizations::owner_count.eq(0),
            organizations::audit_sequence.eq(0),
            organizations::audit_head.eq(Vec::<u8>::new()),
            organizations::version.eq(row.version),
            organizations::created_at.eq(sql(row.created_at)),
            organizations::updated_at.eq(sql(row.updated_at)),
        ))
        .execute(tx)?;
    Ok(())
}

pub fn find(conn: &mut AnyConnection, id: OrganizationId) -> Result<Option<Organization>, Error> {
    let query = organizations::table.filter(organizations::id.eq(sql(id)).and(organizations::deleted_at.is_null()));
    Ok(query.select(Organization::as_select()).first(conn).optional()?)
}

/// The organization that has a number (a directory look-up).
pub fn find_by_number(conn: &mut AnyConnection, number: &str) -> Result<Option<OrganizationId>, Error> {
    let query = organization_numbers::table.filter(organization_numbers::number.eq(number));
    Ok(query.select(organization_numbers::organization_id).first(conn).optional()?)
}

/// Counts an owner up.
pub fn add_owner(tx: &mut AnyConnection, id: OrganizationId) -> Result<(), Error> {
    diesel::update(organizations::table.filter(organizations::id.eq(sql(id))))
        .set(organizations::owner_count.eq(organizations::owner_count + 1))
        .execute(tx)?;
    Ok(())
}

/// Counts an owner down unless it is the last one (MEM-3); tells whether it did.
pub fn remove_owner(tx: &mut AnyConnection, id: OrganizationId) -> Result<bool, Error> {
    let several = organizations::table.filter(organizations::id.eq(sql(id)).and(organizations::owner_count.gt(1)));
    let changed =
        diesel::update(several).set(organizations::owner_count.eq(organizations::owner_count - 1)).execute(tx)?;
    Ok(changed == 1)
}

/// Locks the organization's row until the end of the transaction: the first lock of whoever changes its members.
/// Answers whether it is there.
pub fn lock(tx: &mut AnyConnection, id: OrganizationId) -> Result<bool, Error> {
    let living = organizations::table.filter(organizations::id.eq(sql(id)).and(organizations::deleted_at.is_null()));
    let query = living.select(organizations::version);
    let found: Option<i64> = match tx {
        AnyConnection::Pg(c) => query.for_update().first(c).optional()?,
        AnyConnection::Sqlite(c) => query.first(c).optional()?,
    };
    Ok(found.is_some())
}

/// Writes the settings and legal data if the organization is still at `row.version`, and counts the version up.
pub fn update(tx: &mut AnyConnection, row: &Organization, search_key: &str, now: Instant) -> Result<bool, Error> {
    let current =
        organizations::table.filter(organizations::id.eq(sql(row.id)).and(organizations::version.eq(row.version)));
    let changed = diesel::update(current.filter(organizations::deleted_at.is_null()))
        .set((
            organizations::kind.eq(sql(row.kind)),
            organizations::name.eq(&row.name),
            organizations::search_key.eq(search_key),
            organizations::billing_address.eq(sql(row.billing_address.clone())),
            organizations::country.eq(&row.country),
            organizations::vat_number.eq(&row.vat_number),
            organizations::vat_verified_at.eq(sql(row.vat_verified_at)),
            organizations::website.eq(&row.website),
            organizations::phone.eq(&row.phone),
            organizations::locale.eq(sql(row.locale)),
            organizations::time_zone.eq(&row.time_zone),
            organizations::currency.eq(sql(row.currency)),
            organizations::version.eq(row.version + 1),
            organizations::updated_at.eq(sql(now)),
        ))
        .execute(tx)?;
    Ok(changed == 1)
}

/// Fixes the currency because money moved (ORG-1).
pub fn fix_currency(tx: &mut AnyConnection, id: OrganizationId) -> Result<(), Error> {
    let free = organizations::table.filter(organizations::id.eq(sql(id)).and(organizations::currency_fixed.eq(false)));
    diesel::update(free).set(organizations::currency_fixed.eq(true)).execute(tx)?;
    Ok(())
}

//! Promo codes, and how often those with a cap were used (ORD-3, ORD-4).

use diesel::prelude::*;
use manager_domain::discounts::Discount;
use manager_domain::ids::*;
use manager_domain::promo_codes::{CodeText, PromoCode, Scope};
use manager_domain::{Instant, Money};

use crate::connection::AnyConnection;
use crate::errors::Error;
use crate::schema::{promo_code_organization_usage as usage_of_organizations, promo_code_usage, promo_codes};
use crate::sql_types::{Json, sql};

/// A promo code as stored.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = promo_codes)]
pub struct StoredPromoCode {
    pub id: PromoCodeId,
    /// As [`CodeText`] writes it.
    pub code: String,
    /// Of codes that were made together.
    pub batch_id: Option<PromoCodeBatchId>,
    pub discount: Json<Discount>,
    pub scope: Json<Scope>,
    pub terms: i32,
    pub valid_from: Option<Instant>,
    pub valid_until: Option<Instant>,
    pub total_cap: Option<i32>,
    pub organization_cap: Option<i32>,
    pub first_order_only: bool,
    pub minimum_net: Json<Vec<Money>>,
    pub is_test: bool,
    pub created_by: AccountId,
    pub created_at: Instant,
    pub withdrawn_by: Option<AccountId>,
    pub withdrawn_at: Option<Instant>,
}

impl StoredPromoCode {
    /// What the code says.
    ///
    /// # Errors
    /// [`Error::Defect`] for a stored code that is none.
    pub fn rules(&self) -> Result<PromoCode, Error> {
        let count = |value: i32| u32::try_from(value).map_err(|_| Error::Defect(format!("{value} in {}", self.id)));
        Ok(PromoCode {
            code: CodeText::parse(&self.code).map_err(|_| Error::Defect(format!("{} is no code", self.id)))?,
            discount: self.discount.0.clone(),
            scope: self.scope.0.clone(),
            terms: count(self.terms)?,
            valid_from: self.valid_from,
            valid_until: self.valid_until,
            total_cap: self.total_cap.map(count).transpose()?,
            organization_cap: self.organization_cap.map(count).transpose()?,
            first_order_only: self.first_order_only,
            minimum_net: self.minimum_net.0.clone(),
            is_test: self.is_test,
            is_withdrawn: self.withdrawn_at.is_some(),
        })
    }
}

/// Which codes a list shows.
#[derive(Debug, Clone, Copy, Default)]
pub struct PromoCodeFilter {
    pub batch: Option<PromoCodeBatchId>,
    pub is_test: Option<bool>,
    pub is_withdrawn: Option<bool>,
}

/// Inserts codes with their counters; `false` where one of them exists.
pub fn insert(tx: &mut AnyConnection, rows: &[StoredPromoCode]) -> Result<bool, Error> {
    let values = |row: &StoredPromoCode| {
        (
            promo_codes::id.eq(sql(row.id)),
            promo_codes::code.eq(row.code.clone()),
            promo_codes::batch_id.eq(sql(row.batch_id)),
            promo_codes::discount.eq(sql(row.discount.clone())),
            promo_codes::scope.eq(sql(row.scope.clone())),
            promo_codes::terms.eq(row.terms),
            promo_codes::valid_from.eq(sql(row.valid_from)),
            promo_codes::valid_until.eq(sql(row.valid_until)),
            promo_codes::total_cap.eq(row.total_cap),
            promo_codes::organization_cap.eq(row.organization_cap),
            promo_codes::first_order_only.eq(row.first_order_only),
            promo_codes::minimum_net.eq(sql(row.minimum_net.clone())),
            promo_codes::is_test.eq(row.is_test),
            promo_codes::created_by.eq(sql(row.created_by)),
            promo_codes::created_at.eq(sql(row.created_at)),
        )
    };
    for row in rows {
        let inserted = crate::each!(tx, |c| diesel::insert_into(promo_codes::table)
            .values(values(row))
            .on_conflict_do_nothing()
            .execute(c)?);
        if inserted == 0 {
            return Ok(false);
        }
        if row.total_cap.is_some() {
            diesel::insert_into(promo_code_usage::table)
                .values((promo_code_usage::code.eq(&row.code), promo_code_usage::used.eq(0)))
                .execute(tx)?;
        }
    }
    Ok(true)
}

pub fn find(conn: &mut AnyConnection, code: &str) -> Result<Option<StoredPromoCode>, Error> {
    let query = promo_codes::table.filter(promo_codes::code.eq(code));
    Ok(query.select(StoredPromoCode::as_select()).first(conn).optional()?)
}

/// Newest first, from the one after `before` on.
pub fn list(
    conn: &mut AnyConnection,
    filter: PromoCodeFilter,
    before: Option<PromoCodeId>,
    limit: i64,
) -> Result<Vec<StoredPromoCode>, Error> {
    let mut query =
        promo_codes::table.select(StoredPromoCode::as_select()).order(promo_codes::id.desc()).limit(limit).into_boxed();
    if let Some(before) = before {
        query = query.filter(promo_codes::id.lt(sql(before)));
    }
    if let Some(batch) = filter.batch {
        query = query.filter(promo_codes::batch_id.eq(sql(Some(batch))));
    }
    if let Some(is_test) = filter.is_test {
        query = query.filter(promo_codes::is_test.eq(is_test));
    }
    match filter.is_withdrawn {
        Some(true) => query = query.filter(promo_codes::withdrawn_at.is_not_null()),
        Some(false) => query = query.filter(promo_codes::withdrawn_at.is_null()),
        None => {}
    }
    Ok(query.load(conn)?)
}

/// Takes a code out of use; `false` where it is already, or doesn't exist.
pub fn withdraw(tx: &mut AnyConnection, code: &str, by: AccountId, now: Instant) -> Result<bool, Error> {
    let usable = promo_codes::table.filter(promo_codes::code.eq(code).and(promo_codes::withdrawn_at.is_null()));
    let set = (promo_codes::withdrawn_by.eq(sql(Some(by))), promo_codes::withdrawn_at.eq(sql(Some(now))));
    Ok(diesel::update(usable).set(set).execute(tx)? == 1)
}

/// How often a code was reserved or redeemed; 0 for one without a total cap, which isn't counted.
pub fn used(conn: &mut AnyConnection, code: &str) -> Result<i32, Error> {
    let query = promo_code_usage::table.filter(promo_code_usage::code.eq(code));
    Ok(query.select(promo_code_usage::used).first(conn).optional()?.unwrap_or(0))
}

/// How often an organization reserved or redeemed it; 0 for one without a cap for each, which isn't counted.
pub fn used_by(conn: &mut AnyConnection, organization: OrganizationId, code: &str) -> Result<i32, Error> {
    let query = usage_of_organizations::table.filter(usage_of_organizations::organization_id.eq(sql(organization)));
    let query = query.filter(usage_of_organizations::code.eq(code));
    Ok(query.select(usage_of_organizations::used).first(conn).optional()?.unwrap_or(0))
}

/// Counts a use if there is room below the cap; of uses at the same time no more win than there is room for.
pub fn count_use(tx: &mut AnyConnection, code: &str, cap: i32) -> Result<bool, Error> {
    let free = promo_code_usage::table.filter(promo_code_usage::code.eq(code).and(promo_code_usage::used.lt(cap)));
    Ok(diesel::update(free).set(promo_code_usage::used.eq(promo_code_usage::used + 1)).execute(tx)? == 1)
}

/// Takes a use back.
pub fn uncount_use(tx: &mut AnyConnection, code: &str) -> Result<(), Error> {
    let counted = promo_code_usage::table.filter(promo_code_usage::code.eq(code).and(promo_code_usage::used.gt(0)));
    diesel::update(counted).set(promo_code_usage::used.eq(promo_code_usage::used - 1)).execute(tx)?;
    Ok(())
}

/// As [`count_use`], for one organization.
pub fn count_use_by(tx: &mut AnyConnection, organization: OrganizationId, code: &str, cap: i32) -> Result<bool, Error> {
    crate::each!(tx, |c| diesel::insert_into(usage_of_organizations::table)
        .values((
            usage_of_organizations::organization_id.eq(sql(organization)),
            usage_of_organizations::code.eq(code),
            usage_of_organizations::used.eq(0),
        ))
        .on_conflict_do_nothing()
        .execute(c)?);
    let one = usage_of_organizations::organization_id.eq(sql(organization)).and(usage_of_organizations::code.eq(code));
    let free = usage_of_organizations::table.filter(one.and(usage_of_organizations::used.lt(cap)));
    Ok(diesel::update(free).set(usage_of_organizations::used.eq(usage_of_organizations::used + 1)).execute(tx)? == 1)
}

/// Takes a use of an organization back.
pub fn uncount_use_by(tx: &mut AnyConnection, organization: OrganizationId, code: &str) -> Result<(), Error> {
    let one = usage_of_organizations::organization_id.eq(sql(organization)).and(usage_of_organizations::code.eq(code));
    let counted = usage_of_organizations::table.filter(one.and(usage_of_organizations::used.gt(0)));
    diesel::update(counted).set(usage_of_organizations::used.eq(usage_of_organizations::used - 1)).execute(tx)?;
    Ok(())
}

//! Organizations: the owners of products (ORG-1, ORG-2).

use manager_domain::ids::*;
use manager_domain::memberships::Rights;
use manager_domain::orders::OrderState;
use manager_domain::organizations::{
    NewOrganization, OrganizationChanges, OrganizationKind, check_vat_number, country_of,
};
use manager_domain::search_keys::search_key;
use manager_domain::{Code, Refusal};
use manager_repository::accounts;
use manager_repository::memberships::{self, Belonging, Membership};
use manager_repository::orders::{self, OrderFilter};
use manager_repository::{AnyConnection, Json, organizations as rows, payments};
use serde_json::{Map, Value, json};

use crate::audit_log::{self, Entry};
use crate::errors::{Error, Result};
use crate::vault::random;
use crate::versions::fresh;
use crate::{Call, Services};

pub use rows::Organization;

/// How many of the orders that stand in the way a refusal names.
const ORDERS_NAMED: i64 = 20;

/// Makes an organization with its first owner in the caller's transaction.
pub(crate) fn create_in(
    tx: &mut AnyConnection,
    services: &Services,
    call: &Call,
    owner: AccountId,
    new: &NewOrganization,
) -> Result<OrganizationId> {
    let id: OrganizationId = services.id(call.now);
    let founding = Founding::of(services, call, owner, new, id, take_number(tx, id)?);
    rows::insert(tx, &founding.organization, &search_key(&new.name))?;
    memberships::insert(tx, &founding.membership)?;
    rows::add_owner(tx, id)?;
    audit_log::append(tx, services, call, id, founding.entry)?;
    Ok(id)
}

/// What an organization begins with.
pub(crate) struct Founding {
    pub organization: Organization,
    pub membership: Membership,
    pub entry: Entry,
}

impl Founding {
    pub fn of(
        services: &Services,
        call: &Call,
        owner: AccountId,
        new: &NewOrganization,
        id: OrganizationId,
        number: String,
    ) -> Self {
        let organization = founded(call, new, id, number);
        let rights = Rights::OWNER;
        let membership = Membership {
            organization_id: id,
            id: services.id(call.now),
            account_id: owner,
            role: rights.role,
            products: Json(rights.products),
            billing: rights.billing,
            expires_at: None,
            version: 1,
            created_at: call.now,
            updated_at: call.now,
        };
        let entry = Entry::new("organization.created", id).personal(new.name.clone());
        let after = json!({ "kind": new.kind, "country": new.country, "currency": new.currency });
        Self { organization, membership, entry: entry.after(after) }
    }
}

fn founded(call: &Call, new: &NewOrganization, id: OrganizationId, number: String) -> Organization {
    Organization {
        id,
        number,
        kind: new.kind,
        name: new.name.clone(),
        billing_address: new.billing_address.clone().map(Json),
        country: new.country.clone(),
        vat_number: new.vat_number.clone(),
        vat_verified_at: None,
        website: None,
        phone: None,
        locale: new.locale,
        time_zone: new.time_zone.clone(),
        currency: new.currency,
        currency_fixed: false,
        is_test: false,
        version: 1,
        created_at: call.now,
        updated_at: call.now,
    }
}

/// A number that no other organization has; the chance of meeting a taken one is small, of meeting many is none.
fn take_number(tx: &mut AnyConnection, id: OrganizationId) -> Result<String> {
    for _ in 0..20 {
        let number = format!("{:08}", 10_000_000 + u64::from_le_bytes(random::<8>()?) % 90_000_000);
        if rows::take_number(tx, &number, id)? {
            return Ok(number);
        }
    }
    Err(Error::defect("no free organization number was found"))
}

/// Makes another organization for a person (ORG-2).
///
/// # Errors
/// `too_many_organizations`.
pub async fn create(services: &Services, call: &Call, owner: AccountId, new: NewOrganization) -> Result<Organization> {
    let (shared, call) = (services.clone(), call.clone());
    services
        .write(call.clone(), move |tx| {
            // One after the other, so that the number stays true, and none for an account that is being deleted.
            accounts::lock(tx, owner)?.ok_or(Code::SessionEnded)?;
            let limit = shared.settings.organizations_per_account;
            if memberships::count_owned(tx, owner)? >= limit {
                return Err(Error::from(Refusal::new(Code::TooManyOrganizations).with("limit", limit)));
            }
            let id = create_in(tx, &shared, &call, owner, &new)?;
            rows::find(tx, id)?.ok_or_else(|| Error::defect("the new organization is gone"))
        })
        .await
}

/// A page of the organizations a person belongs to, with the membership in each.
pub async fn list(
    services: &Services,
    call: &Call,
    account: AccountId,
    after: Option<OrganizationId>,
    limit: i64,
) -> Result<Vec<Belonging>> {
    let now = call.now;
    services.db.read(move |conn| Ok(memberships::list_of_account(conn, account, after, limit, now)?)).await
}

/// An organization by its id.
///
/// # Errors
/// `not_found`.
pub async fn get(services: &Services, id: OrganizationId) -> Result<Organization> {
    let found = services.db.read(move |conn| Ok::<_, Error>(rows::find(conn, id)?)).await?;
    found.ok_or_else(|| Code::NotFound.into())
}

/// Changes an organization that is still at the version its editor saw. A new VAT number, country or name must be
/// verified again.
///
/// # Errors
/// `precondition_failed`, `payment_in_progress` for legal data, `currency_fixed` once money moved or while an order is
/// open, `validation_failed`.
pub async fn update(
    services: &Services,
    call: &Call,
    id: OrganizationId,
    seen: Option<i64>,
    changes: OrganizationChanges,
) -> Result<Organization> {
    let changes = changes.trimmed();
    let faults = changes.faults();
    if !faults.is_empty() {
        return Err(Refusal::invalid(faults).into());
    }
    let (shared, call) = (services.clone(), call.clone());
    services
        .write(call.clone(), move |tx| {
            let current = rows::find(tx, id)?.ok_or(Code::NotFound)?;
            fresh(seen, current.version)?;
            let next = changed(&shared, &current, &changes)?;
            let changed = differences(&current, &next);
            // What changes nothing is no change: no version, no entry.
            if changed.is_empty() {
                return Ok(current);
            }
            refuse_under_payment(tx, &current, &next)?;
            if !rows::update(tx, &next, &search_key(&next.name), call.now)? {
                return Err(Code::PreconditionFailed.into());
            }
            let mut entry =
                Entry::new("organization.changed", id).before(summary(&current, &[])).after(summary(&next, &changed));
            entry.personal = personal(&current, &next, &changed);
            audit_log::append(tx, &shared, &call, id, entry)?;
            rows::find(tx, id)?.ok_or_else(|| Error::defect("the changed organization is gone"))
        })
        .await
}

/// Names, addresses and numbers before and after, of what was changed: JSON that can be erased as a whole.
fn personal(current: &Organization, next: &Organization, changed: &[&str]) -> Option<String> {
    let of = |row: &Organization| -> Map<String, Value> {
        let texts = [
            ("name", json!(row.name)),
            ("billing_address", json!(row.billing_address.as_ref().map(|address| &address.0))),
            ("vat_number", json!(row.vat_number)),
            ("website", json!(row.website)),
            ("phone", json!(row.phone)),
        ];
        let texts = texts.into_iter().filter(|(name, _)| changed.contains(name));
        texts.map(|(name, value)| (name.to_owned(), value)).collect()
    };
    let (before, after) = (of(current), of(next));
    (!after.is_empty()).then(|| json!({ "before": before, "after": after }).to_string())
}

/// What the audit log says of an organization: no names, no addresses, but which fields were changed.
fn summary(row: &Organization, changed: &[&str]) -> Value {
    let mut summary = json!({ "kind": row.kind, "country": row.country, "currency": row.currency, "locale": row.locale,
        "time_zone": row.time_zone, "version": row.version });
    if !changed.is_empty() {
        summary["changed"] = changed.into();
    }
    summary
}

fn differences(one: &Organization, other: &Organization) -> Vec<&'static str> {
    let differs = [
        ("kind", one.kind != other.kind),
        ("name", one.name != other.name),
        ("billing_address", one.billing_address != other.billing_address),
        ("country", one.country != other.country),
        ("vat_number", one.vat_number != other.vat_number),
        ("website", one.website != other.website),
        ("phone", one.phone != other.phone),
        ("locale", one.locale != other.locale),
        ("time_zone", one.time_zone != other.time_zone),
        ("currency", one.currency != other.currency),
    ];
    differs.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
}

/// Who an organization is before the law; what its VAT number was verified for (BIL-3).
fn legal(row: &Organization) -> (OrganizationKind, &str, &str, Option<&str>) {
    (row.kind, &row.name, &row.country, row.vat_number.as_deref())
}

/// Who is billed, how they are taxed and in which currency stays as it is while it is being paid: a payment that settles
/// issues its invoice with the legal data of that moment (BIL-1, BIL-3, ORG-1).
fn refuse_under_payment(tx: &mut AnyConnection, current: &Organization, next: &Organization) -> Result<()> {
    let billed = |row: &Organization| (row.billing_address.clone(), row.currency);
    if legal(next) == legal(current) && billed(next) == billed(current) {
        return Ok(());
    }
    if let Some(payment) = payments::find_open(tx, current.id)? {
        return Err(Refusal::new(Code::PaymentInProgress).with("payment", json!(payment)).into());
    }
    if next.currency != current.currency {
        let open = OrderFilter { state: Some(OrderState::Open) };
        let orders: Vec<OrderId> =
            orders::list(tx, current.id, open, None, ORDERS_NAMED)?.into_iter().map(|order| order.id).collect();
        if !orders.is_empty() {
            return Err(Refusal::new(Code::CurrencyFixed).with("orders", json!(orders)).into());
        }
    }
    Ok(())
}

fn changed(services: &Services, current: &Organization, changes: &OrganizationChanges) -> Result<Organization> {
    let mut next = current.clone();
    next.kind = changes.kind.unwrap_or(current.kind);
    next.name = changes.name.clone().unwrap_or(next.name);
    next.billing_address = changes.billing_address.clone().map_or(next.billing_address, |address| address.map(Json));
    let address = next.billing_address.as_ref().map(|address| &address.0);
    let country = country_of(changes.country.as_deref(), address, &current.country);
    next.country = country.map_err(|code| Refusal::fault("/country", code))?;
    if let Some(number) = &changes.vat_number {
        let checked = number.as_ref().map(|number| check_vat_number(&next.country, number)).transpose();
        next.vat_number = checked.map_err(|code| Refusal::fault("/vat_number", code))?;
    } else if next.country != current.country {
        next.vat_number = None;
    }
    next.website = changes.website.clone().unwrap_or(next.website);
    next.phone = changes.phone.clone().unwrap_or(next.phone);
    next.locale = changes.locale.unwrap_or(next.locale);
    next.time_zone = changes.time_zone.clone().unwrap_or(next.time_zone);
    next.currency = changes.currency.unwrap_or(next.currency);
    if next.currency != current.currency {
        let offered = services.settings.currency(Some(next.currency), &next.country);
        offered.map_err(|code| Refusal::fault("/currency", code))?;
    }
    if next.currency != current.currency && current.currency_fixed {
        return Err(Code::CurrencyFixed.into());
    }
    if legal(&next) != legal(current) {
        next.vat_verified_at = None;
    }
    Ok(next)
}

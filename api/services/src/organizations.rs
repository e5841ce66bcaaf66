//! Organizations: the owners of products (ORG-1, ORG-2).

use manager_domain::Currency;
use manager_domain::ids::*;
use manager_domain::languages::Language;
use manager_domain::memberships::Rights;
use manager_domain::organizations::{BillingAddress, OrganizationKind};
use manager_domain::search_keys::search_key;
use manager_repository::memberships::{self, Membership};
use manager_repository::organizations::{self as rows, Organization};
use manager_repository::{AnyConnection, Json};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::audit_log::{self, Entry};
use crate::errors::{Error, Result};
use crate::vault::random;
use crate::{Call, Services};

/// An organization to be.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NewOrganization {
    pub kind: OrganizationKind,
    pub name: String,
    pub billing_address: Option<BillingAddress>,
    pub country: String,
    pub vat_number: Option<String>,
    pub locale: Language,
    pub time_zone: String,
    pub currency: Currency,
}

/// Makes an organization with its first owner in the caller's transaction.
pub fn create_in(
    tx: &mut AnyConnection,
    services: &Services,
    call: &Call,
    owner: AccountId,
    new: &NewOrganization,
) -> Result<OrganizationId> {
    let id: OrganizationId = services.id(call.now);
    let row = Organization {
        id,
        number: take_number(tx, id)?,
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
    };
    rows::insert(tx, &row, &search_key(&new.name))?;
    let rights = Rights::OWNER;
    memberships::insert(
        tx,
        &Membership {
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
        },
    )?;
    rows::add_owner(tx, id)?;
    let entry = Entry::new("organization.created", id).personal(new.name.clone());
    let after = json!({ "kind": new.kind, "country": new.country, "currency": new.currency });
    audit_log::append(tx, services, call, id, entry.after(after))?;
    Ok(id)
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

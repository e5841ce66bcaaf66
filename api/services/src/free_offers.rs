//! Free offers: what support grants, and what an organization has (ORD-5).

use manager_domain::free_offers::{FreeOffer, FreeOfferState};
use manager_domain::ids::*;
use manager_domain::staff::StaffPermission;
use manager_domain::terms::Frequency;
use manager_domain::{Code, Fault, FaultCode, Instant, Refusal};
use manager_repository::AnyConnection;
use manager_repository::free_offers as rows;
use manager_repository::organizations::Organization;
use serde_json::json;

use crate::audit_log::{self, Entry};
use crate::errors::{Error, Result};
use crate::staff::{self, Reason};
use crate::{Call, Services, catalogue};

pub use rows::StoredFreeOffer;

const PERMISSION: StaffPermission = StaffPermission::ManageFreeOffers;

/// What support wants to grant.
#[derive(Debug, Clone)]
pub struct Grant {
    pub organization: OrganizationId,
    pub offer: String,
    pub frequency: Frequency,
    pub expires_at: Instant,
    pub terms: u32,
    pub units: u32,
}

/// A page of an organization's free offers, newest first.
pub async fn list(
    services: &Services,
    organization: OrganizationId,
    before: Option<FreeOfferId>,
    limit: i64,
) -> Result<Vec<StoredFreeOffer>> {
    services.db.read(move |conn| Ok(rows::list(conn, organization, before, limit)?)).await
}

/// A page of an organization's free offers for support, which is written into its audit log.
///
/// # Errors
/// `not_found`, `forbidden`, `own_organization`, faults of the reason.
pub async fn list_for_staff(
    services: &Services,
    call: &Call,
    organization: OrganizationId,
    reason: &Reason,
    (before, limit): (Option<FreeOfferId>, i64),
) -> Result<Vec<StoredFreeOffer>> {
    let list = move |tx: &mut AnyConnection, _| Ok(rows::list(tx, organization, before, limit)?);
    staff::read(services, call, (organization, PERMISSION), reason, "free_offers.read", list).await
}

/// Grants a free offer.
///
/// # Errors
/// `not_found` for an unknown organization, `forbidden`, `own_organization`; all faults of the grant.
pub async fn grant(services: &Services, call: &Call, grant: Grant, reason: &Reason) -> Result<StoredFreeOffer> {
    let (shared, caller, reason) = (services.clone(), call.clone(), reason.clone());
    let id: FreeOfferId = services.id(call.now);
    let write = move |tx: &mut AnyConnection| {
        let owner = staff::act_on(tx, &caller, grant.organization, PERMISSION, &reason)?;
        let actor = caller.actor.ok_or(Code::Unauthenticated)?;
        let offer = offer(id, &grant, &owner);
        let faults = faults(tx, &shared, &offer, &owner, caller.now)?;
        if !faults.is_empty() {
            return Err(Refusal::invalid(faults).into());
        }
        let row = StoredFreeOffer {
            organization_id: owner.id,
            id,
            offer: offer.offer,
            frequency: offer.frequency,
            expires_at: offer.expires_at,
            terms: i32::try_from(offer.terms).map_err(Error::defect)?,
            units: i32::try_from(offer.units).map_err(Error::defect)?,
            is_test: offer.is_test,
            state: offer.state,
            order_id: None,
            granted_by: actor.account,
            granted_at: caller.now,
            withdrawn_at: None,
        };
        rows::insert(tx, &row)?;
        let after = json!({ "offer": row.offer, "frequency": row.frequency, "terms": row.terms, "units": row.units,
            "expires_at": row.expires_at });
        let entry = Entry::new("free_offer.granted", id).after(after).by_support(&reason.text);
        audit_log::append(tx, &shared, &caller, owner.id, entry)?;
        Ok(row)
    };
    services.write(call.clone(), write).await
}

fn offer(id: FreeOfferId, grant: &Grant, owner: &Organization) -> FreeOffer {
    FreeOffer {
        id,
        organization: owner.id,
        offer: grant.offer.clone(),
        frequency: grant.frequency,
        expires_at: grant.expires_at,
        terms: grant.terms,
        units: grant.units,
        is_test: owner.is_test,
        state: FreeOfferState::Available,
    }
}

/// All that is wrong with it, also against the catalogue of the day.
fn faults(
    tx: &mut AnyConnection,
    services: &Services,
    offer: &FreeOffer,
    owner: &Organization,
    now: Instant,
) -> Result<Vec<Fault>> {
    let mut faults = offer.faults(now);
    let version = catalogue::in_force(tx, services, catalogue::today(services, now))?;
    match version.catalogue.offer(&offer.offer) {
        None => faults.push(Fault::new("/offer", FaultCode::UnknownOffer)),
        Some((_, sold)) if sold.price(offer.frequency, owner.currency).is_none() => {
            faults.push(Fault::new("/frequency", FaultCode::FrequencyUnavailable));
        }
        Some(_) => {}
    }
    faults.sort_by(|a, b| a.pointer.cmp(&b.pointer));
    Ok(faults)
}

/// Takes a free offer back that nobody reserved or used.
///
/// # Errors
/// `not_found`, `forbidden`, `own_organization`, faults of the reason, `free_offer_closed` with its state.
pub async fn withdraw(
    services: &Services,
    call: &Call,
    (organization, id): (OrganizationId, FreeOfferId),
    reason: &Reason,
) -> Result<StoredFreeOffer> {
    let (shared, caller, reason) = (services.clone(), call.clone(), reason.clone());
    let write = move |tx: &mut AnyConnection| {
        staff::act_on(tx, &caller, organization, PERMISSION, &reason)?;
        let row = rows::find(tx, organization, id)?.ok_or(Code::NotFound)?;
        if !rows::withdraw(tx, organization, id, caller.now)? {
            return Err(Refusal::new(Code::FreeOfferClosed).with("state", json!(row.state)).into());
        }
        let entry = Entry::new("free_offer.withdrawn", id).before(json!({ "state": row.state }));
        let entry = entry.after(json!({ "state": FreeOfferState::Withdrawn })).by_support(&reason.text);
        audit_log::append(tx, &shared, &caller, organization, entry)?;
        rows::find(tx, organization, id)?.ok_or_else(|| Code::NotFound.into())
    };
    services.write(call.clone(), write).await
}

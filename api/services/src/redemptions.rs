//! What orders reserve of promo codes and free offers, and what becomes of it (ORD-4): reserved at checkout, redeemed when
//! the order is paid, released when it dies or the reservation ends.
//!
//! Counters are guarded updates of one row, in the order of the codes, after the organization's row was locked: so that
//! caps hold under any concurrency and no two orders wait for each other.

use manager_domain::discounts::AppliedBenefit;
use manager_domain::ids::*;
use manager_domain::payments::PaymentMethodKind;
use manager_domain::quotes::QuotedLines;
use manager_domain::redemptions::{RedemptionState, reserved_until};
use manager_domain::{Code, Instant, Refusal};
use manager_repository::orders::Order;
use manager_repository::redemptions::{self as rows};
use manager_repository::{AnyConnection, free_offers, organizations, payments, promo_codes};
use serde_json::json;

use crate::audit_log::{self, Entry};
use crate::errors::{Error, Result};
use crate::housekeeping::each_due;
use crate::{Call, Services};

pub use rows::Redemption;

/// A page of what an organization redeemed and reserved of promo codes, newest first.
pub async fn list(
    services: &Services,
    organization: OrganizationId,
    before: Option<RedemptionId>,
    limit: i64,
) -> Result<Vec<Redemption>> {
    services.db.read(move |conn| Ok(rows::list_of_codes(conn, organization, before, limit)?)).await
}

/// Reserves what an order was quoted with. The caller judged the codes and offers in this transaction: whoever comes
/// between makes it run again, and then judge otherwise.
pub(crate) fn reserve(
    tx: &mut AnyConnection,
    services: &Services,
    now: Instant,
    order: &Order,
    lines: &QuotedLines,
) -> Result<()> {
    let until = end_of(services, now, order, order.payment_method);
    let mut wanted = Vec::new();
    for parts in lines.lines.chunk_by(|one, other| one.item == other.item) {
        let Some((item, benefit)) = parts.first().and_then(|line| Some((line.item, line.benefit.as_ref()?))) else {
            continue;
        };
        let (code, free_offer_id, terms) = match benefit {
            AppliedBenefit::PromoCode { code, terms } => (Some(code.as_str().to_owned()), None, *terms),
            AppliedBenefit::FreeOffer { id, terms, .. } => (None, Some(*id), *terms),
        };
        wanted.push(Redemption {
            organization_id: order.organization_id,
            id: services.id(now),
            order_id: order.id,
            item_id: item,
            code,
            free_offer_id,
            state: RedemptionState::Reserved,
            amount: parts.iter().map(|line| line.discount()).sum(),
            currency: order.currency,
            terms: i32::try_from(terms).map_err(Error::defect)?,
            reserved_until: until,
            created_at: now,
            redeemed_at: None,
            released_at: None,
        });
    }
    wanted.sort_by(|a, b| (&a.code, a.free_offer_id).cmp(&(&b.code, b.free_offer_id)));
    for row in &wanted {
        if !take(tx, row)? {
            return Err(Error::Conflict);
        }
        rows::insert(tx, row)?;
    }
    Ok(())
}

fn end_of(services: &Services, now: Instant, order: &Order, method: PaymentMethodKind) -> Instant {
    reserved_until(now, method, services.settings.promo_code_reservation, order.lapses_at)
}

/// Counts a use of the code, or reserves the free offer; `false`, with nothing taken, where there is no room.
fn take(tx: &mut AnyConnection, row: &Redemption) -> Result<bool> {
    let organization = row.organization_id;
    if let Some(offer) = row.free_offer_id {
        return Ok(free_offers::reserve(tx, organization, offer, row.order_id)?);
    }
    let Some(code) = code_of(tx, row)? else { return Ok(true) };
    if let Some(cap) = code.total_cap
        && !promo_codes::count_use(tx, &code.code, cap)?
    {
        return Ok(false);
    }
    if let Some(cap) = code.organization_cap
        && !promo_codes::count_use_by(tx, organization, &code.code, cap)?
    {
        if code.total_cap.is_some() {
            promo_codes::uncount_use(tx, &code.code)?;
        }
        return Ok(false);
    }
    Ok(true)
}

/// Gives back what [`take`] took.
fn give_back(tx: &mut AnyConnection, row: &Redemption) -> Result<()> {
    if let Some(offer) = row.free_offer_id {
        return Ok(free_offers::release(tx, row.organization_id, offer, row.order_id)?);
    }
    let Some(code) = code_of(tx, row)? else { return Ok(()) };
    if code.total_cap.is_some() {
        promo_codes::uncount_use(tx, &code.code)?;
    }
    if code.organization_cap.is_some() {
        promo_codes::uncount_use_by(tx, row.organization_id, &code.code)?;
    }
    Ok(())
}

/// Codes are never deleted, so that the row of a redemption's code is there.
fn code_of(tx: &mut AnyConnection, row: &Redemption) -> Result<Option<promo_codes::StoredPromoCode>> {
    let Some(code) = &row.code else { return Ok(None) };
    let found = promo_codes::find(tx, code)?;
    found.map(Some).ok_or_else(|| Error::defect(format!("the code of {} is gone", row.id)))
}

/// Redeems what an order reserved, because it was paid or costs nothing. [`secure`] comes before it.
pub(crate) fn redeem(tx: &mut AnyConnection, organization: OrganizationId, order: OrderId, now: Instant) -> Result<()> {
    if rows::redeem(tx, organization, order, now)? > 0 {
        free_offers::use_up(tx, organization, order)?;
    }
    Ok(())
}

/// Reserves again what an order had reserved before its reservation ended, as its money has come after all. `true` where
/// everything is reserved; `false`, with nothing changed, where others took it meanwhile: the order can't be completed at
/// its price, and the money goes to the prepaid account (BIL-7). The caller holds the organization's lock.
pub(crate) fn secure(
    tx: &mut AnyConnection,
    organization: OrganizationId,
    order: OrderId,
    now: Instant,
) -> Result<bool> {
    let ended = |row: &Redemption| row.state == RedemptionState::Released;
    let released: Vec<_> = rows::list_of_order(tx, organization, order)?.into_iter().filter(ended).collect();
    for (index, row) in released.iter().enumerate() {
        if !take(tx, row)? {
            released[..index].iter().try_for_each(|taken| give_back(tx, taken))?;
            return Ok(false);
        }
    }
    for row in &released {
        if !rows::reserve_until(tx, organization, row.id, now)? {
            return Err(Error::defect(format!("{} was redeemed and released", row.id)));
        }
    }
    Ok(true)
}

/// Reserves for another try to pay an order: what still holds for longer, what ended again.
///
/// # Errors
/// `reservation_ended` where others took it meanwhile.
pub(crate) fn hold(tx: &mut AnyConnection, services: &Services, now: Instant, order: &Order) -> Result<()> {
    let organization = order.organization_id;
    if !secure(tx, organization, order.id, now)? {
        let lost = rows::list_of_order(tx, organization, order.id)?;
        let lost: Vec<_> = lost.into_iter().filter(|row| row.state == RedemptionState::Released).collect();
        let codes: Vec<_> = lost.iter().filter_map(|row| row.code.as_ref()).collect();
        let offers: Vec<_> = lost.iter().filter_map(|row| row.free_offer_id).collect();
        let refusal = Refusal::new(Code::ReservationEnded).with("order", json!(order.id));
        return Err(refusal.with("promo_codes", json!(codes)).with("free_offers", json!(offers)).into());
    }
    let until = end_of(services, now, order, order.payment_method);
    for row in rows::list_of_order(tx, organization, order.id)? {
        if row.reserved_until < until {
            rows::reserve_until(tx, organization, row.id, until)?;
        }
    }
    Ok(())
}

/// Releases what a dead order reserved. The caller holds the organization's lock.
pub(crate) fn release_of_order(
    tx: &mut AnyConnection,
    organization: OrganizationId,
    order: OrderId,
    now: Instant,
) -> Result<()> {
    for row in rows::list_of_order(tx, organization, order)? {
        release(tx, &row, now)?;
    }
    Ok(())
}

fn release(tx: &mut AnyConnection, row: &Redemption, now: Instant) -> Result<bool> {
    let released = rows::release(tx, row.organization_id, row.id, now)?;
    if released {
        give_back(tx, row)?;
    }
    Ok(released)
}

/// Releases every reservation that ended, but not while a payment of its order is under way.
pub(crate) async fn release_due(services: &Services, now: Instant) -> Result<()> {
    let (shared, list) = (services.clone(), move |conn: &mut _, page| rows::list_ended(conn, now, page));
    let end = move |tx: &mut _, (organization, id)| end_reservation(tx, &shared, organization, id, now);
    each_due(services, list, end).await.map(|_| ())
}

fn end_reservation(
    tx: &mut AnyConnection,
    services: &Services,
    organization: OrganizationId,
    id: RedemptionId,
    now: Instant,
) -> Result<bool> {
    organizations::lock(tx, organization)?;
    let Some(row) = rows::find(tx, organization, id)? else { return Ok(false) };
    let paying = payments::find_open_of_order(tx, organization, row.order_id)?.is_some();
    if paying || row.reserved_until > now || !release(tx, &row, now)? {
        return Ok(false);
    }
    let after = json!({ "state": RedemptionState::Released, "order": row.order_id });
    let entry = Entry::new("redemption.released", id).before(json!({ "state": row.state })).after(after);
    audit_log::append(tx, services, &Call::system(now), organization, entry)?;
    Ok(true)
}

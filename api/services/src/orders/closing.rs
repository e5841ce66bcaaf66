//! Orders that die unpaid: cancelled by the customer or lapsed (ORD-6).

use manager_domain::ids::*;
use manager_domain::orders::OrderState;
use manager_domain::permissions::{Permission, decide};
use manager_domain::{Code, Instant};
use manager_repository::{AnyConnection, invoices, orders as rows, organizations, product_names, products};
use serde_json::json;

use super::paying::{closed, payment_under_way, refuse_while_paying};
use super::{Details, Order, details};
use crate::access::{Authority, allowed};
use crate::audit_log::{self, Entry};
use crate::errors::{Error, Result};
use crate::housekeeping::each_due;
use crate::products::reference;
use crate::versions::fresh;
use crate::{Call, Services, redemptions};

/// Cancels an open order; its invoice is void, its products are cancelled. Needs the right to order each of them.
///
/// # Errors
/// `not_found`, `forbidden`, `precondition_failed` where `seen` is stale, `order_closed`, `payment_in_progress`.
pub async fn cancel(
    services: &Services,
    call: &Call,
    organization: OrganizationId,
    id: OrderId,
    seen: Option<i64>,
) -> Result<Details> {
    let (shared, call) = (services.clone(), call.clone());
    let caller = call.clone();
    let write = move |tx: &mut AnyConnection, authority: &Authority| {
        let order = rows::find(tx, organization, id)?.ok_or(Code::NotFound)?;
        for product in products::list_of_order(tx, organization, id)? {
            allowed(decide(&authority.rights, Permission::Order, Some(&reference(&product))))?;
        }
        fresh(seen, order.version)?;
        if order.state != OrderState::Open {
            return Err(Error::from(closed(&order)));
        }
        refuse_while_paying(tx, &order)?;
        if !close_in(tx, &shared, &call, &order, OrderState::Cancelled)? {
            return Err(closed(&order).into());
        }
        details(tx, organization, id)
    };
    services.write_as(caller, write).await
}

/// Lets open orders lapse whose time is up, but not while a payment is under way; answers how many.
pub async fn lapse_due(services: &Services, now: Instant) -> Result<usize> {
    let (shared, list) = (services.clone(), move |conn: &mut _, page| rows::lapsing(conn, now, page));
    let lapse = move |tx: &mut _, (organization, id)| lapse(tx, &shared, organization, id, now);
    each_due(services, list, lapse).await
}

fn lapse(
    tx: &mut AnyConnection,
    services: &Services,
    organization: OrganizationId,
    id: OrderId,
    now: Instant,
) -> Result<bool> {
    organizations::lock(tx, organization)?;
    let Some(order) = rows::find(tx, organization, id)? else { return Ok(false) };
    let due = order.state == OrderState::Open && order.lapses_at <= now;
    if !due || payment_under_way(tx, &order)?.is_some() {
        return Ok(false);
    }
    close_in(tx, services, &Call::system(now), &order, OrderState::Lapsed)
}

fn close_in(
    tx: &mut AnyConnection,
    services: &Services,
    call: &Call,
    order: &Order,
    state: OrderState,
) -> Result<bool> {
    let organization = order.organization_id;
    debug_assert!(order.state.may_become(state), "{:?} to {state:?}", order.state);
    if !rows::close(tx, organization, order.id, state, call.now)? {
        return Ok(false);
    }
    if let Some(invoice) = invoices::find_by_order(tx, organization, order.id)? {
        invoices::void(tx, organization, invoice.id)?;
    }
    products::cancel_of_order(tx, organization, order.id, call.now)?;
    product_names::release_of_order(tx, organization, order.id)?;
    redemptions::release_of_order(tx, organization, order.id, call.now)?;
    let action = if state == OrderState::Lapsed { "order.lapsed" } else { "order.cancelled" };
    let entry = Entry::new(action, order.id).before(json!({ "state": order.state }));
    audit_log::append(tx, services, call, organization, entry.after(json!({ "state": state })))?;
    Ok(true)
}

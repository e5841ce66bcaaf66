//! Orders that die unpaid: cancelled by the customer or lapsed (ORD-6).

use manager_domain::ids::*;
use manager_domain::memberships::Rights;
use manager_domain::orders::OrderState;
use manager_domain::permissions::{Permission, decide};
use manager_domain::{Code, Instant};
use manager_repository::{AnyConnection, invoices, orders as rows, organizations, product_names, products};
use serde_json::json;

use super::paying::{closed, payment_under_way, refuse_while_paying};
use super::{Details, Order, details};
use crate::audit_log::{self, Entry};
use crate::errors::{Error, Result};
use crate::products::reference;
use crate::{Call, Services, carts};

/// Orders looked at together, and how often in one go.
const BATCH: i64 = 100;
const BATCHES: usize = 50;

/// Cancels an open order; its invoice is void, its products are cancelled. Needs the right to order each of them.
///
/// # Errors
/// `not_found`, `forbidden`, `order_closed`, `payment_in_progress`.
pub async fn cancel(
    services: &Services,
    call: &Call,
    organization: OrganizationId,
    rights: &Rights,
    (id, seen): (OrderId, Option<i64>),
) -> Result<Details> {
    let (shared, call, rights) = (services.clone(), call.clone(), rights.clone());
    let claim = call.claim.clone();
    let write = move |tx: &mut AnyConnection| {
        organizations::lock(tx, organization)?;
        let order = rows::find(tx, organization, id)?.ok_or(Code::NotFound)?;
        for product in products::list_of_order(tx, organization, id)? {
            carts::allowed(decide(&rights, Permission::Order, Some(&reference(&product))))?;
        }
        carts::fresh(seen, order.version)?;
        if order.state != OrderState::Open {
            return Err(Error::from(closed(&order)));
        }
        refuse_while_paying(tx, &order)?;
        if !close_in(tx, &shared, &call, &order, OrderState::Cancelled)? {
            return Err(closed(&order).into());
        }
        details(tx, organization, id)
    };
    services.write(claim, write).await
}

/// Lets open orders lapse whose time is up, but not while a payment is under way; answers how many. Each is a
/// transaction of its own, so it may be stopped and run again at any point, by any number of processes.
pub async fn lapse_due(services: &Services, now: Instant) -> Result<usize> {
    let mut lapsed = 0;
    for _ in 0..BATCHES {
        let before = lapsed;
        let due = services.db.read(move |conn| Ok::<_, Error>(rows::lapsing(conn, now, BATCH)?)).await?;
        let found = due.len() as i64;
        for (organization, id) in due {
            let shared = services.clone();
            let write = move |tx: &mut AnyConnection| lapse(tx, &shared, organization, id, now);
            lapsed += usize::from(services.db.write(write).await?);
        }
        // A round that closed nothing would find the same again.
        if found < BATCH || lapsed == before {
            break;
        }
    }
    Ok(lapsed)
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
    if !rows::close(tx, organization, order.id, state, call.now)? {
        return Ok(false);
    }
    if let Some(invoice) = invoices::find_by_order(tx, organization, order.id)? {
        invoices::void(tx, organization, invoice.id)?;
    }
    products::cancel_of_order(tx, organization, order.id, call.now)?;
    product_names::release_of_order(tx, organization, order.id)?;
    let action = if state == OrderState::Lapsed { "order.lapsed" } else { "order.cancelled" };
    let entry = Entry::new(action, order.id).before(json!({ "state": order.state }));
    audit_log::append(tx, services, call, organization, entry.after(json!({ "state": state })))?;
    Ok(true)
}

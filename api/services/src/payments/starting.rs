//! Beginning a payment: its row, what it holds of the prepaid account, and the job that collects the rest.

use manager_domain::ids::*;
use manager_domain::payments::PaymentState;
use manager_domain::{Currency, Instant, postings};
use manager_repository::payments::{self as rows, Payment};
use manager_repository::{AnyConnection, invoices};
use serde_json::json;

use super::settlement::settle_invoice_in;
use super::{HEAD_START, Plan};
use crate::audit_log::{self, Entry};
use crate::errors::{Error, Result};
use crate::jobs::{self, Job};
use crate::{Call, Services, ledger};

/// What a payment is for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum PaidFor {
    Invoice { invoice: InvoiceId, order: Option<OrderId> },
    TopUp(TopUpId),
}

/// A payment that its provider doesn't know yet; one by the prepaid account alone needs nobody else.
pub(crate) fn new_payment(
    id: PaymentId,
    now: Instant,
    (organization, currency): (OrganizationId, Currency),
    paid_for: PaidFor,
    plan: Plan,
    account: Option<AccountId>,
) -> Payment {
    let Plan { means, spending } = plan;
    let (invoice_id, order_id, top_up_id) = match paid_for {
        PaidFor::Invoice { invoice, order } => (Some(invoice), order, None),
        PaidFor::TopUp(top_up) => (None, None, Some(top_up)),
    };
    let at_once = spending.other == 0;
    Payment {
        organization_id: organization,
        id,
        invoice_id,
        top_up_id,
        order_id,
        provider: means.provider.to_owned(),
        method: means.kind,
        method_token: means.token,
        amount: spending.other,
        prepaid: spending.prepaid.into(),
        currency,
        state: if at_once { PaymentState::Succeeded } else { PaymentState::Created },
        provider_reference: None,
        failure_code: None,
        action: None,
        booked_elsewhere: 0,
        created_by: account,
        created_at: now,
        updated_at: now,
        settled_at: at_once.then_some(now),
    }
}

/// What the audit log says of a new payment.
pub(crate) fn created(payment: &Payment) -> Entry {
    let mut after = json!({ "amount": payment.total(), "currency": payment.currency });
    let about = [
        ("order", json!(payment.order_id)),
        ("invoice", json!(payment.invoice_id)),
        ("top_up", json!(payment.top_up_id)),
        ("prepaid", json!(Some(payment.parts().total()).filter(|amount| *amount > 0))),
    ];
    for (name, value) in about.into_iter().filter(|(_, value)| !value.is_null()) {
        after[name] = value;
    }
    Entry::new("payment.created", payment.id).after(after)
}

/// Begins a payment; the caller holds the organization's lock. The prepaid part is held until the outcome is known, and a
/// job collects the rest if this process dies first. What the prepaid account pays alone is paid at once.
pub(crate) fn start(
    tx: &mut AnyConnection,
    services: &Services,
    call: &Call,
    (organization, currency): (OrganizationId, Currency),
    paid_for: PaidFor,
    plan: Plan,
) -> Result<PaymentId> {
    let (id, now): (PaymentId, _) = (services.id(call.now), call.now);
    let account = call.actor.map(|actor| actor.account);
    let payment = new_payment(id, now, (organization, currency), paid_for, plan, account);
    rows::insert(tx, &payment)?;
    audit_log::append(tx, services, call, organization, created(&payment))?;
    if payment.state == PaymentState::Succeeded {
        let PaidFor::Invoice { invoice, .. } = paid_for else {
            return Err(Error::defect("the prepaid account can't top itself up"));
        };
        let invoice = invoices::find(tx, organization, invoice)?.ok_or_else(|| Error::defect("an invoice is gone"))?;
        let paid_by = postings::PaidBy { prepaid: payment.parts(), ..Default::default() };
        settle_invoice_in(tx, services, call, &invoice, paid_by)?;
        return Ok(id);
    }
    let hold = postings::hold(currency, payment.parts());
    ledger::book(tx, services, call, (organization, currency), id, hold)?;
    jobs::enqueue(tx, services, now, now + HEAD_START, &Job::CollectPayment { organization, payment: id })?;
    Ok(id)
}

//! Payments as their organization sees them (BIL-6).

use actix_web::{get, web};
use manager_domain::ids::{InvoiceId, OrderId, OrganizationId, PaymentId};
use manager_domain::payments::{PaymentMethodKind, PaymentState};
use manager_domain::{Instant, Money};
use manager_services::payments::{self, Payment};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Member;
use crate::auth::permissions::{Required, ViewBilling};
use crate::json::Json;
use crate::path::Path;
use crate::problems::Problem;
use crate::state::AppState;
use crate::then::Then;

/// A payment of an invoice.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "id": "pay_01k5x9dzt4f3gsv6t1n0q8m2ra", "invoice": "inv_01k5x9dzt4f3gsv6t1n0q8m2ra",
    "order": "ord_01k5x9dzt4f3gsv6t1n0q8m2ra", "method": "card", "amount": {"amount": 973, "currency": "CHF"},
    "state": "succeeded", "failure_code": null, "created_at": "2026-03-01T09:30:00Z",
    "settled_at": "2026-03-01T09:30:01Z"
})))]
pub struct PaymentView {
    pub id: PaymentId,
    pub invoice: InvoiceId,
    #[schema(required)]
    pub order: Option<OrderId>,
    pub method: PaymentMethodKind,
    pub amount: Money,
    pub state: PaymentState,
    /// Why it failed, such as `insufficient_funds`.
    #[schema(required)]
    pub failure_code: Option<String>,
    pub created_at: Instant,
    /// When its outcome became known.
    #[schema(required)]
    pub settled_at: Option<Instant>,
}

impl From<Payment> for PaymentView {
    fn from(payment: Payment) -> Self {
        Self {
            id: payment.id,
            invoice: payment.invoice_id,
            order: payment.order_id,
            method: payment.method,
            amount: Money::new(payment.amount, payment.currency),
            state: payment.state,
            failure_code: payment.failure_code,
            created_at: payment.created_at,
            settled_at: payment.settled_at,
        }
    }
}

/// Show a payment
///
/// How one try to pay went: `processing` until its outcome is known, then it never changes. A failed one says why in
/// `failure_code`.
#[utoipa::path(tag = "billing", params(("org" = OrganizationId, Path, description = "The organization"),
        ("id" = PaymentId, Path, description = "The payment")),
    responses((status = 200, description = "The payment", body = PaymentView)),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(ViewBilling::NAME))))]
#[get("/v1/organizations/{org}/payments/{id}")]
pub async fn get_payment(
    state: web::Data<AppState>,
    path: Then<Member<ViewBilling>, Path<(OrganizationId, PaymentId)>>,
) -> Result<Json<PaymentView>, Problem> {
    let Then(_, Path((organization, id))) = path;
    Ok(Json(payments::get(&state.services, organization, id).await?.into()))
}

//! Payments as their organization sees them (BIL-6).

use actix_web::{get, web};
use manager_domain::ids::{InvoiceId, OrderId, OrganizationId, PaymentId, TopUpId};
use manager_domain::payments::{Action, PaymentMethodKind, PaymentState};
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

/// A payment of an invoice or of a top-up.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "id": "pay_01k5x9dzt4f3gsv6t1n0q8m2ra", "invoice": "inv_01k5x9dzt4f3gsv6t1n0q8m2ra",
    "order": "ord_01k5x9dzt4f3gsv6t1n0q8m2ra", "top_up": null, "method": "card",
    "amount": {"amount": 973, "currency": "CHF"}, "prepaid_amount": {"amount": 0, "currency": "CHF"},
    "state": "succeeded", "failure_code": null, "action": null, "created_at": "2026-03-01T09:30:00Z",
    "settled_at": "2026-03-01T09:30:01Z"
})))]
pub struct PaymentView {
    pub id: PaymentId,
    #[schema(required)]
    pub invoice: Option<InvoiceId>,
    #[schema(required)]
    pub order: Option<OrderId>,
    #[schema(required)]
    pub top_up: Option<TopUpId>,
    /// What pays beside the prepaid account; `prepaid` where that pays all.
    pub method: PaymentMethodKind,
    /// Both parts together.
    pub amount: Money,
    /// The part of the prepaid account: held until the outcome is known, given back when the payment fails.
    pub prepaid_amount: Money,
    pub state: PaymentState,
    /// Why it failed, such as `insufficient_funds`.
    #[schema(required)]
    pub failure_code: Option<String>,
    /// What the customer has to do so that it goes on, where it `requires_action`.
    #[schema(required)]
    pub action: Option<PaymentAction>,
    pub created_at: Instant,
    /// When its outcome became known.
    #[schema(required)]
    pub settled_at: Option<Instant>,
}

/// What the customer has to do.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PaymentAction {
    /// Go to this page of the provider.
    Redirect { url: String },
    /// Give the provider's own component this secret.
    ClientSecret { client_secret: String },
}

impl From<Action> for PaymentAction {
    fn from(action: Action) -> Self {
        match action {
            Action::Redirect { url } => Self::Redirect { url },
            Action::ClientSecret { client_secret } => Self::ClientSecret { client_secret },
        }
    }
}

impl From<Payment> for PaymentView {
    fn from(payment: Payment) -> Self {
        let money = |amount| Money::new(amount, payment.currency);
        Self {
            id: payment.id,
            invoice: payment.invoice_id,
            order: payment.order_id,
            top_up: payment.top_up_id,
            method: payment.method,
            amount: money(payment.total()),
            prepaid_amount: money(payment.parts().total()),
            state: payment.state,
            failure_code: payment.failure_code,
            action: payment.action.map(|action| action.0.into()),
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

//! An organization as support reads it, with a stated reason (STF-1).

use actix_web::{get, web};
use manager_domain::ids::OrganizationId;
use manager_services::staff::Reason;
use manager_services::staff_organizations::{self, StaffOrganization};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use super::invoices::InvoiceView;
use super::orders::OrderView;
use super::organizations::OrganizationView;
use super::prepaid_accounts::PrepaidAccountView;
use crate::auth::Staff;
use crate::auth::permissions::{ReadOrganizations, StaffRequired};
use crate::json::Json;
use crate::path::Path;
use crate::problems::Problem;
use crate::query::Query;
use crate::state::AppState;
use crate::then::Then;

/// An organization with its money and what it bought lately.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "organization": {"id": "org_01k5x9dzt4f3gsv6t1n0q8m2ra", "number": "48210377", "kind": "company",
        "name": "Analytical Engines SA", "country": "CH", "locale": "fr", "time_zone": "Europe/Zurich", "currency": "CHF",
        "currency_fixed": true, "vat_verified": false, "created_at": "2026-03-01T09:30:00Z"},
    "prepaid": {"currency": "CHF", "available": {"amount": 5000, "currency": "CHF"},
        "paid": {"amount": 4000, "currency": "CHF"}, "promotional": {"amount": 1000, "currency": "CHF"},
        "held": {"amount": 0, "currency": "CHF"}, "owed": {"amount": 0, "currency": "CHF"},
        "top_ups_under_way": {"amount": 0, "currency": "CHF"}, "withdrawable": {"amount": 4000, "currency": "CHF"}},
    "orders": [], "invoices": []
})))]
pub struct StaffOrganizationView {
    pub organization: OrganizationView,
    pub prepaid: PrepaidAccountView,
    /// The last 20, newest first.
    pub orders: Vec<OrderView>,
    /// The last 20, newest first.
    pub invoices: Vec<InvoiceView>,
}

impl From<StaffOrganization> for StaffOrganizationView {
    fn from(read: StaffOrganization) -> Self {
        Self {
            organization: OrganizationView::of(read.organization, true),
            prepaid: read.prepaid.into(),
            orders: read.orders.into_iter().map(OrderView::from).collect(),
            invoices: read.invoices.into_iter().map(InvoiceView::from).collect(),
        }
    }
}

/// Why it is read.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ReasonQuery {
    /// Shown in the organization's audit log.
    #[param(min_length = 1, max_length = 500)]
    reason: String,
}

/// Read an organization, for support
///
/// Its details, balances and recent orders and invoices. Written into the organization's audit log with the reason, where
/// its owners see it.
#[utoipa::path(tag = "staff", params(("id" = OrganizationId, Path, description = "Not one you belong to"), ReasonQuery),
    responses((status = 200, description = "The organization", body = StaffOrganizationView),
        (status = 403, description = "`own_organization` for its members, `forbidden`")),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(ReadOrganizations::NAME))))]
#[get("/v1/admin/organizations/{id}")]
pub async fn read_organization(
    state: web::Data<AppState>,
    path: Then<Staff<ReadOrganizations>, Then<Path<(OrganizationId,)>, Query<ReasonQuery>>>,
) -> Result<Json<StaffOrganizationView>, Problem> {
    let Then(staff, Then(Path((organization,)), Query(query))) = path;
    let reason = Reason { text: query.reason, pointer: "query:reason" };
    let read = staff_organizations::read(&state.services, &staff.caller.call, organization, &reason).await?;
    Ok(Json(read.into()))
}

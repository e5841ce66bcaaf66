//! An organization as support reads it, with a stated reason (STF-1).

use manager_domain::ids::OrganizationId;
use manager_domain::staff::StaffPermission;
use manager_repository::AnyConnection;
use manager_repository::invoices::{self, Invoice, InvoiceFilter};
use manager_repository::orders::{self, Order, OrderFilter};
use manager_repository::organizations::Organization;

use crate::errors::Result;
use crate::prepaid_accounts::{self, PrepaidAccount};
use crate::staff::{self, Reason};
use crate::{Call, Services};

/// Orders and invoices shown at most, of each the newest.
const RECENT: i64 = 20;

/// What support sees of an organization.
#[derive(Debug, Clone)]
pub struct StaffOrganization {
    pub organization: Organization,
    pub prepaid: PrepaidAccount,
    pub orders: Vec<Order>,
    pub invoices: Vec<Invoice>,
}

/// Reads an organization, which is written into its audit log.
///
/// # Errors
/// `not_found`, `forbidden`, `own_organization`, faults of the reason.
pub async fn read(
    services: &Services,
    call: &Call,
    organization: OrganizationId,
    reason: &Reason,
) -> Result<StaffOrganization> {
    let now = call.now;
    let show = move |tx: &mut AnyConnection, owner: Organization| {
        Ok(StaffOrganization {
            prepaid: prepaid_accounts::as_of(tx, &owner, now)?,
            orders: orders::list(tx, organization, OrderFilter::default(), None, RECENT)?,
            invoices: invoices::list(tx, organization, InvoiceFilter::default(), None, RECENT)?,
            organization: owner,
        })
    };
    let of = (organization, StaffPermission::ReadOrganizations);
    staff::read(services, call, of, reason, "organization.read", show).await
}

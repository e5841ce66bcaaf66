//! What ends by itself in an organization: invitations that nobody answered (MEM-4) and limited access (MEM-5). Both count
//! as over from their moment on; here that is written down, once, with an entry in the audit log.

use manager_domain::Instant;
use manager_domain::ids::*;
use manager_repository::memberships::Membership;
use manager_repository::{AnyConnection, invitations, memberships, organizations};
use serde_json::json;

use crate::audit_log::{self, Entry};
use crate::errors::Result;
use crate::housekeeping::each_due;
use crate::memberships::summary;
use crate::{Call, Services};

/// Writes down every invitation whose time is over.
pub async fn expire_invitations(services: &Services, now: Instant) -> Result<()> {
    let (shared, list) = (services.clone(), move |conn: &mut _, page| invitations::list_over(conn, now, page));
    let expire = move |tx: &mut _, (organization, id)| expire_invitation(tx, &shared, now, organization, id);
    each_due(services, list, expire).await.map(|_| ())
}

/// Writes down every membership whose time is over.
pub async fn expire_memberships(services: &Services, now: Instant) -> Result<()> {
    let (shared, list) = (services.clone(), move |conn: &mut _, page| memberships::list_expired(conn, now, page));
    let expire = move |tx: &mut _, (organization, account)| {
        let row = memberships::find_expired(tx, organization, account, now)?;
        row.map_or(Ok(false), |row| expire_membership(tx, &shared, now, &row))
    };
    each_due(services, list, expire).await.map(|_| ())
}

/// Makes room for another invitation of an address; the organization's row must be locked.
pub(crate) fn expire_invitation_of(
    tx: &mut AnyConnection,
    services: &Services,
    now: Instant,
    organization: OrganizationId,
    address_key: &str,
) -> Result<()> {
    match invitations::find_over(tx, organization, address_key, now)? {
        Some(id) => expire_invitation(tx, services, now, organization, id).map(|_| ()),
        None => Ok(()),
    }
}

/// Makes room for another membership of an account; the organization's row must be locked.
pub(crate) fn expire_membership_of(
    tx: &mut AnyConnection,
    services: &Services,
    now: Instant,
    organization: OrganizationId,
    account: AccountId,
) -> Result<()> {
    match memberships::find_expired(tx, organization, account, now)? {
        Some(row) => expire_membership(tx, services, now, &row).map(|_| ()),
        None => Ok(()),
    }
}

fn expire_invitation(
    tx: &mut AnyConnection,
    services: &Services,
    now: Instant,
    organization: OrganizationId,
    id: InvitationId,
) -> Result<bool> {
    organizations::lock(tx, organization)?;
    if !invitations::expire(tx, organization, id, now)? {
        return Ok(false);
    }
    audit_log::append(tx, services, &Call::system(now), organization, Entry::new("invitation.expired", id))?;
    Ok(true)
}

fn expire_membership(tx: &mut AnyConnection, services: &Services, now: Instant, row: &Membership) -> Result<bool> {
    let organization = row.organization_id;
    organizations::lock(tx, organization)?;
    if !memberships::delete_expired(tx, organization, row.id, now)? {
        return Ok(false);
    }
    let entry = Entry::new("membership.expired", row.id).before(summary(row));
    let entry = entry.after(json!({ "account": row.account_id, "expired_at": row.expires_at }));
    audit_log::append(tx, services, &Call::system(now), organization, entry)?;
    Ok(true)
}

//! What ends by itself in an organization: invitations that nobody answered (MEM-4) and limited access (MEM-5). Both count
//! as over from their moment on; here that is written down, once, with an entry in the audit log.

use manager_domain::Instant;
use manager_domain::ids::*;
use manager_repository::memberships::Membership;
use manager_repository::{AnyConnection, invitations, memberships, organizations};
use serde_json::json;

use crate::audit_log::{self, Entry};
use crate::errors::{Error, Result};
use crate::memberships::summary;
use crate::{Call, Services};

/// Rows read at once, and how often in one go.
const BATCH: i64 = 100;
const BATCHES: usize = 50;

/// Writes down everything whose time is over.
pub async fn expire_due(services: &Services, now: Instant) -> Result<()> {
    for _ in 0..BATCHES {
        let due = services.db.read(move |conn| Ok::<_, Error>(invitations::list_over(conn, now, BATCH)?)).await?;
        let more = due.len() == BATCH as usize;
        for (organization, id) in due {
            let shared = services.clone();
            services.db.write(move |tx| expire_invitation(tx, &shared, now, organization, id)).await?;
        }
        if !more {
            break;
        }
    }
    for _ in 0..BATCHES {
        let due = services.db.read(move |conn| Ok::<_, Error>(memberships::list_expired(conn, now, BATCH)?)).await?;
        let more = due.len() == BATCH as usize;
        for row in due {
            let shared = services.clone();
            services.db.write(move |tx| expire_membership(tx, &shared, now, &row)).await?;
        }
        if !more {
            break;
        }
    }
    Ok(())
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
        Some(id) => expire_invitation(tx, services, now, organization, id),
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
        Some(row) => expire_membership(tx, services, now, &row),
        None => Ok(()),
    }
}

fn expire_invitation(
    tx: &mut AnyConnection,
    services: &Services,
    now: Instant,
    organization: OrganizationId,
    id: InvitationId,
) -> Result<()> {
    organizations::lock(tx, organization)?;
    if !invitations::expire(tx, organization, id, now)? {
        return Ok(());
    }
    audit_log::append(tx, services, &Call::system(now), organization, Entry::new("invitation.expired", id))
}

fn expire_membership(tx: &mut AnyConnection, services: &Services, now: Instant, row: &Membership) -> Result<()> {
    let organization = row.organization_id;
    organizations::lock(tx, organization)?;
    if !memberships::delete_expired(tx, organization, row.id, now)? {
        return Ok(());
    }
    let entry = Entry::new("membership.expired", row.id).before(summary(row));
    let entry = entry.after(json!({ "account": row.account_id, "expired_at": row.expires_at }));
    audit_log::append(tx, services, &Call::system(now), organization, entry)
}

//! Memberships: who belongs to an organization, with which rights.

use manager_domain::Instant;
use manager_domain::ids::*;
use manager_repository::memberships::{self as rows, Access};

use crate::errors::Result;
use crate::Services;

/// What a living session reaches in an organization; `None` where the session isn't living.
pub async fn access(
    services: &Services,
    session: SessionId,
    organization: OrganizationId,
    now: Instant,
) -> Result<Option<Access>> {
    services.db.read(move |conn| Ok(rows::access(conn, session, organization, now)?)).await
}

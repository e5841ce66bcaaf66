//! Tokens of provisioning systems (STF-2), kept as keyed hashes.

use diesel::prelude::*;
use manager_domain::Instant;
use manager_domain::ids::ServiceTokenId;
use manager_domain::staff::ServiceRole;

use crate::connection::AnyConnection;
use crate::errors::Error;
use crate::schema::service_tokens;
use crate::sql_types::sql;

pub fn insert(
    tx: &mut AnyConnection,
    id: ServiceTokenId,
    role: ServiceRole,
    hash: &[u8],
    now: Instant,
) -> Result<(), Error> {
    diesel::insert_into(service_tokens::table)
        .values((
            service_tokens::id.eq(sql(id)),
            service_tokens::role.eq(role.as_str()),
            service_tokens::token_hash.eq(hash),
            service_tokens::created_at.eq(sql(now)),
        ))
        .execute(tx)?;
    Ok(())
}

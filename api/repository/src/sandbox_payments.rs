//! What became of payments on the sandbox's own page (a directory): it plays a provider, which knows no organizations.

use diesel::prelude::*;
use manager_domain::Instant;
use manager_domain::ids::*;
use manager_domain::payments::SandboxDecision;

use crate::connection::AnyConnection;
use crate::errors::Error;
use crate::schema::sandbox_payments;
use crate::sql_types::sql;

/// Writes the decision, unless there is one.
pub fn decide(
    tx: &mut AnyConnection,
    (organization, payment): (OrganizationId, PaymentId),
    decision: SandboxDecision,
    now: Instant,
) -> Result<bool, Error> {
    let inserted = crate::each!(tx, |c| diesel::insert_into(sandbox_payments::table)
        .values((
            sandbox_payments::payment_id.eq(sql(payment)),
            sandbox_payments::organization_id.eq(sql(organization)),
            sandbox_payments::decision.eq(sql(decision)),
            sandbox_payments::decided_at.eq(sql(now)),
        ))
        .on_conflict_do_nothing()
        .execute(c)?);
    Ok(inserted == 1)
}

pub fn find(conn: &mut AnyConnection, payment: PaymentId) -> Result<Option<SandboxDecision>, Error> {
    let query = sandbox_payments::table.filter(sandbox_payments::payment_id.eq(sql(payment)));
    Ok(query.select(sandbox_payments::decision).first(conn).optional()?)
}

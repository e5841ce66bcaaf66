//! Whose payment it is that a provider knows by a name of its own (a directory).

use diesel::prelude::*;
use manager_domain::ids::*;

use crate::connection::AnyConnection;
use crate::errors::Error;
use crate::schema::payment_references;
use crate::sql_types::sql;

/// Keeps the provider's name for a payment; the first payment by it stays.
pub fn keep(
    tx: &mut AnyConnection,
    provider: &str,
    reference: &str,
    organization: OrganizationId,
    payment: PaymentId,
) -> Result<(), Error> {
    crate::each!(tx, |c| diesel::insert_into(payment_references::table)
        .values((
            payment_references::provider.eq(provider),
            payment_references::reference.eq(reference),
            payment_references::organization_id.eq(sql(organization)),
            payment_references::payment_id.eq(sql(payment)),
        ))
        .on_conflict_do_nothing()
        .execute(c)?);
    Ok(())
}

/// The payment that a provider knows by this name.
pub fn find(
    conn: &mut AnyConnection,
    provider: &str,
    reference: &str,
) -> Result<Option<(OrganizationId, PaymentId)>, Error> {
    let query = payment_references::table.find((provider, reference));
    let select = (payment_references::organization_id, payment_references::payment_id);
    Ok(query.select(select).first(conn).optional()?)
}

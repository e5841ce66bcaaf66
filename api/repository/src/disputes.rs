//! Disputes of payments, by the provider's name for each (BIL-7).

use diesel::prelude::*;
use manager_domain::disputes::DisputeState;
use manager_domain::ids::*;
use manager_domain::ledger::PrepaidParts;
use manager_domain::{Currency, Instant};

use crate::connection::AnyConnection;
use crate::errors::Error;
use crate::schema::disputes;
use crate::sql_types::sql;

/// A dispute as stored; amounts are minor units.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = disputes)]
pub struct Dispute {
    pub organization_id: OrganizationId,
    pub id: DisputeId,
    pub provider: String,
    /// The provider's name for it.
    pub reference: String,
    pub payment_id: PaymentId,
    pub state: DisputeState,
    /// The provider's word for what the payer says.
    pub reason: Option<String>,
    pub currency: Currency,
    /// What the prepaid account made good.
    pub prepaid_promotional: i64,
    pub prepaid_paid: i64,
    /// What was owed after that.
    pub receivable: i64,
    pub opened_at: Instant,
    pub closed_at: Option<Instant>,
}

impl Dispute {
    /// What the prepaid account made good.
    pub const fn prepaid(&self) -> PrepaidParts {
        PrepaidParts { promotional: self.prepaid_promotional, paid: self.prepaid_paid }
    }
}

pub fn insert(tx: &mut AnyConnection, row: &Dispute) -> Result<(), Error> {
    diesel::insert_into(disputes::table)
        .values((
            disputes::organization_id.eq(sql(row.organization_id)),
            disputes::id.eq(sql(row.id)),
            disputes::provider.eq(&row.provider),
            disputes::reference.eq(&row.reference),
            disputes::payment_id.eq(sql(row.payment_id)),
            disputes::state.eq(sql(row.state)),
            disputes::reason.eq(&row.reason),
            disputes::currency.eq(sql(row.currency)),
            disputes::prepaid_promotional.eq(row.prepaid_promotional),
            disputes::prepaid_paid.eq(row.prepaid_paid),
            disputes::receivable.eq(row.receivable),
            disputes::opened_at.eq(sql(row.opened_at)),
            disputes::closed_at.eq(sql(row.closed_at)),
        ))
        .execute(tx)?;
    Ok(())
}

/// The dispute that a provider knows by this name.
pub fn find(
    conn: &mut AnyConnection,
    organization: OrganizationId,
    provider: &str,
    reference: &str,
) -> Result<Option<Dispute>, Error> {
    let query = disputes::table.filter(disputes::organization_id.eq(sql(organization)));
    let query = query.filter(disputes::provider.eq(provider).and(disputes::reference.eq(reference)));
    Ok(query.select(Dispute::as_select()).first(conn).optional()?)
}

/// Writes how a dispute that is in `row.state` ended; `false` where it isn't any more.
pub fn close(tx: &mut AnyConnection, row: &Dispute, state: DisputeState, now: Instant) -> Result<bool, Error> {
    let one = disputes::organization_id.eq(sql(row.organization_id)).and(disputes::id.eq(sql(row.id)));
    let changed = diesel::update(disputes::table.filter(one.and(disputes::state.eq(sql(row.state)))))
        .set((disputes::state.eq(sql(state)), disputes::closed_at.eq(sql(Some(now)))))
        .execute(tx)?;
    Ok(changed == 1)
}

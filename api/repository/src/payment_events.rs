//! What payment providers told by themselves: each event once, by its own id (BIL-7).

use diesel::prelude::*;
use manager_domain::Instant;
use manager_domain::ids::*;

use crate::connection::AnyConnection;
use crate::errors::Error;
use crate::schema::payment_events;
use crate::sql_types::sql;

/// An event as it is kept.
#[derive(Debug, Clone)]
pub struct PaymentEvent<'a> {
    pub provider: &'a str,
    pub id: &'a str,
    /// The provider's word for what it is about.
    pub kind: &'a str,
    /// Whose payment, where that is known.
    pub about: Option<(OrganizationId, PaymentId)>,
    /// Whether it has its effect in this transaction.
    pub applied: bool,
    /// Sealed.
    pub body: &'a [u8],
    pub received_at: Instant,
}

/// Keeps an event; `false` where it was kept before. Waits for a transaction that is about to keep it.
pub fn insert(tx: &mut AnyConnection, row: &PaymentEvent<'_>) -> Result<bool, Error> {
    let inserted = crate::each!(tx, |c| diesel::insert_into(payment_events::table)
        .values((
            payment_events::provider.eq(row.provider),
            payment_events::event_id.eq(row.id),
            payment_events::kind.eq(row.kind),
            payment_events::organization_id.eq(sql(row.about.map(|(organization, _)| organization))),
            payment_events::payment_id.eq(sql(row.about.map(|(_, payment)| payment))),
            payment_events::applied.eq(row.applied),
            payment_events::body.eq(row.body),
            payment_events::received_at.eq(sql(row.received_at)),
        ))
        .on_conflict_do_nothing()
        .execute(c)?);
    Ok(inserted == 1)
}

/// Whether an event had its effect; `None` where it was never heard of.
pub fn is_applied(conn: &mut AnyConnection, provider: &str, id: &str) -> Result<Option<bool>, Error> {
    let query = payment_events::table.find((provider, id)).select(payment_events::applied);
    Ok(query.first(conn).optional()?)
}

/// Takes the effect of an event that was kept without it; `false` where it was taken.
pub fn apply(tx: &mut AnyConnection, row: &PaymentEvent<'_>) -> Result<bool, Error> {
    let kept = payment_events::table.find((row.provider, row.id)).filter(payment_events::applied.eq(false));
    let changed = diesel::update(kept)
        .set((
            payment_events::applied.eq(true),
            payment_events::organization_id.eq(sql(row.about.map(|(organization, _)| organization))),
            payment_events::payment_id.eq(sql(row.about.map(|(_, payment)| payment))),
        ))
        .execute(tx)?;
    Ok(changed == 1)
}

/// Deletes at most `limit` events that came before `before`.
pub fn purge(tx: &mut AnyConnection, before: Instant, limit: i64) -> Result<usize, Error> {
    let old = payment_events::table.filter(payment_events::received_at.lt(sql(before))).limit(limit);
    let old: Vec<(String, String)> = old.select((payment_events::provider, payment_events::event_id)).load(tx)?;
    for (provider, id) in &old {
        diesel::delete(payment_events::table.find((provider, id))).execute(tx)?;
    }
    Ok(old.len())
}

//! What falls due by itself: lapsing, reminding, expiring, and deleting what is of no use any more.
//!
//! One bad row stops no other and one chore stops none of the others: what went wrong is logged, and comes again with the
//! next round.

use std::fmt::Debug;

use chrono::Duration;
use manager_domain::Instant;
use manager_repository::{
    AnyConnection, Carries as _, Page, carts, idempotency, jobs, login_id_changes, one_time_tokens, payment_events,
    quotes, registrations, security_log, sessions, throttles,
};

use crate::errors::{Error, Result};
use crate::workers::surviving;
use crate::{Services, absorptions, expiry, memberships, orders, redemptions};

/// Done jobs and dead tokens are kept so long.
const KEPT: Duration = Duration::days(7);
/// Jobs that were given up are kept so long, for staff to see.
const FAILED_KEPT: Duration = Duration::days(30);
/// What payment providers told is kept so long, for staff to see; a provider delivers an event again for some days only.
const EVENTS_KEPT: Duration = Duration::days(400);
/// Rows deleted in one write, so that others get theirs in between, and how many such writes follow each other.
const DELETED: i64 = 500;
const DELETIONS: usize = 100;
/// Due rows read at once, and how often in one go.
const BATCH: i64 = 100;
const BATCHES: usize = 50;

type Purge = fn(&mut AnyConnection, Instant, i64) -> std::result::Result<usize, manager_repository::Error>;

/// What deletes dead rows, and how long after their end.
fn purges(services: &Services) -> [(&'static str, Purge, Duration); 12] {
    [
        ("registrations", registrations::purge, KEPT),
        ("one-time tokens", one_time_tokens::purge, KEPT),
        ("changes of login ID", login_id_changes::purge, KEPT),
        ("sessions", sessions::purge, KEPT),
        ("idempotency keys", idempotency::purge, Duration::zero()),
        ("anonymous carts", carts::purge_anonymous, Duration::zero()),
        ("quotes", quotes::purge, KEPT),
        ("throttles", throttles::purge, Duration::zero()),
        ("done jobs", jobs::purge_done, KEPT),
        ("failed jobs", jobs::purge_failed, FAILED_KEPT),
        ("payment events", payment_events::purge, EVENTS_KEPT),
        ("the security log", security_log::purge, services.settings.security_log_lifetime),
    ]
}

/// Does every chore that is due.
///
/// # Errors
/// The first thing that went wrong, after everything else was tried.
pub async fn keep_house(services: &Services, now: Instant) -> Result<()> {
    let mut troubles = Troubles::default();
    troubles.chore("reminders", memberships::remind_expiring(services, now)).await;
    troubles.chore("lapsing orders", async { orders::lapse_due(services, now).await.map(|_| ()) }).await;
    troubles.chore("ending reservations", redemptions::release_due(services, now)).await;
    troubles.chore("ending absorptions", absorptions::finish_due(services, now)).await;
    troubles.chore("forgetting absorptions", absorptions::forget_ended(services, now)).await;
    troubles.chore("expiring invitations", expiry::expire_invitations(services, now)).await;
    troubles.chore("expiring memberships", expiry::expire_memberships(services, now)).await;
    for (what, purge, kept) in purges(services) {
        troubles.chore(what, delete_all(services, purge, now - kept)).await;
    }
    troubles.end()
}

async fn delete_all(services: &Services, purge: Purge, before: Instant) -> Result<()> {
    for _ in 0..DELETIONS {
        let delete = move |tx: &mut AnyConnection| Ok::<_, Error>(purge(tx, before, DELETED)?);
        if services.db.write(delete).await? < DELETED as usize {
            break;
        }
    }
    Ok(())
}

/// Does one after the other of what `list` finds, each in a transaction of its own, so it may be stopped and run again at
/// any point, by any number of processes. `one` tells whether its row is not due any more; `list` passes over as many as
/// it is told, those that stay. Answers how many were done.
///
/// # Errors
/// The first thing that went wrong, after every other row was tried.
pub(crate) async fn each_due<R, L, O>(services: &Services, list: L, one: O) -> Result<usize>
where
    R: Copy + Debug + Send + 'static,
    L: Fn(&mut AnyConnection, Page) -> std::result::Result<Vec<R>, manager_repository::Error> + Copy + Send + 'static,
    O: Fn(&mut AnyConnection, R) -> Result<bool> + Clone + Send + 'static,
{
    let mut troubles = Troubles::default();
    let (mut done, mut staying) = (0, 0);
    for _ in 0..BATCHES {
        let page = Page { skip: staying, limit: BATCH };
        let due = services.db.read(move |conn| Ok::<_, Error>(list(conn, page)?)).await?;
        let more = due.len() == BATCH as usize;
        for row in due {
            let one = one.clone();
            match troubles.row(row, services.db.write(move |tx| one(tx, row)).await)? {
                Some(true) => done += 1,
                Some(false) | None => staying += 1,
            }
        }
        if !more {
            break;
        }
    }
    troubles.end().map(|()| done)
}

/// What went wrong while others went on: all of it in the log, the first of it for whoever asks.
#[derive(Default)]
struct Troubles(Option<Error>);

impl Troubles {
    async fn chore(&mut self, chore: &'static str, work: impl Future<Output = Result<()>>) {
        if let Err(error) = surviving(work, || Error::defect("it panicked")).await {
            tracing::warn!(chore, %error, "housekeeping failed and is tried again");
            self.0.get_or_insert(error);
        }
    }

    /// Takes what became of one row; `None` where it failed.
    ///
    /// # Errors
    /// Where it isn't the row: the database is away or busy, so the next one would meet the same.
    fn row<T>(&mut self, row: impl Debug, done: Result<T>) -> Result<Option<T>> {
        use manager_repository::Error::{Overloaded, Unavailable};
        match done {
            Ok(done) => Ok(Some(done)),
            Err(error) if matches!(error.database(), Some(Overloaded | Unavailable(_))) => Err(error),
            Err(error) => {
                tracing::error!(?row, %error, "a row is passed over in housekeeping");
                self.0.get_or_insert(error);
                Ok(None)
            }
        }
    }

    /// # Errors
    /// The first of them.
    fn end(self) -> Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}

//! Workers: claim due jobs, do them, put off what failed, and keep house.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration as Wait;

use chrono::Duration;
use manager_domain::Instant;
use manager_domain::ids::JobId;
use manager_repository::{
    AnyConnection, carts, idempotency, jobs as rows, login_id_changes, one_time_tokens, quotes, registrations,
    sessions, throttles,
};
use tokio::sync::watch;

use crate::errors::{Error, Result};
use crate::failpoints::failpoint;
use crate::jobs::Job;
use crate::mails::rendering::render;
use crate::mails::transports::{Sent, Transport};
use crate::vault::Purpose;
use crate::{Call, Services, absorptions, credentials, expiry, memberships, orders, payments};

/// Jobs claimed at once, and for how long no other process takes them.
const BATCH: i64 = 16;
const LEASE: Duration = Duration::minutes(2);
/// What one job may take: with less of the lease left, another process might get the next one too.
const LONGEST: Duration = Duration::seconds(30);
/// A job that failed so often is given up, for staff to see.
const ATTEMPTS: i32 = 12;
/// How long an idle worker waits for the bell before it looks by itself.
const IDLE: Wait = Wait::from_secs(1);
const HOUSEKEEPING: Duration = Duration::minutes(1);
/// Done jobs and dead tokens are kept so long.
const KEPT: Duration = Duration::days(7);
/// Rows deleted in one write, so that others get theirs in between, and how many such writes follow each other.
const DELETED: i64 = 500;
const DELETIONS: usize = 100;

type Purge = fn(&mut AnyConnection, Instant, i64) -> std::result::Result<usize, manager_repository::Error>;
/// What deletes dead rows, and how long after their end.
const PURGES: [(Purge, Duration); 9] = [
    (registrations::purge, KEPT),
    (one_time_tokens::purge, KEPT),
    (login_id_changes::purge, KEPT),
    (sessions::purge, KEPT),
    (idempotency::purge, Duration::zero()),
    (carts::purge_anonymous, Duration::zero()),
    (quotes::purge, KEPT),
    (throttles::purge, Duration::zero()),
    (rows::purge, KEPT),
];

/// What waits for somebody else's answer is looked at at least so often.
const LONGEST_WAIT: Duration = Duration::hours(1);

/// Why a job isn't done.
enum Undone {
    /// Nothing went wrong, but somebody else hasn't answered yet; it is never given up.
    Waiting(&'static str),
    /// Try again later.
    Failed(String),
    /// Trying again is of no use.
    Hopeless(String),
}

/// Works until `stop` turns true; the job at hand is finished first.
pub async fn run(services: Services, transport: Transport, mut stop: watch::Receiver<bool>) {
    let mut next_housekeeping = services.clock.now();
    while !*stop.borrow() {
        let now = services.clock.now();
        if now >= next_housekeeping {
            next_housekeeping = now + HOUSEKEEPING;
            let kept = surviving(keep_house(&services, now), || Error::defect("it panicked"));
            if let Err(error) = kept.await {
                tracing::warn!(%error, "housekeeping failed and is tried again");
            }
        }
        match work(&services, &transport, || *stop.borrow()).await {
            Ok(0) => {
                tokio::select! {
                    () = services.bell.heard() => {}
                    () = tokio::time::sleep(IDLE) => {}
                    _ = stop.changed() => {}
                }
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "jobs can't be claimed");
                tokio::select! {
                    () = tokio::time::sleep(IDLE) => {}
                    _ = stop.changed() => {}
                }
            }
        }
    }
}

/// Does one batch of due jobs; answers how many there were.
pub async fn work_once(services: &Services, transport: &Transport) -> Result<usize> {
    work(services, transport, || false).await
}

/// Does a batch, or as much of it as there is time for; what is left goes back to whoever comes next.
async fn work(services: &Services, transport: &Transport, stopped: impl Fn() -> bool) -> Result<usize> {
    let now = services.clock.now();
    let leased_until = now + LEASE;
    let mut due = services.db.write(move |tx| Ok::<_, Error>(rows::claim(tx, now, leased_until, BATCH)?)).await?;
    let count = due.len();
    due.reverse();
    let mut done = Ok(());
    while let Some(row) = due.pop() {
        done = one(services, transport, row).await;
        if done.is_err() || stopped() || services.clock.now() + LONGEST > leased_until {
            break;
        }
    }
    if !due.is_empty() {
        let left: Vec<JobId> = due.iter().map(|row| row.id).collect();
        settle(services, move |tx, _| rows::release(tx, &left, leased_until)).await?;
    }
    done.map(|()| count)
}

async fn one(services: &Services, transport: &Transport, row: rows::Job) -> Result<()> {
    let id = row.id;
    failpoint!("jobs.after_claim");
    // The panic itself, with its place, is in the log by then.
    let panicked = || Undone::Failed("the job panicked".to_owned());
    match surviving(perform(services, transport, &row), panicked).await {
        Ok(()) => {
            failpoint!("jobs.after_effect");
            settle(services, move |tx, now| rows::finish(tx, id, now)).await
        }
        Err(Undone::Hopeless(error)) => {
            tracing::error!(job = %id, error, "a job is given up");
            settle(services, move |tx, _| rows::put_off(tx, id, &error, None)).await
        }
        Err(Undone::Failed(error)) => put_off(services, id, row.attempts + 1, error).await,
        Err(Undone::Waiting(reason)) => look_again(services, id, row.attempts + 1, reason).await,
    }
}

/// A panic is that work's own failure: whoever does it goes on with the next.
async fn surviving<E>(
    work: impl Future<Output = std::result::Result<(), E>>,
    panicked: impl Fn() -> E,
) -> std::result::Result<(), E> {
    let mut work = pin!(work);
    poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)));
        polled.unwrap_or_else(|_| Poll::Ready(Err(panicked())))
    })
    .await
}

async fn perform(services: &Services, transport: &Transport, row: &rows::Job) -> std::result::Result<(), Undone> {
    let failed = |error: Error| match error {
        Error::Defect(what) => Undone::Hopeless(what),
        other => Undone::Failed(other.to_string()),
    };
    let context = row.id.uuid();
    let plain = services.vault.open(Purpose::JobPayloads, context.as_bytes(), &row.payload).map_err(failed)?;
    let job: Job = serde_json::from_slice(&plain).map_err(|error| Undone::Hopeless(error.to_string()))?;
    match job {
        Job::Mail(mail) => {
            let rendered = render(&mail, &services.settings.product_name).map_err(failed)?;
            let now = services.clock.now();
            failpoint!("mails.before_send");
            let sent = transport.send(services, row.id, &mail.to, rendered, now).await.map_err(failed)?;
            failpoint!("mails.after_send");
            match sent {
                Sent::Yes => Ok(()),
                Sent::Refused(error) => Err(Undone::Hopeless(error)),
                Sent::Later(error) => Err(Undone::Failed(error)),
            }
        }
        Job::PasswordReset { email_key, only, ip, device } => {
            let call = Call { ip, device, ..Call::system(services.clock.now()) };
            credentials::mail_resets(services, &call, &email_key, only).await.map_err(failed)
        }
        Job::CollectPayment { organization, payment } => {
            let now = services.clock.now();
            match payments::collect_later(services, organization, payment, now).await {
                Ok(true) => Ok(()),
                Ok(false) => Err(Undone::Waiting("the payment is processing")),
                Err(error @ Error::Defect(_)) => Err(failed(error)),
                // Money may be on its way: it is asked about for as long as it takes.
                Err(error) => {
                    tracing::warn!(job = %row.id, %error, "a payment can't be asked about");
                    Err(Undone::Waiting("the payment's outcome can't be had at the moment"))
                }
            }
        }
    }
}

async fn put_off(services: &Services, id: JobId, attempts: i32, error: String) -> Result<()> {
    tracing::warn!(job = %id, attempts, error, "a job failed");
    settle(services, move |tx, now| {
        let again = (attempts < ATTEMPTS).then(|| now + Duration::seconds(5 << attempts.clamp(0, 10)));
        rows::put_off(tx, id, &error, again)
    })
    .await
}

/// Comes back at growing intervals of at most an hour, without end.
async fn look_again(services: &Services, id: JobId, attempts: i32, reason: &'static str) -> Result<()> {
    tracing::info!(job = %id, attempts, reason, "a job waits");
    let wait = Duration::seconds(5 << attempts.clamp(0, 10)).min(LONGEST_WAIT);
    settle(services, move |tx, now| rows::put_off(tx, id, reason, Some(now + wait))).await
}

async fn settle<F>(services: &Services, change: F) -> Result<()>
where
    F: Fn(&mut AnyConnection, Instant) -> std::result::Result<(), manager_repository::Error> + Send + 'static,
{
    let now = services.clock.now();
    services.db.write(move |tx| Ok::<_, Error>(change(tx, now)?)).await
}

/// What falls due by itself: lapsing, reminding, and deleting what is of no use any more.
pub async fn keep_house(services: &Services, now: Instant) -> Result<()> {
    memberships::remind_expiring(services, now).await?;
    orders::lapse_due(services, now).await?;
    absorptions::finish_due(services, now).await?;
    expiry::expire_due(services, now).await?;
    for (purge, kept) in PURGES {
        for _ in 0..DELETIONS {
            let delete = move |tx: &mut AnyConnection| Ok::<_, Error>(purge(tx, now - kept, DELETED)?);
            if services.db.write(delete).await? < DELETED as usize {
                break;
            }
        }
    }
    Ok(())
}

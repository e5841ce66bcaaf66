//! Workers: claim due jobs, do them, put off what failed, and keep house.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration as Wait;

use chrono::Duration;
use manager_domain::Instant;
use manager_domain::ids::JobId;
use manager_repository::AnyConnection;
use manager_repository::jobs::{self as rows, Lease};
use tokio::sync::watch;

use crate::errors::{Error, Result};
use crate::failpoints::failpoint;
use crate::jobs::Job;
use crate::mails::rendering::render;
use crate::mails::transports::{Sent, Transport};
use crate::payments::Collected;
use crate::vault::Purpose;
use crate::{Call, Services, credentials, documents, payments, refunds};

pub use crate::housekeeping::keep_house;

/// Jobs claimed at once, and for how long no other process takes them.
const BATCH: i64 = 16;
const LEASE: Duration = Duration::minutes(2);
/// What one job may take: with less of the lease left, another process might get the next one too.
const LONGEST: Duration = Duration::seconds(30);
/// How long an idle worker waits for jobs of its own process before it looks for others.
const IDLE: Wait = Wait::from_secs(1);
const HOUSEKEEPING: Duration = Duration::minutes(1);
/// What failed, or waits for somebody else's answer, is looked at at least so often.
const LONGEST_PAUSE: Duration = Duration::hours(1);
/// With less of its life left, a job that failed is given up, for staff to see.
const LAST_MINUTE: Duration = Duration::minutes(1);

/// Why a job isn't done.
enum Undone {
    /// Nothing went wrong, but somebody else hasn't answered yet; it is never given up.
    Waiting(&'static str),
    /// The same, and by then there is something to be done about it.
    WaitingUntil(&'static str, Instant),
    /// Try again later, until the work is of no use.
    Failed { error: String, until: Instant },
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
            // What went wrong is in the log, and is tried again.
            let _ = keep_house(&services, now).await;
        }
        match work(&services, &transport, || *stop.borrow()).await {
            Ok(0) => {
                tokio::select! {
                    () = services.db.enqueued() => {}
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
        done = one(services, transport, row, leased_until).await;
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

async fn one(services: &Services, transport: &Transport, row: rows::Job, leased_until: Instant) -> Result<()> {
    let (id, attempts) = (row.id, row.attempts + 1);
    let lease = Lease { job: id, until: leased_until };
    failpoint!("jobs.after_claim");
    match perform(services, transport, &row).await {
        Ok(()) => {
            failpoint!("jobs.after_effect");
            conclude(services, lease, move |tx, now| rows::finish(tx, lease, now)).await
        }
        Err(Undone::Hopeless(error)) => give_up(services, lease, error).await,
        Err(Undone::Failed { error, until }) => put_off(services, lease, attempts, error, until).await,
        Err(Undone::Waiting(reason)) => look_again(services, lease, attempts, reason, None).await,
        Err(Undone::WaitingUntil(reason, end)) => look_again(services, lease, attempts, reason, Some(end)).await,
    }
}

/// A panic is that work's own failure: whoever does it goes on with the next.
pub(crate) async fn surviving<E>(
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
    let context = row.id.uuid();
    let plain = services.vault.open(Purpose::JobPayloads, context.as_bytes(), &row.payload);
    let plain = plain.map_err(|error| Undone::Hopeless(error.to_string()))?;
    let job: Job = serde_json::from_slice(&plain).map_err(|error| Undone::Hopeless(error.to_string()))?;
    let until = row.created_at + job.life(&services.settings);
    // The panic itself, with its place, is in the log by then.
    let panicked = || Undone::Failed { error: "the job panicked".to_owned(), until };
    surviving(perform_one(services, transport, row.id, job, until), panicked).await
}

async fn perform_one(
    services: &Services,
    transport: &Transport,
    id: JobId,
    job: Job,
    until: Instant,
) -> std::result::Result<(), Undone> {
    let failed = |error: Error| match error {
        Error::Defect(what) => Undone::Hopeless(what),
        other => Undone::Failed { error: other.to_string(), until },
    };
    match job {
        Job::Mail(mail) => {
            let rendered = render(&mail, &services.settings.product_name).map_err(failed)?;
            let now = services.clock.now();
            let Some(files) = documents::files(services, &mail.attachments, now).await.map_err(failed)? else {
                tracing::info!(job = %id, "a mail isn't sent: its reader may not see what goes with it any more");
                return Ok(());
            };
            failpoint!("mails.before_send");
            let sent = transport.send(services, id, &mail.to, rendered, files, now).await.map_err(failed)?;
            failpoint!("mails.after_send");
            match sent {
                Sent::Yes => Ok(()),
                Sent::Refused(error) => Err(Undone::Hopeless(error)),
                Sent::Later(error) => Err(Undone::Failed { error, until }),
            }
        }
        Job::PasswordReset { email_key, only, ip, device } => {
            let call = Call { ip, device, ..Call::system(services.clock.now()) };
            credentials::mail_resets(services, &call, &email_key, only).await.map_err(failed)
        }
        Job::CollectPayment { organization, payment } => {
            let now = services.clock.now();
            match payments::collect_later(services, organization, payment, now).await {
                Ok(Collected::Known) => Ok(()),
                Ok(Collected::Open(None)) => Err(Undone::Waiting("the payment is processing")),
                Ok(Collected::Open(Some(end))) => Err(Undone::WaitingUntil("the payment waits for its payer", end)),
                // The payload goes when a job is given up: the error names what it was about.
                Err(Error::Defect(what)) => {
                    Err(Undone::Hopeless(format!("payment {payment} of organization {organization}: {what}")))
                }
                // Money may be on its way: it is asked about for as long as it takes.
                Err(error) => {
                    tracing::warn!(job = %id, %error, "a payment can't be asked about");
                    Err(Undone::Waiting("the payment's outcome can't be had at the moment"))
                }
            }
        }
        Job::DeliverSandboxEvent { body } => {
            let now = services.clock.now();
            payments::sandbox::deliver(services, &Call::system(now), &body).await.map_err(failed)
        }
        Job::PayBackRefund { organization, refund } => {
            match refunds::pay_back_later(services, organization, refund, services.clock.now()).await {
                Ok(true) => Ok(()),
                Ok(false) => Err(Undone::Waiting("the refund is processing")),
                Err(Error::Defect(what)) => {
                    Err(Undone::Hopeless(format!("refund {refund} of organization {organization}: {what}")))
                }
                Err(error) => {
                    tracing::warn!(job = %id, %error, "a refund can't be asked about");
                    Err(Undone::Waiting("the refund's outcome can't be had at the moment"))
                }
            }
        }
    }
}

async fn give_up(services: &Services, lease: Lease, error: String) -> Result<()> {
    tracing::error!(job = %lease.job, error, "a job is given up");
    conclude(services, lease, move |tx, now| rows::give_up(tx, lease, &error, now)).await
}

async fn put_off(services: &Services, lease: Lease, attempts: i32, error: String, until: Instant) -> Result<()> {
    let left = until - services.clock.now();
    if left < LAST_MINUTE {
        return give_up(services, lease, error).await;
    }
    tracing::warn!(job = %lease.job, attempts, error, "a job failed");
    // The last tries come while the work is still of use.
    let wait = pause(attempts).min(left / 2);
    conclude(services, lease, move |tx, now| rows::put_off(tx, lease, &error, now + wait)).await
}

/// Comes back without end.
async fn look_again(
    services: &Services,
    lease: Lease,
    attempts: i32,
    reason: &'static str,
    end: Option<Instant>,
) -> Result<()> {
    tracing::info!(job = %lease.job, attempts, reason, "a job waits");
    let next = move |now: Instant| {
        let next = now + pause(attempts);
        end.filter(|end| *end > now).map_or(next, |end| next.min(end))
    };
    conclude(services, lease, move |tx, now| rows::put_off(tx, lease, reason, next(now))).await
}

/// Growing pauses from ten seconds to an hour.
fn pause(attempts: i32) -> Duration {
    Duration::seconds(5 << attempts.clamp(1, 10)).min(LONGEST_PAUSE)
}

/// Says what became of a job, if it is still ours to say.
async fn conclude<F>(services: &Services, lease: Lease, change: F) -> Result<()>
where
    F: Fn(&mut AnyConnection, Instant) -> std::result::Result<bool, manager_repository::Error> + Send + 'static,
{
    if !settle(services, change).await? {
        tracing::warn!(job = %lease.job, "a job took longer than its lease; another worker has the say");
    }
    Ok(())
}

async fn settle<T, F>(services: &Services, change: F) -> Result<T>
where
    T: Send + 'static,
    F: Fn(&mut AnyConnection, Instant) -> std::result::Result<T, manager_repository::Error> + Send + 'static,
{
    let now = services.clock.now();
    services.db.write(move |tx| Ok::<_, Error>(change(tx, now)?)).await
}

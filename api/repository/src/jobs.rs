//! Background work as rows.

use std::cell::Cell;

use diesel::prelude::*;
use manager_domain::Instant;
use manager_domain::ids::*;

use crate::connection::AnyConnection;
use crate::errors::Error;
use crate::schema::jobs;
use crate::sql_types::{literally, sql};

/// The state whose jobs have an index of their own.
const WAITING: &str = "jobs.state = 'waiting'";
/// Work is spread over so many leading buckets, so that claims of several processes seldom meet.
pub const BUCKETS: i32 = 16;

pub struct NewJob {
    pub id: JobId,
    pub organization: Option<OrganizationId>,
    pub kind: &'static str,
    pub payload: Vec<u8>,
    pub run_at: Instant,
    pub created_at: Instant,
}

/// The bucket of a job, from the random end of its id.
pub fn bucket(id: JobId) -> i32 {
    i32::from(id.uuid().as_bytes()[15]) % BUCKETS
}

thread_local! {
    /// Whether the write that runs on this thread has inserted a job that is due at once.
    static ENQUEUED: Cell<bool> = const { Cell::new(false) };
}

/// Whether a job that is due at once was inserted on this thread since the last time somebody asked.
pub(crate) fn take_enqueued() -> bool {
    ENQUEUED.take()
}

/// Inserts a job; where it is due at once, waiting workers of this process are woken after the commit
/// ([`Database::enqueued`](crate::Database::enqueued)).
pub fn insert(tx: &mut AnyConnection, job: &NewJob) -> Result<(), Error> {
    diesel::insert_into(jobs::table)
        .values((
            jobs::bucket.eq(bucket(job.id)),
            jobs::id.eq(sql(job.id)),
            jobs::organization_id.eq(sql(job.organization)),
            jobs::kind.eq(job.kind),
            jobs::payload.eq(&job.payload),
            jobs::run_at.eq(sql(job.run_at)),
            jobs::attempts.eq(0),
            jobs::state.eq("waiting"),
            jobs::created_at.eq(sql(job.created_at)),
        ))
        .execute(tx)?;
    if job.run_at <= job.created_at {
        ENQUEUED.set(true);
    }
    Ok(())
}

/// A job this process may do until its lease ends.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = jobs)]
pub struct Job {
    pub bucket: i32,
    pub id: JobId,
    pub payload: Vec<u8>,
    pub attempts: i32,
    pub created_at: Instant,
}

/// The right to say what became of a job: whoever's lease ran out and was taken over has it no more.
#[derive(Debug, Clone, Copy)]
pub struct Lease {
    pub job: JobId,
    pub until: Instant,
}

macro_rules! leased {
    ($lease:expr) => {
        jobs::table
            .filter(jobs::bucket.eq(bucket($lease.job)).and(jobs::id.eq(sql($lease.job))))
            .filter(jobs::leased_until.eq(sql(Some($lease.until))))
    };
}

/// Claims due jobs, oldest first; no other process gets them before `leased_until`.
pub fn claim(tx: &mut AnyConnection, now: Instant, leased_until: Instant, limit: i64) -> Result<Vec<Job>, Error> {
    let free = jobs::leased_until.is_null().or(jobs::leased_until.le(sql(Some(now))));
    let due = jobs::table
        .filter(literally(WAITING))
        .filter(jobs::run_at.le(sql(now)))
        .filter(free.assume_not_null())
        .order((jobs::run_at, jobs::id))
        .limit(limit);
    let found = match tx {
        AnyConnection::Pg(c) => due.select(Job::as_select()).for_update().skip_locked().load(c)?,
        AnyConnection::Sqlite(c) => due.select(Job::as_select()).load(c)?,
    };
    for job in &found {
        diesel::update(jobs::table.filter(jobs::bucket.eq(job.bucket).and(jobs::id.eq(sql(job.id)))))
            .set((jobs::leased_until.eq(sql(Some(leased_until))), jobs::attempts.eq(jobs::attempts + 1)))
            .execute(tx)?;
    }
    Ok(found)
}

/// Gives claimed jobs back untouched, as far as that claim holds still.
pub fn release(tx: &mut AnyConnection, ids: &[JobId], leased_until: Instant) -> Result<(), Error> {
    for &job in ids {
        diesel::update(leased!(Lease { job, until: leased_until }))
            .set((jobs::leased_until.eq(sql(None::<Instant>)), jobs::attempts.eq(jobs::attempts - 1)))
            .execute(tx)?;
    }
    Ok(())
}

/// Marks a job done and erases its payload, which may have carried secrets; `false` where the lease was lost.
pub fn finish(tx: &mut AnyConnection, lease: Lease, now: Instant) -> Result<bool, Error> {
    let finished = diesel::update(leased!(lease))
        .set((
            jobs::state.eq("done"),
            jobs::payload.eq(Vec::<u8>::new()),
            jobs::leased_until.eq(sql(None::<Instant>)),
            jobs::done_at.eq(sql(Some(now))),
        ))
        .execute(tx)?;
    Ok(finished == 1)
}

/// Puts a failed job off until `run_at`; `false` where the lease was lost.
pub fn put_off(tx: &mut AnyConnection, lease: Lease, error: &str, run_at: Instant) -> Result<bool, Error> {
    let put_off = diesel::update(leased!(lease))
        .set((
            jobs::run_at.eq(sql(run_at)),
            jobs::leased_until.eq(sql(None::<Instant>)),
            jobs::last_error.eq(Some(error)),
        ))
        .execute(tx)?;
    Ok(put_off == 1)
}

/// Gives a job up, for staff to see, and erases its payload; `false` where the lease was lost.
pub fn give_up(tx: &mut AnyConnection, lease: Lease, error: &str, now: Instant) -> Result<bool, Error> {
    let given_up = diesel::update(leased!(lease))
        .set((
            jobs::state.eq("failed"),
            jobs::payload.eq(Vec::<u8>::new()),
            jobs::leased_until.eq(sql(None::<Instant>)),
            jobs::last_error.eq(Some(error)),
            jobs::done_at.eq(sql(Some(now))),
        ))
        .execute(tx)?;
    Ok(given_up == 1)
}

/// Jobs that wait, and jobs that were given up.
pub fn counts(conn: &mut AnyConnection) -> Result<(i64, i64), Error> {
    let waiting = jobs::table.filter(literally(WAITING)).count().get_result(conn)?;
    let failed = jobs::table.filter(literally("jobs.state = 'failed'")).count().get_result(conn)?;
    Ok((waiting, failed))
}

/// The kind and last error of jobs that failed and wait, or were given up; oldest first.
pub fn list_troubled(conn: &mut AnyConnection, limit: i64) -> Result<Vec<(String, String)>, Error> {
    let troubled = jobs::table.filter(jobs::state.ne("done").and(jobs::last_error.is_not_null()));
    let select = (jobs::kind, jobs::last_error.assume_not_null());
    Ok(troubled.order((jobs::run_at, jobs::id)).limit(limit).select(select).load(conn)?)
}

/// Deletes at most `limit` jobs that were done before `before`.
pub fn purge_done(tx: &mut AnyConnection, before: Instant, limit: i64) -> Result<usize, Error> {
    purge(tx, "done", before, limit)
}

/// Deletes at most `limit` jobs that were given up before `before`.
pub fn purge_failed(tx: &mut AnyConnection, before: Instant, limit: i64) -> Result<usize, Error> {
    purge(tx, "failed", before, limit)
}

fn purge(tx: &mut AnyConnection, state: &str, before: Instant, limit: i64) -> Result<usize, Error> {
    let old = jobs::table.filter(jobs::state.eq(state).and(jobs::done_at.lt(sql(Some(before))))).limit(limit);
    let old: Vec<JobId> = old.select(jobs::id).load(tx)?;
    for &id in &old {
        let one = jobs::bucket.eq(bucket(id)).and(jobs::id.eq(sql(id)));
        diesel::delete(jobs::table.filter(one)).execute(tx)?;
    }
    Ok(old.len())
}

//! Background work as rows.

use diesel::prelude::*;
use manager_domain::Instant;
use manager_domain::ids::*;

use crate::connection::AnyConnection;
use crate::errors::Error;
use crate::schema::jobs;
use crate::sql_types::sql;

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
}

/// Claims due jobs, oldest first; no other process gets them before `leased_until`.
pub fn claim(tx: &mut AnyConnection, now: Instant, leased_until: Instant, limit: i64) -> Result<Vec<Job>, Error> {
    let free = jobs::leased_until.is_null().or(jobs::leased_until.le(sql(Some(now))));
    let due = jobs::table
        .filter(jobs::state.eq("waiting").and(jobs::run_at.le(sql(now))))
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
    for &id in ids {
        let job = jobs::table.filter(jobs::bucket.eq(bucket(id)).and(jobs::id.eq(sql(id))));
        diesel::update(job.filter(jobs::leased_until.eq(sql(Some(leased_until)))))
            .set((jobs::leased_until.eq(sql(None::<Instant>)), jobs::attempts.eq(jobs::attempts - 1)))
            .execute(tx)?;
    }
    Ok(())
}

/// Marks a job done and erases its payload, which may have carried secrets.
pub fn finish(tx: &mut AnyConnection, id: JobId, now: Instant) -> Result<(), Error> {
    diesel::update(jobs::table.filter(jobs::bucket.eq(bucket(id)).and(jobs::id.eq(sql(id)))))
        .set((
            jobs::state.eq("done"),
            jobs::payload.eq(Vec::<u8>::new()),
            jobs::leased_until.eq(sql(None::<Instant>)),
            jobs::done_at.eq(sql(Some(now))),
        ))
        .execute(tx)?;
    Ok(())
}

/// Puts a failed job off until `run_at`, or gives it up for staff to see where that is `None`.
pub fn put_off(tx: &mut AnyConnection, id: JobId, error: &str, run_at: Option<Instant>) -> Result<(), Error> {
    let job = jobs::table.filter(jobs::bucket.eq(bucket(id)).and(jobs::id.eq(sql(id))));
    match run_at {
        Some(run_at) => diesel::update(job)
            .set((
                jobs::run_at.eq(sql(run_at)),
                jobs::leased_until.eq(sql(None::<Instant>)),
                jobs::last_error.eq(Some(error)),
            ))
            .execute(tx)?,
        None => diesel::update(job).set((jobs::state.eq("failed"), jobs::last_error.eq(Some(error)))).execute(tx)?,
    };
    Ok(())
}

/// Jobs that wait, and jobs that were given up.
pub fn counts(conn: &mut AnyConnection) -> Result<(i64, i64), Error> {
    let waiting = jobs::table.filter(jobs::state.eq("waiting")).count().get_result(conn)?;
    let failed = jobs::table.filter(jobs::state.eq("failed")).count().get_result(conn)?;
    Ok((waiting, failed))
}

/// The kind and last error of jobs that failed and wait, or were given up; oldest first.
pub fn list_troubled(conn: &mut AnyConnection, limit: i64) -> Result<Vec<(String, String)>, Error> {
    let troubled = jobs::table.filter(jobs::state.ne("done").and(jobs::last_error.is_not_null()));
    let select = (jobs::kind, jobs::last_error.assume_not_null());
    Ok(troubled.order((jobs::run_at, jobs::id)).limit(limit).select(select).load(conn)?)
}

/// Deletes at most `limit` jobs that were done before `before`.
pub fn purge(tx: &mut AnyConnection, before: Instant, limit: i64) -> Result<usize, Error> {
    let old = jobs::table.filter(jobs::state.eq("done").and(jobs::done_at.lt(sql(Some(before))))).limit(limit);
    let old: Vec<JobId> = old.select(jobs::id).load(tx)?;
    for &id in &old {
        let one = jobs::bucket.eq(bucket(id)).and(jobs::id.eq(sql(id)));
        diesel::delete(jobs::table.filter(one)).execute(tx)?;
    }
    Ok(old.len())
}

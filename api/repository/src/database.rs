//! The engine room: dedicated threads that each own a connection, fed by bounded queues.
//!
//! SQLite has one writer, which puts several queued writes into one commit, and readers beside it. PostgreSQL has
//! N threads that take reads and writes alike. What members' requests reach is asked together where several wait. A full
//! queue answers [`Error::Overloaded`] at once.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, never, select};
use diesel::Connection as _;
use diesel::connection::TransactionManager;
use tokio::sync::{Notify, oneshot};

use crate::access::{self, Access, Ask};
use crate::connection::{AnyConnection, Engine, Location};
use crate::errors::{Carries, Error};
use crate::sqlite_renewal::{Renewal, Renewals};
use crate::{jobs, sqlite_writer};

/// How many operations may wait for a thread before callers are told to come back.
const QUEUE: usize = 1024;
/// How many members' requests are answered together.
const TOGETHER: usize = 64;
/// How often a write is run when other transactions stood in its way.
const ATTEMPTS: u32 = 8;
/// How long a thread that could not connect answers "unavailable" without trying again.
const RECONNECT_PAUSE: Duration = Duration::from_millis(250);

/// A handle on the database; clones share the threads.
#[derive(Clone)]
pub struct Database {
    asks: Sender<Waiting>,
    reads: Sender<Work>,
    writes: Sender<Work>,
    location: Arc<Location>,
    begun: Arc<Begun>,
    /// Rung after a commit that enqueued jobs.
    bell: Arc<Notify>,
}

/// Operations so far.
#[derive(Default)]
struct Begun {
    reads: AtomicU64,
    writes: AtomicU64,
}

/// A read; it is told when there is no connection, and tells whether its connection is still good.
type ReadJob = Box<dyn FnOnce(Option<&mut AnyConnection>) -> bool + Send>;

/// One operation on its way to a database thread.
pub(crate) enum Work {
    Read(ReadJob),
    Write(Box<dyn Write>),
}

/// A member's request that waits to learn what it reaches.
struct Waiting {
    ask: Ask,
    reply: oneshot::Sender<Result<Option<Access>, Error>>,
}

/// A write whose caller is answered only after the commit.
pub(crate) trait Write: Send {
    /// Runs the use case in a transaction, nested where one is open.
    fn run(&mut self, connection: &mut AnyConnection) -> Ran;
    /// Answers the caller: with the result, or with what became of the commit. Who met another transaction to the last
    /// is told to come back.
    fn finish(self: Box<Self>, commit: Result<(), Error>);
}

/// How a write ended before its outer commit.
pub(crate) enum Ran {
    /// It succeeded, or refused and left nothing behind.
    Done,
    /// Running it again may help.
    Again,
    /// The connection can't be trusted any more.
    Lost(String),
}

impl Database {
    /// Opens the threads; `connections` counts readers on SQLite and all connections on PostgreSQL.
    ///
    /// The database itself is connected to lazily, so that a server can start before its database.
    pub fn open(location: Location, connections: usize) -> std::io::Result<Self> {
        let location = Arc::new(location);
        let (asks, ask_queue) = bounded(QUEUE);
        let (reads, read_queue) = bounded(QUEUE);
        let count = connections.max(1);
        let mut renewals = Renewals::default();
        for number in 0..count {
            let (location, queue) = (Arc::clone(&location), read_queue.clone());
            // Fewer who answer find more that wait together.
            let asks = if number < count.div_ceil(2) { ask_queue.clone() } else { never() };
            let asked = match location.engine() {
                Engine::Postgres => never(),
                Engine::Sqlite => renewals.reader(),
            };
            thread::Builder::new()
                .name(format!("db-{number}"))
                .spawn(move || serve(&location, &queue, &asks, asked))?;
        }
        let writes = match location.engine() {
            Engine::Postgres => reads.clone(),
            Engine::Sqlite => {
                let (writes, write_queue) = bounded(QUEUE);
                let location = Arc::clone(&location);
                thread::Builder::new()
                    .name("db-writer".to_owned())
                    .spawn(move || sqlite_writer::serve(&location, &write_queue, renewals))?;
                writes
            }
        };
        Ok(Self { asks, reads, writes, location, begun: Arc::default(), bell: Arc::default() })
    }

    pub fn location(&self) -> &Location {
        &self.location
    }

    pub fn engine(&self) -> Engine {
        self.location.engine()
    }

    /// How many operations wait for a thread, reads and writes.
    pub fn queued(&self) -> (usize, usize) {
        (self.asks.len() + self.reads.len(), self.writes.len())
    }

    /// How many operations were begun so far, reads and writes.
    pub fn begun(&self) -> (u64, u64) {
        (self.begun.reads.load(Ordering::Relaxed), self.begun.writes.load(Ordering::Relaxed))
    }

    /// Waits until a write that enqueued jobs is committed by this process.
    pub async fn enqueued(&self) {
        self.bell.notified().await;
    }

    /// Whether a query gets an answer now.
    pub async fn answers(&self) -> bool {
        let asked = self
            .read(|conn| diesel::connection::SimpleConnection::batch_execute(conn, "SELECT 1").map_err(Error::from));
        asked.await.is_ok()
    }

    /// Runs queries that change nothing.
    ///
    /// # Errors
    /// What the closure answers; [`Error::Overloaded`] or [`Error::Unavailable`] where it could not run.
    pub async fn read<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: Carries,
        F: FnOnce(&mut AnyConnection) -> Result<T, E> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Work::Read(Box::new(move |connection| {
            let Some(connection) = connection else {
                let _ = reply.send(Err(E::from(Error::Unavailable("no connection".to_owned()))));
                return false;
            };
            let result = catch_unwind(AssertUnwindSafe(|| work(connection))).unwrap_or_else(|_| Err(panicked()));
            let healthy = !lost(&result);
            let _ = reply.send(result);
            healthy
        }));
        self.begun.reads.fetch_add(1, Ordering::Relaxed);
        self.reads.try_send(job).map_err(|_| Error::Overloaded)?;
        answer.await.unwrap_or_else(|_| Err(Error::Unavailable("the database stopped".to_owned()).into()))
    }

    /// What a session reaches in an organization, asked together with others that wait for the same.
    ///
    /// # Errors
    /// [`Error::Overloaded`], [`Error::Unavailable`].
    pub async fn access(&self, ask: Ask) -> Result<Option<Access>, Error> {
        let (reply, answer) = oneshot::channel();
        self.begun.reads.fetch_add(1, Ordering::Relaxed);
        self.asks.try_send(Waiting { ask, reply }).map_err(|_| Error::Overloaded)?;
        answer.await.unwrap_or_else(|_| Err(Error::Unavailable("the database stopped".to_owned())))
    }

    /// Runs a use case in one transaction and answers once it is durable.
    ///
    /// The closure may run several times: where two transactions stood in each other's way it is run again, on a state
    /// in which its earlier runs never happened.
    ///
    /// # Errors
    /// What the closure answers, with nothing changed; [`Error::Overloaded`] or [`Error::Unavailable`] likewise, but for
    /// a connection lost during the commit, whose outcome nobody knows.
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: Carries,
        F: Fn(&mut AnyConnection) -> Result<T, E> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job =
            Work::Write(Box::new(Task { work, result: None, enqueued: false, bell: Arc::clone(&self.bell), reply }));
        self.begun.writes.fetch_add(1, Ordering::Relaxed);
        self.writes.try_send(job).map_err(|_| Error::Overloaded)?;
        answer.await.unwrap_or_else(|_| Err(Error::Unavailable("the database stopped".to_owned()).into()))
    }
}

struct Task<F, T, E> {
    work: F,
    result: Option<Result<T, E>>,
    /// Whether it inserted jobs that are due at once.
    enqueued: bool,
    bell: Arc<Notify>,
    reply: oneshot::Sender<Result<T, E>>,
}

/// A use case's own error, or one of the transaction around it.
enum Nested<E> {
    Own(E),
    Transaction(diesel::result::Error),
}

impl<E> From<diesel::result::Error> for Nested<E> {
    fn from(error: diesel::result::Error) -> Self {
        Self::Transaction(error)
    }
}

impl<F, T, E> Write for Task<F, T, E>
where
    F: Fn(&mut AnyConnection) -> Result<T, E> + Send,
    T: Send,
    E: Carries,
{
    fn run(&mut self, connection: &mut AnyConnection) -> Ran {
        let work = &self.work;
        // What an earlier run left behind was rolled back.
        jobs::take_enqueued();
        let result = catch_unwind(AssertUnwindSafe(|| {
            connection.transaction::<T, Nested<E>, _>(|connection| work(connection).map_err(Nested::Own))
        }));
        let result = match result {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(Nested::Own(error))) => Err(error),
            Ok(Err(Nested::Transaction(error))) => Err(Error::from(error).into()),
            Err(_) => {
                // The transaction is left open somewhere in the middle: only a new connection is clean.
                self.result = Some(Err(panicked()));
                return Ran::Lost("a use case panicked".to_owned());
            }
        };
        let ran = match result.as_ref().err().and_then(Carries::database) {
            Some(Error::Conflict) => Ran::Again,
            Some(error) if error.is_fatal() => Ran::Lost(error.to_string()),
            _ => Ran::Done,
        };
        self.enqueued = jobs::take_enqueued() && result.is_ok();
        self.result = Some(result);
        ran
    }

    fn finish(self: Box<Self>, commit: Result<(), Error>) {
        let result = match (commit, self.result) {
            (Ok(()), Some(Err(error))) if matches!(error.database(), Some(Error::Conflict)) => {
                Err(Error::Overloaded.into())
            }
            (Ok(()), Some(result)) => result,
            (Ok(()), None) => Err(Error::Unavailable("not run".to_owned()).into()),
            (Err(error), _) => Err(error.into()),
        };
        if self.enqueued && result.is_ok() {
            self.bell.notify_one();
        }
        let _ = self.reply.send(result);
    }
}

fn panicked<E: Carries>() -> E {
    Error::Defect("a database operation panicked".to_owned()).into()
}

fn lost<T, E: Carries>(result: &Result<T, E>) -> bool {
    result.as_ref().err().and_then(Carries::database).is_some_and(Error::is_fatal)
}

/// A connection that is opened when needed and dropped when it broke.
pub(crate) struct Held<'l> {
    location: &'l Location,
    open: fn(&Location) -> diesel::ConnectionResult<AnyConnection>,
    connection: Option<AnyConnection>,
    /// When and why none could be opened, if the last try failed.
    failed: Option<(Instant, String)>,
}

impl<'l> Held<'l> {
    pub(crate) fn new(location: &'l Location, open: fn(&Location) -> diesel::ConnectionResult<AnyConnection>) -> Self {
        Self { location, open, connection: None, failed: None }
    }

    pub(crate) fn get(&mut self) -> Option<&mut AnyConnection> {
        if self.connection.is_none() && self.failed.as_ref().is_none_or(|(at, _)| at.elapsed() > RECONNECT_PAUSE) {
            match (self.open)(self.location) {
                Ok(connection) => {
                    self.connection = Some(connection);
                    self.failed = None;
                }
                Err(error) => {
                    tracing::error!(%error, "can't connect to the database");
                    self.failed = Some((Instant::now(), error.to_string()));
                }
            }
        }
        self.connection.as_mut()
    }

    /// Why there is no connection.
    pub(crate) fn failure(&self) -> &str {
        self.failed.as_ref().map_or("it was dropped", |(_, reason)| reason.as_str())
    }

    pub(crate) fn drop_broken(&mut self) {
        self.connection = None;
    }
}

/// Whether the connection is still between transactions, as it must be after each operation.
pub(crate) fn is_clean(connection: &mut AnyConnection) -> bool {
    fn clean<C>(connection: &mut C) -> bool
    where
        C: diesel::Connection,
    {
        let status = C::TransactionManager::transaction_manager_status_mut(connection);
        matches!(status.transaction_depth(), Ok(None))
    }
    crate::each!(connection, |connection| clean(connection))
}

/// The life of a thread that takes reads and, on PostgreSQL, writes.
fn serve(location: &Location, queue: &Receiver<Work>, asks: &Receiver<Waiting>, mut renewals: Receiver<Renewal>) {
    let mut held = Held::new(location, Location::connect_reader);
    loop {
        let healthy = select! {
            recv(asks) -> first => match first {
                Ok(first) => answer(&mut held, std::iter::once(first).chain(asks.try_iter()).take(TOGETHER).collect()),
                Err(_) => return,
            },
            recv(queue) -> work => match work {
                Ok(Work::Read(job)) => job(held.get()),
                Ok(Work::Write(task)) => write_alone(&mut held, task),
                Err(_) => return,
            },
            recv(renewals) -> renewal => {
                match renewal {
                    Ok(renewal) => {
                        held.drop_broken();
                        renewal.wait();
                    }
                    // Without a writer there is still much to read.
                    Err(_) => renewals = never(),
                }
                true
            },
        };
        if !healthy || held.connection.as_mut().is_some_and(|connection| !is_clean(connection)) {
            held.drop_broken();
        }
    }
}

/// Answers all that wait to learn what they reach; tells whether the connection is still good.
fn answer(held: &mut Held<'_>, waiting: Vec<Waiting>) -> bool {
    let asks: Vec<Ask> = waiting.iter().map(|one| one.ask).collect();
    let answers = match held.get() {
        Some(connection) => catch_unwind(AssertUnwindSafe(|| access::find_all(connection, &asks)))
            .unwrap_or_else(|_| vec![Err(panicked()); asks.len()]),
        None => vec![Err(Error::Unavailable("no connection".to_owned())); asks.len()],
    };
    let healthy = !answers.iter().any(lost);
    waiting.into_iter().zip(answers).for_each(|(one, answer)| drop(one.reply.send(answer)));
    healthy
}

/// One write in a transaction of its own, run again while others stand in its way.
fn write_alone(held: &mut Held<'_>, mut task: Box<dyn Write>) -> bool {
    let Some(connection) = held.get() else {
        task.finish(Err(Error::Unavailable("no connection".to_owned())));
        return false;
    };
    for attempt in 1..=ATTEMPTS {
        match task.run(connection) {
            Ran::Again if attempt < ATTEMPTS => thread::sleep(pause(attempt)),
            Ran::Done | Ran::Again => break,
            Ran::Lost(reason) => {
                tracing::warn!(reason, "the database connection is given up");
                task.finish(Ok(()));
                return false;
            }
        }
    }
    task.finish(Ok(()));
    true
}

/// A growing pause, of random length so that two transactions in each other's way don't meet again.
pub(crate) fn pause(attempt: u32) -> Duration {
    let longest = 2_000 << attempt.min(6);
    // Without randomness it still grows.
    let random = getrandom::u32().unwrap_or(longest);
    Duration::from_micros(u64::from(500 + random % longest))
}

//! SQLite's one writer: several queued writes in one commit, a savepoint each, so that one fsync serves them all.

use crossbeam_channel::Receiver;
use diesel::SqliteConnection;
use diesel::connection::{AnsiTransactionManager, TransactionManager};

use crate::connection::{AnyConnection, Location};
use crate::database::{Held, Ran, Work, Write, is_clean};
use crate::errors::Error;
use crate::sqlite_renewal::Renewals;

/// How many writes share a commit at most.
const BATCH: usize = 64;

pub(crate) fn serve(location: &Location, queue: &Receiver<Work>, mut renewals: Renewals) {
    let mut held = Held::new(location, Location::connect);
    while let Ok(first) = queue.recv() {
        let mut batch = Vec::with_capacity(8);
        let mut next = Some(first);
        while let Some(work) = next.take() {
            match work {
                Work::Write(task) => batch.push(task),
                Work::Read(job) => {
                    job(held.get());
                }
            }
            if batch.len() < BATCH {
                next = queue.try_recv().ok();
            }
        }
        let outcome = match held.get() {
            Some(AnyConnection::Sqlite(_)) => commit(&mut held, &mut batch),
            _ => Err(format!("no connection: {}", held.failure())),
        };
        if let Err(reason) = &outcome {
            tracing::error!(reason, writes = batch.len(), "a batch of writes was rolled back");
            held.drop_broken();
        }
        for task in batch {
            task.finish(outcome.clone().map_err(Error::Unavailable));
        }
        // Last, so that nobody waits for an answer as long as the readers take.
        if outcome.is_err_and(|reason| Error::tells_read_only(&reason)) {
            renewals.renew();
        }
    }
}

/// Runs the batch and commits it; an error means that nothing of it stands.
fn commit(held: &mut Held<'_>, batch: &mut [Box<dyn Write>]) -> Result<(), String> {
    let connection = held.get().ok_or("no connection")?;
    let text = |error: diesel::result::Error| error.to_string();
    AnsiTransactionManager::begin_transaction_sql(sqlite(connection)?, "BEGIN IMMEDIATE").map_err(text)?;
    for task in batch.iter_mut() {
        match task.run(connection) {
            // With one writer nobody could have come between: running it again would meet the same. Its savepoint is
            // rolled back, so only its own caller is told to come back.
            Ran::Done | Ran::Again => {}
            // A full disk has already rolled back everything: going on would commit the rest one by one.
            Ran::Lost(reason) => return Err(reason),
        }
    }
    AnsiTransactionManager::commit_transaction(sqlite(connection)?).map_err(text)?;
    if is_clean(connection) { Ok(()) } else { Err("a transaction was left open".to_owned()) }
}

fn sqlite(connection: &mut AnyConnection) -> Result<&mut SqliteConnection, String> {
    match connection {
        AnyConnection::Sqlite(connection) => Ok(connection),
        AnyConnection::Pg(_) => Err("not an SQLite connection".to_owned()),
    }
}

//! Opening an SQLite file anew.
//!
//! The connections of a process share one node of shared memory for its WAL, which stays read-only as long as one of
//! them is open, even when the file may be written again. So all are closed before the first is opened anew.

use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

/// How long the writer waits for readers to close, and they for the others: what is asked meanwhile waits as long.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long after a renewal the next one may come, so that a file that stays read-only is still read at speed.
const PAUSE: Duration = Duration::from_secs(1);

/// What asks a reader to close its connection: dropping `closed` tells that it did, and `go` ends when it may open again.
pub(crate) struct Renewal {
    closed: Sender<()>,
    go: Receiver<()>,
}

impl Renewal {
    /// To be called with the connection closed; comes back when all are, or after two seconds.
    pub(crate) fn wait(self) {
        drop(self.closed);
        // Nothing is ever sent: it ends in a disconnection.
        let _ = self.go.recv_timeout(PATIENCE);
    }
}

/// The writer's line to the readers.
#[derive(Default)]
pub(crate) struct Renewals {
    readers: Vec<Sender<Renewal>>,
    last: Option<Instant>,
}

impl Renewals {
    /// A new reader's end.
    pub(crate) fn reader(&mut self) -> Receiver<Renewal> {
        let (sender, receiver) = bounded(1);
        self.readers.push(sender);
        receiver
    }

    /// Waits until every reader has closed its connection and lets them open new ones. The writer's must be closed.
    ///
    /// A reader that is busy for longer than two seconds keeps the node as it is, and closes later for nothing; the next
    /// renewal may find it idle. Does nothing within a second of the last one.
    pub(crate) fn renew(&mut self) {
        if self.last.is_some_and(|last| last.elapsed() < PAUSE) {
            return;
        }
        let (closed, all_closed) = bounded(0);
        let (go, wait) = bounded(0);
        for reader in &self.readers {
            // One that still has an earlier request closes for that one.
            let _ = reader.try_send(Renewal { closed: closed.clone(), go: wait.clone() });
        }
        drop(closed);
        // Nothing is ever sent: it ends in a disconnection when the last reader has closed.
        let _ = all_closed.recv_timeout(PATIENCE);
        drop(go);
        self.last = Some(Instant::now());
        tracing::info!("the database file is opened anew");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn all_are_closed_before_one_is_opened() {
        const READERS: usize = 4;
        let mut renewals = Renewals::default();
        let closed = Arc::new(AtomicUsize::new(0));
        let threads: Vec<_> = (0..READERS)
            .map(|number| {
                let (asked, closed) = (renewals.reader(), Arc::clone(&closed));
                thread::spawn(move || {
                    let renewal = asked.recv_timeout(PATIENCE).unwrap();
                    thread::sleep(Duration::from_millis(20 * number as u64));
                    closed.fetch_add(1, Ordering::SeqCst);
                    renewal.wait();
                    (closed.load(Ordering::SeqCst), asked)
                })
            })
            .collect();
        renewals.renew();
        assert_eq!(closed.load(Ordering::SeqCst), READERS);
        let asked: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert!(asked.iter().all(|(closed, _)| *closed == READERS));
        renewals.renew();
        assert!(asked.iter().all(|(_, asked)| asked.is_empty()), "too soon after the last");
    }

    #[test]
    fn one_that_is_busy_keeps_the_others_for_two_seconds_at_most() {
        let mut renewals = Renewals::default();
        let (idle, busy) = (renewals.reader(), renewals.reader());
        let begun = Instant::now();
        let idle = thread::spawn(move || idle.recv_timeout(PATIENCE).unwrap().wait());
        renewals.renew();
        idle.join().unwrap();
        let took = begun.elapsed();
        assert!(took >= PATIENCE && took < 2 * PATIENCE, "{took:?}");
        let begun = Instant::now();
        busy.try_recv().unwrap().wait();
        assert!(begun.elapsed() < PATIENCE / 2, "nobody waits for it any more");
    }
}

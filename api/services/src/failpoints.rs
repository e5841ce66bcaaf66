//! Points at which a process dies when it is told to, for tests that look at what it leaves behind. Only in builds with
//! the feature `failpoints`; others hold nothing of them.

/// Marks a point; the name must be one of the list.
macro_rules! failpoint {
    ($name:literal) => {
        #[cfg(feature = "failpoints")]
        {
            const NUMBER: usize = $crate::failpoints::number($name);
            $crate::failpoints::pass(NUMBER);
        }
    };
}
pub(crate) use failpoint;

#[cfg(feature = "failpoints")]
pub use armed::*;

#[cfg(feature = "failpoints")]
mod armed {
    use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

    use chrono::Duration;

    /// All points.
    pub const ALL: [&str; 26] = [
        "idempotency.after_claim",
        "idempotency.after_answer",
        "checkout.before_commit",
        "checkout.after_commit",
        "pay.before_commit",
        "pay.after_commit",
        "top_up.before_commit",
        "top_up.after_commit",
        "payments.before_call",
        "payments.after_call",
        "payments.before_outcome_commit",
        "payments.after_outcome",
        "refunds.before_commit",
        "refunds.after_commit",
        "refunds.before_call",
        "refunds.after_call",
        "refunds.before_outcome_commit",
        "refunds.after_outcome",
        "registrations.before_commit",
        "registrations.after_commit",
        "invitations.before_commit",
        "invitations.after_commit",
        "jobs.after_claim",
        "jobs.after_effect",
        "mails.before_send",
        "mails.after_send",
    ];

    const NONE: usize = usize::MAX;
    static ARMED: AtomicUsize = AtomicUsize::new(NONE);
    static PASSES_LEFT: AtomicUsize = AtomicUsize::new(0);
    static SECONDS_AHEAD: AtomicI64 = AtomicI64::new(0);

    /// The place of a name in the list; a name outside of it does not compile.
    pub const fn number(name: &str) -> usize {
        let mut at = 0;
        while at < ALL.len() {
            if same(ALL[at].as_bytes(), name.as_bytes()) {
                return at;
            }
            at += 1;
        }
        panic!("no such failpoint")
    }

    const fn same(a: &[u8], b: &[u8]) -> bool {
        let mut at = 0;
        while at < a.len() && at < b.len() && a[at] == b[at] {
            at += 1;
        }
        at == a.len() && at == b.len()
    }

    /// Lets this process die at the n-th pass of `name` or `name:n`; false where it can't mean a point.
    pub fn arm(text: &str) -> bool {
        let (name, pass) = text.split_once(':').unwrap_or((text, "1"));
        let found = ALL.iter().position(|known| *known == name);
        let (Some(number), Ok(pass @ 1..)) = (found, pass.parse::<usize>()) else { return false };
        PASSES_LEFT.store(pass, Ordering::SeqCst);
        ARMED.store(number, Ordering::SeqCst);
        true
    }

    /// Dies here if this is the armed point and the pass it waits for.
    pub fn pass(number: usize) {
        if ARMED.load(Ordering::SeqCst) == number && PASSES_LEFT.fetch_sub(1, Ordering::SeqCst) == 1 {
            // No destructor runs and nothing is flushed, as after kill -9.
            std::process::abort();
        }
    }

    /// Sets the system's clock ahead, as if the process had been started so much later: leases of dead ones are over.
    pub fn set_clock_ahead(seconds: u32) {
        SECONDS_AHEAD.store(seconds.into(), Ordering::SeqCst);
    }

    pub(crate) fn clock_ahead() -> Duration {
        Duration::seconds(SECONDS_AHEAD.load(Ordering::SeqCst))
    }
}

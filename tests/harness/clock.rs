//! A clock that tests move.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, Duration};
use manager_domain::{Clock, Instant};

/// Stands still until it is moved.
pub struct TestClock(AtomicI64);

impl Default for TestClock {
    fn default() -> Self {
        Self::at("2026-03-02T09:00:00Z")
    }
}

impl TestClock {
    pub fn at(text: &str) -> Self {
        let at = DateTime::parse_from_rfc3339(text).expect("an RFC 3339 instant");
        Self(AtomicI64::new(at.timestamp_micros()))
    }

    pub fn advance(&self, duration: Duration) {
        self.0.fetch_add(duration.num_microseconds().expect("a short duration"), Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Instant {
        Instant::from_micros(self.0.load(Ordering::SeqCst)).expect("in range")
    }
}

//! The system's clock and id generator: the only places that read the present and make ids.

use std::sync::Mutex;

use chrono::Utc;
use manager_domain::ids::IdGenerator;
use manager_domain::{Clock, Instant};
use uuid::timestamp::context::ContextV7;
use uuid::{Timestamp, Uuid};

/// The machine's clock, in UTC.
#[derive(Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the present (TIM-1)")]
    fn now(&self) -> Instant {
        let now = Utc::now();
        #[cfg(feature = "failpoints")]
        let now = now + crate::failpoints::clock_ahead();
        Instant::new(now)
    }
}

/// UUIDv7 that grow within a millisecond too, so that lists keep the order of creation.
pub struct SortableIds(Mutex<ContextV7>);

impl Default for SortableIds {
    fn default() -> Self {
        Self(Mutex::new(ContextV7::new()))
    }
}

impl IdGenerator for SortableIds {
    fn uuid(&self, now: Instant) -> Uuid {
        let at = now.utc();
        let context = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let seconds = u64::try_from(at.timestamp()).unwrap_or_default();
        Uuid::new_v7(Timestamp::from_unix(&*context, seconds, at.timestamp_subsec_nanos()))
    }
}

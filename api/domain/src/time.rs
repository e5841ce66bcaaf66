//! Instants and the one clock. Time enters every use case as an argument (`TIM-1`).

use std::borrow::Cow;
use std::fmt;

use chrono::{DateTime, Datelike, Duration, NaiveDate, SecondsFormat, SubsecRound, TimeZone, Utc};
use chrono_tz::Tz;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, schema::SchemaType, schema::Type};

use crate::refusals::FaultCode;

/// A moment in UTC, exact to the microsecond, which both engines can keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(DateTime<Utc>);

impl Instant {
    pub fn new(at: DateTime<Utc>) -> Self {
        Self(at.trunc_subsecs(6))
    }

    pub fn from_micros(micros: i64) -> Option<Self> {
        DateTime::from_timestamp_micros(micros).map(Self)
    }

    pub const fn utc(self) -> DateTime<Utc> {
        self.0
    }

    pub fn micros(self) -> i64 {
        self.0.timestamp_micros()
    }

    /// Whole seconds since 1970, as JWTs count.
    pub fn unix_seconds(self) -> i64 {
        self.0.timestamp()
    }

    /// The moment at which a civil date begins in `zone` (`TIM-2`); where clocks skip midnight, the first one after it.
    ///
    /// `None` beyond what a calendar holds.
    pub fn start_of(date: NaiveDate, zone: Tz) -> Option<Self> {
        let midnight = date.and_hms_opt(0, 0, 0)?;
        let offsets = [0, 30, 60, 90, 120].map(|minutes| midnight.checked_add_signed(Duration::minutes(minutes)));
        let first = offsets.into_iter().flatten().find_map(|local| zone.from_local_datetime(&local).earliest())?;
        Some(Self::new(first.with_timezone(&Utc)))
    }

    /// The civil date at this moment in `zone` (`TIM-2`).
    pub fn date_in(self, zone: Tz) -> NaiveDate {
        self.0.with_timezone(&zone).date_naive()
    }
}

impl From<DateTime<Utc>> for Instant {
    fn from(at: DateTime<Utc>) -> Self {
        Self::new(at)
    }
}

impl std::ops::Add<Duration> for Instant {
    type Output = Self;
    fn add(self, duration: Duration) -> Self {
        Self(self.0 + duration)
    }
}

impl std::ops::Sub<Duration> for Instant {
    type Output = Self;
    fn sub(self, duration: Duration) -> Self {
        Self(self.0 - duration)
    }
}

impl std::ops::Sub for Instant {
    type Output = Duration;
    fn sub(self, other: Self) -> Duration {
        self.0 - other.0
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

impl<'de> Deserialize<'de> for Instant {
    /// Only years that RFC 3339 can write.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        let at = DateTime::parse_from_rfc3339(&text).map(|at| at.with_timezone(&Utc)).ok();
        let at = at.filter(|at| (0..=9999).contains(&at.year()));
        at.map(Self::from).ok_or_else(|| D::Error::custom(FaultCode::InvalidDate))
    }
}

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl utoipa::PartialSchema for Instant {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::String))
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .examples([serde_json::json!("2026-03-01T09:30:00Z")])
            .into()
    }
}

impl utoipa::ToSchema for Instant {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Instant")
    }
}

/// The one source of the present.
pub trait Clock: Send + Sync {
    fn now(&self) -> Instant;
}

//! Billing frequencies and the ends of terms, from a stored anchor day (PRD-1).

use chrono::{Datelike, Months, NaiveDate};
use serde::{Deserialize, Serialize};

use crate::words::words;

words! {
    /// How often a product is billed; ordered from short to long.
    #[derive(PartialOrd, Ord)]
    Frequency {
        Monthly = "monthly",
        Quarterly = "quarterly",
        Yearly = "yearly",
        TwoYears = "two_years",
        ThreeYears = "three_years",
    }
}

impl Frequency {
    /// Length of a term in months.
    pub const fn months(self) -> u32 {
        match self {
            Self::Monthly => 1,
            Self::Quarterly => 3,
            Self::Yearly => 12,
            Self::TwoYears => 24,
            Self::ThreeYears => 36,
        }
    }
}

/// The day of the month on which terms end where the month has it: 1 to 31 (PRD-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct AnchorDay(u32);

impl AnchorDay {
    pub fn new(day: u32) -> Option<Self> {
        (1..=31).contains(&day).then_some(Self(day))
    }

    /// The anchor that a first term starting on `start` sets.
    pub fn of(start: NaiveDate) -> Self {
        Self(start.day())
    }

    pub const fn day(self) -> u32 {
        self.0
    }
}

impl From<AnchorDay> for u32 {
    fn from(anchor: AnchorDay) -> Self {
        anchor.0
    }
}

impl TryFrom<u32> for AnchorDay {
    type Error = &'static str;

    fn try_from(day: u32) -> Result<Self, Self::Error> {
        Self::new(day).ok_or("not a day of a month")
    }
}

/// A paid period: from `start` until the day before `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Term {
    pub start: NaiveDate,
    /// Exclusive.
    pub end: NaiveDate,
}

impl Term {
    /// The first term of a product that comes to life on `start`.
    pub fn first(start: NaiveDate, frequency: Frequency) -> Self {
        Self::starting(start, AnchorDay::of(start), frequency)
    }

    /// The term that starts on `start`, its end by the anchor.
    pub fn starting(start: NaiveDate, anchor: AnchorDay, frequency: Frequency) -> Self {
        Self { start, end: term_end(start, anchor, frequency) }
    }

    /// The term that follows without a gap.
    #[must_use]
    pub fn next(self, anchor: AnchorDay, frequency: Frequency) -> Self {
        Self::starting(self.end, anchor, frequency)
    }

    /// Length in days.
    pub fn days(self) -> i64 {
        (self.end - self.start).num_days()
    }
}

/// The exclusive end of a term (PRD-1): month = start month + n, day = min(anchor, length of that month).
pub fn term_end(start: NaiveDate, anchor: AnchorDay, frequency: Frequency) -> NaiveDate {
    let in_month = start.checked_add_months(Months::new(frequency.months())).unwrap_or(NaiveDate::MAX);
    (in_month.day()..=anchor.day()).rev().find_map(|day| in_month.with_day(day)).unwrap_or_else(|| {
        // The start lies behind the anchor: a term never ends later in its month than the anchor says.
        in_month.with_day(anchor.day()).unwrap_or(in_month)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn dates() -> impl Strategy<Value = NaiveDate> {
        // 1970 to 2149, in days.
        (0i32..65_536).prop_map(|days| NaiveDate::default() + chrono::Days::new(u64::from(days.unsigned_abs())))
    }

    proptest! {
        #[test]
        fn the_end_is_the_anchor_or_the_last_day_of_its_month(
            start in dates(), anchor in 1u32..=31, frequency in proptest::sample::select(Frequency::ALL),
        ) {
            let anchor = AnchorDay::new(anchor).expect("in range");
            let end = term_end(start, anchor, frequency);
            let months = |date: NaiveDate| date.year() * 12 + i32::try_from(date.month()).expect("small");
            prop_assert_eq!(months(end) - months(start), i32::try_from(frequency.months()).expect("small"));
            prop_assert!(end.day() == anchor.day() || end.day() < anchor.day() && end.succ_opt().is_some_and(|d| d.day() == 1));
        }

        #[test]
        fn twelve_months_end_with_the_year(start in dates()) {
            let anchor = AnchorDay::of(start);
            let mut term = Term::first(start, Frequency::Monthly);
            for _ in 1..12 {
                term = term.next(anchor, Frequency::Monthly);
            }
            prop_assert_eq!(term.end, Term::first(start, Frequency::Yearly).end);
        }
    }
}

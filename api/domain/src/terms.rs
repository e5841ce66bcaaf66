//! Billing frequencies and the terms they make (PRD-1).

use chrono::{Datelike, Months, NaiveDate, TimeDelta};

use crate::words::words;

words! {
    /// How often a product is billed.
    Frequency {
        Monthly = "monthly",
        Quarterly = "quarterly",
        Yearly = "yearly",
        TwoYears = "two_years",
        ThreeYears = "three_years",
    }
}

impl Frequency {
    /// Months of one term.
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

/// A span of civil days; the end is exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Term {
    pub start: NaiveDate,
    pub end: NaiveDate,
}

impl Term {
    /// The first term of a product that comes to life on `start`, whose day becomes its anchor.
    ///
    /// `None` beyond the calendar's range.
    pub fn first(start: NaiveDate, frequency: Frequency) -> Option<Self> {
        Some(Self { start, end: term_end(start, start.day(), frequency)? })
    }

    pub fn days(self) -> i64 {
        (self.end - self.start).num_days()
    }

    /// The term cut at days that were planned for another start: in order, and none of the parts is empty where there
    /// are days enough.
    pub fn cut(self, planned: &[NaiveDate]) -> Vec<Self> {
        let mut parts = Vec::with_capacity(planned.len() + 1);
        let mut start = self.start;
        for (index, day) in planned.iter().enumerate() {
            let after = i64::try_from(planned.len() - index).unwrap_or(0);
            let latest = self.end - TimeDelta::days(after);
            let end = (*day).max(start + TimeDelta::days(1)).min(latest).max(start);
            parts.push(Self { start, end });
            start = end;
        }
        parts.push(Self { start, end: self.end });
        parts
    }

    /// The term that follows on this one.
    pub fn next(self, anchor_day: u32, frequency: Frequency) -> Option<Self> {
        Some(Self { start: self.end, end: term_end(self.end, anchor_day, frequency)? })
    }
}

/// The exclusive end of a term: start month + n, day = min(anchor, length of that month).
pub fn term_end(start: NaiveDate, anchor_day: u32, frequency: Frequency) -> Option<NaiveDate> {
    let month = start.with_day(1)?.checked_add_months(Months::new(frequency.months()))?;
    let length = month.checked_add_months(Months::new(1))?.pred_opt()?.day();
    month.with_day(anchor_day.clamp(1, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_term_starts_on_the_day_of_payment() {
        let start = NaiveDate::from_ymd_opt(2026, 1, 31).unwrap();
        let first = Term::first(start, Frequency::Monthly).unwrap();
        assert_eq!(first.end, NaiveDate::from_ymd_opt(2026, 2, 28).unwrap());
        assert_eq!(first.next(31, Frequency::Monthly).unwrap().end, NaiveDate::from_ymd_opt(2026, 3, 31).unwrap());
    }

    #[test]
    fn a_term_is_cut_where_it_was_planned_or_as_near_as_it_can_be() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let term = Term { start: day("2027-12-31"), end: day("2028-01-31") };
        assert_eq!(term.cut(&[]), [term]);
        for (planned, cut) in [("2028-01-01", "2028-01-01"), ("2027-12-30", "2028-01-01"), ("2028-03-01", "2028-01-30")]
        {
            let parts = [Term { end: day(cut), ..term }, Term { start: day(cut), ..term }];
            assert_eq!(term.cut(&[day(planned)]), parts, "{planned}");
        }
    }

    #[test]
    fn dates_beyond_the_calendar_have_no_term() {
        assert_eq!(Term::first(NaiveDate::MAX, Frequency::Monthly), None);
    }
}

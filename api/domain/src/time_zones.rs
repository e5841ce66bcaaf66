//! Time zones by their IANA names.

use chrono_tz::Tz;

/// The zone of those who say none.
pub const DEFAULT: &str = "Europe/Zurich";

/// The zone of this name, such as `Europe/Zurich`.
pub fn parse(name: &str) -> Option<Tz> {
    name.parse().ok()
}

//! Times as a mail's reader writes them: in their language and time zone.

use chrono::{Datelike, Timelike};
use manager_domain::languages::Language;
use manager_domain::{Instant, time_zones};

const EN: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const FR: [&str; 12] = [
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
];
const DE: [&str; 12] = [
    "Januar",
    "Februar",
    "März",
    "April",
    "Mai",
    "Juni",
    "Juli",
    "August",
    "September",
    "Oktober",
    "November",
    "Dezember",
];
const IT: [&str; 12] = [
    "gennaio",
    "febbraio",
    "marzo",
    "aprile",
    "maggio",
    "giugno",
    "luglio",
    "agosto",
    "settembre",
    "ottobre",
    "novembre",
    "dicembre",
];
const ES: [&str; 12] = [
    "enero",
    "febrero",
    "marzo",
    "abril",
    "mayo",
    "junio",
    "julio",
    "agosto",
    "septiembre",
    "octubre",
    "noviembre",
    "diciembre",
];

/// The civil date at this moment in the zone, such as "1 March 2026".
fn day(at: Instant, zone: &str, language: Language) -> String {
    let date = at.date_in(time_zones::parse(zone).unwrap_or(chrono_tz::Tz::UTC));
    let number = date.day();
    let months = match language {
        Language::En => EN,
        Language::Fr => FR,
        Language::De => DE,
        Language::It => IT,
        Language::Es => ES,
    };
    let month = months.get(date.month0() as usize).copied().unwrap_or_default();
    let year = date.year();
    match (language, number) {
        (Language::En, _) => format!("{number} {month} {year}"),
        (Language::Fr, 1) => format!("1er {month} {year}"),
        (Language::It, 1) => format!("1º {month} {year}"),
        (Language::Fr | Language::It, _) => format!("{number} {month} {year}"),
        (Language::De, _) => format!("{number}. {month} {year}"),
        (Language::Es, _) => format!("{number} de {month} de {year}"),
    }
}

/// The moment with its zone, such as "1 March 2026, 10:30 (Europe/Zurich)".
pub fn moment(at: Instant, zone: &str, language: Language) -> String {
    let zone = time_zones::parse(zone).unwrap_or(chrono_tz::Tz::UTC);
    let local = at.utc().with_timezone(&zone);
    let (day, name) = (day(at, zone.name(), language), zone.name());
    let (hour, minute) = (local.hour(), local.minute());
    match language {
        Language::En | Language::Es => format!("{day}, {hour:02}:{minute:02} ({name})"),
        Language::Fr => format!("{day} à {hour:02}:{minute:02} ({name})"),
        Language::De => format!("{day}, {hour:02}:{minute:02} Uhr ({name})"),
        Language::It => format!("{day}, ore {hour:02}:{minute:02} ({name})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_in_the_readers_language_and_zone() {
        let at = Instant::new("2026-11-30T23:06:51.541165Z".parse().unwrap());
        let cases = [
            (Language::En, "1 December 2026, 00:06 (Europe/Zurich)"),
            (Language::Fr, "1er décembre 2026 à 00:06 (Europe/Zurich)"),
            (Language::De, "1. Dezember 2026, 00:06 Uhr (Europe/Zurich)"),
            (Language::It, "1º dicembre 2026, ore 00:06 (Europe/Zurich)"),
            (Language::Es, "1 de diciembre de 2026, 00:06 (Europe/Zurich)"),
        ];
        for (language, text) in cases {
            assert_eq!(moment(at, "Europe/Zurich", language), text);
        }
        assert_eq!(moment(at, "America/New_York", Language::En), "30 November 2026, 18:06 (America/New_York)");
        assert_eq!(day(at, "no zone", Language::De), "30. November 2026");
    }
}

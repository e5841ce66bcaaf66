//! Who is made: persons and their organizations, with names and addresses as they are found in Switzerland and around.

use manager_domain::Currency;
use manager_domain::accounts::full_name;
use manager_domain::languages::Language;
use manager_domain::organizations::{BillingAddress, NewOrganization, OrganizationKind, default_currency};

use super::chance::Dice;

/// A town with how its people speak.
struct Place {
    country: &'static str,
    postal_code: &'static str,
    city: &'static str,
    language: Language,
}

const fn place(country: &'static str, postal_code: &'static str, city: &'static str, language: Language) -> Place {
    Place { country, postal_code, city, language }
}

const SWISS: &[Place] = &[
    place("CH", "1207", "Genève", Language::Fr),
    place("CH", "1003", "Lausanne", Language::Fr),
    place("CH", "2000", "Neuchâtel", Language::Fr),
    place("CH", "1700", "Fribourg", Language::Fr),
    place("CH", "8001", "Zürich", Language::De),
    place("CH", "3011", "Bern", Language::De),
    place("CH", "4051", "Basel", Language::De),
    place("CH", "9000", "St. Gallen", Language::De),
    place("CH", "6900", "Lugano", Language::It),
    place("CH", "6500", "Bellinzona", Language::It),
];

const EUROPEAN: &[Place] = &[
    place("FR", "69002", "Lyon", Language::Fr),
    place("FR", "67000", "Strasbourg", Language::Fr),
    place("FR", "75011", "Paris", Language::Fr),
    place("DE", "79098", "Freiburg im Breisgau", Language::De),
    place("DE", "10115", "Berlin", Language::De),
    place("AT", "6020", "Innsbruck", Language::De),
    place("IT", "20121", "Milano", Language::It),
    place("IT", "10121", "Torino", Language::It),
    place("ES", "08001", "Barcelona", Language::Es),
    place("BE", "1000", "Bruxelles", Language::Fr),
    place("LU", "1111", "Luxembourg", Language::Fr),
    place("NL", "1011 AB", "Amsterdam", Language::En),
];

const FIRST_NAMES: &[&str] = &[
    "Anna",
    "Beat",
    "Camille",
    "Chiara",
    "Daniel",
    "Élodie",
    "Emma",
    "Fabio",
    "François",
    "Giulia",
    "Hans",
    "Inès",
    "Jakob",
    "Jérôme",
    "Julia",
    "Karin",
    "Laura",
    "Léa",
    "Luca",
    "Lukas",
    "Marc",
    "Marie",
    "Mateo",
    "Mia",
    "Nadia",
    "Nicolas",
    "Nina",
    "Noah",
    "Olivier",
    "Paula",
    "Pierre",
    "Regula",
    "Rosa",
    "Samuel",
    "Sofia",
    "Théo",
    "Urs",
    "Valérie",
    "Vera",
    "Yves",
];
const LAST_NAMES: &[&str] = &[
    "Aebischer",
    "Ammann",
    "Bernasconi",
    "Bianchi",
    "Blanc",
    "Bühler",
    "Castella",
    "Chappuis",
    "Dubois",
    "Egger",
    "Favre",
    "Fischer",
    "Fontana",
    "Frei",
    "García",
    "Gerber",
    "Girard",
    "Hofer",
    "Huber",
    "Jeanneret",
    "Keller",
    "Künzli",
    "Lambert",
    "Lehmann",
    "Martin",
    "Meier",
    "Moreau",
    "Müller",
    "Perret",
    "Pittet",
    "Rossi",
    "Rochat",
    "Schmid",
    "Schneider",
    "Steiner",
    "Suter",
    "Vogel",
    "Weber",
    "Wyss",
    "Zürcher",
];

/// A person to be.
pub(super) struct Person {
    pub first_name: &'static str,
    pub last_name: &'static str,
    pub language: Language,
    pub time_zone: &'static str,
    home: &'static Place,
}

pub(super) fn person(dice: &mut Dice) -> Person {
    let places = if dice.below(100) < 55 { SWISS } else { EUROPEAN };
    let home = dice.one_of(places).unwrap_or(&SWISS[0]);
    let (first_name, last_name) = (dice.word(FIRST_NAMES), dice.word(LAST_NAMES));
    Person { first_name, last_name, language: home.language, time_zone: time_zone(home.country), home }
}

fn time_zone(country: &str) -> &'static str {
    match country {
        "FR" => "Europe/Paris",
        "DE" => "Europe/Berlin",
        "AT" => "Europe/Vienna",
        "IT" => "Europe/Rome",
        "ES" => "Europe/Madrid",
        "BE" => "Europe/Brussels",
        "LU" => "Europe/Luxembourg",
        "NL" => "Europe/Amsterdam",
        _ => "Europe/Zurich",
    }
}

/// The person's organization: themselves, their company, or now and then a town.
pub(super) fn organization(dice: &mut Dice, person: &Person, offered: &[Currency]) -> NewOrganization {
    let Place { country, postal_code, city, language } = person.home;
    let (kind, name) = match dice.below(100) {
        0..55 => (OrganizationKind::Individual, full_name(person.first_name, person.last_name)),
        55..95 => (OrganizationKind::Company, company(dice, person)),
        _ => (OrganizationKind::PublicBody, format!("{} {city}", town(*language))),
    };
    let street = match language {
        Language::Fr => "Rue du Lac",
        Language::De => "Bahnhofstrasse",
        Language::It => "Via Nassa",
        Language::Es => "Calle Mayor",
        Language::En => "Prinsengracht",
    };
    let line1 = format!("{street} {}", 1 + dice.below(160));
    NewOrganization {
        kind,
        name,
        billing_address: Some(BillingAddress {
            line1,
            line2: None,
            postal_code: (*postal_code).to_owned(),
            city: (*city).to_owned(),
            region: None,
            country: (*country).to_owned(),
        }),
        country: (*country).to_owned(),
        vat_number: None,
        locale: *language,
        time_zone: person.time_zone.to_owned(),
        currency: default_currency(country, offered).unwrap_or(Currency::Chf),
    }
}

fn company(dice: &mut Dice, person: &Person) -> String {
    let last = person.last_name;
    let name = match dice.below(5) {
        0 => format!("{last} Digital"),
        1 => format!("Atelier {last}"),
        2 => format!("{last} & {}", dice.word(LAST_NAMES)),
        3 => format!("Studio {}", person.home.city),
        _ => format!("{last} Consulting"),
    };
    format!("{name} {}", legal_form(person.home))
}

fn legal_form(home: &Place) -> &'static str {
    match (home.country, home.language) {
        ("CH", Language::De) => "AG",
        ("CH", _) => "SA",
        ("FR", _) => "SAS",
        ("IT", _) => "S.r.l.",
        ("ES", _) => "S.L.",
        ("BE", _) => "SRL",
        ("LU", _) => "S.à r.l.",
        ("NL", _) => "B.V.",
        _ => "GmbH",
    }
}

fn town(language: Language) -> &'static str {
    match language {
        Language::Fr => "Commune de",
        Language::It => "Comune di",
        Language::Es => "Ayuntamiento de",
        Language::De => "Stadt",
        Language::En => "Gemeente",
    }
}

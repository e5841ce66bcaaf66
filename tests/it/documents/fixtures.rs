//! Documents of every kind, for tests and for looking at.

use chrono::NaiveDate;
use manager_domain::ibans::Iban;
use manager_domain::organizations::BillingAddress;
use manager_domain::payments::PaymentMethodKind;
use manager_domain::qr_references::QrReference;
use manager_domain::taxes::{TaxNote, totals};
use manager_domain::terms::Term;
use manager_domain::{Currency, Instant};
use manager_services::documents::drawing::{
    Correction, Coverage, Discount, Document, Kind, Line, Means, Party, PaymentDetails, Settlement,
};

pub fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn address(line1: &str, postal_code: &str, city: &str, country: &str) -> Option<BillingAddress> {
    let [line1, postal_code, city, country] = [line1, postal_code, city, country].map(str::to_owned);
    Some(BillingAddress { line1, line2: None, postal_code, city, region: None, country })
}

fn party(name: &str, address: Option<BillingAddress>, vat_number: Option<&str>) -> Party {
    Party { name: name.to_owned(), address, vat_number: vat_number.map(str::to_owned) }
}

pub fn line(description: &str, product: &str, price: i64, rate: &str) -> Line {
    Line {
        description: description.to_owned(),
        details: vec![product.to_owned()],
        coverage: Coverage::Term(Term { start: day("2026-12-01"), end: day("2027-12-01") }),
        quantity: 1.into(),
        unit: None,
        unit_price: price.into(),
        discount: None,
        net: price,
        rate: rate.parse().unwrap(),
    }
}

fn discounted(mut line: Line, label: &str, amount: i64) -> Line {
    line.net -= amount;
    line.discount = Some(Discount { label: Some(label.to_owned()), amount });
    line
}

fn summed(mut document: Document) -> Document {
    document.totals = totals(document.lines.iter().map(|line| (line.net, line.rate)));
    document
}

/// An open, numbered invoice of one line in Swiss francs.
pub fn one_line() -> Document {
    summed(Document {
        kind: Kind::Invoice,
        number: Some("M48213-2026-7".to_owned()),
        date: day("2026-11-25"),
        due: Some(day("2026-12-25")),
        customer_number: "M48213".to_owned(),
        order_number: Some("O-2026-1183".to_owned()),
        period: None,
        seller: party(
            "Alpenhost AG",
            address("Rue Eugène-Marziano 25", "1227", "Genève", "CH"),
            Some("CHE-103.167.648 MWST"),
        ),
        buyer: party("Pia-Maria Rutschmann-Schnyder", address("Grosse Marktgasse 28", "9400", "Rorschach", "CH"), None),
        currency: Currency::Chf,
        lines: vec![line("Web Hosting Pro", "rutschmann-schnyder.example", 11_880, "8.1")],
        totals: totals([]),
        notes: Vec::new(),
        settlements: Vec::new(),
        payment: Some(PaymentDetails {
            account: Iban::parse("CH44 3199 9123 0008 8901 2").unwrap(),
            reference: QrReference::new("482132026000000071").unwrap(),
        }),
        test: false,
        made_at: Instant::new("2026-11-25T08:30:00Z".parse().unwrap()),
    })
}

pub fn sixty_lines() -> Document {
    let offers = ["Web Hosting Pro", "Domain Name .ch", "Mail Service, 10 mailboxes", "Managed Cloud Server 2"];
    let lines = (1..=60_i64).map(|n| {
        let offer = offers[usize::try_from(n).unwrap() % offers.len()];
        line(offer, &format!("product-{n:02}.example"), 990 + n * 137, "8.1")
    });
    summed(Document { lines: lines.collect(), ..one_line() })
}

pub fn long_names() -> Document {
    let word = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft";
    let name =
        format!("{word} der Vereinigten Verkehrsbetriebe Österreich-Ungarn & Söhne Łódź Ștefănești GmbH & Co. KG");
    let mut address = address(
        "Straße des siebzehnten Juni und der unbekannten Wohltäter zu Oberammergau 117a-119c Hinterhaus",
        "A-1010-XYZ-123",
        "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch",
        "AT",
    );
    if let Some(address) = &mut address {
        address.line2 =
            Some("c/o Treuhand- und Vermögensverwaltungsgesellschaft Müller-Lüdenscheidt, Stiege 4".to_owned());
        address.region = Some("Niederösterreich-Süd, Bezirk Wiener Neustadt-Land".to_owned());
    }
    let mut document = one_line();
    document.buyer = party(&name, address, Some("ATU12345678"));
    document.seller.name = format!("Infrastruktur- und {word} AG");
    document.customer_number = "M48213-WITH-A-VERY-LONG-CUSTOMER-NUMBER-0000000000001".to_owned();
    let long =
        format!("{word}{word} and a description that goes on and on, so that it takes several lines of the table");
    let mut line = line(&long, &format!("{}.example", "very-long-label-".repeat(8)), 79_999_999_999, "8.1");
    line.unit = Some("Gigabyte-months-of-storage".to_owned());
    line.quantity = "1234567.125".parse().unwrap();
    document.lines =
        vec![discounted(line, "Code EXTRAORDINARY-LONG-PROMOTION-CODE-2026, reduction for the first term", 9_999)];
    summed(document)
}

pub fn several_rates() -> Document {
    let mut metered = line("Additional storage", "backup.example, measured usage", 0, "8.1");
    metered.coverage = Coverage::Term(Term { start: day("2026-10-01"), end: day("2026-11-01") });
    (metered.quantity, metered.unit, metered.unit_price, metered.net) =
        ("1250.5".parse().unwrap(), Some("GB".to_owned()), "0.35".parse().unwrap(), 438);
    let mut setup = line("Setup of a managed server", "One hour of work", 18_000, "8.1");
    setup.coverage = Coverage::Once;
    let lines = vec![
        line("Web Hosting Pro", "rutschmann.example", 11_880, "8.1"),
        line("E-book: Mail in practice", "Reduced rate", 4_900, "2.6"),
        line("Domain Name .ch", "rutschmann.example, before the change of rate", 1_300, "7.7"),
        metered,
        setup,
    ];
    summed(Document { lines, ..one_line() })
}

/// With discounts, partly paid from the prepaid account.
pub fn discounts() -> Document {
    let lines = vec![
        discounted(
            line("Web Hosting Pro", "rutschmann.example", 11_880, "8.1"),
            "Code WINTER26XK: 20% off the first term",
            2_376,
        ),
        discounted(line("Domain Name .ch", "rutschmann.example", 1_300, "8.1"), "Free offer", 1_300),
        line("kSuite Business", "5 users", 4_500, "8.1"),
    ];
    let paid = |means, amount| Settlement { means, date: day("2026-11-25"), amount };
    let settlements =
        vec![paid(Means::PromotionalBalance, 1_000), paid(Means::Method(PaymentMethodKind::Prepaid), 2_500)];
    summed(Document { lines, settlements, ..one_line() })
}

pub fn reverse_charge() -> Document {
    let mut document = one_line();
    document.currency = Currency::Eur;
    document.buyer = party(
        "Société Générale d’Hébergement SARL",
        address("12 rue de la République", "69002", "Lyon", "FR"),
        Some("FR83404833048"),
    );
    document.lines = vec![line("Managed Cloud Server 4", "srv-4711.example", 118_800, "0")];
    document.notes = vec![TaxNote::ReverseCharge];
    summed(document)
}

pub fn pro_forma() -> Document {
    let mut document = one_line();
    (document.kind, document.number) = (Kind::ProForma, None);
    document.lines[0].coverage = Coverage::Months(12);
    document
}

pub fn void() -> Document {
    Document { kind: Kind::Void, ..pro_forma() }
}

pub fn paid() -> Document {
    let mut document = one_line();
    let means = Means::Method(PaymentMethodKind::Twint);
    document.settlements = vec![Settlement { means, date: day("2026-11-25"), amount: document.totals.total }];
    document
}

pub fn credit_note() -> Document {
    let mut document = one_line();
    document.kind = Kind::CreditNote(Correction {
        number: "M48213-2026-7".to_owned(),
        date: day("2026-11-25"),
        reason: Some("Web Hosting Pro was replaced on 3 December 2026.".to_owned()),
    });
    document.number = Some("M48213-2026-C1".to_owned());
    document.date = day("2026-12-03");
    let means = Means::Method(PaymentMethodKind::Prepaid);
    document.settlements = vec![Settlement { means, date: day("2026-12-03"), amount: document.totals.total }];
    document
}

pub fn test_organization() -> Document {
    Document { test: true, number: Some("TEST-M48213-2026-7".to_owned()), ..discounts() }
}

/// As much text as there can be.
pub fn crowded() -> Document {
    let mut document = long_names();
    document.kind = Kind::CreditNote(Correction {
        number: "M48213-2026-7".to_owned(),
        date: day("2026-11-25"),
        reason: Some("A reason that is told at length. ".repeat(60)),
    });
    let rates = ["8.1", "2.6", "7.7", "2.5", "25.5", "19", "0"];
    document.lines = rates
        .iter()
        .map(|rate| {
            let mut line = line(&"Description ".repeat(60), &"detail ".repeat(90), 123_456_789, rate);
            line.details = vec!["detail ".repeat(90); 12];
            line
        })
        .collect();
    document.notes = vec![TaxNote::ReverseCharge, TaxNote::Export];
    let settlement = Settlement {
        means: Means::CreditNote("M48213-2026-C1-OF-A-LONG-SERIES".to_owned()),
        date: day("2026-12-03"),
        amount: 12_345,
    };
    document.settlements = vec![settlement; 8];
    summed(document)
}

/// Without the buyer's address: the payer writes it.
pub fn without_address() -> Document {
    let mut document = one_line();
    document.buyer.address = None;
    document
}

pub fn all() -> Vec<(&'static str, Document)> {
    vec![
        ("one_line", one_line()),
        ("sixty_lines", sixty_lines()),
        ("long_names", long_names()),
        ("several_rates", several_rates()),
        ("discounts", discounts()),
        ("reverse_charge", reverse_charge()),
        ("pro_forma", pro_forma()),
        ("void", void()),
        ("paid", paid()),
        ("credit_note", credit_note()),
        ("test_organization", test_organization()),
        ("crowded", crowded()),
        ("without_address", without_address()),
    ]
}

use chrono::{NaiveDate, TimeZone, Utc};
use quick_xml::Reader;
use quick_xml::events::Event;

use super::*;

fn transfer(id: &str, amount: i64, currency: Currency, name: &str, iban: &str) -> Transfer {
    Transfer {
        end_to_end_id: id.to_owned(),
        amount: Money::new(amount, currency),
        creditor_name: name.to_owned(),
        creditor_iban: iban.to_owned(),
        creditor_bic: None,
        creditor_address: None,
        text: Some("Withdrawal".to_owned()),
    }
}

fn file() -> PaymentFile {
    let address = Address {
        street: Some("Rathausgasse".to_owned()),
        building_number: Some("7a".to_owned()),
        postal_code: Some("3011".to_owned()),
        town: "Bern".to_owned(),
        country: "CH".to_owned(),
    };
    let mut first = transfer("wdr-1", 12_050, Currency::Chf, "Zoë <Müller> & \"Söhne\"", "CH5604835012345678009");
    first.creditor_address = Some(address);
    first.text = Some(format!("Guthaben – {}", "x".repeat(200)));
    let mut abroad = transfer("wdr-4", 1, Currency::Chf, "Юлия Щербакова", "DE89370400440532013000");
    abroad.creditor_bic = Some("COBADEFFXXX".to_owned());
    abroad.text = None;
    PaymentFile {
        message_id: "PAY-20261125-0001".to_owned(),
        created_at: Instant::new(Utc.with_ymd_and_hms(2026, 11, 25, 8, 30, 15).unwrap()),
        execute_on: NaiveDate::from_ymd_opt(2026, 11, 26).unwrap(),
        debtor: Debtor {
            name: "Muster Hosting AG".to_owned(),
            accounts: vec![
                (Currency::Chf, "CH9300762011623852957".to_owned()),
                (Currency::Eur, "CH9300762011623852957".to_owned()),
            ],
        },
        transfers: vec![
            first,
            transfer("wdr-2", 999_999_999_999, Currency::Eur, &"Ana Pérez ".repeat(12), "ES9121000418450200051332"),
            transfer("wdr-3", 5_000, Currency::Eur, "Frau Keller", "LI21088100002324013AA"),
            abroad,
        ],
    }
}

/// The leaves of a document as `path=text`.
fn leaves(bytes: &[u8]) -> Vec<String> {
    let mut reader = Reader::from_str(std::str::from_utf8(bytes).unwrap());
    let (mut path, mut text, mut leaves) = (Vec::new(), String::new(), Vec::new());
    loop {
        match reader.read_event().unwrap() {
            Event::Start(start) => {
                path.push(start.name().as_ref().to_owned());
                text.clear();
            }
            Event::Text(part) => text.push_str(&part.xml10_content()),
            Event::GeneralRef(part) => text.push_str(&format!("&{};", part.xml10_content())),
            Event::End(_) => {
                if !text.trim().is_empty() {
                    leaves.push(format!("{}={}", path[2.min(path.len())..].join("/"), text.trim()));
                }
                text.clear();
                path.pop();
            }
            Event::Eof => return leaves,
            _ => {}
        }
    }
}

#[test]
fn every_transfer_stands_in_the_group_of_its_currency() {
    let expected = include_str!("sample.txt");
    let written = leaves(&write(&file()).unwrap()).join("\n");
    assert_eq!(written.trim(), expected.trim());
    assert_eq!(write(&file()), write(&file()));
}

#[test]
fn the_file_is_well_formed_and_escaped() {
    let text = String::from_utf8(write(&file()).unwrap()).unwrap();
    assert!(text.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:pain.001.001.09\">"));
    assert!(text.contains("Zoë &lt;Müller&gt; &amp; &quot;Söhne&quot;"));
    assert!(text.contains(r#"<InstdAmt Ccy="EUR">9999999999.99</InstdAmt>"#));
    assert!(text.contains(r#"<InstdAmt Ccy="CHF">0.01</InstdAmt>"#));
    // For a look by an independent validator against the schema.
    if let Some(path) = option_env!("PAIN001_SAMPLE") {
        std::fs::write(path, &text).unwrap();
    }
}

#[test]
fn what_cannot_be_paid_is_refused() {
    let with = |change: fn(&mut Transfer)| {
        let mut file = file();
        change(&mut file.transfers[1]);
        write(&file).unwrap_err()
    };
    let refused = |fault| PaymentFileFault::Transfer { index: 1, fault };
    assert_eq!(with(|t| t.end_to_end_id = "wdr_2".into()), refused(TransferFault::BadEndToEndId));
    assert_eq!(with(|t| t.end_to_end_id = "wdr-1".into()), refused(TransferFault::RepeatedEndToEndId));
    assert_eq!(with(|t| t.amount.amount = 0), refused(TransferFault::BadAmount));
    assert_eq!(with(|t| t.amount.amount = -1), refused(TransferFault::BadAmount));
    assert_eq!(with(|t| t.amount.amount += 1), refused(TransferFault::BadAmount));
    assert_eq!(with(|t| t.creditor_name = "山田".into()), refused(TransferFault::UnwritableName));
    assert_eq!(with(|t| t.creditor_name = "\n".into()), refused(TransferFault::UnwritableName));
    assert_eq!(with(|t| t.creditor_iban = "ES91 2100".into()), refused(TransferFault::BadIban));
    assert_eq!(with(|t| t.creditor_iban = "</IBAN>".into()), refused(TransferFault::BadIban));
    assert_eq!(with(|t| t.creditor_iban = "CH4431999123000889012".into()), refused(TransferFault::QrIban));
    assert_eq!(with(|t| t.creditor_iban = "BR1500000000000010932840814P2".into()), refused(TransferFault::BicNeeded));
    assert_eq!(with(|t| t.amount.currency = Currency::Chf), refused(TransferFault::BicNeeded));
    assert_eq!(with(|t| t.creditor_bic = Some("deutdeff".into())), refused(TransferFault::BadBic));
    assert_eq!(end_to_end_id("wdr_01jd8r7k3m5n6p7q8r9s0t1v2w"), "wdr-01jd8r7k3m5n6p7q8r9s0t1v2w");

    let of = |change: fn(&mut PaymentFile)| {
        let mut file = file();
        change(&mut file);
        write(&file).unwrap_err()
    };
    assert_eq!(of(|f| f.transfers.clear()), PaymentFileFault::Empty);
    assert_eq!(of(|f| f.message_id = "x".repeat(32)), PaymentFileFault::BadMessageId);
    assert_eq!(of(|f| f.debtor.name = " ".into()), PaymentFileFault::UnwritableDebtor);
    assert_eq!(of(|f| f.debtor.accounts.truncate(1)), PaymentFileFault::NoAccount(Currency::Eur));
    let bad = PaymentFileFault::BadAccount(Currency::Chf);
    assert_eq!(of(|f| f.debtor.accounts[0].1 = "CH4431999123000889012".into()), bad);
}

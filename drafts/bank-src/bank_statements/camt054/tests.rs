use chrono::NaiveDate;
use manager_domain::Currency;
use proptest::prelude::*;

use super::*;

const V04: &str = include_str!("../samples/camt054_v04.xml");
const V08: &str = include_str!("../samples/camt054_v08.xml");
const STATEMENT: &str = include_str!("../samples/camt053_v08.xml");

fn read(text: &str) -> BankFile {
    parse(text.as_bytes()).unwrap()
}

/// Reads a sample with something changed in it.
fn changed(sample: &str, from: &str, to: &str) -> Result<BankFile, FileFault> {
    assert!(sample.contains(from), "{from}");
    parse(sample.replacen(from, to, 1).as_bytes())
}

fn chf(amount: i64) -> Money {
    Money::new(amount, Currency::Chf)
}

fn qr(digits: &str) -> Option<Reference> {
    Some(Reference::Qr(digits.to_owned()))
}

#[test]
fn a_batched_credit_becomes_a_row_a_transaction() {
    let file = read(V04);
    assert_eq!((file.kind, file.message_id.as_str()), (FileKind::Notification, "20261105000701-54A"));
    let [one, two, three, taken_back] = file.rows.as_slice() else { panic!("{} rows", file.rows.len()) };
    let day = NaiveDate::from_ymd_opt(2026, 11, 5);
    assert_eq!(one.account, "CH9300762011623852957");
    assert_eq!(one.entry_reference.as_deref(), Some("CH4431999123000889012"));
    assert_eq!([one.amount, two.amount, three.amount], [chf(10_000), chf(20_000), chf(5_005)]);
    assert_eq!((one.direction, one.is_booked, one.is_reversal), (Direction::Credit, true, false));
    assert_eq!((one.booked_on, one.valued_on), (day, NaiveDate::from_ymd_opt(2026, 11, 6)));
    assert_eq!(one.reference, qr("210000000003139471430009017"));
    assert_eq!(one.debtor.name.as_deref(), Some("Zoë Müller & Söhne <Bern>"));
    assert_eq!(one.debtor.iban.as_deref(), Some("CH5604835012345678009"));
    assert_eq!((one.end_to_end_id.as_deref(), two.end_to_end_id.as_deref()), (None, Some("4711")));
    assert_eq!(two.debtor.name.as_deref(), Some("Gemeinde Köniz"));
    assert_eq!((three.reference.clone(), three.text.as_deref()), (None, Some("Rechnung 2026-17 Danke!")));
    let basis = IdentityBasis::Transaction;
    assert_eq!(one.identity, Identity { key: "TX-20261105-000001".to_owned(), basis });
    assert_eq!((one.stands_for, one.line), (1, 31));

    assert_eq!((taken_back.direction, taken_back.is_reversal), (Direction::Debit, true));
    assert_eq!((taken_back.booked_on, taken_back.return_reason.as_deref()), (day, Some("AM05")));
    // It bears the reference of what it takes back, and is another movement.
    assert_eq!(taken_back.bank_reference, three.bank_reference);
    assert_eq!(taken_back.identity.key, "TX-20261105-000003/DR");
}

#[test]
fn prefixes_foreign_money_and_returned_payouts_are_read() {
    let file = read(V08);
    let [foreign, other, returned, announced] = file.rows.as_slice() else { panic!("{} rows", file.rows.len()) };
    assert_eq!((foreign.amount, other.amount), (chf(1_990), chf(10_000)));
    assert_eq!(foreign.debtor.name.as_deref(), Some("Jörg Weiß GmbH"));
    assert_eq!(foreign.reference, qr("210000000003139471430009030"));
    assert_eq!(other.reference, Some(Reference::Other("RF18539007547034".to_owned())));
    // The bank repeats the entry's reference in each transaction.
    let keys = [&foreign.identity, &other.identity].map(|identity| (identity.key.as_str(), identity.basis));
    assert_eq!(keys, [("8842000001#1", IdentityBasis::Entry), ("8842000001#2", IdentityBasis::Entry)]);

    assert_eq!((returned.account.as_str(), returned.amount), ("250092-7.EUR", Money::new(4_950, Currency::Eur)));
    assert_eq!(returned.end_to_end_id.as_deref(), Some("wdr-01jd8r7k3m5n6p7q8r9s0t1v2w"));
    assert_eq!(returned.return_reason.as_deref(), Some("AC04"));
    assert_eq!(returned.creditor.iban.as_deref(), Some("ES9121000418450200051332"));
    assert_eq!(returned.booked_on, NaiveDate::from_ymd_opt(2026, 11, 12));
    assert_eq!((returned.identity.basis, returned.identity.key.len()), (IdentityBasis::Content, 64));
    assert!(!announced.is_booked);
}

#[test]
fn a_statement_may_lack_details() {
    let file = read(STATEMENT);
    assert_eq!(file.kind, FileKind::Statement);
    let [batch, payout, pending] = file.rows.as_slice() else { panic!("{} rows", file.rows.len()) };
    assert_eq!((batch.stands_for, batch.text.as_deref()), (4, Some("Sammelgutschrift QR-Rechnungen")));
    assert_eq!((payout.direction, payout.amount), (Direction::Debit, chf(25_000)));
    assert_eq!(payout.end_to_end_id.as_deref(), Some("wdr-01jd8r7k3m5n6p7q8r9s0t1v2x"));
    assert_eq!((payout.identity.key.as_str(), payout.identity.basis), ("STM-0002/D", IdentityBasis::Entry));
    assert!(!pending.is_booked && pending.booked_on.is_none());
}

#[test]
fn a_file_read_twice_gives_the_same_identities_and_equal_payments_differ() {
    assert_eq!(read(V08), read(V08));
    let entry = STATEMENT.find("<Ntry>\n        <Amt").unwrap();
    let end = STATEMENT.rfind("</Ntry>").unwrap() + "</Ntry>".len();
    let pending = &STATEMENT[entry..end];
    let twice = read(&STATEMENT.replace(pending, &format!("{pending}{pending}")));
    let [.., one, other] = twice.rows.as_slice() else { panic!() };
    assert_eq!(other.identity.key, format!("{}~2", one.identity.key));
    assert_eq!(read(STATEMENT).rows[2].identity, one.identity);
    let reused = changed(STATEMENT, "STM-0002", "STM-0001").unwrap();
    assert_ne!(reused.rows[0].identity, reused.rows[1].identity);
}

#[test]
fn what_is_unclear_about_money_refuses_the_file_and_says_where() {
    let entry = "Ntfctn[1]/Ntry[1]";
    let transaction = "Ntfctn[1]/Ntry[1]/NtryDtls[1]/TxDtls[2]";
    let amount = |text: &str| format!(r#"<Amt Ccy="CHF">{text}</Amt>"#);
    for (from, to, kind, path, line) in [
        (amount("350.05"), amount("350.055"), FaultKind::BadAmount("350.055".into()), format!("{entry}/Amt"), 21),
        (amount("350.05"), amount("-1"), FaultKind::BadAmount("-1".into()), format!("{entry}/Amt"), 21),
        (amount("350.05"), amount(""), FaultKind::BadAmount(String::new()), format!("{entry}/Amt"), 21),
        (
            amount("350.05"),
            "<Amt>1</Amt>".into(),
            FaultKind::UnknownCurrency(String::new()),
            format!("{entry}/Amt"),
            21,
        ),
        (
            amount("350.05"),
            r#"<Amt Ccy="chf">1</Amt>"#.into(),
            FaultKind::UnknownCurrency("chf".into()),
            format!("{entry}/Amt"),
            21,
        ),
        (amount("350.05"), String::new(), FaultKind::Missing("Amt"), entry.into(), 19),
        (amount("350.05"), amount("1") + &amount("1"), FaultKind::Repeated("Amt"), entry.into(), 19),
        (
            amount("350.05"),
            amount("350.06"),
            FaultKind::WrongTotal { entry: 35_006, transactions: 35_005 },
            entry.into(),
            19,
        ),
        (amount("200"), amount("2O0"), FaultKind::BadAmount("2O0".into()), format!("{transaction}/Amt"), 44),
        (amount("200"), r#"<Amt Ccy="USD">1</Amt>"#.into(), FaultKind::ForeignAmount, format!("{transaction}/Amt"), 44),
        (amount("200"), String::new(), FaultKind::Missing("Amt"), transaction.into(), 42),
        (
            "<CdtDbtInd>CRDT</CdtDbtInd>".into(),
            "<CdtDbtInd>C</CdtDbtInd>".into(),
            FaultKind::BadDirection("C".into()),
            entry.into(),
            19,
        ),
        (
            "<RvslInd>false</RvslInd>".into(),
            "<RvslInd>no</RvslInd>".into(),
            FaultKind::BadFlag("no".into()),
            entry.into(),
            19,
        ),
        (
            "<Dt>2026-11-05</Dt>".into(),
            "<Dt>2026-02-30</Dt>".into(),
            FaultKind::BadDate("2026-02-30".into()),
            entry.into(),
            19,
        ),
        (
            "<Dt>2026-11-05</Dt>".into(),
            "<Dt>05.11.2026</Dt>".into(),
            FaultKind::BadDate("05.11.2026".into()),
            entry.into(),
            19,
        ),
    ] {
        let fault = changed(V04, &from, &to).unwrap_err();
        assert_eq!(fault, FileFault { kind, place: Place { path, line } }, "{from} -> {to}");
    }
    let lost = V04.find("<TxDtls>").unwrap()..V04.find("</TxDtls>").unwrap() + "</TxDtls>".len();
    let mut without = V04.to_owned();
    without.replace_range(lost, "");
    let fault = parse(without.as_bytes()).unwrap_err();
    assert_eq!(fault.kind, FaultKind::WrongCount { announced: 3, found: 2 });
    assert_eq!(fault.to_string(), "2 transactions where 3 are announced at Ntfctn[1]/Ntry[1] (line 19)");
}

#[test]
fn other_documents_are_refused() {
    for (text, kind) in [
        ("", FaultKind::UnknownMessage(String::new())),
        ("<Document/>", FaultKind::UnknownMessage(String::new())),
        ("<html></html>", FaultKind::UnknownMessage(String::new())),
        (
            "<Document xmlns='urn:iso:std:iso:20022:tech:xsd:camt.054.001.02'/>",
            FaultKind::UnknownMessage("054.001.02".to_owned()),
        ),
        (
            "<Document xmlns='urn:iso:std:iso:20022:tech:xsd:camt.054.001.08'/>",
            FaultKind::Missing("BkToCstmrDbtCdtNtfctn"),
        ),
    ] {
        assert_eq!(parse(text.as_bytes()).unwrap_err().kind, kind, "{text}");
    }
    assert!(matches!(changed(V04, "</Ntfctn>", "").unwrap_err().kind, FaultKind::BrokenXml(_)));
    assert!(matches!(parse(&V04.as_bytes()[..V04.len() - 40]).unwrap_err().kind, FaultKind::BrokenXml(_)));
    assert!(matches!(changed(V04, "</Document>", "</Document><x/>").unwrap_err().kind, FaultKind::BrokenXml(_)));
    assert!(matches!(changed(V04, "</Document>", "</Document>x").unwrap_err().kind, FaultKind::BrokenXml(_)));
    let fault = parse(b"<Document>\n\xff</Document>").unwrap_err();
    assert_eq!((fault.kind, fault.place.line), (FaultKind::NotUtf8, 2));
    assert_eq!(changed(V04, "UTF-8", "ISO-8859-1").unwrap_err().kind, FaultKind::NotUtf8);
    assert!(parse(format!("\u{feff}{V04}").as_bytes()).is_ok());
}

#[test]
fn hostile_documents_stay_small() {
    let bomb = format!("<!DOCTYPE d [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]>{}", V04.split_once("?>").unwrap().1);
    assert_eq!(parse(bomb.as_bytes()).unwrap_err().kind, FaultKind::DocumentType);
    assert_eq!(changed(V04, "&amp;", "&b;").unwrap_err().kind, FaultKind::Entity);
    assert!(changed(V04, "&amp;", "&#38;").is_ok());
    assert!(matches!(changed(V04, "&amp;", "&#0;").unwrap_err().kind, FaultKind::BrokenXml(_)));
    for control in ["\0", "\u{1}", "&#1;", "\u{7f}"] {
        assert!(matches!(changed(V04, "&amp;", control).unwrap_err().kind, FaultKind::BrokenXml(_)), "{control:?}");
    }
    let deep = format!("{}{}", "<a>".repeat(1_000_000), "</a>".repeat(1_000_000));
    assert_eq!(parse(deep.as_bytes()).unwrap_err().kind, FaultKind::TooDeep(32));
    let flat = format!("<Document>{}</Document>", "<Amt/>".repeat(500_000));
    assert!(matches!(parse(flat.as_bytes()).unwrap_err().kind, FaultKind::TooMany(_)));
    let attributes = (0..200_000).map(|n| format!(" a{n}=''")).collect::<String>();
    assert!(parse(format!("<Document{attributes}/>").as_bytes()).is_err());
}

proptest! {
    #[test]
    fn nothing_panics(at in 0..V08.len(), len in 0_usize..40, with in "[<>&;/=\"' A-Za-z0-9.\u{fc}-]{0,12}") {
        let (mut at, mut end) = (at, (at + len).min(V08.len()));
        while !V08.is_char_boundary(at) { at -= 1; }
        while !V08.is_char_boundary(end) { end -= 1; }
        let mut text = V08.to_owned();
        text.replace_range(at..end.max(at), &with);
        let _ = parse(text.as_bytes());
    }

    #[test]
    fn noise_is_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(parse(&bytes).is_err());
    }
}

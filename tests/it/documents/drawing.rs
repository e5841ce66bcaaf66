//! BIL-4: documents as they are drawn: turned into pictures by an independent renderer, their QR codes decoded by an
//! independent reader.

use manager_domain::ibans::Iban;
use manager_domain::languages::Language;
use manager_domain::qr_bills::QrBillFault;
use manager_services::documents::drawing::{Document, Error, Kind, PaymentDetails, render};

use super::fixtures;
use super::reading::{Picture, pictures, spells, text};

/// Pixels of a millimetre, for codes to be read and for margins to be seen.
const FINE: f32 = 6.0;
const COARSE: f32 = 2.0;

fn drawn(document: &Document, language: Language) -> Vec<Picture> {
    pictures(render(document, language).expect("rendered"), FINE)
}

fn payload(document: &Document, language: Language) -> Option<String> {
    drawn(document, language).last().and_then(Picture::code).map(|(content, _)| content)
}

#[test]
fn every_document_keeps_its_margins_in_every_language() {
    for (name, document) in fixtures::all() {
        for language in Language::ALL {
            let pages = pictures(render(&document, *language).expect("rendered"), COARSE);
            let expected = match name {
                "sixty_lines" => 4,
                "crowded" => 7,
                "long_names" | "several_rates" | "discounts" => 2,
                _ => 1,
            };
            assert_eq!(pages.len(), expected, "{name} {language:?}");
            for (index, page) in pages.iter().enumerate() {
                // The line above the payment part goes from edge to edge.
                let with_payment_part = !page.is_blank([200.0, 191.0, 209.0, 193.0]);
                let bottom = if with_payment_part { 190.0 } else { 297.0 };
                let mut margins = vec![
                    [0.0, 0.0, 19.5, bottom],
                    [190.5, 0.0, 210.0, bottom],
                    [0.0, 0.0, 210.0, 12.0],
                    [0.0, bottom - 3.0, 210.0, bottom],
                ];
                // Between the content and the foot.
                let end = if with_payment_part { 178.5 } else { 274.0 };
                let watermarked = document.test || document.kind == Kind::Void;
                margins.extend((!watermarked).then_some([0.0, end, 210.0, end + 3.0]));
                if with_payment_part {
                    // The payment part's own: right, below, beside and below the receipt, around the code.
                    margins.extend([
                        [205.5, 193.5, 210.0, 297.0],
                        [0.0, 293.0, 60.0, 297.0],
                        [64.5, 292.0, 210.0, 297.0],
                    ]);
                    margins.extend([
                        [0.0, 196.0, 4.5, 297.0],
                        [57.5, 203.0, 61.0, 297.0],
                        [113.5, 193.5, 117.5, 297.0],
                    ]);
                    margins.extend([
                        [64.5, 193.5, 66.5, 297.0],
                        [66.0, 204.5, 117.0, 208.5],
                        [66.0, 255.5, 117.0, 259.0],
                    ]);
                }
                for margin in margins {
                    assert!(page.is_blank(margin), "{name} {language:?} page {index}: something in {margin:?}");
                }
            }
        }
    }
}

#[test]
fn the_code_says_what_the_bill_says() {
    let expected = "SPC\n0200\n1\nCH4431999123000889012\nS\nAlpenhost AG\nRue Eugène-Marziano\n25\n1227\nGenève\nCH\n\n\n\n\n\n\n\n\
        128.42\nCHF\nS\nPia-Maria Rutschmann-Schnyder\nGrosse Marktgasse\n28\n9400\nRorschach\nCH\n\
        QRR\n000000004821320260000000711\nInvoice M48213-2026-7\nEPD";
    let pages = drawn(&fixtures::one_line(), Language::En);
    let (content, bounds) = pages[0].code().expect("a code");
    assert_eq!(content, expected);
    // Where the style guide wants it: 46 mm, 67 from the left and 17 below the line.
    for (found, wanted) in bounds.into_iter().zip([67.0, 209.0, 113.0, 255.0]) {
        assert!((found - wanted).abs() < 0.8, "{bounds:?}");
    }
}

#[test]
fn the_code_asks_for_what_is_open() {
    let part_paid = payload(&fixtures::discounts(), Language::Fr).expect("a code");
    assert!(part_paid.contains("\n116.38\nCHF\n") && part_paid.contains("\nFacture M48213-2026-7\n"), "{part_paid}");
    let euro = payload(&fixtures::reverse_charge(), Language::De).expect("a code");
    assert!(
        euro.contains(
            "\n1188.00\nEUR\nS\nSociété Générale d'Hébergement SARL\n12 rue de la République\n\n69002\nLyon\nFR\n"
        ),
        "{euro}"
    );
    let nobody = payload(&fixtures::without_address(), Language::It).expect("a code");
    assert!(nobody.contains("\nCHF\n\n\n\n\n\n\n\nQRR\n"), "{nobody}");
    let long = payload(&fixtures::long_names(), Language::Es).expect("a code");
    assert!(long.split('\n').all(|line| line.chars().count() <= 70), "{long}");
    let many = payload(&fixtures::sixty_lines(), Language::En).expect("a code");
    assert!(many.contains("\n3352.29\nCHF\n"), "{many}");
    assert!(payload(&fixtures::pro_forma(), Language::De).expect("a code").contains("\nKunde M48213\nEPD"));
}

#[test]
fn the_code_is_on_the_last_page_only() {
    let pages = drawn(&fixtures::sixty_lines(), Language::De);
    let (last, others) = pages.split_last().expect("pages");
    assert!(last.code().is_some() && others.iter().all(|page| page.code().is_none()));
}

#[test]
fn there_is_no_payment_part_where_nothing_can_or_must_be_paid() {
    let without_account = Document { payment: None, ..fixtures::one_line() };
    for document in
        [fixtures::paid(), fixtures::credit_note(), fixtures::test_organization(), fixtures::void(), without_account]
    {
        assert_eq!(payload(&document, Language::En), None, "{:?}", document.number);
    }
}

#[test]
fn an_account_that_takes_no_references_is_refused() {
    let account = Iban::parse("CH58 0079 1123 0008 8901 2").unwrap();
    let details = PaymentDetails { account, ..fixtures::one_line().payment.unwrap() };
    let refused = render(&Document { payment: Some(details), ..fixtures::one_line() }, Language::En);
    assert!(matches!(refused, Err(Error::QrBill(QrBillFault::NotAQrIban))));
}

#[test]
fn amounts_are_written_out() {
    let said = text(render(&fixtures::discounts(), Language::De).expect("rendered"));
    for amount in ["118.80", "−23.76", "95.04", "CHF 151.38", "CHF 116.38", "116.38"] {
        assert!(said.contains(amount), "{amount} in {said}");
    }
    let said = text(render(&fixtures::several_rates(), Language::En).expect("rendered"));
    for words in ["VAT 8.1% on 303.18", "VAT 2.6% on 49.00", "VAT 7.7% on 13.00", "0.0035", "1'250.5\u{a0}GB"] {
        assert!(said.contains(words), "{words} in {said}");
    }
    let said = text(render(&fixtures::reverse_charge(), Language::En).expect("rendered"));
    assert!(said.contains("EUR 1'188.00") && said.contains("Reverse charge"), "{said}");
}

#[test]
fn a_withdrawn_pro_forma_asks_for_nothing() {
    for language in Language::ALL {
        let said = text(render(&fixtures::void(), *language).expect("rendered"));
        let word = match language {
            Language::En => "VOID",
            Language::Fr => "ANNULÉ",
            Language::De => "UNGÜLTIG",
            Language::It => "ANNULLATO",
            Language::Es => "ANULADA",
        };
        assert!(spells(&said, word), "{said}");
    }
}

#[test]
fn a_test_document_is_watermarked() {
    const BESIDE_TOTALS: [f32; 4] = [30.0, 180.0, 95.0, 225.0];
    let real = Document { test: false, payment: None, ..fixtures::test_organization() };
    assert!(drawn(&real, Language::En)[0].is_blank(BESIDE_TOTALS));
    assert!(!drawn(&fixtures::test_organization(), Language::En)[0].is_blank(BESIDE_TOTALS));
}

#[test]
fn the_same_document_gives_the_same_bytes() {
    for (name, document) in fixtures::all() {
        let first = render(&document, Language::Fr).expect("rendered");
        assert!(first == render(&document, Language::Fr).expect("rendered"), "{name}");
        assert!(first != render(&document, Language::It).expect("rendered"), "{name}");
        assert!(first.len() < 150_000, "{name}: {} bytes", first.len());
    }
}

/// As text within the file, which viewers and search engines read.
#[test]
fn the_file_tells_its_title_and_language() {
    let bytes = render(&fixtures::one_line(), Language::De).expect("rendered");
    let text = String::from_utf8_lossy(&bytes);
    for wanted in ["Rechnung M48213-2026-7", "/Lang(de)", "<pdfaid:part>2", "<pdfuaid:part>1", "2026-11-25T08:30:00"] {
        assert!(text.contains(wanted), "{wanted}");
    }
}

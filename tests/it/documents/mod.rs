//! BIL-4: invoices as PDF files, by download, link and mail, and all of them as a table.

mod drawing;
mod fixtures;
mod links;
mod mails;
mod reading;
mod tables;

use std::sync::Arc;

use manager_domain::ids::OrganizationId;
use manager_domain::invoices::Buyer;
use manager_domain::languages::Language;
use manager_domain::qr_references::QrReference;
use manager_repository::sql_types::sql;
use manager_repository::{AnyConnection, Error, organizations};
use manager_services::documents::drawing::Kind;
use manager_services::documents::{CreditNote, credit_note_pdf};
use manager_tests::{Answer, Person, TestApp, Value, json};

use crate::orders::{cart_with, check_out, quote};
use reading::{Picture, pictures, spells, text};

const PAYS: &str = "sandbox_succeeds";
const DECLINED: &str = "sandbox_declined_insufficient_funds";

/// Someone in Geneva who can order, with more members in their registration.
async fn buyer_with(app: &Arc<TestApp>, name: &str, more: Value) -> Person {
    let address = json!({"line1": "Rue du Lac 1", "postal_code": "1207", "city": "Genève", "country": "CH"});
    let mut members = json!({"organization": {"kind": "individual", "country": "CH", "billing_address": address}});
    for (member, value) in more.as_object().unwrap() {
        members[member] = value.clone();
    }
    Person::register_with(app, name, members).await
}

async fn buyer() -> (Arc<TestApp>, Person) {
    let app = Arc::new(TestApp::start().await);
    let ada = buyer_with(&app, "ada", json!({})).await;
    (app, ada)
}

/// Orders a .ch domain for a year; answers the invoice's path.
async fn ordered(ada: &Person, domain: &str, card: &str) -> String {
    let cart = cart_with(ada, domain).await;
    let token = quote(ada, &cart).await["price_token"].clone();
    check_out(ada, &cart, &token, card).await;
    let invoices = ada.get(&ada.org("/invoices")).await.expect(200);
    ada.org(&format!("/invoices/{}", invoices["data"][0]["id"].as_str().unwrap()))
}

/// The PDF file at a path.
async fn download(ada: &Person, path: &str) -> Vec<u8> {
    pdf(ada.get(&format!("{path}/pdf")).await)
}

#[track_caller]
fn pdf(answer: Answer) -> Vec<u8> {
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("content-type"), "application/pdf");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(answer.bytes.starts_with(b"%PDF-"), "a PDF file");
    answer.bytes
}

fn payload(bytes: Vec<u8>) -> Option<String> {
    pictures(bytes, 6.0).last().and_then(Picture::code).map(|(content, _)| content)
}

#[actix_web::test]
async fn a_paid_invoice_says_its_number_and_what_paid_it() {
    let (app, ada) = buyer().await;
    let path = ordered(&ada, "engines.ch", PAYS).await;
    let invoice = ada.get(&path).await.expect(200);
    let number = invoice["invoice"]["number"].as_str().unwrap();
    let answer = ada.get(&format!("{path}/pdf")).await;
    assert_eq!(answer.header("content-disposition"), format!("attachment; filename=\"invoice-{number}.pdf\""));
    let bytes = pdf(answer);
    assert_eq!(bytes, download(&ada, &path).await, "the same document gives the same bytes");
    let said = text(bytes.clone());
    for words in
        [&format!("Invoice {number}"), "ada Tester", "1207 Genève", "engines.ch", "Mar 2027", "card", "VAT 8.1%"]
    {
        assert!(said.contains(words), "{words} in {said}");
    }
    assert_eq!(payload(bytes), None);
    app.settle().await;
}

#[actix_web::test]
async fn an_open_invoice_asks_for_its_amount_under_a_reference_that_finds_it() {
    let (app, ada) = buyer().await;
    let path = ordered(&ada, "engines.ch", DECLINED).await;
    let invoice = ada.get(&path).await.expect(200);
    let id = invoice["invoice"]["id"].as_str().unwrap();
    let answer = ada.get(&format!("{path}/pdf")).await;
    assert_eq!(answer.header("content-disposition"), format!("attachment; filename=\"pro-forma-{id}.pdf\""));
    let bytes = pdf(answer);
    let said = text(bytes.clone());
    for words in ["Pro forma invoice", "12 months", "15 Mar 2026", "Payment part"] {
        assert!(said.contains(words), "{words} in {said}");
    }
    let organization = ada.get(&ada.org("")).await.expect(200);
    let number = organization["number"].as_str().unwrap();
    let reference = QrReference::of_invoice(number, id.parse().unwrap()).unwrap();
    assert_eq!(reference.organization_number(), number);
    let total = invoice["totals"]["total"]["amount"].as_i64().unwrap();
    let expected = format!(
        "SPC\n0200\n1\nCH4431999123000889012\nS\nSAMPLE SELLER - NOT A REAL COMPANY\nSample Street\n1\n0000\nSample City\nCH\
         \n\n\n\n\n\n\n\n{}.{:02}\nCHF\nS\nada Tester\nRue du Lac\n1\n1207\nGenève\nCH\nQRR\n{}\nCustomer {number}\nEPD",
        total / 100,
        total % 100,
        reference.as_str(),
    );
    assert_eq!(payload(bytes), Some(expected));
    // Cancelled, it asks for nothing any more.
    let order = ada.org(&format!("/orders/{}", invoice["invoice"]["order"].as_str().unwrap()));
    ada.post(&format!("{order}/cancel"), json!({})).await.expect(200);
    let void = download(&ada, &path).await;
    assert!(spells(&text(void.clone()), "VOID"));
    assert_eq!(payload(void), None);
    app.settle().await;
}

#[actix_web::test]
async fn a_document_is_in_the_organizations_language() {
    let app = Arc::new(TestApp::start().await);
    for (language, wanted) in [
        (Language::En, "Invoice"),
        (Language::Fr, "Facture"),
        (Language::De, "Rechnung"),
        (Language::It, "Fattura"),
        (Language::Es, "Factura"),
    ] {
        let locale = language.as_str();
        let person = buyer_with(&app, locale, json!({"locale": locale})).await;
        let path = ordered(&person, &format!("engines-{locale}.ch"), PAYS).await;
        let number = person.get(&path).await.expect(200)["invoice"]["number"].clone();
        let said = text(download(&person, &path).await);
        assert!(said.contains(&format!("{wanted} {}", number.as_str().unwrap())), "{said}");
    }
}

#[actix_web::test]
async fn a_test_organization_gets_watermarked_documents_that_ask_for_nothing() {
    let (app, ada) = buyer().await;
    let path = ordered(&ada, "engines.ch", DECLINED).await;
    let organization: OrganizationId = ada.organization.parse().unwrap();
    let mark = move |tx: &mut AnyConnection| {
        use diesel::prelude::*;
        use manager_repository::schema::organizations;
        let row = organizations::table.filter(organizations::id.eq(sql(organization)));
        diesel::update(row).set(organizations::is_test.eq(true)).execute(tx)?;
        Ok::<_, Error>(())
    };
    app.services.db.write(mark).await.unwrap();
    let bytes = download(&ada, &path).await;
    let said = text(bytes.clone());
    assert!(spells(&said, "TEST") && said.contains("Test document"), "{said}");
    assert!(!said.contains("Payment part"), "{said}");
    assert_eq!(payload(bytes), None);
}

#[actix_web::test]
async fn others_documents_are_not_there() {
    let (app, ada) = buyer().await;
    let path = ordered(&ada, "engines.ch", PAYS).await;
    let eve = buyer_with(&app, "eve", json!({})).await;
    let id = path.rsplit('/').next().unwrap();
    for path in [path.clone(), eve.org(&format!("/invoices/{id}"))] {
        eve.get(&format!("{path}/pdf")).await.refused(404, "not_found");
        eve.post(&format!("{path}/pdf-link"), json!({})).await.refused(404, "not_found");
        eve.post(&format!("{path}/email"), json!({})).await.refused(404, "not_found");
    }
    let rights = json!({"role": "member", "products": {"access": "all", "level": "manage"}});
    let bob = Person::join(&app, &ada, "bob", rights).await;
    bob.get(&format!("{path}/pdf")).await.refused(403, "forbidden");
    bob.get(&ada.org("/invoices.csv")).await.refused(403, "forbidden");
}

#[actix_web::test]
async fn a_credit_note_names_the_invoice_it_corrects() {
    let (app, ada) = buyer().await;
    ordered(&ada, "engines.ch", PAYS).await;
    let id: OrganizationId = ada.organization.parse().unwrap();
    let find = move |conn: &mut AnyConnection| organizations::find(conn, id);
    let organization = app.services.db.read(find).await.unwrap().unwrap();
    let drawn = fixtures::credit_note();
    let Kind::CreditNote(correction) = drawn.kind.clone() else { panic!("a credit note") };
    let buyer = Buyer { kind: organization.kind, name: "Ada Tester".to_owned(), address: None, vat_number: None };
    let note = CreditNote {
        number: format!("{}-2026-C1", organization.number),
        issued_on: drawn.date,
        correction,
        order: None,
        seller: app.services.settings.seller.clone(),
        buyer,
        currency: drawn.currency,
        lines: drawn.lines,
        totals: drawn.totals,
        notes: drawn.notes,
        returned: drawn.settlements,
        made_at: drawn.made_at,
    };
    let file = credit_note_pdf(&organization, note).await.unwrap();
    assert_eq!(file.name, format!("credit-note-{}-2026-C1.pdf", organization.number));
    let said = text(file.content.clone());
    for words in
        [&format!("Credit note {}-2026-C1", organization.number), "corrects invoice M48213-2026-7", "Ada Tester"]
    {
        assert!(said.contains(words), "{words} in {said}");
    }
    assert_eq!(payload(file.content), None);
}

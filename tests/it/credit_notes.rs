//! BIL-1, BIL-8: credit notes correct invoices, line by line and at most once, in a series of their own.

use chrono::Duration;
use manager_tests::{Answer, Person, Value, json};

use crate::books::assert_only_grows;
use crate::orders::cart_with;
use crate::prepaid_accounts::assert_books_agree;
use crate::promo_codes::{open, order, put};
use crate::refunds::{balances, buyer_and_finance, by_card, chf, invoice, line, request};

const NOTES: &str = "/v1/admin/credit-notes";

async fn credit(finance: &Person, person: &Person, invoice: &str, lines: Option<Value>) -> Answer {
    finance.post(NOTES, request(person, invoice, lines)).await
}

async fn numbers(person: &Person) -> Vec<String> {
    let notes = person.get(&person.org("/credit-notes")).await.expect(200);
    let number = |note: &Value| note["number"].as_str().unwrap().split_once('-').unwrap().1.to_owned();
    notes["data"].as_array().unwrap().iter().map(number).collect()
}

#[actix_web::test]
async fn an_invoice_is_credited_to_the_prepaid_account_whatever_paid_it() {
    let (app, ada, finance) = buyer_and_finance().await;
    let id = by_card(&ada, "one.ch").await;
    let done = credit(&finance, &ada, &id, None).await.expect(201);
    assert_eq!((&done["state"], &done["paid_back"], &done["prepaid"]), (&json!("succeeded"), &chf(0), &chf(973)));
    assert_eq!(balances(&ada).await, (973, 0));
    let note = ada.get(&ada.org(&format!("/credit-notes/{}", done["credit_note"].as_str().unwrap()))).await.expect(200);
    let shown = &note["credit_note"];
    assert_eq!(
        (&shown["invoice"], &shown["total"], &shown["issued_on"]),
        (&json!(id), &chf(973), &json!("2026-03-02"))
    );
    assert_eq!((&note["totals"]["net"], &note["totals"]["tax"]), (&chf(900), &chf(73)));
    assert_eq!(note["buyer"]["name"], "ada Tester");
    let credited = &note["lines"][0];
    assert_eq!((&credited["position"], &credited["net"], &credited["tax_rate"]), (&json!(1), &chf(900), &json!("8.1")));
    assert!(credited["description"].as_str().unwrap().ends_with("one.ch"), "{credited}");
    let money = json!({"state": "succeeded", "paid_back": chf(0), "prepaid": chf(973), "promotional": chf(0)});
    assert_eq!(note["money"], money);
    let corrected = invoice(&ada, &id).await;
    assert_eq!((&corrected["invoice"]["state"], &corrected["invoice"]["credited"]), (&json!("refunded"), &chf(973)));
    assert_eq!((&corrected["lines"][0]["credited"], &corrected["credit_notes"]), (&chf(900), &json!([shown])));
    app.settle().await;
    assert_books_agree(&finance).await;
}

#[actix_web::test]
async fn a_line_is_credited_at_most_once_and_all_faults_are_listed() {
    let (_, ada, finance) = buyer_and_finance().await;
    let cart = open(&ada).await;
    for domain in ["one.ch", "two.ch"] {
        put(&ada, &cart, "domain_ch", 1, json!({"domain": domain})).await;
    }
    let placed = order(&ada, &cart, "sandbox_succeeds").await.expect(201);
    let id = placed["invoice"]["id"].as_str().unwrap().to_owned();
    credit(&finance, &ada, &id, Some(json!([line(2, 600)]))).await.expect(201);
    let shown = invoice(&ada, &id).await;
    assert_eq!((&shown["invoice"]["state"], &shown["invoice"]["credited"]), (&json!("partly_refunded"), &chf(649)));
    assert_eq!((&shown["lines"][0]["credited"], &shown["lines"][1]["credited"]), (&chf(0), &chf(600)));
    let bad = json!([line(2, 301), line(2, 1), line(3, 1), line(1, 0)]);
    let refused = credit(&finance, &ada, &id, Some(bad)).await.refused(422, "validation_failed");
    let faults = refused["errors"].as_array().unwrap().iter().map(|fault| fault["pointer"].clone());
    let expected = ["/lines/0/net/amount", "/lines/1/position", "/lines/2/position", "/lines/3/net/amount"];
    assert_eq!(faults.collect::<Vec<_>>(), expected);
    assert_eq!(refused["errors"][0]["params"], json!({"min": 1, "max": 300}));
    for net in [i64::MAX, i64::MIN, -1] {
        let faulty = credit(&finance, &ada, &id, Some(json!([line(1, net)]))).await;
        faulty.faulty("/lines/0/net/amount", "out_of_range");
    }
    let euros = json!([{"position": 1, "net": {"amount": 100, "currency": "EUR"}}]);
    credit(&finance, &ada, &id, Some(euros)).await.faulty("/lines/0/net/currency", "wrong_currency");
    credit(&finance, &ada, &id, Some(json!([]))).await.faulty("/lines", "too_short");
    assert_eq!(invoice(&ada, &id).await, shown, "nothing changed");
    credit(&finance, &ada, &id, Some(json!([line(2, 300), line(1, 900)]))).await.expect(201);
    assert_eq!(invoice(&ada, &id).await["invoice"]["state"], "refunded");
    credit(&finance, &ada, &id, Some(json!([line(1, 1)]))).await.refused(409, "invoice_closed");
    assert_books_agree(&finance).await;
}

#[actix_web::test]
async fn the_last_credit_note_takes_what_rounding_left_of_the_tax() {
    let (_, ada, finance) = buyer_and_finance().await;
    let id = by_card(&ada, "one.ch").await;
    let mut taxes = Vec::new();
    for lines in [Some(json!([line(1, 31)])), Some(json!([line(1, 31)])), Some(json!([line(1, 31)])), None] {
        let done = credit(&finance, &ada, &id, lines).await.expect(201);
        let path = ada.org(&format!("/credit-notes/{}", done["credit_note"].as_str().unwrap()));
        taxes.push(ada.get(&path).await.expect(200)["totals"]["tax"]["amount"].as_i64().unwrap());
    }
    // 8.1 % of 8.07 would be 0.65.
    assert_eq!((taxes, balances(&ada).await), (vec![3, 3, 3, 64], (973, 0)));
    assert_books_agree(&finance).await;
}

#[actix_web::test]
async fn only_what_was_paid_is_credited() {
    let (_, ada, finance) = buyer_and_finance().await;
    let cart = cart_with(&ada, "one.ch").await;
    let declined = order(&ada, &cart, "sandbox_declined_expired_card").await.refused(402, "payment_failed");
    let id = declined["invoice"].as_str().unwrap().to_owned();
    assert_eq!(credit(&finance, &ada, &id, None).await.refused(409, "invoice_closed")["state"], "open");
    ada.post(&ada.org(&format!("/orders/{}/cancel", declined["order"].as_str().unwrap())), json!({})).await.expect(200);
    assert_eq!(credit(&finance, &ada, &id, None).await.refused(409, "invoice_closed")["state"], "void");
    assert!(numbers(&ada).await.is_empty());
}

#[actix_web::test]
async fn credit_notes_have_a_gapless_series_of_their_own_each_year() {
    let (app, ada, finance) = buyer_and_finance().await;
    let id = by_card(&ada, "one.ch").await;
    for _ in 0..2 {
        credit(&finance, &ada, &id, Some(json!([line(1, 100)]))).await.expect(201);
        credit(&finance, &ada, &id, Some(json!([line(1, 900)]))).await.faulty("/lines/0/net/amount", "out_of_range");
    }
    assert_eq!(numbers(&ada).await, ["2026-C2", "2026-C1"]);
    let next = by_card(&ada, "two.ch").await;
    let number = invoice(&ada, &next).await["invoice"]["number"].clone();
    assert!(number.as_str().unwrap().ends_with("-2026-2"), "{number}");
    app.advance(Duration::days(310));
    let ada = Person::log_in(&app, &ada.email).await;
    let finance = Person::log_in(&app, &finance.email).await;
    credit(&finance, &ada, &id, None).await.expect(201);
    assert_eq!(numbers(&ada).await, ["2027-C1", "2026-C2", "2026-C1"]);
}

#[actix_web::test]
async fn credit_notes_are_listed_for_who_sees_billing() {
    let (app, ada, finance) = buyer_and_finance().await;
    let (first, second) = (by_card(&ada, "one.ch").await, by_card(&ada, "two.ch").await);
    for id in [&first, &second] {
        credit(&finance, &ada, id, Some(json!([line(1, 100)]))).await.expect(201);
    }
    let page = ada.get(&ada.org("/credit-notes?limit=1")).await.expect(200);
    assert_eq!(page["data"][0]["invoice"], json!(second));
    let next = format!("/credit-notes?limit=1&cursor={}", page["next_cursor"].as_str().unwrap());
    let next = ada.get(&ada.org(&next)).await.expect(200);
    assert_eq!((&next["data"][0]["invoice"], &next["next_cursor"]), (&json!(first), &Value::Null));
    let of_first = ada.get(&ada.org(&format!("/credit-notes?invoice={first}"))).await.expect(200);
    assert_eq!(of_first["data"], next["data"]);
    let staff = format!("{NOTES}?organization={}&reason=x&invoice={first}", ada.organization);
    assert_eq!(finance.get(&staff).await.expect(200)["data"], next["data"]);
    let id = next["data"][0]["id"].as_str().unwrap();
    let editor = json!({"role": "member", "products": {"access": "all", "level": "manage"}});
    let bob = Person::join(&app, &ada, "bob", editor).await;
    let eve = Person::register(&app, "eve").await;
    for path in ["/credit-notes".to_owned(), format!("/credit-notes/{id}")] {
        bob.get(&ada.org(&path)).await.refused(403, "forbidden");
        eve.get(&ada.org(&path)).await.refused(404, "not_found");
    }
    eve.get(&eve.org(&format!("/credit-notes/{id}"))).await.refused(404, "not_found");
}

#[actix_web::test]
async fn a_credit_note_is_never_changed_or_deleted() {
    let (app, ada, finance) = buyer_and_finance().await;
    let id = by_card(&ada, "one.ch").await;
    credit(&finance, &ada, &id, None).await.expect(201);
    let statements = [
        "UPDATE credit_notes SET number = 'x'",
        "DELETE FROM credit_notes",
        "UPDATE credit_note_lines SET net = net + 1",
        "DELETE FROM credit_note_lines",
    ];
    assert_only_grows(&app, &statements).await;
}

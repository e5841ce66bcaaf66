//! BIL-8, STF-1: support refunds an invoice; the money goes back the way it came, once, and above a limit two decide.

use std::sync::Arc;

use manager_domain::staff::StaffRole;
use manager_tests::races::at_once;
use manager_tests::{Answer, Person, TestApp, Value, json};
use reqwest::Method;

use crate::books::agent;
use crate::orders::{buyer, cart_with, quote};
use crate::prepaid_accounts::{account, assert_books_agree, top_up};
use crate::promo_codes::{open, order, put};

pub const REFUNDS: &str = "/v1/admin/refunds";

pub fn chf(amount: i64) -> Value {
    json!({"amount": amount, "currency": "CHF"})
}

/// A buyer and somebody of finance.
pub async fn buyer_and_finance() -> (Arc<TestApp>, Person, Person) {
    let (app, ada) = buyer().await;
    let finance = agent(&app, "finance", StaffRole::Finance).await;
    (app, ada, finance)
}

/// Buys a .ch domain (9.73, of it 9.00 net), paid as `paying` says; answers the invoice's id.
pub async fn bought(person: &Person, domain: &str, paying: Value) -> String {
    let cart = cart_with(person, domain).await;
    let mut body = paying;
    body["price_token"] = quote(person, &cart).await["price_token"].clone();
    let done = person.post_once(&person.org(&format!("/carts/{cart}/checkout")), body).await.expect(201);
    done["invoice"]["id"].as_str().unwrap().to_owned()
}

pub async fn by_card(person: &Person, domain: &str) -> String {
    bought(person, domain, json!({"payment_method_token": "sandbox_succeeds"})).await
}

/// Buys for more than 500.00 with tax; answers invoice and total.
async fn bought_much(person: &Person) -> (String, i64) {
    let cart = open(person).await;
    put(person, &cart, "kdrive_solo", 10, json!({})).await;
    let done = order(person, &cart, "sandbox_succeeds").await.expect(201);
    let total = done["order"]["total"]["amount"].as_i64().unwrap();
    assert!(total > 50_000, "{total}");
    (done["invoice"]["id"].as_str().unwrap().to_owned(), total)
}

/// What asks for a credit over the lines, or over all without any.
pub fn request(person: &Person, invoice: &str, lines: Option<Value>) -> Value {
    let mut body = json!({"organization": person.organization, "invoice": invoice, "reason": "Ticket 4711"});
    if let Some(lines) = lines {
        body["lines"] = lines;
    }
    body
}

pub fn line(position: i32, net: i64) -> Value {
    json!({"position": position, "net": chf(net)})
}

pub async fn refund(finance: &Person, person: &Person, invoice: &str, lines: Option<Value>) -> Answer {
    finance.post_once(REFUNDS, request(person, invoice, lines)).await
}

async fn decide(agent: &Person, refund: &Value, what: &str) -> Answer {
    let body = json!({"organization": refund["organization"], "reason": "Looks right"});
    agent.post(&format!("{REFUNDS}/{}/{what}", refund["id"].as_str().unwrap()), body).await
}

/// What can be spent, paid and promotional.
pub async fn balances(person: &Person) -> (i64, i64) {
    let account = account(person).await;
    (account["paid"]["amount"].as_i64().unwrap(), account["promotional"]["amount"].as_i64().unwrap())
}

pub async fn invoice(person: &Person, id: &str) -> Value {
    person.get(&person.org(&format!("/invoices/{id}"))).await.expect(200)
}

/// What providers still have of the money, in minor units.
async fn collected(finance: &Person) -> i64 {
    let books = finance.get("/v1/admin/books").await.expect(200);
    let accounts = books["currencies"][0]["accounts"].as_array().unwrap().clone();
    let clearing = accounts.iter().find(|of| of["account"] == "provider_clearing");
    clearing.map_or(0, |of| -of["amount"]["amount"].as_i64().unwrap())
}

#[actix_web::test]
async fn a_card_gets_back_what_it_paid() {
    let (app, ada, finance) = buyer_and_finance().await;
    let id = by_card(&ada, "one.ch").await;
    let done = refund(&finance, &ada, &id, None).await.expect(201);
    assert_eq!(
        (&done["state"], &done["amount"], &done["lines"]),
        (&json!("succeeded"), &chf(973), &json!([line(1, 900)]))
    );
    assert_eq!((&done["paid_back"], &done["prepaid"]), (&chf(973), &chf(0)));
    assert_eq!((balances(&ada).await, collected(&finance).await), ((0, 0), 0));
    let shown = invoice(&ada, &id).await;
    assert_eq!((&shown["invoice"]["state"], &shown["invoice"]["credited"]), (&json!("refunded"), &chf(973)));
    let again = refund(&finance, &ada, &id, None).await.refused(409, "invoice_closed");
    assert_eq!(again["state"], "refunded");
    app.settle().await;
    assert_eq!(collected(&finance).await, 0);
    assert_books_agree(&finance).await;
}

#[actix_web::test]
async fn the_other_method_comes_first_then_paid_then_promotional_balance() {
    let (app, ada, finance) = buyer_and_finance().await;
    top_up(&ada, 1000).await.expect(201);
    let gift = json!({"organization": ada.organization, "amount": chf(200), "reason": "Sorry"});
    finance.post("/v1/admin/promotional-credits", gift).await.expect(201);
    // 2.00 promotional, 3.00 paid, 4.73 by card.
    let paying = json!({"prepaid_at_most": chf(500), "payment_method_token": "sandbox_succeeds"});
    let id = bought(&ada, "one.ch", paying).await;
    assert_eq!((balances(&ada).await, collected(&finance).await), ((700, 0), 1473));
    let first = refund(&finance, &ada, &id, Some(json!([line(1, 300)]))).await.expect(201);
    assert_eq!((&first["paid_back"], &first["prepaid"]), (&chf(324), &chf(0)));
    assert_eq!((balances(&ada).await, collected(&finance).await), ((700, 0), 1149));
    let second = refund(&finance, &ada, &id, Some(json!([line(1, 200)]))).await.expect(201);
    assert_eq!((&second["paid_back"], &second["prepaid"]), (&chf(149), &chf(67)));
    assert_eq!((balances(&ada).await, collected(&finance).await), ((767, 0), 1000));
    let rest = refund(&finance, &ada, &id, None).await.expect(201);
    assert_eq!((&rest["amount"], &rest["paid_back"], &rest["prepaid"]), (&chf(433), &chf(0), &chf(433)));
    assert_eq!((balances(&ada).await, collected(&finance).await), ((1000, 200), 1000));
    app.settle().await;
    assert_books_agree(&finance).await;
}

#[actix_web::test]
async fn what_the_provider_gives_not_back_lands_on_the_prepaid_account() {
    let (app, ada, finance) = buyer_and_finance().await;
    let id = bought(&ada, "one.ch", json!({"payment_method_token": "sandbox_refund_fails"})).await;
    let done = refund(&finance, &ada, &id, None).await.expect(201);
    assert_eq!((&done["state"], &done["failure_code"]), (&json!("failed"), &json!("account_gone")));
    assert_eq!((&done["paid_back"], &done["prepaid"]), (&chf(0), &chf(973)));
    assert_eq!((balances(&ada).await, collected(&finance).await), ((973, 0), 973));
    let statement = ada.get(&ada.org("/prepaid/transactions")).await.expect(200);
    assert_eq!((&statement["data"][0]["kind"], &statement["data"][0]["about"]), (&json!("refund_failed"), &done["id"]));
    let note = ada.get(&ada.org(&format!("/credit-notes/{}", done["credit_note"].as_str().unwrap()))).await.expect(200);
    let money = json!({"state": "failed", "paid_back": chf(0), "prepaid": chf(973), "promotional": chf(0)});
    assert_eq!(note["money"], money);
    app.settle().await;
    assert_eq!(balances(&ada).await, (973, 0));
    refund(&finance, &ada, &id, None).await.refused(409, "invoice_closed");
    assert_books_agree(&finance).await;
}

#[actix_web::test]
async fn a_repeated_key_gives_one_credit_note() {
    let (_, ada, finance) = buyer_and_finance().await;
    let id = by_card(&ada, "one.ch").await;
    let body = request(&ada, &id, Some(json!([line(1, 100)])));
    finance.post(REFUNDS, body.clone()).await.refused(400, "idempotency_key_required");
    let post =
        |body: Value| finance.send(finance.request(Method::POST, REFUNDS).header("idempotency-key", "one").json(&body));
    let first = post(body.clone()).await.expect(201);
    assert_eq!(post(body).await.expect(201), first);
    post(request(&ada, &id, None)).await.refused(422, "idempotency_key_reused");
    let notes = ada.get(&ada.org("/credit-notes")).await.expect(200);
    assert_eq!(notes["data"].as_array().unwrap().len(), 1);
    assert_eq!(invoice(&ada, &id).await["invoice"]["credited"], chf(108));
}

#[actix_web::test]
async fn thirty_two_parallel_refunds_give_back_what_was_paid_and_no_more() {
    let (app, ada, finance) = buyer_and_finance().await;
    let id = by_card(&ada, "one.ch").await;
    let answers = at_once(32, |_| {
        let (finance, ada, id) = (finance.clone(), ada.clone(), id.clone());
        async move { refund(&finance, &ada, &id, Some(json!([line(1, 100)]))).await }
    })
    .await;
    // 9 x 1.00 of 9.00.
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 9);
    for answer in answers.into_iter().filter(|answer| answer.status != 201) {
        match answer.status {
            409 => drop(answer.refused(409, "invoice_closed")),
            _ => drop(answer.faulty("/lines/0/net/amount", "out_of_range")),
        }
    }
    let shown = invoice(&ada, &id).await;
    assert_eq!((&shown["invoice"]["state"], &shown["invoice"]["credited"]), (&json!("refunded"), &chf(973)));
    assert_eq!(collected(&finance).await, 0);
    let notes = ada.get(&ada.org("/credit-notes")).await.expect(200);
    let numbers = notes["data"].as_array().unwrap().iter().map(|note| note["number"].as_str().unwrap().to_owned());
    let mut places: Vec<u32> = numbers.map(|number| number.rsplit("-C").next().unwrap().parse().unwrap()).collect();
    places.sort_unstable();
    assert_eq!(places, (1..=9).collect::<Vec<_>>(), "gapless");
    app.settle().await;
    assert_books_agree(&finance).await;
}

#[actix_web::test]
async fn above_the_limit_a_second_person_decides() {
    let (app, ada, finance) = buyer_and_finance().await;
    let second = agent(&app, "second", StaffRole::Finance).await;
    let (id, total) = bought_much(&ada).await;
    let asked = refund(&finance, &ada, &id, None).await.expect(201);
    assert_eq!(
        (&asked["state"], &asked["amount"], &asked["credit_note"]),
        (&json!("requested"), &chf(total), &Value::Null)
    );
    assert_eq!((&asked["paid_back"], &asked["prepaid"]), (&chf(0), &chf(0)));
    assert_eq!((collected(&finance).await, invoice(&ada, &id).await["invoice"]["credited"].clone()), (total, chf(0)));
    decide(&finance, &asked, "approve").await.refused(403, "second_person_required");
    let support = agent(&app, "support", StaffRole::Support).await;
    decide(&support, &asked, "approve").await.refused(403, "forbidden");
    assert_eq!(second.get(REFUNDS).await.expect(200)["data"], json!([asked]), "waits for somebody");
    let done = decide(&second, &asked, "approve").await.expect(200);
    assert_eq!((&done["state"], &done["paid_back"]), (&json!("succeeded"), &chf(total)));
    assert_eq!((&done["requested_by"], &done["decided_by"]), (&json!(finance.account), &json!(second.account)));
    for what in ["approve", "reject"] {
        assert_eq!(decide(&second, &asked, what).await.refused(409, "refund_closed")["state"], "succeeded");
    }
    assert_eq!(second.get(REFUNDS).await.expect(200)["data"], json!([]));
    assert_eq!(
        (collected(&finance).await, invoice(&ada, &id).await["invoice"]["state"].clone()),
        (0, json!("refunded"))
    );
    app.settle().await;
    assert_books_agree(&finance).await;
}

#[actix_web::test]
async fn a_credit_above_the_limit_needs_a_second_person_too_and_may_be_rejected() {
    let (app, ada, finance) = buyer_and_finance().await;
    let second = agent(&app, "second", StaffRole::Finance).await;
    let (id, total) = bought_much(&ada).await;
    let ask = async || {
        let body = request(&ada, &id, None);
        finance.post_once("/v1/admin/credit-notes", body).await.expect(201)
    };
    let first = ask().await;
    assert_eq!((&first["state"], &first["destination"]), (&json!("requested"), &json!("prepaid_account")));
    let rejected = decide(&second, &first, "reject").await.expect(200);
    assert_eq!((&rejected["state"], &rejected["credit_note"]), (&json!("rejected"), &Value::Null));
    decide(&second, &first, "approve").await.refused(409, "refund_closed");
    let own = ask().await;
    assert_eq!(decide(&finance, &own, "reject").await.expect(200)["state"], "rejected", "taken back");
    let third = ask().await;
    assert_eq!(decide(&second, &third, "approve").await.expect(200)["prepaid"], chf(total));
    assert_eq!((balances(&ada).await, collected(&finance).await), ((total, 0), total));
    assert_books_agree(&finance).await;
    app.settle().await;
}

#[actix_web::test]
async fn an_approval_refunds_no_line_that_was_credited_meanwhile() {
    let (app, ada, finance) = buyer_and_finance().await;
    let second = agent(&app, "second", StaffRole::Finance).await;
    let (id, total) = bought_much(&ada).await;
    let asked = refund(&finance, &ada, &id, None).await.expect(201);
    let small = refund(&finance, &ada, &id, Some(json!([line(1, 1000)]))).await.expect(201);
    let left = total - small["amount"]["amount"].as_i64().unwrap();
    let refused = decide(&second, &asked, "approve").await.refused(409, "refund_too_large");
    assert_eq!(refused["max"], left);
    assert_eq!(collected(&finance).await, left);
    let answers = at_once(8, |n| {
        let (second, asked) = (second.clone(), asked.clone());
        async move { decide(&second, &asked, if n % 2 == 0 { "approve" } else { "reject" }).await }
    })
    .await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1, "rejected once");
    assert_eq!(collected(&finance).await, left);
    assert_books_agree(&finance).await;
    app.settle().await;
}

#[actix_web::test]
async fn two_second_persons_at_once_refund_once() {
    let (app, ada, finance) = buyer_and_finance().await;
    let second = agent(&app, "second", StaffRole::Finance).await;
    let (id, _) = bought_much(&ada).await;
    let asked = refund(&finance, &ada, &id, None).await.expect(201);
    let answers = at_once(8, |_| {
        let (second, asked) = (second.clone(), asked.clone());
        async move { decide(&second, &asked, "approve").await }
    })
    .await;
    manager_tests::races::one_winner(&answers, 200, &[409]);
    assert_eq!((collected(&finance).await, balances(&ada).await), (0, (0, 0)));
    assert_books_agree(&finance).await;
    app.settle().await;
}

#[actix_web::test]
async fn nobody_refunds_their_own_organization_or_without_a_reason() {
    let (app, ada, finance) = buyer_and_finance().await;
    let id = by_card(&ada, "one.ch").await;
    let own = finance.post("/v1/organizations", json!({"kind": "company", "name": "Own", "country": "CH"})).await;
    let own = own.expect(201)["id"].as_str().unwrap().to_owned();
    let with = |member: &str, value: Value| {
        let mut body = request(&ada, &id, None);
        body[member] = value;
        body
    };
    let nowhere = ("org_01h2xcejqtf2nbrexx3vqjhp41", "inv_01h2xcejqtf2nbrexx3vqjhp41");
    for path in [REFUNDS, "/v1/admin/credit-notes"] {
        finance.post_once(path, with("organization", json!(own))).await.refused(403, "own_organization");
        finance.post_once(path, with("organization", json!(nowhere.0))).await.refused(404, "not_found");
        finance.post_once(path, with("invoice", json!(nowhere.1))).await.refused(404, "not_found");
        finance.post_once(path, with("reason", json!(" "))).await.faulty("/reason", "missing");
        finance.post_once(path, with("reason", json!("x".repeat(501)))).await.faulty("/reason", "too_long");
        let list = |organization: &str, reason: &str| format!("{path}?organization={organization}&reason={reason}");
        finance.get(&list(&own, "x")).await.refused(403, "own_organization");
        finance.get(&list(&ada.organization, "")).await.faulty("query:reason", "missing");
    }
    // An invoice is found in its own organization alone.
    let eve = Person::register(&app, "eve").await;
    finance.post_once(REFUNDS, request(&eve, &id, None)).await.refused(404, "not_found");
    for role in [StaffRole::Support, StaffRole::Catalogue, StaffRole::Admin] {
        let other = agent(&app, role.as_str(), role).await;
        other.post_once(REFUNDS, request(&ada, &id, None)).await.refused(403, "forbidden");
    }
    ada.post_once(REFUNDS, request(&ada, &id, None)).await.refused(403, "forbidden");
    assert_eq!(invoice(&ada, &id).await["invoice"]["credited"], chf(0));
    assert_eq!(ada.get(&ada.org("/credit-notes")).await.expect(200)["data"], json!([]));
}

#[actix_web::test]
async fn a_refund_is_in_the_organizations_log_as_support() {
    let (_, ada, finance) = buyer_and_finance().await;
    let id = bought(&ada, "one.ch", json!({"payment_method_token": "sandbox_refund_fails"})).await;
    let done = refund(&finance, &ada, &id, None).await.expect(201);
    let list = format!("{REFUNDS}?organization={}&reason=A%20question&state=failed", ada.organization);
    assert_eq!(finance.get(&list).await.expect(200)["data"], json!([done]));
    let log = ada.get(&ada.org("/audit-log")).await.expect(200);
    let told: Vec<_> = log["data"].as_array().unwrap()[..3]
        .iter()
        .map(|entry| ["actor", "action", "reason", "subject"].map(|member| entry[member].clone()))
        .collect();
    let expected = [
        [json!("support"), json!("refunds.read"), json!("A question"), json!(ada.organization)],
        [json!("system"), json!("refund.changed"), Value::Null, done["id"].clone()],
        [json!("support"), json!("credit_note.issued"), json!("Ticket 4711"), done["credit_note"].clone()],
    ];
    assert_eq!(told, expected);
    assert_eq!(ada.get(&ada.org("/audit-log/verification")).await.expect(200)["valid"], true);
}

//! ORD-2, ORD-3, ORD-4: promo codes in carts, quotes and orders, and their staff side.

use std::sync::Arc;

use chrono::Duration;
use manager_domain::Clock;
use manager_domain::staff::StaffRole;
use manager_services::{housekeeping, payments};
use manager_tests::races::at_once;
use manager_tests::{Answer, Person, TestApp, Value, crowd, json};
use reqwest::Method;

use crate::books::agent;
use crate::orders::{buyer, check_out, quote};

const CODES: &str = "/v1/admin/promo-codes";
const DECLINED: &str = "sandbox_declined_insufficient_funds";

pub async fn support(app: &Arc<TestApp>) -> Person {
    agent(app, "support", StaffRole::Support).await
}

/// Half of everything, and what `more` says of it.
fn half(code: &str, more: Value) -> Value {
    let mut body = json!({"code": code, "discount": {"kind": "percentage", "percent": "50"}});
    for (member, value) in more.as_object().unwrap() {
        body[member] = value.clone();
    }
    body
}

async fn make(support: &Person, body: Value) {
    support.post(CODES, body).await.expect(201);
}

/// An organization's empty cart, to be paid by card.
pub async fn open(ada: &Person) -> String {
    let cart = ada.post(&ada.org("/carts"), json!({})).await.expect(201)["id"].as_str().unwrap().to_owned();
    ada.put(&ada.org(&format!("/carts/{cart}/payment-method")), json!({"kind": "card"})).await.expect(200);
    cart
}

/// Puts an item into the cart; answers its id.
pub async fn put(ada: &Person, cart: &str, offer: &str, quantity: u32, options: Value) -> String {
    let item = json!({"offer": offer, "frequency": "yearly", "quantity": quantity, "options": options});
    let view = ada.post(&ada.org(&format!("/carts/{cart}/items")), item).await.expect(201);
    view["items"].as_array().unwrap().last().unwrap()["id"].as_str().unwrap().to_owned()
}

async fn domain(ada: &Person, cart: &str, name: &str) -> String {
    put(ada, cart, "domain_ch", 1, json!({"domain": name})).await
}

pub async fn apply(ada: &Person, cart: &str, code: &str) -> Answer {
    ada.post(&ada.org(&format!("/carts/{cart}/promo-codes")), json!({"code": code})).await
}

pub async fn show(ada: &Person, cart: &str) -> Value {
    ada.get(&ada.org(&format!("/carts/{cart}"))).await.expect(200)
}

/// Quotes the cart and orders it with one of the sandbox's cards.
pub async fn order(ada: &Person, cart: &str, card: &str) -> Answer {
    let token = quote(ada, cart).await["price_token"].clone();
    check_out(ada, cart, &token, card).await
}

/// The one invoice of an organization, with its lines.
async fn invoice(ada: &Person) -> Value {
    let list = ada.get(&ada.org("/invoices")).await.expect(200);
    let id = list["data"][0]["id"].as_str().unwrap().to_owned();
    ada.get(&ada.org(&format!("/invoices/{id}"))).await.expect(200)
}

async fn redemptions(ada: &Person) -> Vec<Value> {
    let list = ada.get(&ada.org("/promo-code-redemptions?limit=100")).await.expect(200);
    list["data"].as_array().unwrap().clone()
}

async fn used(support: &Person, code: &str) -> Value {
    support.get(&format!("{CODES}/{code}")).await.expect(200)["used"].clone()
}

/// Does what falls due by itself.
pub async fn keep_house(app: &TestApp) {
    housekeeping::keep_house(&app.services, app.clock.now()).await.expect("everything is done");
}

/// Signs in again: tokens live ten minutes, and tests move the clock.
async fn again(person: &Person) -> Person {
    Person { organization: person.organization.clone(), ..Person::log_in(&person.app, &person.email).await }
}

#[actix_web::test]
async fn a_percentage_lowers_the_price_from_cart_to_invoice() {
    let (app, ada) = buyer().await;
    let support = support(&app).await;
    make(
        &support,
        half("WELCOME-2026", json!({"discount": {"kind": "percentage", "percent": "33.3"}, "total_cap": 9})),
    )
    .await;
    let cart = open(&ada).await;
    let item = domain(&ada, &cart, "engines.ch").await;
    // Without regard to case.
    let view = apply(&ada, &cart, "welcome-2026").await.expect(201);
    let off = json!({"amount": 300, "currency": "CHF"});
    let code = json!({"code": "WELCOME-2026", "item": item, "discount": off, "reason": null, "elsewhere": []});
    assert_eq!(view["promo_codes"], json!([code]));
    let shown = &view["items"][0];
    assert_eq!(
        (&shown["discount"], &shown["promo_code"], &shown["free_offer"]),
        (&off, &json!("WELCOME-2026"), &Value::Null)
    );
    assert_eq!((&shown["unit_price"]["amount"], &shown["net"]["amount"]), (&json!(900), &json!(600)));
    assert_eq!((&view["totals"]["net"]["amount"], &view["totals"]["total"]["amount"]), (&json!(600), &json!(649)));
    let quoted = quote(&ada, &cart).await;
    let line = &quoted["lines"][0];
    assert_eq!((&line["discount"], &line["promo_code"]), (&off, &json!("WELCOME-2026")));
    assert_eq!(used(&support, "WELCOME-2026").await, 0, "a quote reserves nothing");
    let placed = check_out(&ada, &cart, &quoted["price_token"], "sandbox_succeeds").await.expect(201);
    assert_eq!(placed["order"]["total"]["amount"], 649);
    let invoice = invoice(&ada).await;
    let line = &invoice["lines"][0];
    assert_eq!(
        (&line["unit_price"]["amount"], &line["discount"], &line["net"]["amount"]),
        (&json!(900), &off, &json!(600))
    );
    assert_eq!(invoice["totals"]["total"]["amount"], 649);
    let row = &redemptions(&ada).await[0];
    assert_eq!((&row["state"], &row["amount"], &row["order"]), (&json!("redeemed"), &off, &placed["order"]["id"]));
    assert_eq!(used(&support, "welcome-2026").await, 1);
    app.settle().await;
}

#[actix_web::test]
async fn a_fixed_amount_is_spread_over_the_units_and_partial_up_to_the_price() {
    let (app, ada) = buyer().await;
    let support = support(&app).await;
    let fixed = |amount: i64| json!({"kind": "fixed", "amounts": [{"amount": amount, "currency": "CHF"}]});
    make(&support, half("ONE-FRANC", json!({"discount": fixed(100), "scope": {"offers": ["kdrive_team"]}}))).await;
    make(&support, half("TOO-MUCH", json!({"discount": fixed(5_000), "scope": {"offers": ["domain_ch"]}}))).await;
    let cart = open(&ada).await;
    put(&ada, &cart, "kdrive_team", 3, json!({})).await;
    domain(&ada, &cart, "engines.ch").await;
    apply(&ada, &cart, "ONE-FRANC").await.expect(201);
    let view = apply(&ada, &cart, "TOO-MUCH").await.expect(201);
    assert_eq!(view["items"][1]["net"]["amount"], 0, "never below zero");
    assert_eq!(view["totals"]["net"]["amount"], 3 * 30_250 - 100);
    order(&ada, &cart, "sandbox_succeeds").await.expect(201);
    let invoice = invoice(&ada).await;
    let discounts: Vec<_> =
        invoice["lines"].as_array().unwrap().iter().map(|line| line["discount"]["amount"].as_i64().unwrap()).collect();
    assert_eq!(discounts, [34, 33, 33, 900]);
    assert_eq!(invoice["totals"]["net"]["amount"], 3 * 30_250 - 100);
    let products = ada.get(&ada.org("/products")).await.expect(200);
    assert!(products["data"].as_array().unwrap().iter().all(|product| product["term_end"] == "2027-03-02"));
}

#[actix_web::test]
async fn the_payment_method_comes_first_and_each_code_once() {
    let (app, ada) = buyer().await;
    let support = support(&app).await;
    make(&support, half("WELCOME", json!({}))).await;
    let cart = ada.post(&ada.org("/carts"), json!({})).await.expect(201)["id"].as_str().unwrap().to_owned();
    domain(&ada, &cart, "engines.ch").await;
    apply(&ada, &cart, "WELCOME").await.refused(409, "payment_method_required");
    ada.put(&ada.org(&format!("/carts/{cart}/payment-method")), json!({"kind": "card"})).await.expect(200);
    apply(&ada, &cart, "no code!").await.faulty("/code", "invalid_promo_code");
    apply(&ada, &cart, "").await.faulty("/code", "too_short");
    apply(&ada, &cart, "WELCOME").await.expect(201);
    apply(&ada, &cart, "Welcome").await.refused(409, "promo_code_in_cart");
    let path = ada.org(&format!("/carts/{cart}/promo-codes"));
    ada.delete(&format!("{path}/OTHER-CODE")).await.refused(404, "not_found");
    ada.delete(&format!("{path}/!")).await.refused(404, "not_found");
    let view = ada.delete(&format!("{path}/welcome")).await.expect(200);
    assert_eq!((&view["promo_codes"], &view["items"][0]["net"]["amount"]), (&json!([]), &json!(900)));
    ada.delete(&format!("{path}/WELCOME")).await.refused(404, "not_found");
    let stale = ada.request(Method::POST, &path).header("if-match", "\"v1\"").json(&json!({"code": "WELCOME"}));
    ada.send(stale).await.refused(412, "precondition_failed");
    let repeated = || ada.request(Method::POST, &path).header("idempotency-key", "a").json(&json!({"code": "WELCOME"}));
    let first = ada.send(repeated()).await.expect(201);
    assert_eq!(ada.send(repeated()).await.expect(201), first);
}

#[actix_web::test]
async fn each_code_goes_to_the_item_where_it_is_worth_most() {
    let (app, ada) = buyer().await;
    let support = support(&app).await;
    let of_domains = json!({"scope": {"product_types": ["domain_name"]}});
    for code in ["FIRST", "SECOND", "THIRD"] {
        make(&support, half(code, of_domains.clone())).await;
    }
    let cart = open(&ada).await;
    let cheap = domain(&ada, &cart, "one.ch").await;
    let same = domain(&ada, &cart, "two.ch").await;
    let dear = put(&ada, &cart, "domain_com", 1, json!({"domain": "three.com"})).await;
    let drive = put(&ada, &cart, "kdrive_solo", 1, json!({})).await;
    let places = |view: &Value| -> Vec<Value> {
        view["promo_codes"].as_array().unwrap().iter().map(|code| code["item"].clone()).collect()
    };
    apply(&ada, &cart, "FIRST").await.expect(201);
    apply(&ada, &cart, "SECOND").await.expect(201);
    let view = apply(&ada, &cart, "THIRD").await.expect(201);
    assert_eq!(places(&view), [&dear, &cheap, &same].map(|item| json!(item)), "a tie goes to the first");
    let elsewhere = view["promo_codes"][1]["elsewhere"].as_array().unwrap();
    let why = |item: &str| elsewhere.iter().find(|other| other["item"] == item).unwrap()["reason"].clone();
    assert_eq!(
        (why(&dear), why(&same), why(&drive)),
        (json!("on_other_item"), json!("on_other_item"), json!("other_product"))
    );
    make(&support, half("FOURTH", of_domains)).await;
    let refused = apply(&ada, &cart, "FOURTH").await.refused(409, "promo_code_refused");
    assert_eq!((&refused["reason"], &refused["promo_code"]), (&json!("has_other_code"), &json!("FOURTH")));
    // A better place that comes later moves nothing.
    let better = put(&ada, &cart, "domain_swiss", 1, json!({"domain": "four.swiss"})).await;
    assert_eq!(places(&show(&ada, &cart).await)[0], json!(dear));
    // Its item leaves, so it is placed again, where it is worth most now.
    let view = ada.delete(&ada.org(&format!("/carts/{cart}/items/{dear}"))).await.expect(200);
    assert_eq!(places(&view), [&better, &cheap, &same].map(|item| json!(item)));
    let view = ada.delete(&ada.org(&format!("/carts/{cart}/items/{cheap}"))).await.expect(200);
    assert_eq!(places(&view), [json!(better), Value::Null, json!(same)]);
    assert_eq!(view["promo_codes"][1]["reason"], "has_other_code");
}

#[actix_web::test]
async fn every_reason_is_told_to_a_signed_in_organization() {
    let (app, ada) = buyer().await;
    let support = support(&app).await;
    let now = app.clock.now();
    let euros = json!({"kind": "fixed", "amounts": [{"amount": 100, "currency": "EUR"}]});
    let dear = json!([{"amount": 901, "currency": "CHF"}]);
    for (code, reason, more) in [
        ("EARLY", "not_yet_valid", json!({"valid_from": now + Duration::days(1)})),
        ("EXPIRED", "expired", json!({"valid_until": now})),
        ("HOSTING", "other_product", json!({"scope": {"product_types": ["web_hosting"]}})),
        ("MONTHLY", "other_frequency", json!({"scope": {"frequencies": ["monthly"]}})),
        ("EUROS", "other_currency", json!({"discount": euros})),
        ("DEAR", "minimum_not_reached", json!({"minimum_net": dear})),
    ] {
        make(&support, half(code, more)).await;
        let cart = open(&ada).await;
        let item = domain(&ada, &cart, "engines.ch").await;
        let before = show(&ada, &cart).await;
        let refused = apply(&ada, &cart, code).await.refused(409, "promo_code_refused");
        assert_eq!(
            (&refused["reason"], &refused["items"]),
            (&json!(reason), &json!([{"item": item, "reason": reason}]))
        );
        assert_eq!(show(&ada, &cart).await, before, "{code}");
    }
    let cart = open(&ada).await;
    domain(&ada, &cart, "engines.ch").await;
    apply(&ada, &cart, "UNKNOWN").await.refused(409, "code_not_usable");
    make(&support, half("FOR-TESTS", json!({"test": true}))).await;
    apply(&ada, &cart, "FOR-TESTS").await.refused(409, "code_not_usable");
    // Together they reach the minimum, at which the net before discounts is looked at.
    domain(&ada, &cart, "motors.ch").await;
    let view = apply(&ada, &cart, "DEAR").await.expect(201);
    assert_eq!(view["totals"]["net"]["amount"], 1350);
    // What it doesn't fit any more is explained in the cart.
    let item = view["items"][1]["id"].as_str().unwrap();
    let view = ada.delete(&ada.org(&format!("/carts/{cart}/items/{item}"))).await.expect(200);
    let code = &view["promo_codes"][0];
    assert_eq!((&code["item"], &code["reason"]), (&Value::Null, &json!("minimum_not_reached")));
    assert_eq!(view["items"][0]["net"]["amount"], 900);
}

#[actix_web::test]
async fn first_orders_count_open_ones() {
    let (app, ada) = buyer().await;
    let support = support(&app).await;
    make(&support, half("NEWCOMER", json!({"first_order_only": true}))).await;
    let (cart, late) = (open(&ada).await, open(&ada).await);
    domain(&ada, &cart, "engines.ch").await;
    domain(&ada, &late, "motors.ch").await;
    apply(&ada, &cart, "NEWCOMER").await.expect(201);
    apply(&ada, &late, "NEWCOMER").await.expect(201);
    let seen = quote(&ada, &late).await["price_token"].clone();
    let placed = order(&ada, &cart, DECLINED).await.refused(402, "payment_failed");
    let refused = check_out(&ada, &late, &seen, "sandbox_succeeds").await.refused(409, "quote_stale");
    assert!(refused.to_string().contains("price_token"), "{refused}");
    assert_eq!(show(&ada, &late).await["promo_codes"][0]["reason"], "not_first_order");
    let path = ada.org(&format!("/orders/{}/cancel", placed["order"].as_str().unwrap()));
    ada.post(&path, json!({})).await.expect(200);
    assert_eq!(show(&ada, &late).await["promo_codes"][0]["reason"], Value::Null, "a dead order doesn't count");
}

#[actix_web::test]
async fn visitors_use_codes_but_are_told_no_reasons() {
    let (app, ada) = buyer().await;
    let support = support(&app).await;
    make(&support, half("WELCOME", json!({}))).await;
    make(&support, half("EXPIRED", json!({"valid_until": app.clock.now()}))).await;
    let opened = app.post("/v1/carts", json!({})).await.expect(201);
    let (cart, token) = (opened["cart"]["id"].as_str().unwrap(), opened["token"].as_str().unwrap());
    let path = |rest: &str| format!("/v1/carts/{cart}{rest}");
    let send = |method: Method, rest: &str, body: Value| {
        app.send(app.request(method, &path(rest)).header("x-cart-token", token).json(&body))
    };
    let item = json!({"offer": "domain_ch", "frequency": "yearly", "options": {"domain": "engines.ch"}});
    send(Method::POST, "/items", item).await.expect(201);
    let code = |code: &str| json!({"code": code});
    send(Method::POST, "/promo-codes", code("WELCOME")).await.refused(409, "payment_method_required");
    send(Method::PUT, "/payment-method", json!({"kind": "card"})).await.expect(200);
    let unknown = send(Method::POST, "/promo-codes", code("UNKNOWN")).await.refused(409, "code_not_usable");
    let expired = send(Method::POST, "/promo-codes", code("EXPIRED")).await.refused(409, "code_not_usable");
    let told = |answer: &Value| (answer["detail"].clone(), answer["reason"].clone(), answer["items"].clone());
    assert_eq!(told(&unknown), told(&expired));
    let stranger = app.request(Method::POST, &path("/promo-codes")).json(&code("WELCOME"));
    app.send(stranger).await.refused(404, "not_found");
    let view = send(Method::POST, "/promo-codes", code("welcome")).await.expect(201);
    assert_eq!((&view["totals"]["net"]["amount"], &view["items"][0]["free_offers"]), (&json!(450), &json!([])));
    send(Method::POST, "/promo-codes", code("WELCOME")).await.refused(409, "promo_code_in_cart");
    // A code that isn't good any more stays, and nothing is told of it.
    support.post(&format!("{CODES}/WELCOME/withdraw"), json!({})).await.expect(200);
    let view = send(Method::GET, "", json!({})).await.expect(200);
    assert_eq!(
        (&view["promo_codes"][0]["reason"], &view["totals"]["net"]["amount"]),
        (&json!("code_not_usable"), &json!(900))
    );
    // It goes along into the organization, which is told.
    let claim = ada.request(Method::POST, &path("/claim")).header("x-cart-token", token);
    let view = ada.send(claim.json(&json!({"organization": ada.organization}))).await.expect(200);
    assert_eq!(view["promo_codes"][0]["reason"], "withdrawn");
}

#[actix_web::test]
async fn codes_cannot_be_enumerated() {
    let app = Arc::new(TestApp::start_with(|config| (config.rate_limits, config.rate_burst) = (true, 100_000)).await);
    let ada = Person::register(&app, "ada").await;
    let support = support(&app).await;
    make(&support, half("WELCOME", json!({}))).await;
    let cart = open(&ada).await;
    domain(&ada, &cart, "engines.ch").await;
    for number in 0..30 {
        apply(&ada, &cart, &format!("GUESS-{number}")).await.refused(409, "code_not_usable");
        // A good one counts as no try, nor does one that is in the cart already.
        if number < 3 {
            apply(&ada, &cart, "WELCOME").await.expect(201);
            apply(&ada, &cart, "WELCOME").await.refused(409, "promo_code_in_cart");
            ada.delete(&ada.org(&format!("/carts/{cart}/promo-codes/WELCOME"))).await.expect(200);
        }
    }
    let limited = apply(&ada, &cart, "WELCOME").await;
    assert!(!limited.header("retry-after").is_empty());
    limited.refused(429, "too_many_requests");
    // Another from the same network has what is left of its tries.
    let opened = app.post("/v1/carts", json!({})).await.expect(201);
    let (cart, token) = (opened["cart"]["id"].as_str().unwrap(), opened["token"].as_str().unwrap());
    let send = |method: Method, rest: &str, body: Value| {
        app.send(app.request(method, &format!("/v1/carts/{cart}{rest}")).header("x-cart-token", token).json(&body))
    };
    send(Method::PUT, "/payment-method", json!({"kind": "card"})).await.expect(200);
    for number in 0..30 {
        let guess = json!({"code": format!("GUESS-{number}")});
        send(Method::POST, "/promo-codes", guess).await.refused(409, "code_not_usable");
    }
    send(Method::POST, "/promo-codes", json!({"code": "WELCOME"})).await.refused(429, "too_many_requests");
}

#[actix_web::test]
async fn a_cart_takes_twenty_codes() {
    let (app, ada) = buyer().await;
    let support = support(&app).await;
    let batch = json!({"count": 21, "discount": {"kind": "percentage", "percent": "10"}});
    let made = support.post(CODES, batch).await.expect(201);
    let codes: Vec<_> = made["codes"].as_array().unwrap().iter().map(|code| code.as_str().unwrap()).collect();
    let cart = open(&ada).await;
    for (number, code) in codes.iter().enumerate() {
        domain(&ada, &cart, &format!("engines{number}.ch")).await;
        let answer = apply(&ada, &cart, code).await;
        if number < 20 {
            answer.expect(201);
        } else {
            assert_eq!(answer.refused(409, "too_many_promo_codes")["max"], 20);
        }
    }
    assert_eq!(show(&ada, &cart).await["totals"]["net"]["amount"], 20 * 810 + 900);
}

#[actix_web::test]
async fn a_token_is_refused_where_its_code_is_not_good_any_more() {
    let (app, ada) = buyer().await;
    let support = support(&app).await;
    make(&support, half("WELCOME", json!({"total_cap": 1}))).await;
    let cart = open(&ada).await;
    domain(&ada, &cart, "engines.ch").await;
    apply(&ada, &cart, "WELCOME").await.expect(201);
    let seen = quote(&ada, &cart).await["price_token"].clone();
    support.post(&format!("{CODES}/WELCOME/withdraw"), json!({})).await.expect(200);
    check_out(&ada, &cart, &seen, "sandbox_succeeds").await.refused(409, "quote_stale");
    assert_eq!(ada.get(&ada.org("/orders")).await.expect(200)["data"], json!([]));
    assert_eq!((&used(&support, "WELCOME").await, &show(&ada, &cart).await["state"]), (&json!(0), &json!("open")));
    // The new price is ordered by a new token.
    let placed = order(&ada, &cart, "sandbox_succeeds").await.expect(201);
    assert_eq!(placed["order"]["net"]["amount"], 900);
}

#[actix_web::test]
async fn what_costs_nothing_any_more_completes_without_payment() {
    let (app, ada) = buyer().await;
    let support = support(&app).await;
    make(&support, half("GIFT", json!({"discount": {"kind": "percentage", "percent": "100"}, "organization_cap": 1})))
        .await;
    let cart = open(&ada).await;
    domain(&ada, &cart, "engines.ch").await;
    apply(&ada, &cart, "GIFT").await.expect(201);
    let token = quote(&ada, &cart).await["price_token"].clone();
    let path = ada.org(&format!("/carts/{cart}/checkout"));
    let placed = ada.post_once(&path, json!({"price_token": token})).await.expect(201);
    assert_eq!((&placed["order"]["state"], &placed["payments"]), (&json!("paid"), &json!([])));
    assert_eq!(
        (&placed["products"][0]["state"], redemptions(&ada).await[0]["state"].as_str()),
        (&json!("active"), Some("redeemed"))
    );
    let next = open(&ada).await;
    domain(&ada, &next, "motors.ch").await;
    assert_eq!(apply(&ada, &next, "GIFT").await.refused(409, "promo_code_refused")["reason"], "already_used");
    let finance = agent(&app, "finance", StaffRole::Finance).await;
    assert_eq!(finance.get("/v1/admin/books").await.expect(200)["agree"], true);
}

#[actix_web::test]
async fn what_a_dead_order_reserved_is_free_again() {
    let (app, ada) = buyer().await;
    let support = support(&app).await;
    make(&support, half("WELCOME", json!({"total_cap": 1, "organization_cap": 1}))).await;
    let cart = open(&ada).await;
    domain(&ada, &cart, "engines.ch").await;
    apply(&ada, &cart, "WELCOME").await.expect(201);
    let placed = order(&ada, &cart, DECLINED).await.refused(402, "payment_failed");
    assert_eq!((used(&support, "WELCOME").await, &redemptions(&ada).await[0]["state"]), (json!(1), &json!("reserved")));
    let next = open(&ada).await;
    domain(&ada, &next, "motors.ch").await;
    assert_eq!(apply(&ada, &next, "WELCOME").await.refused(409, "promo_code_refused")["reason"], "used_up");
    let path = ada.org(&format!("/orders/{}/cancel", placed["order"].as_str().unwrap()));
    ada.post(&path, json!({})).await.expect(200);
    assert_eq!((used(&support, "WELCOME").await, &redemptions(&ada).await[0]["state"]), (json!(0), &json!("released")));
    apply(&ada, &next, "WELCOME").await.expect(201);
    order(&ada, &next, DECLINED).await.refused(402, "payment_failed");
    assert_eq!(used(&support, "WELCOME").await, 1);
    app.advance(Duration::days(15));
    keep_house(&app).await;
    let support = again(&support).await;
    assert_eq!(used(&support, "WELCOME").await, 0, "it lapsed");
}

#[actix_web::test]
async fn a_reservation_ends_and_is_made_again_by_who_pays_while_there_is_room() {
    let (app, ada) = buyer().await;
    let support_ = support(&app).await;
    make(&support_, half("WELCOME", json!({"total_cap": 1}))).await;
    let cart = open(&ada).await;
    domain(&ada, &cart, "engines.ch").await;
    apply(&ada, &cart, "WELCOME").await.expect(201);
    let placed = order(&ada, &cart, DECLINED).await.refused(402, "payment_failed");
    app.advance(Duration::minutes(29));
    keep_house(&app).await;
    let support_ = again(&support_).await;
    assert_eq!(used(&support_, "WELCOME").await, 1);
    app.advance(Duration::minutes(1));
    keep_house(&app).await;
    assert_eq!(used(&support_, "WELCOME").await, 0, "after half an hour");
    let ada = again(&ada).await;
    assert_eq!(redemptions(&ada).await[0]["state"], "released");
    // Another takes it, so the first order can't be paid at its price.
    let other = open(&ada).await;
    domain(&ada, &other, "motors.ch").await;
    apply(&ada, &other, "WELCOME").await.expect(201);
    let second = order(&ada, &other, DECLINED).await.refused(402, "payment_failed");
    let pay = ada.org(&format!("/orders/{}/pay", placed["order"].as_str().unwrap()));
    let body = json!({"payment_method_token": "sandbox_succeeds"});
    let refused = ada.post_once(&pay, body.clone()).await.refused(409, "reservation_ended");
    assert_eq!((&refused["order"], &refused["promo_codes"]), (&placed["order"], &json!(["WELCOME"])));
    assert_eq!(used(&support_, "WELCOME").await, 1);
    let cancel = ada.org(&format!("/orders/{}/cancel", second["order"].as_str().unwrap()));
    ada.post(&cancel, json!({})).await.expect(200);
    let paid = ada.post_once(&pay, body).await.expect(201);
    assert_eq!((&paid["order"]["state"], &paid["order"]["net"]["amount"]), (&json!("paid"), &json!(450)));
    assert_eq!(used(&support_, "WELCOME").await, 1);
    let states: Vec<_> = redemptions(&ada).await.iter().map(|row| row["state"].clone()).collect();
    assert_eq!(states, [json!("released"), json!("redeemed")]);
    let log = ada.get(&ada.org("/audit-log?limit=100")).await.expect(200);
    let ended = |entry: &&Value| entry["action"] == "redemption.released" && entry["actor"] == "system";
    assert_eq!(log["data"].as_array().unwrap().iter().filter(ended).count(), 1);
}

#[actix_web::test]
async fn no_reservation_ends_while_a_payment_is_processing() {
    let (app, ada) = buyer().await;
    let support = support(&app).await;
    make(&support, half("WELCOME", json!({"total_cap": 1}))).await;
    let cart = open(&ada).await;
    domain(&ada, &cart, "engines.ch").await;
    apply(&ada, &cart, "WELCOME").await.expect(201);
    let placed = order(&ada, &cart, "sandbox_processes_for_a_day").await.expect(201);
    assert_eq!(placed["payments"][0]["state"], "processing");
    app.advance(Duration::hours(2));
    keep_house(&app).await;
    let support = again(&support).await;
    assert_eq!(used(&support, "WELCOME").await, 1);
    app.advance(Duration::days(2));
    app.work().await;
    let (ada, support) = (again(&ada).await, again(&support).await);
    assert_eq!(
        (redemptions(&ada).await[0]["state"].as_str(), used(&support, "WELCOME").await),
        (Some("redeemed"), json!(1))
    );
}

/// Makes the payment that failed one of which the provider says late that it has the money after all.
async fn succeed_late(ada: &Person, order: &str) {
    let order = ada.get(&ada.org(&format!("/orders/{order}"))).await.expect(200);
    let payment = order["payments"][0]["id"].as_str().unwrap().parse().unwrap();
    let organization = ada.organization.parse().unwrap();
    let revive = "UPDATE payments SET state = 'processing', method_token = 'sandbox_succeeds' WHERE state = 'failed'";
    let revived = ada.app.services.db.write(move |tx| {
        diesel::connection::SimpleConnection::batch_execute(tx, revive).map_err(manager_repository::Error::from)
    });
    revived.await.unwrap();
    let collected =
        payments::collect_later(&ada.app.services, organization, payment, ada.app.clock.now()).await.unwrap();
    assert_eq!(collected, payments::Collected::Known);
}

#[actix_web::test]
async fn late_money_completes_an_order_only_if_its_code_can_be_reserved_again() {
    for taken in [false, true] {
        let (app, ada) = buyer().await;
        let support = support(&app).await;
        make(&support, half("WELCOME", json!({"total_cap": 1}))).await;
        let cart = open(&ada).await;
        domain(&ada, &cart, "engines.ch").await;
        apply(&ada, &cart, "WELCOME").await.expect(201);
        let placed = order(&ada, &cart, DECLINED).await.refused(402, "payment_failed");
        let id = placed["order"].as_str().unwrap().to_owned();
        app.advance(Duration::minutes(31));
        keep_house(&app).await;
        let (ada, support) = (again(&ada).await, again(&support).await);
        if taken {
            let cart = open(&ada).await;
            domain(&ada, &cart, "motors.ch").await;
            apply(&ada, &cart, "WELCOME").await.expect(201);
            order(&ada, &cart, "sandbox_succeeds").await.expect(201);
        }
        succeed_late(&ada, &id).await;
        let order = ada.get(&ada.org(&format!("/orders/{id}"))).await.expect(200);
        let (state, payment, prepaid) = if taken { ("open", "failed", 486) } else { ("paid", "succeeded", 0) };
        assert_eq!((&order["order"]["state"], &order["payments"][0]["state"]), (&json!(state), &json!(payment)));
        let account = ada.get(&ada.org("/prepaid")).await.expect(200);
        assert!(account.to_string().contains(&format!("\"amount\":{prepaid},")), "{account}");
        assert_eq!(used(&support, "WELCOME").await, 1);
        let finance = agent(&app, "finance", StaffRole::Finance).await;
        assert_eq!(finance.get("/v1/admin/books").await.expect(200)["agree"], true);
    }
}

/// Organizations of several people, each with a cart in which the code is applied, and its price token.
async fn crowded(app: &Arc<TestApp>, count: usize, code: &'static str) -> Vec<(Person, String, Value)> {
    let mut people = Vec::new();
    for number in 0..count.div_ceil(50) {
        let person = Person::register(app, &format!("owner{number}")).await;
        people.push(person);
    }
    let address = json!({"line1": "Rue du Lac 1", "postal_code": "1207", "city": "Genève", "country": "CH"});
    let numbers: Vec<_> = (0..count).map(|number| (number, people[number / 50].clone())).collect();
    crowd(8, numbers, move |(number, mut person): (usize, Person)| {
        let address = address.clone();
        async move {
            if number % 50 == 0 {
                let etag = person.get(&person.org("")).await.header("etag").to_owned();
                person.patch_seen(&person.org(""), &etag, json!({"billing_address": address})).await.expect(200);
            } else {
                let body = json!({"kind": "company", "name": format!("Company {number}"), "country": "CH",
                    "billing_address": address});
                let made = person.post("/v1/organizations", body).await.expect(201);
                person.organization = made["id"].as_str().unwrap().to_owned();
            }
            let cart = open(&person).await;
            domain(&person, &cart, &format!("engines{number}.ch")).await;
            apply(&person, &cart, code).await.expect(201);
            let token = quote(&person, &cart).await["price_token"].clone();
            (person, cart, token)
        }
    })
    .await
}

#[actix_web::test]
async fn a_total_cap_is_exact_under_two_hundred_checkouts_at_once() {
    let app = Arc::new(TestApp::start_with(|config| config.db_connections = 8).await);
    let support = support(&app).await;
    make(&support, half("RARE", json!({"total_cap": 5}))).await;
    let buyers = Arc::new(crowded(&app, 200, "RARE").await);
    let answers = at_once(200, |number| {
        let buyers = Arc::clone(&buyers);
        async move {
            let (person, cart, token) = &buyers[number];
            check_out(person, cart, token, "sandbox_succeeds").await
        }
    })
    .await;
    let won: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert_eq!(won.len(), 5);
    assert!(won.iter().all(|answer| answer.body["order"]["net"]["amount"] == 450));
    let stale = |answer: &&Answer| answer.status == 409 && answer.body["code"] == "quote_stale";
    assert_eq!(answers.iter().filter(stale).count(), 195, "{:?}", answers.iter().map(|a| a.status).collect::<Vec<_>>());
    assert_eq!(used(&support, "RARE").await, 5);
    let mut redeemed = 0;
    for (person, ..) in buyers.iter() {
        redeemed += redemptions(person).await.iter().filter(|row| row["state"] == "redeemed").count();
    }
    assert_eq!(redeemed, 5);
}

#[actix_web::test]
async fn a_cap_for_each_organization_is_exact_too() {
    let (app, ada) = buyer().await;
    let support = support(&app).await;
    make(&support, half("TWICE", json!({"organization_cap": 2, "total_cap": 100}))).await;
    let mut carts = Vec::new();
    for number in 0..12 {
        let cart = open(&ada).await;
        domain(&ada, &cart, &format!("engines{number}.ch")).await;
        apply(&ada, &cart, "TWICE").await.expect(201);
        let token = quote(&ada, &cart).await["price_token"].clone();
        carts.push((cart, token));
    }
    let (carts, buyer) = (Arc::new(carts), ada.clone());
    let answers = at_once(12, move |number| {
        let (carts, ada) = (Arc::clone(&carts), buyer.clone());
        async move { check_out(&ada, &carts[number].0, &carts[number].1, DECLINED).await }
    })
    .await;
    let of = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!((of(402), of(409)), (2, 10), "two orders, which stay payable");
    assert_eq!(used(&support, "TWICE").await, 2);
}

#[actix_web::test]
async fn staff_makes_lists_and_withdraws_codes() {
    let (app, ada) = buyer().await;
    let support = support(&app).await;
    let made = support.post(CODES, half("welcome-2026", json!({"terms": 3, "total_cap": 7}))).await.expect(201);
    assert_eq!(made, json!({"batch": null, "codes": ["WELCOME-2026"]}));
    support.post(CODES, half("Welcome-2026", json!({}))).await.refused(409, "promo_code_taken");
    let many = json!({"count": 1000, "discount": {"kind": "percentage", "percent": "10"}});
    let repeated = || support.request(Method::POST, CODES).header("idempotency-key", "batch").json(&many);
    let batch = support.send(repeated()).await.expect(201);
    assert_eq!(support.send(repeated()).await.expect(201), batch);
    let codes: Vec<_> = batch["codes"].as_array().unwrap().iter().map(|code| code.as_str().unwrap()).collect();
    let plain = |code: &&str| code.len() == 12 && code.bytes().all(|b| b"23456789ABCDEFGHJKMNPQRSTVWXYZ".contains(&b));
    assert_eq!(codes.iter().collect::<std::collections::BTreeSet<_>>().len(), 1000);
    assert!(codes.iter().all(plain));
    let listed =
        support.get(&format!("{CODES}?batch={}&limit=100", batch["batch"].as_str().unwrap())).await.expect(200);
    assert_eq!((listed["data"].as_array().unwrap().len(), listed["next_cursor"].is_string()), (100, true));
    let view = support.get(&format!("{CODES}/welcome-2026")).await.expect(200);
    assert_eq!((&view["terms"], &view["total_cap"], &view["used"]), (&json!(3), &json!(7), &json!(0)));
    assert_eq!(view["discount"], json!({"kind": "percentage", "percent": "50", "amounts": []}));
    support.get(&format!("{CODES}/UNKNOWN")).await.refused(404, "not_found");
    let withdrawn = support.post(&format!("{CODES}/WELCOME-2026/withdraw"), json!({})).await.expect(200);
    assert!(withdrawn["withdrawn_at"].is_string());
    support.post(&format!("{CODES}/WELCOME-2026/withdraw"), json!({})).await.refused(409, "promo_code_withdrawn");
    support.post(&format!("{CODES}/UNKNOWN/withdraw"), json!({})).await.refused(404, "not_found");
    let gone = support.get(&format!("{CODES}?withdrawn=true")).await.expect(200);
    assert_eq!((gone["data"].as_array().unwrap().len(), &gone["data"][0]["code"]), (1, &json!("WELCOME-2026")));
    assert_eq!(support.get(&format!("{CODES}?test=true")).await.expect(200)["data"], json!([]));
    support.get(&format!("{CODES}?batch=xyz")).await.faulty("query:batch", "invalid_value");
    for role in [StaffRole::Finance, StaffRole::Catalogue, StaffRole::Admin] {
        agent(&app, role.as_str(), role).await.get(CODES).await.refused(403, "forbidden");
    }
    ada.post(CODES, half("WELCOME", json!({}))).await.refused(403, "forbidden");
    app.post(CODES, half("WELCOME", json!({}))).await.refused(401, "unauthenticated");
}

#[actix_web::test]
async fn all_faults_of_a_code_to_be_made_are_listed() {
    let (app, _) = buyer().await;
    let support = support(&app).await;
    let now = app.clock.now();
    let body = json!({"code": "a b", "discount": {"kind": "percentage", "percent": "many"}, "terms": 0, "total_cap": 0,
        "organization_cap": 1_000_000_001_u32, "valid_from": now, "valid_until": now,
        "scope": {"product_types": ["houses"], "offers": ["domain_ch", "house"]},
        "minimum_net": [{"amount": 0, "currency": "CHF"}]});
    let refused = support.post(CODES, body).await.refused(422, "validation_failed");
    let faults: Vec<_> = refused["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| format!("{} {}", fault["pointer"].as_str().unwrap(), fault["code"].as_str().unwrap()))
        .collect();
    let expected = [
        "/code invalid_promo_code",
        "/discount/percent invalid_value",
        "/minimum_net/0 out_of_range",
        "/organization_cap out_of_range",
        "/scope/offers/1 unknown_offer",
        "/scope/product_types/0 invalid_value",
        "/terms out_of_range",
        "/total_cap out_of_range",
        "/valid_until out_of_range",
    ];
    assert_eq!(faults, expected);
    let fixed = |amounts: Value| json!({"kind": "fixed", "amounts": amounts});
    let money = |amount: i64| json!({"amount": amount, "currency": "CHF"});
    for (body, pointer, code) in [
        (
            half("OTHER", json!({"discount": {"kind": "percentage", "percent": "100.01"}})),
            "/discount/percent",
            "out_of_range",
        ),
        (
            half("OTHER", json!({"discount": {"kind": "percentage", "percent": "-1"}})),
            "/discount/percent",
            "out_of_range",
        ),
        (half("OTHER", json!({"discount": {"kind": "percentage"}})), "/discount/percent", "missing"),
        (half("OTHER", json!({"discount": fixed(json!([]))})), "/discount/amounts", "too_short"),
        (half("OTHER", json!({"discount": fixed(json!([money(-5)]))})), "/discount/amounts/0/amount", "out_of_range"),
        (
            half("OTHER", json!({"discount": fixed(json!([money(5), money(5)]))})),
            "/discount/amounts/1/currency",
            "invalid_value",
        ),
        (
            half("OTHER", json!({"discount": {"kind": "fixed", "percent": "5"}})),
            "/discount/percent",
            "not_for_this_kind",
        ),
        (half("OTHER", json!({"count": 2})), "/count", "not_allowed"),
        (half("OTHER", json!({"color": "red"})), "/color", "unknown_field"),
        (json!({"discount": {"kind": "percentage", "percent": "5"}}), "/code", "missing"),
        (json!({"count": 1001, "discount": {"kind": "percentage", "percent": "5"}}), "/count", "out_of_range"),
        (json!({"count": 0, "discount": {"kind": "percentage", "percent": "5"}}), "/count", "out_of_range"),
    ] {
        support.post(CODES, body).await.faulty(pointer, code);
    }
    assert_eq!(support.get(CODES).await.expect(200)["data"], json!([]), "nothing was made");
}

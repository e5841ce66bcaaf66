//! ORD-5, STF-1: free offers, granted by support and used in carts and orders.

use std::sync::Arc;

use chrono::Duration;
use manager_domain::Clock;
use manager_domain::staff::StaffRole;
use manager_tests::races::at_once;
use manager_tests::{Answer, Person, TestApp, Value, json};
use reqwest::Method;

use crate::books::agent;
use crate::orders::{buyer, check_out, quote};
use crate::promo_codes::{apply, keep_house, open, order, put, show, support};

const OFFERS: &str = "/v1/admin/free-offers";

/// A free .ch domain for a year, and what `more` says of it.
fn grant(app: &TestApp, organization: &str, more: Value) -> Value {
    let mut body = json!({"organization": organization, "offer": "domain_ch", "frequency": "yearly",
        "expires_at": app.clock.now() + Duration::days(30), "reason": "Ticket 4711"});
    for (member, value) in more.as_object().unwrap() {
        body[member] = value.clone();
    }
    body
}

async fn granted(support: &Person, body: Value) -> String {
    support.post(OFFERS, body).await.expect(201)["id"].as_str().unwrap().to_owned()
}

async fn activate(ada: &Person, cart: &str, item: &str, offer: &str) -> Answer {
    ada.put(&ada.org(&format!("/carts/{cart}/items/{item}/free-offer")), json!({"free_offer": offer})).await
}

async fn drop_offer(ada: &Person, cart: &str, item: &str) -> Answer {
    ada.delete(&ada.org(&format!("/carts/{cart}/items/{item}/free-offer"))).await
}

async fn domain(ada: &Person, cart: &str, name: &str) -> String {
    put(ada, cart, "domain_ch", 1, json!({"domain": name})).await
}

async fn state(ada: &Person, offer: &str) -> String {
    let list = ada.get(&ada.org("/free-offers")).await.expect(200);
    let found = list["data"].as_array().unwrap().iter().find(|row| row["id"] == offer).expect("the offer").clone();
    found["state"].as_str().unwrap().to_owned()
}

/// Why each offer isn't usable for the item.
fn reasons(view: &Value, item: &str) -> Vec<(Value, Value)> {
    let items = view["items"].as_array().unwrap();
    let found = items.iter().find(|shown| shown["id"] == item).expect("the item");
    found["free_offers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|offer| (offer["id"].clone(), offer["reason"].clone()))
        .collect()
}

#[actix_web::test]
async fn support_grants_with_a_reason_that_the_organization_reads() {
    let (app, ada) = buyer().await;
    let support = support(&app).await;
    let offer = support.post(OFFERS, grant(&app, &ada.organization, json!({"terms": 2, "units": 3}))).await.expect(201);
    assert_eq!((&offer["state"], &offer["terms"], &offer["units"]), (&json!("available"), &json!(2), &json!(3)));
    let list = format!("{OFFERS}?organization={}&reason=A%20question", ada.organization);
    assert_eq!(support.get(&list).await.expect(200)["data"], json!([offer]));
    assert_eq!(ada.get(&ada.org("/free-offers")).await.expect(200)["data"], json!([offer]));
    let path = format!("{OFFERS}/{}/withdraw", offer["id"].as_str().unwrap());
    let body = json!({"organization": ada.organization, "reason": "By mistake"});
    assert_eq!(support.post(&path, body.clone()).await.expect(200)["state"], "withdrawn");
    assert_eq!(support.post(&path, body).await.refused(409, "free_offer_closed")["state"], "withdrawn");
    let log = ada.get(&ada.org("/audit-log")).await.expect(200);
    let told: Vec<_> = log["data"].as_array().unwrap()[..3]
        .iter()
        .map(|entry| ["actor", "action", "reason", "account_id"].map(|member| entry[member].clone()))
        .collect();
    let by_support =
        |action: &str, reason: &str| [json!("support"), json!(action), json!(reason), json!(support.account)];
    let expected = [
        by_support("free_offer.withdrawn", "By mistake"),
        by_support("free_offers.read", "A question"),
        by_support("free_offer.granted", "Ticket 4711"),
    ];
    assert_eq!(told, expected);
    let proof = ada.get(&ada.org("/audit-log/verification")).await.expect(200);
    assert_eq!(proof["valid"], true, "{proof}");
}

#[actix_web::test]
async fn nobody_acts_on_their_own_organization_or_without_a_reason() {
    let (app, ada) = buyer().await;
    let support = support(&app).await;
    let own = support.post("/v1/organizations", json!({"kind": "company", "name": "Own", "country": "CH"})).await;
    let own = own.expect(201)["id"].as_str().unwrap().to_owned();
    support.post(OFFERS, grant(&app, &own, json!({}))).await.refused(403, "own_organization");
    let list = |organization: &str, reason: &str| format!("{OFFERS}?organization={organization}&reason={reason}");
    support.get(&list(&own, "x")).await.refused(403, "own_organization");
    let nowhere = "org_01h2xcejqtf2nbrexx3vqjhp41";
    support.post(OFFERS, grant(&app, nowhere, json!({}))).await.refused(404, "not_found");
    support.get(&list(nowhere, "x")).await.refused(404, "not_found");
    for (reason, code) in [(" ".to_owned(), "missing"), ("x".repeat(501), "too_long")] {
        support.post(OFFERS, grant(&app, &ada.organization, json!({"reason": reason}))).await.faulty("/reason", code);
    }
    support.get(&list(&ada.organization, "")).await.faulty("query:reason", "missing");
    support.get(&format!("{OFFERS}?organization={}", ada.organization)).await.faulty("query:reason", "missing");
    for role in [StaffRole::Finance, StaffRole::Catalogue, StaffRole::Admin] {
        let other = agent(&app, role.as_str(), role).await;
        other.post(OFFERS, grant(&app, &ada.organization, json!({}))).await.refused(403, "forbidden");
        other.post(OFFERS, grant(&app, nowhere, json!({}))).await.refused(403, "forbidden");
    }
    ada.post(OFFERS, grant(&app, &ada.organization, json!({}))).await.refused(403, "forbidden");
    // An offer is found in its own organization alone.
    let offer = granted(&support, grant(&app, &ada.organization, json!({}))).await;
    let eve = Person::register(&app, "eve").await;
    let body = json!({"organization": eve.organization, "reason": "x"});
    support.post(&format!("{OFFERS}/{offer}/withdraw"), body).await.refused(404, "not_found");
    assert_eq!(state(&ada, &offer).await, "available");
}

#[actix_web::test]
async fn all_faults_of_a_grant_are_listed() {
    let (app, ada) = buyer().await;
    let support = support(&app).await;
    let body = json!({"offer": "house", "terms": 0, "units": 1001, "expires_at": app.clock.now()});
    let refused = support.post(OFFERS, grant(&app, &ada.organization, body)).await.refused(422, "validation_failed");
    let faults = refused["errors"].as_array().unwrap().iter().map(|fault| fault["pointer"].clone());
    assert_eq!(faults.collect::<Vec<_>>(), ["/expires_at", "/offer", "/terms", "/units"]);
    let monthly = grant(&app, &ada.organization, json!({"frequency": "monthly"}));
    support.post(OFFERS, monthly).await.faulty("/frequency", "frequency_unavailable");
    assert_eq!(ada.get(&ada.org("/free-offers")).await.expect(200)["data"], json!([]));
}

#[actix_web::test]
async fn the_cart_lists_the_usable_offers_and_says_why_not_of_the_others() {
    let (app, ada) = buyer().await;
    let support = support(&app).await;
    let ours = |more: Value| grant(&app, &ada.organization, more);
    let good = granted(&support, ours(json!({}))).await;
    let hosting = granted(&support, ours(json!({"offer": "web_hosting_starter"}))).await;
    let longer = granted(&support, ours(json!({"frequency": "two_years"}))).await;
    let short = granted(&support, ours(json!({"expires_at": app.clock.now() + Duration::minutes(5)}))).await;
    let eve = Person::register(&app, "eve").await;
    let others = granted(&support, grant(&app, &eve.organization, json!({}))).await;
    app.advance(Duration::minutes(5));
    let cart = open(&ada).await;
    let item = domain(&ada, &cart, "engines.ch").await;
    let view = show(&ada, &cart).await;
    let expected = [
        (&short, json!("expired")),
        (&longer, json!("other_frequency")),
        (&hosting, json!("other_product")),
        (&good, Value::Null),
    ];
    assert_eq!(reasons(&view, &item), expected.map(|(id, reason)| (json!(id), reason)));
    assert_eq!(view["items"][0]["free_offers"][3]["usable"], true);
    // An offer of others isn't named; who asks for it learns no more than of one that doesn't exist.
    assert!(!view.to_string().contains(&others));
    let refused = |answer: Answer| answer.refused(409, "free_offer_refused")["reason"].clone();
    assert_eq!(refused(activate(&ada, &cart, &item, &others).await), "other_organization");
    let nowhere = "ofr_01h2xcejqtf2nbrexx3vqjhp41";
    assert_eq!(refused(activate(&ada, &cart, &item, nowhere).await), "other_organization");
    assert_eq!(refused(activate(&ada, &cart, &item, &hosting).await), "other_product");
    assert_eq!(refused(activate(&ada, &cart, &item, &short).await), "expired");
    activate(&ada, &cart, &item, "ofr_x").await.faulty("/free_offer", "invalid_value");
    activate(&ada, &cart, "itm_01h2xcejqtf2nbrexx3vqjhp41", &good).await.refused(404, "not_found");
    assert_eq!(show(&ada, &cart).await, view, "nothing changed");
    let view = activate(&ada, &cart, &item, &good).await.expect(200);
    let shown = &view["items"][0];
    assert_eq!(
        (&shown["free_offer"], &shown["net"]["amount"], &view["totals"]["total"]["amount"]),
        (&json!(good), &json!(0), &json!(0))
    );
    let second = domain(&ada, &cart, "motors.ch").await;
    let view = show(&ada, &cart).await;
    assert_eq!(reasons(&view, &second)[3], (json!(good), json!("on_other_item")));
    let spare = granted(&support, ours(json!({}))).await;
    assert_eq!(refused(activate(&ada, &cart, &item, &spare).await), "has_other_offer");
    activate(&ada, &cart, &second, &spare).await.expect(200);
    let view = drop_offer(&ada, &cart, &item).await.expect(200);
    assert_eq!((&view["items"][0]["free_offer"], &view["items"][0]["net"]["amount"]), (&Value::Null, &json!(900)));
    drop_offer(&ada, &cart, &item).await.refused(404, "not_found");
}

#[actix_web::test]
async fn an_item_has_a_code_or_a_free_offer_but_never_both() {
    let (app, ada) = buyer().await;
    let support = support(&app).await;
    let half = json!({"code": "WELCOME", "discount": {"kind": "percentage", "percent": "50"}});
    support.post("/v1/admin/promo-codes", half).await.expect(201);
    let offer = granted(&support, grant(&app, &ada.organization, json!({}))).await;
    let cart = open(&ada).await;
    let first = domain(&ada, &cart, "engines.ch").await;
    let view = apply(&ada, &cart, "WELCOME").await.expect(201);
    assert_eq!(view["promo_codes"][0]["item"], json!(first));
    let view = activate(&ada, &cart, &first, &offer).await.expect(200);
    let code = &view["promo_codes"][0];
    assert_eq!((&code["item"], &code["reason"]), (&Value::Null, &json!("has_free_offer")), "the code gives way");
    let second = domain(&ada, &cart, "motors.ch").await;
    let view = show(&ada, &cart).await;
    let code = &view["promo_codes"][0];
    assert_eq!(code["item"], json!(second), "and is placed again");
    assert_eq!(code["elsewhere"], json!([{"item": first, "reason": "has_free_offer"}]));
    assert_eq!(view["totals"]["net"]["amount"], 450);
    let placed = order(&ada, &cart, "sandbox_succeeds").await.expect(201);
    assert_eq!((&placed["order"]["net"]["amount"], state(&ada, &offer).await.as_str()), (&json!(450), "used"));
    let redeemed = ada.get(&ada.org("/promo-code-redemptions")).await.expect(200);
    assert_eq!(redeemed["data"].as_array().unwrap().len(), 1, "of codes alone");
}

#[actix_web::test]
async fn an_offer_covers_so_many_units() {
    let (app, ada) = buyer().await;
    let support = support(&app).await;
    let drives = json!({"offer": "kdrive_solo", "units": 2});
    let offer = granted(&support, grant(&app, &ada.organization, drives)).await;
    let cart = open(&ada).await;
    let item = put(&ada, &cart, "kdrive_solo", 3, json!({})).await;
    let view = activate(&ada, &cart, &item, &offer).await.expect(200);
    assert_eq!(
        (&view["items"][0]["discount"]["amount"], &view["items"][0]["net"]["amount"]),
        (&json!(10_120), &json!(5_060))
    );
    order(&ada, &cart, "sandbox_succeeds").await.expect(201);
    let id = ada.get(&ada.org("/invoices")).await.expect(200)["data"][0]["id"].as_str().unwrap().to_owned();
    let invoice = ada.get(&ada.org(&format!("/invoices/{id}"))).await.expect(200);
    let nets: Vec<_> = invoice["lines"].as_array().unwrap().iter().map(|line| line["net"]["amount"].clone()).collect();
    assert_eq!(nets, [0, 0, 5_060]);
}

#[actix_web::test]
async fn an_offer_is_reserved_consumed_and_given_back_like_a_code() {
    let (app, ada) = buyer().await;
    let support = support(&app).await;
    let offer = granted(&support, grant(&app, &ada.organization, json!({}))).await;
    let cart = open(&ada).await;
    let item = domain(&ada, &cart, "engines.ch").await;
    domain(&ada, &cart, "motors.ch").await;
    activate(&ada, &cart, &item, &offer).await.expect(200);
    let declined = order(&ada, &cart, "sandbox_declined_expired_card").await.refused(402, "payment_failed");
    assert_eq!(state(&ada, &offer).await, "reserved");
    let body = json!({"organization": ada.organization, "reason": "x"});
    let withdraw = format!("{OFFERS}/{offer}/withdraw");
    assert_eq!(support.post(&withdraw, body).await.refused(409, "free_offer_closed")["state"], "reserved");
    let next = open(&ada).await;
    let other = domain(&ada, &next, "wheels.ch").await;
    let refused = activate(&ada, &next, &other, &offer).await.refused(409, "free_offer_refused");
    assert_eq!(refused["reason"], "reserved");
    let cancel = ada.org(&format!("/orders/{}/cancel", declined["order"].as_str().unwrap()));
    ada.post(&cancel, json!({})).await.expect(200);
    assert_eq!(state(&ada, &offer).await, "available");
    activate(&ada, &next, &other, &offer).await.expect(200);
    let token = quote(&ada, &next).await["price_token"].clone();
    let checkout = ada.org(&format!("/carts/{next}/checkout"));
    let placed = ada.post_once(&checkout, json!({"price_token": token})).await.expect(201);
    assert_eq!((&placed["order"]["state"], state(&ada, &offer).await.as_str()), (&json!("paid"), "used"));
    let last = open(&ada).await;
    let item = domain(&ada, &last, "brakes.ch").await;
    let refused = activate(&ada, &last, &item, &offer).await.refused(409, "free_offer_refused");
    assert_eq!(refused["reason"], "used");
    assert_eq!(reasons(&show(&ada, &last).await, &item), [(json!(offer), json!("used"))]);
}

#[actix_web::test]
async fn one_offer_in_two_carts_makes_one_order_free() {
    let (app, ada) = buyer().await;
    let support = support(&app).await;
    let offer = granted(&support, grant(&app, &ada.organization, json!({}))).await;
    let mut carts = Vec::new();
    for number in 0..8 {
        let cart = open(&ada).await;
        let item = domain(&ada, &cart, &format!("engines{number}.ch")).await;
        activate(&ada, &cart, &item, &offer).await.expect(200);
        carts.push((cart.clone(), quote(&ada, &cart).await["price_token"].clone()));
    }
    let (carts, buyer) = (Arc::new(carts), ada.clone());
    let answers = at_once(8, move |number| {
        let (carts, ada) = (Arc::clone(&carts), buyer.clone());
        async move { check_out(&ada, &carts[number].0, &carts[number].1, "sandbox_succeeds").await }
    })
    .await;
    manager_tests::races::one_winner(&answers, 201, &[409]);
    assert!(answers.iter().filter(|answer| answer.status == 409).all(|answer| answer.body["code"] == "quote_stale"));
}

#[actix_web::test]
async fn a_reservation_of_an_offer_ends_too() {
    let (app, ada) = buyer().await;
    let support = support(&app).await;
    let offer = granted(&support, grant(&app, &ada.organization, json!({}))).await;
    let cart = open(&ada).await;
    let item = domain(&ada, &cart, "engines.ch").await;
    domain(&ada, &cart, "motors.ch").await;
    activate(&ada, &cart, &item, &offer).await.expect(200);
    let declined = order(&ada, &cart, "sandbox_declined_expired_card").await.refused(402, "payment_failed");
    app.advance(Duration::minutes(31));
    keep_house(&app).await;
    let ada = Person { organization: ada.organization.clone(), ..Person::log_in(&app, &ada.email).await };
    assert_eq!(state(&ada, &offer).await, "available");
    let pay = ada.org(&format!("/orders/{}/pay", declined["order"].as_str().unwrap()));
    ada.post_once(&pay, json!({"payment_method_token": "sandbox_succeeds"})).await.expect(201);
    assert_eq!(state(&ada, &offer).await, "used");
}

#[actix_web::test]
async fn a_token_is_refused_where_its_offer_expired_or_was_withdrawn() {
    let (app, ada) = buyer().await;
    let support = support(&app).await;
    let soon = json!({"expires_at": app.clock.now() + Duration::minutes(5)});
    let short = granted(&support, grant(&app, &ada.organization, soon)).await;
    let kept = granted(&support, grant(&app, &ada.organization, json!({}))).await;
    let mut tokens = Vec::new();
    for (offer, name) in [(&short, "engines.ch"), (&kept, "motors.ch")] {
        let cart = open(&ada).await;
        let item = domain(&ada, &cart, name).await;
        activate(&ada, &cart, &item, offer).await.expect(200);
        tokens.push((cart.clone(), quote(&ada, &cart).await["price_token"].clone()));
    }
    app.advance(Duration::minutes(5));
    let body = json!({"organization": ada.organization, "reason": "x"});
    support.post(&format!("{OFFERS}/{kept}/withdraw"), body).await.expect(200);
    for (cart, token) in &tokens {
        let answer = check_out(&ada, cart, token, "sandbox_succeeds").await;
        let preview = answer.refused(409, "quote_stale");
        assert!(preview.to_string().contains("\"amount\":973"), "the whole price: {preview}");
        assert_eq!(show(&ada, cart).await["state"], "open");
    }
    assert_eq!(ada.get(&ada.org("/orders")).await.expect(200)["data"], json!([]));
}

#[actix_web::test]
async fn members_without_billing_see_neither_offers_nor_codes() {
    let (app, ada) = buyer().await;
    let bob =
        Person::join(&app, &ada, "bob", json!({"role": "member", "products": {"access": "all", "level": "manage"}}))
            .await;
    bob.get(&ada.org("/free-offers")).await.refused(403, "forbidden");
    bob.get(&ada.org("/promo-code-redemptions")).await.refused(403, "forbidden");
    let put = bob.request(
        Method::PUT,
        &ada.org("/carts/crt_01h2xcejqtf2nbrexx3vqjhp41/items/itm_01h2xcejqtf2nbrexx3vqjhp41/free-offer"),
    );
    bob.send(put.json(&json!({}))).await.refused(403, "forbidden");
}

//! CAT-2, ORD-6: a domain or an address is the name of one living product, over all organizations.

use std::sync::Arc;

use chrono::Duration;
use manager_tests::{Answer, Person, TestApp, Value, json};

/// A person with as many organizations that can order.
async fn buyer(app: &Arc<TestApp>, name: &str, organizations: usize) -> Vec<Person> {
    let address = json!({"line1": "Rue du Lac 1", "postal_code": "1207", "city": "Genève", "country": "CH"});
    let organization = json!({"kind": "individual", "country": "CH", "billing_address": address});
    let first = Person::register_with(app, name, json!({"organization": organization})).await;
    let mut all = vec![first.clone()];
    while all.len() < organizations {
        let body = json!({"kind": "company", "name": format!("{name} {}", all.len()), "country": "CH",
            "billing_address": address});
        let made = first.post("/v1/organizations", body).await.expect(201);
        all.push(Person { organization: made["id"].as_str().unwrap().to_owned(), ..first.clone() });
    }
    all
}

fn domain(name: &str) -> Value {
    json!({"offer": "domain_ch", "frequency": "yearly", "options": {"domain": name}})
}

fn address(offer: &str, local_part: &str) -> Value {
    let options = json!({"local_part": local_part, "mail_domain": "ik.me"});
    json!({"offer": offer, "frequency": "yearly", "options": options})
}

/// A cart of the items, and a token for its price.
async fn quoted(ada: &Person, items: &[Value]) -> (String, Value) {
    let cart = ada.post(&ada.org("/carts"), json!({})).await.expect(201)["id"].as_str().unwrap().to_owned();
    for item in items {
        ada.post(&ada.org(&format!("/carts/{cart}/items")), item.clone()).await.expect(201);
    }
    ada.put(&ada.org(&format!("/carts/{cart}/payment-method")), json!({"kind": "card"})).await.expect(200);
    let quote = ada.post(&ada.org(&format!("/carts/{cart}/quote")), json!({})).await.expect(201);
    (cart, quote["price_token"].clone())
}

async fn check_out(ada: &Person, (cart, token): &(String, Value), card: &str) -> Answer {
    let body = json!({"price_token": token, "payment_method_token": card});
    let request = ada.request(reqwest::Method::POST, &ada.org(&format!("/carts/{cart}/checkout")));
    ada.send(request.header("idempotency-key", cart.as_str()).json(&body)).await
}

#[track_caller]
fn taken(answer: Answer, pointer: &str) {
    let problem = answer.refused(409, "name_taken");
    assert_eq!(
        (&problem["errors"][0]["pointer"], &problem["errors"][0]["code"]),
        (&json!(pointer), &json!("name_taken"))
    );
}

#[actix_web::test]
async fn of_thirty_two_parallel_orders_of_a_domain_one_gets_it() {
    let app = Arc::new(TestApp::start().await);
    let mut buyers = Vec::new();
    for name in ["ada", "bob", "eve", "kim"] {
        buyers.extend(buyer(&app, name, 8).await);
    }
    let mut tasks = Vec::new();
    for (n, person) in buyers.iter().enumerate() {
        // In either order, so that they meet in the middle.
        let mut items = [domain("looms.ch"), domain("engines.ch")];
        if n % 2 == 0 {
            items.reverse();
        }
        tasks.push((person.clone(), quoted(person, &items).await));
    }
    let tasks: Vec<_> = tasks
        .into_iter()
        .map(|(person, cart)| actix_web::rt::spawn(async move { check_out(&person, &cart, "sandbox_succeeds").await }))
        .collect();
    let mut won = 0;
    for task in tasks {
        let answer = task.await.unwrap();
        match answer.status {
            201 => won += 1,
            409 => assert_eq!(answer.body["code"], "name_taken", "{}", answer.body),
            503 => {}
            other => panic!("{other} {}", answer.body),
        }
    }
    assert_eq!(won, 1);
    let mut products = 0;
    for person in &buyers {
        products += person.get(&person.org("/products")).await.expect(200)["data"].as_array().unwrap().len();
        let orders = person.get(&person.org("/orders")).await.expect(200);
        assert!(orders["data"].as_array().unwrap().len() <= 1, "{orders}");
    }
    assert_eq!(products, 2, "the losers left nothing behind");
}

#[actix_web::test]
async fn a_taken_name_is_refused_in_carts_and_at_checkout_with_a_pointer_to_the_item() {
    let app = Arc::new(TestApp::start().await);
    let (ada, bob) = (buyer(&app, "ada", 1).await.remove(0), buyer(&app, "bob", 1).await.remove(0));
    let late = quoted(&bob, &[domain("looms.ch"), domain("engines.ch")]).await;
    check_out(&ada, &quoted(&ada, &[domain("engines.ch")]).await, "sandbox_succeeds").await.expect(201);
    taken(check_out(&bob, &late, "sandbox_succeeds").await, "/items/1/options/domain");
    assert_eq!(bob.get(&bob.org("/products")).await.expect(200)["data"], json!([]));
    let items = bob.org(&format!("/carts/{}/items", late.0));
    taken(bob.post(&items, domain("Engines.CH")).await, "/options/domain");
    taken(bob.post(&items, domain("looms.ch")).await, "/options/domain");
    let cart = bob.get(&bob.org(&format!("/carts/{}", late.0))).await.expect(200);
    let first = format!("{items}/{}", cart["items"][0]["id"].as_str().unwrap());
    taken(bob.patch(&first, json!({"options": {"domain": "engines.ch"}})).await, "/options/domain");
    bob.patch(&first, json!({"options": {"domain": "looms.ch"}})).await.expect(200);
    let opened = app.post("/v1/carts", json!({"country": "CH"})).await.expect(201);
    let path = format!("/v1/carts/{}/items", opened["cart"]["id"].as_str().unwrap());
    let visitor = app.request(reqwest::Method::POST, &path).header("x-cart-token", opened["token"].as_str().unwrap());
    taken(app.send(visitor.json(&domain("engines.ch"))).await, "/options/domain");
}

#[actix_web::test]
async fn a_free_and_a_paid_address_are_the_same_name() {
    let app = Arc::new(TestApp::start().await);
    let ada = buyer(&app, "ada", 1).await.remove(0);
    check_out(&ada, &quoted(&ada, &[address("free_email_address", "ada")]).await, "sandbox_succeeds").await.expect(201);
    let cart = ada.post(&ada.org("/carts"), json!({})).await.expect(201)["id"].as_str().unwrap().to_owned();
    let items = ada.org(&format!("/carts/{cart}/items"));
    taken(ada.post(&items, address("free_email_address", "ADA")).await, "/options/local_part");
    taken(ada.post(&items, address("infomaniak_mail_plus", "ada")).await, "/options/local_part");
    ada.post(&items, address("infomaniak_mail_plus", "ada.l")).await.expect(201);
}

#[actix_web::test]
async fn the_name_of_an_order_that_dies_is_free_again() {
    let app = Arc::new(TestApp::start().await);
    let (ada, bob) = (buyer(&app, "ada", 1).await.remove(0), buyer(&app, "bob", 1).await.remove(0));
    let declined = "sandbox_declined_expired_card";
    let problem = check_out(&ada, &quoted(&ada, &[domain("engines.ch")]).await, declined).await;
    let order = problem.refused(402, "payment_failed")["order"].as_str().unwrap().to_owned();
    let waiting = bob.post(&bob.org("/carts"), json!({})).await.expect(201)["id"].as_str().unwrap().to_owned();
    let items = bob.org(&format!("/carts/{waiting}/items"));
    taken(bob.post(&items, domain("engines.ch")).await, "/options/domain");
    ada.post(&ada.org(&format!("/orders/{order}/cancel")), json!({})).await.expect(200);
    bob.post(&items, domain("engines.ch")).await.expect(201);
    // A lapsed order frees it too.
    let lapsing = quoted(&bob, &[domain("engines.ch")]).await;
    check_out(&bob, &lapsing, declined).await.refused(402, "payment_failed");
    app.advance(Duration::days(15));
    manager_services::workers::keep_house(&app.services, app.services.clock.now()).await.expect("a lapse");
    let ada = Person { organization: ada.organization.clone(), ..Person::log_in(&app, &ada.email).await };
    check_out(&ada, &quoted(&ada, &[domain("engines.ch")]).await, "sandbox_succeeds").await.expect(201);
}

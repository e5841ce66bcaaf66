//! ORG-3, MEM-2, ACC-9: who lost session or rights while their request was on its way changes nothing.

use std::sync::Arc;

use manager_tests::people::PASSWORD;
use manager_tests::{Person, TestApp, Value, Withheld, json};
use reqwest::Method;

use super::orders::{cart_with, check_out, quote};

/// An organization that can order, its owner, and an admin who has begun this and that.
struct Scene {
    ada: Person,
    bob: Person,
    /// An open cart with the id of its item, and its price token.
    cart: (String, String, Value),
    /// An order that waits for its payment.
    order: String,
    /// An invitation that waits.
    invitation: String,
}

impl Scene {
    async fn set() -> Self {
        let app = Arc::new(TestApp::start().await);
        let address = json!({"line1": "Rue du Lac 1", "postal_code": "1207", "city": "Genève", "country": "CH"});
        let organization = json!({"kind": "individual", "country": "CH", "billing_address": address});
        let ada = Person::register_with(&app, "ada", json!({"organization": organization})).await;
        let bob = Person::join(&app, &ada, "bob", json!({"role": "admin"})).await;
        let ordered = cart_with(&bob, "engines.ch").await;
        let token = quote(&bob, &ordered).await["price_token"].clone();
        let declined = check_out(&bob, &ordered, &token, "sandbox_declined_insufficient_funds").await;
        let order = declined.refused(402, "payment_failed")["order"].as_str().unwrap().to_owned();
        let cart = cart_with(&bob, "looms.ch").await;
        let token = quote(&bob, &cart).await["price_token"].clone();
        let shown = bob.get(&bob.org(&format!("/carts/{cart}"))).await.expect(200);
        let item = shown["items"][0]["id"].as_str().unwrap().to_owned();
        let invited = json!({"email": "eve@example.com", "role": "member"});
        let invited = bob.post(&bob.org("/invitations"), invited).await.expect(201);
        let invitation = invited["id"].as_str().unwrap().to_owned();
        app.work().await;
        Self { ada, bob, cart: (cart, item, token), order, invitation }
    }

    /// Bob's writes in the organization, each but for its last byte.
    async fn begun(&self) -> Vec<Withheld> {
        let Self { ada, bob, cart: (cart, item, token), order, invitation } = self;
        let (own, own_etag) = ada.membership_of(bob).await;
        let etag = ada.get(&ada.org("")).await.header("etag").to_owned();
        let item_of = format!("/carts/{cart}/items/{item}");
        let pay = json!({"payment_method_token": "sandbox_succeeds"});
        let checkout = json!({"price_token": token, "payment_method_token": "sandbox_succeeds"});
        let another = json!({"offer": "domain_ch", "frequency": "yearly", "options": {"domain": "cards.ch"}});
        let post = Method::POST;
        let writes = [
            (Method::PATCH, String::new(), json!({"name": "Bob's"})),
            (Method::PATCH, format!("/memberships/{own}"), json!({"billing": true})),
            (post.clone(), "/invitations".to_owned(), json!({"email": "mallory@example.com", "role": "admin"})),
            (post.clone(), format!("/invitations/{invitation}/resend"), json!({})),
            (post.clone(), "/carts".to_owned(), json!({})),
            (post.clone(), format!("/carts/{cart}/items"), another),
            (Method::PATCH, item_of, json!({"frequency": "two_years"})),
            (Method::PUT, format!("/carts/{cart}/payment-method"), json!({"kind": "twint"})),
            (post.clone(), format!("/carts/{cart}/quote"), json!({})),
            (post.clone(), format!("/carts/{cart}/checkout"), checkout),
            (post.clone(), format!("/orders/{order}/pay"), pay),
            (post, format!("/orders/{order}/cancel"), json!({})),
        ];
        let mut begun = Vec::new();
        for (number, (method, path, body)) in writes.into_iter().enumerate() {
            let key = format!("withheld-{number}");
            let patches_cart = path.starts_with("/carts");
            let kind = if method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
            let mut headers = vec![("content-type", kind), ("idempotency-key", key.as_str())];
            if method == Method::PATCH && !patches_cart {
                headers.push(("if-match", if path.is_empty() { &etag } else { &own_etag }));
            }
            begun.push(Withheld::begin(bob, method, &bob.org(&path), &headers, &body).await);
        }
        begun
    }

    /// What the owner sees of all that Bob would change.
    async fn seen(&self) -> Vec<Value> {
        let mut seen = Vec::new();
        for path in ["", "/carts", "/orders", "/invoices", "/products", "/invitations"] {
            seen.push(self.ada.get(&self.ada.org(path)).await.expect(200));
        }
        seen
    }
}

async fn all_refused(begun: Vec<Withheld>, status: u16, code: &str) {
    for request in begun {
        let what = request.what.clone();
        let (answered, body) = request.end().await;
        assert_eq!((answered, &body["code"]), (status, &json!(code)), "{what}: {body}");
    }
}

#[actix_web::test]
async fn who_was_removed_while_the_body_came_changes_nothing() {
    let scene = Scene::set().await;
    let (begun, before) = (scene.begun().await, scene.seen().await);
    let (id, _) = scene.ada.membership_of(&scene.bob).await;
    scene.ada.delete(&scene.ada.org(&format!("/memberships/{id}"))).await.expect(204);
    all_refused(begun, 404, "not_found").await;
    assert_eq!(scene.seen().await, before);
}

#[actix_web::test]
async fn who_lost_the_right_while_the_body_came_changes_nothing() {
    let scene = Scene::set().await;
    let (begun, before) = (scene.begun().await, scene.seen().await);
    let (id, etag) = scene.ada.membership_of(&scene.bob).await;
    let path = scene.ada.org(&format!("/memberships/{id}"));
    scene.ada.patch_seen(&path, &etag, json!({"role": "member"})).await.expect(200);
    all_refused(begun, 403, "forbidden").await;
    assert_eq!(scene.seen().await, before);
}

#[actix_web::test]
async fn whose_session_ended_while_the_body_came_changes_nothing() {
    let scene = Scene::set().await;
    let (begun, before) = (scene.begun().await, scene.seen().await);
    let elsewhere = Person::log_in(&scene.ada.app, &scene.bob.email).await;
    elsewhere.delete("/v1/me/sessions").await.expect(200);
    all_refused(begun, 401, "session_ended").await;
    assert_eq!(scene.seen().await, before);
}

#[actix_web::test]
async fn an_ended_session_changes_nothing_of_the_person_either() {
    let app = Arc::new(TestApp::start().await);
    let (ada, eve) = (Person::register(&app, "ada").await, Person::register(&app, "eve").await);
    let invited = json!({"email": eve.email, "role": "member"});
    let invited = ada.post(&ada.org("/invitations"), invited).await.expect(201);
    let invitation = invited["id"].as_str().unwrap();
    let cart = app.post("/v1/carts", json!({"country": "CH"})).await.expect(201);
    let (cart, secret) = (cart["cart"]["id"].as_str().unwrap(), cart["token"].as_str().unwrap());
    app.work().await;
    let etag = eve.get("/v1/me").await.header("etag").to_owned();
    let new = "otters juggle seventeen quiet looms";
    let (post, put) = (Method::POST, Method::PUT);
    let writes = [
        (Method::PATCH, "/v1/me".to_owned(), json!({"first_name": "Mallory"})),
        (put.clone(), "/v1/me/password".to_owned(), json!({"current_password": PASSWORD, "new_password": new})),
        (put, "/v1/me/recovery-email".to_owned(), json!({"password": PASSWORD, "email": "mallory@example.com"})),
        (post.clone(), "/v1/me/login-id-change".to_owned(), json!({"password": PASSWORD, "login_id": "m@example.com"})),
        (post.clone(), "/v1/me/absorption".to_owned(), json!({"email": "mallory@example.com"})),
        (post.clone(), "/v1/me/deletion".to_owned(), json!({"password": PASSWORD})),
        (post.clone(), "/v1/auth/step-up".to_owned(), json!({"password": "wrong wrong wrong"})),
        (post.clone(), "/v1/organizations".to_owned(), json!({"kind": "individual", "country": "CH"})),
        (post.clone(), format!("/v1/me/invitations/{invitation}/accept"), json!({})),
        (post.clone(), format!("/v1/me/invitations/{invitation}/decline"), json!({})),
        (post, format!("/v1/carts/{cart}/claim"), json!({"organization": eve.organization})),
    ];
    let mut begun = Vec::new();
    for (number, (method, path, body)) in writes.into_iter().enumerate() {
        let key = format!("withheld-{number}");
        let kind = if method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
        let headers = [
            ("content-type", kind),
            ("idempotency-key", &key),
            ("x-cart-token", secret),
            ("if-match", if method == Method::PATCH { etag.as_str() } else { "*" }),
        ];
        begun.push(Withheld::begin(&eve, method, &path, &headers, &body).await);
    }
    let mails = app.mails().await.len();
    let elsewhere = Person::log_in(&app, &eve.email).await;
    let before = elsewhere.get("/v1/me").await.expect(200);
    elsewhere.delete("/v1/me/sessions").await.expect(200);
    all_refused(begun, 401, "session_ended").await;
    assert_eq!(elsewhere.get("/v1/me").await.expect(200), before);
    assert_eq!(elsewhere.get("/v1/me/invitations").await.expect(200)["data"].as_array().unwrap().len(), 1);
    // Nothing was mailed but the notice of the login from elsewhere, if there is one.
    assert!(app.mails().await.len() <= mails + 1);
}

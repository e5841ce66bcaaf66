//! Customers of a server in a process of its own; unlike a [`Person`](crate::Person) they outlive it.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::answers::Answer;
use crate::people::PASSWORD;
use crate::processes::Process;

/// A signed-in owner of an organization that can order.
#[derive(Debug, Clone)]
pub struct Customer {
    pub email: String,
    pub token: String,
    pub organization: String,
}

/// A cart that is ready for checkout, with the key that makes repeating it safe.
#[derive(Debug, Clone)]
pub struct Prepared {
    pub cart: String,
    pub price_token: String,
    pub key: String,
}

/// What asks for an account with an organization in Switzerland.
pub fn registration(email: &str) -> Value {
    let address = json!({"line1": "Rue du Lac 1", "postal_code": "1207", "city": "Genève", "country": "CH"});
    json!({"email": email, "first_name": "Ada", "last_name": "Tester", "locale": "en",
        "organization": {"kind": "individual", "country": "CH", "billing_address": address}})
}

impl Customer {
    pub async fn register(server: &Process, name: &str) -> Self {
        let email = format!("{name}@example.com");
        server.post("/v1/accounts", registration(&email)).await.expect(202);
        let token = server.token_to(&email).await;
        let body = json!({"token": token, "password": PASSWORD});
        let granted = server.post("/v1/accounts/confirm", body).await.expect(201);
        Self::granted(server, &email, &granted).await
    }

    pub async fn log_in(server: &Process, email: &str) -> Self {
        let body = json!({"email": email, "password": PASSWORD});
        let granted = server.post("/v1/auth/login", body).await.expect(200);
        Self::granted(server, email, &granted).await
    }

    async fn granted(server: &Process, email: &str, granted: &Value) -> Self {
        let token = granted["access_token"].as_str().expect("a token").to_owned();
        let mut customer = Self { email: email.to_owned(), token, organization: String::new() };
        let me = customer.get(server, "/v1/me").await.expect(200);
        customer.organization = me["organizations"][0]["id"].as_str().unwrap_or_default().to_owned();
        customer
    }

    /// A path below the organization.
    pub fn org(&self, rest: &str) -> String {
        format!("/v1/organizations/{}{rest}", self.organization)
    }

    pub fn request(&self, server: &Process, method: Method, path: &str) -> RequestBuilder {
        server.request(method, path).bearer_auth(&self.token)
    }

    pub async fn get(&self, server: &Process, path: &str) -> Answer {
        server.answer(self.request(server, Method::GET, path)).await
    }

    pub async fn post(&self, server: &Process, path: &str, body: Value) -> Answer {
        server.answer(self.request(server, Method::POST, path).json(&body)).await
    }

    /// Everything in a list of the organization.
    pub async fn all(&self, server: &Process, list: &str) -> Vec<Value> {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        for _ in 0..100 {
            let page = self.get(server, &self.org(&format!("/{list}?limit=100{cursor}"))).await.expect(200);
            found.extend(page["data"].as_array().expect("a list").iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return found,
            }
        }
        panic!("{list} has no end")
    }

    /// A cart with a .ch domain for a year, with its price confirmed.
    pub async fn prepare(&self, server: &Process, domain: &str) -> Prepared {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let cart = text(&self.post(server, &self.org("/carts"), json!({})).await.expect(201)["id"]);
        let path = |rest: &str| self.org(&format!("/carts/{cart}{rest}"));
        let item = json!({"offer": "domain_ch", "frequency": "yearly", "options": {"domain": domain}});
        self.post(server, &path("/items"), item).await.expect(201);
        let method = self.request(server, Method::PUT, &path("/payment-method")).json(&json!({"kind": "card"}));
        server.answer(method).await.expect(200);
        let price_token = text(&self.post(server, &path("/quote"), json!({})).await.expect(201)["price_token"]);
        let key = format!("checkout-{cart}");
        Prepared { cart, price_token, key }
    }

    /// The request that orders a cart and pays it with one of the sandbox's cards.
    pub fn checkout(&self, server: &Process, prepared: &Prepared, card: &str) -> RequestBuilder {
        let path = self.org(&format!("/carts/{}/checkout", prepared.cart));
        let body = json!({"price_token": prepared.price_token, "payment_method_token": card});
        self.request(server, Method::POST, &path).header("idempotency-key", &prepared.key).json(&body)
    }

    /// The request that pays an open order.
    pub fn pay(&self, server: &Process, order: &str, card: &str) -> RequestBuilder {
        let path = self.org(&format!("/orders/{order}/pay"));
        let body = json!({"payment_method_token": card});
        self.request(server, Method::POST, &path).header("idempotency-key", format!("pay-{order}-{card}")).json(&body)
    }
}

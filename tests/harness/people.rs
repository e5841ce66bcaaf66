//! Persons who act in sentences.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::answers::Answer;
use crate::app::TestApp;

/// A password that everybody here uses unless the test is about passwords.
pub const PASSWORD: &str = "seventeen otters juggle quietly";

/// A signed-in person.
#[derive(Clone)]
pub struct Person {
    pub app: Arc<TestApp>,
    pub email: String,
    pub account: String,
    pub session: String,
    pub token: String,
    pub refresh_token: String,
    /// The organization that registration made, where it made one.
    pub organization: String,
}

impl Person {
    /// Registers through the API as an individual in Switzerland.
    pub async fn register(app: &Arc<TestApp>, name: &str) -> Self {
        Self::register_with(app, name, json!({"organization": {"kind": "individual", "country": "CH"}})).await
    }

    /// Registers with more members in the request, such as an invitation or a cart.
    pub async fn register_with(app: &Arc<TestApp>, name: &str, more: Value) -> Self {
        let email = format!("{name}@example.com");
        let mut body = json!({"email": email, "first_name": name, "last_name": "Tester", "locale": "en"});
        for (member, value) in more.as_object().expect("an object") {
            body[member] = value.clone();
        }
        app.post("/v1/accounts", body).await.expect(202);
        let token = app.mail_to(&email).await.token();
        let granted = app.post("/v1/accounts/confirm", json!({"token": token, "password": PASSWORD})).await.expect(201);
        Self::granted(app, email, &granted).await
    }

    /// Is invited by an owner with these rights and registers from the invitation; paths below `org` are the owner's.
    pub async fn join(app: &Arc<TestApp>, owner: &Self, name: &str, mut rights: Value) -> Self {
        let email = format!("{name}@example.com");
        rights["email"] = json!(email);
        owner.post(&owner.org("/invitations"), rights).await.expect(201);
        let token = app.mail_to(&email).await.token();
        let mut person = Self::register_with(app, name, json!({"invitation": token})).await;
        person.organization.clone_from(&owner.organization);
        person
    }

    /// Another person's membership of this person's organization: its id and entity tag.
    pub async fn membership_of(&self, person: &Self) -> (String, String) {
        let list = self.get(&self.org("/memberships?limit=100")).await.expect(200);
        let rows = list["data"].as_array().expect("rows");
        let found = rows.iter().find(|row| row["login_id"] == person.email.as_str()).expect("the membership");
        let id = found["id"].as_str().expect("an id").to_owned();
        let etag = self.get(&self.org(&format!("/memberships/{id}"))).await.header("etag").to_owned();
        (id, etag)
    }

    /// Logs in with the usual password.
    pub async fn log_in(app: &Arc<TestApp>, email: &str) -> Self {
        let granted = app.post("/v1/auth/login", json!({"email": email, "password": PASSWORD})).await.expect(200);
        Self::granted(app, email.to_owned(), &granted).await
    }

    async fn granted(app: &Arc<TestApp>, email: String, granted: &Value) -> Self {
        let text = |name: &str| granted[name].as_str().expect(name).to_owned();
        let mut person = Self {
            app: Arc::clone(app),
            email,
            account: String::new(),
            session: text("session_id"),
            token: text("access_token"),
            refresh_token: text("refresh_token"),
            organization: String::new(),
        };
        let me = person.get("/v1/me").await.expect(200);
        person.account = me["id"].as_str().expect("an id").to_owned();
        let organization = me["organizations"].as_array().and_then(|list| list.first());
        person.organization = organization.and_then(|o| o["id"].as_str()).unwrap_or_default().to_owned();
        person
    }

    /// A path below the person's organization.
    pub fn org(&self, rest: &str) -> String {
        format!("/v1/organizations/{}{rest}", self.organization)
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.app.request(method, path).bearer_auth(&self.token)
    }

    pub async fn send(&self, request: RequestBuilder) -> Answer {
        self.app.send(request).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::POST, path).json(&body)).await
    }

    /// A request of its own, which is not a repetition of any other.
    pub async fn post_once(&self, path: &str, body: Value) -> Answer {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let key = format!("once-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        self.send(self.request(Method::POST, path).header("idempotency-key", key).json(&body)).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::PUT, path).json(&body)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::PATCH, path).json(&body)).await
    }

    /// A merge patch of the version that the `If-Match` header names.
    pub async fn patch_seen(&self, path: &str, etag: &str, body: Value) -> Answer {
        self.send(self.request(Method::PATCH, path).header("if-match", etag).json(&body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }
}

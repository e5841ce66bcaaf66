//! The server dies at every point of its list in turn: afterwards either nothing of the use case exists, or everything
//! once, and asking again brings it to its end or says what stands.

use std::time::Duration;

use manager_tests::customers::{Prepared, registration};
use manager_tests::people::PASSWORD;
use manager_tests::processes::failpoints;
use manager_tests::{Answer, Customer, Installation, Process, Value, crowd, json};
use reqwest::Method;

use crate::books;

/// Which use case passes a point.
#[derive(Debug, Clone, Copy)]
enum Flow {
    Checkout,
    /// Of an order whose first card was declined.
    Pay,
    Confirm,
    Accept,
    /// A mail on its way.
    Mail,
    TopUp,
    /// Of an order that the prepaid account pays in part.
    PayInPart,
    /// A payment whose provider gave no answer, collected by its job.
    LatePayment,
    /// Of an invoice that a card paid, by finance people.
    Refund,
}

fn flows(point: &str) -> &'static [Flow] {
    match point.split('.').next() {
        Some("idempotency") => &[Flow::Checkout, Flow::Pay],
        Some("checkout") => &[Flow::Checkout],
        Some("pay") => &[Flow::Pay],
        Some("top_up") => &[Flow::TopUp],
        Some("payments") => &[Flow::Checkout, Flow::Pay, Flow::PayInPart, Flow::TopUp, Flow::LatePayment],
        Some("refunds") => &[Flow::Refund],
        Some("registrations") => &[Flow::Confirm],
        Some("invitations") => &[Flow::Accept],
        Some("jobs") => &[Flow::Mail, Flow::LatePayment],
        Some("mails") => &[Flow::Mail],
        _ => panic!("no flow is known to pass {point}"),
    }
}

#[actix_web::test]
async fn a_server_that_dies_at_any_point_leaves_nothing_or_everything_once() {
    let points = failpoints();
    assert!(points.len() >= 20, "{points:?}");
    let cases: Vec<(String, Flow)> =
        points.iter().flat_map(|point| flows(point).iter().map(|flow| (point.clone(), *flow))).collect();
    crowd(3, cases, |(point, flow)| async move {
        println!("{point} in {flow:?}");
        let crash = Crash { installation: Installation::new(), point };
        match flow {
            Flow::Checkout => checkout(&crash).await,
            Flow::Pay => pay(&crash).await,
            Flow::Confirm => confirm(&crash).await,
            Flow::Accept => accept(&crash).await,
            Flow::Mail => mail(&crash).await,
            Flow::TopUp => top_up(&crash).await,
            Flow::PayInPart => pay_in_part(&crash).await,
            Flow::LatePayment => late_payment(&crash).await,
            Flow::Refund => refund(&crash).await,
        }
    })
    .await;
}

struct Crash {
    installation: Installation,
    point: String,
}

impl Crash {
    /// The server that will die, after the one that made what must be there before.
    async fn dying(&self, calm: Process) -> Process {
        self.installation.settled().await;
        calm.stop().await;
        self.installation.start_with(&[("MANAGER_FAILPOINT", &self.point)]).await
    }

    /// The next server, when the leases of the dead one are over and all jobs are done.
    async fn after(&self, dead: Process) -> Process {
        dead.died().await;
        self.restarted().await
    }

    async fn restarted(&self) -> Process {
        self.installation.wait(Duration::from_secs(180));
        let server = self.installation.start().await;
        self.installation.settled().await;
        server
    }

    /// Whether the use case's own transaction was committed.
    fn committed(&self) -> bool {
        let before = ["checkout.", "pay.", "top_up.", "refunds.", "registrations.", "invitations."]
            .map(|case| format!("{case}before_commit"));
        !before.contains(&self.point) && self.point != "idempotency.after_claim"
    }

    /// Sends a request whose answer the server does not live to give.
    async fn dies_of(&self, server: &Process, request: reqwest::RequestBuilder) {
        let answer = server.try_answer(request).await;
        assert!(answer.is_none(), "nobody died at {}: {answer:?}", self.point);
    }

    /// The same request again: done now, or refused for what stands already.
    #[track_caller]
    fn again(&self, answer: &Answer, done: u16, code: &str) {
        let stands = self.committed() && answer.body["code"] == code;
        let fits = answer.status == done || stands;
        assert!(fits, "again after {}: {} {}", self.point, answer.status, answer.body);
    }
}

async fn checkout(crash: &Crash) {
    let server = crash.installation.start().await;
    let ada = Customer::register(&server, "ada").await;
    let cart = ada.prepare(&server, "engines.ch").await;
    let server = crash.dying(server).await;
    crash.dies_of(&server, ada.checkout(&server, &cart, "sandbox_succeeds")).await;
    let server = crash.after(server).await;
    let placed: &[Prepared] = if crash.committed() { std::slice::from_ref(&cart) } else { &[] };
    books::in_order(&server, &ada, placed).await;
    let answer = server.answer(ada.checkout(&server, &cart, "sandbox_succeeds")).await;
    crash.again(&answer, 201, "quote_used");
    crash.installation.settled().await;
    books::in_order(&server, &ada, &[cart]).await;
    server.stop().await;
}

async fn pay(crash: &Crash) {
    let server = crash.installation.start().await;
    let ada = Customer::register(&server, "ada").await;
    let cart = ada.prepare(&server, "engines.ch").await;
    let declined = server.answer(ada.checkout(&server, &cart, "sandbox_declined_expired_card")).await;
    let order = declined.refused(402, "payment_failed")["order"].as_str().expect("the order").to_owned();
    crash.installation.wait(Duration::from_secs(60));
    server.stop().await;
    let server = crash.installation.start().await;
    let server = crash.dying(server).await;
    crash.dies_of(&server, ada.pay(&server, &order, "sandbox_succeeds")).await;
    let server = crash.after(server).await;
    let shown = ada.get(&server, &ada.org(&format!("/orders/{order}"))).await.expect(200);
    assert_eq!(shown["order"]["state"], if crash.committed() { "paid" } else { "open" }, "{shown}");
    let answer = server.answer(ada.pay(&server, &order, "sandbox_succeeds")).await;
    crash.again(&answer, 201, "order_closed");
    crash.installation.settled().await;
    books::in_order(&server, &ada, &[cart]).await;
    server.stop().await;
}

/// The request that tops a prepaid account up.
fn topping_up(server: &Process, customer: &Customer, amount: i64) -> reqwest::RequestBuilder {
    let body = json!({"amount": {"amount": amount, "currency": "CHF"}, "payment_method": "card",
        "payment_method_token": "sandbox_succeeds"});
    let request = customer.request(server, Method::POST, &customer.org("/prepaid/top-ups"));
    request.header("idempotency-key", format!("top-up-{amount}")).json(&body)
}

/// What can be spent, and what is held.
async fn balances(server: &Process, customer: &Customer) -> (i64, i64) {
    let account = customer.get(server, &customer.org("/prepaid")).await.expect(200);
    let amount = |name: &str| account[name]["amount"].as_i64().expect("an amount");
    (amount("available"), amount("held"))
}

async fn top_up(crash: &Crash) {
    let server = crash.installation.start().await;
    let ada = Customer::register(&server, "ada").await;
    let server = crash.dying(server).await;
    crash.dies_of(&server, topping_up(&server, &ada, 5000)).await;
    let server = crash.after(server).await;
    let credited = if crash.committed() { 5000 } else { 0 };
    assert_eq!(balances(&server, &ada).await, (credited, 0), "after {}", crash.point);
    server.answer(topping_up(&server, &ada, 5000)).await.expect(201);
    crash.installation.settled().await;
    assert_eq!(balances(&server, &ada).await, (5000, 0), "again after {}", crash.point);
    books::audited(&server, &ada).await;
    server.stop().await;
}

async fn pay_in_part(crash: &Crash) {
    let server = crash.installation.start().await;
    let ada = Customer::register(&server, "ada").await;
    server.answer(topping_up(&server, &ada, 1000)).await.expect(201);
    let cart = ada.prepare(&server, "engines.ch").await;
    let checkout = |server: &Process| {
        let path = ada.org(&format!("/carts/{}/checkout", cart.cart));
        let body = json!({"price_token": cart.price_token, "payment_method_token": "sandbox_succeeds",
            "prepaid_at_most": {"amount": 400, "currency": "CHF"}});
        ada.request(server, Method::POST, &path).header("idempotency-key", &cart.key).json(&body)
    };
    let server = crash.dying(server).await;
    crash.dies_of(&server, checkout(&server)).await;
    let server = crash.after(server).await;
    assert_eq!(balances(&server, &ada).await, (600, 0), "after {}", crash.point);
    let answer = server.answer(checkout(&server)).await;
    crash.again(&answer, 201, "quote_used");
    crash.installation.settled().await;
    assert_eq!(balances(&server, &ada).await, (600, 0), "again after {}", crash.point);
    books::in_order(&server, &ada, std::slice::from_ref(&cart)).await;
    server.stop().await;
}

/// Somebody of finance, made by the command line.
async fn finance(crash: &Crash, server: &Process) -> Customer {
    let email = "finance@example.com";
    let mut command = crash.installation.command();
    let (status, log) =
        crash.installation.spawn(command.args(["staff", "create", email, "--role", "finance"])).ended().await;
    assert!(status.success(), "{log}");
    let body = json!({"token": server.token_to(email).await, "password": PASSWORD});
    server.post("/v1/auth/password-reset/confirm", body).await.expect(204);
    Customer::log_in(server, email).await
}

async fn refund(crash: &Crash) {
    let server = crash.installation.start().await;
    let ada = Customer::register(&server, "ada").await;
    let finance = finance(crash, &server).await;
    let cart = ada.prepare(&server, "engines.ch").await;
    let placed = server.answer(ada.checkout(&server, &cart, "sandbox_refund_fails")).await.expect(201);
    let invoice = placed["invoice"]["id"].as_str().expect("the invoice").to_owned();
    let refund = |server: &Process| {
        let body = json!({"organization": ada.organization, "invoice": invoice, "reason": "Ticket 4711"});
        let request = finance.request(server, Method::POST, "/v1/admin/refunds");
        request.header("idempotency-key", "refund").json(&body)
    };
    let server = crash.dying(server).await;
    crash.dies_of(&server, refund(&server)).await;
    let server = crash.after(server).await;
    let credited = if crash.committed() { 973 } else { 0 };
    assert_eq!(balances(&server, &ada).await, (credited, 0), "after {}", crash.point);
    server.answer(refund(&server)).await.expect(201);
    crash.installation.settled().await;
    assert_eq!(balances(&server, &ada).await, (973, 0), "again after {}", crash.point);
    assert_eq!(ada.all(&server, "credit-notes").await.len(), 1);
    let proof = finance.get(&server, "/v1/admin/books").await.expect(200);
    assert_eq!(proof["agree"], true, "{proof}");
    books::audited(&server, &ada).await;
    server.stop().await;
}

async fn confirm(crash: &Crash) {
    let server = crash.installation.start().await;
    server.post("/v1/accounts", registration("ada@example.com")).await.expect(202);
    let token = server.token_to("ada@example.com").await;
    let confirm = |server: &Process| {
        let body = json!({"token": token, "password": PASSWORD});
        server.request(Method::POST, "/v1/accounts/confirm").json(&body)
    };
    let server = crash.dying(server).await;
    crash.dies_of(&server, confirm(&server)).await;
    let server = crash.after(server).await;
    crash.again(&server.answer(confirm(&server)).await, 201, "token_lapsed");
    let ada = Customer::log_in(&server, "ada@example.com").await;
    let me = ada.get(&server, "/v1/me").await.expect(200);
    assert_eq!(me["organizations"].as_array().map(Vec::len), Some(1), "{me}");
    books::audited(&server, &ada).await;
    server.stop().await;
}

async fn accept(crash: &Crash) {
    let server = crash.installation.start().await;
    let (ada, bob) = (Customer::register(&server, "ada").await, Customer::register(&server, "bob").await);
    let rights =
        json!({"email": bob.email, "role": "member", "billing": true, "products": {"access": "all", "level": "view"}});
    let invitation = ada.post(&server, &ada.org("/invitations"), rights).await.expect(201);
    let path = format!("/v1/me/invitations/{}/accept", invitation["id"].as_str().expect("an id"));
    let accept = |server: &Process| bob.request(server, Method::POST, &path);
    let server = crash.dying(server).await;
    crash.dies_of(&server, accept(&server)).await;
    let server = crash.after(server).await;
    crash.again(&server.answer(accept(&server)).await, 200, "invitation_closed");
    let members = ada.all(&server, "memberships").await;
    let bobs = |member: &&Value| member["login_id"] == bob.email.as_str();
    assert_eq!(members.iter().filter(bobs).count(), 1, "{members:?}");
    crash.installation.settled().await;
    let told = |mail: &&Value| mail["to"] == ada.email.as_str() && !mail["subject"].to_string().contains("Confirm");
    let mails = server.mails().await;
    assert!(mails.iter().filter(told).count() >= 1, "the inviter is told: {mails:?}");
    books::audited(&server, &ada).await;
    server.stop().await;
}

async fn mail(crash: &Crash) {
    let server = crash.installation.start().await;
    let server = crash.dying(server).await;
    let request = server.request(Method::POST, "/v1/accounts").json(&registration("ada@example.com"));
    if let Some(answer) = server.try_answer(request).await {
        answer.expect(202);
    }
    let server = crash.after(server).await;
    let body = json!({"token": server.token_to("ada@example.com").await, "password": PASSWORD});
    server.post("/v1/accounts/confirm", body).await.expect(201);
    server.stop().await;
}

async fn late_payment(crash: &Crash) {
    let server = crash.installation.start().await;
    let ada = Customer::register(&server, "ada").await;
    let cart = ada.prepare(&server, "engines.ch").await;
    let placed = server.answer(ada.checkout(&server, &cart, "sandbox_times_out")).await.expect(201);
    assert_eq!(placed["payments"][0]["state"], "processing", "{placed}");
    server.stop().await;
    crash.installation.wait(Duration::from_secs(60));
    // Its worker finds the payment's job at once.
    let mut command = crash.installation.command();
    let (status, log) = crash.installation.spawn(command.env("MANAGER_FAILPOINT", &crash.point)).ended().await;
    assert!(!status.success(), "{log}");
    let server = crash.restarted().await;
    books::in_order(&server, &ada, &[cart]).await;
    server.stop().await;
}

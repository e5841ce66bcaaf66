//! `kill -9` while many orders are placed: what was answered stands, and repeating the rest makes nothing twice.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use manager_tests::crowd::chance;
use manager_tests::customers::{Prepared, registration};
use manager_tests::{Answer, Customer, Installation, Process, crowd};
use reqwest::Method;

use crate::books;

const CUSTOMERS: usize = 25;
const CARTS_EACH: usize = 20;
const AT_ONCE: usize = 32;

/// What was told before the server died.
#[derive(Default)]
struct Told {
    /// By the place of the cart: the order.
    orders: Vec<(usize, String)>,
    /// Addresses that were told to look into their mailbox.
    mails: Vec<String>,
}

async fn customers(server: &Rc<Process>) -> Vec<(Customer, Vec<Prepared>)> {
    let shared = Rc::clone(server);
    let register = move |number: usize| {
        let server = Rc::clone(&shared);
        async move { Customer::register(&server, &format!("customer-{number}")).await }
    };
    let registered = crowd(4, 0..CUSTOMERS, register).await;
    let shared = Rc::clone(server);
    crowd(AT_ONCE, registered, move |customer| {
        let server = Rc::clone(&shared);
        async move {
            let mut carts = Vec::new();
            for number in 0..CARTS_EACH {
                carts.push(
                    customer
                        .prepare(
                            &server,
                            &format!("engines-{number}-of-{}.ch", customer.organization.trim_start_matches("org_")),
                        )
                        .await,
                );
            }
            (customer, carts)
        }
    })
    .await
}

fn order_of(answer: &Answer) -> String {
    let id = answer.body["order"]["id"].as_str().or_else(|| answer.body["order"].as_str());
    id.unwrap_or_else(|| panic!("an order in {}", answer.body)).to_owned()
}

/// Orders everything at once until the server dies at a random moment.
async fn order_until_killed(server: &Rc<Process>, carts: &[(Customer, Prepared)]) -> Told {
    let told = Rc::new(RefCell::new(Told::default()));
    let dies_after = carts.len() / 5 + chance(carts.len() as u64 / 2) as usize;
    println!("the server is killed after {dies_after} answers");
    let (shared, heard) = (Rc::clone(server), Rc::clone(&told));
    crowd(AT_ONCE, carts.iter().cloned().enumerate(), move |(place, (customer, cart))| {
        let (server, told) = (Rc::clone(&shared), Rc::clone(&heard));
        async move {
            if place % 10 == 0 {
                let email = format!("guest-{place}@example.com");
                let request = server.request(Method::POST, "/v1/accounts").json(&registration(&email));
                if let Some(answer) = server.try_answer(request).await {
                    answer.expect(202);
                    told.borrow_mut().mails.push(email);
                }
            }
            let answer = server.try_answer(customer.checkout(&server, &cart, "sandbox_succeeds")).await;
            match answer {
                Some(answer) if answer.status == 201 => told.borrow_mut().orders.push((place, order_of(&answer))),
                Some(answer) => assert_eq!(answer.status, 503, "{}", answer.body),
                None => {}
            }
            if told.borrow().orders.len() >= dies_after && server.end().is_none() {
                server.kill();
            }
        }
    })
    .await;
    told.take()
}

#[actix_web::test]
async fn a_server_killed_during_500_checkouts_keeps_every_answered_order_and_makes_none_twice() {
    let installation = Installation::new();
    let server = Rc::new(installation.start().await);
    let customers = customers(&server).await;
    let carts: Vec<(Customer, Prepared)> = customers
        .iter()
        .flat_map(|(customer, carts)| carts.iter().map(move |cart| (customer.clone(), cart.clone())))
        .collect();
    let told = order_until_killed(&server, &carts).await;
    assert!(told.orders.len() < carts.len(), "the server died in the middle");

    // Later, so that leases of the dead process are over.
    installation.wait(Duration::from_secs(180));
    let server = Rc::new(installation.start().await);
    let shared = Rc::clone(&server);
    let repeated = crowd(AT_ONCE, carts.clone(), move |(customer, cart)| {
        let server = Rc::clone(&shared);
        async move { server.answer(customer.checkout(&server, &cart, "sandbox_succeeds")).await }
    });
    for answer in repeated.await {
        match answer.status {
            201 => {}
            409 => assert_eq!(answer.body["code"], "quote_used", "{}", answer.body),
            other => panic!("{other} {}", answer.body),
        }
    }
    installation.settled().await;
    let shared = Rc::clone(&server);
    let books = crowd(4, customers, move |(customer, carts)| {
        let server = Rc::clone(&shared);
        async move { books::in_order(&server, &customer, &carts).await }
    });
    let orders: std::collections::BTreeMap<String, String> = books.await.into_iter().flatten().collect();
    for (place, order) in &told.orders {
        assert_eq!(orders.get(&carts[*place].1.cart), Some(order), "an order that was answered");
    }
    let mails = server.mails().await;
    for email in &told.mails {
        assert!(mails.iter().any(|mail| mail["to"] == email.as_str()), "no mail to {email}");
    }
    server.stop().await;
}

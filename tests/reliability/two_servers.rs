//! Two servers on one PostgreSQL database: they start at once, and do every job once.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use diesel::prelude::*;
use manager_repository::schema::catalogue_versions;
use manager_tests::customers::registration;
use manager_tests::databases::{TestDatabase, on_postgres};
use manager_tests::smtp::MailServer;
use manager_tests::{Customer, Installation, crowd, json};

#[actix_web::test]
async fn servers_that_start_at_once_on_an_empty_database_prepare_it_once() {
    if !on_postgres() {
        return; // One process owns an SQLite file.
    }
    for _ in 0..3 {
        let installation = Installation::on(TestDatabase::create_empty());
        let mut starting = Vec::new();
        for _ in 0..4 {
            starting.push(installation.spawn(&mut installation.command()));
        }
        let mut servers = Vec::new();
        for server in starting {
            servers.push(server.ready().await);
        }
        let versions: i64 = catalogue_versions::table.count().get_result(&mut installation.connect()).expect("a count");
        assert_eq!(versions, 1, "versions of the catalogue");
        let keys = servers[0].get("/.well-known/jwks.json").await.expect(200);
        assert_eq!(keys["keys"].as_array().map(Vec::len), Some(1), "{keys}");
        // What one grants the others honour.
        let ada = Customer::register(&servers[0], "ada").await;
        for server in &servers {
            ada.get(server, "/v1/me").await.expect(200);
            server.stop().await;
        }
    }
}

#[actix_web::test]
async fn two_servers_do_every_job_once() {
    if !on_postgres() {
        return;
    }
    let mail_server = MailServer::start();
    let mut installation = Installation::new();
    installation.set("MANAGER_SMTP_URL", &mail_server.url);
    installation.set("MANAGER_DEV_MAIL_LISTEN", "");
    installation.set("MANAGER_WORKERS", "2");
    let servers = Rc::new([installation.start().await, installation.start().await]);
    let shared = Rc::clone(&servers);
    let addresses: Vec<String> = (0..200).map(|number| format!("guest-{number}@example.com")).collect();
    crowd(16, addresses.clone().into_iter().enumerate(), move |(number, address)| {
        let servers = Rc::clone(&shared);
        async move {
            let server = &servers[number % 2];
            server.post("/v1/accounts", registration(&address)).await.expect(202);
            // Two kinds of jobs: this one looks whom to mail, and finds nobody.
            server.post("/v1/auth/password-reset", json!({"email": address})).await.expect(202);
        }
    })
    .await;
    installation.settled().await;
    let mut received = BTreeMap::<String, usize>::new();
    for delivery in mail_server.taken() {
        assert!(!delivery.message_id.is_empty());
        for to in delivery.to {
            *received.entry(to).or_default() += 1;
        }
    }
    let once: BTreeMap<String, usize> = addresses.into_iter().map(|address| (address, 1)).collect();
    assert_eq!(received, once);
    let begun = Instant::now();
    for server in servers.iter() {
        server.stop().await;
    }
    assert!(begun.elapsed() < Duration::from_secs(20));
}

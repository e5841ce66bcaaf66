//! SIGTERM: what runs is finished, nothing new begins, and the end comes in time.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use manager_tests::customers::registration;
use manager_tests::smtp::MailServer;
use manager_tests::{Customer, Installation};
use reqwest::Client;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[actix_web::test]
async fn a_running_request_is_finished_and_new_connections_are_refused() {
    let installation = Installation::new();
    let server = installation.start().await;
    let address: SocketAddr = server.url.strip_prefix("http://").expect("a URL").parse().expect("an address");
    // A slow sender: half of its body comes after the signal.
    let (first, second) = (r#"{"email": "nobody@example.com", "#, r#""password": "whatever it is"}"#);
    let length = first.len() + second.len();
    let head = format!(
        "POST /v1/auth/login HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{first}"
    );
    let mut slow = TcpStream::connect(address).await.expect("a connection");
    slow.write_all(head.as_bytes()).await.expect("the first half");
    tokio::time::sleep(Duration::from_millis(300)).await;
    server.terminate();
    let begun = Instant::now();
    while TcpStream::connect(address).await.is_ok() {
        assert!(begun.elapsed() < Duration::from_secs(5), "new connections are taken still");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(server.end().is_none(), "a request is running");
    slow.write_all(second.as_bytes()).await.expect("the second half");
    let mut answer = String::new();
    slow.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 401") && answer.contains("invalid_credentials"), "{answer}");
    let status = server.died().await;
    assert!(status.success(), "{status}");
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[actix_web::test]
async fn a_request_that_never_ends_does_not_keep_the_server() {
    let installation = Installation::new();
    // What this takes is part of the bound.
    let server = installation.start_with(&[("MANAGER_DRAIN_SECONDS", "2")]).await;
    let ada = Customer::register(&server, "ada").await;
    let address = server.url.strip_prefix("http://").expect("a URL").to_owned();
    let mut stuck = TcpStream::connect(&address).await.expect("a connection");
    // The server would wait for 42 seconds for such a body.
    let head = format!(
        "PUT /v1/me/avatar HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\nContent-Type: image/png\r\n\
         Content-Length: 99\r\n\r\n{{",
        ada.token
    );
    stuck.write_all(head.as_bytes()).await.expect("a beginning");
    tokio::time::sleep(Duration::from_millis(500)).await;
    server.terminate();
    let begun = Instant::now();
    let status = server.died().await;
    assert!(status.success(), "{status}");
    let took = begun.elapsed();
    assert!(took > Duration::from_secs(19) && took < Duration::from_secs(22), "{took:?}");
    let mut answer = String::new();
    // Reset or closed, but never answered: what kept the server was this request.
    let _ = stuck.read_to_string(&mut answer).await;
    assert_eq!(answer, "");
}

#[actix_web::test]
async fn who_looks_learns_that_it_stops_before_it_does() {
    let installation = Installation::new();
    let server = installation.start_with(&[("MANAGER_DRAIN_SECONDS", "3")]).await;
    server.get("/health/ready").await.expect(200);
    server.terminate();
    let begun = Instant::now();
    let fresh = || Client::builder().pool_max_idle_per_host(0).build().expect("a client");
    let mut unready = 0;
    while let Ok(answer) = fresh().get(format!("{}/health/ready", server.url)).send().await {
        if answer.status() == 503 {
            unready += 1;
            // What comes still is served.
            for path in ["/health/live", "/v1/catalogue"] {
                server.answer(fresh().get(format!("{}{path}", server.url))).await.expect(200);
            }
        }
        assert!(begun.elapsed() < Duration::from_secs(6), "new connections are taken still");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(unready > 3, "{unready}");
    assert!(begun.elapsed() > Duration::from_secs(2), "{:?}", begun.elapsed());
    let status = server.died().await;
    assert!(status.success(), "{status}");
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
}

#[actix_web::test]
async fn an_idle_server_ends_at_once() {
    let installation = Installation::new();
    let server = installation.start().await;
    // Its connection stays open, as those of browsers and proxies do.
    server.get("/health/ready").await.expect(200);
    let begun = Instant::now();
    server.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}

#[actix_web::test]
async fn the_mail_at_hand_is_sent_and_the_next_server_sends_the_others_at_once() {
    let mail_server = MailServer::slow(Duration::from_secs(1));
    let mut installation = Installation::new();
    installation.set("MANAGER_SMTP_URL", &mail_server.url);
    installation.set("MANAGER_DEV_MAIL_LISTEN", "");
    installation.set("MANAGER_WORKERS", "0");
    let server = installation.start().await;
    for number in 0..6 {
        server.post("/v1/accounts", registration(&format!("guest-{number}@example.com"))).await.expect(202);
    }
    server.stop().await;
    let server = installation.start_with(&[("MANAGER_WORKERS", "1")]).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let begun = Instant::now();
    server.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    assert!((1..=3).contains(&mail_server.taken().len()), "{:?}", mail_server.taken());
    let server = installation.start_with(&[("MANAGER_WORKERS", "1")]).await;
    // Much sooner than the lease of the first server would have ended.
    installation.settled().await;
    server.stop().await;
    let mut received: Vec<String> = mail_server.taken().into_iter().flat_map(|delivery| delivery.to).collect();
    received.sort();
    let once: Vec<String> = (0..6).map(|number| format!("guest-{number}@example.com")).collect();
    assert_eq!(received, once);
}

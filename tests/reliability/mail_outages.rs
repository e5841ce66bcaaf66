//! The mail server is down for hours, and says so in every way there is: requests are answered as ever, no mail is lost,
//! and each goes out once when it is back.

use std::time::{Duration, Instant};

use manager_tests::customers::registration;
use manager_tests::smtp::{Down, HANG_UP, MailServer};
use manager_tests::{Installation, Process, json};

/// How long an answer may take that has nothing to do with mails leaving.
const SOON: Duration = Duration::from_secs(5);

struct Outage {
    installation: Installation,
    /// Who registered so far, and must hear of it.
    expected: Vec<String>,
}

impl Outage {
    fn new(mail_url: &str) -> Self {
        let mut installation = Installation::new();
        installation.set("MANAGER_SMTP_URL", mail_url);
        installation.set("MANAGER_DEV_MAIL_LISTEN", "");
        Self { installation, expected: Vec::new() }
    }

    /// Asks for things that cause mails, while a worker fails at sending them.
    async fn go_on(&mut self, server: &Process) {
        for _ in 0..3 {
            let email = format!("guest-{}@example.com", self.expected.len());
            let begun = Instant::now();
            server.post("/v1/accounts", registration(&email)).await.expect(202);
            server.post("/v1/auth/password-reset", json!({"email": email})).await.expect(202);
            server.get("/health/ready").await.expect(200);
            assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
            self.expected.push(email);
        }
        let begun = Instant::now();
        while server.log().matches("\"a job failed\"").count() < 3 {
            assert!(begun.elapsed() < Duration::from_secs(30), "no mail was tried: {}", server.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(!server.log().contains("given up"), "{}", server.log());
    }

    /// A server that is ready, hours later, and looks at all that waits.
    async fn hours_later(&self, hours: u64) -> Process {
        self.installation.wait(Duration::from_secs(hours * 3600));
        self.installation.start().await
    }

    async fn all_arrive(&self, mails: &MailServer) {
        mails.refuse(None);
        let server = self.hours_later(2).await;
        self.installation.settled().await;
        server.stop().await;
        let mut received: Vec<String> = mails.taken().into_iter().flat_map(|delivery| delivery.to).collect();
        received.sort();
        let mut expected = self.expected.clone();
        expected.sort();
        assert_eq!(received, expected);
    }
}

#[actix_web::test]
async fn mails_outlast_a_mail_server_that_is_down_for_hours() {
    let down = Down::new();
    let mut outage = Outage::new(&down.url());
    let server = outage.installation.start().await;
    outage.go_on(&server).await;
    // The worker dies too, with mails in its hands.
    server.kill();
    let server = outage.hours_later(3).await;
    outage.go_on(&server).await;
    server.stop().await;
    outage.all_arrive(&down.come_up()).await;
}

#[actix_web::test]
async fn mails_outlast_a_mail_server_that_takes_none_for_hours() {
    let mails = MailServer::start();
    let mut outage = Outage::new(&mails.url);
    for refusal in [
        ("CONNECT", "421 4.3.2 Shutting down"),
        ("CONNECT", HANG_UP),
        ("RCPT", "451 4.7.1 Try again later"),
        ("DATA", HANG_UP),
        (".", "452 4.3.1 Insufficient storage"),
        (".", HANG_UP),
    ] {
        mails.refuse(Some(refusal));
        let server = outage.hours_later(2).await;
        outage.go_on(&server).await;
        server.stop().await;
        assert_eq!(mails.taken().len(), 0, "{refusal:?}");
    }
    outage.all_arrive(&mails).await;
}

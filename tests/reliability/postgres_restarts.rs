//! PostgreSQL dies under load and comes back: clear answers meanwhile, full recovery afterwards, nothing lost.

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use manager_tests::databases::{TestDatabase, on_postgres};
use manager_tests::{Answer, Customer, Installation, Process, crowd, json};

use crate::books;

/// A durable cluster of this test's own.
#[derive(Clone)]
struct Cluster {
    folder: PathBuf,
}

impl Cluster {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("manager-restart-{}", std::process::id()));
        Self { folder }
    }

    /// Starts it at a port (0: a free one) and answers its URL.
    fn start(&self, port: u16) -> String {
        let output = self.script("start", &port.to_string());
        String::from_utf8(output).expect("UTF-8").trim().to_owned()
    }

    /// As good as a crash.
    fn crash(&self) {
        self.script("stop", "immediate");
    }

    fn script(&self, action: &str, argument: &str) -> Vec<u8> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/postgres-cluster.sh");
        let mut command = Command::new(script);
        command.arg(action).arg(&self.folder).arg(argument).env("TEST_POSTGRES_FSYNC", "on");
        let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().expect("the script runs");
        assert!(output.status.success(), "postgres-cluster.sh {action}");
        output.stdout
    }
}

/// Takes the cluster away when the test ends.
struct Gone(Cluster);

impl Drop for Gone {
    fn drop(&mut self) {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/postgres-cluster.sh");
        let _ = Command::new(script).arg("stop").arg(&self.0.folder).arg("immediate").status();
        let _ = std::fs::remove_dir_all(&self.0.folder);
    }
}

fn port(url: &str) -> u16 {
    let after = url.rsplit_once(':').expect("a port").1;
    after.split('/').next().and_then(|port| port.parse().ok()).expect("a port")
}

/// What callers were told while the load ran.
#[derive(Default)]
struct Told {
    ended: Cell<bool>,
    fine: Cell<u32>,
    unavailable: Cell<u32>,
    /// Answers that nobody should get.
    wrong: RefCell<Vec<String>>,
}

impl Told {
    fn hear(&self, answer: &Answer) -> bool {
        match answer.status {
            200..=202 => self.fine.set(self.fine.get() + 1),
            503 if !answer.header("retry-after").is_empty() => self.unavailable.set(self.unavailable.get() + 1),
            _ => self.wrong.borrow_mut().push(format!("{} {}", answer.status, answer.body)),
        }
        answer.status < 300
    }
}

/// Reads and writes until it is told to stop; answers the last phone number that was accepted, and those asked for since,
/// whose outcome nobody told.
async fn load(server: Rc<Process>, customer: Customer, told: Rc<Told>) -> Vec<String> {
    let mut may_stand = vec![];
    for number in 0..100_000 {
        if told.ended.get() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
        let seen = customer.get(&server, &customer.org("")).await;
        if !told.hear(&seen) {
            continue;
        }
        let phone = format!("+4122000{number:05}");
        let request = customer.request(&server, reqwest::Method::PATCH, &customer.org(""));
        let request = request.header("if-match", seen.header("etag")).json(&json!({"phone": phone}));
        let answer = server.answer(request).await;
        if told.hear(&answer) {
            may_stand.clear();
        }
        may_stand.push(phone);
    }
    may_stand
}

async fn readiness(server: &Process, expected: u16) {
    let begun = Instant::now();
    while server.get("/health/ready").await.status != expected {
        assert!(begun.elapsed() < Duration::from_secs(20), "readiness is not {expected}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[actix_web::test]
async fn a_crash_of_postgresql_is_a_503_for_a_while_and_nothing_acknowledged_is_lost() {
    if !on_postgres() {
        return;
    }
    let cluster = Cluster::new();
    let _gone = Gone(cluster.clone());
    let url = cluster.start(0);
    let mut installation = Installation::on(TestDatabase::create_empty());
    installation.set("DATABASE_URL", &url);
    let server = Rc::new(installation.start().await);
    let mut customers = Vec::new();
    for name in ["ada", "bob", "cleo", "dan", "eve", "fay"] {
        customers.push(Customer::register(&server, name).await);
    }
    let told = Rc::new(Told::default());
    let (shared, heard) = (Rc::clone(&server), Rc::clone(&told));
    let running = actix_web::rt::spawn(crowd(6, customers.clone(), move |customer| {
        load(Rc::clone(&shared), customer, Rc::clone(&heard))
    }));
    tokio::time::sleep(Duration::from_millis(500)).await;
    for _ in 0..2 {
        // In threads of their own, for the load goes on here.
        let crashing = cluster.clone();
        tokio::task::spawn_blocking(move || crashing.crash()).await.expect("a crash");
        readiness(&server, 503).await;
        let live = server.get("/health/live").await;
        assert_eq!(live.status, 200);
        let (starting, port) = (cluster.clone(), port(&url));
        tokio::task::spawn_blocking(move || starting.start(port)).await.expect("a restart");
        readiness(&server, 200).await;
        let fine = told.fine.get();
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert!(told.fine.get() > fine, "the load is served again");
    }
    told.ended.set(true);
    let standing = running.await.expect("the load");
    assert!(told.wrong.borrow().is_empty(), "{:?}", told.wrong.borrow());
    assert!(told.unavailable.get() > 0, "somebody was told to come back");
    for (customer, may_stand) in customers.iter().zip(standing) {
        let phone = customer.get(&server, &customer.org("")).await.expect(200)["phone"].clone();
        assert!(may_stand.iter().any(|known| phone == known.as_str()), "{phone} stands, not one of {may_stand:?}");
        books::audited(&server, customer).await;
    }
    let cart = customers[0].prepare(&server, "engines.ch").await;
    server.answer(customers[0].checkout(&server, &cart, "sandbox_succeeds")).await.expect(201);
    books::in_order(&server, &customers[0], &[cart]).await;
    server.stop().await;
}

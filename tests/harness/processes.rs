//! The server as a process of its own: started, killed, and started again on the same data.

use std::cell::{Cell, RefCell};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use diesel::prelude::*;
use manager_domain::Clock;
use manager_repository::schema::jobs;
use manager_repository::{AnyConnection, Location, sql};
use manager_services::clock::SystemClock;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;

use crate::answers::Answer;
use crate::databases::{TestDatabase, variable};

/// How long anything may take that ought to happen soon.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(10);

/// The root key of all tests: 32 bytes in base64.
const ROOT_KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n";

/// The program under test, built with the feature `failpoints`.
pub fn program() -> &'static Path {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| {
        let beside = || {
            let test = std::env::current_exe().expect("the test's path");
            test.parent().and_then(Path::parent).expect("the folder of the build").join("manager")
        };
        let program = variable("TEST_BINARY").map_or_else(beside, PathBuf::from);
        let listed = Command::new(&program).arg("failpoints").env_clear().output();
        assert!(
            listed.is_ok_and(|output| output.status.success()),
            "{} is absent or without failpoints: run `cargo build --workspace --bin manager` first, as ./test does",
            program.display()
        );
        program
    })
}

/// The points at which the program can be told to die.
pub fn failpoints() -> Vec<String> {
    let output = Command::new(program()).arg("failpoints").env_clear().output().expect("the list of failpoints");
    String::from_utf8(output.stdout).expect("UTF-8").lines().map(str::to_owned).collect()
}

/// What outlives a process: a database, keys and settings.
pub struct Installation {
    settings: Vec<(String, String)>,
    started: Cell<u32>,
    seconds_ahead: Cell<u32>,
    pub database: TestDatabase,
}

impl Installation {
    /// With a migrated database.
    pub fn new() -> Self {
        Self::on(TestDatabase::create())
    }

    pub fn on(database: TestDatabase) -> Self {
        fs::write(database.folder().join("root.key"), ROOT_KEY).expect("a root key");
        let settings = [
            ("DATABASE_URL", database.url()),
            ("MANAGER_DATA_DIR", database.folder().display().to_string()),
            ("MANAGER_LISTEN", "127.0.0.1:0".to_owned()),
            ("MANAGER_METRICS_LISTEN", String::new()),
            ("MANAGER_DEV_MAIL_LISTEN", "127.0.0.1:0".to_owned()),
            // Tokens name it as their issuer: it must stay the same over restarts.
            ("MANAGER_PUBLIC_URL", "http://localhost:8080".to_owned()),
            ("MANAGER_RATE_LIMITS", "off".to_owned()),
            ("MANAGER_HTTP_THREADS", "2".to_owned()),
            ("MANAGER_DB_CONNECTIONS", "4".to_owned()),
            ("MANAGER_LOG", "warn".to_owned()),
        ];
        let settings = settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { settings, started: Cell::default(), seconds_ahead: Cell::default(), database }
    }

    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.settings.retain(|(known, _)| known != name);
        self.settings.push((name.to_owned(), value.into()));
    }

    /// Processes started from now on believe that it is so much later: leases of dead ones are over.
    pub fn wait(&self, time: Duration) {
        self.seconds_ahead.set(self.seconds_ahead.get() + u32::try_from(time.as_secs()).expect("a short time"));
    }

    pub fn command(&self) -> Command {
        self.command_of(program())
    }

    /// Runs the program through another one, such as a shell that sets limits first.
    pub fn command_of(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(self.settings.iter().cloned()).current_dir(self.database.folder());
        command.env("MANAGER_CLOCK_AHEAD", self.seconds_ahead.get().to_string());
        command.env("PATH", variable("PATH").unwrap_or_default()).stdin(Stdio::null());
        command
    }

    /// Starts a server and waits until it is ready.
    pub async fn start(&self) -> Process {
        self.start_with(&[]).await
    }

    pub async fn start_with(&self, settings: &[(&str, &str)]) -> Process {
        self.spawn(self.command().envs(settings.iter().copied())).ready().await
    }

    /// Starts a command that is or becomes a server, without waiting.
    pub fn spawn(&self, command: &mut Command) -> Starting {
        let number = self.started.get();
        self.started.set(number + 1);
        let log = |kind: &str| self.database.folder().join(format!("{number}.{kind}"));
        let (out, err) = (log("out"), log("err"));
        command.stdout(File::create(&out).expect("a file")).stderr(File::create(&err).expect("a file"));
        Starting(Process {
            child: RefCell::new(command.spawn().expect("the server starts")),
            url: String::new(),
            mails_url: String::new(),
            client: Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client"),
            out,
            err,
        })
    }

    /// Runs a command to its end.
    pub async fn run(&self, command: &mut Command) -> Ended {
        let Starting(process) = self.spawn(command);
        let code = process.died().await.code();
        Ended { code, out: fs::read_to_string(&process.out).expect("what it printed"), err: process.log() }
    }

    /// Runs the program with these arguments to its end.
    pub async fn manager(&self, arguments: &[&str]) -> Ended {
        self.run(self.command().args(arguments)).await
    }

    /// A connection beside the servers'.
    pub fn connect(&self) -> AnyConnection {
        Location::parse(&self.database.url()).expect("a location").connect().expect("the database answers")
    }

    /// Waits until all jobs that are due are done, and finds none in trouble.
    pub async fn settled(&self) {
        let begun = Instant::now();
        let mut connection = self.connect();
        let ahead = chrono::Duration::seconds(self.seconds_ahead.get().into());
        let now = SystemClock.now() + ahead;
        loop {
            let due = jobs::table.filter(jobs::state.eq("waiting").and(jobs::run_at.le(sql(now))));
            let due: i64 = due.count().get_result(&mut connection).expect("the jobs");
            if due == 0 || begun.elapsed() > PATIENCE {
                let troubled = manager_repository::jobs::list_troubled(&mut connection, 10).expect("the jobs");
                assert!(due == 0 && troubled.is_empty(), "{due} jobs are due still, in trouble are {troubled:?}");
                return;
            }
            tokio::time::sleep(PAUSE * 5).await;
        }
    }
}

impl Default for Installation {
    fn default() -> Self {
        Self::new()
    }
}

/// A command that came to its end.
#[derive(Debug)]
pub struct Ended {
    /// `None` where a signal ended it.
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ended {
    /// What it printed, if it went well.
    #[track_caller]
    pub fn done(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.out
    }

    /// What it complained of in one line, having printed nothing else.
    #[track_caller]
    pub fn failed(self, code: i32) -> String {
        assert_eq!((self.code, self.out.as_str()), (Some(code), ""), "{self:?}");
        let line = self.err.strip_prefix("manager: ").and_then(|line| line.strip_suffix('\n'));
        let line = line.filter(|line| !line.contains('\n'));
        line.unwrap_or_else(|| panic!("not one line: {self:?}")).to_owned()
    }
}

/// A server that may not answer yet.
pub struct Starting(Process);

impl Starting {
    /// Waits for the line that a server prints when it is ready.
    pub async fn ready(mut self) -> Process {
        let begun = Instant::now();
        loop {
            let printed = fs::read_to_string(&self.0.out).unwrap_or_default();
            let line = printed.lines().find(|line| line.starts_with("manager is ready on "));
            if let Some(line) = line.filter(|_| printed.contains('\n')) {
                let after = |word: &str| {
                    let rest = line.split_once(word).map(|(_, rest)| rest).unwrap_or_default();
                    rest.split([' ', ',']).next().unwrap_or_default().to_owned()
                };
                (self.0.url, self.0.mails_url) = (after("ready on "), after("mails at "));
                return self.0;
            }
            let ended = self.0.end();
            assert!(ended.is_none() && begun.elapsed() < PATIENCE, "the server did not start: {ended:?}");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Waits for a process that isn't expected to become ready.
    pub async fn ended(self) -> (ExitStatus, String) {
        let status = self.0.died().await;
        (status, self.0.log())
    }
}

/// A running server.
pub struct Process {
    child: RefCell<Child>,
    pub url: String,
    pub mails_url: String,
    pub client: Client,
    out: PathBuf,
    err: PathBuf,
}

impl Process {
    pub fn id(&self) -> u32 {
        self.child.borrow().id()
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.err).unwrap_or_default()
    }

    /// `kill -9`.
    pub fn kill(&self) {
        self.child.borrow_mut().kill().expect("a running process");
        self.child.borrow_mut().wait().expect("its end");
    }

    /// How it ended, if it did.
    pub fn end(&self) -> Option<ExitStatus> {
        self.child.borrow_mut().try_wait().expect("the process's state")
    }

    /// Waits for its end by itself.
    pub async fn died(&self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.end() {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "the server runs still");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Asks it to stop, as a service manager does.
    pub fn terminate(&self) {
        let kill = Command::new("sh").arg("-c").arg(format!("kill -TERM {}", self.id())).status();
        assert!(kill.expect("a shell").success());
    }

    /// Stops it in an orderly way.
    pub async fn stop(&self) {
        self.terminate();
        let status = self.died().await;
        assert!(status.success(), "{status}");
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.answer(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.answer(self.request(Method::POST, path).json(&body)).await
    }

    /// The answer to a request that must get one.
    pub async fn answer(&self, request: RequestBuilder) -> Answer {
        Answer::read(request.send().await.expect("an answer")).await
    }

    /// The answer, or none where the process died first.
    pub async fn try_answer(&self, request: RequestBuilder) -> Option<Answer> {
        Answer::try_read(request.send().await.ok()?).await
    }

    /// What the development mail page shows, newest first.
    pub async fn mails(&self) -> Vec<Value> {
        let answer = self.answer(self.client.get(format!("{}/mails.json", self.mails_url))).await.expect(200);
        answer.as_array().expect("a list").clone()
    }

    /// The newest mail to an address, waited for.
    pub async fn mail_to(&self, address: &str) -> Value {
        let begun = Instant::now();
        loop {
            if let Some(mail) = self.mails().await.into_iter().find(|mail| mail["to"] == address) {
                return mail;
            }
            assert!(begun.elapsed() < PATIENCE, "no mail to {address}");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// The token in the link of the newest mail to an address.
    pub async fn token_to(&self, address: &str) -> String {
        let mail = self.mail_to(address).await;
        let link = mail["links"][0].as_str().expect("a link");
        link.split_once("#token=").expect("a token in the link").1.to_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.borrow_mut().kill();
        let _ = self.child.borrow_mut().wait();
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().rev().take(20).collect();
            println!("the end of the log of {}, newest first:\n{}", self.url, lines.join("\n"));
        }
    }
}

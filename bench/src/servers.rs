//! The processes under test: a PostgreSQL cluster and servers, each stopped by its own id.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Runs a command to its end and returns what it printed.
pub fn output(command: &mut Command) -> Result<String> {
    let done = command.stdin(Stdio::null()).output().with_context(|| format!("{command:?} does not start"))?;
    if !done.status.success() {
        bail!("{command:?} failed: {}", String::from_utf8_lossy(&done.stderr));
    }
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}

/// A durable cluster of its own, stopped and removed with this value.
pub struct Cluster {
    folder: PathBuf,
    url: String,
}

impl Cluster {
    pub fn start(folder: PathBuf) -> Result<Self> {
        let script = root().join("tests/postgres-cluster.sh");
        let mut command = Command::new(script);
        command.arg("start").arg(&folder).arg("0").env("TEST_POSTGRES_FSYNC", "on");
        let url = output(&mut command)?.trim().to_owned();
        let cluster = Self { folder, url };
        for database in ["manager", "pgbench"] {
            output(Command::new("psql").args([&cluster.url, "-qc", &format!("CREATE DATABASE {database}")]))?;
        }
        Ok(cluster)
    }

    /// The URL of one of its databases, `manager` or `pgbench`.
    pub fn database(&self, name: &str) -> String {
        self.url.strip_suffix("postgres").map_or_else(|| self.url.clone(), |base| format!("{base}{name}"))
    }

    /// What `SHOW` says of a setting.
    pub fn setting(&self, name: &str) -> Result<String> {
        Ok(output(Command::new("psql").args([&self.url, "-Atc", &format!("SHOW {name}")]))?.trim().to_owned())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let script = root().join("tests/postgres-cluster.sh");
        let _ = output(Command::new(script).arg("stop").arg(&self.folder));
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The server's program on a database, as load tests run it.
fn command(program: &Path, database: &str, data: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env("DATABASE_URL", database)
        .env("MANAGER_LISTEN", "127.0.0.1:0")
        .env("MANAGER_RATE_LIMITS", "off")
        .env("MANAGER_METRICS_LISTEN", "")
        .env("MANAGER_DATA_DIR", data)
        .env("MANAGER_DEV_MAIL_LISTEN", "127.0.0.1:0")
        .env("MANAGER_LOG", "warn")
        .current_dir(data);
    command
}

/// Fills an empty database by `manager seed` and returns what that said.
pub fn seed(program: &Path, database: &str, data: &Path, accounts: usize, products: usize) -> Result<String> {
    let (accounts, products) = (accounts.to_string(), products.to_string());
    let mut command = command(program, database, data);
    let said = output(command.args(["seed", "--accounts", &accounts, "--products", &products]))?;
    Ok(said.trim().to_owned())
}

/// A running server, killed with this value.
pub struct Manager {
    child: Child,
    /// Its standard output, held so that it can go on printing.
    _lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
    pub url: String,
    /// From the start of the process to its first answer to `/health/ready`.
    pub first_answer: Duration,
}

impl Manager {
    /// Starts the server on a database and waits for its first answer.
    pub async fn start(program: &Path, database: &str, data: &Path) -> Result<Self> {
        let log = fs::File::create(data.join("manager.log"))?;
        let began = Instant::now();
        let mut child = command(program, database, data)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .with_context(|| format!("no {}: cargo build --release -p manager-server", program.display()))?;
        let stdout = child.stdout.take().context("no standard output")?;
        let mut manager =
            Self { child, _lines: BufReader::new(stdout).lines(), url: String::new(), first_answer: Duration::ZERO };
        let line = manager._lines.next().context("the server ended before it was ready; see manager.log")??;
        let mut urls = line.split([' ', ',']).filter(|word| word.starts_with("http://"));
        manager.url = urls.next().with_context(|| format!("no address in {line:?}"))?.trim_end_matches('/').to_owned();
        reqwest::get(format!("{}/health/ready", manager.url)).await?.error_for_status()?;
        manager.first_answer = began.elapsed();
        Ok(manager)
    }

    /// A line of `/proc/<pid>/status` in MiB: `VmRSS` for now, `VmHWM` for the most so far.
    pub fn memory(&self, line: &str) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let found = status.lines().find_map(|l| l.strip_prefix(line)?.strip_prefix(':'));
        let kib = found.and_then(|rest| rest.split_whitespace().next()).context("no such line of memory")?;
        Ok(kib.parse::<f64>()? / 1024.0)
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let until = Instant::now() + Duration::from_secs(5);
        while Instant::now() < until {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

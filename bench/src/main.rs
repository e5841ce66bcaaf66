//! Measures the server beside its references in one run and says which bars of the quality specification it meets.

mod loads;
mod people;
mod report;
mod servers;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;
use reqwest::Client;
use serde_json::{Value, json};

use crate::people::Person;
use crate::report::Row;
use crate::servers::{Cluster, Manager, output, root};

/// How long and how often.
#[derive(Parser)]
struct Options {
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Alternating rounds; medians count.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// The scale of the pgbench tables.
    #[arg(long, default_value_t = 50)]
    scale: u32,
    /// Accounts that are seeded, an organization each.
    #[arg(long, default_value_t = 1000)]
    accounts: usize,
    /// Products that are seeded, spread over them.
    #[arg(long, default_value_t = 5000)]
    products: usize,
    /// Accounts that read in turn, each one product of its own.
    #[arg(long, default_value_t = 256)]
    readers: usize,
    /// The server's program; the release build without it.
    #[arg(long)]
    server: Option<PathBuf>,
}

impl Options {
    fn server(&self) -> PathBuf {
        self.server.clone().unwrap_or_else(|| root().join("target/release/manager"))
    }
}

/// A server with the people who load it.
struct Side {
    manager: Manager,
    /// All read, the first of them log in.
    people: Vec<Person>,
    /// What seeding said.
    seeded: String,
}

impl Side {
    async fn start(options: &Options, database: &str, data: &Path) -> Result<Self> {
        fs::create_dir_all(data)?;
        let program = options.server();
        let seeded = servers::seed(&program, database, data, options.accounts, options.products)?;
        println!("{seeded}");
        let manager = Manager::start(&program, database, data).await?;
        let client = Client::new();
        let mut people = Vec::new();
        for number in 1..=options.readers.min(options.accounts) {
            people.push(Person::sign_in(&manager, &client, number).await?);
        }
        Ok(Self { manager, people, seeded })
    }

    /// Renews everybody's access token: a long run outlives them.
    async fn refresh(&mut self) -> Result<()> {
        let client = Client::new();
        for person in &mut self.people {
            person.refresh(&self.manager, &client).await?;
        }
        Ok(())
    }

    fn loggers(&self) -> &[Person] {
        &self.people[..loads::LOGGERS.min(self.people.len())]
    }
}

/// Each round's figures.
#[derive(Default)]
struct Figures {
    selects: Vec<f64>,
    postgres_reads: Vec<f64>,
    sqlite_reads: Vec<f64>,
    hashes: Vec<f64>,
    postgres_logins: Vec<f64>,
    sqlite_logins: Vec<f64>,
}

impl Figures {
    fn json(&self) -> Value {
        json!({"pgbench_selects": self.selects, "postgres_reads": self.postgres_reads,
            "sqlite_reads": self.sqlite_reads, "argon2id_hashes": self.hashes,
            "postgres_logins": self.postgres_logins, "sqlite_logins": self.sqlite_logins})
    }
}

fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    // Built together with the server, the client has TLS without a default; here it speaks plain HTTP only.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let options = Options::parse();
    let scratch = PathBuf::from(format!("/tmp/manager-bench-{}", std::process::id()));
    fs::create_dir_all(&scratch)?;
    let done = run(&options, &scratch).await;
    let _ = fs::remove_dir_all(&scratch);
    done
}

async fn run(options: &Options, scratch: &Path) -> Result<()> {
    println!("filling pgbench, scale {}", options.scale);
    let cluster = Cluster::start(scratch.join("pg"))?;
    loads::fill_pgbench(&cluster, options.scale)?;
    let cores = std::thread::available_parallelism()?.get();
    let file = scratch.join("sqlite");
    let sqlite_url = format!("sqlite://{}", file.join("manager.db").display());

    let mut postgres = Side::start(options, &cluster.database("manager"), &scratch.join("postgres")).await?;
    let mut sqlite = Side::start(options, &sqlite_url, &file).await?;
    let mut figures = Figures::default();
    for round in 1..=options.rounds {
        println!("round {round} of {}", options.rounds);
        postgres.refresh().await?;
        sqlite.refresh().await?;
        measure(&mut figures, &cluster, [&postgres, &sqlite], scratch, cores, options.seconds)?;
    }
    let mut p99 = Vec::new();
    for side in [&mut postgres, &mut sqlite] {
        side.refresh().await?;
        p99.push(reads_beside_logins(side, scratch, options.seconds)?);
    }
    let loaded = sqlite.manager.memory("VmHWM")?;
    let seeded = [postgres.seeded.clone(), sqlite.seeded.clone()];
    drop(sqlite);
    let (idle, first_answers) = idle(&options.server(), &sqlite_url, &file, options.rounds).await?;

    let selects = ("pgbench -S", median(&figures.selects));
    let (reads, hashes) = (median(&figures.postgres_reads), ("argon2id", median(&figures.hashes)));
    let rows = [
        Row::ratio("authenticated read, PostgreSQL", reads, selects, 0.45),
        Row::ratio("authenticated read, SQLite", median(&figures.sqlite_reads), ("PostgreSQL", reads), 1.5),
        Row::ratio("logins, PostgreSQL", median(&figures.postgres_logins), hashes, 0.8),
        Row::ratio("logins, SQLite", median(&figures.sqlite_logins), hashes, 0.8),
        Row::below("p99 of 200 reads/s beside logins, PostgreSQL", p99[0].1, "ms", 50.0),
        Row::below("p99 of 200 reads/s beside logins, SQLite", p99[1].1, "ms", 50.0),
        Row::below("resident, idle on SQLite", idle, "MiB", 40.0),
        Row::below("resident at most under these loads, SQLite", loaded, "MiB", 150.0),
        Row::below("start to first answer, SQLite", median(&first_answers), "ms", 100.0),
    ];
    let more = json!({"seconds": options.seconds, "rounds": options.rounds, "scale": options.scale, "cores": cores,
        "fsync": cluster.setting("fsync")?, "synchronous_commit": cluster.setting("synchronous_commit")?,
        "read": postgres.people.first().map(|person| &person.path), "readers": postgres.people.len(),
        "accounts": options.accounts, "products": options.products, "seeded": seeded, "figures": figures.json(), "first_answers_ms": first_answers,
        "logins_beside_reads": {"postgres": p99[0].0, "sqlite": p99[1].0},
        "load_average_at_end": fs::read_to_string("/proc/loadavg")?.trim()});
    let at = output(std::process::Command::new("date").args(["-u", "+%Y-%m-%dT%H:%M:%SZ"]))?;
    let written = report::write(&root().join("bench/results"), at.trim(), &rows, &more)?;
    print!("\n{}\nreport: {}\n", report::table(&rows), written.display());
    Ok(())
}

/// One round: each figure beside its reference.
fn measure(
    figures: &mut Figures,
    cluster: &Cluster,
    [postgres, sqlite]: [&Side; 2],
    scratch: &Path,
    cores: usize,
    seconds: u64,
) -> Result<()> {
    loads::reads(&postgres.manager, &postgres.people, scratch, 1)?;
    loads::reads(&sqlite.manager, &sqlite.people, scratch, 1)?;
    figures.selects.push(loads::pgbench_selects(cluster, seconds)?);
    figures.postgres_reads.push(loads::reads(&postgres.manager, &postgres.people, scratch, seconds)?);
    figures.sqlite_reads.push(loads::reads(&sqlite.manager, &sqlite.people, scratch, seconds)?);
    figures.hashes.push(loads::hashes(cores, seconds)?);
    figures.postgres_logins.push(loads::logins(&postgres.manager, postgres.loggers(), scratch, seconds)?);
    figures.sqlite_logins.push(loads::logins(&sqlite.manager, sqlite.loggers(), scratch, seconds)?);
    Ok(())
}

/// Logins a second and the 99th percentile of paced reads in milliseconds, both at once.
fn reads_beside_logins(side: &Side, scratch: &Path, seconds: u64) -> Result<(f64, f64)> {
    std::thread::scope(|scope| {
        // Logins begin before the reads and end after them.
        let logins = scope.spawn(|| loads::logins(&side.manager, side.loggers(), scratch, seconds + 2));
        std::thread::sleep(Duration::from_secs(1));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let reads = scope.spawn(move || runtime.block_on(loads::paced_reads(&side.manager, &side.people, seconds)));
        let times = reads.join().map_err(|_| anyhow::anyhow!("the reads died"))??;
        let logins = logins.join().map_err(|_| anyhow::anyhow!("the logins died"))??;
        let p99 = times.get(times.len() * 99 / 100).copied().context("no reads")?;
        Ok((logins, p99))
    })
}

/// Resident MiB of a server that only started, and the times to the first answer, on a migrated database.
async fn idle(program: &Path, database: &str, data: &Path, rounds: usize) -> Result<(f64, Vec<f64>)> {
    let (mut resident, mut first_answers) = (Vec::new(), Vec::new());
    for _ in 0..rounds.max(1) {
        let manager = Manager::start(program, database, data).await?;
        first_answers.push(manager.first_answer.as_secs_f64() * 1000.0);
        tokio::time::sleep(Duration::from_secs(3)).await;
        resident.push(manager.memory("VmRSS")?);
    }
    Ok((median(&resident), first_answers))
}

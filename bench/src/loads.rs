//! The loads, all bounded in time, and the references they are compared with.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use argon2::{Algorithm, Argon2, Params, Version};
use reqwest::Client;
use tokio::task::JoinSet;

use crate::people::{PASSWORD, Person};
use crate::servers::{Cluster, Manager, output};

/// Connections of the authenticated read.
pub const READERS: usize = 32;
/// Callers that log in at once: more than there are cores, so that hashing never waits for them.
pub const LOGGERS: usize = 16;
/// Reads a second beside saturated logins.
pub const PACED: u64 = 200;

/// Fills the reference database.
pub fn fill_pgbench(cluster: &Cluster, scale: u32) -> Result<()> {
    let scale = scale.to_string();
    output(Command::new("pgbench").args(["-i", "-q", "-s", &scale, &cluster.database("pgbench")]))?;
    Ok(())
}

/// Prepared SELECTs by primary key a second, 8 clients.
pub fn pgbench_selects(cluster: &Cluster, seconds: u64) -> Result<f64> {
    let seconds = seconds.to_string();
    let database = cluster.database("pgbench");
    let arguments = ["-S", "-n", "-M", "prepared", "-c", "8", "-j", "2", "-T", &seconds, &database];
    let text = output(Command::new("pgbench").args(arguments))?;
    let rate = text.lines().find_map(|line| line.strip_prefix("tps = ")).context("pgbench printed no tps")?;
    Ok(rate.split_whitespace().next().context("pgbench printed no tps")?.parse()?)
}

/// Authenticated reads a second over 32 connections, of many people's products in turn.
pub fn reads(manager: &Manager, people: &[Person], scratch: &Path, seconds: u64) -> Result<f64> {
    let (script, list) = (scratch.join("reads.lua"), scratch.join("reads.txt"));
    fs::write(&script, include_str!("reads.lua"))?;
    let lines = people.iter().map(|person| format!("{} {}\n", person.token, person.path));
    fs::write(&list, lines.collect::<String>())?;
    let mut command = Command::new("wrk");
    command.args(["-t2", "-c", &READERS.to_string(), "-d", &format!("{seconds}s"), "-s"]);
    command.arg(script).arg(&manager.url).arg("--").arg(list);
    wrk(&mut command)
}

/// Logins a second of several accounts in turn, more callers than cores.
pub fn logins(manager: &Manager, people: &[Person], scratch: &Path, seconds: u64) -> Result<f64> {
    let script = scratch.join("logins.lua");
    fs::write(&script, login_script(people))?;
    let mut command = Command::new("wrk");
    command.args(["-t1", "-c", &LOGGERS.to_string(), "-d", &format!("{seconds}s"), "--timeout", "10s", "-s"]);
    command.arg(script).arg(format!("{}/v1/auth/login", manager.url));
    wrk(&mut command)
}

fn login_script(people: &[Person]) -> String {
    let emails: Vec<String> = people.iter().map(|person| format!("{:?}", person.email)).collect();
    format!(
        "wrk.method = \"POST\"\nwrk.headers[\"Content-Type\"] = \"application/json\"\n\
         local emails = {{{}}}\nlocal turn = 0\nrequest = function()\n  turn = turn % #emails + 1\n  \
         return wrk.format(nil, nil, nil, '{{\"email\":\"' .. emails[turn] .. '\",\"password\":\"{PASSWORD}\"}}')\nend\n",
        emails.join(", ")
    )
}

fn wrk(command: &mut Command) -> Result<f64> {
    let text = output(command)?;
    if let Some(line) = text.lines().find(|line| line.contains("Non-2xx") || line.contains("Socket errors")) {
        bail!("the load met errors: {}", line.trim());
    }
    let rate = text.lines().find_map(|line| line.strip_prefix("Requests/sec:")).context("wrk printed no rate")?;
    Ok(rate.trim().parse()?)
}

/// Hashes a second of as many threads as cores, each hashing argon2id (19 MiB, t=2, p=1) for the given time.
pub fn hashes(threads: usize, seconds: u64) -> Result<f64> {
    let params = Params::new(19 * 1024, 2, 1, None).map_err(|error| anyhow::anyhow!("{error}"))?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let began = Instant::now();
    let counts = std::thread::scope(|scope| {
        let hash = || {
            let (mut count, mut key) = (0_u32, [0_u8; 32]);
            while began.elapsed().as_secs() < seconds {
                let salt = [7; 16];
                argon2
                    .hash_password_into(PASSWORD.as_bytes(), &salt, &mut key)
                    .map_err(|error| anyhow::anyhow!("{error}"))?;
                count += 1;
            }
            Ok(f64::from(count) / began.elapsed().as_secs_f64())
        };
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(hash)).collect();
        let joined = running.into_iter().map(|thread| thread.join().unwrap_or_else(|_| bail!("a hashing thread died")));
        joined.collect::<Result<Vec<f64>>>()
    })?;
    Ok(counts.iter().sum())
}

/// Sends 200 reads a second, whatever the answers take, and returns the time from due to whole answer of each, sorted,
/// in milliseconds.
pub async fn paced_reads(manager: &Manager, people: &[Person], seconds: u64) -> Result<Vec<f64>> {
    let client = Client::new();
    let began = Instant::now();
    let mut running = JoinSet::new();
    for (turn, person) in (0..PACED * seconds).zip(people.iter().cycle()) {
        let due = began + Duration::from_micros(turn * 1_000_000 / PACED);
        tokio::time::sleep_until(due.into()).await;
        let request = client.get(format!("{}{}", manager.url, person.path)).bearer_auth(&person.token);
        running.spawn(async move {
            request.send().await?.error_for_status()?.bytes().await?;
            Ok::<_, reqwest::Error>(due.elapsed().as_secs_f64() * 1000.0)
        });
    }
    let mut times = Vec::new();
    while let Some(time) = running.join_next().await {
        times.push(time??);
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}

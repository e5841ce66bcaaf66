//! A disk without room, and a file that can't be written, under an SQLite database: clear answers meanwhile, recovery
//! without a restart, and nothing lost or broken.

use std::cell::Cell;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel::{QueryableByName, SqliteConnection};
use manager_tests::databases::{TestDatabase, on_postgres};
use manager_tests::processes::program;
use manager_tests::{Customer, Installation, Process, json};

use crate::books;

/// Writes that ought to be more than a full disk takes.
const TRIES: usize = 60;

fn integrity(file: &Path) -> String {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Text)]
        integrity_check: String,
    }
    let mut connection = SqliteConnection::establish(&file.display().to_string()).expect("the database opens");
    let rows: Vec<Row> = diesel::sql_query("PRAGMA integrity_check").load(&mut connection).expect("a check");
    rows.into_iter().map(|row| row.integrity_check).collect::<Vec<_>>().join("; ")
}

/// Makes carts until one is refused for want of room; answers those that were made.
async fn write_until_full(server: &Process, customer: &Customer) -> Vec<String> {
    let mut made = Vec::new();
    for _ in 0..TRIES {
        let answer = customer.post(server, &customer.org("/carts"), json!({})).await;
        if answer.status == 201 {
            made.push(answer.body["id"].as_str().expect("an id").to_owned());
            continue;
        }
        assert!(!answer.header("retry-after").is_empty());
        answer.refused(503, "service_unavailable");
        return made;
    }
    panic!("{TRIES} carts went onto a full disk");
}

/// While there is no room: writing is refused each time, reading goes on.
async fn refuses_writes_and_reads_on(server: &Process, customer: &Customer, made: &[String]) {
    for _ in 0..5 {
        let answer = customer.post(server, &customer.org("/carts"), json!({})).await;
        answer.refused(503, "service_unavailable");
        customer.get(server, "/v1/me").await.expect(200);
    }
    for cart in made {
        customer.get(server, &customer.org(&format!("/carts/{cart}"))).await.expect(200);
    }
}

/// Soon after there is room again, everything works and everything answered is there.
async fn recovers(server: &Process, customer: &Customer, made: &[String]) {
    let begun = Instant::now();
    loop {
        let answer = customer.post(server, &customer.org("/carts"), json!({})).await;
        if answer.status == 201 {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "no recovery: {} {}", answer.status, answer.body);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for cart in made {
        customer.get(server, &customer.org(&format!("/carts/{cart}"))).await.expect(200);
    }
    let cart = customer.prepare(server, "engines.ch").await;
    server.answer(customer.checkout(server, &cart, "sandbox_succeeds")).await.expect(201);
    books::in_order(server, customer, &[cart]).await;
}

fn limit_file_size(server: &Process, limit: &str) {
    let pid = server.id().to_string();
    let status = Command::new("prlimit").args(["--pid", &pid, &format!("--fsize={limit}")]).status();
    assert!(status.expect("prlimit of util-linux").success());
}

#[actix_web::test]
async fn files_that_may_not_grow_are_a_503_until_they_may() {
    if on_postgres() {
        return;
    }
    let installation = Installation::new();
    let mut shell = installation.command_of(Path::new("sh"));
    // The signal that a limit sends would end the process; ignored, writing fails as on a full disk.
    shell.args(["-c", "trap '' XFSZ; exec \"$0\""]).arg(program());
    let server = installation.spawn(&mut shell).ready().await;
    let ada = Customer::register(&server, "ada").await;
    installation.settled().await;
    let file = installation.database.folder().join("manager.db");
    let log = file.with_file_name("manager.db-wal");
    let size = fs::metadata(&log).expect("SQLite's log").len();
    limit_file_size(&server, &format!("{}:unlimited", size + 60_000));
    let made = write_until_full(&server, &ada).await;
    refuses_writes_and_reads_on(&server, &ada, &made).await;
    limit_file_size(&server, "unlimited:unlimited");
    recovers(&server, &ada, &made).await;
    server.stop().await;
    assert_eq!(integrity(&file), "ok");
}

/// How to run a command with mounts of its own: as root, or as root of a user namespace.
fn with_own_mounts() -> Option<&'static [&'static str]> {
    let ways: [&[&str]; 2] = [&["-m"], &["-r", "-m"]];
    ways.into_iter().find(|way| {
        let mount = ["sh", "-c", "mount -t tmpfs tmpfs /mnt"];
        Command::new("unshare").args(*way).args(mount).output().is_ok_and(|output| output.status.success())
    })
}

#[actix_web::test]
async fn a_full_disk_is_a_503_until_there_is_room() {
    if on_postgres() {
        return;
    }
    // Where mounting is forbidden, the test above stands alone.
    let Some(way) = with_own_mounts() else {
        return println!("no mounts allowed here: files that may not grow are tested alone");
    };
    let mut installation = Installation::new();
    let folder = installation.database.folder().to_owned();
    fs::create_dir(folder.join("disk")).expect("a folder");
    installation.set("DATABASE_URL", format!("sqlite://{}", folder.join("disk/manager.db").display()));
    let mut shell = installation.command_of(Path::new("unshare"));
    let mount = "mount -t tmpfs -o size=16m tmpfs disk && cp manager.db disk && exec \"$0\"";
    shell.args(way).args(["sh", "-c", mount]).arg(program());
    let server = installation.spawn(&mut shell).ready().await;
    let ada = Customer::register(&server, "ada").await;
    let disk = PathBuf::from(format!("/proc/{}/root{}", server.id(), folder.join("disk").display()));
    // Fills what is left.
    let mut ballast = File::create(disk.join("ballast")).expect("a file on the small disk");
    while ballast.write_all(&[7; 4096]).is_ok() {}
    drop(ballast);
    let made = write_until_full(&server, &ada).await;
    refuses_writes_and_reads_on(&server, &ada, &made).await;
    fs::remove_file(disk.join("ballast")).expect("room again");
    recovers(&server, &ada, &made).await;
    assert_eq!(integrity(&disk.join("manager.db")), "ok");
    server.stop().await;
}

/// The user `nobody`, to whom permissions mean something.
const NOBODY: u32 = 65534;

fn runs_as_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("id");
    id.stdout.starts_with(b"0\n")
}

/// The database's files: those beside it were made with the permissions that it had.
fn set_writable(file: &Path, writable: bool) {
    let mode = if writable { 0o644 } else { 0o444 };
    for end in ["", "-wal", "-shm"] {
        let file = PathBuf::from(format!("{}{end}", file.display()));
        if file.exists() {
            fs::set_permissions(file, fs::Permissions::from_mode(mode)).expect("other permissions");
        }
    }
}

/// Reads again and again until it is told to end: each is answered soon, with what was asked or that it can't be had now.
async fn is_answered_meanwhile(server: &Process, customer: &Customer, ended: &Cell<bool>) {
    let mut served = 0;
    while !ended.get() {
        let begun = Instant::now();
        let answer = customer.get(server, "/v1/me").await;
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        match answer.status {
            200 => served += 1,
            503 => tokio::time::sleep(Duration::from_millis(50)).await,
            other => panic!("{other} {}", answer.body),
        }
    }
    assert!(served > 0, "nothing could be read");
}

#[actix_web::test]
async fn a_file_that_cannot_be_written_is_read_and_refuses_writes_with_a_503_until_it_can() {
    is_written_again(Former::Stopped).await;
}

#[actix_web::test]
async fn so_is_one_whose_log_was_left_by_a_killed_server() {
    is_written_again(Former::Killed).await;
}

/// How the server before ended: one that is killed leaves SQLite's log behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Former {
    Stopped,
    Killed,
}

/// A server starts on a file that can't be written, and goes on when it can.
async fn is_written_again(former: Former) {
    if on_postgres() {
        return;
    }
    // Where others may look, for root gives its rights away here.
    let folder = std::env::temp_dir().join(format!("manager-read-only-{former:?}-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let installation = Installation::on(TestDatabase::Sqlite { folder: folder.clone() });
    let server = installation.start().await;
    let ada = Customer::register(&server, "ada").await;
    installation.settled().await;
    match former {
        Former::Stopped => server.stop().await,
        Former::Killed => server.kill(),
    }
    let file = folder.join("manager.db");
    set_writable(&file, false);
    let mut command = installation.command();
    if runs_as_root() {
        let copy = folder.join("program");
        fs::copy(program(), &copy).expect("a copy");
        for entry in fs::read_dir(&folder).expect("files") {
            std::os::unix::fs::chown(entry.expect("a file").path(), Some(NOBODY), Some(NOBODY)).expect("an owner");
        }
        std::os::unix::fs::chown(&folder, Some(NOBODY), Some(NOBODY)).expect("an owner");
        command = installation.command_of(Path::new("setpriv"));
        let nobody = NOBODY.to_string();
        command.args(["--reuid", &nobody, "--regid", &nobody, "--clear-groups"]).arg(copy);
        // Without a log it could not even be read in such a folder; others than root could not start the server here.
        let mode = if former == Former::Killed { 0o555 } else { 0o755 };
        fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).expect("other permissions");
    }
    let server = installation.spawn(&mut command).ready().await;
    refuses_writes_and_reads_on(&server, &ada, &[]).await;
    let ended = Cell::new(false);
    let recovery = async {
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).expect("other permissions");
        set_writable(&file, true);
        recovers(&server, &ada, &[]).await;
        ended.set(true);
    };
    let reading = || is_answered_meanwhile(&server, &ada, &ended);
    tokio::join!(recovery, reading(), reading(), reading());
    server.stop().await;
    assert_eq!(integrity(&file), "ok");
}

//! The command line as operators and scripts meet it: what it prints, what it leaves behind, and its exit codes.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use diesel::prelude::*;
use manager_repository::schema::service_tokens;
use manager_tests::customers::registration;
use manager_tests::databases::{TestDatabase, on_postgres};
use manager_tests::people::PASSWORD;
use manager_tests::processes::program;
use manager_tests::{Customer, Installation, Value, json};

/// An installation with a database that nobody has opened yet.
fn fresh() -> Installation {
    Installation::on(TestDatabase::create_empty())
}

#[actix_web::test]
async fn every_command_has_help() {
    let installation = fresh();
    for command in [
        "",
        "serve",
        "worker",
        "migrate",
        "openapi",
        "staff",
        "staff create",
        "staff token",
        "staff verify-vat",
        "backup",
        "config",
        "seed",
        "keys",
        "keys generate",
        "keys rotate-signing",
    ] {
        let arguments: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        let help = installation.manager(&arguments).await.done();
        let usage = format!("Usage: manager {command}");
        assert!(help.contains(usage.trim_end()) && !help.contains('\u{1b}'), "{command}: {help}");
    }
}

#[actix_web::test]
async fn wrong_use_is_told_before_anything_is_done() {
    let installation = fresh();
    for command in [
        "staff create eve@example.com --role owner",
        "staff create eve@example.com",
        "staff create no-address --role admin",
        "staff token --role admin",
        "staff fire eve@example.com",
        "staff",
        "sever",
        "serve --port 80",
        "migrate --all",
        "openapi --chek",
        "backup",
        "keys generate one two",
        "seed --accounts none",
    ] {
        let arguments: Vec<&str> = command.split(' ').collect();
        let ended = installation.manager(&arguments).await;
        assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""), "{command}: {ended:?}");
        assert!(!ended.err.is_empty(), "{command}");
    }
    let listed = installation.manager(&["migrate", "--status"]).await.done();
    assert!(listed.lines().all(|line| line.starts_with("pending ")), "{listed}");
}

#[actix_web::test]
async fn migrations_are_listed_and_applied_once() {
    let mut installation = fresh();
    let status = async || installation.manager(&["migrate", "--status"]).await.done();
    let engine = if on_postgres() { "postgres" } else { "sqlite" };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations").join(engine);
    let pending = status().await;
    assert_eq!(pending.lines().count(), fs::read_dir(folder).expect("the migrations").count(), "{pending}");
    assert!(pending.lines().all(|line| line.starts_with("pending ")), "{pending}");
    let applied = installation.manager(&["migrate"]).await.done();
    assert_eq!(applied, pending.replace("pending ", "applied "));
    assert_eq!(status().await, applied);
    assert_eq!(installation.manager(&["migrate"]).await.done(), "");
    installation.set("MANAGER_MIGRATE", "off");
    installation.start().await.stop().await;
}

#[actix_web::test]
async fn the_document_is_written_and_checked() {
    let installation = fresh();
    let check = async || installation.manager(&["openapi", "--check"]).await;
    let stale = check().await.failed(1);
    assert!(stale.contains("openapi/openapi.json is stale"), "{stale}");
    assert_eq!(installation.manager(&["openapi"]).await.done(), "");
    assert_eq!(check().await.done(), "");
    let file = installation.database.folder().join("openapi/openapi.json");
    let text = fs::read_to_string(&file).expect("the document");
    assert_eq!(serde_json::from_str::<Value>(&text).expect("JSON")["openapi"], "3.1.0");
    fs::write(&file, text + "\n").expect("the document is changed");
    check().await.failed(1);
}

#[actix_web::test]
async fn staff_get_their_account_by_mail_and_other_roles_at_once() {
    let installation = Installation::new();
    let server = installation.start().await;
    let create = async |role: &str| {
        let arguments = ["staff", "create", "Eve.Support@example.com", "--role", role];
        installation.manager(&arguments).await.done().trim_end().to_owned()
    };
    let account = create("support").await;
    let token = server.token_to("Eve.Support@example.com").await;
    let body = json!({"token": token, "password": PASSWORD});
    server.post("/v1/auth/password-reset/confirm", body.clone()).await.expect(204);
    server.post("/v1/auth/password-reset/confirm", body).await.refused(410, "token_lapsed");
    let eve = Customer::log_in(&server, "eve.support@example.com").await;
    let me = eve.get(&server, "/v1/me").await.expect(200);
    assert_eq!((&me["id"], &me["staff_role"]), (&json!(account), &json!("support")));
    let mails = server.mails().await.len();
    assert_eq!(create("admin").await, account);
    assert_eq!(eve.get(&server, "/v1/me").await.expect(200)["staff_role"], "admin");
    installation.settled().await;
    assert_eq!(server.mails().await.len(), mails, "there is a password already");

    let ada = Customer::register(&server, "ada").await;
    installation.manager(&["staff", "create", "ada@example.com", "--role", "finance"]).await.done();
    let me = ada.get(&server, "/v1/me").await.expect(200);
    assert_eq!((&me["staff_role"], &me["organizations"][0]["role"]), (&json!("finance"), &json!("owner")));
    server.stop().await;
}

#[actix_web::test]
async fn service_tokens_are_printed_and_not_kept() {
    let installation = Installation::new();
    let mut printed = Vec::new();
    for _ in 0..2 {
        let made = installation.run(installation.command().args(["staff", "token", "--role", "provisioning"])).await;
        let token = made.out.trim_end().to_owned();
        assert!(token.starts_with("mst_") && token.len() > 30 && !made.err.contains(&token[4..]), "{made:?}");
        printed.push(token);
    }
    assert_ne!(printed[0], printed[1]);
    let rows = service_tokens::table.select((service_tokens::role, service_tokens::token_hash));
    let kept: Vec<(String, Vec<u8>)> = rows.load(&mut installation.connect()).expect("the tokens");
    assert_eq!(kept.len(), 2);
    for (role, hash) in &kept {
        assert_eq!((role.as_str(), hash.len()), ("provisioning", 32));
    }
}

#[actix_web::test]
async fn vat_numbers_are_verified_by_number_or_id() {
    let installation = Installation::new();
    let server = installation.start().await;
    let mut body = registration("ada@example.com");
    let address = json!({"line1": "Unter den Linden 1", "postal_code": "10117", "city": "Berlin", "country": "DE"});
    body["organization"] = json!({"kind": "company", "name": "Ada GmbH", "country": "DE", "billing_address": address,
        "vat_number": "DE136695976"});
    server.post("/v1/accounts", body).await.expect(202);
    let confirm = json!({"token": server.token_to("ada@example.com").await, "password": PASSWORD});
    server.post("/v1/accounts/confirm", confirm).await.expect(201);
    let ada = Customer::log_in(&server, "ada@example.com").await;
    let mine = async || ada.get(&server, &ada.org("")).await.expect(200);
    let number = mine().await["number"].as_str().expect("a number").to_owned();
    assert_eq!(mine().await["vat_verified"], false);
    let verify = async |more: &[&str]| installation.manager(&[&["staff", "verify-vat"], more].concat()).await;
    assert_eq!(verify(&[&number]).await.done(), format!("{number} DE136695976 verified\n"));
    assert_eq!(mine().await["vat_verified"], true);
    let revoked = verify(&[&ada.organization, "--revoke"]).await.done();
    assert_eq!(revoked, format!("{number} DE136695976 not verified\n"));
    assert_eq!(mine().await["vat_verified"], false);
    let nobody = verify(&["00000000"]).await;
    assert_eq!((nobody.code, nobody.out.as_str()), (Some(1), ""), "{nobody:?}");
    let bob = Customer::register(&server, "bob").await;
    let without = verify(&[&bob.organization]).await;
    assert_eq!((without.code, without.out.as_str()), (Some(1), ""), "{without:?}");
    server.stop().await;
}

#[actix_web::test]
async fn root_keys_are_new_private_and_never_written_over() {
    let mut installation = fresh();
    let folder = installation.database.folder().to_owned();
    let generate = async |file: &[&str]| installation.manager(&[&["keys", "generate"], file].concat()).await;
    let mut keys = BTreeSet::new();
    for name in ["one.key", "keys/two.key"] {
        assert_eq!(generate(&[name]).await.done(), format!("{name}\n"));
        let file = folder.join(name);
        assert_eq!(fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o600);
        let text = fs::read_to_string(&file).expect("a key");
        assert_eq!(STANDARD.decode(text.trim_end()).expect("base64").len(), 32);
        keys.insert(text);
    }
    assert_eq!(keys.len(), 2);
    generate(&["one.key"]).await.failed(1);
    // The configured one, which is there already.
    let told = generate(&[]).await.failed(1);
    assert!(told.contains("root.key"), "{told}");
    assert!(keys.contains(&fs::read_to_string(folder.join("one.key")).expect("a key")));

    installation.set("MANAGER_ROOT_KEY_FILE", "three.key");
    assert_eq!(installation.manager(&["keys", "generate"]).await.done(), "three.key\n");
    let made = installation.manager(&["keys", "rotate-signing"]).await.done();
    let server = installation.start().await;
    let known = server.get("/.well-known/jwks.json").await.expect(200);
    assert!(known["keys"].as_array().expect("keys").iter().any(|key| key["kid"] == made.trim_end()), "{known}");
    server.stop().await;
}

#[actix_web::test]
async fn the_configuration_is_shown_without_its_secrets() {
    let mut installation = fresh();
    let url = "postgres://manager:hunter2-a@db.example/panel?sslpassword=hunter2-b&sslmode=require&password=hunter2-c";
    installation.set("DATABASE_URL", url);
    installation.set("MANAGER_SMTP_URL", "smtps://us:hunter2-d@mail.example:465");
    installation.set("MANAGER_STRIPE_SECRET_KEY", "hunter2-e");
    installation.set("MANAGER_STRIPE_WEBHOOK_SECRET", "hunter2-f");
    let dotenv = installation.database.folder().join(".env");
    fs::write(&dotenv, "MANAGER_PRODUCT_NAME=Panel\nMANAGER_LOG=debug\nOTHERS=hunter2-g\n").expect("a .env file");
    let config = |installation: &Installation| {
        let mut command = installation.command();
        // Known to builds for tests alone, and to the commands that ask for the time.
        command.arg("config").env_remove("MANAGER_CLOCK_AHEAD");
        command
    };
    let shown = installation.run(&mut config(&installation)).await.done();
    assert!(!shown.contains("hunter2"), "{shown}");
    let line = |name: &str| {
        let found = shown.lines().find(|line| line.split(' ').next() == Some(name));
        found.unwrap_or_else(|| panic!("{name} in {shown}")).split_whitespace().skip(1).collect::<Vec<_>>()
    };
    let masked = "postgres://manager:********@db.example/panel?sslpassword=********&sslmode=require&password=********";
    assert_eq!(line("DATABASE_URL"), [masked, "environment"]);
    assert_eq!(line("MANAGER_SMTP_URL"), ["smtps://us:********@mail.example:465", "environment"]);
    for name in ["MANAGER_STRIPE_SECRET_KEY", "MANAGER_STRIPE_WEBHOOK_SECRET"] {
        assert_eq!(line(name), ["********", "environment"]);
    }
    assert_eq!(line("MANAGER_PRODUCT_NAME"), ["Panel", ".env"]);
    assert_eq!(line("MANAGER_LOG"), ["warn", "environment"], "the environment comes before .env");
    assert_eq!(line("MANAGER_ORDER_LAPSE_DAYS"), ["14", "default"]);
    installation.set("MANAGER_SMTP_URL", "http://us:hunter2-d@mail.example");
    // What is wrong is told after everything was shown.
    let refused = installation.run(&mut config(&installation)).await;
    assert!(refused.code == Some(2) && refused.err.starts_with("manager: MANAGER_SMTP_URL holds "), "{refused:?}");
    assert!(!refused.out.contains("hunter2") && !refused.err.contains("hunter2"), "{refused:?}");
}

#[actix_web::test]
async fn a_wrong_configuration_is_one_line_and_nothing_is_begun() {
    let mut installation = fresh();
    let data = installation.database.folder().join("untouched");
    installation.set("MANAGER_DATA_DIR", data.display().to_string());
    if !on_postgres() {
        installation.set("DATABASE_URL", format!("sqlite://{}/manager.db", data.display()));
    }
    for (name, value, may_hold) in [
        ("MANAGER_LISTEN", "0.0.0.0:0", "loopback"),
        ("MANAGER_PUBLIC_URL", "https://panel.example.com", "loopback"),
        ("MANAGER_DEV_MAIL_LISTEN", "0.0.0.0:0", "loopback"),
        ("MANAGER_MODE", "staging", "development or production"),
        ("MANAGER_WORKERS", "many", "a number"),
        ("MANAGER_PAYMENTS", "cash", "sandbox"),
        ("DATABASE_URL", "mysql://db.example/panel", "sqlite://"),
        ("MANAGER_LISTENN", "127.0.0.1:0", "MANAGER_LISTEN"),
    ] {
        for command in ["serve", "worker", "migrate"] {
            let line = installation.run(installation.command().arg(command).env(name, value)).await.failed(2);
            let shown = name == "MANAGER_LISTENN" || line.contains(value);
            assert!(line.starts_with(name) && shown && line.contains(may_hold), "{name}: {line}");
        }
    }
    // Without a command, as `cargo run` starts it.
    let line = installation.run(installation.command().env("MANAGER_LISTEN", "0.0.0.0:0")).await.failed(2);
    assert!(line.starts_with("MANAGER_LISTEN holds `0.0.0.0:0`"), "{line}");
    let line = installation.run(installation.command().env("MANAGER_MODE", "production")).await.failed(2);
    assert!(line.starts_with("MANAGER_ROOT_KEY_FILE holds nothing"), "{line}");
    assert!(!data.exists(), "nothing was made");
}

/// Runs a command with these settings and no others.
fn run_with(arguments: &[&str], settings: &[(&str, &str)]) -> Output {
    let mut command = Command::new(program());
    command.args(arguments).env_clear().envs(settings.iter().copied());
    command.current_dir(std::env::temp_dir()).output().expect("the program runs")
}

#[test]
fn the_configuration_is_printed_before_what_is_wrong_with_it() {
    let output = run_with(&["config"], &[("MANAGER_DATA_DIR", "elsewhere")]);
    let all = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(output.status.success() && output.stderr.is_empty());
    assert!(all.contains("elsewhere/root.key"), "{all}");
    let secret = "postgres://u:geheim@db/x?sslpassword=geheim&password=geheim";
    for (settings, complaint) in [
        ([("MANAGER_MODE", "production"), ("DATABASE_URL", secret)], "MANAGER_ROOT_KEY_FILE holds nothing"),
        ([("MANAGER_MODE", "prod"), ("DATABASE_URL", secret)], "MANAGER_MODE holds `prod`"),
        ([("MANAGER_MODES", "production"), ("DATABASE_URL", secret)], "MANAGER_MODES is no setting"),
    ] {
        let output = run_with(&["config"], &settings);
        let printed = String::from_utf8(output.stdout).expect("UTF-8");
        let line = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(2), "{line}");
        assert!(line.starts_with(&format!("manager: {complaint}")) && line.lines().count() == 1, "{line}");
        assert_eq!(printed.lines().count(), all.lines().count(), "{printed}");
        assert!(printed.contains("MANAGER_SMTP_URL") && !printed.contains("geheim"), "{printed}");
    }
}

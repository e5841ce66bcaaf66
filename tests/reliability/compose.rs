//! What docker-compose.yml asks of the image, without Docker.

use std::process::Command;

use manager_tests::{Installation, Process};

/// The health check of the service `api`.
fn health_check() -> Vec<String> {
    let compose = include_str!("../../docker-compose.yml");
    let api = compose.split("\n  api:\n").nth(1).expect("the service");
    let line = api.lines().map(str::trim).find_map(|line| line.strip_prefix("test: ")).expect("a health check");
    serde_json::from_str(line).expect("a list of texts")
}

fn is_healthy(server: &Process) -> bool {
    let command: Vec<String> = health_check();
    assert_eq!(command[0], "CMD");
    let port = server.url.rsplit(':').next().expect("a port");
    let arguments =
        command[2..].iter().map(|argument| argument.replace("127.0.0.1/8080", &format!("127.0.0.1/{port}")));
    Command::new(&command[1]).args(arguments).status().expect("the health check runs").success()
}

#[actix_web::test]
async fn the_health_check_sees_a_server_and_its_end() {
    let installation = Installation::new();
    let server = installation.start_with(&[("MANAGER_DRAIN_SECONDS", "3")]).await;
    assert!(is_healthy(&server));
    server.terminate();
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert!(server.end().is_none() && !is_healthy(&server), "it drains");
    server.died().await;
    assert!(!is_healthy(&server));
}

use std::process::ExitCode;

#[actix_web::main]
async fn main() -> ExitCode {
    manager_server::cli::main().await
}

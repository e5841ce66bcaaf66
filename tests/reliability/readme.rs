//! README's walk with curl works as it is printed, on a database of its own.

use std::path::Path;
use std::process::{Command, Output};

use manager_tests::Installation;

/// The walk: the block of commands that begins by saying where the API is.
fn walk() -> String {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let text = std::fs::read_to_string(readme).expect("README.md");
    let blocks = text.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap_or_default());
    blocks.into_iter().find(|block| block.starts_with("API=")).expect("the walk").to_owned()
}

#[actix_web::test]
async fn the_walk_of_the_readme_works_as_printed() {
    let installation = Installation::new();
    let server = installation.start().await;
    let text = walk();
    assert!(text.contains("http://127.0.0.1:8080") && text.contains("http://127.0.0.1:8025"), "{text}");
    let text = text.replace("http://127.0.0.1:8080", &server.url).replace("http://127.0.0.1:8025", &server.mails_url);
    let folder = installation.database.folder().to_owned();
    let walked = actix_web::web::block(move || {
        // With `-f` curl fails where the server refuses.
        let script = format!("set -euo pipefail; curl() {{ command curl -f \"$@\"; }}\n{text}");
        Command::new("bash").args(["-c", &script]).current_dir(folder).output().expect("bash, curl and jq")
    });
    let Output { status, stdout, stderr } = walked.await.expect("the walk ends");
    let (out, err) = (String::from_utf8_lossy(&stdout).into_owned(), String::from_utf8_lossy(&stderr).into_owned());
    assert!(status.success(), "{out}\n{err}");
    for told in
        [r#""state": "paid""#, r#""state": "active""#, r#""website": "https://ada.example""#, r#""valid": true"#]
    {
        assert!(out.contains(told), "{told} in {out}");
    }
    server.stop().await;
}

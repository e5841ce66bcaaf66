//! The mail page of development mode, which holds everybody's links and documents.

use manager_tests::{Customer, Installation};

#[actix_web::test]
async fn the_mail_page_answers_to_its_own_name_only() {
    let installation = Installation::new();
    let server = installation.start().await;
    let port = server.mails_url.rsplit_once(':').expect("a port").1.to_owned();
    for page in ["/", "/mails.json"] {
        let get = || server.client.get(format!("{}{page}", server.mails_url));
        for host in [format!("localhost:{port}"), format!("127.0.0.1:{port}")] {
            assert_eq!(server.answer(get().header("host", host)).await.status, 200);
        }
        for host in [format!("evil.example:{port}"), "localhost".to_owned(), "localhost.evil.example".to_owned()] {
            let refused = server.answer(get().header("host", &host)).await;
            assert_eq!((refused.status, refused.bytes.len()), (403, 0), "{page} for {host}");
        }
    }
    server.stop().await;
}

#[actix_web::test]
async fn the_mail_page_has_the_files_that_mails_carry() {
    let installation = Installation::new();
    let server = installation.start().await;
    let ada = Customer::register(&server, "ada").await;
    let prepared = ada.prepare(&server, "engines.ch").await;
    server.answer(ada.checkout(&server, &prepared, "sandbox_succeeds")).await.expect(201);
    let mut found = None;
    for _ in 0..100 {
        let mails = server.mails().await;
        found = mails.into_iter().find(|mail| mail["attachments"].as_array().is_some_and(|files| !files.is_empty()));
        if found.is_some() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let mail = found.expect("a mail with the invoice");
    let file = &mail["attachments"][0];
    let (name, path) = (file["name"].as_str().expect("a name"), file["path"].as_str().expect("a path"));
    assert!(name.starts_with("invoice-") && name.ends_with("-1.pdf"), "{file}");
    let page = server.answer(server.client.get(format!("{}/", server.mails_url))).await;
    let page = String::from_utf8_lossy(&page.bytes).into_owned();
    assert!(page.contains(&format!("<a href=\"{path}\">{name}</a>")), "{page}");
    let get = |path: &str| server.client.get(format!("{}{path}", server.mails_url));
    let read = server.answer(get(path)).await;
    assert_eq!((read.status, read.header("content-type")), (200, "application/pdf"));
    assert!(read.bytes.starts_with(b"%PDF-"));
    assert_eq!(server.answer(get(&path.replace("/attachments/0", "/attachments/1"))).await.status, 404);
    assert_eq!(server.answer(get(path).header("host", "evil.example")).await.status, 403);
    server.stop().await;
}

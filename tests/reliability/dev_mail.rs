//! The mail page of development mode, which holds everybody's links.

use manager_tests::Installation;

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

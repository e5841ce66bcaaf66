//! `manager backup` while the server writes, and a server on the copy.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use manager_tests::databases::on_postgres;
use manager_tests::{Customer, Installation, Process, crowd, json};

use crate::books;

/// Makes carts until it is told to stop, and tells their ids.
async fn write(server: Rc<Process>, customer: Customer, ended: Rc<Cell<bool>>, made: Rc<RefCell<Vec<String>>>) {
    for _ in 0..100_000 {
        if ended.get() {
            return;
        }
        let cart = customer.post(&server, &customer.org("/carts"), json!({})).await.expect(201);
        made.borrow_mut().push(cart["id"].as_str().expect("an id").to_owned());
    }
}

#[actix_web::test]
async fn a_copy_made_while_the_server_writes_is_whole_and_can_be_served() {
    let installation = Installation::new();
    let backup = |file: &str| installation.command().arg("backup").arg(file).output().expect("a backup");
    if on_postgres() {
        let told = backup("copy.db");
        assert_eq!(told.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&told.stderr).contains("pg_dump"), "{told:?}");
        return;
    }
    let server = Rc::new(installation.start().await);
    let ada = Customer::register(&server, "ada").await;
    let cart = ada.prepare(&server, "engines.ch").await;
    server.answer(ada.checkout(&server, &cart, "sandbox_succeeds")).await.expect(201);
    let (ended, made) = (Rc::new(Cell::new(false)), Rc::default());
    let (shared, writer, heard) = (Rc::clone(&server), ada.clone(), Rc::clone(&ended));
    let told = Rc::clone(&made);
    let running = actix_web::rt::spawn(crowd(8, 0..8, move |_| {
        write(Rc::clone(&shared), writer.clone(), Rc::clone(&heard), Rc::clone(&told))
    }));
    tokio::time::sleep(Duration::from_millis(300)).await;
    let before: Vec<String> = made.borrow().clone();
    assert!(!before.is_empty());
    let copied = {
        let mut command = installation.command();
        command.args(["backup", "copy.db"]);
        tokio::task::spawn_blocking(move || command.output()).await.expect("a thread").expect("a backup")
    };
    assert!(copied.status.success(), "{copied:?}");
    let again = backup("copy.db");
    assert_eq!(again.status.code(), Some(1), "a copy is not written over: {again:?}");
    assert!(made.borrow().len() > before.len(), "the server wrote meanwhile");
    ended.set(true);
    running.await.expect("the writers");
    server.stop().await;

    let copy = format!("sqlite://{}", installation.database.folder().join("copy.db").display());
    let restored = installation.start_with(&[("DATABASE_URL", &copy)]).await;
    for cart in &before {
        ada.get(&restored, &ada.org(&format!("/carts/{cart}"))).await.expect(200);
    }
    books::in_order(&restored, &ada, &[cart]).await;
    Customer::log_in(&restored, &ada.email).await;
    Customer::register(&restored, "bob").await;
    restored.stop().await;
}

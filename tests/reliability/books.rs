//! What must hold of an organization's orders, invoices and products whatever happened.

use std::collections::{BTreeMap, BTreeSet};

use manager_tests::customers::Prepared;
use manager_tests::{Customer, Process, Value};

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("a text instead of {value}"))
}

/// Checks that each of these carts became one order, paid once, with one numbered invoice and an active product; that
/// numbers have no gaps; and that the audit log is whole. Answers the orders by cart.
pub async fn in_order(server: &Process, customer: &Customer, carts: &[Prepared]) -> BTreeMap<String, String> {
    let mut orders = BTreeMap::new();
    for order in customer.all(server, "orders").await {
        assert_eq!(order["state"], "paid", "{order}");
        let (id, cart) = (text(&order["id"]).to_owned(), text(&order["cart"]).to_owned());
        let twice = orders.insert(cart, id.clone());
        assert!(twice.is_none(), "a cart has two orders: {twice:?} and {id}");
        let details = customer.get(server, &customer.org(&format!("/orders/{id}"))).await.expect(200);
        let succeeded = |payment: &&Value| payment["state"] == "succeeded";
        let payments = details["payments"].as_array().expect("payments");
        assert_eq!(payments.iter().filter(succeeded).count(), 1, "{details}");
        assert_eq!(details["invoice"]["state"], "paid", "{details}");
        assert_eq!(details["products"].as_array().map(Vec::len), Some(1), "{details}");
    }
    let known: BTreeSet<&String> = orders.keys().collect();
    assert_eq!(known, carts.iter().map(|prepared| &prepared.cart).collect(), "carts with an order");
    let products = customer.all(server, "products").await;
    assert_eq!(products.len(), carts.len());
    assert!(products.iter().all(|product| product["state"] == "active"), "{products:?}");
    let invoices = customer.all(server, "invoices").await;
    assert_eq!(invoices.len(), carts.len());
    let number = |invoice: &Value| text(&invoice["number"]).rsplit('-').next().and_then(|end| end.parse().ok());
    let mut numbers: Vec<usize> = invoices.iter().map(|invoice| number(invoice).expect("a number")).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=carts.len()).collect::<Vec<_>>(), "numbers of invoices");
    audited(server, customer).await;
    orders
}

/// Checks the chain of the organization's audit log.
pub async fn audited(server: &Process, customer: &Customer) {
    let verified = customer.get(server, &customer.org("/audit-log/verification")).await.expect(200);
    assert_eq!(verified["valid"], true, "{verified}");
}

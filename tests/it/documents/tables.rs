//! Invoices as comma-separated values.

use manager_domain::ids::OrganizationId;
use manager_repository::{AnyConnection, Error, invoices as rows};
use manager_tests::{Person, json};

use super::{DECLINED, PAYS, buyer, ordered};

/// The cells of each row, read by RFC 4180.
fn parsed(text: &str) -> Vec<Vec<String>> {
    let (mut table, mut row, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match (character, quoted) {
            ('"', true) if characters.peek() == Some(&'"') => {
                characters.next();
                cell.push('"');
            }
            ('"', _) => quoted = !quoted,
            (',', false) => row.push(std::mem::take(&mut cell)),
            ('\r', false) if characters.peek() == Some(&'\n') => {
                characters.next();
                row.push(std::mem::take(&mut cell));
                table.push(std::mem::take(&mut row));
            }
            (other, _) => cell.push(other),
        }
    }
    assert!(cell.is_empty() && row.is_empty() && !quoted, "the last row ends like the others");
    table
}

async fn table(ada: &Person, query: &str) -> Vec<Vec<String>> {
    let answer = ada.get(&ada.org(&format!("/invoices.csv{query}"))).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8; header=present");
    assert_eq!(answer.header("content-disposition"), "attachment; filename=\"invoices.csv\"");
    let table = parsed(std::str::from_utf8(&answer.bytes).unwrap());
    assert!(table.iter().all(|row| row.len() == table[0].len()), "{table:?}");
    table
}

#[actix_web::test]
async fn a_table_has_a_row_a_line_and_the_filters_of_the_list() {
    let (_, ada) = buyer().await;
    ordered(&ada, "first.ch", PAYS).await;
    ordered(&ada, "second.ch", DECLINED).await;
    let all = table(&ada, "").await;
    let column = |name: &str| all[0].iter().position(|head| head == name).unwrap();
    assert_eq!((all.len(), all[1][column("state")].as_str(), all[2][column("state")].as_str()), (3, "open", "paid"));
    let paid = &all[2];
    let cells = ["issued_on", "currency", "invoice_net", "invoice_tax", "invoice_total", "product_name", "period_end"];
    let expected = ["2026-03-02", "CHF", "9.00", "0.73", "9.73", "first.ch", "2027-03-02"];
    assert_eq!(cells.map(|name| paid[column(name)].as_str()), expected);
    let cells = ["line", "offer", "quantity", "unit_price", "discount", "net", "tax_rate"];
    assert_eq!(cells.map(|name| paid[column(name)].as_str()), ["1", "domain_ch", "1", "9.00", "0.00", "9.00", "8.1"]);
    assert!(paid[column("number")].ends_with("-2026-1") && all[1][column("number")].is_empty());
    assert_eq!(table(&ada, "?state=open").await.len(), 2);
    assert_eq!(table(&ada, "?from=2026-03-03").await.len(), 1);
    ada.get(&ada.org("/invoices.csv?limit=5")).await.faulty("query:limit", "unknown_field");
    ada.get(&ada.org("/invoices.csv?state=lost")).await.faulty("query:state", "invalid_value");
}

#[actix_web::test]
async fn a_products_name_is_no_formula() {
    let (_, ada) = buyer().await;
    let cart = ada.post(&ada.org("/carts"), json!({})).await.expect(201)["id"].as_str().unwrap().to_owned();
    let name = "=HYPERLINK(\"http://evil.example\",\"Open\")";
    let item = json!({"offer": "kdrive_solo", "frequency": "yearly", "options": {"display_name": name}});
    ada.post(&ada.org(&format!("/carts/{cart}/items")), item).await.expect(201);
    ada.put(&ada.org(&format!("/carts/{cart}/payment-method")), json!({"kind": "card"})).await.expect(200);
    let token = crate::orders::quote(&ada, &cart).await["price_token"].clone();
    crate::orders::check_out(&ada, &cart, &token, PAYS).await.expect(201);
    let all = table(&ada, "").await;
    let column = all[0].iter().position(|head| head == "product_name").unwrap();
    assert_eq!(all[1][column], format!("'{name}"));
}

#[actix_web::test]
async fn a_long_table_is_whole_and_in_order() {
    const MORE: usize = 450;
    let (app, ada) = buyer().await;
    let path = ordered(&ada, "first.ch", PAYS).await;
    let organization: OrganizationId = ada.organization.parse().unwrap();
    let id = path.rsplit('/').next().unwrap().parse().unwrap();
    let (shared, now) = (app.services.clone(), app.services.clock.now());
    let copy = move |tx: &mut AnyConnection| {
        let invoice = rows::find(tx, organization, id)?.expect("the invoice");
        let lines = rows::lines(tx, organization, id)?;
        for _ in 0..MORE {
            let copy = rows::Invoice { id: shared.ids.next(now), order_id: None, ..invoice.clone() };
            rows::insert(tx, &copy)?;
            for line in &lines {
                rows::insert_line(tx, &rows::InvoiceLine { invoice_id: copy.id, product_id: None, ..line.clone() })?;
            }
        }
        Ok::<_, Error>(())
    };
    app.services.db.write(copy).await.unwrap();
    let all = table(&ada, "").await;
    assert_eq!(all.len(), MORE + 2);
    let ids: Vec<&String> = all[1..].iter().map(|row| &row[0]).collect();
    assert!(ids.windows(2).all(|pair| pair[0] > pair[1]), "newest first, each once");
}

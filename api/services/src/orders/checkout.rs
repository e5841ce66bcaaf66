//! Checkout: cart and quote become order, open invoice, pending products and payment in one transaction.

use manager_domain::ids::*;
use manager_domain::invoices::{InvoiceState, LineDescription, Taxes};
use manager_domain::memberships::Rights;
use manager_domain::order_options::{product_name, searched_by, unique_names};
use manager_domain::orders::OrderState;
use manager_domain::payments::PaymentMethodKind;
use manager_domain::postings::PaidBy;
use manager_domain::products::ProductState;
use manager_domain::quotes::{self as quoted, QuotedLine, QuotedLines};
use manager_domain::search_keys::search_key;
use manager_domain::{Code, FaultCode, Money, Refusal};
use manager_repository::invoices::{Invoice, InvoiceLine};
use manager_repository::organizations::{self, Organization};
use manager_repository::products::{self, Product};
use manager_repository::{AnyConnection, Json, carts as cart_rows, invoices, orders as rows, quotes as quote_rows};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Details, Order, paid_or_refused};
use crate::access::Authority;
use crate::audit_log::{self, Entry};
use crate::catalogue::{self, Version};
use crate::errors::{Error, Result};
use crate::failpoints::failpoint;
use crate::payments::{self, PaidFor, Paying, Plan, buyer, collect, settle_invoice_in};
use crate::product_names::{self, Wanted};
use crate::quotes::{self, Quote};
use crate::{Call, Services, carts, idempotency, redemptions};

/// What a checkout says.
#[derive(Debug, Clone)]
pub struct Checkout {
    pub cart: CartId,
    pub price_token: String,
    pub paying: Paying,
}

/// How a checkout went.
#[derive(Debug, Clone)]
pub enum CheckedOut {
    /// Paid, or its payment is processing.
    Placed(Box<Details>),
    /// Content or eligibility changed since the quote: nothing was ordered, here is the new preview.
    Stale(Box<Quote>),
}

/// What the first transaction left to do.
#[derive(Debug, Serialize, Deserialize)]
enum Placed {
    Order { order: OrderId, payment: Option<PaymentId> },
    Stale,
}

/// Orders a cart at the prices of a quote, and pays it.
///
/// # Errors
/// `not_found`, `cart_closed`, `billing_address_required`, `payment_method_required`, `payment_method_unavailable`,
/// `insufficient_balance`, `quote_used`, `token_lapsed` for a quote too old, `forbidden` for a type the caller may not order,
/// `validation_failed`, `name_taken`; `payment_failed` with the order placed and payable.
pub async fn checkout(
    services: &Services,
    call: &Call,
    organization: OrganizationId,
    request: Checkout,
) -> Result<CheckedOut> {
    let cart = request.cart;
    let (shared, call_) = (services.clone(), call.clone());
    let write = move |tx: &mut AnyConnection, authority: &Authority| {
        let placed = place(tx, &shared, &call_, organization, &authority.rights, &request)?;
        if !matches!(placed, Placed::Stale) {
            idempotency::advance(tx, &shared, &call_, &placed)?;
        }
        failpoint!("checkout.before_commit");
        Ok::<_, Error>(placed)
    };
    let placed = match idempotency::reached(services, call)? {
        Some(placed) => placed,
        None => services.write_as(call.clone(), write).await?,
    };
    failpoint!("checkout.after_commit");
    match placed {
        Placed::Stale => Ok(CheckedOut::Stale(Box::new(quotes::quote(services, call, organization, cart).await?))),
        Placed::Order { order, payment } => {
            let details = match payment {
                Some(payment) => {
                    let payment = collect(services, call, organization, payment).await?;
                    paid_or_refused(services, &payment, order).await?
                }
                None => super::get(services, organization, order).await?,
            };
            Ok(CheckedOut::Placed(Box::new(details)))
        }
    }
}

fn place(
    tx: &mut AnyConnection,
    services: &Services,
    call: &Call,
    organization: OrganizationId,
    rights: &Rights,
    request: &Checkout,
) -> Result<Placed> {
    let owner = organizations::find(tx, organization)?.ok_or(Code::NotFound)?;
    let quote = find_quote(tx, services, &owner, request)?;
    let cart = carts::open_cart(tx, organization, request.cart)?;
    if owner.billing_address.is_none() {
        return Err(Code::BillingAddressRequired.into());
    }
    if quote.expires_at <= call.now {
        return Err(Code::TokenLapsed.into());
    }
    let customer = carts::customer(&owner);
    let today = catalogue::today(services, call.now);
    let version = catalogue::in_force(tx, services, today)?;
    let (found, content) = carts::placed(tx, services, &owner, &version.catalogue, cart.content.0.clone(), call.now)?;
    for item in &content.items {
        carts::may_order(rights, &version.catalogue, &item.offer)?;
    }
    let same = quoted::has_same_benefits(&quote.lines.0, &found.benefits)
        && quotes::content_hash(services, &quoted::fingerprint(&content, &customer)) == quote.content_hash;
    let minimum = services.settings.minimum(customer.currency);
    if !same || quote.day != today || !quoted::is_eligible(&content, &version.catalogue, &customer, minimum, today) {
        return Ok(Placed::Stale);
    }
    let total = quote.lines.0.totals().total;
    let due = Money::new(total, owner.currency);
    let plan = payments::plan(tx, services, &owner, content.payment_method, &request.paying, due)?;
    carts::won(quote_rows::consume(tx, organization, quote.id, call.now)?)?;
    carts::won(cart_rows::set_ordered(tx, &cart, call.now)?)?;
    let actor = call.actor.ok_or(Code::Unauthenticated)?;
    let writer = Writer { services, call, owner: &owner, version: &version, account: actor.account };
    writer.order(tx, request.cart, &quote.lines.0, plan)
}

fn find_quote(
    tx: &mut AnyConnection,
    services: &Services,
    owner: &Organization,
    request: &Checkout,
) -> Result<quote_rows::Quote> {
    let hash = quotes::token_hash(services, &request.price_token);
    let quote = quote_rows::find(tx, owner.id, &hash)?.filter(|quote| quote.cart_id == request.cart);
    let Some(quote) = quote else {
        // A cart that doesn't exist is told first.
        carts::open_cart(tx, owner.id, request.cart)?;
        return Err(Refusal::fault("/price_token", FaultCode::InvalidValue).into());
    };
    if quote.used_at.is_some() {
        let order = rows::find_by_cart(tx, owner.id, request.cart)?;
        return Err(Refusal::new(Code::QuoteUsed).with("order", json!(order)).into());
    }
    Ok(quote)
}

/// Writes the rows of an order.
pub(crate) struct Writer<'a> {
    pub services: &'a Services,
    pub call: &'a Call,
    pub owner: &'a Organization,
    pub version: &'a Version,
    pub account: AccountId,
}

impl Writer<'_> {
    fn order(&self, tx: &mut AnyConnection, cart: CartId, lines: &QuotedLines, plan: Option<Plan>) -> Result<Placed> {
        let kind = plan.as_ref().map_or(PaymentMethodKind::Card, |plan| plan.means.kind);
        let draft = self.draft(cart, lines, kind)?;
        let Draft { order, invoice, names, .. } = &draft;
        rows::insert(tx, order)?;
        invoices::insert(tx, invoice)?;
        draft.products.iter().try_for_each(|product| products::insert(tx, product))?;
        draft.lines.iter().try_for_each(|line| invoices::insert_line(tx, line))?;
        product_names::take(tx, self.owner.id, names)?;
        redemptions::reserve(tx, self.services, self.call.now, order, lines)?;
        audit_log::append(tx, self.services, self.call, self.owner.id, draft.placed())?;
        let payment = match plan {
            None => {
                settle_invoice_in(tx, self.services, self.call, invoice, PaidBy::default())?;
                None
            }
            Some(plan) => {
                let (of, paid_for) = ((self.owner.id, order.currency), draft.paid_for());
                Some(payments::start(tx, self.services, self.call, of, paid_for, plan)?)
            }
        };
        Ok(Placed::Order { order: order.id, payment })
    }
}

/// The rows of an order to be, but for its payment: the lines of each product together, in the order of the products.
pub(crate) struct Draft {
    pub order: Order,
    pub invoice: Invoice,
    pub lines: Vec<InvoiceLine>,
    pub products: Vec<Product>,
    /// What only these products may be called.
    pub names: Vec<Wanted>,
}

impl Draft {
    /// What its payment is for.
    pub const fn paid_for(&self) -> PaidFor {
        PaidFor::Invoice { invoice: self.invoice.id, order: Some(self.order.id) }
    }

    /// What the audit log says of it.
    pub fn placed(&self) -> Entry {
        let Order { id, cart_id: cart, total, currency, .. } = &self.order;
        let after = json!({ "cart": cart, "invoice": self.invoice.id, "total": total, "currency": currency });
        Entry::new("order.placed", id).after(after)
    }
}

impl Writer<'_> {
    /// Quantity n makes n products and n lines (ORD-1), more where a term is taxed in stretches (BIL-3).
    pub fn draft(&self, cart: CartId, lines: &QuotedLines, payment_method: PaymentMethodKind) -> Result<Draft> {
        let order = self.open_order(cart, lines, payment_method);
        let invoice = self.open_invoice(&order, lines)?;
        let items = lines.lines.chunk_by(|one, other| one.item == other.item).enumerate();
        let units = items.flat_map(|(index, parts)| {
            (0..parts.first().map_or(0, |line| line.quantity as usize)).map(move |unit| (index, unit, parts))
        });
        let (mut products, mut invoice_lines, mut names) = (Vec::new(), Vec::new(), Vec::new());
        let mut positions = 1_i32..;
        for (index, unit, parts) in units {
            let Some(product) = self.pending_product(&order, parts) else { continue };
            let product_type = self.version.catalogue.product_type(&product.product_type);
            let unique = product_type.map(|of| unique_names(of, &product.options.0)).unwrap_or_default();
            names.extend(unique.into_iter().map(|name| Wanted { name, product: product.id, index }));
            let of_product = parts.iter().zip(positions.by_ref());
            invoice_lines
                .extend(of_product.map(|(line, position)| self.line(&invoice, position, (line, unit), &product)));
            products.push(product);
        }
        Ok(Draft { order, invoice, lines: invoice_lines, products, names })
    }

    fn open_order(&self, cart: CartId, lines: &QuotedLines, payment_method: PaymentMethodKind) -> Order {
        let (now, totals) = (self.call.now, lines.totals());
        Order {
            organization_id: self.owner.id,
            id: self.services.id(now),
            cart_id: cart,
            state: OrderState::Open,
            currency: lines.currency,
            net: totals.net,
            tax: totals.tax,
            total: totals.total,
            payment_method,
            created_by: self.account,
            created_at: now,
            lapses_at: now + self.services.settings.order_lifetime,
            paid_at: None,
            closed_at: None,
            version: 1,
        }
    }

    /// An open invoice without number.
    fn open_invoice(&self, order: &Order, lines: &QuotedLines) -> Result<Invoice> {
        let totals = lines.totals();
        Ok(Invoice {
            organization_id: self.owner.id,
            id: self.services.id(self.call.now),
            order_id: Some(order.id),
            state: InvoiceState::Open,
            number: None,
            issued_on: None,
            currency: lines.currency,
            net: totals.net,
            tax: totals.tax,
            total: totals.total,
            taxes: Json(Taxes { rates: totals.rates, notes: lines.notes.clone() }),
            seller: Json(serde_json::to_value(&self.services.settings.seller).map_err(Error::defect)?),
            buyer: Json(buyer(self.owner)),
            created_at: self.call.now,
            paid_at: None,
            version: 1,
            credited: 0,
        })
    }

    /// The line of one unit, which has a share of the discount of its own.
    fn line(
        &self,
        invoice: &Invoice,
        position: i32,
        (line, unit): (&QuotedLine, usize),
        product: &Product,
    ) -> InvoiceLine {
        let (discount, net) = line.unit(unit);
        InvoiceLine {
            organization_id: self.owner.id,
            invoice_id: invoice.id,
            position,
            product_id: Some(product.id),
            offer: line.offer.clone(),
            description: Json(LineDescription { names: line.names.clone(), product: product.name.clone() }),
            frequency: Some(line.frequency),
            quantity: 1,
            unit_price: line.unit_price,
            discount,
            net,
            tax_rate: line.tax_rate.to_string(),
            period_start: line.period_start,
            period_end: line.period_end,
        }
    }

    /// A product of the item with these lines.
    fn pending_product(&self, order: &Order, parts: &[QuotedLine]) -> Option<Product> {
        let line = parts.first()?;
        let known = self.version.catalogue.offer(&line.offer);
        let name = known.map(|(of, offer)| product_name(of, offer, &line.options, self.owner.locale));
        let name = name.unwrap_or_else(|| line.names.get(self.owner.locale).to_owned());
        let searched = known.map_or_else(|| name.clone(), |(of, _)| searched_by(of, &name, &line.options));
        Some(Product {
            organization_id: self.owner.id,
            id: self.services.id(self.call.now),
            order_id: order.id,
            category: line.category.clone(),
            product_type: line.product_type.clone(),
            offer: line.offer.clone(),
            frequency: line.frequency,
            currency: order.currency,
            search_key: search_key(&searched),
            name,
            options: Json(line.options.clone()),
            state: ProductState::Pending,
            unit_price: parts.iter().map(|line| line.unit_price).sum(),
            anchor_day: None,
            term_start: None,
            term_end: None,
            version: 1,
            created_at: self.call.now,
            updated_at: self.call.now,
            activated_at: None,
        })
    }
}

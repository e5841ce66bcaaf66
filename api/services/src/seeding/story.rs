//! The life of one account and its organization: registered, then one paid order after the other.

use std::sync::Arc;

use chrono::{Datelike, Duration};
use manager_domain::carts::{CartContent, CartState};
use manager_domain::emails::EmailAddress;
use manager_domain::ids::*;
use manager_domain::invoices::{InvoiceState, Series};
use manager_domain::ledger::{Balances, PrepaidParts};
use manager_domain::orders::OrderState;
use manager_domain::payments::{PaymentMethodKind, PaymentState};
use manager_domain::postings::{Amounts, PaidBy, settle_invoice};
use manager_domain::prepaid_accounts::Spending;
use manager_domain::products::ProductState;
use manager_domain::search_keys::search_key;
use manager_domain::{Instant, Money, quotes};
use manager_repository::Json;
use manager_repository::accounts::Account;
use manager_repository::audit_log::Head;
use manager_repository::carts::Cart;
use manager_repository::invoices::Invoice;
use manager_repository::organizations::Organization;
use manager_repository::security_log::SecurityEvent;
use manager_repository::seeding::{Founded, Personal, Rows, Standing};
use serde_json::{Value, json};

use super::assortment::Pick;
use super::chance::{Dice, RepeatableIds};
use super::people::{self, Person};
use super::{DOMAIN, Plan};
use crate::audit_log::{self, Entry};
use crate::calls::Actor;
use crate::errors::{Error, Result};
use crate::orders::{Draft, Writer};
use crate::organizations::Founding;
use crate::payments::{self, Charge, Means, Provider, activation, created, first_term, new_payment, sandbox};
use crate::{Call, Services, carts, catalogue, ledger};

/// Items of one order at most.
const ITEMS: u64 = 5;
/// Between two steps of a customer on the way to an order.
const PAUSE: i64 = 40_000;

/// One account with its organization, so far.
pub(super) struct Story {
    plan: Arc<Plan>,
    /// With an id generator of the story's own.
    services: Services,
    dice: Dice,
    number: u64,
    actor: Actor,
    owner: Organization,
    standing: Standing,
    /// Nothing is ordered before.
    since: Instant,
    products: u64,
    done: u64,
    /// Whether its organization is in the database yet.
    is_written: bool,
}

impl Story {
    /// Registers the account; its organization's row is left to [`Self::rest`].
    pub fn begin(plan: &Arc<Plan>, services: &Services, number: u64, rows: &mut Rows) -> Result<Self> {
        let mut dice = Dice::new(plan.seed, number);
        let ids = Arc::new(RepeatableIds::new(Dice::new(!plan.seed, number)));
        let services = Services { ids, ..services.clone() };
        let person = people::person(&mut dice);
        let new = people::organization(&mut dice, &person, &services.settings.currencies);
        let at = plan.registered_at(&mut dice);
        let account = register(plan, &services, number, &person, at, rows)?;
        let actor = Actor { account, session: services.id(at), authenticated_at: at, admission: None };
        let call = call(at, actor);
        for (action, details) in
            [("account.created", json!({})), ("session.opened", json!({ "session": actor.session, "mode": "bearer" }))]
        {
            rows.security_log.push(event(&services, &call, actor, action, details));
        }
        let id: OrganizationId = services.id(at);
        let founding = Founding::of(&services, &call, account, &new, id, plan.organization_number(number));
        rows.memberships.push(founding.membership);
        let head = Head { sequence: 0, mac: Vec::new() };
        let mut story = Self {
            plan: Arc::clone(plan),
            services,
            dice,
            number,
            actor,
            owner: founding.organization,
            standing: Standing { organization_id: id, head, currency_fixed: false, series: Vec::new(), transfers: 0 },
            since: at + Duration::minutes(30),
            products: plan.products_of(number),
            done: 0,
            is_written: false,
        };
        story.audit(&call, founding.entry, rows)?;
        Ok(story)
    }

    pub const fn is_told(&self) -> bool {
        self.done >= self.products
    }

    /// Ends a run of orders that is written together: the organization's row, or what changed in it.
    pub fn rest(&mut self, rows: &mut Rows) {
        let standing = self.standing.clone();
        if self.is_written {
            rows.continued.push(standing);
        } else {
            let organization = self.owner.clone();
            let search_key = search_key(&organization.name);
            rows.founded.push(Founded { organization, search_key, standing });
        }
        self.is_written = true;
    }

    /// The moment when so many of the products have been ordered: more often the nearer it comes to the present.
    fn moment(&self, done: u64) -> Instant {
        let (done, all) = (i128::from(done), i128::from(self.products.max(1)));
        let span = i128::from((self.plan.midnight - self.since).num_milliseconds().max(0));
        let after = span * done * (2 * all - done) / (all * all);
        self.since + Duration::milliseconds(i64::try_from(after).unwrap_or_default())
    }

    /// Fills a cart, orders and pays it.
    pub fn order(&mut self, rows: &mut Rows) -> Result<()> {
        let wanted = (1 + self.dice.below(ITEMS)).min(self.products - self.done);
        let mut at = self.moment(self.done);
        let slot = (self.moment(self.done + wanted) - at).num_milliseconds();
        let pause = Duration::milliseconds((slot / (wanted as i64 + 4)).min(PAUSE));
        let cart: CartId = self.services.id(at);
        let opened_at = at;
        self.audit(&call(at, self.actor), entry("cart.opened", cart, 0), rows)?;
        let (plan, minimum) = (Arc::clone(&self.plan), self.services.settings.minimum(self.owner.currency));
        let day = catalogue::today(&self.services, at);
        let picks = plan.picks(self.owner.currency);
        let lasting: Vec<&Pick> = picks.iter().filter(|pick| pick.lasts(day, plan.today)).collect();
        let mut content = CartContent::default();
        let mut units = 0;
        while units < wanted {
            at = at + pause;
            let pick = self.dice.one_of(&lasting).ok_or_else(|| Error::defect("nothing in the catalogue lasts"))?;
            let name = format!("{}-{}", self.number, self.done + units + 1);
            let item = pick.item(&mut self.dice, &plan.version.catalogue, &name, wanted - units);
            units += u64::from(item.quantity);
            content.add(self.services.id(at), item, &plan.version.catalogue, minimum)?;
            self.audit(&call(at, self.actor), entry("cart.changed", cart, content.items.len()), rows)?;
        }
        at = at + pause;
        content.set_payment_method(PaymentMethodKind::Card, self.owner.currency)?;
        self.audit(&call(at, self.actor), entry("cart.changed", cart, content.items.len()), rows)?;
        self.check_out(call(at + pause, self.actor), minimum, &content, (cart, opened_at), rows)?;
        self.done += units;
        Ok(())
    }

    fn check_out(
        &mut self,
        call: Call,
        minimum: Money,
        content: &CartContent,
        (cart, opened_at): (CartId, Instant),
        rows: &mut Rows,
    ) -> Result<()> {
        let today = catalogue::today(&self.services, call.now);
        let version = &self.plan.version;
        let customer = carts::customer(&self.owner);
        let lines = quotes::quote(content, &version.catalogue, &customer, minimum, today)?;
        let account = self.actor.account;
        let writer = Writer { services: &self.services, call: &call, owner: &self.owner, version, account };
        let draft = writer.draft(cart, &lines, PaymentMethodKind::Card)?;
        rows.carts.push(Cart {
            organization_id: self.owner.id,
            id: cart,
            state: CartState::Ordered,
            content: Json(content.clone()),
            created_by: account,
            // Opened, an item at a time, the means of payment, ordered.
            version: content.items.len() as i64 + 3,
            created_at: opened_at,
            updated_at: call.now,
        });
        self.audit(&call, draft.placed(), rows)?;
        if draft.order.total > 0 {
            self.pay(&call, &draft, rows)?;
            self.book(&call, &draft.invoice, rows)?;
            self.standing.currency_fixed = true;
        }
        self.complete(&call, draft, rows)
    }

    /// Pays by the sandbox's card.
    fn pay(&mut self, call: &Call, draft: &Draft, rows: &mut Rows) -> Result<()> {
        let token = sandbox::SUCCEEDS.to_owned();
        let means = Means { kind: PaymentMethodKind::Card, provider: sandbox::Sandbox.name(), token: token.clone() };
        let id: PaymentId = self.services.id(call.now);
        let spending = Spending { prepaid: PrepaidParts::NONE, other: draft.order.total };
        let (of, plan) = ((self.owner.id, draft.order.currency), payments::Plan { means, spending });
        let mut payment = new_payment(id, call.now, of, draft.paid_for(), plan, Some(self.actor.account));
        self.audit(call, created(&payment), rows)?;
        let amount = Money::new(payment.amount, payment.currency);
        let outcome = sandbox::outcome(&Charge {
            organization: self.owner.id,
            payment: id,
            method: payment.method,
            method_token: token,
            amount,
            reference: None,
            asked_after: Duration::zero(),
        });
        self.audit(call, payments::changed(id, PaymentState::Created, outcome.state, &outcome), rows)?;
        (payment.state, payment.provider_reference) = (outcome.state, outcome.reference);
        payment.settled_at = Some(call.now);
        rows.payments.push(payment);
        Ok(())
    }

    /// What the ledger says of it.
    fn book(&mut self, call: &Call, invoice: &Invoice, rows: &mut Rows) -> Result<()> {
        let (of, amounts) = ((self.owner.id, invoice.currency), Amounts { net: invoice.net, tax: invoice.tax });
        let paid_by = PaidBy { other: invoice.total, ..PaidBy::default() };
        let transfer = settle_invoice(invoice.currency, amounts, paid_by).map_err(Error::defect)?;
        self.standing.transfers += 1;
        let (place, after) = (self.standing.transfers, Balances::default());
        let row = ledger::transfer_row(&self.services, call, of, place, invoice.id, &transfer, after);
        rows.transfers.push((row, transfer));
        Ok(())
    }

    /// What the settling transaction does: number, dates and terms (BIL-1, PRD-1).
    fn complete(&mut self, call: &Call, draft: Draft, rows: &mut Rows) -> Result<()> {
        let Draft { mut order, mut invoice, mut lines, mut products, names } = draft;
        let today = catalogue::today(&self.services, call.now);
        let place = self.next_in_series(today.year());
        let number = Series::Invoices.number(&self.owner.number, today.year(), place, self.owner.is_test);
        (order.state, order.paid_at, order.closed_at) = (OrderState::Paid, Some(call.now), Some(call.now));
        order.version += 1;
        (invoice.state, invoice.paid_at) = (InvoiceState::Paid, Some(call.now));
        (invoice.number, invoice.issued_on) = (Some(number.clone()), Some(today));
        invoice.version += 1;
        let of_products = lines.chunk_by_mut(|one, other| one.product_id == other.product_id);
        for (parts, product) in of_products.zip(&mut products) {
            let term = first_term(parts, today)?;
            let activation = activation(term, call.now);
            product.state = ProductState::Active;
            product.anchor_day = activation.anchor_day;
            (product.term_start, product.term_end) = (activation.term_start, activation.term_end);
            product.activated_at = Some(activation.now);
            product.version += 1;
        }
        self.audit(call, payments::paid(order.id, invoice.id, &number), rows)?;
        rows.orders.push(order);
        rows.invoices.push(invoice);
        rows.lines.append(&mut lines);
        rows.products.append(&mut products);
        rows.product_names.extend(names.into_iter().map(|wanted| (self.owner.id, wanted.product, wanted.name)));
        Ok(())
    }

    fn next_in_series(&mut self, year: i32) -> i64 {
        if self.standing.series.last().is_none_or(|(last, _)| *last != year) {
            self.standing.series.push((year, 0));
        }
        self.standing.series.last_mut().map_or(1, |(_, last)| {
            *last += 1;
            *last
        })
    }

    fn audit(&mut self, call: &Call, entry: Entry, rows: &mut Rows) -> Result<()> {
        let (organization_id, salt) = (self.owner.id, self.dice.salt());
        let head = &self.standing.head;
        let row = audit_log::chained(&self.services, call, organization_id, head, &salt, &entry)?;
        self.standing.head = Head { sequence: row.sequence, mac: row.mac.clone() };
        if let Some(content) = entry.personal {
            rows.personal.push(Personal { organization_id, sequence: row.sequence, salt: salt.to_vec(), content });
        }
        rows.audit_log.push(row);
        Ok(())
    }
}

fn register(
    plan: &Plan,
    services: &Services,
    number: u64,
    person: &Person,
    at: Instant,
    rows: &mut Rows,
) -> Result<AccountId> {
    let id: AccountId = services.id(at);
    let email = EmailAddress::parse(&format!("user-{number:06}@{DOMAIN}"));
    let email = email.map_err(|code| Error::defect(format!("an address was refused: {code:?}")))?;
    let account = Account {
        first_name: person.first_name.to_owned(),
        last_name: person.last_name.to_owned(),
        password_hash: Some(plan.password_hash.clone()),
        ..Account::new(id, email.stored(), person.language, person.time_zone, at)
    };
    rows.accounts.push((account, email.key().to_owned()));
    Ok(id)
}

/// From an address that is for documentation (RFC 5737).
fn call(now: Instant, actor: Actor) -> Call {
    let (ip, device) = ("192.0.2.1".to_owned(), "seeding".to_owned());
    Call { ip, device, actor: Some(actor), ..Call::system(now) }
}

fn entry(action: &'static str, cart: CartId, items: usize) -> Entry {
    Entry::new(action, cart).after(json!({ "items": items }))
}

fn event(services: &Services, call: &Call, actor: Actor, action: &str, details: Value) -> SecurityEvent {
    SecurityEvent {
        id: services.id(call.now),
        account_id: actor.account,
        at: call.now,
        action: action.to_owned(),
        session_id: Some(actor.session),
        ip: call.ip.clone(),
        device: call.device.clone(),
        details: Json(details),
    }
}

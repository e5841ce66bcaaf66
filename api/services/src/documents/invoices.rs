//! From the rows of an invoice to the document that is drawn (BIL-1, BIL-4).

use chrono::{Duration, NaiveDate};
use chrono_tz::Tz;
use manager_domain::ids::*;
use manager_domain::invoices::{Buyer, InvoiceState};
use manager_domain::payments::{PaymentMethodKind, PaymentState};
use manager_domain::qr_references::QrReference;
use manager_domain::taxes::Totals;
use manager_domain::terms::Term;
use manager_domain::{Code, Instant};
use manager_repository::invoices::{self as rows, Invoice, InvoiceLine};
use manager_repository::orders::{self, Order};
use manager_repository::organizations::{self, Organization};
use manager_repository::payments::{self, Payment};
use manager_repository::{AnyConnection, Error as DatabaseError};

use super::drawing::{Coverage, Discount, Document, Kind, Line, Means, Party, PaymentDetails, Settlement};
use super::{File, Turn, draw, seller};
use crate::errors::{Error, Result};
use crate::settings::Seller;
use crate::{Services, Settings};

/// Everything that an invoice's document says.
pub(super) struct Source {
    pub organization: Organization,
    pub invoice: Invoice,
    lines: Vec<InvoiceLine>,
    order: Option<Order>,
    /// Those that brought its money.
    payments: Vec<Payment>,
}

impl Source {
    pub fn read(
        conn: &mut AnyConnection,
        organization: OrganizationId,
        id: InvoiceId,
    ) -> std::result::Result<Option<Self>, DatabaseError> {
        let Some(invoice) = rows::find(conn, organization, id)? else { return Ok(None) };
        let Some(owner) = organizations::find(conn, organization)? else { return Ok(None) };
        let lines = rows::lines(conn, organization, id)?;
        let order = match invoice.order_id {
            Some(order) => orders::find(conn, organization, order)?,
            None => None,
        };
        let mut payments = payments::list_of_invoice(conn, organization, id)?;
        // A disputed one paid it; what becomes of the dispute is told elsewhere.
        payments.retain(|payment| matches!(payment.state, PaymentState::Succeeded | PaymentState::Disputed));
        Ok(Some(Self { organization: owner, invoice, lines, order, payments }))
    }

    /// Draws it, in the organization's language.
    pub async fn draw(self, settings: &Settings) -> Result<File> {
        let (language, name) = (self.organization.locale, self.file_name());
        let content = draw(self.document(settings)?, language).await?;
        Ok(File { name, content })
    }

    fn file_name(&self) -> String {
        match &self.invoice.number {
            Some(number) => format!("invoice-{number}.pdf"),
            None => format!("pro-forma-{}.pdf", self.invoice.id),
        }
    }

    fn document(&self, settings: &Settings) -> Result<Document> {
        let (invoice, zone) = (&self.invoice, settings.billing_zone);
        let issuer: Seller = serde_json::from_value(invoice.seller.0.clone()).map_err(Error::defect)?;
        let taxes = &invoice.taxes.0;
        let lines = self.lines.iter().map(|line| self.line(line)).collect::<Result<_>>()?;
        let made_at = invoice.paid_at.unwrap_or(invoice.created_at);
        Ok(Document {
            kind: kind(invoice.state),
            number: invoice.number.clone(),
            date: invoice.issued_on.unwrap_or_else(|| made_at.date_in(zone)),
            due: self.due(zone),
            customer_number: self.organization.number.clone(),
            order_number: invoice.order_id.map(|order| order.to_string()),
            period: None,
            seller: seller(&issuer),
            buyer: buyer(&invoice.buyer.0),
            currency: invoice.currency,
            lines,
            totals: Totals { net: invoice.net, tax: invoice.tax, total: invoice.total, rates: taxes.rates.clone() },
            notes: taxes.notes.clone(),
            settlements: settlements(invoice, &self.payments, zone),
            payment: self.payment_details(settings),
            test: self.organization.is_test,
            made_at,
        })
    }

    /// The last whole day before the order lapses: money that comes on the day itself may be late.
    fn due(&self, zone: Tz) -> Option<NaiveDate> {
        let order = self.order.as_ref().filter(|_| self.invoice.state == InvoiceState::Open)?;
        Some((order.lapses_at - Duration::days(1)).date_in(zone))
    }

    fn payment_details(&self, settings: &Settings) -> Option<PaymentDetails> {
        let invoice = &self.invoice;
        let reference = QrReference::of_invoice(&self.organization.number, invoice.id)?;
        let account = settings.qr_iban(invoice.currency).clone();
        (invoice.state == InvoiceState::Open).then_some(PaymentDetails { account, reference })
    }

    fn line(&self, line: &InvoiceLine) -> Result<Line> {
        let description = line.description.0.names.get(self.organization.locale).to_owned();
        let product = &line.description.0.product;
        let details = if product.is_empty() || *product == description { Vec::new() } else { vec![product.clone()] };
        Ok(Line {
            description,
            details,
            coverage: coverage(line),
            quantity: line.quantity.into(),
            unit: None,
            unit_price: line.unit_price.into(),
            discount: (line.discount > 0).then_some(Discount { label: None, amount: line.discount }),
            net: line.net,
            rate: line.tax_rate.parse().map_err(Error::defect)?,
        })
    }
}

/// The days that a line pays, or how many months where they aren't known yet; what costs nothing has no term (CAT-3).
fn coverage(line: &InvoiceLine) -> Coverage {
    match (line.period_start, line.period_end, line.frequency) {
        (Some(start), Some(end), _) => Coverage::Term(Term { start, end }),
        (_, _, Some(frequency)) if line.unit_price > 0 => Coverage::Months(frequency.months()),
        _ => Coverage::Once,
    }
}

const fn kind(state: InvoiceState) -> Kind {
    match state {
        InvoiceState::Open => Kind::ProForma,
        InvoiceState::Void => Kind::Void,
        InvoiceState::Paid | InvoiceState::PartlyRefunded | InvoiceState::Refunded => Kind::Invoice,
    }
}

pub(super) fn buyer(buyer: &Buyer) -> Party {
    Party { name: buyer.name.clone(), address: buyer.address.clone(), vat_number: buyer.vat_number.clone() }
}

/// What paid it, in order: each payment with its prepaid parts, and the prepaid account alone what they left (BIL-5).
fn settlements(invoice: &Invoice, payments: &[Payment], zone: Tz) -> Vec<Settlement> {
    let Some(paid_at) = invoice.paid_at.filter(|_| invoice.state.is_settled()) else { return Vec::new() };
    let prepaid = Means::Method(PaymentMethodKind::Prepaid);
    let mut parts = Vec::new();
    for payment in payments {
        let at = payment.settled_at.unwrap_or(paid_at);
        let of_prepaid = payment.parts();
        parts.push((Means::PromotionalBalance, at, of_prepaid.promotional));
        parts.push((prepaid.clone(), at, of_prepaid.paid));
        parts.push((Means::Method(payment.method), at, payment.amount));
    }
    parts.push((prepaid, paid_at, invoice.total));
    let mut left = invoice.total;
    let settle = |(means, at, amount): (Means, Instant, i64)| {
        let amount = amount.min(left);
        left -= amount;
        (amount > 0).then_some(Settlement { means, date: at.date_in(zone), amount })
    };
    parts.into_iter().filter_map(settle).collect()
}

/// An invoice as a PDF file, in its organization's language: with the payment part while it is open.
///
/// # Errors
/// `not_found`; `overloaded` where too many wait.
pub async fn invoice_pdf(services: &Services, organization: OrganizationId, id: InvoiceId) -> Result<File> {
    let _turn = Turn::take()?;
    let read = move |conn: &mut AnyConnection| Ok::<_, Error>(Source::read(conn, organization, id)?);
    let source = services.db.read(read).await?.ok_or(Code::NotFound)?;
    source.draw(&services.settings).await
}

//! Credit notes as PDF files (BIL-1, BIL-4).

use chrono::NaiveDate;
use manager_domain::ids::OrderId;
use manager_domain::invoices::Buyer;
use manager_domain::taxes::{TaxNote, Totals};
use manager_domain::{Currency, Instant};
use manager_repository::organizations::Organization;

use super::drawing::{Correction, Document, Kind, Line, Settlement};
use super::invoices::buyer;
use super::{File, Turn, draw, seller};
use crate::errors::Result;
use crate::settings::Seller;

/// What a credit note says. Amounts are minor units of `currency`, and positive: what is credited.
#[derive(Debug, Clone)]
pub struct CreditNote {
    pub number: String,
    pub issued_on: NaiveDate,
    /// The invoice that it corrects, and why.
    pub correction: Correction,
    pub order: Option<OrderId>,
    /// As of the issue date, as are all below.
    pub seller: Seller,
    pub buyer: Buyer,
    pub currency: Currency,
    pub lines: Vec<Line>,
    pub totals: Totals,
    pub notes: Vec<TaxNote>,
    /// Where the money went.
    pub returned: Vec<Settlement>,
    pub made_at: Instant,
}

/// A credit note as a PDF file, in its organization's language.
///
/// # Errors
/// `overloaded` where too many wait.
pub async fn credit_note_pdf(organization: &Organization, note: CreditNote) -> Result<File> {
    let _turn = Turn::take()?;
    let name = format!("credit-note-{}.pdf", note.number);
    let document = Document {
        kind: Kind::CreditNote(note.correction),
        number: Some(note.number),
        date: note.issued_on,
        due: None,
        customer_number: organization.number.clone(),
        order_number: note.order.map(|order| order.to_string()),
        period: None,
        seller: seller(&note.seller),
        buyer: buyer(&note.buyer),
        currency: note.currency,
        lines: note.lines,
        totals: note.totals,
        notes: note.notes,
        settlements: note.returned,
        payment: None,
        test: organization.is_test,
        made_at: note.made_at,
    };
    Ok(File { name, content: draw(document, organization.locale).await? })
}

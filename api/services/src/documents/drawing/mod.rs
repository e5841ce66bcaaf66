//! Documents drawn as PDF files, with the Swiss QR-bill payment part (BIL-4).
//!
//! [`render`] lays a [`Document`] out on A4 pages: letterhead, lines, totals, notes, and where something is to be paid
//! the payment part at the foot of the last page. Millimetres from the top left corner everywhere, points for type.
//! Files are tagged (PDF/A-2a and PDF/UA-1), with their fonts embedded.

mod canvas;
mod files;
mod fonts;
mod formats;
mod letterhead;
mod line_table;
mod model;
mod payment_part;
mod qr_codes;
mod text_blocks;
mod totals;
mod words;

use manager_domain::Money;
use manager_domain::languages::Language;
use manager_domain::qr_bills::{Address, QrBill, QrBillFault};

pub use model::*;

use canvas::Canvas;
use files::Properties;
use words::{Words, fill};

/// Why a document could not be made. All but [`Error::QrBill`] are defects of the program.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A text of a language is missing or malformed.
    #[error("document texts: {0}")]
    Texts(String),
    #[error("fonts: {0}")]
    Fonts(&'static str),
    /// The seller's account or address can't be on a QR-bill.
    #[error("payment part: {0}")]
    QrBill(#[from] QrBillFault),
    #[error("QR code: {0}")]
    QrCode(String),
    #[error("PDF: {0}")]
    Pdf(String),
}

/// The document as a PDF file in this language. Pure: no clock, no files; the same input gives the same bytes.
///
/// # Errors
/// [`Error::QrBill`] where the payment part would be refused by a bank; else defects.
pub fn render(document: &Document, language: Language) -> Result<Vec<u8>, Error> {
    let words = words::of(language)?;
    let bill = qr_bill(document, words)?;
    let mut canvas = Canvas::new(fonts::load()?, words.watermark(document));
    let title = words.title(document);
    let mut paper = Paper { canvas: &mut canvas, document, words, title: &title, y: 0.0 };
    letterhead::draw(&mut paper);
    line_table::draw(&mut paper);
    totals::draw(&mut paper);
    if let Some(bill) = &bill {
        paper.make_room_for_payment_part();
        payment_part::draw(paper.canvas, bill, &words.payment_part)?;
    }
    letterhead::draw_footers(&mut paper, bill.is_some());
    canvas.finish(&Properties {
        title,
        author: document.seller.name.clone(),
        language: language.as_str(),
        made_at: document.made_at,
    })
}

/// What an invoice is called in this language: `Invoice M48213-2026-7`, or that it is a pro forma where it has no number.
pub fn title(language: Language, number: Option<&str>) -> String {
    let titled = |words: &Words| match number {
        Some(number) => format!("{} {number}", words.titles.invoice),
        None => words.titles.pro_forma.clone(),
    };
    words::of(language).map_or_else(|_| number.unwrap_or_default().to_owned(), titled)
}

/// `CHF 1'234.50`.
pub fn amount(money: Money) -> String {
    format!("{} {}", money.currency, formats::amount(money.amount))
}

/// The payment part, where there is one: something is to be paid, into an account, and not as a test (TIM-3).
fn qr_bill(document: &Document, words: &Words) -> Result<Option<QrBill>, Error> {
    let open = document.open_amount();
    let Some(payment) = document.payment.as_ref() else { return Ok(None) };
    if document.test || open == 0 || matches!(document.kind, Kind::Void | Kind::CreditNote(_)) {
        return Ok(None);
    }
    let address = |party: &Party| {
        let address = party.address.as_ref()?;
        Address::new(&party.name, &address.line1, &address.postal_code, &address.city, &address.country)
    };
    let message = match &document.number {
        Some(number) => fill(&words.payment_part.message, &[("number", number)]),
        None => fill(&words.payment_part.message_pro_forma, &[("number", &document.customer_number)]),
    };
    let bill = QrBill::new(
        payment.account.clone(),
        address(&document.seller),
        Money::new(open, document.currency),
        address(&document.buyer),
        payment.reference.clone(),
        &message,
    );
    match bill {
        Ok(bill) => Ok(Some(bill)),
        // A milliard can't be paid by QR-bill; the document is no worse for it.
        Err(QrBillFault::AmountOutOfRange) => Ok(None),
        Err(fault) => Err(fault.into()),
    }
}

/// A4, and the margins within it, in millimetres.
const PAGE_WIDTH: f32 = 210.0;
const PAGE_HEIGHT: f32 = 297.0;
const LEFT: f32 = 20.0;
const RIGHT: f32 = 190.0;
/// Where the content of a page ends, above its footer.
const BOTTOM: f32 = 273.0;
/// Where the content of later pages begins.
const TOP: f32 = 32.0;
/// Where the content ends on the page that has the payment part.
const BOTTOM_ABOVE_PAYMENT_PART: f32 = payment_part::TOP - 14.0;

/// A document while it is laid out: what is said, and how far down the last page it has come.
struct Paper<'a> {
    canvas: &'a mut Canvas,
    document: &'a Document,
    words: &'a Words,
    title: &'a str,
    y: f32,
}

impl Paper<'_> {
    /// Starts a page unless `height` fits on this one.
    fn need(&mut self, height: f32) -> bool {
        let full = self.y + height > BOTTOM;
        if full {
            self.next_page();
        }
        full
    }

    fn next_page(&mut self) {
        self.canvas.add_page();
        letterhead::draw_continuation(self);
        self.y = TOP;
    }

    fn make_room_for_payment_part(&mut self) {
        if self.y > BOTTOM_ABOVE_PAYMENT_PART {
            self.next_page();
            totals::draw_reminder(self);
        }
    }
}

//! Documents for customers: invoices and credit notes as PDF files, links to them, and mails that carry them (BIL-4).

pub mod credit_notes;
pub mod drawing;
mod invoices;
mod links;
mod mailing;

use manager_domain::languages::Language;
use manager_domain::organizations::BillingAddress;
use manager_domain::{Code, Refusal};
use tokio::sync::{Semaphore, SemaphorePermit};

pub use credit_notes::{CreditNote, credit_note_pdf};
pub use invoices::invoice_pdf;
pub use links::{Link, follow_link, link_to_invoice};
pub use mailing::{Attachment, email_invoice, mail_invoice};

pub(crate) use mailing::files;

use crate::errors::{Error, Result};
use crate::settings::Seller;
use drawing::{Document, Party};

/// When to come back where too many documents are drawn, in seconds.
const COME_BACK: u32 = 2;

/// Documents drawn at once, each on a thread of its own.
static SLOTS: Semaphore = Semaphore::const_new(2);
/// Requests that have a document drawn or wait for it; more are told to come back.
static QUEUE: Semaphore = Semaphore::const_new(64);

/// A PDF file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// In ASCII, with the document's number where it has one.
    pub name: String,
    pub content: Vec<u8>,
}

/// A place in the queue of requests that want a document, to be taken before its rows are read.
struct Turn(#[allow(dead_code)] SemaphorePermit<'static>); // held, not read

impl Turn {
    /// # Errors
    /// `overloaded` where too many wait.
    fn take() -> Result<Self> {
        QUEUE.try_acquire().map(Self).map_err(|_| Refusal::new(Code::Overloaded).retry_after(COME_BACK).into())
    }
}

/// Draws away from the threads that answer requests; the caller holds no transaction.
async fn draw(document: Document, language: Language) -> Result<Vec<u8>> {
    let slot = SLOTS.acquire().await.map_err(Error::defect)?;
    let drawn = tokio::task::spawn_blocking(move || {
        let drawn = drawing::render(&document, language);
        drop(slot);
        drawn
    });
    drawn.await.map_err(Error::defect)?.map_err(Error::defect)
}

fn seller(seller: &Seller) -> Party {
    let address = BillingAddress {
        line1: seller.line1.clone(),
        line2: None,
        postal_code: seller.postal_code.clone(),
        city: seller.city.clone(),
        region: None,
        country: seller.country.clone(),
    };
    Party { name: seller.name.clone(), address: Some(address), vat_number: Some(seller.vat_number.clone()) }
}

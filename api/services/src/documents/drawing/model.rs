//! What a document says: plain data, complete when it comes here.

use chrono::NaiveDate;
use manager_domain::ibans::Iban;
use manager_domain::organizations::BillingAddress;
use manager_domain::payments::PaymentMethodKind;
use manager_domain::qr_references::QrReference;
use manager_domain::taxes::{TaxNote, Totals};
use manager_domain::terms::Term;
use manager_domain::{Currency, Instant};
use rust_decimal::Decimal;

/// An invoice, a pro forma or a credit note as it is printed. Amounts are minor units of `currency`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    pub kind: Kind,
    /// `None` for a pro forma, which has none yet (BIL-1).
    pub number: Option<String>,
    /// The issue date; of a pro forma, the day on which it was made.
    pub date: NaiveDate,
    /// Until when it is to be paid.
    pub due: Option<NaiveDate>,
    /// The organization's number.
    pub customer_number: String,
    pub order_number: Option<String>,
    /// The supply as a whole, where one period holds for it.
    pub period: Option<Term>,
    /// As of the issue date (BIL-1).
    pub seller: Party,
    /// As of the issue date (BIL-1).
    pub buyer: Party,
    pub currency: Currency,
    pub lines: Vec<Line>,
    /// Over all lines, as they were stored: nothing is computed here.
    pub totals: Totals,
    pub notes: Vec<TaxNote>,
    /// What was paid, or returned by a credit note, in order.
    pub settlements: Vec<Settlement>,
    /// How the open amount can be paid by bank transfer; `None` where it can't.
    pub payment: Option<PaymentDetails>,
    /// Of a test organization: watermarked, and without payment part (TIM-3).
    pub test: bool,
    /// The file's creation date. The same document gives the same bytes.
    pub made_at: Instant,
}

impl Document {
    /// What is still to be paid, or, of a credit note, to be returned; never negative.
    pub fn open_amount(&self) -> i64 {
        if self.kind == Kind::Void {
            return 0;
        }
        let settled: i64 = self.settlements.iter().map(|settlement| settlement.amount).sum();
        (self.totals.total - settled).max(0)
    }
}

/// Which document it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// An open invoice without number (BIL-1).
    ProForma,
    /// A pro forma that was withdrawn: nothing is to be paid.
    Void,
    Invoice,
    /// Amounts are what is credited, as positive numbers.
    CreditNote(Correction),
}

/// The invoice that a credit note corrects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Correction {
    pub number: String,
    pub date: NaiveDate,
    /// Why, in the document's language.
    pub reason: Option<String>,
}

/// Seller or buyer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    pub name: String,
    pub address: Option<BillingAddress>,
    pub vat_number: Option<String>,
}

/// One line. `net` is after the discount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// In the document's language.
    pub description: String,
    /// Smaller, below the description: the product's name, its options.
    pub details: Vec<String>,
    pub coverage: Coverage,
    pub quantity: Decimal,
    /// What the quantity counts, such as `GB`.
    pub unit: Option<String>,
    /// Minor units; metered ones may be fractions of them.
    pub unit_price: Decimal,
    pub discount: Option<Discount>,
    /// Minor units.
    pub net: i64,
    /// Percent: `8.1`.
    pub rate: Decimal,
}

/// What a line's price is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coverage {
    Once,
    /// Days; the end is exclusive, and printed as the last day within.
    Term(Term),
    /// So many months, whose days aren't known yet: of a pro forma (BIL-1).
    Months(u32),
}

/// What was taken off a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discount {
    /// Why, in the document's language: the promo code, the free offer.
    pub label: Option<String>,
    /// Minor units, positive.
    pub amount: i64,
}

/// An amount paid, or returned by a credit note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    pub means: Means,
    pub date: NaiveDate,
    /// Minor units, positive.
    pub amount: i64,
}

/// What an amount was paid with, or returned to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Means {
    Method(PaymentMethodKind),
    /// The prepaid account's promotional balance (PRE-3).
    PromotionalBalance,
    /// The credit note of this number.
    CreditNote(String),
}

/// The account that takes the open amount (BIL-4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentDetails {
    /// A QR-IBAN.
    pub account: Iban,
    pub reference: QrReference,
}

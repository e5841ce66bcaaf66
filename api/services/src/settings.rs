//! Figures of the rules that an operator may change, and where links lead.

use chrono::Duration;
use chrono_tz::Tz;
use manager_domain::ibans::Iban;
use manager_domain::organizations::currency_of;
use manager_domain::{Currency, FaultCode, Money, prepaid_accounts};

/// Every *(config)* figure that use cases need.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The product's name in mails and as password context.
    pub product_name: String,
    /// The only base of `iss` and of links to the API, without a trailing slash.
    pub public_url: String,
    /// Where links in mails lead people, without a trailing slash (the built-in pages by default).
    pub frontend_url: String,
    /// The front end, where there is one beyond the built-in pages: people sign in there.
    pub sign_in_url: Option<String>,
    /// `false` refuses what only development may do.
    pub production: bool,
    pub payments: PaymentProvider,
    pub registration_lifetime: Duration,
    pub code_lifetime: Duration,
    pub access_token_lifetime: Duration,
    /// A session that isn't used for so long ends.
    pub session_lifetime: Duration,
    pub login_id_change_lifetime: Duration,
    pub login_id_undo: Duration,
    pub password_reset_lifetime: Duration,
    pub recovery_email_lifetime: Duration,
    pub step_up_lifetime: Duration,
    pub password_min: usize,
    pub password_max: usize,
    pub invitation_lifetime: Duration,
    pub organizations_per_account: i64,
    /// CAT-3, in minor units of either currency.
    pub minimum_charge: i64,
    /// PRE-2.
    pub top_ups: prepaid_accounts::Limits,
    /// STF-1: minor units of either currency, above which a second person is needed.
    pub second_person_above: i64,
    pub anonymous_cart_lifetime: Duration,
    pub price_token_lifetime: Duration,
    pub order_lifetime: Duration,
    /// How long an unpaid order keeps what it reserved of promo codes and free offers (ORD-4).
    pub promo_code_reservation: Duration,
    /// How long a person's security log remembers.
    pub security_log_lifetime: Duration,
    pub billing_zone: Tz,
    pub currencies: Vec<Currency>,
    /// The seller as invoices name it.
    pub seller: Seller,
    pub seller_accounts: SellerAccounts,
    /// Wrong passwords, and wrong codes, that all addresses together get in 15 minutes.
    pub guesses_at_most: i32,
    /// `false` for load tests: no throttling.
    pub rate_limits: bool,
}

/// Who collects what organizations pay; test organizations pay in the sandbox whatever is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaymentProvider {
    Sandbox,
    Stripe,
}

impl PaymentProvider {
    /// As payments name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sandbox => "sandbox",
            Self::Stripe => "stripe",
        }
    }
}

/// The seller's identity on invoices (BIL-1).
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Seller {
    pub name: String,
    pub line1: String,
    pub postal_code: String,
    pub city: String,
    pub country: String,
    pub vat_number: String,
}

/// The seller's QR-IBANs, which payment parts name (BIL-4).
#[derive(Debug, Clone)]
pub struct SellerAccounts {
    pub chf: Iban,
    pub eur: Iban,
}

impl Settings {
    /// The account that takes bank transfers in a currency: a QR-IBAN.
    pub const fn qr_iban(&self, currency: Currency) -> &Iban {
        match currency {
            Currency::Chf => &self.seller_accounts.chf,
            Currency::Eur => &self.seller_accounts.eur,
        }
    }

    /// The smallest amount for which a billing frequency is offered.
    pub const fn minimum(&self, currency: Currency) -> Money {
        Money::new(self.minimum_charge, currency)
    }

    /// The currency somebody of this country is billed in: the one they ask for, if it is offered, or the country's.
    ///
    /// # Errors
    /// [`FaultCode::InvalidValue`] for a currency that isn't offered.
    pub fn currency(&self, asked: Option<Currency>, country: &str) -> Result<Currency, FaultCode> {
        currency_of(asked, country, &self.currencies)
    }

    /// A link for a mail: a page of the front end with the token in the fragment, which never reaches a server's log.
    pub fn link(&self, page: &str, token: &str) -> String {
        format!("{}/{page}#token={token}", self.frontend_url)
    }
}

//! Why the system says no: stable codes with typed parameters, free of wording and of HTTP.
//!
//! The wording in five languages and the HTTP status of each code live in the server's problem table.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

macro_rules! codes {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$doc])* $variant,)* }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The code as clients see it; it never changes.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|code| code.as_str() == text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                Self::parse(&text).ok_or_else(|| serde::de::Error::custom("an unknown code"))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

codes! {
    /// A problem's stable code.
    Code {
        // Form of the request
        MalformedJson = "malformed_json",
        MalformedRequest = "malformed_request",
        ValidationFailed = "validation_failed",
        NotFound = "not_found",
        MethodNotAllowed = "method_not_allowed",
        NotAcceptable = "not_acceptable",
        PayloadTooLarge = "payload_too_large",
        UnsupportedMediaType = "unsupported_media_type",
        HeadersTooLarge = "headers_too_large",
        RequestTimeout = "request_timeout",
        // Who is calling
        Unauthenticated = "unauthenticated",
        InvalidToken = "invalid_token",
        SessionEnded = "session_ended",
        InvalidCredentials = "invalid_credentials",
        WrongPassword = "wrong_password",
        Forbidden = "forbidden",
        CsrfRefused = "csrf_refused",
        StepUpRequired = "step_up_required",
        TooManyRequests = "too_many_requests",
        // Concurrency and repetition
        PreconditionFailed = "precondition_failed",
        PreconditionRequired = "precondition_required",
        IdempotencyKeyRequired = "idempotency_key_required",
        IdempotencyKeyReused = "idempotency_key_reused",
        IdempotencyInProgress = "idempotency_in_progress",
        // One-time tokens and codes
        TokenLapsed = "token_lapsed",
        CodeRefused = "code_refused",
        // Accounts
        PasswordRefused = "password_refused",
        PasswordUnchanged = "password_unchanged",
        LoginIdTaken = "login_id_taken",
        LoginIdUnchanged = "login_id_unchanged",
        LoginIdUndoOpen = "login_id_undo_open",
        LoginIdIsRecoveryEmail = "login_id_is_recovery_email",
        RecoveryEmailIsLoginId = "recovery_email_is_login_id",
        LastOwner = "last_owner",
        AccountOwnsOrganizations = "account_owns_organizations",
        AvatarRefused = "avatar_refused",
        UiSettingsTooLarge = "ui_settings_too_large",
        // Organizations and memberships
        CurrencyFixed = "currency_fixed",
        TooManyOrganizations = "too_many_organizations",
        AlreadyMember = "already_member",
        InvitationPending = "invitation_pending",
        InvitationClosed = "invitation_closed",
        InvitationLapsed = "invitation_lapsed",
        InvitationNotForYou = "invitation_not_for_you",
        InviterNotAllowed = "inviter_not_allowed",
        OwnerCannotExpire = "owner_cannot_expire",
        AbsorptionPending = "absorption_pending",
        AbsorptionTargetRefused = "absorption_target_refused",
        // Catalogue, carts, orders
        OfferUnavailable = "offer_unavailable",
        NameTaken = "name_taken",
        CartFull = "cart_full",
        CartEmpty = "cart_empty",
        CartClosed = "cart_closed",
        PaymentMethodRequired = "payment_method_required",
        PaymentMethodUnavailable = "payment_method_unavailable",
        BillingAddressRequired = "billing_address_required",
        QuoteStale = "quote_stale",
        QuoteUsed = "quote_used",
        OrderClosed = "order_closed",
        PaymentFailed = "payment_failed",
        PaymentInProgress = "payment_in_progress",
        WebhookSignatureRefused = "webhook_signature_refused",
        // Promo codes and free offers
        CodeNotUsable = "code_not_usable",
        PromoCodeRefused = "promo_code_refused",
        PromoCodeInCart = "promo_code_in_cart",
        TooManyPromoCodes = "too_many_promo_codes",
        FreeOfferRefused = "free_offer_refused",
        FreeOfferClosed = "free_offer_closed",
        PromoCodeTaken = "promo_code_taken",
        PromoCodeWithdrawn = "promo_code_withdrawn",
        ReservationEnded = "reservation_ended",
        // Invoices and refunds
        InvoiceClosed = "invoice_closed",
        NothingToCredit = "nothing_to_credit",
        RefundTooLarge = "refund_too_large",
        RefundClosed = "refund_closed",
        // Prepaid account
        InsufficientBalance = "insufficient_balance",
        BalanceLimitReached = "balance_limit_reached",
        PromotionalCreditClosed = "promotional_credit_closed",
        WithdrawalBlocked = "withdrawal_blocked",
        WithdrawalClosed = "withdrawal_closed",
        // Staff
        OwnOrganization = "own_organization",
        SecondPersonRequired = "second_person_required",
        // The service itself
        ServiceUnavailable = "service_unavailable",
        Overloaded = "overloaded",
        InternalError = "internal_error",
    }
}

codes! {
    /// What is wrong with one field of a request.
    FaultCode {
        Missing = "missing",
        UnknownField = "unknown_field",
        DuplicateField = "duplicate_field",
        WrongType = "wrong_type",
        TooShort = "too_short",
        TooLong = "too_long",
        OutOfRange = "out_of_range",
        ControlCharacter = "control_character",
        InvalidEmail = "invalid_email",
        InvalidValue = "invalid_value",
        InvalidCountry = "invalid_country",
        InvalidTimeZone = "invalid_time_zone",
        InvalidVatNumber = "invalid_vat_number",
        InvalidPhone = "invalid_phone",
        InvalidUrl = "invalid_url",
        InvalidDomainName = "invalid_domain_name",
        InvalidDate = "invalid_date",
        InvalidCursor = "invalid_cursor",
        NotAllowed = "not_allowed",
        NotForThisKind = "not_for_this_kind",
        PasswordTooWeak = "password_too_weak",
        InThePast = "in_the_past",
        UnknownOffer = "unknown_offer",
        FrequencyUnavailable = "frequency_unavailable",
        UnderMinimumCharge = "under_minimum_charge",
        UnknownOption = "unknown_option",
        Reserved = "reserved",
        NameTaken = "name_taken",
        InvalidIban = "invalid_iban",
        InvalidPromoCode = "invalid_promo_code",
        WrongCurrency = "wrong_currency",
    }
}

/// One faulty field: a JSON pointer into the body, or `query:<name>`, and what is wrong there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    pub pointer: String,
    pub code: FaultCode,
    /// Values a client may need to explain the fault, such as `{"max": 128}`.
    pub params: Map<String, Value>,
}

impl Fault {
    pub fn new(pointer: impl Into<String>, code: FaultCode) -> Self {
        Self { pointer: pointer.into(), code, params: Map::new() }
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.params.insert(name.to_owned(), value.into());
        self
    }
}

/// A request was understood and refused; nothing was changed by it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Refusal {
    pub code: Code,
    pub faults: Vec<Fault>,
    /// Members of the problem beyond the standard ones, such as the organizations that stand in the way.
    pub params: Map<String, Value>,
    /// Seconds after which trying again makes sense.
    pub retry_after: Option<u32>,
}

impl Refusal {
    pub fn new(code: Code) -> Self {
        Self { code, faults: Vec::new(), params: Map::new(), retry_after: None }
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.params.insert(name.to_owned(), value.into());
        self
    }

    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// A validation problem that lists every fault.
    pub fn invalid(faults: Vec<Fault>) -> Self {
        Self { faults, ..Self::new(Code::ValidationFailed) }
    }

    pub fn fault(pointer: impl Into<String>, code: FaultCode) -> Self {
        Self::invalid(vec![Fault::new(pointer, code)])
    }
}

impl From<Code> for Refusal {
    fn from(code: Code) -> Self {
        Self::new(code)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code.as_str())
    }
}

impl std::error::Error for Refusal {}

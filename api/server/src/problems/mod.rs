//! Problems by RFC 9457: the one table from code to status, and what handlers and extractors return as their error.

pub mod page;
mod render;
mod texts;

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use manager_domain::{Code, Fault, FaultCode, Refusal};
use serde_json::Value;

pub(crate) use render::{Context, finish};
pub use texts::{Text, fault_text, fill, text};

/// The status of every code. Titles and pages are in `texts/problems/*.toml`.
pub const fn status(code: Code) -> StatusCode {
    match code {
        Code::MalformedJson | Code::MalformedRequest | Code::IdempotencyKeyRequired | Code::WebhookSignatureRefused => {
            StatusCode::BAD_REQUEST
        }
        Code::Unauthenticated | Code::InvalidToken | Code::SessionEnded | Code::InvalidCredentials => {
            StatusCode::UNAUTHORIZED
        }
        Code::PaymentFailed => StatusCode::PAYMENT_REQUIRED,
        Code::Forbidden
        | Code::WrongPassword
        | Code::CsrfRefused
        | Code::StepUpRequired
        | Code::InvitationNotForYou
        | Code::InviterNotAllowed
        | Code::OwnOrganization
        | Code::SecondPersonRequired => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Code::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
        Code::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
        Code::TokenLapsed | Code::InvitationLapsed => StatusCode::GONE,
        Code::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
        Code::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Code::ValidationFailed
        | Code::IdempotencyKeyReused
        | Code::CodeRefused
        | Code::PasswordRefused
        | Code::PasswordUnchanged
        | Code::LoginIdUnchanged
        | Code::LoginIdIsRecoveryEmail
        | Code::RecoveryEmailIsLoginId
        | Code::AvatarRefused
        | Code::UiSettingsTooLarge
        | Code::OwnerCannotExpire => StatusCode::UNPROCESSABLE_ENTITY,
        Code::PreconditionRequired => StatusCode::PRECONDITION_REQUIRED,
        Code::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
        Code::HeadersTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        Code::IdempotencyInProgress
        | Code::LoginIdTaken
        | Code::LoginIdUndoOpen
        | Code::LastOwner
        | Code::AccountOwnsOrganizations
        | Code::CurrencyFixed
        | Code::TooManyOrganizations
        | Code::AlreadyMember
        | Code::InvitationPending
        | Code::InvitationClosed
        | Code::AbsorptionPending
        | Code::AbsorptionTargetRefused
        | Code::OfferUnavailable
        | Code::NameTaken
        | Code::CartFull
        | Code::CartEmpty
        | Code::CartClosed
        | Code::PaymentMethodRequired
        | Code::PaymentMethodUnavailable
        | Code::BillingAddressRequired
        | Code::QuoteStale
        | Code::QuoteUsed
        | Code::OrderClosed
        | Code::PaymentInProgress
        | Code::CodeNotUsable
        | Code::PromoCodeRefused
        | Code::PromoCodeInCart
        | Code::TooManyPromoCodes
        | Code::FreeOfferRefused
        | Code::FreeOfferClosed
        | Code::PromoCodeTaken
        | Code::PromoCodeWithdrawn
        | Code::ReservationEnded
        | Code::InvoiceClosed
        | Code::NothingToCredit
        | Code::RefundTooLarge
        | Code::RefundClosed
        | Code::InsufficientBalance
        | Code::BalanceLimitReached
        | Code::PromotionalCreditClosed
        | Code::WithdrawalBlocked
        | Code::WithdrawalClosed => StatusCode::CONFLICT,
        Code::InternalError => StatusCode::INTERNAL_SERVER_ERROR,
        Code::ServiceUnavailable | Code::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// What a response with this status says when nobody said more.
fn code_of(status: StatusCode) -> Code {
    match status.as_u16() {
        401 => Code::Unauthenticated,
        403 => Code::Forbidden,
        404 => Code::NotFound,
        405 => Code::MethodNotAllowed,
        406 => Code::NotAcceptable,
        408 => Code::RequestTimeout,
        412 => Code::PreconditionFailed,
        413 => Code::PayloadTooLarge,
        415 => Code::UnsupportedMediaType,
        422 => Code::ValidationFailed,
        428 => Code::PreconditionRequired,
        429 => Code::TooManyRequests,
        431 => Code::HeadersTooLarge,
        503 => Code::ServiceUnavailable,
        other if other < 500 => Code::MalformedRequest,
        _ => Code::InternalError,
    }
}

impl From<manager_services::Error> for Problem {
    fn from(error: manager_services::Error) -> Self {
        use manager_services::Error;
        match error {
            Error::Refused(refusal) => refusal.into(),
            Error::Overloaded => Self::new(Code::Overloaded).retry_after(1),
            Error::Unavailable(cause) => {
                tracing::error!("{cause}");
                Self::new(Code::ServiceUnavailable).retry_after(5)
            }
            other @ (Error::Conflict | Error::Defect(_)) => Self::internal(other),
        }
    }
}

/// A refusal on its way to the client. The outer middleware adds language and request id.
#[derive(Debug, Clone)]
pub struct Problem(Box<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    refusal: Refusal,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    pub fn new(code: Code) -> Self {
        Refusal::new(code).into()
    }

    pub fn not_found() -> Self {
        Self::new(Code::NotFound)
    }

    /// A validation problem with one fault.
    pub fn fault(pointer: impl Into<String>, code: FaultCode) -> Self {
        Refusal::fault(pointer, code).into()
    }

    pub fn invalid(faults: Vec<Fault>) -> Self {
        Refusal::invalid(faults).into()
    }

    /// Writes the cause to the log and tells the client nothing of it.
    pub fn internal(cause: impl fmt::Display) -> Self {
        tracing::error!(%cause, "internal error");
        Self::new(Code::InternalError)
    }

    /// Adds a member of the problem, which the texts can use too.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.refusal.params.insert(name.to_owned(), value.into());
        self
    }

    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.0.refusal.retry_after = Some(seconds);
        self
    }

    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    pub fn code(&self) -> Code {
        self.0.refusal.code
    }

    pub fn refusal(&self) -> &Refusal {
        &self.0.refusal
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self(Box::new(Inner { refusal, headers: Vec::new() }))
    }
}

impl From<Code> for Problem {
    fn from(code: Code) -> Self {
        Self::new(code)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.refusal, f)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        status(self.code())
    }

    /// Carries the problem to the middleware, which renders it with [`finish`].
    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::new(self.status_code());
        response.extensions_mut().insert(self.clone());
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Language;

    #[test]
    fn every_code_and_fault_has_its_words_in_every_language() {
        for &language in Language::ALL {
            for &code in Code::ALL {
                let text = text(language, code);
                assert!(!text.title.is_empty() && !text.detail.is_empty(), "{code} in {}", language.as_str());
                assert!(status(code).as_u16() >= 400, "{code}");
            }
            for &code in FaultCode::ALL {
                assert!(!fault_text(language, code).is_empty(), "{code} in {}", language.as_str());
            }
        }
        for &code in Code::ALL {
            assert!(text(Language::En, code).page.as_deref().is_some_and(|page| !page.is_empty()), "page of {code}");
        }
    }
}

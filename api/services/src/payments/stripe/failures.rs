//! Why a payment failed: Stripe's many codes in a few stable words, which tell a customer what to do and a thief nothing.

use super::objects::AttemptError;
use super::transport::Refusal;

/// Why a payment failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureReason {
    InsufficientFunds,
    ExpiredCard,
    /// Number, expiry or security code don't fit.
    IncorrectDetails,
    /// The bank wants the customer to confirm, and the customer isn't there.
    AuthenticationRequired,
    AuthenticationFailed,
    /// Too much or too often for this card or account.
    LimitExceeded,
    /// The means of payment takes no such currency, or no such payment at all.
    NotSupported,
    /// The means of payment isn't known, or was removed.
    UnknownPaymentMethod,
    /// The customer said no, or left.
    DeclinedByCustomer,
    /// A bank or a wallet gave Stripe no answer, and Stripe gave up. Another attempt may work.
    ProviderUnavailable,
    AmountOutOfRange,
    /// No reason that may be told: also lost, stolen and suspicious cards.
    Declined,
    /// Stripe didn't accept the request itself: a defect or a setting of this program or of the Stripe account.
    Refused,
    /// Stripe never got the request.
    NeverAsked,
}

impl FailureReason {
    /// The stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InsufficientFunds => "insufficient_funds",
            Self::ExpiredCard => "expired_card",
            Self::IncorrectDetails => "incorrect_details",
            Self::AuthenticationRequired => "authentication_required",
            Self::AuthenticationFailed => "authentication_failed",
            Self::LimitExceeded => "limit_exceeded",
            Self::NotSupported => "not_supported",
            Self::UnknownPaymentMethod => "unknown_payment_method",
            Self::DeclinedByCustomer => "declined_by_customer",
            Self::ProviderUnavailable => "provider_unavailable",
            Self::AmountOutOfRange => "amount_out_of_range",
            Self::Declined => "declined",
            Self::Refused => "refused",
            Self::NeverAsked => "never_asked",
        }
    }

    /// Of an attempt that is noted in an intent.
    pub(super) fn of_attempt(error: Option<&AttemptError>) -> Self {
        error.and_then(|error| read(error.code.as_deref(), error.decline_code.as_deref())).unwrap_or(Self::Declined)
    }

    /// Of a request that was refused.
    pub(super) fn of_refusal(refusal: &Refusal) -> Self {
        if refusal.code.as_deref() == Some("resource_missing") {
            // What a payment refers to is the customer and the saved means.
            return Self::UnknownPaymentMethod;
        }
        let is_decline = refusal.kind == "card_error" || refusal.status == 402;
        let otherwise = if is_decline { Self::Declined } else { Self::Refused };
        read(refusal.code.as_deref(), refusal.decline_code.as_deref()).unwrap_or(otherwise)
    }
}

/// The decline code is the bank's own and says more.
fn read(code: Option<&str>, decline_code: Option<&str>) -> Option<FailureReason> {
    decline_code.and_then(word).or_else(|| code.and_then(word))
}

fn word(code: &str) -> Option<FailureReason> {
    use FailureReason::*;
    Some(match code {
        "insufficient_funds" => InsufficientFunds,
        "expired_card" => ExpiredCard,
        "incorrect_number"
        | "invalid_number"
        | "incorrect_cvc"
        | "invalid_cvc"
        | "incorrect_zip"
        | "incorrect_pin"
        | "invalid_pin"
        | "invalid_expiry_month"
        | "invalid_expiry_year"
        | "incorrect_address"
        | "invalid_account"
        | "offline_pin_required"
        | "online_or_offline_pin_required"
        | "pin_try_exceeded" => IncorrectDetails,
        "authentication_required" | "authentication_not_handled" | "mobile_device_authentication_required" => {
            AuthenticationRequired
        }
        "payment_intent_authentication_failure" | "setup_intent_authentication_failure" => AuthenticationFailed,
        "card_velocity_exceeded"
        | "withdrawal_count_limit_exceeded"
        | "approve_with_id_limit"
        | "card_decline_rate_limit_exceeded" => LimitExceeded,
        "currency_not_supported"
        | "card_not_supported"
        | "service_not_allowed"
        | "transaction_not_allowed"
        | "payment_method_currency_mismatch"
        | "payment_method_unactivated"
        | "payment_method_not_available"
        | "payment_method_unsupported_type"
        | "invalid_currency" => NotSupported,
        "payment_method_unexpected_state" | "payment_method_billing_details_address_missing" => UnknownPaymentMethod,
        "payment_method_customer_decline"
        | "payment_method_provider_decline_by_customer"
        | "payment_intent_payment_attempt_expired" => DeclinedByCustomer,
        "payment_method_provider_timeout"
        | "processing_error"
        | "issuer_not_available"
        | "reenter_transaction"
        | "try_again_later"
        | "approve_with_id"
        | "payment_method_bank_account_unavailable" => ProviderUnavailable,
        "amount_too_large"
        | "amount_too_small"
        | "invalid_amount"
        | "invalid_charge_amount"
        | "charge_exceeds_transaction_limit"
        | "charge_exceeds_source_limit" => AmountOutOfRange,
        "card_declined"
        | "payment_method_provider_decline"
        | "generic_decline"
        | "do_not_honor"
        | "do_not_try_again"
        | "call_issuer"
        | "lost_card"
        | "stolen_card"
        | "pickup_card"
        | "restricted_card"
        | "fraudulent"
        | "merchant_blacklist"
        | "no_action_taken"
        | "not_permitted"
        | "revocation_of_all_authorizations"
        | "revocation_of_authorization"
        | "security_violation"
        | "stop_payment_order"
        | "testmode_decline"
        | "live_mode_test_card"
        | "duplicate_transaction"
        | "new_account_information_available"
        | "invalid_characters" => Declined,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_banks_own_reason_counts_first() {
        for (code, decline, expected) in [
            ("card_declined", Some("insufficient_funds"), FailureReason::InsufficientFunds),
            ("card_declined", Some("stolen_card"), FailureReason::Declined),
            ("card_declined", Some("a_new_one"), FailureReason::Declined),
            ("expired_card", None, FailureReason::ExpiredCard),
            ("authentication_required", Some("authentication_required"), FailureReason::AuthenticationRequired),
            ("a_new_one", None, FailureReason::Declined),
            ("payment_intent_authentication_failure", None, FailureReason::AuthenticationFailed),
        ] {
            let error = AttemptError { code: Some(code.into()), decline_code: decline.map(Into::into) };
            assert_eq!(FailureReason::of_attempt(Some(&error)), expected, "{code} {decline:?}");
        }
        assert_eq!(FailureReason::of_attempt(None), FailureReason::Declined);
    }
}

//! The figures that clients need: limits, policies, currencies, languages.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, get, web};
use manager_domain::{Currency, Money};
use manager_services::avatars;
use serde::Serialize;
use utoipa::ToSchema;

use crate::config::Config;
use crate::language::Language;
use crate::state::AppState;

/// What an operator configured, as far as clients need it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(examples(json!({
    "currencies": ["CHF", "EUR"], "languages": ["en", "fr", "de", "it", "es"], "billing_time_zone": "Europe/Zurich",
    "password": {"min_length": 12, "max_length": 128}, "registration_hours": 24, "login_id_change_minutes": 60,
    "login_id_undo_days": 7, "invitation_days": 7, "order_lapse_days": 14, "promo_code_reservation_minutes": 30,
    "minimum_charge": [{"amount": 500, "currency": "CHF"}, {"amount": 500, "currency": "EUR"}],
    "second_person_above": [{"amount": 50000, "currency": "CHF"}, {"amount": 50000, "currency": "EUR"}],
    "registration_code_minutes": 10, "password_reset_minutes": 60, "recovery_email_hours": 24, "step_up_minutes": 10,
    "access_token_seconds": 600, "session_days": 30, "security_log_days": 365, "price_token_minutes": 15,
    "visitor_cart_days": 30, "organizations_per_account": 50, "avatar_max_bytes": 2097152, "avatar_max_side": 4096
})))]
pub struct Settings {
    pub currencies: Vec<Currency>,
    pub languages: Vec<&'static str>,
    /// Civil dates of invoices and terms are in this zone.
    pub billing_time_zone: String,
    pub password: PasswordPolicy,
    /// Hours until a registration that isn't confirmed expires.
    pub registration_hours: u32,
    /// Minutes in which a new login ID must be confirmed.
    pub login_id_change_minutes: u32,
    /// Days in which a change of login ID can be undone.
    pub login_id_undo_days: u32,
    /// Days until an invitation expires.
    pub invitation_days: u32,
    /// Net, one for each currency: a frequency that comes to less isn't offered.
    pub minimum_charge: Vec<Money>,
    /// Days until an unpaid order lapses.
    pub order_lapse_days: u32,
    /// Minutes in which an unpaid order keeps what it reserved of promo codes and free offers.
    pub promo_code_reservation_minutes: u32,
    /// What staff refunds or credits beyond it needs a second person, per currency.
    pub second_person_above: Vec<Money>,
    /// Minutes in which a mailed code must be entered; the link beside it lives longer.
    pub registration_code_minutes: i64,
    /// Minutes in which a forgotten password must be replaced.
    pub password_reset_minutes: i64,
    /// Hours in which a recovery e-mail must be confirmed.
    pub recovery_email_hours: i64,
    /// Minutes for which a login or a step-up counts as fresh.
    pub step_up_minutes: i64,
    /// Seconds an access token lives.
    pub access_token_seconds: i64,
    /// Days until a session ends that isn't used.
    pub session_days: i64,
    /// Days that a person's security log remembers.
    pub security_log_days: i64,
    /// Minutes in which a quote can be ordered.
    pub price_token_minutes: i64,
    /// Days until a visitor's cart is forgotten that isn't changed.
    pub visitor_cart_days: i64,
    /// Organizations one account may own when it creates another.
    pub organizations_per_account: i64,
    /// Bytes an uploaded picture may have.
    pub avatar_max_bytes: usize,
    /// Pixels either side of it may have.
    pub avatar_max_side: u32,
}

/// How long passwords are, in characters.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PasswordPolicy {
    pub min_length: u32,
    pub max_length: u32,
}

impl Settings {
    fn of(config: &Config, settings: &manager_services::Settings) -> Self {
        Self {
            currencies: config.currencies.clone(),
            languages: Language::ALL.iter().map(|language| language.as_str()).collect(),
            billing_time_zone: config.billing_time_zone.name().to_owned(),
            password: PasswordPolicy { min_length: config.password_min, max_length: config.password_max },
            registration_hours: config.registration_hours,
            login_id_change_minutes: config.login_id_change_minutes,
            login_id_undo_days: config.login_id_undo_days,
            invitation_days: config.invitation_days,
            minimum_charge: config.currencies.iter().map(|currency| settings.minimum(*currency)).collect(),
            order_lapse_days: config.order_lapse_days,
            promo_code_reservation_minutes: config.promo_code_reservation_minutes,
            second_person_above: (config.currencies.iter())
                .map(|currency| Money::new(settings.second_person_above, *currency))
                .collect(),
            registration_code_minutes: settings.code_lifetime.num_minutes(),
            password_reset_minutes: settings.password_reset_lifetime.num_minutes(),
            recovery_email_hours: settings.recovery_email_lifetime.num_hours(),
            step_up_minutes: settings.step_up_lifetime.num_minutes(),
            access_token_seconds: settings.access_token_lifetime.num_seconds(),
            session_days: settings.session_lifetime.num_days(),
            security_log_days: settings.security_log_lifetime.num_days(),
            price_token_minutes: settings.price_token_lifetime.num_minutes(),
            visitor_cart_days: settings.anonymous_cart_lifetime.num_days(),
            organizations_per_account: settings.organizations_per_account,
            avatar_max_bytes: avatars::MAX_BYTES,
            avatar_max_side: avatars::MAX_SIDE,
        }
    }
}

/// The figures clients need
///
/// What an operator configured, as far as clients show or check it: limits, lifetimes, policies, currencies,
/// languages. The same for everybody; it may be kept for five minutes.
#[utoipa::path(tag = "system", responses((status = 200, description = "Limits, policies, currencies, languages",
    body = Settings)))]
#[get("/v1/settings")]
pub async fn get_settings(state: web::Data<AppState>) -> HttpResponse {
    let settings = Settings::of(&state.config, &state.services.settings);
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "public, max-age=300")).json(settings)
}

//! The figures that clients need: limits, policies, currencies, languages.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, get, web};
use manager_domain::Currency;
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
    "login_id_undo_days": 7, "invitation_days": 7, "minimum_charge": 500, "order_lapse_days": 14,
    "promo_code_reservation_minutes": 30, "second_person_above": 50000
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
    /// Minor units below which a frequency isn't offered.
    pub minimum_charge: i64,
    /// Days until an unpaid order lapses.
    pub order_lapse_days: u32,
    /// Minutes in which an unpaid order keeps what it reserved of promo codes and free offers.
    pub promo_code_reservation_minutes: u32,
    /// Minor units above which what staff refunds or credits needs a second person.
    pub second_person_above: i64,
}

/// How long passwords are, in characters.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PasswordPolicy {
    pub min_length: u32,
    pub max_length: u32,
}

impl From<&Config> for Settings {
    fn from(config: &Config) -> Self {
        Self {
            currencies: config.currencies.clone(),
            languages: Language::ALL.iter().map(|language| language.as_str()).collect(),
            billing_time_zone: config.billing_time_zone.name().to_owned(),
            password: PasswordPolicy { min_length: config.password_min, max_length: config.password_max },
            registration_hours: config.registration_hours,
            login_id_change_minutes: config.login_id_change_minutes,
            login_id_undo_days: config.login_id_undo_days,
            invitation_days: config.invitation_days,
            minimum_charge: config.minimum_charge,
            order_lapse_days: config.order_lapse_days,
            promo_code_reservation_minutes: config.promo_code_reservation_minutes,
            second_person_above: config.second_person_above,
        }
    }
}

/// The figures clients need
#[utoipa::path(tag = "system", responses((status = 200, description = "Limits, policies, currencies, languages",
    body = Settings)))]
#[get("/v1/settings")]
pub async fn get_settings(state: web::Data<AppState>) -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "public, max-age=300")).json(Settings::from(&*state.config))
}

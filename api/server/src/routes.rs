//! Everything the API answers to, one line an operation.

use utoipa_actix_web::service_config::ServiceConfig;

use crate::handlers::{profile, registrations, sessions, settings};
use crate::{health, problems};

pub fn configure(routes: &mut ServiceConfig<'_>) {
    // Accounts
    routes
        .service(registrations::request_registration)
        .service(registrations::resend_registration)
        .service(registrations::confirm_registration)
        .service(profile::get_me)
        .service(sessions::list_sessions)
        .service(sessions::end_other_sessions)
        .service(sessions::end_session);
    // Authentication
    routes
        .service(sessions::log_in)
        .service(sessions::refresh_session)
        .service(sessions::log_out)
        .service(sessions::step_up)
        .service(sessions::get_jwks);
    // System
    routes
        .service(settings::get_settings)
        .service(health::get_liveness)
        .service(health::get_readiness)
        .service(problems::page::list_problems)
        .service(problems::page::show_problem);
}

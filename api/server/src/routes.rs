//! Everything the API answers to, one line an operation.

use utoipa_actix_web::service_config::ServiceConfig;

use crate::handlers::settings;
use crate::{health, problems};

pub fn configure(routes: &mut ServiceConfig<'_>) {
    // System
    routes
        .service(settings::get_settings)
        .service(health::get_liveness)
        .service(health::get_readiness)
        .service(problems::page::list_problems)
        .service(problems::page::show_problem);
}

//! Everything the API answers to, one line an operation.

use utoipa_actix_web::service_config::ServiceConfig;

use crate::handlers::{
    absorptions, audit_log, invitations, memberships, organizations, profile, registrations, sessions, settings,
};
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
    // Organizations
    routes
        .service(organizations::list_organizations)
        .service(organizations::create_organization)
        .service(organizations::get_organization)
        .service(organizations::update_organization)
        .service(audit_log::list_audit_log)
        .service(audit_log::verify_audit_log);
    // Memberships and invitations
    routes
        .service(memberships::list_memberships)
        .service(memberships::get_membership)
        .service(memberships::update_membership)
        .service(memberships::remove_membership)
        .service(memberships::get_permissions)
        .service(invitations::create_invitation)
        .service(invitations::list_invitations)
        .service(invitations::get_invitation)
        .service(invitations::revoke_invitation)
        .service(invitations::resend_invitation)
        .service(invitations::list_my_invitations)
        .service(invitations::accept_my_invitation)
        .service(invitations::decline_my_invitation)
        .service(invitations::look_up_invitation)
        .service(invitations::accept_invitation)
        .service(invitations::decline_invitation)
        .service(absorptions::start_absorption)
        .service(absorptions::get_absorption)
        .service(absorptions::cancel_absorption)
        .service(absorptions::list_absorptions)
        .service(absorptions::approve_absorption)
        .service(absorptions::refuse_absorption);
    // System
    routes
        .service(settings::get_settings)
        .service(health::get_liveness)
        .service(health::get_readiness)
        .service(problems::page::list_problems)
        .service(problems::page::show_problem);
}

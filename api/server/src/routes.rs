//! Everything the API answers to, one line an operation.

use actix_web::dev::HttpServiceFactory;
use actix_web::web;
use utoipa_actix_web::{OpenApiFactory, service_config};

use crate::handlers::{
    absorptions, account_deletion, anonymous_carts, audit_log, avatars, books, carts, catalogue, credentials,
    credit_notes, discounts, documents, free_offers, invitations, invoices, login_id_changes, memberships, orders,
    organizations, payments, prepaid_accounts, products, profiles, promo_codes, promotional_credits, quotes,
    recovery_emails, redemptions, refunds, registrations, security_log, sessions, settings, staff_organizations,
    top_ups, webhooks,
};
use crate::{health, problems};

/// Takes operations: a server, to answer them, and the document, to describe them. A server's threads then make no
/// document of their own.
pub trait Routes {
    fn service(&mut self, operation: impl HttpServiceFactory + OpenApiFactory + 'static) -> &mut Self;
}

impl Routes for web::ServiceConfig {
    fn service(&mut self, operation: impl HttpServiceFactory + OpenApiFactory + 'static) -> &mut Self {
        web::ServiceConfig::service(self, operation)
    }
}

impl Routes for service_config::ServiceConfig<'_> {
    fn service(&mut self, operation: impl HttpServiceFactory + OpenApiFactory + 'static) -> &mut Self {
        service_config::ServiceConfig::service(self, operation)
    }
}

/// The list is tried from its top, a regular expression an operation, so what is asked most stands first.
pub fn configure(routes: &mut impl Routes) {
    // Products; `summary` is no id
    routes.service(products::get_product_summary).service(products::get_product).service(products::list_products);
    // Accounts
    routes
        .service(registrations::request_registration)
        .service(registrations::resend_registration)
        .service(registrations::confirm_registration)
        .service(profiles::get_me)
        .service(profiles::update_me)
        .service(account_deletion::delete_account)
        .service(avatars::get_avatar)
        .service(avatars::put_avatar)
        .service(avatars::delete_avatar)
        .service(credentials::change_password)
        .service(login_id_changes::request_login_id_change)
        .service(login_id_changes::get_login_id_change)
        .service(login_id_changes::cancel_my_login_id_change)
        .service(login_id_changes::confirm_login_id_change)
        .service(login_id_changes::cancel_login_id_change)
        .service(login_id_changes::undo_login_id_change)
        .service(recovery_emails::set_recovery_email)
        .service(recovery_emails::remove_recovery_email)
        .service(recovery_emails::confirm_recovery_email)
        .service(security_log::list_security_log)
        .service(sessions::list_sessions)
        .service(sessions::end_other_sessions)
        .service(sessions::end_session);
    // Authentication
    routes
        .service(sessions::log_in)
        .service(sessions::refresh_session)
        .service(sessions::log_out)
        .service(sessions::step_up)
        .service(credentials::request_password_reset)
        .service(credentials::confirm_password_reset)
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
    // Catalogue
    routes.service(catalogue::get_catalogue).service(catalogue::get_product_type);
    // Carts
    routes
        .service(anonymous_carts::create_cart)
        .service(anonymous_carts::get_cart)
        .service(anonymous_carts::delete_cart)
        .service(anonymous_carts::add_cart_item)
        .service(anonymous_carts::update_cart_item)
        .service(anonymous_carts::remove_cart_item)
        .service(anonymous_carts::set_cart_payment_method)
        .service(anonymous_carts::claim_cart)
        .service(carts::create_organization_cart)
        .service(carts::list_organization_carts)
        .service(carts::get_organization_cart)
        .service(carts::delete_organization_cart)
        .service(carts::add_organization_cart_item)
        .service(carts::update_organization_cart_item)
        .service(carts::remove_organization_cart_item)
        .service(carts::set_organization_cart_payment_method)
        .service(discounts::apply_cart_promo_code)
        .service(discounts::remove_cart_promo_code)
        .service(discounts::apply_organization_cart_promo_code)
        .service(discounts::remove_organization_cart_promo_code)
        .service(discounts::set_item_free_offer)
        .service(discounts::remove_item_free_offer)
        .service(quotes::quote_cart)
        .service(orders::check_out);
    // Orders
    routes
        .service(orders::list_orders)
        .service(orders::get_order)
        .service(orders::pay_order)
        .service(orders::cancel_order);
    // Billing
    routes
        .service(invoices::list_invoices)
        .service(invoices::get_invoice)
        .service(documents::get_invoice_pdf)
        .service(documents::create_invoice_pdf_link)
        .service(documents::email_invoice)
        .service(documents::export_invoices)
        .service(documents::get_document)
        .service(invoices::pay_invoice)
        .service(credit_notes::list_credit_notes)
        .service(credit_notes::get_credit_note)
        .service(payments::get_payment)
        .service(webhooks::receive_payment_event);
    // Prepaid account
    routes
        .service(prepaid_accounts::get_prepaid_account)
        .service(prepaid_accounts::get_prepaid_limits)
        .service(prepaid_accounts::list_transactions)
        .service(prepaid_accounts::export_transactions)
        .service(top_ups::create_top_up)
        .service(top_ups::list_top_ups)
        .service(top_ups::get_top_up);
    // Promo codes and free offers
    routes.service(redemptions::list_promo_code_redemptions).service(free_offers::list_free_offers);
    // Staff
    routes.service(books::prove_books).service(staff_organizations::read_organization);
    routes
        .service(refunds::create_refund)
        .service(refunds::list_refunds)
        .service(refunds::approve_refund)
        .service(refunds::reject_refund)
        .service(credit_notes::create_credit_note)
        .service(credit_notes::list_issued_credit_notes)
        .service(promotional_credits::create_promotional_credit)
        .service(promotional_credits::list_promotional_credits)
        .service(promotional_credits::approve_promotional_credit)
        .service(promotional_credits::reject_promotional_credit);
    routes
        .service(promo_codes::create_promo_codes)
        .service(promo_codes::list_promo_codes)
        .service(promo_codes::get_promo_code)
        .service(promo_codes::withdraw_promo_code)
        .service(free_offers::grant_free_offer)
        .service(free_offers::list_granted_free_offers)
        .service(free_offers::withdraw_free_offer);
    // System
    routes
        .service(settings::get_settings)
        .service(health::get_liveness)
        .service(health::get_readiness)
        .service(problems::page::list_problems)
        .service(problems::page::show_problem);
}

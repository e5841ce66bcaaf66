//! Every table is of one of three kinds, so that the schema can be sharded by organization without redesign.

/// Whom a table's rows belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// To the whole system: accounts, sessions, catalogue.
    Global,
    /// A reference that leads to an organization, or to nobody yet.
    Directory,
    /// To one organization: keys begin with it, and every query names it.
    Tenant,
}

/// All tables. A test holds the list against the schema.
pub const TABLES: &[(&str, Kind)] = &[
    ("accounts", Kind::Global),
    ("login_addresses", Kind::Global),
    ("registrations", Kind::Global),
    ("sessions", Kind::Global),
    ("spent_refresh_tokens", Kind::Global),
    ("login_id_changes", Kind::Global),
    ("one_time_tokens", Kind::Directory),
    ("security_log", Kind::Global),
    ("avatars", Kind::Global),
    ("signing_keys", Kind::Global),
    ("service_tokens", Kind::Global),
    ("organization_numbers", Kind::Directory),
    ("organizations", Kind::Tenant),
    ("memberships", Kind::Tenant),
    ("invitations", Kind::Tenant),
    ("absorptions", Kind::Global),
    ("absorption_steps", Kind::Directory),
    ("audit_log", Kind::Tenant),
    ("audit_personal", Kind::Tenant),
    ("catalogue_versions", Kind::Global),
    ("anonymous_carts", Kind::Directory),
    ("carts", Kind::Tenant),
    ("quotes", Kind::Tenant),
    ("orders", Kind::Tenant),
    ("products", Kind::Tenant),
    ("product_names", Kind::Directory),
    ("invoices", Kind::Tenant),
    ("invoice_lines", Kind::Tenant),
    ("invoice_series", Kind::Tenant),
    ("payments", Kind::Tenant),
    ("payment_events", Kind::Directory),
    ("payment_references", Kind::Directory),
    ("disputes", Kind::Tenant),
    ("sandbox_payments", Kind::Directory),
    ("top_ups", Kind::Tenant),
    ("ledger_balances", Kind::Tenant),
    ("ledger_transfers", Kind::Tenant),
    ("ledger_entries", Kind::Tenant),
    ("promo_codes", Kind::Global),
    ("promo_code_usage", Kind::Global),
    ("promo_code_organization_usage", Kind::Tenant),
    ("redemptions", Kind::Tenant),
    ("free_offers", Kind::Tenant),
    ("credit_note_series", Kind::Tenant),
    ("credit_notes", Kind::Tenant),
    ("credit_note_lines", Kind::Tenant),
    ("refunds", Kind::Tenant),
    ("promotional_credits", Kind::Tenant),
    ("jobs", Kind::Directory),
    ("development_mails", Kind::Global),
    ("development_mail_attachments", Kind::Global),
    ("idempotency_keys", Kind::Directory),
    ("throttles", Kind::Global),
];

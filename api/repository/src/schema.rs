//! The tables as queries see them; `SqlKeyword` columns hold enums, `SqlJson` columns hold JSON text.

diesel::table! {
    use crate::sql_types::*;
    use diesel::sql_types::*;

    accounts (id) {
        id -> SqlId,
        login_id -> Text,
        first_name -> Text,
        last_name -> Text,
        display_name -> Nullable<Text>,
        locale -> SqlKeyword,
        time_zone -> Text,
        password_hash -> Nullable<Text>,
        password_version -> Integer,
        recovery_email -> Nullable<Text>,
        recovery_key -> Nullable<Text>,
        default_organization_id -> Nullable<SqlId>,
        ui_settings -> SqlJson,
        avatar_etag -> Nullable<Text>,
        staff_role -> Nullable<SqlKeyword>,
        version -> BigInt,
        created_at -> SqlInstant,
        updated_at -> SqlInstant,
        deleted_at -> Nullable<SqlInstant>,
    }
}

diesel::table! {
    use crate::sql_types::*;
    use diesel::sql_types::*;

    login_addresses (address_key) {
        address_key -> Text,
        account_id -> SqlId,
        kind -> Text,
        reserved_until -> Nullable<SqlInstant>,
    }
}

diesel::table! {
    use crate::sql_types::*;
    use diesel::sql_types::*;

    registrations (id) {
        id -> SqlId,
        email -> Text,
        email_key -> Text,
        details -> SqlJson,
        token_hash -> Binary,
        code_hash -> Binary,
        code_expires_at -> SqlInstant,
        code_tries -> Integer,
        expires_at -> SqlInstant,
        created_at -> SqlInstant,
        confirmed_at -> Nullable<SqlInstant>,
    }
}

diesel::table! {
    use crate::sql_types::*;
    use diesel::sql_types::*;

    sessions (id) {
        id -> SqlId,
        account_id -> SqlId,
        mode -> Text,
        secret_hash -> Binary,
        previous_hash -> Nullable<Binary>,
        successor -> Nullable<Binary>,
        successor_until -> Nullable<SqlInstant>,
        device -> Text,
        ip -> Text,
        created_at -> SqlInstant,
        authenticated_at -> SqlInstant,
        last_used_at -> SqlInstant,
        expires_at -> SqlInstant,
        ended_at -> Nullable<SqlInstant>,
        locale -> SqlKeyword,
    }
}

diesel::table! {
    use crate::sql_types::*;
    use diesel::sql_types::*;

    spent_refresh_tokens (token_hash) {
        token_hash -> Binary,
        session_id -> SqlId,
        spent_at -> SqlInstant,
    }
}

diesel::table! {
    use crate::sql_types::*;
    use diesel::sql_types::*;

    login_id_changes (id) {
        id -> SqlId,
        account_id -> SqlId,
        session_id -> SqlId,
        state -> Text,
        old_login_id -> Text,
        old_login_key -> Text,
        new_login_id -> Text,
        new_login_key -> Text,
        old_password_hash -> Text,
        old_recovery_email -> Nullable<Text>,
        old_recovery_key -> Nullable<Text>,
        created_at -> SqlInstant,
        expires_at -> SqlInstant,
        confirmed_at -> Nullable<SqlInstant>,
        undo_until -> Nullable<SqlInstant>,
    }
}

diesel::table! {
    use crate::sql_types::*;
    use diesel::sql_types::*;

    one_time_tokens (token_hash) {
        token_hash -> Binary,
        purpose -> SqlKeyword,
        account_id -> Nullable<SqlId>,
        organization_id -> Nullable<SqlId>,
        subject -> Nullable<SqlId>,
        details -> SqlJson,
        created_at -> SqlInstant,
        expires_at -> SqlInstant,
        used_at -> Nullable<SqlInstant>,
    }
}

diesel::table! {
    use crate::sql_types::*;
    use diesel::sql_types::*;

    security_log (id) {
        id -> SqlId,
        account_id -> SqlId,
        at -> SqlInstant,
        action -> Text,
        session_id -> Nullable<SqlId>,
        ip -> Text,
        device -> Text,
        details -> SqlJson,
    }
}

diesel::table! {
    use crate::sql_types::*;
    use diesel::sql_types::*;

    avatars (account_id) {
        account_id -> SqlId,
        content_type -> Text,
        image -> Binary,
        etag -> Text,
        updated_at -> SqlInstant,
    }
}

diesel::table! {
    use crate::sql_types::*;
    use diesel::sql_types::*;

    signing_keys (kid) {
        kid -> Text,
        public_key -> Binary,
        private_key -> Binary,
        created_at -> SqlInstant,
        retired_at -> Nullable<SqlInstant>,
    }
}

diesel::table! {
    use crate::sql_types::*;
    use diesel::sql_types::*;

    service_tokens (id) {
        id -> SqlId,
        role -> Text,
        token_hash -> Binary,
        created_at -> SqlInstant,
        revoked_at -> Nullable<SqlInstant>,
    }
}

diesel::table! {
    use crate::sql_types::*;
    use diesel::sql_types::*;

    organization_numbers (number) {
        number -> Text,
        organization_id -> SqlId,
    }
}

diesel::table! {
    use crate::sql_types::*;
    use diesel::sql_types::*;

    organizations (id) {
        id -> SqlId,
        number -> Text,
        kind -> SqlKeyword,
        name -> Text,
        search_key -> Text,
        billing_address -> Nullable<SqlJson>,
        country -> Text,
        vat_number -> Nullable<Text>,
        vat_verified_at -> Nullable<SqlInstant>,
        website -> Nullable<Text>,
        phone -> Nullable<Text>,
        locale -> SqlKeyword,
        time_zone -> Text,
        currency -> SqlKeyword,
        currency_fixed -> Bool,
        is_test -> Bool,
        owner_count -> Integer,
        audit_sequence -> BigInt,
        audit_head -> Binary,
        version -> BigInt,
        created_at -> SqlInstant,
        updated_at -> SqlInstant,
        deleted_at -> Nullable<SqlInstant>,
    }
}

diesel::table! {
    use crate::sql_types::*;
    use diesel::sql_types::*;

    memberships (organization_id, id) {
        organization_id -> SqlId,
        id -> SqlId,
        account_id -> SqlId,
        role -> SqlKeyword,
        products -> SqlJson,
        billing -> Bool,
        expires_at -> Nullable<SqlInstant>,
        reminded_at -> Nullable<SqlInstant>,
        version -> BigInt,
        created_at -> SqlInstant,
        updated_at -> SqlInstant,
    }
}

diesel::table! {
    use crate::sql_types::*;
    use diesel::sql_types::*;

    invitations (organization_id, id) {
        organization_id -> SqlId,
        id -> SqlId,
        email -> Text,
        email_key -> Text,
        role -> SqlKeyword,
        products -> SqlJson,
        billing -> Bool,
        access_expires_at -> Nullable<SqlInstant>,
        locale -> SqlKeyword,
        state -> SqlKeyword,
        invited_by -> SqlId,
        replaces_account_id -> Nullable<SqlId>,
        created_at -> SqlInstant,
        expires_at -> SqlInstant,
        closed_at -> Nullable<SqlInstant>,
        version -> BigInt,
    }
}

diesel::table! {
    use crate::sql_types::*;
    use diesel::sql_types::*;

    absorptions (id) {
        id -> SqlId,
        account_id -> SqlId,
        target_email -> Text,
        target_key -> Text,
        state -> SqlKeyword,
        password_version -> Integer,
        created_at -> SqlInstant,
        ended_at -> Nullable<SqlInstant>,
    }
}

diesel::table! {
    use crate::sql_types::*;
    use diesel::sql_types::*;

    absorption_steps (absorption_id, organization_id) {
        absorption_id -> SqlId,
        organization_id -> SqlId,
        name -> Text,
        invitation_id -> Nullable<SqlId>,
        state -> SqlKeyword,
        updated_at -> SqlInstant,
    }
}

diesel::table! {
    use crate::sql_types::*;
    use diesel::sql_types::*;

    audit_log (organization_id, sequence) {
        organization_id -> SqlId,
        sequence -> BigInt,
        id -> SqlId,
        at -> SqlInstant,
        actor_kind -> Text,
        account_id -> Nullable<SqlId>,
        session_id -> Nullable<SqlId>,
        action -> Text,
        subject -> Text,
        before -> Nullable<SqlJson>,
        after -> Nullable<SqlJson>,
        reason -> Nullable<Text>,
        personal_hash -> Nullable<Binary>,
        mac -> Binary,
    }
}

diesel::table! {
    use crate::sql_types::*;
    use diesel::sql_types::*;

    audit_personal (organization_id, sequence) {
        organization_id -> SqlId,
        sequence -> BigInt,
        salt -> Binary,
        content -> Text,
    }
}

diesel::table! {
    use crate::sql_types::*;
    use diesel::sql_types::*;

    catalogue_versions (id) {
        id -> SqlId,
        valid_from -> Date,
        document -> Text,
        etag -> Text,
        created_at -> SqlInstant,
    }
}

diesel::table! {
    use crate::sql_types::*;
    use diesel::sql_types::*;

    anonymous_carts (id) {
        id -> SqlId,
        secret_hash -> Binary,
        currency -> SqlKeyword,
        country -> Text,
        customer_kind -> SqlKeyword,
        content -> SqlJson,
        version -> BigInt,
        created_at -> SqlInstant,
        updated_at -> SqlInstant,
        expires_at -> SqlInstant,
    }
}

diesel::table! {
    use crate::sql_types::*;
    use diesel::sql_types::*;

    carts (organization_id, id) {
        organization_id -> SqlId,
        id -> SqlId,
        state -> SqlKeyword,
        content -> SqlJson,
        created_by -> SqlId,
        version -> BigInt,
        created_at -> SqlInstant,
        updated_at -> SqlInstant,
    }
}

diesel::table! {
    use crate::sql_types::*;
    use diesel::sql_types::*;

    quotes (organization_id, id) {
        organization_id -> SqlId,
        id -> SqlId,
        token_hash -> Binary,
        cart_id -> SqlId,
        content_hash -> Binary,
        lines -> SqlJson,
        day -> Date,
        created_by -> SqlId,
        created_at -> SqlInstant,
        expires_at -> SqlInstant,
        used_at -> Nullable<SqlInstant>,
    }
}

diesel::table! {
    use crate::sql_types::*;
    use diesel::sql_types::*;

    orders (organization_id, id) {
        organization_id -> SqlId,
        id -> SqlId,
        cart_id -> SqlId,
        state -> SqlKeyword,
        currency -> SqlKeyword,
        net -> BigInt,
        tax -> BigInt,
        total -> BigInt,
        payment_method -> SqlKeyword,
        created_by -> SqlId,
        created_at -> SqlInstant,
        lapses_at -> SqlInstant,
        paid_at -> Nullable<SqlInstant>,
        closed_at -> Nullable<SqlInstant>,
        version -> BigInt,
    }
}

diesel::table! {
    use crate::sql_types::*;
    use diesel::sql_types::*;

    products (organization_id, id) {
        organization_id -> SqlId,
        id -> SqlId,
        order_id -> SqlId,
        category -> Text,
        product_type -> Text,
        offer -> Text,
        frequency -> SqlKeyword,
        currency -> SqlKeyword,
        name -> Text,
        search_key -> Text,
        options -> SqlJson,
        state -> SqlKeyword,
        unit_price -> BigInt,
        anchor_day -> Nullable<Integer>,
        term_start -> Nullable<Date>,
        term_end -> Nullable<Date>,
        version -> BigInt,
        created_at -> SqlInstant,
        updated_at -> SqlInstant,
        activated_at -> Nullable<SqlInstant>,
    }
}

diesel::table! {
    use crate::sql_types::*;
    use diesel::sql_types::*;

    invoices (organization_id, id) {
        organization_id -> SqlId,
        id -> SqlId,
        order_id -> Nullable<SqlId>,
        state -> SqlKeyword,
        number -> Nullable<Text>,
        issued_on -> Nullable<Date>,
        currency -> SqlKeyword,
        net -> BigInt,
        tax -> BigInt,
        total -> BigInt,
        taxes -> SqlJson,
        seller -> SqlJson,
        buyer -> SqlJson,
        created_at -> SqlInstant,
        paid_at -> Nullable<SqlInstant>,
        version -> BigInt,
        credited -> BigInt,
    }
}

diesel::table! {
    use crate::sql_types::*;
    use diesel::sql_types::*;

    invoice_lines (organization_id, invoice_id, position) {
        organization_id -> SqlId,
        invoice_id -> SqlId,
        position -> Integer,
        product_id -> Nullable<SqlId>,
        offer -> Text,
        description -> SqlJson,
        frequency -> Nullable<SqlKeyword>,
        quantity -> Integer,
        unit_price -> BigInt,
        discount -> BigInt,
        net -> BigInt,
        tax_rate -> Text,
        period_start -> Nullable<Date>,
        period_end -> Nullable<Date>,
    }
}

diesel::table! {
    use crate::sql_types::*;
    use diesel::sql_types::*;

    invoice_series (organization_id, year) {
        organization_id -> SqlId,
        year -> Integer,
        last_number -> BigInt,
    }
}

diesel::table! {
    use crate::sql_types::*;
    use diesel::sql_types::*;

    payments (organization_id, id) {
        organization_id -> SqlId,
        id -> SqlId,
        invoice_id -> Nullable<SqlId>,
        top_up_id -> Nullable<SqlId>,
        order_id -> Nullable<SqlId>,
        provider -> Text,
        method -> SqlKeyword,
        method_token -> Text,
        amount -> BigInt,
        prepaid_promotional -> BigInt,
        prepaid_paid -> BigInt,
        currency -> SqlKeyword,
        state -> SqlKeyword,
        provider_reference -> Nullable<Text>,
        failure_code -> Nullable<Text>,
        action -> Nullable<SqlJson>,
        booked_elsewhere -> BigInt,
        created_by -> Nullable<SqlId>,
        created_at -> SqlInstant,
        updated_at -> SqlInstant,
        settled_at -> Nullable<SqlInstant>,
    }
}

diesel::table! {
    use crate::sql_types::*;
    use diesel::sql_types::*;

    payment_events (provider, event_id) {
        provider -> Text,
        event_id -> Text,
        kind -> Text,
        organization_id -> Nullable<SqlId>,
        payment_id -> Nullable<SqlId>,
        applied -> Bool,
        body -> Binary,
        received_at -> SqlInstant,
    }
}

diesel::table! {
    use crate::sql_types::*;
    use diesel::sql_types::*;

    payment_references (provider, reference) {
        provider -> Text,
        reference -> Text,
        organization_id -> SqlId,
        payment_id -> SqlId,
    }
}

diesel::table! {
    use crate::sql_types::*;
    use diesel::sql_types::*;

    disputes (organization_id, id) {
        organization_id -> SqlId,
        id -> SqlId,
        provider -> Text,
        reference -> Text,
        payment_id -> SqlId,
        state -> SqlKeyword,
        reason -> Nullable<Text>,
        currency -> SqlKeyword,
        prepaid_promotional -> BigInt,
        prepaid_paid -> BigInt,
        receivable -> BigInt,
        opened_at -> SqlInstant,
        closed_at -> Nullable<SqlInstant>,
    }
}

diesel::table! {
    use crate::sql_types::*;
    use diesel::sql_types::*;

    sandbox_payments (payment_id) {
        payment_id -> SqlId,
        organization_id -> SqlId,
        decision -> SqlKeyword,
        decided_at -> SqlInstant,
    }
}

diesel::table! {
    use crate::sql_types::*;
    use diesel::sql_types::*;

    top_ups (organization_id, id) {
        organization_id -> SqlId,
        id -> SqlId,
        state -> SqlKeyword,
        method -> SqlKeyword,
        amount -> BigInt,
        currency -> SqlKeyword,
        automatic -> Bool,
        created_by -> Nullable<SqlId>,
        created_at -> SqlInstant,
        settled_at -> Nullable<SqlInstant>,
        version -> BigInt,
    }
}

diesel::table! {
    use crate::sql_types::*;
    use diesel::sql_types::*;

    ledger_balances (organization_id, account, currency) {
        organization_id -> SqlId,
        account -> SqlKeyword,
        currency -> SqlKeyword,
        balance -> BigInt,
    }
}

diesel::table! {
    use crate::sql_types::*;
    use diesel::sql_types::*;

    ledger_transfers (organization_id, id) {
        organization_id -> SqlId,
        id -> SqlId,
        sequence -> BigInt,
        kind -> SqlKeyword,
        about -> Text,
        currency -> SqlKeyword,
        prepaid_change -> BigInt,
        prepaid_balance -> BigInt,
        created_by -> Nullable<SqlId>,
        created_at -> SqlInstant,
    }
}

diesel::table! {
    use crate::sql_types::*;
    use diesel::sql_types::*;

    ledger_entries (organization_id, transfer_id, position) {
        organization_id -> SqlId,
        transfer_id -> SqlId,
        position -> Integer,
        account -> SqlKeyword,
        currency -> SqlKeyword,
        amount -> BigInt,
    }
}

diesel::table! {
    use crate::sql_types::*;
    use diesel::sql_types::*;

    jobs (bucket, id) {
        bucket -> Integer,
        id -> SqlId,
        organization_id -> Nullable<SqlId>,
        kind -> Text,
        payload -> Binary,
        run_at -> SqlInstant,
        attempts -> Integer,
        leased_until -> Nullable<SqlInstant>,
        state -> Text,
        last_error -> Nullable<Text>,
        created_at -> SqlInstant,
        done_at -> Nullable<SqlInstant>,
    }
}

diesel::table! {
    use crate::sql_types::*;
    use diesel::sql_types::*;

    development_mails (id) {
        id -> SqlId,
        recipient -> Text,
        subject -> Text,
        text_body -> Text,
        html_body -> Text,
        links -> SqlJson,
        code -> Nullable<Text>,
        sent_at -> SqlInstant,
    }
}

diesel::table! {
    use crate::sql_types::*;
    use diesel::sql_types::*;

    development_mail_attachments (mail_id, position) {
        mail_id -> SqlId,
        position -> Integer,
        name -> Text,
        content_type -> Text,
        content -> Binary,
    }
}

diesel::table! {
    use crate::sql_types::*;
    use diesel::sql_types::*;

    idempotency_keys (scope_hash) {
        scope_hash -> Binary,
        body_hash -> Binary,
        state -> Text,
        leased_until -> SqlInstant,
        progress -> Nullable<Binary>,
        answer -> Nullable<Binary>,
        expires_at -> SqlInstant,
    }
}

diesel::table! {
    use crate::sql_types::*;
    use diesel::sql_types::*;

    throttles (bucket_hash) {
        bucket_hash -> Binary,
        count -> Integer,
        window_ends_at -> SqlInstant,
    }
}

diesel::table! {
    use crate::sql_types::*;
    use diesel::sql_types::*;

    product_names (namespace, name) {
        namespace -> Text,
        name -> Text,
        organization_id -> SqlId,
        product_id -> SqlId,
    }
}

diesel::table! {
    use crate::sql_types::*;
    use diesel::sql_types::*;

    promo_codes (id) {
        id -> SqlId,
        code -> Text,
        batch_id -> Nullable<SqlId>,
        discount -> SqlJson,
        scope -> SqlJson,
        terms -> Integer,
        valid_from -> Nullable<SqlInstant>,
        valid_until -> Nullable<SqlInstant>,
        total_cap -> Nullable<Integer>,
        organization_cap -> Nullable<Integer>,
        first_order_only -> Bool,
        minimum_net -> SqlJson,
        is_test -> Bool,
        created_by -> SqlId,
        created_at -> SqlInstant,
        withdrawn_by -> Nullable<SqlId>,
        withdrawn_at -> Nullable<SqlInstant>,
    }
}

diesel::table! {
    use crate::sql_types::*;
    use diesel::sql_types::*;

    promo_code_usage (code) {
        code -> Text,
        used -> Integer,
    }
}

diesel::table! {
    use crate::sql_types::*;
    use diesel::sql_types::*;

    promo_code_organization_usage (organization_id, code) {
        organization_id -> SqlId,
        code -> Text,
        used -> Integer,
    }
}

diesel::table! {
    use crate::sql_types::*;
    use diesel::sql_types::*;

    redemptions (organization_id, id) {
        organization_id -> SqlId,
        id -> SqlId,
        order_id -> SqlId,
        item_id -> SqlId,
        code -> Nullable<Text>,
        free_offer_id -> Nullable<SqlId>,
        state -> SqlKeyword,
        amount -> BigInt,
        currency -> SqlKeyword,
        terms -> Integer,
        reserved_until -> SqlInstant,
        created_at -> SqlInstant,
        redeemed_at -> Nullable<SqlInstant>,
        released_at -> Nullable<SqlInstant>,
    }
}

diesel::table! {
    use crate::sql_types::*;
    use diesel::sql_types::*;

    free_offers (organization_id, id) {
        organization_id -> SqlId,
        id -> SqlId,
        offer -> Text,
        frequency -> SqlKeyword,
        expires_at -> SqlInstant,
        terms -> Integer,
        units -> Integer,
        is_test -> Bool,
        state -> SqlKeyword,
        order_id -> Nullable<SqlId>,
        granted_by -> SqlId,
        granted_at -> SqlInstant,
        withdrawn_at -> Nullable<SqlInstant>,
    }
}

diesel::table! {
    use crate::sql_types::*;
    use diesel::sql_types::*;

    credit_note_series (organization_id, year) {
        organization_id -> SqlId,
        year -> Integer,
        last_number -> BigInt,
    }
}

diesel::table! {
    use crate::sql_types::*;
    use diesel::sql_types::*;

    credit_notes (organization_id, id) {
        organization_id -> SqlId,
        id -> SqlId,
        invoice_id -> SqlId,
        number -> Text,
        issued_on -> Date,
        currency -> SqlKeyword,
        net -> BigInt,
        tax -> BigInt,
        total -> BigInt,
        taxes -> SqlJson,
        seller -> SqlJson,
        buyer -> SqlJson,
        other -> BigInt,
        prepaid_promotional -> BigInt,
        prepaid_paid -> BigInt,
        created_by -> Nullable<SqlId>,
        created_at -> SqlInstant,
    }
}

diesel::table! {
    use crate::sql_types::*;
    use diesel::sql_types::*;

    credit_note_lines (organization_id, credit_note_id, position) {
        organization_id -> SqlId,
        credit_note_id -> SqlId,
        position -> Integer,
        net -> BigInt,
    }
}

diesel::table! {
    use crate::sql_types::*;
    use diesel::sql_types::*;

    refunds (organization_id, id) {
        organization_id -> SqlId,
        id -> SqlId,
        invoice_id -> SqlId,
        destination -> SqlKeyword,
        lines -> SqlJson,
        amount -> BigInt,
        other -> BigInt,
        payment_id -> Nullable<SqlId>,
        currency -> SqlKeyword,
        reason -> Text,
        state -> SqlKeyword,
        credit_note_id -> Nullable<SqlId>,
        provider_reference -> Nullable<Text>,
        failure_code -> Nullable<Text>,
        requested_by -> SqlId,
        requested_at -> SqlInstant,
        decided_by -> Nullable<SqlId>,
        decided_at -> Nullable<SqlInstant>,
        settled_at -> Nullable<SqlInstant>,
    }
}

diesel::table! {
    use crate::sql_types::*;
    use diesel::sql_types::*;

    promotional_credits (organization_id, id) {
        organization_id -> SqlId,
        id -> SqlId,
        amount -> BigInt,
        currency -> SqlKeyword,
        reason -> Text,
        state -> SqlKeyword,
        requested_by -> SqlId,
        requested_at -> SqlInstant,
        decided_by -> Nullable<SqlId>,
        decided_at -> Nullable<SqlInstant>,
    }
}

diesel::joinable!(absorption_steps -> absorptions (absorption_id));
diesel::joinable!(invitations -> organizations (organization_id));
diesel::joinable!(sessions -> accounts (account_id));
diesel::joinable!(spent_refresh_tokens -> sessions (session_id));

diesel::allow_tables_to_appear_in_same_query!(
    accounts,
    login_addresses,
    registrations,
    sessions,
    spent_refresh_tokens,
    login_id_changes,
    one_time_tokens,
    security_log,
    avatars,
    signing_keys,
    service_tokens,
    organization_numbers,
    organizations,
    memberships,
    invitations,
    absorptions,
    absorption_steps,
    audit_log,
    audit_personal,
    catalogue_versions,
    anonymous_carts,
    carts,
    quotes,
    orders,
    products,
    product_names,
    invoices,
    invoice_lines,
    invoice_series,
    payments,
    payment_events,
    payment_references,
    disputes,
    sandbox_payments,
    top_ups,
    ledger_balances,
    ledger_transfers,
    ledger_entries,
    promo_codes,
    promo_code_usage,
    promo_code_organization_usage,
    redemptions,
    free_offers,
    credit_note_series,
    credit_notes,
    credit_note_lines,
    refunds,
    promotional_credits,
    jobs,
    development_mails,
    development_mail_attachments,
    idempotency_keys,
    throttles,
);

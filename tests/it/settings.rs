//! The figures that clients need.

use manager_tests::{TestApp, json};

#[actix_web::test]
async fn the_figures_are_those_that_were_configured_and_money_names_its_currency() {
    let app = TestApp::start_with(|config| {
        (config.minimum_charge, config.password_min, config.order_lapse_days) = (700, 15, 9);
    })
    .await;
    let answer = app.get("/v1/settings").await;
    assert_eq!(answer.header("cache-control"), "public, max-age=300");
    let settings = answer.expect(200);
    let minimum = json!([{"amount": 700, "currency": "CHF"}, {"amount": 700, "currency": "EUR"}]);
    assert_eq!(settings["minimum_charge"], minimum);
    assert_eq!(app.get("/v1/catalogue?currency=EUR").await.expect(200)["minimum_charge"], minimum[1]);
    assert_eq!((&settings["password"]["min_length"], &settings["order_lapse_days"]), (&json!(15), &json!(9)));
    let rules = &app.services.settings;
    for (name, figure) in [
        ("registration_code_minutes", rules.code_lifetime.num_minutes()),
        ("password_reset_minutes", rules.password_reset_lifetime.num_minutes()),
        ("recovery_email_hours", rules.recovery_email_lifetime.num_hours()),
        ("step_up_minutes", rules.step_up_lifetime.num_minutes()),
        ("access_token_seconds", rules.access_token_lifetime.num_seconds()),
        ("session_days", rules.session_lifetime.num_days()),
        ("security_log_days", rules.security_log_lifetime.num_days()),
        ("price_token_minutes", rules.price_token_lifetime.num_minutes()),
        ("visitor_cart_days", rules.anonymous_cart_lifetime.num_days()),
        ("organizations_per_account", rules.organizations_per_account),
    ] {
        assert_eq!(settings[name], figure, "{name}");
        assert!(figure > 0, "{name} in a unit that shows it");
    }
}

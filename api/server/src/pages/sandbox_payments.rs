//! The page on which a customer of the sandbox pays or declines, as they would at a bank. A GET never acts.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, ContentType, LOCATION};
use actix_web::{HttpRequest, HttpResponse, web};
use manager_domain::payments::SandboxDecision;
use manager_domain::{Code, Money};
use manager_services::mails::rendering::escape;
use manager_services::payments::sandbox::{self, SandboxPage};

use super::texts;
use crate::auth::Client;
use crate::body::Raw;
use crate::language::{self, Language};
use crate::path::Path;
use crate::problems::Problem;
use crate::state::AppState;

/// No script at all, and forms to this server alone.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";
/// More than a decision takes.
const MAX_BYTES: usize = 256;

/// Shows what is to be paid, and what was decided.
pub async fn show(
    request: HttpRequest,
    state: web::Data<AppState>,
    token: Path<String>,
) -> Result<HttpResponse, Problem> {
    let page = sandbox::show(&state.services, &token.0).await?;
    let language = language::of(&request);
    Ok(HttpResponse::Ok()
        .content_type(ContentType::html())
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((CONTENT_LANGUAGE, language.as_str()))
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(html(&page, language, state.services.settings.sign_in_url.as_deref())))
}

/// Decides, once, and shows the page again.
pub async fn decide(
    state: web::Data<AppState>,
    client: Client,
    token: Path<String>,
    body: Raw<MAX_BYTES>,
) -> Result<HttpResponse, Problem> {
    let decision = match body.0.as_ref() {
        b"decision=paid" => SandboxDecision::Paid,
        b"decision=declined" => SandboxDecision::Declined,
        _ => return Err(Problem::new(Code::MalformedRequest)),
    };
    sandbox::decide(&state.services, &client.0, &token.0, decision).await?;
    let back = format!("/sandbox/payments/{}", token.0);
    Ok(HttpResponse::SeeOther().insert_header((LOCATION, back)).finish())
}

fn html(page: &SandboxPage, language: Language, front_end: Option<&str>) -> String {
    let texts = texts::of(language);
    let (words, suffix) = (&texts.sandbox_payment, escape(&texts.page.title_suffix));
    let button = |decision: SandboxDecision, label: &str| {
        format!("<button name=\"decision\" value=\"{}\">{}</button>", decision.as_str(), escape(label))
    };
    let said = |text: &str| format!("<p role=\"status\">{}</p>", escape(text));
    let body = match page.decision {
        None => format!(
            "<form method=\"post\">\n{}\n{}\n</form>",
            button(SandboxDecision::Paid, &words.pay),
            button(SandboxDecision::Declined, &words.decline),
        ),
        Some(SandboxDecision::Paid) => said(&words.paid),
        Some(SandboxDecision::Declined) => said(&words.declined),
        Some(SandboxDecision::Cancelled) => said(&words.cancelled),
    };
    let back = match (page.decision, front_end) {
        (Some(_), Some(url)) => format!("\n<p><a href=\"{}\">{}</a></p>", escape(url), escape(&words.back)),
        _ => String::new(),
    };
    format!(
        "<!doctype html>\n<html lang=\"{language}\"><head><meta charset=\"utf-8\"><title>{title} – {suffix}</title>\n\
         <meta name=\"viewport\" content=\"width=device-width\"><meta name=\"referrer\" content=\"no-referrer\">\n\
         <link rel=\"stylesheet\" href=\"/links/style.css\"></head>\n<body><main><h1>{title}</h1>\n<p>{intro}</p>\n\
         <p>{payee}: <strong>{amount}</strong></p>\n{body}{back}</main></body></html>\n",
        language = language.as_str(),
        title = escape(&words.title),
        intro = escape(&words.intro),
        payee = escape(&page.payee),
        amount = escape(&shown(page.amount)),
    )
}

/// Such as `CHF 9.73`.
fn shown(money: Money) -> String {
    format!("{} {}.{:02}", money.currency.as_str(), money.amount / 100, money.amount % 100)
}

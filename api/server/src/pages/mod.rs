//! The minimal pages that links in mails lead to. A GET shows a button and does nothing; the token stays in the
//! fragment, which no server sees. Beside them: the sandbox's page, which plays a payment provider's.

mod sandbox_payments;
mod texts;

use std::fmt::Write;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, ContentType};
use actix_web::web::{ServiceConfig, get, post};
use actix_web::{HttpRequest, HttpResponse, Responder};
use manager_services::mails::rendering::escape;

use crate::language::{self, Language};
use crate::path::Path;
use crate::problems::Problem;
use texts::Shared;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// One page: its name in the link, what its button calls, and what it asks for besides the token.
struct LinkPage {
    name: &'static str,
    call: &'static str,
    asks: &'static [Ask],
}

/// A password to enter: the member of the body that takes it.
struct Ask {
    member: &'static str,
    kind: Kind,
}

enum Kind {
    First,
    Current,
    New,
}

const FIRST: &[Ask] = &[Ask { member: "password", kind: Kind::First }];
const RESET: &[Ask] = &[Ask { member: "password", kind: Kind::New }];
const UNDO: &[Ask] =
    &[Ask { member: "password", kind: Kind::Current }, Ask { member: "new_password", kind: Kind::New }];

const PAGES: &[LinkPage] = &[
    LinkPage { name: "registration", call: "/v1/accounts/confirm", asks: FIRST },
    LinkPage { name: "password-reset", call: "/v1/auth/password-reset/confirm", asks: RESET },
    LinkPage { name: "login-id-change", call: "/v1/login-id-changes/confirm", asks: &[] },
    LinkPage { name: "login-id-cancel", call: "/v1/login-id-changes/cancel", asks: &[] },
    LinkPage { name: "login-id-undo", call: "/v1/login-id-changes/undo", asks: UNDO },
    LinkPage { name: "recovery-email", call: "/v1/recovery-emails/confirm", asks: &[] },
    LinkPage { name: "invitation", call: "/v1/invitations/accept", asks: &[] },
];

pub fn configure(routes: &mut ServiceConfig) {
    routes
        .route("/links/app.js", get().to(script))
        .route("/links/style.css", get().to(style))
        .route("/links/{page}", get().to(show))
        .route("/sandbox/payments/{token}", get().to(sandbox_payments::show))
        .route("/sandbox/payments/{token}", post().to(sandbox_payments::decide));
}

async fn script() -> impl Responder {
    asset("text/javascript; charset=utf-8", include_str!("app.js"))
}

async fn style() -> impl Responder {
    asset("text/css; charset=utf-8", include_str!("style.css"))
}

fn asset(media: &'static str, text: &'static str) -> HttpResponse {
    HttpResponse::Ok().content_type(media).insert_header((CACHE_CONTROL, "max-age=300")).body(text)
}

async fn show(request: HttpRequest, name: Path<String>) -> Result<HttpResponse, Problem> {
    let page = PAGES.iter().find(|page| page.name == name.0).ok_or_else(Problem::not_found)?;
    let language = language::of(&request);
    Ok(HttpResponse::Ok()
        .content_type(ContentType::html())
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((CONTENT_LANGUAGE, language.as_str()))
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(html(page, language)))
}

fn html(page: &LinkPage, language: Language) -> String {
    let (texts, sign_in) = (texts::of(language), texts::sign_in(language));
    let (words, shared) = (texts.of_page(page.name), &texts.page);
    format!(
        include_str!("page.html"),
        language = language.as_str(),
        title = escape(&words.title),
        suffix = escape(&shared.title_suffix),
        intro = escape(&words.intro),
        button = escape(&words.button),
        success = escape(&words.success),
        call = page.call,
        fields = fields(page, shared),
        working = escape(&shared.working),
        missing = escape(&shared.missing_token),
        failed = escape(&shared.failed),
        sign_in = escape(&sign_in.sign_in),
        email = escape(&sign_in.email),
        password = escape(&shared.password_label),
        script = escape(&sign_in.script),
    )
}

fn fields(page: &LinkPage, shared: &Shared) -> String {
    let mut fields = String::new();
    for ask in page.asks {
        let (label, purpose) = match ask.kind {
            Kind::First => (&shared.password_label, "new-password"),
            Kind::Current => (&shared.current_password_label, "current-password"),
            Kind::New => (&shared.new_password_label, "new-password"),
        };
        let _ = writeln!(
            fields,
            "<label>{} <input name=\"{}\" type=\"password\" autocomplete=\"{purpose}\" required></label>",
            escape(label),
            ask.member,
        );
    }
    fields
}

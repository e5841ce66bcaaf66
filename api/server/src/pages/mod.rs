//! The minimal pages that links in mails lead to. A GET shows a button and does nothing; the token stays in the
//! fragment, which no server sees.

mod texts;

use std::fmt::Write;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, ContentType};
use actix_web::web::{ServiceConfig, get};
use actix_web::{HttpRequest, HttpResponse, Responder};

use crate::language::Language;
use crate::path::Path;
use crate::problems::Problem;
use crate::problems::page::escaped;
use texts::Texts;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// One page: its name in the link, what its button calls, and what it asks for besides the token.
struct LinkPage {
    name: &'static str,
    call: &'static str,
    asks: &'static [Ask],
}

/// A password to enter: the member of the body, and whether it is being chosen.
struct Ask {
    member: &'static str,
    chosen: bool,
}

const CHOSEN: &[Ask] = &[Ask { member: "password", chosen: true }];
const UNDO: &[Ask] = &[Ask { member: "password", chosen: false }, Ask { member: "new_password", chosen: true }];

const PAGES: &[LinkPage] = &[
    LinkPage { name: "registration", call: "/v1/accounts/confirm", asks: CHOSEN },
    LinkPage { name: "password-reset", call: "/v1/auth/password-reset/confirm", asks: CHOSEN },
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
        .route("/links/{page}", get().to(show));
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
    let language = Language::of(&request);
    Ok(HttpResponse::Ok()
        .content_type(ContentType::html())
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((CONTENT_LANGUAGE, language.as_str()))
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(html(page, language)))
}

fn html(page: &LinkPage, language: Language) -> String {
    let texts = texts::of(language);
    let words = texts.page(page.name);
    let label = |name: &str| escaped(texts.label(name));
    let (title, intro, button, done) =
        (escaped(&words.title), escaped(&words.text), escaped(&words.button), escaped(&words.done));
    format!(
        "<!doctype html>\n<html lang=\"{language}\"><head><meta charset=\"utf-8\"><title>{title}</title>\n\
         <meta name=\"viewport\" content=\"width=device-width\"><meta name=\"referrer\" content=\"no-referrer\">\n\
         <link rel=\"stylesheet\" href=\"/links/style.css\"><script src=\"/links/app.js\" defer></script></head>\n\
         <body><main><h1>{title}</h1>\n<p>{intro}</p>\n\
         <form id=\"form\" data-call=\"{call}\" data-missing=\"{missing}\" data-failed=\"{failed}\">\n{fields}\
         <fieldset id=\"sign-in\" hidden disabled><p>{sign_in}</p>\n\
         <label>{email} <input name=\"login:email\" type=\"email\" autocomplete=\"username\" required></label>\n\
         <label>{password} <input name=\"login:password\" type=\"password\" autocomplete=\"current-password\" required>\
         </label></fieldset>\n\
         <button>{button}</button></form>\n\
         <p id=\"problem\" role=\"alert\"></p>\n<p id=\"done\" role=\"status\" hidden>{done}</p>\n\
         <noscript><p>{script}</p></noscript></main></body></html>\n",
        language = language.as_str(),
        call = page.call,
        fields = fields(page, texts),
        missing = label("missing"),
        failed = label("failed"),
        sign_in = label("sign_in"),
        email = label("email"),
        password = label("password"),
        script = label("script"),
    )
}

fn fields(page: &LinkPage, texts: &Texts) -> String {
    let mut fields = String::new();
    for ask in page.asks {
        let purpose = if ask.chosen { "new-password" } else { "current-password" };
        let label = if ask.chosen { "new_password" } else { "password" };
        let _ = writeln!(
            fields,
            "<label>{} <input name=\"{}\" type=\"password\" autocomplete=\"{purpose}\" required></label>",
            escaped(texts.label(label)),
            ask.member,
        );
    }
    fields
}

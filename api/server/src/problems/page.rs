//! The pages that explain problems: `type` of every problem leads here.

use std::fmt::Write;

use actix_web::http::header::{CACHE_CONTROL, ContentType};
use actix_web::{HttpResponse, get};
use manager_domain::Code;
use manager_services::mails::rendering::escape;

use super::{Problem, status, text};
use crate::language::Language;
use crate::path::Path;

/// The list of problems
///
/// An HTML page with every `code` that a problem may have, its status and its title, each leading to its own page.
#[utoipa::path(
    tag = "system",
    responses((status = 200, description = "Every problem this API answers with, as a page", content_type = "text/html",
        body = String, example = "<!doctype html>…")),
)]
#[get("/problems")]
pub async fn list_problems() -> HttpResponse {
    let mut rows = String::new();
    for &code in Code::ALL {
        let title = escape(&text(Language::En, code).title);
        let status = status(code).as_u16();
        let _ = writeln!(rows, "<li><a href=\"/problems/{code}\">{code}</a> ({status}): {title}</li>");
    }
    page("Problems", &format!("<ul>\n{rows}</ul>"))
}

/// One problem explained
///
/// What the `type` of a problem leads to: an HTML page that says what happened and what the caller can do about it.
#[utoipa::path(
    tag = "system",
    params(("code" = String, Path, description = "The problem's code", example = "not_found")),
    responses((status = 200, description = "What the problem means and what to do", content_type = "text/html",
        body = String, example = "<!doctype html>…")),
)]
#[get("/problems/{code}")]
pub async fn show_problem(code: Path<String>) -> Result<HttpResponse, Problem> {
    let code = Code::ALL.iter().find(|known| known.as_str() == code.0).ok_or_else(Problem::not_found)?;
    let words = text(Language::En, *code);
    let mut body = format!("<p><code>{code}</code>, status {}</p>\n", status(*code).as_u16());
    for paragraph in words.page.as_deref().unwrap_or(&words.detail).split("\n\n") {
        let _ = writeln!(body, "<p>{}</p>", escape(paragraph.trim()));
    }
    body.push_str("<p><a href=\"/problems\">All problems</a></p>");
    Ok(page(&words.title, &body))
}

fn page(title: &str, body: &str) -> HttpResponse {
    let title = escape(title);
    let html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width\"></head>\n<body><h1>{title}</h1>\n{body}\n</body></html>\n"
    );
    HttpResponse::Ok().content_type(ContentType::html()).insert_header((CACHE_CONTROL, "max-age=3600")).body(html)
}

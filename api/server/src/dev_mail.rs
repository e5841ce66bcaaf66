//! The mail page of development mode: a loopback listener of its own that checks the Host header.

use std::net::{SocketAddr, TcpListener};

use actix_web::dev::Server;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use manager_services::Services;
use manager_services::mails::rendering::escape;
use manager_services::mails::transports::list_kept;
use serde_json::json;

use crate::hosts::is_for_us;

/// Mails shown at most.
const SHOWN: i64 = 200;

/// Serves `/` for people and `/mails.json` for programs.
pub fn server(listener: TcpListener, services: Services) -> std::io::Result<Server> {
    let address = listener.local_addr()?;
    let data = web::Data::new((services, address));
    let app = move || {
        App::new()
            .app_data(data.clone())
            .route("/", web::get().to(page))
            .route("/mails.json", web::get().to(list))
            .default_service(web::to(HttpResponse::NotFound))
    };
    Ok(HttpServer::new(app).workers(1).disable_signals().shutdown_timeout(1).listen(listener)?.run())
}

type Data = web::Data<(Services, SocketAddr)>;

async fn list(request: HttpRequest, data: Data) -> HttpResponse {
    if !is_for_us(&request, data.1) {
        return HttpResponse::Forbidden().finish();
    }
    let Ok(mails) = list_kept(&data.0, SHOWN).await else { return HttpResponse::ServiceUnavailable().finish() };
    let mails: Vec<_> = mails
        .into_iter()
        .map(|mail| {
            json!({
                "id": mail.id, "to": mail.recipient, "subject": mail.subject, "text": mail.text_body,
                "html": mail.html_body, "links": mail.links.0, "code": mail.code, "sent_at": mail.sent_at,
            })
        })
        .collect();
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(mails)
}

async fn page(request: HttpRequest, data: Data) -> HttpResponse {
    if !is_for_us(&request, data.1) {
        return HttpResponse::Forbidden().finish();
    }
    let Ok(mails) = list_kept(&data.0, SHOWN).await else { return HttpResponse::ServiceUnavailable().finish() };
    let mut body = String::from(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Mails</title></head>\
         <body style=\"font-family:sans-serif;max-width:760px;margin:2em auto\"><h1>Mails</h1>\
         <p>What this development server would have sent, newest first.</p>",
    );
    for mail in mails {
        let text = escape(&mail.text_body);
        body.push_str(&format!(
            "<details><summary><strong>{}</strong> — to {} at {}</summary><pre style=\"white-space:pre-wrap\">{text}</pre>",
            escape(&mail.subject),
            escape(&mail.recipient),
            mail.sent_at
        ));
        for link in &mail.links.0 {
            let link = escape(link);
            body.push_str(&format!("<p><a href=\"{link}\" rel=\"noreferrer\">{link}</a></p>"));
        }
        body.push_str("</details>");
    }
    body.push_str("</body></html>");
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((
            CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        ))
        .body(body)
}

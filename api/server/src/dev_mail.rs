//! The mail page of development mode, with the files that mails carry: a loopback listener of its own that checks the Host header.

use std::net::{SocketAddr, TcpListener};

use actix_web::dev::Server;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, ContentDisposition, DispositionParam, DispositionType,
};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use manager_domain::ids::JobId;
use manager_services::Services;
use manager_services::mails::rendering::escape;
use manager_services::mails::transports::{find_kept_attachment, list_kept};
use serde_json::json;

use crate::hosts::is_for_us;

/// Mails shown at most.
const SHOWN: i64 = 1000;

/// Serves `/` for people and `/mails.json` for programs.
pub fn server(listener: TcpListener, services: Services) -> std::io::Result<Server> {
    let address = listener.local_addr()?;
    let data = web::Data::new((services, address));
    let app = move || {
        App::new()
            .app_data(data.clone())
            .route("/", web::get().to(page))
            .route("/mails.json", web::get().to(list))
            .route("/mails/{id}/attachments/{position}", web::get().to(attachment))
            .default_service(web::to(HttpResponse::NotFound))
    };
    Ok(HttpServer::new(app).workers(1).disable_signals().shutdown_timeout(1).listen(listener)?.run())
}

type Data = web::Data<(Services, SocketAddr)>;

/// Where a file is on this listener.
fn path_of(mail: JobId, position: i32) -> String {
    format!("/mails/{mail}/attachments/{position}")
}

async fn attachment(request: HttpRequest, data: Data, path: web::Path<(JobId, i32)>) -> HttpResponse {
    if !is_for_us(&request, data.1) {
        return HttpResponse::Forbidden().finish();
    }
    let (mail, position) = path.into_inner();
    match find_kept_attachment(&data.0, mail, position).await {
        Ok(Some(file)) => {
            let parameters = vec![DispositionParam::Filename(file.name)];
            let disposition = ContentDisposition { disposition: DispositionType::Inline, parameters };
            let mut response = HttpResponse::Ok();
            response.insert_header((CACHE_CONTROL, "no-store")).insert_header((CONTENT_DISPOSITION, disposition));
            response.content_type(file.content_type).body(file.content)
        }
        Ok(None) => HttpResponse::NotFound().finish(),
        Err(_) => HttpResponse::ServiceUnavailable().finish(),
    }
}

async fn list(request: HttpRequest, data: Data) -> HttpResponse {
    if !is_for_us(&request, data.1) {
        return HttpResponse::Forbidden().finish();
    }
    let Ok(mails) = list_kept(&data.0, SHOWN).await else { return HttpResponse::ServiceUnavailable().finish() };
    let mails: Vec<_> = mails
        .into_iter()
        .map(|(mail, files)| {
            let files = files.into_iter().map(|(place, name)| json!({"name": name, "path": path_of(mail.id, place)}));
            json!({
                "id": mail.id, "to": mail.recipient, "subject": mail.subject, "text": mail.text_body,
                "html": mail.html_body, "links": mail.links.0, "code": mail.code, "sent_at": mail.sent_at,
                "attachments": files.collect::<Vec<_>>(),
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
    for (mail, files) in mails {
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
        for (position, name) in files {
            let path = path_of(mail.id, position);
            body.push_str(&format!("<p><a href=\"{path}\">{}</a></p>", escape(&name)));
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

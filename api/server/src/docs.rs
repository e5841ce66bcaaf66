//! Swagger UI at `/docs`, offline, and the document at `/openapi.json`.

use actix_web::http::header::{CACHE_CONTROL, ContentType};
use actix_web::web::{Redirect, ServiceConfig, get, redirect};
use actix_web::{HttpResponse, Responder};
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::openapi;

pub fn configure(routes: &mut ServiceConfig) {
    let swagger = Config::from("/openapi.json")
        .try_it_out_enabled(true)
        .persist_authorization(true)
        .with_credentials(true)
        .display_operation_id(true)
        .validator_url("none");
    let to_docs: Redirect = redirect("/docs", "/docs/");
    routes
        .route("/openapi.json", get().to(document))
        .service(to_docs)
        .service(SwaggerUi::new("/docs/{_:.*}").config(swagger));
}

async fn document() -> impl Responder {
    HttpResponse::Ok()
        .content_type(ContentType::json())
        .insert_header((CACHE_CONTROL, "max-age=300"))
        .body(openapi::text())
}

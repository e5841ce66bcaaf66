//! What payment providers tell by themselves (BIL-6).

use actix_web::{HttpRequest, HttpResponse, post, web};
use manager_services::payments::webhooks;
use serde_json::Value;
use utoipa::ToSchema;

use crate::auth::Client;
use crate::body::Raw;
use crate::path::Path;
use crate::problems::Problem;
use crate::state::AppState;
use crate::then::Then;

const MAX_BYTES: usize = 1024 * 1024;

/// An event of a payment provider, in its own form.
#[derive(Debug, ToSchema)]
#[schema(value_type = Object, examples(json!({
    "id": "evt_pay_01k5x9dzt4f3gsv6t1n0q8m2ra_succeeded", "type": "payment",
    "organization": "org_01k5x9dzt4f3gsv6t1n0q8m2ra", "payment": "pay_01k5x9dzt4f3gsv6t1n0q8m2ra",
    "state": "succeeded"
})))]
pub struct ProviderEvent(#[allow(dead_code)] Value); // for the document alone

/// Take in an event of a payment provider
///
/// For the provider alone: it signs the body and the moment of sending with a shared secret, in the header
/// `Stripe-Signature` or `Sandbox-Signature` (`t=<seconds since 1970>,v1=<HMAC-SHA256 in hexadecimal>`), at most five
/// minutes from now. An event counts once, however often and in whatever order events are delivered; one about a payment
/// that nobody knows is kept.
#[utoipa::path(tag = "billing",
    params(("provider" = String, Path, description = "The provider: `sandbox` or `stripe`", example = "stripe")),
    request_body(content = ProviderEvent, content_type = "application/json"),
    responses((status = 200, description = "Taken in, now or before"),
        (status = 400, description = "`webhook_signature_refused`, or `malformed_json` for what is signed and can't be read"),
        (status = 404, description = "A provider that this server doesn't use")))]
#[post("/v1/webhooks/payments/{provider}")]
pub async fn receive_payment_event(
    request: HttpRequest,
    state: web::Data<AppState>,
    client: Client,
    path: Then<Path<String>, Raw<MAX_BYTES>>,
) -> Result<HttpResponse, Problem> {
    let Then(Path(provider), Raw(body)) = path;
    let header = webhooks::signature_header(&provider)?;
    let signature = request.headers().get(header).and_then(|value| value.to_str().ok()).unwrap_or_default();
    webhooks::receive(&state.services, &client.0, &provider, signature, &body).await?;
    Ok(HttpResponse::Ok().finish())
}

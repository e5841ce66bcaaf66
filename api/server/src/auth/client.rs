//! The circumstances of a request, whoever makes it.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::USER_AGENT;
use actix_web::{FromRequest, HttpRequest, web};
use manager_services::Call;

use crate::language;
use crate::middleware::client::ClientAddress;
use crate::problems::Problem;
use crate::state::AppState;

/// Characters kept of what a client calls itself.
const DEVICE: usize = 200;

/// Anybody.
#[derive(Debug, Clone)]
pub struct Client(pub Call);

impl FromRequest for Client {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        ready(call(request, payload).map(Self))
    }
}

fn call(request: &HttpRequest, payload: &mut Payload) -> Result<Call, Problem> {
    let state = state(request)?;
    let ClientAddress(ip) = ClientAddress::from_request(request, payload).into_inner()?;
    let device = request.headers().get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    Ok(Call {
        now: state.services.clock.now(),
        ip: ip.to_string(),
        device: device.chars().take(DEVICE).collect(),
        language: language::of(request),
        actor: None,
        claim: None,
    })
}

pub(super) fn state(request: &HttpRequest) -> Result<&web::Data<AppState>, Problem> {
    request.app_data::<web::Data<AppState>>().ok_or_else(|| Problem::internal("the application has no state"))
}

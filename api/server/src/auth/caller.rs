//! A signed-in person: by access token, or by a browser's cookie where no token is present.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use manager_domain::Code;
use manager_services::calls::Actor;
use manager_services::profiles::Account;
use manager_services::sessions::{self, Session};
use manager_services::{Call, signing_keys};

use super::client::{Client, state};
use super::cookies;
use crate::language::{AccountLanguage, Language};
use crate::problems::Problem;
use crate::state::AppState;

/// A signed-in person with their living session.
#[derive(Debug, Clone)]
pub struct Caller {
    pub account: Account,
    pub session: Session,
    /// The circumstances, with this person as the actor.
    pub call: Call,
}

/// What proves who is calling.
pub(super) enum Credential {
    /// A session that a valid access token names.
    Token(signing_keys::Bearer),
    /// The secret of a session cookie.
    Cookie(String),
}

impl Caller {
    /// Makes the person known to what follows: their language, and the actor of the call.
    fn enter(request: &HttpRequest, call: Call, session: Session, account: Account) -> Self {
        let (id, authenticated_at) = (account.id, session.authenticated_at);
        let actor = Actor { account: id, session: session.id, authenticated_at, admission: None };
        let call = entered(request, call, actor, account.locale);
        Self { account, session, call }
    }
}

/// The circumstances from here on: the person's language, and the person as the actor.
pub(super) fn entered(request: &HttpRequest, call: Call, actor: Actor, locale: Language) -> Call {
    request.extensions_mut().insert(AccountLanguage(locale));
    Call { actor: Some(actor), language: locale, ..call }
}

/// The credential a request carries.
///
/// # Errors
/// `unauthenticated` without one, `invalid_token` for a bad one.
pub(super) async fn credential(request: &HttpRequest, state: &AppState, call: &Call) -> Result<Credential, Problem> {
    if let Some(header) = request.headers().get(AUTHORIZATION) {
        let token = header.to_str().ok().and_then(bearer).ok_or_else(|| Problem::new(Code::InvalidToken))?;
        return Ok(Credential::Token(signing_keys::verify(&state.services, token, call.now).await?));
    }
    cookies::secret(request).map(Credential::Cookie).ok_or_else(|| Problem::new(Code::Unauthenticated))
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let client = Client::from_request(request, payload);
        let request = request.clone();
        Box::pin(async move {
            let Client(call) = client.await?;
            let state = state(&request)?;
            let (session, account) = match credential(&request, state, &call).await? {
                Credential::Token(bearer) => {
                    let found = sessions::by_id(&state.services, bearer.session, call.now).await?;
                    found.filter(|(_, account)| account.id == bearer.account)
                }
                Credential::Cookie(secret) => {
                    let found = sessions::by_secret(&state.services, &secret, call.now).await?;
                    if let Some((session, _)) = &found {
                        cookies::check_unsafe(&request, state, session.id)?;
                    }
                    found
                }
            }
            .ok_or_else(|| Problem::new(Code::SessionEnded))?;
            Ok(Self::enter(&request, call, session, account))
        })
    }
}

//! Requests that may be repeated: the header `Idempotency-Key`, and handlers whose work is done once.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;

use actix_web::body::BoxBody;
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, ETAG, HeaderName, HeaderValue, LOCATION};
use actix_web::web::Bytes;
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest, HttpResponse, Responder};
use manager_domain::ids::CartId;
use manager_domain::{Code, Refusal};
use manager_services::idempotency::{self, Begun, Scope};
use manager_services::{Call, Services, anonymous_carts};
use serde::Serialize;
use utoipa::IntoParams;

use crate::etags::Etag;
use crate::problems::Problem;

pub const HEADER: &str = "Idempotency-Key";
/// Says that an answer is the one of an earlier request.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// Characters a key may have.
const LONGEST: usize = 255;

/// The header as the document shows it, where a request may name a key.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
#[allow(dead_code, reason = "it is read by the document alone")]
pub struct OptionalKey {
    /// Repeats an earlier request: a value of your own, the same for every try of one action.
    #[param(rename = "Idempotency-Key", min_length = 1, max_length = 255)]
    key: Option<String>,
}

/// The header as the document shows it, where a request must name a key.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
#[allow(dead_code, reason = "it is read by the document alone")]
pub struct RequiredKey {
    /// A value of your own, the same for every try of one action; repeated within 48 hours, it gets the first answer.
    #[param(rename = "Idempotency-Key", min_length = 1, max_length = 255)]
    key: String,
}

/// The bytes of a body that was read, for who compares requests.
#[derive(Debug, Clone)]
pub struct BodyRead(pub Bytes);

/// What `B` takes from a request that may be repeated, and the key it names.
#[derive(Debug)]
pub struct Repeatable<B, const REQUIRED: bool = false>(pub B, pub Key);

/// A request that must name a key.
pub type Once<B> = Repeatable<B, true>;

/// The key of a request, where it names one.
#[derive(Debug)]
pub struct Key(Option<Named>);

#[derive(Debug)]
struct Named {
    key: String,
    method: String,
    path: String,
    body: Bytes,
    /// The visitor's, where nobody is signed in.
    cart_secret: Option<String>,
}

impl<B, const REQUIRED: bool> FromRequest for Repeatable<B, REQUIRED>
where
    B: FromRequest + 'static,
{
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, mut payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let key = key(&request)?;
            if REQUIRED && key.is_none() {
                return Err(Problem::new(Code::IdempotencyKeyRequired).into());
            }
            let content = B::from_request(&request, &mut payload).await.map_err(Into::into)?;
            let body = request.extensions().get::<BodyRead>().map(|read| read.0.clone()).unwrap_or_default();
            let (method, path) = (request.method().to_string(), request.path().to_owned());
            Ok(Self(content, Key(key.map(|key| Named { key, method, path, body, cart_secret: None }))))
        })
    }
}

fn key(request: &HttpRequest) -> Result<Option<String>, Problem> {
    let malformed = || Problem::new(Code::MalformedRequest).with("header", HEADER);
    let mut values = request.headers().get_all(HEADER);
    let Some(value) = values.next() else { return Ok(None) };
    let key = value.to_str().map_err(|_| malformed())?.trim();
    let fits = (1..=LONGEST).contains(&key.len()) && key.chars().all(|c| c.is_ascii_graphic() || c == ' ');
    if fits && values.next().is_none() { Ok(Some(key.to_owned())) } else { Err(malformed()) }
}

impl Key {
    /// For visitors: a cart's secret says whose request it is. Nothing is kept for an invented secret, and nothing is
    /// told again to one whose cart is gone.
    ///
    /// # Errors
    /// `not_found` where a key is named and the secret isn't that of the cart.
    pub async fn of_cart(
        self,
        services: &Services,
        call: &Call,
        (id, secret): (CartId, &str),
    ) -> Result<Self, Problem> {
        let Some(named) = self.0 else { return Ok(Self(None)) };
        anonymous_carts::require(services, call, id, secret).await?;
        Ok(Self(Some(Named { cart_secret: Some(secret.to_owned()), ..named })))
    }

    /// Does the work, once for all requests with the same key, and answers what `render` makes of its result.
    ///
    /// The work goes on where its client went away, so that a repetition finds the answer.
    pub async fn once<T, F>(
        self,
        services: &Services,
        call: &Call,
        render: impl Fn(&T) -> Answer + Clone + Send + Sync + 'static,
        work: impl FnOnce(Services, Call) -> F + 'static,
    ) -> Result<Answer, Problem>
    where
        T: Any,
        F: Future<Output = manager_services::Result<T>> + 'static,
    {
        let Some(named) = self.0 else {
            return Ok(render(&work(services.clone(), call.clone()).await?));
        };
        let (services, call) = (services.clone(), call.clone());
        let task = actix_web::rt::spawn(async move { named.run(&services, call, render, work).await });
        task.await.map_err(Problem::internal)?
    }
}

impl Named {
    async fn run<T, F>(
        self,
        services: &Services,
        call: Call,
        render: impl Fn(&T) -> Answer + Clone + Send + Sync + 'static,
        work: impl FnOnce(Services, Call) -> F,
    ) -> Result<Answer, Problem>
    where
        T: Any,
        F: Future<Output = manager_services::Result<T>>,
    {
        let caller = match (&call.actor, &self.cart_secret) {
            (Some(actor), _) => actor.account.to_string(),
            (None, Some(secret)) => secret.clone(),
            (None, None) => return Err(Problem::internal("a repeatable request has no caller")),
        };
        let scope = Scope { caller: &caller, method: &self.method, path: &self.path, key: &self.key, body: &self.body };
        let kept = render.clone();
        let claim = match idempotency::begin(services, call.now, scope, move |done: &T| kept(done).kept).await? {
            Begun::Repeated(answer) => return Ok(Answer { kept: answer, replayed: true }),
            Begun::Claimed(claim) => claim,
        };
        match work(services.clone(), Call { claim: Some(claim.clone()), ..call }).await {
            Ok(done) => {
                let answer = render(&done);
                if !claim.is_kept() {
                    // The work is done: a failure here costs the repetition its answer, not its safety.
                    let _ = idempotency::finish(services, &claim, answer.kept.clone()).await.inspect_err(unkept);
                }
                Ok(answer)
            }
            Err(error) => {
                let problem = Problem::from(error);
                let ended = if is_kept(problem.code()) {
                    idempotency::finish(services, &claim, idempotency::Answer::Refused(problem.refusal().clone())).await
                } else {
                    idempotency::release(services, &claim).await
                };
                let _ = ended.inspect_err(unkept);
                Err(problem)
            }
        }
    }
}

fn unkept(error: &manager_services::Error) {
    tracing::warn!(%error, "the answer of a repeatable request was not kept");
}

/// Refusals for who is calling, for calling too often and for faults of the service may be over at the next try.
fn is_kept(code: Code) -> bool {
    let status = crate::problems::status(code);
    let passing = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::TOO_MANY_REQUESTS];
    code != Code::IdempotencyInProgress && !passing.contains(&status) && !status.is_server_error()
}

/// An answer that can be kept and given again.
#[derive(Debug, Clone)]
pub struct Answer {
    kept: idempotency::Answer,
    replayed: bool,
}

impl Answer {
    fn new(status: StatusCode, body: Option<String>) -> Self {
        let kept = idempotency::Answer::Done { status: status.as_u16(), headers: Vec::new(), body };
        Self { kept, replayed: false }
    }

    pub fn json(status: StatusCode, body: &impl Serialize) -> Self {
        match serde_json::to_string(body) {
            Ok(body) => Self::new(status, Some(body)),
            Err(error) => Self::refused(Problem::internal(error).refusal().clone()),
        }
    }

    pub fn ok(body: &impl Serialize) -> Self {
        Self::json(StatusCode::OK, body)
    }

    pub fn created(body: &impl Serialize) -> Self {
        Self::json(StatusCode::CREATED, body)
    }

    pub fn no_content() -> Self {
        Self::new(StatusCode::NO_CONTENT, None)
    }

    /// A refusal that comes with a result, such as a new preview.
    pub fn refused(refusal: Refusal) -> Self {
        Self { kept: idempotency::Answer::Refused(refusal), replayed: false }
    }

    #[must_use]
    pub fn location(self, location: &str) -> Self {
        self.header(LOCATION, location.to_owned())
    }

    #[must_use]
    pub fn etag(self, etag: &Etag) -> Self {
        self.header(ETAG, etag.header())
    }

    fn header(mut self, name: HeaderName, value: String) -> Self {
        if let idempotency::Answer::Done { headers, .. } = &mut self.kept {
            headers.push((name.to_string(), value));
        }
        self
    }
}

impl Responder for Answer {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let mut response = match self.kept {
            idempotency::Answer::Refused(refusal) => HttpResponse::from_error(Problem::from(refusal)),
            idempotency::Answer::Done { status, headers, body } => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
                let mut response = HttpResponse::build(status);
                for header in headers {
                    response.insert_header(header);
                }
                match body {
                    Some(body) => response.insert_header((CONTENT_TYPE, "application/json")).body(body),
                    None => response.finish(),
                }
            }
        };
        if self.replayed {
            response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        }
        response
    }
}

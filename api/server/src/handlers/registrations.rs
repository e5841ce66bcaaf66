//! Registration: request, mail again, confirmation (ACC-2, ACC-3).

use actix_web::http::header::LOCATION;
use actix_web::{HttpResponse, post, web};
use manager_domain::emails::EmailAddress;
use manager_domain::ids::{CartId, RegistrationId};
use manager_domain::languages::Language;
use manager_domain::organizations::{Founder, NewOrganization};
use manager_domain::{Currency, Fault, FaultCode, profiles, time_zones};
use manager_services::registrations::{self, CartClaim, Details, Joins, Proof};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use super::organizations::OrganizationRequest;
use super::sessions::{SessionGrant, SessionMode, granted};
use crate::auth::{Client, cookies};
use crate::json::Json;
use crate::problems::Problem;
use crate::state::AppState;

/// A request to register.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({
    "email": "ada@example.com", "first_name": "Ada", "last_name": "Lovelace", "locale": "en",
    "organization": {"kind": "individual", "country": "CH"}
})))]
pub struct RegistrationRequest {
    /// The login ID to be.
    #[validate(length(min = 3, max = 254))]
    #[schema(min_length = 3, max_length = 254)]
    pub email: String,
    #[validate(length(min = 1, max = 100))]
    #[schema(min_length = 1, max_length = 100)]
    pub first_name: String,
    #[validate(length(min = 1, max = 100))]
    #[schema(min_length = 1, max_length = 100)]
    pub last_name: String,
    /// The language of mails and messages; that of the request without it.
    #[serde(default)]
    #[schema(required = false)]
    pub locale: Option<Language>,
    /// An IANA time zone; Europe/Zurich without it.
    #[serde(default)]
    #[validate(length(max = 64))]
    #[schema(required = false, max_length = 64)]
    pub time_zone: Option<String>,
    /// The first organization; either this or `invitation`.
    #[serde(default)]
    #[validate(nested)]
    #[schema(required = false)]
    pub organization: Option<OrganizationRequest>,
    /// The token of an invitation to be accepted instead.
    #[serde(default)]
    #[validate(length(max = 100))]
    #[schema(required = false, max_length = 100)]
    pub invitation: Option<String>,
    /// An anonymous cart that goes into the new organization; not together with `invitation`.
    #[serde(default)]
    #[validate(nested)]
    #[schema(required = false)]
    pub cart: Option<CartReference>,
}

/// An anonymous cart and the secret of its holder.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CartReference {
    pub id: CartId,
    #[validate(length(max = 100))]
    #[schema(max_length = 100)]
    pub token: String,
}

/// A registration that waits for the mailed link or code.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({"registration_id": "reg_01k5x9dzt4f3gsv6t1n0q8m2ra"})))]
pub struct RegistrationPending {
    pub registration_id: RegistrationId,
}

/// Which registration to mail again.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"registration_id": "reg_01k5x9dzt4f3gsv6t1n0q8m2ra"})))]
pub struct RegistrationResend {
    pub registration_id: RegistrationId,
}

/// The proof (a token, or id and code) and the password to be.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({
    "registration_id": "reg_01k5x9dzt4f3gsv6t1n0q8m2ra", "code": "271828", "password": "correct battery staple horse"
})))]
pub struct RegistrationConfirmation {
    #[serde(default)]
    #[validate(length(max = 100))]
    #[schema(required = false, max_length = 100)]
    pub token: Option<String>,
    #[serde(default)]
    #[schema(required = false)]
    pub registration_id: Option<RegistrationId>,
    #[serde(default)]
    #[validate(length(min = 6, max = 6))]
    #[schema(required = false, min_length = 6, max_length = 6, pattern = "^[0-9]{6}$")]
    pub code: Option<String>,
    #[validate(length(max = 1024))]
    #[schema(max_length = 1024, format = "password")]
    pub password: String,
    #[serde(default)]
    #[schema(required = false)]
    pub mode: SessionMode,
}

/// Request a registration
///
/// The answer is the same whether or not the address is taken; a taken address gets a mail that says so.
#[utoipa::path(tag = "accounts", request_body = RegistrationRequest, responses(
    (status = 202, description = "A mail is on its way", body = RegistrationPending),
    (status = 403, description = "`invitation_not_for_you`: it was sent to another address"),
    (status = 410, description = "`invitation_lapsed`"),
))]
#[post("/v1/accounts")]
pub async fn request_registration(
    client: Client,
    state: web::Data<AppState>,
    body: Json<RegistrationRequest>,
) -> Result<HttpResponse, Problem> {
    let (email, details) = read(body.0, client.0.language, &state.services.settings.currencies)?;
    let registration_id = registrations::request(&state.services, &client.0, &email, details).await?;
    Ok(HttpResponse::Accepted().json(RegistrationPending { registration_id }))
}

fn read(body: RegistrationRequest, asked: Language, offered: &[Currency]) -> Result<(EmailAddress, Details), Problem> {
    let mut faults = Vec::new();
    let email = EmailAddress::parse(&body.email);
    if let Err(code) = email {
        faults.push(Fault::new("/email", code));
    }
    let (first_name, last_name) = (body.first_name.trim().to_owned(), body.last_name.trim().to_owned());
    faults.extend(profiles::name_fault("/first_name", &first_name));
    faults.extend(profiles::name_fault("/last_name", &last_name));
    let time_zone = body.time_zone.unwrap_or_else(|| time_zones::DEFAULT.to_owned());
    if time_zones::parse(&time_zone).is_none() {
        faults.push(Fault::new("/time_zone", FaultCode::InvalidTimeZone));
    }
    let locale = body.locale.unwrap_or(asked);
    let founder = Founder { first_name: &first_name, last_name: &last_name, locale, time_zone: &time_zone };
    let joins = match (body.organization, body.invitation) {
        (Some(organization), None) => {
            match NewOrganization::check(organization.into(), founder, offered, "/organization") {
                Ok(new) => Some(Joins::Own(Box::new(new))),
                Err(found) => {
                    faults.extend(found);
                    None
                }
            }
        }
        (None, Some(_)) if body.cart.is_some() => {
            // A cart goes into an organization of one's own; whoever joins another claims it there, rights permitting.
            faults.push(Fault::new("/cart", FaultCode::NotAllowed));
            None
        }
        (None, Some(token)) => Some(Joins::Invitation(token)),
        (Some(_), Some(_)) => {
            faults.push(Fault::new("/invitation", FaultCode::NotAllowed));
            None
        }
        (None, None) => {
            faults.push(Fault::new("/organization", FaultCode::Missing));
            None
        }
    };
    match (email, joins) {
        (Ok(email), Some(joins)) if faults.is_empty() => Ok((
            email,
            Details {
                first_name,
                last_name,
                locale,
                time_zone,
                joins,
                cart: body.cart.map(|cart| CartClaim { id: cart.id, token: cart.token }),
            },
        )),
        _ => Err(Problem::invalid(faults)),
    }
}

/// Mail a registration again
///
/// The answer is the same for registrations that are pending and for ids that are not.
#[utoipa::path(tag = "accounts", request_body = RegistrationResend, responses(
    (status = 202, description = "If it is pending, a mail is on its way", body = RegistrationPending),
))]
#[post("/v1/accounts/resend")]
pub async fn resend_registration(
    client: Client,
    state: web::Data<AppState>,
    body: Json<RegistrationResend>,
) -> Result<HttpResponse, Problem> {
    registrations::resend(&state.services, &client.0, body.0.registration_id).await?;
    Ok(HttpResponse::Accepted().json(RegistrationPending { registration_id: body.0.registration_id }))
}

/// Confirm a registration
///
/// Sets the password and opens the first session; account, organization and claimed cart come into being together.
#[utoipa::path(tag = "accounts", request_body = RegistrationConfirmation, responses(
    (status = 201, description = "Registered and signed in", body = SessionGrant),
    (status = 403, description = "`csrf_refused` in cookie mode; `invitation_not_for_you`"),
    (status = 409, description = "`login_id_taken` meanwhile; `invitation_closed`"),
    (status = 410, description = "`token_lapsed`"),
    (status = 422, description = "`code_refused`, `password_refused` with reasons, or `validation_failed`"),
))]
#[post("/v1/accounts/confirm")]
pub async fn confirm_registration(
    request: actix_web::HttpRequest,
    client: Client,
    state: web::Data<AppState>,
    body: Json<RegistrationConfirmation>,
) -> Result<HttpResponse, Problem> {
    let body = body.0;
    let proof = match (body.token, body.registration_id, body.code) {
        (Some(token), None, None) => Proof::Token(token),
        (None, Some(registration), Some(code)) => Proof::Code { registration, code },
        (None, Some(_), None) => return Err(Problem::fault("/code", FaultCode::Missing)),
        (None, None, Some(_)) => return Err(Problem::fault("/registration_id", FaultCode::Missing)),
        (None, None, None) => return Err(Problem::fault("/token", FaultCode::Missing)),
        (Some(_), ..) => return Err(Problem::fault("/token", FaultCode::NotAllowed)),
    };
    if body.mode == SessionMode::Cookie {
        cookies::check_origin(&request, &state)?;
    }
    let grant = registrations::confirm(&state.services, &client.0, proof, &body.password, body.mode.into()).await?;
    let mut response = HttpResponse::Created();
    response.insert_header((LOCATION, "/v1/me"));
    Ok(granted(response, grant))
}

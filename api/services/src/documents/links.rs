//! Links that lead to a document without login, for a short time and for as long as the one who asked may see it (BIL-4).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Duration;
use manager_domain::ids::*;
use manager_domain::permissions::Permission;
use manager_domain::{Code, Instant};
use manager_repository::AnyConnection;
use manager_repository::invoices as rows;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::{File, invoice_pdf};
use crate::access::{self, Admission};
use crate::errors::{Error, Result};
use crate::vault::Purpose;
use crate::{Call, Services};

/// How long a link works.
const LIFE: Duration = Duration::minutes(15);
const PREFIX: &str = "doc_";
/// Bytes of three ids and of the end, and of what signs them.
const CLAIMS: usize = 3 * 16 + 8;
const SIGNATURE: usize = 32;

/// A signed link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub url: String,
    /// The same, relative to this service.
    pub path: String,
    pub expires_at: Instant,
}

/// What a link is good for. The session stands for whoever asked: the link ends with it, and with their rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Claims {
    session: SessionId,
    organization: OrganizationId,
    invoice: InvoiceId,
    expires_at: Instant,
}

impl Claims {
    fn bytes(&self) -> [u8; CLAIMS] {
        let mut bytes = [0; CLAIMS];
        let ids = [self.session.uuid(), self.organization.uuid(), self.invoice.uuid()];
        for (place, id) in bytes.chunks_exact_mut(16).zip(ids) {
            place.copy_from_slice(id.as_bytes());
        }
        bytes[CLAIMS - 8..].copy_from_slice(&self.expires_at.micros().to_be_bytes());
        bytes
    }

    fn read(bytes: &[u8; CLAIMS]) -> Option<Self> {
        let id = |place: usize| Uuid::from_slice(bytes.get(place * 16..(place + 1) * 16)?).ok();
        let micros = i64::from_be_bytes(bytes.last_chunk().copied()?);
        Some(Self {
            session: SessionId::from_uuid(id(0)?),
            organization: OrganizationId::from_uuid(id(1)?),
            invoice: InvoiceId::from_uuid(id(2)?),
            expires_at: Instant::from_micros(micros)?,
        })
    }

    fn sign(&self, services: &Services) -> String {
        let bytes = self.bytes();
        let signature = services.vault.mac(Purpose::DocumentLinks, &bytes);
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode([bytes.as_slice(), &signature].concat()))
    }

    /// `None` for what wasn't signed here.
    fn verify(services: &Services, token: &str) -> Option<Self> {
        let mut signed = [0; CLAIMS + SIGNATURE];
        let read = URL_SAFE_NO_PAD.decode_slice(token.strip_prefix(PREFIX)?, &mut signed).ok()?;
        let (bytes, signature) = signed.split_first_chunk::<CLAIMS>()?;
        let expected = services.vault.mac(Purpose::DocumentLinks, bytes);
        let genuine: bool = expected.ct_eq(signature).into();
        Self::read(bytes).filter(|_| genuine && read == signed.len())
    }
}

/// A link to an invoice's PDF file for whoever the caller gives it to.
///
/// # Errors
/// `not_found` where there is no such invoice.
pub async fn link_to_invoice(
    services: &Services,
    call: &Call,
    organization: OrganizationId,
    invoice: InvoiceId,
) -> Result<Link> {
    let actor = call.actor.ok_or(Code::Unauthenticated)?;
    let read = move |conn: &mut AnyConnection| Ok::<_, Error>(rows::find(conn, organization, invoice)?);
    services.db.read(read).await?.ok_or(Code::NotFound)?;
    let expires_at = call.now + LIFE;
    let claims = Claims { session: actor.session, organization, invoice, expires_at };
    let path = format!("/v1/documents/{}", claims.sign(services));
    let url = format!("{}{path}", services.settings.public_url);
    Ok(Link { url, path, expires_at })
}

/// The file that a link leads to.
///
/// # Errors
/// `not_found` for a forged link, and where the one who asked for it isn't signed in any more or lost the right;
/// `token_lapsed`; `overloaded` where too many wait.
pub async fn follow_link(services: &Services, now: Instant, token: &str) -> Result<File> {
    let Claims { session, organization, invoice, expires_at } =
        Claims::verify(services, token).ok_or(Code::NotFound)?;
    if expires_at <= now {
        return Err(Code::TokenLapsed.into());
    }
    let admission = Admission { organization, product: None, permission: Permission::ViewBilling };
    let access = access::find(services, admission.ask(session, now)).await?.ok_or(Code::NotFound)?;
    admission.decide(access).map_err(|_| Code::NotFound)?;
    invoice_pdf(services, organization, invoice).await
}

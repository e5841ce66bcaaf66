//! Quotes: exact lines and a price token for a cart (CAT-5).

use chrono::NaiveDate;
use manager_domain::ids::*;
use manager_domain::quotes::{self, QuotedLines};
use manager_domain::{Code, Instant};
use manager_repository::{AnyConnection, Json, organizations, quotes as rows};

use crate::errors::{Error, Result};
use crate::vault::{self, Purpose};
use crate::{Call, Services, carts, catalogue};

/// What a checkout with the token will charge.
#[derive(Debug, Clone)]
pub struct Quote {
    pub cart: CartId,
    /// Single use.
    pub price_token: String,
    pub expires_at: Instant,
    pub day: NaiveDate,
    pub lines: QuotedLines,
}

/// Quotes an organization's open cart.
///
/// # Errors
/// `not_found`, `cart_closed`, `cart_empty`, `offer_unavailable` with the faults of the items.
pub async fn quote(services: &Services, call: &Call, organization: OrganizationId, cart: CartId) -> Result<Quote> {
    let token = vault::token("quo")?;
    let (shared, call) = (services.clone(), call.clone());
    let caller = call.clone();
    let write = move |tx: &mut AnyConnection| {
        let actor = call.actor.ok_or(Code::Unauthenticated)?;
        let row = carts::open_cart(tx, organization, cart)?;
        let owner = organizations::find(tx, organization)?.ok_or(Code::NotFound)?;
        let customer = carts::customer(&owner);
        let day = catalogue::today(&shared, call.now);
        let version = catalogue::in_force(tx, &shared, day)?;
        let minimum = shared.settings.minimum(customer.currency);
        let (found, content) = carts::placed(tx, &shared, &owner, &version.catalogue, row.content.0, call.now)?;
        let lines = quotes::quote_with(&content, &version.catalogue, &customer, minimum, day, &found.benefits)?;
        let expires_at = call.now + shared.settings.price_token_lifetime;
        rows::insert(
            tx,
            &rows::Quote {
                organization_id: organization,
                id: shared.id(call.now),
                token_hash: token_hash(&shared, &token),
                cart_id: cart,
                content_hash: content_hash(&shared, &quotes::fingerprint(&content, &customer)),
                lines: Json(lines.clone()),
                day,
                created_by: actor.account,
                created_at: call.now,
                expires_at,
                used_at: None,
            },
        )?;
        Ok::<_, Error>(Quote { cart, price_token: token.clone(), expires_at, day, lines })
    };
    services.write(caller, write).await
}

pub(crate) fn token_hash(services: &Services, token: &str) -> Vec<u8> {
    services.vault.mac(Purpose::PriceTokens, token.as_bytes()).to_vec()
}

pub(crate) fn content_hash(services: &Services, fingerprint: &[u8]) -> Vec<u8> {
    services.vault.mac(Purpose::PriceTokens, &[b"content\0", fingerprint].concat()).to_vec()
}

//! Quotes: exact lines and a price token for a cart (CAT-5).

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, post, web};
use chrono::NaiveDate;
use manager_domain::ids::{CartId, FreeOfferId, ItemId, OrganizationId};
use manager_domain::terms::Frequency;
use manager_domain::{Instant, Money};
use manager_services::quotes::{self, Quote};
use serde::Serialize;
use utoipa::ToSchema;

use super::carts::TotalsView;
use super::discounts;
use crate::auth::Member;
use crate::auth::permissions::{Order, Required};
use crate::json::Nothing;
use crate::language::{self, Language};
use crate::path::Path;
use crate::problems::Problem;
use crate::state::AppState;
use crate::then::Then;

/// Exact lines, and the token that orders them at these prices.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "cart": "crt_01k5x9dzt4f3gsv6t1n0q8m2ra", "price_token": "quo_q8m2raJ4f3gsv6t1n0q8m2raJ4f3gsv6t1n0q8m2raJ",
    "expires_at": "2026-03-01T09:45:00Z", "day": "2026-03-01",
    "lines": [{"item": "itm_01k5x9dzt4f3gsv6t1n0q8m2ra", "offer": "domain_ch", "name": ".ch domain",
        "frequency": "yearly", "quantity": 1, "options": {"domain": "example.ch"},
        "unit_price": {"amount": 900, "currency": "CHF"}, "discount": {"amount": 0, "currency": "CHF"},
        "promo_code": null, "free_offer": null, "net": {"amount": 900, "currency": "CHF"}, "tax_rate": "8.1",
        "period_start": null, "period_end": null}],
    "totals": {"net": {"amount": 900, "currency": "CHF"}, "tax": {"amount": 73, "currency": "CHF"},
        "total": {"amount": 973, "currency": "CHF"}, "notes": [],
        "rates": [{"rate": "8.1", "net": {"amount": 900, "currency": "CHF"}, "tax": {"amount": 73, "currency": "CHF"}}]}
})))]
pub struct QuoteView {
    pub cart: CartId,
    /// Single use; a checkout with it charges exactly this.
    pub price_token: String,
    pub expires_at: Instant,
    /// The billing day it holds for.
    #[schema(value_type = String, format = Date)]
    pub day: NaiveDate,
    pub lines: Vec<QuoteLineView>,
    pub totals: TotalsView,
}

/// An item, or one of several stretches of its term between which the tax rate changes.
#[derive(Debug, Serialize, ToSchema)]
pub struct QuoteLineView {
    pub item: ItemId,
    pub offer: String,
    pub name: String,
    pub frequency: Frequency,
    pub quantity: u32,
    pub options: BTreeMap<String, String>,
    /// Net, one unit for one term.
    pub unit_price: Money,
    /// What a promo code or a free offer takes off all units, net.
    pub discount: Money,
    #[schema(required)]
    pub promo_code: Option<String>,
    #[schema(required)]
    pub free_offer: Option<FreeOfferId>,
    /// All units, after the discount.
    pub net: Money,
    /// Percent.
    pub tax_rate: String,
    /// The first of the days that the line is for, where it isn't the whole term.
    #[schema(required, value_type = Option<String>, format = Date)]
    pub period_start: Option<NaiveDate>,
    /// Exclusive.
    #[schema(required, value_type = Option<String>, format = Date)]
    pub period_end: Option<NaiveDate>,
}

impl QuoteView {
    pub fn of(quote: Quote, language: Language) -> Self {
        let currency = quote.lines.currency;
        let totals = TotalsView::of(quote.lines.totals(), quote.lines.notes.clone(), currency);
        let lines = quote.lines.lines.into_iter().map(|line| QuoteLineView {
            discount: Money::new(line.discount(), currency),
            item: line.item,
            offer: line.offer,
            name: line.names.get(language).to_owned(),
            frequency: line.frequency,
            quantity: line.quantity,
            options: line.options,
            unit_price: Money::new(line.unit_price, currency),
            promo_code: discounts::code_of(line.benefit.as_ref()),
            free_offer: discounts::offer_of(line.benefit.as_ref()),
            net: Money::new(line.net, currency),
            tax_rate: line.tax_rate.to_string(),
            period_start: line.period_start,
            period_end: line.period_end,
        });
        Self {
            cart: quote.cart,
            price_token: quote.price_token,
            expires_at: quote.expires_at,
            day: quote.day,
            lines: lines.collect(),
            totals,
        }
    }
}

/// Quote a cart
///
/// Exact lines with a price token: single use, 15 minutes, bound to organization, content and day.
#[utoipa::path(tag = "carts", params(("org" = OrganizationId, Path, description = "The organization"),
        ("id" = CartId, Path, description = "The cart")),
    responses((status = 201, description = "The quote", body = QuoteView),
        (status = 409, description = "`cart_empty`, `cart_closed`, or `offer_unavailable` with the faults")),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(Order::NAME))))]
#[post("/v1/organizations/{org}/carts/{id}/quote")]
pub async fn quote_cart(
    request: HttpRequest,
    state: web::Data<AppState>,
    path: Then<Member<Order>, Then<Path<(OrganizationId, CartId)>, Nothing>>,
) -> Result<HttpResponse, Problem> {
    let Then(member, Then(Path((organization, id)), Nothing)) = path;
    let quote = quotes::quote(&state.services, member.call(), organization, id).await?;
    Ok(HttpResponse::Created().json(QuoteView::of(quote, language::of(&request))))
}

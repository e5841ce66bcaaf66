//! The public catalogue: what is sold and for how much, with and without tax (CAT-1 to CAT-4).

use actix_web::http::header::{CONTENT_LANGUAGE, VARY};
use actix_web::{CustomizeResponder, FromRequest, HttpRequest, Responder, get, web};
use chrono::NaiveDate;
use manager_domain::carts::{Customer, gross, gross_of};
use manager_domain::catalogue::{
    Offer, OptionKind, OrderOption, ProductType, TerminationConfirmation, Unavailable, UnavailableReason,
};
use manager_domain::ids::CatalogueVersionId;
use manager_domain::organizations::{DEFAULT_COUNTRY, OrganizationKind, country_of};
use manager_domain::terms::Frequency;
use manager_domain::{Currency, Money};
use manager_services::Settings;
use manager_services::catalogue::{self, Version};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use crate::auth::{Caller, Client};
use crate::etags::{Etag, Tagged};
use crate::language::{self, Language};
use crate::path::Path;
use crate::problems::Problem;
use crate::query::Query;
use crate::state::AppState;

/// How long a copy of the catalogue is good without asking.
const CACHE: &str = "public, max-age=300";
/// The same where it is in a person's language.
const PERSONAL_CACHE: &str = "private, max-age=300";

/// For whom prices are shown.
#[derive(Debug, Clone, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CatalogueQuery {
    /// ISO 3166-1 alpha-2, decides the tax; CH without it.
    #[serde(default)]
    #[validate(length(min = 2, max = 2))]
    #[param(min_length = 2, max_length = 2, pattern = "^[A-Z]{2}$")]
    country: Option<String>,
    /// `individual` without it.
    #[serde(default)]
    #[param(inline)]
    customer_kind: Option<OrganizationKind>,
    /// The country's currency without it.
    #[serde(default)]
    #[param(inline)]
    currency: Option<Currency>,
}

impl CatalogueQuery {
    fn customer(&self, settings: &Settings) -> Result<Customer, Problem> {
        let country = country_of(self.country.as_deref(), None, DEFAULT_COUNTRY);
        let country = country.map_err(|code| Problem::fault("query:country", code))?;
        Ok(Customer {
            kind: self.customer_kind.unwrap_or(OrganizationKind::Individual),
            currency: settings
                .currency(self.currency, &country)
                .map_err(|code| Problem::fault("query:currency", code))?,
            country,
            vat_verified: false,
        })
    }
}

/// The catalogue in force, in the language of the request.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "version": "cat_01k5x9dzt4f3gsv6t1n0q8m2ra", "valid_from": "2026-01-01", "country": "CH",
    "customer_kind": "individual", "currency": "CHF", "minimum_charge": {"amount": 500, "currency": "CHF"},
    "categories": [{"code": "web_domain", "name": "Web & Domain", "product_types": []}]
})))]
pub struct CatalogueView {
    pub version: CatalogueVersionId,
    /// The first day it is in force.
    #[schema(value_type = String, format = Date)]
    pub valid_from: NaiveDate,
    pub country: String,
    pub customer_kind: OrganizationKind,
    pub currency: Currency,
    /// Net; a frequency that comes to less isn't offered, but for the longest one and what is free.
    pub minimum_charge: Money,
    /// In the order they are shown.
    pub categories: Vec<CategoryView>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct CategoryView {
    pub code: String,
    pub name: String,
    pub product_types: Vec<ProductTypeView>,
}

/// A type of product and its offers.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "code": "domain_name", "category": "web_domain", "name": "Domain name", "description": "Register a domain name.",
    "quantity_max": 1, "termination_confirmation": "email", "grace_days": 10, "suspension_days": 30,
    "deletes_data": false, "changes_only_at_term_end": true, "metered": [],
    "options": [{"code": "domain", "name": "Domain name", "kind": "domain_name", "required": true, "max_length": 253,
        "unique": true, "choices": []}],
    "offers": [{"code": "domain_ch", "name": ".ch domain", "description": "The address of Switzerland.",
        "domain_suffix": "ch", "prices": [{"frequency": "yearly", "net": {"amount": 900, "currency": "CHF"},
        "gross": {"amount": 973, "currency": "CHF"}, "tax_rate": "8.1", "available": true,
        "unavailable_reason": null}]}]
})))]
pub struct ProductTypeView {
    pub code: String,
    pub category: String,
    pub name: String,
    pub description: String,
    /// Units one item of a cart may order.
    pub quantity_max: u32,
    pub termination_confirmation: TerminationConfirmation,
    pub grace_days: u32,
    pub suspension_days: u32,
    /// Data and backups go with the product.
    pub deletes_data: bool,
    pub changes_only_at_term_end: bool,
    pub metered: Vec<MeteredUnitView>,
    pub options: Vec<OptionView>,
    pub offers: Vec<OfferView>,
}

/// What is billed by use.
#[derive(Debug, Serialize, ToSchema)]
pub struct MeteredUnitView {
    pub unit: String,
    pub name: String,
    /// Units per product and calendar month without charge.
    pub included: u64,
    /// Units that the price is for.
    pub per: u64,
    pub net: Money,
    pub gross: Money,
}

/// What an order must or may say.
#[derive(Debug, Serialize, ToSchema)]
pub struct OptionView {
    pub code: String,
    pub name: String,
    pub kind: OptionKind,
    pub required: bool,
    /// Characters; null for choices.
    #[schema(required)]
    pub max_length: Option<u32>,
    /// Only one product may have this value (of an e-mail address: with its domain); taken ones are refused with
    /// `name_taken`.
    pub unique: bool,
    pub choices: Vec<ChoiceView>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ChoiceView {
    pub value: String,
    pub name: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct OfferView {
    pub code: String,
    pub name: String,
    pub description: String,
    /// The ending that the ordered domain name must have.
    #[schema(required)]
    pub domain_suffix: Option<String>,
    /// Shortest frequency first.
    pub prices: Vec<PriceView>,
}

/// The price of one unit for one term.
#[derive(Debug, Serialize, ToSchema)]
pub struct PriceView {
    pub frequency: Frequency,
    pub net: Money,
    pub gross: Money,
    /// Percent, on the first day; a term over a change of rate is taxed in parts.
    pub tax_rate: String,
    /// Whether a single unit can be ordered so.
    pub available: bool,
    /// Why not.
    #[schema(required)]
    pub unavailable_reason: Option<UnavailableReason>,
}

/// Everything a view of the catalogue depends on.
struct Shown<'a> {
    version: &'a Version,
    customer: Customer,
    minimum: Money,
    day: NaiveDate,
    language: Language,
}

impl Shown<'_> {
    /// The day is part of it because rates are dated.
    fn etag(&self) -> Etag {
        let Customer { kind, country, currency, .. } = &self.customer;
        let of = [kind.as_str(), country, currency.as_str(), self.language.as_str()].join("-");
        Etag::opaque(format!("{}-{of}-{}-{}", self.version.etag, self.minimum.amount, self.day))
    }

    fn catalogue(&self) -> CatalogueView {
        let catalogue = &self.version.catalogue;
        let mut categories: Vec<_> = catalogue.categories.iter().collect();
        categories.sort_by_key(|category| category.position);
        let category = |category: &manager_domain::catalogue::Category| {
            let types = catalogue.product_types.iter().filter(|of| of.category == category.code);
            CategoryView {
                code: category.code.clone(),
                name: category.names.get(self.language).to_owned(),
                product_types: types.map(|of| self.product_type(of)).collect(),
            }
        };
        CatalogueView {
            version: self.version.id,
            valid_from: catalogue.valid_from,
            country: self.customer.country.clone(),
            customer_kind: self.customer.kind,
            currency: self.customer.currency,
            minimum_charge: self.minimum,
            categories: categories.into_iter().map(category).collect(),
        }
    }

    fn product_type(&self, of: &ProductType) -> ProductTypeView {
        let mut offers: Vec<&Offer> = of.offers.iter().collect();
        offers.sort_by_key(|offer| offer.position);
        ProductTypeView {
            code: of.code.clone(),
            category: of.category.clone(),
            name: of.names.get(self.language).to_owned(),
            description: of.descriptions.get(self.language).to_owned(),
            quantity_max: of.quantity_max,
            termination_confirmation: of.termination_confirmation,
            grace_days: of.grace_days,
            suspension_days: of.suspension_days,
            deletes_data: of.deletes_data,
            changes_only_at_term_end: of.changes_only_at_term_end,
            metered: self.metered(of),
            options: of.options.iter().map(|option| self.option(option)).collect(),
            offers: offers.into_iter().map(|offer| self.offer(of, offer)).collect(),
        }
    }

    fn metered(&self, of: &ProductType) -> Vec<MeteredUnitView> {
        let rate = self.customer.treatment(of, self.day).rate;
        let priced = of.metered.iter().filter_map(|unit| {
            let price = unit.prices.iter().find(|price| price.currency == self.customer.currency)?;
            Some(MeteredUnitView {
                unit: unit.unit.clone(),
                name: unit.names.get(self.language).to_owned(),
                included: unit.included,
                per: price.per,
                net: Money::new(price.amount, price.currency),
                gross: Money::new(gross(price.amount, rate), price.currency),
            })
        });
        priced.collect()
    }

    fn option(&self, option: &OrderOption) -> OptionView {
        let choices = option
            .choices
            .iter()
            .map(|choice| ChoiceView { value: choice.value.clone(), name: choice.names.get(self.language).to_owned() });
        OptionView {
            code: option.code.clone(),
            name: option.names.get(self.language).to_owned(),
            kind: option.kind,
            required: option.required,
            max_length: option.max_length,
            unique: option.unique_as.is_some(),
            choices: choices.collect(),
        }
    }

    fn offer(&self, of: &ProductType, offer: &Offer) -> OfferView {
        let currency = self.customer.currency;
        let rate = self.customer.treatment(of, self.day).rate;
        let prices = offer.frequencies().filter_map(|frequency| {
            let net = offer.price(frequency, currency)?;
            let reason = match of.available(offer, frequency, 1, self.minimum) {
                Ok(_) => None,
                Err(Unavailable::UnderMinimumCharge { .. }) => Some(UnavailableReason::UnderMinimumCharge),
                Err(Unavailable::NotOffered) => return None,
            };
            Some(PriceView {
                frequency,
                net: Money::new(net, currency),
                gross: Money::new(gross_of(1, &self.customer.taxed(of, net, Some(frequency), self.day)), currency),
                tax_rate: rate.to_string(),
                available: reason.is_none(),
                unavailable_reason: reason,
            })
        });
        OfferView {
            code: offer.code.clone(),
            name: offer.names.get(self.language).to_owned(),
            description: offer.descriptions.get(self.language).to_owned(),
            domain_suffix: offer.domain_suffix.clone(),
            prices: prices.collect(),
        }
    }
}

async fn shown<T: Serialize>(
    state: &AppState,
    client: &Client,
    request: &HttpRequest,
    query: &CatalogueQuery,
    view: impl FnOnce(&Shown<'_>) -> Result<T, Problem>,
) -> Result<CustomizeResponder<Tagged<T>>, Problem> {
    let customer = query.customer(&state.services.settings)?;
    // Names are in the language of who is signed in; who isn't, or isn't any more, is a visitor.
    let signed_in = Caller::extract(request).await.is_ok();
    let cache = if signed_in { PERSONAL_CACHE } else { CACHE };
    let (version, day) = catalogue::current(&state.services, client.0.now).await?;
    let minimum = state.services.settings.minimum(customer.currency);
    let language = language::of(request);
    let shown = Shown { version: &version, customer, minimum, day, language };
    let tagged = Tagged { etag: shown.etag(), body: view(&shown)?, cache: Some(cache) };
    let answer = tagged.customize().insert_header((CONTENT_LANGUAGE, language.as_str()));
    Ok(answer.insert_header((VARY, "Accept-Language, Authorization, Cookie")))
}

/// Show the catalogue
///
/// Without login; names are in the language of who is signed in, else in that of the `lang` cookie or of
/// `Accept-Language`. Prices are shown net and gross for the country and kind of customer asked about.
#[utoipa::path(tag = "catalogue", params(CatalogueQuery),
    responses((status = 200, description = "The version in force", body = CatalogueView),
        (status = 304, description = "You have it")))]
#[get("/v1/catalogue")]
pub async fn get_catalogue(
    request: HttpRequest,
    client: Client,
    state: web::Data<AppState>,
    query: Query<CatalogueQuery>,
) -> Result<CustomizeResponder<Tagged<CatalogueView>>, Problem> {
    shown(&state, &client, &request, &query.0, |shown| Ok(shown.catalogue())).await
}

/// Show a product type
///
/// What one type offers, as the catalogue shows it: options, terms and prices, net and gross, for the country and kind
/// of customer asked about. An unknown code is a 404.
#[utoipa::path(tag = "catalogue", params(("code" = String, Path, description = "The product type's code"), CatalogueQuery),
    responses((status = 200, description = "The type with its offers", body = ProductTypeView),
        (status = 304, description = "You have it")))]
#[get("/v1/catalogue/product-types/{code}")]
pub async fn get_product_type(
    request: HttpRequest,
    client: Client,
    state: web::Data<AppState>,
    path: Path<(String,)>,
    query: Query<CatalogueQuery>,
) -> Result<CustomizeResponder<Tagged<ProductTypeView>>, Problem> {
    let Path((code,)) = path;
    let view = |shown: &Shown<'_>| {
        let found = shown.version.catalogue.product_type(&code);
        found.map(|of| shown.product_type(of)).ok_or_else(Problem::not_found)
    };
    shown(&state, &client, &request, &query.0, view).await
}

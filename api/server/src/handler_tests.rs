//! A handler that uses every extractor, as handlers are written, and its entry in the document.

use actix_web::test::{TestRequest, init_service, read_body_json};
use actix_web::{App, FromRequest, HttpRequest, dev::Payload, dev::Service, patch, web};
use manager_domain::ids::{InvitationId, OrganizationId};
use manager_domain::{Code, Id};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::future::{Ready, ready};
use utoipa::ToSchema;
use utoipa_actix_web::AppExt;
use validator::Validate;

use crate::config::Config;
use crate::etags::IfMatch;
use crate::json::MergePatch;
use crate::middleware::edge;
use crate::paging::{ListQuery, Page};
use crate::patch::Patch;
use crate::path::Path;
use crate::problems::Problem;
use crate::query::Query;
use crate::startup::unconnected_parts as parts;
use crate::state::AppState;
use crate::then::Then;

struct Allowed;

impl FromRequest for Allowed {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let allowed = request.headers().contains_key("authorization");
        ready(if allowed { Ok(Self) } else { Err(Problem::new(Code::Unauthenticated)) })
    }
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
struct Change {
    #[serde(default)]
    #[validate(length(min = 1, max = 5))]
    #[schema(value_type = Option<String>, required = false, max_length = 5)]
    note: Patch<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Changed {
    note: Option<String>,
}

/// Change things
#[utoipa::path(
    tag = "invitations",
    request_body(content = Change, content_type = "application/merge-patch+json"),
    params(("org" = OrganizationId, Path, description = "The organization"), ("id" = InvitationId, Path), ListQuery,
        ("If-Match" = Option<String>, Header, description = "The version you saw")),
    responses((status = 200, description = "Changed", body = Page<Changed>), (status = 409, description = "Closed")),
    security(("bearer" = []), ("cookie" = [])),
)]
#[patch("/v1/organizations/{org}/things/{id}")]
async fn change_things(
    body: Then<Allowed, MergePatch<Change>>,
    ids: Path<(OrganizationId, InvitationId)>,
    query: Query<ListQuery>,
    seen: IfMatch,
) -> Result<Page<Changed>, Problem> {
    let Then(Allowed, MergePatch(change)) = body; // utoipa wants plain names in the signature
    seen.require()?;
    let (_, id): (OrganizationId, InvitationId) = ids.0;
    let rows = vec![(1, change.note.into_option().flatten()), (2, Some(id.to_string()))];
    Page::of(rows, query.0.limit(), |row| row.0, |row| Changed { note: row.1 })
}

async fn ask(request: TestRequest) -> (u16, String, Value) {
    let state = web::Data::new(AppState::new(Config::for_tests("sqlite://unused"), parts()));
    let (app, _) = App::new().app_data(state).into_utoipa_app().service(change_things).split_for_parts();
    let service = init_service(app.wrap(actix_web::middleware::from_fn(edge))).await;
    let response = service.call(request.to_request()).await.unwrap();
    let link = response.headers().get("link").map(|link| link.to_str().unwrap().to_owned()).unwrap_or_default();
    (response.status().as_u16(), link, read_body_json(response).await)
}

fn patch(query: &str) -> TestRequest {
    let (org, id) = (OrganizationId::from_uuid(Default::default()), InvitationId::from_uuid(Default::default()));
    TestRequest::patch().uri(&format!("/v1/organizations/{org}/things/{id}{query}")).set_json(json!({"note": "x"}))
}

#[actix_web::test]
async fn permission_comes_before_the_body_and_every_part_is_checked() {
    assert_eq!(ask(patch("").set_payload("{")).await.0, 401);
    let signed = |query| patch(query).insert_header(("authorization", "x"));
    assert_eq!(ask(signed("").set_payload("{")).await.0, 400);
    assert_eq!(ask(signed("").set_payload("x".repeat(70_000))).await.0, 413);
    assert_eq!(ask(signed("").insert_header(("content-type", "text/plain"))).await.0, 415);
    assert_eq!(ask(signed("?page=2")).await.2["errors"][0]["pointer"], "query:page");
    assert_eq!(ask(signed("")).await.0, 428);
    let foreign: Id<manager_domain::ids::kind::Account> = Id::from_uuid(Default::default());
    let request = TestRequest::patch().uri(&format!("/v1/organizations/{foreign}/things/{foreign}"));
    let request = request.insert_header(("authorization", "x")).insert_header(("if-match", "*"));
    assert_eq!(ask(request.set_json(json!({}))).await.0, 404);
    let (status, link, body) = ask(signed("?limit=1&cursor=old").insert_header(("if-match", "\"v1\""))).await;
    assert_eq!((status, &body["data"]), (200, &json!([{"note": "x"}])));
    assert!(link.ends_with("?limit=1&cursor=MQ>; rel=\"next\"") && link.starts_with("<http://"), "{link}");
}

#[test]
fn the_document_names_pages_and_parameters() {
    let (_, document) = App::new().into_utoipa_app().service(change_things).split_for_parts();
    let document = serde_json::to_value(&document).unwrap();
    let items = &document["components"]["schemas"]["Page_Changed"]["properties"]["data"]["items"];
    assert_eq!(items["$ref"], "#/components/schemas/Changed");
    assert!(document["components"]["schemas"].get("Changed").is_some());
    let operation = &document["paths"]["/v1/organizations/{org}/things/{id}"]["patch"];
    let parameters = operation["parameters"].as_array().unwrap();
    let names: Vec<_> = parameters.iter().map(|parameter| parameter["name"].as_str().unwrap()).collect();
    for name in ["org", "id", "limit", "cursor", "If-Match"] {
        assert_eq!(names.iter().filter(|known| **known == name).count(), 1, "{name} in {names:?}");
    }
    assert_eq!(operation["operationId"], "change_things");
}

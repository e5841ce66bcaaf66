//! What no route answers: 405 with `Allow` when the path is known, else 404.

use std::sync::LazyLock;

use actix_web::http::Method;
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use manager_domain::Code;

use crate::openapi;
use crate::problems::Problem;

struct Route {
    segments: Vec<String>,
    methods: Vec<String>,
}

/// The document's paths, and the pages that aren't in it.
static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(|| {
    let paths = openapi::document()["paths"].as_object().into_iter().flatten();
    let documented = paths.map(|(path, item)| {
        let methods = item.as_object().into_iter().flatten().map(|(method, _)| method.to_ascii_uppercase());
        Route { segments: segments(path), methods: methods.filter(|method| is_method(method)).collect() }
    });
    let pages = ["/docs", "/docs/{file}", "/openapi.json", "/links/{page}"];
    let pages = pages.map(|path| Route { segments: segments(path), methods: vec!["GET".to_owned()] });
    let sandbox = ["GET", "POST"].map(str::to_owned).to_vec();
    let sandbox = Route { segments: segments("/sandbox/payments/{token}"), methods: sandbox };
    documented.chain(pages).chain([sandbox]).collect()
});

fn is_method(name: &str) -> bool {
    matches!(name, "GET" | "POST" | "PUT" | "PATCH" | "DELETE")
}

fn segments(path: &str) -> Vec<String> {
    path.split('/').skip(1).map(str::to_owned).collect()
}

fn is_parameter(segment: &str) -> bool {
    segment.starts_with('{')
}

fn fits(route: &Route, path: &[String]) -> bool {
    let one =
        |(pattern, part): (&String, &String)| if is_parameter(pattern) { !part.is_empty() } else { pattern == part };
    route.segments.len() == path.len() && route.segments.iter().zip(path).all(one)
}

/// The methods of the most literal route that fits.
fn allowed(path: &str) -> Option<String> {
    let path = segments(path);
    let fitting = ROUTES.iter().filter(|route| fits(route, &path));
    let route = fitting.min_by_key(|route| route.segments.iter().filter(|segment| is_parameter(segment)).count())?;
    let mut methods = route.methods.clone();
    if methods.iter().any(|method| method == "GET") {
        methods.push("HEAD".to_owned());
    }
    methods.push("OPTIONS".to_owned());
    Some(methods.join(", "))
}

/// The default service.
pub async fn not_found(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let allow = allowed(request.path()).ok_or_else(Problem::not_found)?;
    let allow = HeaderValue::from_str(&allow).map_err(Problem::internal)?;
    if request.method() == Method::OPTIONS {
        return Ok(HttpResponse::NoContent().insert_header((ALLOW, allow)).finish());
    }
    Err(Problem::new(Code::MethodNotAllowed).header(ALLOW, allow))
}

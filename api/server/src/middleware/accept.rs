//! What the client takes as an answer (RFC 9110, 12.5.1).

use actix_web::http::header::{ACCEPT, HeaderMap};

/// Whether an answer in one of `offered` (a type and subtype each) is welcome; without the header everything is.
pub fn takes(headers: &HeaderMap, offered: &[&str]) -> bool {
    let mut ranges = Vec::new();
    for value in headers.get_all(ACCEPT) {
        // What can't be read is no reason to refuse.
        let Ok(value) = value.to_str() else { return true };
        ranges.extend(value.split(',').map(str::trim).filter(|range| !range.is_empty()));
    }
    ranges.is_empty() || offered.iter().any(|media| quality(&ranges, media) > 0.0)
}

/// The quality of the most specific range that covers `media`.
fn quality(ranges: &[&str], media: &str) -> f32 {
    let (kind, _) = media.split_once('/').unwrap_or((media, ""));
    let mut best = (0, 0.0);
    for range in ranges {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let specific = match name.as_str() {
            name if name == media => 3,
            name if name.strip_suffix("/*") == Some(kind) => 2,
            "*/*" | "*" => 1,
            _ => continue,
        };
        let said = parts.find_map(|part| part.strip_prefix("q=").and_then(|q| q.parse().ok())).unwrap_or(1.0);
        if specific > best.0 {
            best = (specific, said);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn the_most_specific_range_decides() {
        for (accept, welcome) in [
            ("", true),
            ("*/*", true),
            ("text/html,application/xhtml+xml,*/*;q=0.8", true),
            ("application/json", true),
            ("application/*;q=0.1", true),
            ("Application/JSON; charset=utf-8", true),
            ("text/html", false),
            ("application/xml, image/*", false),
            ("*/*, application/json;q=0", false),
            ("application/problem+json", false),
        ] {
            let request = TestRequest::get().insert_header((ACCEPT, accept)).to_http_request();
            assert_eq!(takes(request.headers(), &["application/json"]), welcome, "{accept}");
        }
    }
}

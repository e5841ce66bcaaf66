//! ACC-4: pictures are decoded within limits and encoded anew.

use std::io::Cursor;
use std::sync::Arc;

use image::{DynamicImage, ImageFormat, Rgba, RgbaImage};
use manager_tests::{Answer, Person, TestApp, Value, Withheld, json};
use reqwest::Method;

async fn ada() -> Person {
    let app = Arc::new(TestApp::start().await);
    Person::register(&app, "ada").await
}

async fn put(person: &Person, media: &str, bytes: Vec<u8>) -> Answer {
    person.send(person.request(Method::PUT, "/v1/me/avatar").header("content-type", media).body(bytes)).await
}

fn picture(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    let pixels = RgbaImage::from_fn(width, height, |x, _| Rgba([if x < width / 2 { 255 } else { 0 }, 0, 0, 255]));
    let mut bytes = Cursor::new(Vec::new());
    let picture = DynamicImage::ImageRgba8(pixels);
    let picture = if format == ImageFormat::Jpeg { picture.to_rgb8().into() } else { picture };
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// A chunk of a PNG file with its checksum.
fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let content = [kind.as_slice(), data].concat();
    let mut crc = u32::MAX;
    for byte in &content {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ if crc & 1 == 1 { 0xEDB8_8320 } else { 0 };
        }
    }
    [&u32::try_from(data.len()).unwrap().to_be_bytes(), content.as_slice(), &(!crc).to_be_bytes()].concat()
}

/// A small picture that says it is a large one, of 16 bits a channel.
fn bomb(side: u32) -> Vec<u8> {
    let small = picture(1, 1, ImageFormat::Png);
    let header = [side.to_be_bytes().as_slice(), &side.to_be_bytes(), &[16, 6, 0, 0, 0]].concat();
    [&small[..8], chunk(b"IHDR", &header).as_slice(), &small[33..]].concat()
}

#[actix_web::test]
async fn a_picture_is_made_square_and_encoded_anew_without_its_metadata() {
    let ada = ada().await;
    for (format, media) in
        [(ImageFormat::Png, "image/png"), (ImageFormat::Jpeg, "image/jpeg"), (ImageFormat::WebP, "image/webp")]
    {
        let mut upload = picture(640, 300, format);
        if format == ImageFormat::Png {
            let text = chunk(b"tEXt", b"Comment\0taken at home");
            upload = [&upload[..33], text.as_slice(), &upload[33..]].concat();
        }
        let set = put(&ada, media, upload).await;
        assert_eq!(set.status, 204, "{}", set.body);
        let shown = ada.get("/v1/me/avatar").await;
        assert_eq!((shown.status, shown.header("content-type")), (200, "image/png"));
        assert_eq!(shown.header("etag"), set.header("etag"));
        assert!(!shown.bytes.windows(13).any(|bytes| bytes == b"taken at home"));
        let image = image::load_from_memory(&shown.bytes).unwrap();
        assert_eq!((image.width(), image.height()), (256, 256));
    }
    let etag = ada.get("/v1/me/avatar").await.header("etag").to_owned();
    let again = ada.send(ada.request(Method::GET, "/v1/me/avatar").header("if-none-match", &etag)).await;
    assert_eq!(again.status, 304);
    assert!(ada.get("/v1/me").await.expect(200)["avatar_url"].as_str().unwrap().ends_with("/v1/me/avatar"));
}

#[actix_web::test]
async fn svg_is_refused_whatever_it_calls_itself() {
    let ada = ada().await;
    let svg = br#"<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>"#.to_vec();
    for media in ["image/svg+xml", "image/png", "image/webp"] {
        put(&ada, media, svg.clone()).await.refused(422, "avatar_refused");
    }
    put(&ada, "text/html", svg).await.refused(415, "unsupported_media_type");
    put(&ada, "image/png", b"GIF89a".to_vec()).await.refused(422, "avatar_refused");
    put(&ada, "image/png", picture(9, 9, ImageFormat::Png)[..60].to_vec()).await.refused(422, "avatar_refused");
    ada.get("/v1/me/avatar").await.refused(404, "not_found");
}

#[actix_web::test]
async fn a_decompression_bomb_is_refused_before_it_is_decoded() {
    let ada = ada().await;
    for side in [4096, 4097, 60_000, u32::MAX / 4] {
        put(&ada, "image/png", bomb(side)).await.refused(422, "avatar_refused");
    }
    put(&ada, "image/png", vec![0; 2 * 1024 * 1024 + 1]).await.refused(413, "payload_too_large");
}

#[actix_web::test]
async fn a_removed_picture_leaves_the_initials() {
    let ada = ada().await;
    assert_eq!(put(&ada, "image/png", picture(20, 20, ImageFormat::Png)).await.status, 204);
    ada.delete("/v1/me/avatar").await.expect(204);
    ada.delete("/v1/me/avatar").await.refused(404, "not_found");
    let me = ada.get("/v1/me").await.expect(200);
    assert_eq!(me["avatar_url"], Value::Null);
    assert_eq!(me["initials"], "AT");
}

#[actix_web::test]
async fn uploads_that_would_have_to_wait_for_too_many_others_are_told_to_come_back() {
    let ada = ada().await;
    let media = [("content-type", "image/png")];
    let mut uploads = Vec::new();
    for _ in 0..8 {
        uploads.push(Withheld::begin(&ada, Method::PUT, "/v1/me/avatar", &media, &json!("no picture")).await);
    }
    let good = || picture(9, 9, ImageFormat::Png);
    let told = put(&ada, "image/png", good()).await;
    assert!(told.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds >= 1), "{told:?}");
    told.refused(503, "overloaded");
    for upload in uploads {
        let (status, problem) = upload.end().await;
        assert_eq!((status, &problem["code"]), (422, &json!("avatar_refused")));
    }
    put(&ada, "image/png", good()).await.expect(204);
}

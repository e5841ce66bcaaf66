//! Pictures of persons: decoded within limits, cropped, and encoded anew, so that nothing of the upload survives but
//! its pixels (ACC-4).

use std::io::Cursor;

use image::imageops::FilterType;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};
use manager_domain::ids::*;
use manager_domain::{Code, Refusal};
use manager_repository::avatars::{self as rows, Avatar};
use manager_repository::{AnyConnection, accounts};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::errors::{Error, Result};
use crate::{Call, Services, security_log, throttles};

/// Bytes of an upload.
pub const MAX_BYTES: usize = 2 * 1024 * 1024;
/// When to come back where too many upload, in seconds.
const COME_BACK: u32 = 5;
/// Pixels of either side of an upload.
pub const MAX_SIDE: u32 = 4096;
/// Pixels of either side of what is kept.
const SIDE: u32 = 256;
/// Bytes that decoding may take: four channels of eight bits at full size, and half as much again for the work.
const MAX_ALLOCATION: u64 = 96 * 1024 * 1024;

/// One picture is decoded at a time, whatever arrives at once.
static SLOT: Semaphore = Semaphore::const_new(1);
/// Uploads that are read or wait for their turn; more are told to come back.
static QUEUE: Semaphore = Semaphore::const_new(8);

/// A place in the queue of uploads, to be taken before the picture is read into memory.
#[derive(Debug)]
pub struct Turn(#[allow(dead_code)] SemaphorePermit<'static>); // held, not read

impl Turn {
    /// # Errors
    /// `overloaded` where too many wait; `too_many_requests` where the person uploads too often.
    pub async fn take(services: &Services, call: &Call, account: AccountId) -> Result<Self> {
        let (shared, now) = (services.clone(), call.now);
        let key = account.to_string();
        let count = move |tx: &mut AnyConnection| throttles::take(tx, &shared, now, throttles::AVATARS, &key);
        services.db.write(count).await?;
        QUEUE.try_acquire().map(Self).map_err(|_| Refusal::new(Code::Overloaded).retry_after(COME_BACK).into())
    }
}

/// Takes a picture in place of an older one.
///
/// # Errors
/// `avatar_refused` for what is no PNG, JPEG or WebP picture within the limits.
pub async fn put(services: &Services, call: &Call, account: AccountId, turn: Turn, upload: Vec<u8>) -> Result<Avatar> {
    let image = remake(turn, upload).await?;
    let digest = Sha256::digest(&image);
    let etag: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let content_type = ImageFormat::Png.to_mime_type().to_owned();
    let row = Avatar { account_id: account, content_type, image, etag, updated_at: call.now };
    let (shared, call, kept) = (services.clone(), call.clone(), row.clone());
    let caller = call.clone();
    let write = move |tx: &mut AnyConnection| {
        if !accounts::set_avatar(tx, account, Some(&kept.etag), call.now)? {
            return Err(Error::from(Code::SessionEnded));
        }
        rows::put(tx, &kept)?;
        security_log::append(tx, &shared, &call, account, "avatar.set", json!({}))
    };
    services.write(caller, write).await?;
    Ok(row)
}

/// The person's picture.
///
/// # Errors
/// `not_found` where there is none: the initials stand for it.
pub async fn get(services: &Services, account: AccountId) -> Result<Avatar> {
    let found = services.db.read(move |conn| Ok::<_, Error>(rows::find(conn, account)?)).await?;
    found.ok_or_else(|| Code::NotFound.into())
}

/// Removes the person's picture.
///
/// # Errors
/// `not_found` where there is none.
pub async fn delete(services: &Services, call: &Call, account: AccountId) -> Result<()> {
    let (shared, call) = (services.clone(), call.clone());
    let caller = call.clone();
    let write = move |tx: &mut AnyConnection| {
        accounts::lock(tx, account)?.ok_or(Code::SessionEnded)?;
        if !rows::delete(tx, account)? {
            return Err(Error::from(Code::NotFound));
        }
        accounts::set_avatar(tx, account, None, call.now)?;
        security_log::append(tx, &shared, &call, account, "avatar.removed", json!({}))
    };
    services.write(caller, write).await
}

async fn remake(turn: Turn, upload: Vec<u8>) -> Result<Vec<u8>> {
    if upload.len() > MAX_BYTES {
        return Err(Code::PayloadTooLarge.into());
    }
    let slot = SLOT.acquire().await.map_err(Error::defect)?;
    tokio::task::spawn_blocking(move || {
        let made = decode(&upload).and_then(|picture| encode(&picture));
        drop((slot, turn));
        made
    })
    .await
    .map_err(Error::defect)?
}

fn refused(reason: &str) -> Error {
    Refusal::new(Code::AvatarRefused).with("reason", reason).with("max_side", MAX_SIDE).into()
}

/// Looks at the bytes, not at what they call themselves; sizes are checked before anything is decoded.
fn decode(upload: &[u8]) -> Result<DynamicImage> {
    let format = image::guess_format(upload).map_err(|_| refused("format"))?;
    if !matches!(format, ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::WebP) {
        return Err(refused("format"));
    }
    let mut limits = Limits::no_limits();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_ALLOCATION);
    let mut reader = ImageReader::with_format(Cursor::new(upload), format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(why)?;
    let (width, height) = decoder.dimensions();
    if width > MAX_SIDE || height > MAX_SIDE || decoder.total_bytes() > MAX_ALLOCATION {
        return Err(refused("too_large"));
    }
    let orientation = decoder.orientation().map_err(why)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(why)?;
    // Cut down before turning: a large picture is not copied for it.
    picture = DynamicImage::ImageRgba8(picture.resize_to_fill(SIDE, SIDE, FilterType::CatmullRom).into_rgba8());
    picture.apply_orientation(orientation);
    Ok(picture)
}

fn why(error: image::ImageError) -> Error {
    match error {
        image::ImageError::Limits(_) => refused("too_large"),
        _ => refused("unreadable"),
    }
}

fn encode(picture: &DynamicImage) -> Result<Vec<u8>> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png).map_err(Error::defect)?;
    Ok(bytes.into_inner())
}

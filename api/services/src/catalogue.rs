//! The catalogue in force, read by everybody (CAT-1, CAT-4).

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use chrono::{Duration, NaiveDate};
use manager_domain::catalogue::Catalogue;
use manager_domain::catalogue_checks;
use manager_domain::ids::*;
use manager_domain::{Code, Instant};
use manager_repository::{AnyConnection, catalogue as rows};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::Services;
use crate::errors::{Error, Result};

/// The version that an empty database starts with.
const DEFAULT: &str = include_str!("../catalogue/default.json");
/// Parsed versions kept at once: the one in force and a few that are asked about.
const KEPT: usize = 8;

/// How long what only describes may lag behind a newly loaded version.
const LAG: Duration = Duration::seconds(5);

/// Parsed versions of this process; a version never changes, so they don't grow stale.
#[derive(Debug, Clone, Default)]
pub struct Cache {
    versions: Arc<RwLock<HashMap<CatalogueVersionId, Arc<Catalogue>>>>,
    /// The version in force when it was last looked up.
    shown: Arc<RwLock<Option<(Instant, Arc<Catalogue>)>>>,
}

impl Cache {
    fn get(&self, id: CatalogueVersionId) -> Option<Arc<Catalogue>> {
        self.versions.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    fn put(&self, id: CatalogueVersionId, catalogue: &Arc<Catalogue>) {
        let mut kept = self.versions.write().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(id, Arc::clone(catalogue));
    }
}

/// A version of the catalogue that is in force.
#[derive(Debug, Clone)]
pub struct Version {
    pub id: CatalogueVersionId,
    /// Names the content, not a representation of it.
    pub etag: String,
    pub catalogue: Arc<Catalogue>,
}

/// The version in force on a day; a newly loaded one is seen at once.
///
/// # Errors
/// `service_unavailable` where none has begun.
pub fn in_force(conn: &mut AnyConnection, services: &Services, date: NaiveDate) -> Result<Version> {
    let (id, etag) = rows::in_force(conn, date)?.ok_or(Code::ServiceUnavailable)?;
    if let Some(catalogue) = services.catalogue.get(id) {
        return Ok(Version { id, etag, catalogue });
    }
    let document = rows::document(conn, id)?.ok_or_else(|| Error::defect("a catalogue version without a document"))?;
    let catalogue = Arc::new(serde_json::from_str(&document).map_err(Error::defect)?);
    services.catalogue.put(id, &catalogue);
    Ok(Version { id, etag, catalogue })
}

/// The version in force now, with the billing day.
///
/// # Errors
/// As [`in_force`].
pub async fn current(services: &Services, now: Instant) -> Result<(Version, NaiveDate)> {
    let shared = services.clone();
    let date = today(services, now);
    services.db.read(move |conn| Ok((in_force(conn, &shared, date)?, date))).await
}

/// The catalogue for what only describes, such as grace days in a list: it may be a few seconds old, and mostly costs no
/// query. Whatever decides or prices uses [`in_force`].
///
/// # Errors
/// As [`in_force`].
pub async fn shown(services: &Services, now: Instant) -> Result<Arc<Catalogue>> {
    let kept = services.catalogue.shown.read().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some((at, catalogue)) = kept
        && at <= now
        && now - at < LAG
    {
        return Ok(catalogue);
    }
    let (version, _) = current(services, now).await?;
    *services.catalogue.shown.write().unwrap_or_else(PoisonError::into_inner) = Some((now, version.catalogue.clone()));
    Ok(version.catalogue)
}

/// The billing day (TIM-2).
pub fn today(services: &Services, now: Instant) -> NaiveDate {
    now.date_in(services.settings.billing_zone)
}

/// The id of the default catalogue, the same for everybody: of servers that start together on an empty database only one
/// can insert it. It sorts before all others, so that a version loaded for the same day counts.
const DEFAULT_ID: Uuid = Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0001);

/// Loads the default catalogue into a database that has none.
pub async fn prepare(services: &Services, now: Instant) -> Result<()> {
    let catalogue: Catalogue = serde_json::from_str(DEFAULT).map_err(Error::defect)?;
    if let Some(fault) = catalogue_checks::faults(&catalogue).first() {
        return Err(Error::defect(format!("the default catalogue is faulty at {}", fault.pointer)));
    }
    // A server also starts on a database that can only be read.
    if !services.db.read(|conn| Ok::<_, Error>(rows::is_empty(conn)?)).await? {
        return Ok(());
    }
    let id = CatalogueVersionId::from_uuid(DEFAULT_ID);
    let etag = etag(DEFAULT);
    let valid_from = catalogue.valid_from;
    services
        .db
        .write(move |tx| {
            if rows::is_empty(tx)? {
                rows::insert(tx, &rows::NewVersion { id, valid_from, document: DEFAULT, etag: &etag, now })?;
            }
            Ok::<_, Error>(())
        })
        .await
}

/// Names a document by its content.
fn etag(document: &str) -> String {
    Sha256::digest(document.as_bytes()).iter().take(12).map(|byte| format!("{byte:02x}")).collect()
}

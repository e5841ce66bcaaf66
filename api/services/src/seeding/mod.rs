//! Load-test data: accounts with organizations, orders, invoices, payments and products, as customers would have left
//! them, made by the same rules and written many at a time.
//!
//! The rows are those that housekeeping leaves of finished orders: sessions, quotes and jobs are gone.

mod assortment;
mod chance;
mod people;
mod story;

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{Duration, NaiveDate, NaiveTime, TimeZone, Utc};
use manager_domain::{Currency, Instant};
use manager_repository::AnyConnection;
use manager_repository::seeding::{self as rows, Rows};
use tokio::task::{JoinSet, spawn_blocking};

use self::assortment::Pick;
use self::chance::Dice;
use self::story::Story;
use crate::errors::Error;
use crate::{Services, catalogue};

/// Where all seeded persons have their addresses; nobody can have one there (RFC 2606).
pub const DOMAIN: &str = "seed.example";
/// The password of all seeded accounts.
pub const PASSWORD: &str = "seventeen otters juggle quietly";

/// The oldest order's age at most: short enough for a year's term to run still.
const OLDEST: i64 = 330;
/// What is written together: products, or accounts where they have few.
const PRODUCTS: usize = 300;
const ACCOUNTS: usize = 200;
/// Writes on their way at once, so that making rows and storing them overlap.
const PARALLEL: usize = 4;

/// What to make.
#[derive(Debug, Clone, Copy)]
pub struct Request {
    pub accounts: u64,
    /// Spread evenly over the accounts' organizations.
    pub products: u64,
    /// The same seed makes the same data, on the same day and under the same root key.
    pub seed: u64,
}

/// Why nothing, or not everything, was made.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error("this database holds {0} real accounts: load-test data goes into a database of its own")]
    RealAccounts(i64),
    #[error("this database was seeded already ({0} accounts); nothing was added: seed an empty one for more")]
    Seeded(i64),
    #[error("MANAGER_MODE holds production, where no account has a known password; to seed, it may hold development")]
    Production,
    #[error(transparent)]
    Failed(#[from] Error),
}

/// How far it is.
#[derive(Debug, Default)]
pub struct Progress {
    accounts: AtomicU64,
    orders: AtomicU64,
    products: AtomicU64,
}

impl Progress {
    pub fn accounts(&self) -> u64 {
        self.accounts.load(Ordering::Relaxed)
    }

    pub fn orders(&self) -> u64 {
        self.orders.load(Ordering::Relaxed)
    }

    pub fn products(&self) -> u64 {
        self.products.load(Ordering::Relaxed)
    }

    fn add(&self, rows: &Rows) {
        self.accounts.fetch_add(rows.accounts.len() as u64, Ordering::Relaxed);
        self.orders.fetch_add(rows.orders.len() as u64, Ordering::Relaxed);
        self.products.fetch_add(rows.products.len() as u64, Ordering::Relaxed);
    }
}

/// What all stories have in common.
struct Plan {
    seed: u64,
    accounts: u64,
    products: u64,
    password_hash: String,
    version: catalogue::Version,
    picks: [(Currency, Vec<Pick>); 2],
    today: NaiveDate,
    /// When today began.
    midnight: Instant,
    /// Days from the first registration to today.
    days: i64,
}

impl Plan {
    fn products_of(&self, number: u64) -> u64 {
        self.products / self.accounts + u64::from(number <= self.products % self.accounts)
    }

    fn picks(&self, currency: Currency) -> &[Pick] {
        self.picks.iter().find(|(of, _)| *of == currency).map_or(&[], |(_, picks)| picks)
    }

    /// Eight digits, as organizations have; a step without a common divisor with their count meets none twice.
    fn organization_number(&self, number: u64) -> String {
        let offset = Dice::new(self.seed, 0).below(90_000_000);
        format!("{}", 10_000_000 + (number * 7_777_777 + offset) % 90_000_000)
    }

    /// A morning in the first eighth of the time, never later than the midnight that today began with.
    fn registered_at(&self, dice: &mut Dice) -> Instant {
        let days = dice.below(self.days as u64 / 8 + 1) as i64 - self.days;
        let minutes = 420 + dice.below(120) as i64;
        (self.midnight + Duration::days(days) + Duration::minutes(minutes)).min(self.midnight - Duration::minutes(30))
    }
}

/// Fills an empty database.
///
/// # Errors
/// Why it doesn't; a run that failed half-way leaves what it wrote, and the database must be emptied for another.
pub async fn seed(
    services: &Services,
    request: Request,
    now: Instant,
    progress: &Arc<Progress>,
) -> Result<(), Refused> {
    if services.settings.production {
        return Err(Refused::Production);
    }
    let (all, others) = services.db.read(|conn| Ok::<_, Error>(rows::count_accounts(conn, DOMAIN)?)).await?;
    if others > 0 {
        return Err(Refused::RealAccounts(others));
    }
    if all > 0 {
        return Err(Refused::Seeded(all));
    }
    let plan = Arc::new(plan(services, request, now).await?);
    let lot = (request.accounts / (4 * PARALLEL as u64)).clamp(1, ACCOUNTS as u64);
    let (mut next, mut running) = (1, JoinSet::new());
    loop {
        while running.len() < PARALLEL && next <= request.accounts {
            let numbers = next..(next + lot).min(request.accounts + 1);
            next = numbers.end;
            running.spawn(tell(services.clone(), Arc::clone(&plan), numbers, Arc::clone(progress)));
        }
        match running.join_next().await {
            Some(told) => told.map_err(Error::defect)??,
            None => break,
        }
    }
    services.db.write(|tx| Ok::<_, Error>(rows::analyze(tx)?)).await?;
    Ok(())
}

async fn plan(services: &Services, request: Request, now: Instant) -> Result<Plan, Error> {
    let (version, today) = catalogue::current(services, now).await?;
    let midnight = today.and_time(NaiveTime::MIN);
    let zone = services.settings.billing_zone;
    // Where the clocks skip midnight, UTC's is near enough.
    let midnight =
        zone.from_local_datetime(&midnight).earliest().map_or(midnight.and_utc(), |at| at.with_timezone(&Utc));
    let picks = |currency| (currency, assortment::picks(&version.catalogue, services.settings.minimum(currency)));
    Ok(Plan {
        seed: request.seed,
        accounts: request.accounts.max(1),
        products: request.products,
        password_hash: services.passwords.hash(PASSWORD).await?,
        picks: Currency::ALL.map(picks),
        days: (today - version.catalogue.valid_from).num_days().clamp(0, OLDEST),
        version,
        today,
        midnight: Instant::new(midnight),
    })
}

/// The stories of some accounts, written piece by piece.
async fn tell(services: Services, plan: Arc<Plan>, numbers: Range<u64>, progress: Arc<Progress>) -> Result<(), Error> {
    let (mut numbers, mut story) = (numbers, None);
    while story.is_some() || !numbers.is_empty() {
        let (plan, shared) = (Arc::clone(&plan), services.clone());
        let told = spawn_blocking(move || {
            let mut rows = Rows::default();
            let rest = piece(&plan, &shared, &mut numbers, story, &mut rows)?;
            Ok::<_, Error>((numbers, rest, rows))
        });
        let rows;
        (numbers, story, rows) = told.await.map_err(Error::defect)??;
        let rows = Arc::new(rows);
        let written = Arc::clone(&rows);
        services.db.write(move |tx: &mut AnyConnection| Ok::<_, Error>(rows::insert(tx, &written)?)).await?;
        progress.add(&rows);
    }
    Ok(())
}

/// Rows enough for one write; answers the story that isn't told to its end.
fn piece(
    plan: &Arc<Plan>,
    services: &Services,
    numbers: &mut Range<u64>,
    unfinished: Option<Box<Story>>,
    rows: &mut Rows,
) -> Result<Option<Box<Story>>, Error> {
    let mut unfinished = unfinished;
    while rows.products.len() < PRODUCTS && rows.accounts.len() < ACCOUNTS {
        let mut story = match unfinished.take() {
            Some(story) => story,
            None => match numbers.next() {
                Some(number) => Box::new(Story::begin(plan, services, number, rows)?),
                None => break,
            },
        };
        while !story.is_told() && rows.products.len() < PRODUCTS {
            story.order(rows)?;
        }
        story.rest(rows);
        if !story.is_told() {
            unfinished = Some(story);
        }
    }
    Ok(unfinished)
}

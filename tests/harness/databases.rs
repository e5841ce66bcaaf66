//! A database for each test: a copied file, or a copied template database.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use diesel::connection::SimpleConnection;
use diesel::{PgConnection, QueryableByName, RunQueryDsl};
use manager_repository::connection::connect_postgres;
use manager_repository::{Location, migrations};

/// A test's own database, gone with it.
pub enum TestDatabase {
    Sqlite { folder: PathBuf },
    Postgres { server: String, name: String, folder: PathBuf },
}

#[allow(clippy::disallowed_methods, reason = "tests are told their engine by the environment")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Whether this run is on PostgreSQL.
pub fn on_postgres() -> bool {
    variable("TEST_ENGINE").as_deref() == Some("postgres")
}

impl TestDatabase {
    pub fn create() -> Self {
        let folder = scratch().join(unique());
        fs::create_dir_all(&folder).expect("a folder for the test");
        if !on_postgres() {
            fs::copy(sqlite_template(), folder.join("manager.db")).expect("a copy of the template");
            return Self::Sqlite { folder };
        }
        let server = variable("TEST_DATABASE_URL").expect("TEST_DATABASE_URL names a PostgreSQL server");
        let template = postgres_template(&server);
        let name = unique();
        execute(&server, &format!("CREATE DATABASE {name} TEMPLATE {template}"));
        Self::Postgres { server, name, folder }
    }

    /// One that no server has seen.
    pub fn create_empty() -> Self {
        let folder = scratch().join(unique());
        fs::create_dir_all(&folder).expect("a folder for the test");
        if !on_postgres() {
            return Self::Sqlite { folder };
        }
        let server = variable("TEST_DATABASE_URL").expect("TEST_DATABASE_URL names a PostgreSQL server");
        let name = unique();
        execute(&server, &format!("CREATE DATABASE {name}"));
        Self::Postgres { server, name, folder }
    }

    pub fn url(&self) -> String {
        match self {
            Self::Sqlite { folder } => format!("sqlite://{}", folder.join("manager.db").display()),
            Self::Postgres { server, name, .. } => with_database(server, name),
        }
    }

    /// A folder of the test's own.
    pub fn folder(&self) -> &Path {
        match self {
            Self::Sqlite { folder } | Self::Postgres { folder, .. } => folder,
        }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.folder());
        if let Self::Postgres { server, name, .. } = self
            && let Ok(mut connection) = connect_postgres(server)
        {
            let _ = connection.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        }
    }
}

fn scratch() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/manager-tests")
}

fn unique() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("test_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Changes with every change of a migration.
fn fingerprint(engine: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations").join(engine);
    let mut files: Vec<PathBuf> = fs::read_dir(root)
        .expect("the migrations")
        .map(|entry| entry.expect("a migration").path().join("up.sql"))
        .collect();
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        file.hash(&mut hasher);
        fs::read(file).expect("a migration").hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
}

/// The migrated file that tests copy, made by whoever comes first.
fn sqlite_template() -> PathBuf {
    let folder = scratch();
    fs::create_dir_all(&folder).expect("a folder for templates");
    let file = folder.join(format!("template-{}.db", fingerprint("sqlite")));
    let lock = File::create(folder.join("template.lock")).expect("a lock file");
    lock.lock().expect("the lock");
    if !file.exists() {
        let draft = folder.join("template-draft.db");
        for leftover in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(format!("{}{leftover}", draft.display()));
        }
        let location = Location::Sqlite(draft.display().to_string());
        migrations::apply(&location).expect("the migrations apply");
        // One file without a log beside it, so that a copy is whole.
        let mut connection = location.connect().expect("the template opens");
        let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE;";
        manager_repository::each!(&mut connection, |c| c.batch_execute(checkpoint)).expect("a checkpoint");
        drop(connection);
        fs::rename(draft, &file).expect("the template");
    }
    file
}

/// The migrated database that tests copy, made by whoever comes first.
fn postgres_template(server: &str) -> String {
    let name = format!("template_{}", fingerprint("postgres"));
    let mut connection = connect_postgres(server).expect("the PostgreSQL server answers");
    connection.batch_execute("SELECT pg_advisory_lock(5127)").expect("the lock");
    if !exists(&mut connection, &name) {
        let draft = format!("{name}_draft");
        connection.batch_execute(&format!("DROP DATABASE IF EXISTS {draft}")).expect("no old draft");
        connection.batch_execute(&format!("CREATE DATABASE {draft}")).expect("a database");
        let location = Location::Postgres(with_database(server, &draft));
        migrations::apply(&location).expect("the migrations apply");
        connection.batch_execute(&format!("ALTER DATABASE {draft} RENAME TO {name}")).expect("the template");
    }
    name
}

fn exists(connection: &mut PgConnection, name: &str) -> bool {
    #[derive(QueryableByName)]
    struct Found {
        #[diesel(sql_type = diesel::sql_types::Bool)]
        found: bool,
    }
    let query = diesel::sql_query("SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1) AS found");
    let found: Found = query.bind::<diesel::sql_types::Text, _>(name).get_result(connection).expect("an answer");
    found.found
}

fn execute(server: &str, sql: &str) {
    let mut connection = connect_postgres(server).expect("the PostgreSQL server answers");
    // Copies of one template wait for each other; a few tries get through.
    for attempt in 0..50 {
        match connection.batch_execute(sql) {
            Ok(()) => return,
            Err(error) if attempt == 49 => panic!("{sql}: {error}"),
            Err(_) => std::thread::sleep(std::time::Duration::from_millis(100)),
        }
    }
}

/// The server's URL with another database in it.
fn with_database(server: &str, name: &str) -> String {
    let (base, query) = server.split_once('?').map_or((server, ""), |(base, query)| (base, query));
    let root = base.rsplit_once('/').map_or(base, |(root, _)| root);
    if query.is_empty() { format!("{root}/{name}") } else { format!("{root}/{name}?{query}") }
}

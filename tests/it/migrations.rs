//! What a reviewer might forget: migrations are paired, tables are classified.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use diesel::sql_types::Text;
use diesel::{QueryableByName, RunQueryDsl, sql_query};
use manager_repository::tables::{Kind, TABLES};
use manager_repository::{Location, each};
use manager_tests::databases::{TestDatabase, on_postgres};

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations")
}

fn names(engine: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(root().join(engine)).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn migrations_are_paired() {
    assert_eq!(names("sqlite"), names("postgres"));
    for engine in ["sqlite", "postgres"] {
        for name in names(engine) {
            for file in ["up.sql", "down.sql"] {
                assert!(root().join(engine).join(&name).join(file).exists(), "{engine}/{name}/{file}");
            }
        }
    }
}

/// A primary, unique or foreign key as the engine knows it.
#[derive(Debug, QueryableByName)]
struct Key {
    #[diesel(sql_type = Text)]
    of_table: String,
    #[diesel(sql_type = Text)]
    name: String,
    /// Empty where it begins with an expression.
    #[diesel(sql_type = Text)]
    first_column: String,
}

#[derive(Debug, QueryableByName)]
struct Table {
    #[diesel(sql_type = Text)]
    name: String,
}

/// What the migrations left: `(tables, keys)`.
fn schema(database: &TestDatabase) -> (BTreeSet<String>, Vec<Key>) {
    let (tables, keys) = if on_postgres() { (POSTGRES_TABLES, POSTGRES_KEYS) } else { (SQLITE_TABLES, SQLITE_KEYS) };
    let mut connection = Location::parse(&database.url()).unwrap().connect().unwrap();
    each!(&mut connection, |c| {
        let tables: Vec<Table> = sql_query(tables).load(c).unwrap();
        let own = tables.into_iter().map(|table| table.name).filter(|name| !name.starts_with("__diesel"));
        (own.collect(), sql_query(keys).load(c).unwrap())
    })
}

const SQLITE_TABLES: &str = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'";
/// A primary key that is the row's number has no index, so columns are asked too.
const SQLITE_KEYS: &str = "
    SELECT t.name AS of_table, k.name AS name,
        coalesce((SELECT c.name FROM pragma_index_info(k.name) c ORDER BY c.seqno LIMIT 1), '') AS first_column
    FROM sqlite_schema t, pragma_index_list(t.name) k WHERE t.type = 'table' AND k.\"unique\"
    UNION ALL
    SELECT t.name, 'primary key', c.name FROM sqlite_schema t, pragma_table_info(t.name) c
    WHERE t.type = 'table' AND c.pk = 1
    UNION ALL
    SELECT t.name, 'foreign key to ' || k.\"table\", k.\"from\" FROM sqlite_schema t, pragma_foreign_key_list(t.name) k
    WHERE t.type = 'table' AND k.seq = 0";

const POSTGRES_TABLES: &str = "SELECT tablename::text AS name FROM pg_tables WHERE schemaname = current_schema()";
const POSTGRES_KEYS: &str = "
    SELECT t.relname::text AS of_table, i.relname::text AS name, coalesce(a.attname::text, '') AS first_column
    FROM pg_index k JOIN pg_class i ON i.oid = k.indexrelid JOIN pg_class t ON t.oid = k.indrelid
    LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.indkey[0]
    WHERE t.relnamespace = current_schema()::regnamespace AND k.indisunique
    UNION ALL
    SELECT t.relname::text, k.conname::text, a.attname::text FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid
    JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.conkey[1]
    WHERE t.relnamespace = current_schema()::regnamespace AND k.contype = 'f'";

#[test]
fn every_table_is_of_one_kind_and_tenant_keys_begin_with_the_organization() {
    let (tables, keys) = schema(&TestDatabase::create());
    let known: BTreeSet<String> = TABLES.iter().map(|(table, _)| (*table).to_owned()).collect();
    assert_eq!(known, tables);
    for (table, _) in TABLES.iter().filter(|(_, kind)| *kind == Kind::Tenant) {
        // An organization's own id is the key that the others begin with.
        let first = if *table == "organizations" { "id" } else { "organization_id" };
        let of_table: Vec<&Key> = keys.iter().filter(|key| key.of_table == *table).collect();
        assert!(!of_table.is_empty(), "{table} has a key");
        for key in of_table {
            assert_eq!(key.first_column, first, "{} of {table}", key.name);
        }
    }
}

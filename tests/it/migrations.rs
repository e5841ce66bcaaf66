//! What a reviewer might forget: migrations are paired, tables are classified.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use manager_repository::tables::{Kind, TABLES};

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

#[test]
fn every_table_is_of_one_kind_and_tenant_keys_begin_with_the_organization() {
    let mut found = BTreeSet::new();
    for name in names("postgres") {
        let sql = fs::read_to_string(root().join("postgres").join(&name).join("up.sql")).unwrap();
        for part in sql.split("CREATE TABLE ").skip(1) {
            let table = part.split_whitespace().next().unwrap().to_owned();
            let body = part.split("\n);").next().unwrap();
            let kind =
                TABLES.iter().find(|(known, _)| *known == table).unwrap_or_else(|| panic!("{table} has no kind")).1;
            if kind == Kind::Tenant && table != "organizations" {
                assert!(body.contains("PRIMARY KEY (organization_id, "), "the key of {table}");
                for unique in body.split(" UNIQUE (").skip(1).chain(body.split("FOREIGN KEY (").skip(1)) {
                    assert!(unique.starts_with("organization_id"), "a key of {table}: {unique}");
                }
            }
            found.insert(table);
        }
    }
    let known: BTreeSet<String> = TABLES.iter().map(|(table, _)| (*table).to_owned()).collect();
    assert_eq!(known, found);
}

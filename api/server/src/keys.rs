//! Root key files.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Context;
use manager_services::Vault;

/// Writes a new root key, readable by its owner alone. Never writes over a key: what it encrypted would be lost.
pub fn generate_root_key(file: &Path) -> anyhow::Result<()> {
    let key = Vault::generate_base64()?;
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    let mut opened = opened.with_context(|| format!("cannot make {}", file.display()))?;
    writeln!(opened, "{}", key.as_str())?;
    opened.sync_all()?;
    Ok(())
}

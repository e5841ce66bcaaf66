//! The versions of what changes, as a client saw them (`If-Match`).

use manager_domain::Code;

use crate::errors::Result;

/// Who says which version they saw must have seen the one that is there.
///
/// # Errors
/// `precondition_failed`.
pub(crate) fn fresh(seen: Option<i64>, version: i64) -> Result<()> {
    if seen.is_some_and(|seen| seen != version) { Err(Code::PreconditionFailed.into()) } else { Ok(()) }
}

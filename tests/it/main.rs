//! Black-box tests over HTTP, one file a resource.
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod registrations;
mod sessions;

//! One file a resource.

pub mod profile;
pub mod registrations;
pub mod sessions;
pub mod settings;

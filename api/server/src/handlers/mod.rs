//! One file a resource.

pub mod settings;

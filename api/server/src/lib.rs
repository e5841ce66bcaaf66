//! The HTTP edge: handlers, extractors, problems, the OpenAPI document, and the program around them.

pub mod auth;
pub mod body;
pub mod cli;
pub mod config;
mod csv;
mod dev_mail;
mod docs;
pub mod etags;
#[cfg(test)]
mod handler_tests;
pub mod handlers;
pub mod health;
mod hosts;
pub mod idempotency;
pub mod json;
mod keys;
pub mod language;
pub mod logging;
pub mod metrics;
pub mod middleware;
mod not_found;
pub mod openapi;
mod pages;
pub mod paging;
pub mod patch;
pub mod path;
pub mod problems;
pub mod query;
pub mod routes;
pub mod serve;
#[cfg(test)]
mod serve_tests;
pub mod startup;
pub mod state;
pub mod then;

//! Who is calling: the ladder of extractors that handlers name in their signatures.
//!
//! [`Client`] is anybody, [`Caller`] a signed-in person, [`Member`] a member of the organization in the path with the
//! right its parameter names, [`ProductMember`] one who has it for the product in the path, [`Staff`] a support agent.

mod caller;
mod client;
pub mod cookies;
mod member;
pub mod permissions;
mod staff;

pub use caller::Caller;
pub use client::Client;
pub use member::{Member, ProductMember};
pub use staff::Staff;

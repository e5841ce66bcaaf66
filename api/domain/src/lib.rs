//! Values in, verdict out: the rules of the business, free of I/O, clocks and frameworks.
//!
//! Rule numbers such as `ACC-5` or `PRD-1` name the rules this code carries out.

pub mod ids;
pub mod money;
pub mod refusals;
pub mod time;

pub use ids::Id;
pub use money::{Currency, Money};
pub use refusals::{Code, Fault, FaultCode, Refusal};
pub use time::{Clock, Instant};

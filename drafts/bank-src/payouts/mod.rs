//! Money on its way out: payment files for the bank (PRE-4).

mod characters;
pub mod pain001;

//! The only crate that opens a connection to a database.
//!
//! It asks and it carries out; what to ask for and what to change is decided elsewhere. Start with [`connect::Database`] (where), then
//! [`session`] (how a session is pinned and verified) and [`error::Error`].

pub mod audit;
pub mod bench;
pub mod canonical;
pub mod capture;
pub mod connect;
pub mod doctor;
pub mod error;
pub mod executor;
pub mod hypopg;
pub mod lab_session;
pub mod ledger;
pub mod planning;
pub mod sampling;
pub mod session;
pub mod sizing;
mod text_value;

//! Disposable local PostgreSQL servers: find, start, stop, sweep.
//!
//! A [`Lab`] is a private server on this machine, in a temporary folder, that is gone without a trace when its owner is: dropped,
//! unwound by a panic, interrupted, or killed. Only one that is left on purpose ([`Lab::leave_running`]) lives on, until a
//! [`LeftLab`] is stopped. This crate knows processes and files only. It speaks no SQL, opens no connection to a
//! database, and knows nothing of advice. Unix only.
//!
//! What holds the promise, from the inside out:
//!
//! 1. [`Lab`]'s `Drop` stops the server and removes the folder;
//! 2. a guardian process (`guardian.rs`) does the same as soon as the owner's end of a pipe closes, however the owner ended;
//! 3. the next start, or [`sweep()`], removes what is left when the guardian was killed as well (`sweep.rs`).
//!
//! A lab can have a streaming standby ([`Lab::standby`]), which is a lab itself, and a PgBouncer before it ([`Pooler`]).
//!
//! Start reading at [`Lab::start`].

mod account;
mod address;
mod binaries;
mod cluster;
mod error;
mod guardian;
mod home;
mod lab;
mod left;
mod options;
mod pooler;
mod postmaster;
mod process;
mod serving;
mod standby;
mod sweep;
mod template;

pub use binaries::{Server, ServerVersion, find_servers};
pub use error::LabError;
pub use lab::{Lab, Shutdown};
pub use left::{LeftLab, left_labs};
pub use options::{Binaries, Durability, LabOptions, Listen};
pub use pooler::Pooler;
pub use sweep::sweep;

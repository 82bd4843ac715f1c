//! Blueprints: a schema, a catalog of declared indexes, a workload and a data generator that belong together, all of it data.
//!
//! Texts go in, values come out: this crate reads no file, opens no connection and asks no clock. It decides what a blueprint's files
//! mean, which bytes a row has, and which statement with which values comes next; loading and timing them is for others. It must
//! know nothing of any one blueprint: the built-in one is embedded text, read by the same code as a team's own.
//!
//! Start with [`blueprint::Blueprint`]; a declared catalog alone is read by [`catalog::parse`]. The format is described in
//! `docs/blueprints.md`.

pub mod blueprint;
pub mod builtin;
pub mod catalog;
pub mod draw;
mod error;
pub mod generate;
mod language;
mod random;
pub mod summary;
mod template;
mod time;
mod value;
pub mod workload;

pub use blueprint::Blueprint;
pub use error::Error;
pub use value::Parameter;

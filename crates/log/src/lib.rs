//! PostgreSQL server logs to executions: what ran, how long, with which parameters, with which plan.
//!
//! [`read()`] takes any reader and tells of one [`Execution`] after the other. It knows the formats of `log_destination` that are files
//! (stderr with any `log_line_prefix`, csvlog, jsonlog; gzip, zstd or plain), what `log_min_duration_statement`, `log_duration`,
//! `log_statement` and `auto_explain` write, and how their entries belong together. It opens no file, knows no SQL, and decides nothing
//! of what the executions mean: a statement may be of any kind, or no statement at all.
//!
//! ```
//! use pgtailor_log::{LogOptions, read};
//!
//! let log = "2026-11-27 10:00:00.123 UTC [42] LOG:  duration: 1.234 ms  execute s1: SELECT $1\n\
//!            2026-11-27 10:00:00.123 UTC [42] DETAIL:  parameters: $1 = 'it''s'\n";
//! let mut milliseconds = 0.0;
//! let report = read(log.as_bytes(), &LogOptions::default(), &mut |execution| {
//!     milliseconds += execution.duration.map_or(0.0, |duration| duration.0);
//! })?;
//! assert_eq!((report.executions, milliseconds), (1, 1.234));
//! # Ok::<(), pgtailor_log::LogError>(())
//! ```
//!
//! From the bytes up: `source.rs` decompresses, `window.rs` holds the part that is in memory, `stderr.rs`, `csv.rs` and `json.rs` find
//! entries in it, `message.rs` says what an entry says, and `interpret.rs` makes executions of them. `read.rs` drives. What is wrong
//! with single entries is counted, with the number of the line and never its text, and the rest goes on.

mod csv;
mod entry;
mod error;
mod escape;
mod execution;
mod format;
mod hash;
mod interpret;
mod json;
mod look;
mod message;
mod moment;
mod options;
mod parameters;
mod plan;
mod position;
mod prefix;
mod read;
mod report;
mod sessions;
mod source;
mod stderr;
mod tally;
mod window;

pub use error::LogError;
pub use execution::Execution;
pub use message::Part;
pub use options::{End, Format, LogOptions};
pub use parameters::{ParameterValue, Parameters};
pub use position::Position;
pub use read::{read, read_from};
pub use report::{LogReport, Skip, SkipReason};

/// Bytes of the log that one entry may take, all its lines together. A longer one is skipped and counted: it would be a statement of a
/// megabyte, which is data.
pub const LONGEST_ENTRY: usize = 1 << 20;

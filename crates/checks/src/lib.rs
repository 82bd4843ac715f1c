//! Findings about a snapshot: one file a check.
//!
//! Checks are pure functions of a snapshot and its workload. They decide what is a problem and how bad it is; they never ask a server,
//! and know nothing of planning, costs or how a change is carried out. A number that was not captured makes a check say what it
//! could not examine; it is never taken for 0.
//!
//! To add a check: one file in `check/`, one line in [`ALL`]. The doc comment's headings are the manual page, and a test looks for them.

mod candidate;
mod check;
mod evidence;
mod family;
mod indexes;
mod performance;
mod reading;
mod row_size;
mod run;
mod serving;
mod setting;
mod suspect;
mod threshold;
mod unexamined;
mod uses;

#[cfg(test)]
mod fixture;

pub use candidate::candidates;
pub use check::{ALL, Check, Subject};
pub use performance::table_performance;
pub use run::{Outcome, Unexamined, run};

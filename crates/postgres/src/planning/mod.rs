//! Planning statements that somebody else wrote: their parameters' types, values for them, and their costs.
//!
//! The texts come from `pg_stat_statements`, logs and files: anybody who may send a statement to the server chooses them, and whoever plans
//! a statement lends it his rights, because the planner computes what it can beforehand (`eval_const_expressions` in `clauses.c`). So:
//!
//! - A text reaches the server in two places only: `types` lets the server *read* it (Parse and Describe; only string constants are
//!   computed), and `explain` lets it *plan* it, never more. Both send exactly one statement, which was parsed here before, by the
//!   extended protocol. `pool` does both, on servers of ours, for statements that are planned often.
//! - Planning happens in a read-only transaction with limits of time and lock, which is rolled back. That is the second belt. The first is
//!   `trust`: a session that has power over others plans nothing that could call what others wrote. Giving up the power with
//!   `SET ROLE` would be none: the code that is called could say `RESET ROLE`.
//! - What the server says about such a text may quote data, so it stays here: `refusal` puts our own sentence in its place.
//!
//! Start with [`bind()`], then [`plan_costs`]. [`add_examples`] comes before both, where `pg_qualstats` is there.

mod bind;
mod examples;
mod explain;
mod nodes;
mod path;
mod pool;
mod refusal;
mod trust;
mod types;
mod values;
mod walks;

pub use bind::{BindOptions, BindReport, bind};
pub use examples::{Examples, add_examples};
pub use explain::{PlanOptions, Question, Server, plan_costs, plans, plans_under};
pub use nodes::{Outline, nodes};
pub use pool::Pool;
pub use refusal::Refusal;
pub use trust::ForeignCode;
pub(crate) use trust::Trust;
pub use types::Prepared;
pub use walks::Walk;

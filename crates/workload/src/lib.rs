//! What stands for a workload's executions: values for the parameters of its statements.
//!
//! A recorded statement has `$n` where its constants were, and its plan depends on them. [`draw()`] answers with a handful of weighted
//! bindings that represent the executions as well as the statistics of the compared columns allow. It decides which values, how many and
//! with which weight; it must not know what a plan costs, and asks nobody anything.
//!
//! [`anonymize`] gives statistics pseudonyms instead of values, and the values of statements with them.
//!
//! Which executions there were between two captures is [`window`]'s to say.

pub mod draw;
pub mod pseudonym;
pub mod window;

pub use draw::draw;
pub use pseudonym::anonymize;

//! Turns chosen changes into a [`Rollout`](pgtailor_model::rollout::Rollout): ordered, guarded, reversible steps.
//!
//! The safety rules in one place, as pure functions of the snapshot: which classes are allowed, which guards a change must pass, in what
//! order the steps run, what lock, limits and inverse each carries. It must not know how a statement is sent, nor why a change was
//! chosen. What can only be known at the moment of sending (locks, names taken since) is the executor's gate.
//! Start with [`plan()`]; a guard is one file in `guard/` and one line in [`guard::ALL`].

mod evidence;
mod file;
pub mod guard;
mod partitioned;
mod plan;
mod step;
mod undo;

pub use file::{FileError, file_of, requests_of};
pub use pgtailor_model::disuse::{Counters, DropEvidence};
pub use guard::settable_parameters;
pub use plan::{Request, Rules, plan};
pub use step::step;
pub use undo::{UndoError, UndoStep, Which, undo_leaves, undo_steps};

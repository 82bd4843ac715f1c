//! The nouns of pgtailor: snapshots, definitions, changes, rollouts, ledger entries, and units.
//!
//! Everyone's vocabulary. This crate depends on nothing of ours, does no I/O, reads no clock and takes no decision: nouns live
//! here, verbs elsewhere. Start with [`snapshot::Snapshot`] (what is known about a database), then [`index::IndexDefinition`] (what two
//! indexes must agree on to be the same) and [`rollout::Rollout`] (what will be done).

pub mod acceptance;
pub mod activity;
pub mod advice;
pub mod audit;
pub mod binding;
pub mod catalog;
pub mod change;
pub mod construct;
pub mod declared;
pub mod diagnosis;
pub mod disuse;
pub mod finding;
pub mod index;
pub mod ledger;
pub mod measurement;
pub mod moment;
pub mod name;
pub mod outcome;
pub mod performance;
pub mod plan_check;
pub mod planner;
pub mod quantity;
pub mod random;
pub mod rollout;
pub mod setting;
pub mod shape;
pub mod snapshot;
pub mod spread;
pub mod twin;
pub mod unit;
pub mod what_if;
pub mod workload;

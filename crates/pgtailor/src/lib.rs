//! pgtailor fits a PostgreSQL database to its workload.
//!
//! The use cases, and the library's face: every front end calls the functions here. Start with [`optimize()`] (the whole loop), or with
//! [`Optimizer`] (the same, step by step), or with [`startup::spawn`] (in an application, after it is ready, never in its way).
//!
//! ```no_run
//! # async fn example() -> Result<(), pgtailor::Error> {
//! use pgtailor::{CatalogSource, Database, Options};
//!
//! let database = Database::from_url("postgres://app@localhost/shop")?;
//! let options = Options { catalogs: vec![CatalogSource::File("indexes.toml".into())], ..Options::default() };
//! let report = pgtailor::optimize(&database, &options).await?;
//! println!("{} of {} changes applied", report.applied(), report.outcomes.len());
//! # Ok(())
//! # }
//! ```
//!
//! This crate decides nothing itself: it fetches a snapshot (`pgtailor-postgres`), asks the pure crates, and hands steps to the
//! executor. It must not know about terminals or argument parsers.

mod acceptance;
mod advise;
mod analysis;
mod catalog;
pub mod demo;
mod doctor;
mod drops;
mod error;
mod optimize;
mod optimizer;
mod plan_check;
mod proposal;
mod rollout_file;
pub mod startup;
mod twin;
mod undo;
mod workload;

pub use acceptance::{ACCEPTED, accept, ended, read_acceptances};
pub use advise::{AdviseOptions, MAX_COLUMNS, MINIMAL_GAIN, advise, advise_snapshot};
pub use analysis::{Analysis, analyze, capture, examine, examine_beside, fresh_sizes};
pub use catalog::{CatalogSource, load_catalog};
pub use doctor::{Role, examine_setup, least_privilege_script};
pub use drops::drop_evidence;
pub use error::Error;
pub use optimize::{Advising, Applied, Mode, OptimizeReport, Options, apply, foresee, optimize, settle};
pub use optimizer::{CatalogMut, DeclareError, Optimizer};
pub use plan_check::{MOST_GROWTH, MOST_SCANNED_ROWS, PlanCheckOptions, check_plans};
pub use proposal::{propose, withheld};
pub use rollout_file::{plan_again, read_rollout, write_rollout};
pub use twin::{
    Deviation, OtherMajor, RaiseOptions, Raised, SelfTest, StartTwin, StartedTwin, Twin, TwinCapture, TwinError, WantedTables,
    capture_for_twin, running_twins, start_twin, stop_all_twins, stop_twin,
};
pub use undo::{Undone, history, remove_ledger, undo, undo_leaves, undo_preview};
pub use workload::{Bound, Costs, ForeignCode, LogFormat, ObservedWorkload, WorkloadOptions, observe, observe_snapshot};

pub use pgtailor_blueprint as blueprint;
pub use pgtailor_checks as checks;
pub use pgtailor_lab as lab;
pub use pgtailor_model as model;
pub use pgtailor_postgres::audit::statements as audited_statements;
pub use pgtailor_postgres::capture::{read_snapshot, write_snapshot};
pub use pgtailor_postgres::connect::{ConnectionInput, Database};
pub use pgtailor_postgres::executor::{Event, Events, guard_names};
pub use pgtailor_postgres::ledger::LedgerPlace;
pub use pgtailor_report as report;
pub use pgtailor_rollout::{DropEvidence, Request, Rules, Which, plan, settable_parameters};
pub use tokio_util::sync::CancellationToken;

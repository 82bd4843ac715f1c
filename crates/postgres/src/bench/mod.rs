//! Fills a lab with a blueprint's data and drives its workload, timing every statement.
//!
//! For disposable servers only: it creates tables, loads, writes and terminates its own sessions. What rows and statements look like is the
//! blueprint's; what the numbers mean is for reports. Start with [`load()`], then [`drive()`] with the same [`Filling`].

mod admin;
mod costs;
mod drive;
mod explain;
mod load;
mod record;

use jiff::Timestamp;
use pgtailor_blueprint::Parameter;
use pgtailor_model::binding::Literal;
use pgtailor_model::name::printable;

pub use admin::{create_database, record_statements};
pub use costs::mean_costs;
pub use drive::{DriveOptions, DriveProgress, drive};
pub use explain::{ExpensiveNode, explain};
pub use load::{LoadProgress, LoadReport, TableLoad, load};
pub use record::{CategoryReport, DriveReport, StatementReport};

/// Which rows a database holds: what was loaded, and what statements draw from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Filling {
    /// How many times the rows that the blueprint states.
    pub scale: f64,
    /// The seed of the rows.
    pub seed: u64,
    /// The instant that the blueprint's times are relative to: usually the time of loading.
    pub now: Timestamp,
}

/// What can go wrong on the bench.
///
/// The data is made up, so that, unlike elsewhere, the server's words about it are kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BenchError {
    /// The blueprint cannot be used.
    #[error(transparent)]
    Blueprint(#[from] pgtailor_blueprint::Error),
    /// No session, or none any more.
    #[error(transparent)]
    Database(#[from] crate::error::Error),
    /// The server refused something of the blueprint.
    #[error("cannot {operation}: {message} (SQLSTATE {sqlstate})")]
    Refused {
        /// What was attempted; reads well after "cannot".
        operation: String,
        /// The server's message, and its detail or place where it gave one.
        message: String,
        /// The server's code.
        sqlstate: String,
    },
}

/// Drawn parameters as values that are sent in text format.
fn hidden(parameters: &[Parameter]) -> Vec<Option<Literal>> {
    parameters.iter().map(|parameter| parameter.text().map(Literal::new)).collect()
}

impl BenchError {
    fn met(operation: impl Into<String>, error: tokio_postgres::Error) -> Self {
        let operation = operation.into();
        match error.as_db_error() {
            Some(said) => {
                let parts = [Some(said.message()), said.detail(), said.where_()];
                let message = printable(&parts.into_iter().flatten().collect::<Vec<_>>().join("; "));
                Self::Refused { operation, message, sqlstate: said.code().code().to_owned() }
            }
            None => Self::Database(crate::error::Error::query(operation, error)),
        }
    }
}

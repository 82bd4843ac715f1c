//! Why a statement stays slow: what the server's own plan says about its most expensive part.

use pgtailor_model::measurement::{Measurement, StatementMeasurement, StaysSlow};
use pgtailor_model::unit::three_digits;
use pgtailor_postgres::bench::{self, Filling};
use pgtailor_postgres::connect::Database;

use super::DemoOptions;
use crate::error::Error;

/// A statement whose median is above this, in milliseconds, is called slow: a person notices a page that needs twenty of them.
const SLOW: f64 = 5.0;

/// The statements that are still slow after the change, slowest first, each with what the planner does for it.
pub(super) async fn stays_slow(
    database: &Database,
    options: &DemoOptions,
    filling: Filling,
    measurement: &Measurement,
) -> Result<Vec<StaysSlow>, Error> {
    let is_slow = |(_, statement): &(usize, &StatementMeasurement)| statement.after.median.0 > SLOW;
    let mut slow: Vec<_> = measurement.statements.iter().enumerate().filter(is_slow).collect();
    slow.sort_by(|(_, one), (_, other)| other.after.median.0.total_cmp(&one.after.median.0));
    let positions: Vec<usize> = slow.iter().map(|(position, _)| *position).collect();
    let plans = bench::explain(database, &options.blueprint, filling, &positions, options.seed).await?;
    Ok(slow
        .iter()
        .zip(plans)
        .map(|((_, statement), node)| {
            let on = node.relation.as_ref().map(|relation| format!(" on {relation}")).unwrap_or_default();
            let share = format!("{} of {}", three_digits(node.cost), three_digits(node.total));
            let reason =
                format!("most of its plan is a {}{on}, planner cost {share} (what-if: planned, with one drawn value)", node.kind);
            StaysSlow { statement: statement.name.clone(), reason }
        })
        .collect())
}

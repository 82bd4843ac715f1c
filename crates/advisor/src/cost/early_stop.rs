//! What a plan counts that means to stop early.
//!
//! Under a `LIMIT` the planner charges a walk only up to the share of its rows that is wanted (`adjust_limit_rows_costs` in `pathnode.c`), as if
//! they were spread evenly. Where what is asked for follows the order of the walk, the newest rows having none of it, the walk goes on in vain, and
//! an index that leads to the rows is worth thousands of times what the planner sees. No statistics tell which it is, so the plan counts what
//! it costs on average over what may be: the least expected cost of Chu, Halpern and Seshadri (PODS 1999), in place of the cost of the
//! expected case. Start reading at [`price`].

use pgtailor_model::what_if::{EarlyStop, Planned};

/// The planner cost of `planned`, with what its early stops are expected to cost beyond that.
pub fn price(planned: &Planned) -> f64 {
    planned.cost + planned.early_stops.iter().map(beyond).sum::<f64>()
}

/// Planner cost of `stop` beyond what the planner expects.
///
/// Rows that are wanted lie in `K` clumps, spread evenly over the walk; a walk begins in a gap between them with the probability that a row is
/// not wanted, and a gap is as long as the rows that are not, divided among them. Thus of the walk's rest the part
/// `(1 - found / walked)^2 / (K + 1)` is walked in vain. The planner takes `K` for the number of rows. How clumped they are is not known, not even
/// its order of magnitude, so every order of magnitude from one clump to clumps of one row is as likely as any other:
/// the mean of `1 / (K + 1)` is `ln(2 n / (n + 1)) / ln n` for `n` rows, a tenth for a thousand rows, a twentieth for a million.
fn beyond(stop: &EarlyStop) -> f64 {
    let rest = (stop.whole - stop.expected).max(0.0);
    let unwanted = (1.0 - stop.found / stop.walked.max(1.0)).max(0.0);
    let rows = stop.found.max(1.0);
    // One row is one clump.
    let clumped = if rows > 1.0 { (2.0 * rows / (rows + 1.0)).ln() / rows.ln() } else { 0.5 };
    stop.times * rest * unwanted * unwanted * clumped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stop(found: f64, walked: f64) -> EarlyStop {
        EarlyStop { expected: 10.0, whole: 100_010.0, found, walked, times: 1.0 }
    }

    fn priced(stop: EarlyStop) -> f64 {
        price(&Planned { cost: 20.0, early_stops: vec![stop], ..Planned::default() }) - 20.0
    }

    #[test]
    fn a_plan_that_reads_to_the_end_counts_its_cost() {
        let none = Planned { cost: 20.0, ..Planned::default() };
        assert!((price(&none) - 20.0).abs() < 1e-9);
        assert!(priced(EarlyStop { expected: 500.0, whole: 500.0, found: 1.0, walked: 1e6, times: 1.0 }).abs() < 1e-9);
    }

    #[test]
    fn the_rarer_the_rows_are_the_more_of_the_walk_counts() {
        let parts: Vec<f64> = [1.0, 10.0, 1e3, 1e5, 5e5, 9e5, 1e6].map(|found| priced(stop(found, 1e6)) / 100_000.0).to_vec();
        assert!(parts.is_sorted_by(|rarer, commoner| rarer > commoner), "{parts:?}");
        assert!((parts[0] - 0.5).abs() < 1e-3 && (parts[2] - 0.1).abs() < 0.01, "{parts:?}");
        // A filter that lets nearly all rows through stops where the planner says.
        assert!(parts[5] < 1e-3 && parts[6] == 0.0, "{parts:?}");
    }

    #[test]
    fn what_is_executed_again_and_again_counts_as_often() {
        let once = priced(stop(100.0, 1e6));
        assert!((priced(EarlyStop { times: 7.0, ..stop(100.0, 1e6) }) - 7.0 * once).abs() < 1e-6);
    }

    #[test]
    fn the_price_is_the_mean_over_all_orders_of_magnitude_of_clumps() {
        // The mean of 1 / (K + 1) over K, whose logarithm is evenly spread from 0 to that of the rows.
        let (rows, steps) = (5_000.0_f64, 100_000_u32);
        let mean: f64 = (0..steps).map(|step| 1.0 / (1.0 + rows.powf((f64::from(step) + 0.5) / f64::from(steps)))).sum::<f64>();
        let part = priced(stop(rows, f64::INFINITY)) / 100_000.0;
        assert!((part - mean / f64::from(steps)).abs() < 1e-6, "{part}");
    }
}

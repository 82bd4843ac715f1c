//! What the self-test says, with the likely cause of each deviation.

use pgtailor_model::planner::{Inexact, PlannerInputs, SourcePlan, StatisticsLevel};
use pgtailor_model::twin::{Fidelity, PlanDeviation};
use pgtailor_twin::{Deviation, SelfTest, Twin};

use crate::error::Error;

/// Plans `plans` of the source again in `twin`.
pub(crate) async fn fidelity(
    twin: &Twin,
    plans: &[SourcePlan],
    inexact: &[Inexact],
    source_major: u32,
) -> Result<Fidelity, Error> {
    let test = twin.compare(plans).await?;
    Ok(judged(&test, twin.inputs(), inexact, source_major, twin.server_version() / 10_000))
}

fn judged(test: &SelfTest, inputs: &PlannerInputs, inexact: &[Inexact], source_major: u32, twin_major: u32) -> Fidelity {
    let (level, is_other) = (inputs.level, source_major != twin_major);
    let deviations = test.deviations.iter().map(|deviation| PlanDeviation {
        text: deviation.text.clone(),
        what: deviation.what.clone(),
        source_cost: deviation.source_cost,
        twin_cost: deviation.twin_cost,
        cause: cause(deviation, inputs, inexact, is_other),
    });
    let (asked, identical) = (test.asked, test.identical);
    Fidelity { asked, identical, deviations: deviations.collect(), level, source_major, twin_major }
}

/// Guesses from the certain to the vague: what is known to be missing of the table, then what is missing altogether, then time.
fn cause(deviation: &Deviation, inputs: &PlannerInputs, inexact: &[Inexact], is_other_major: bool) -> String {
    if deviation.twin_cost.is_none() {
        return "an object that it needs is not in the twin".to_owned();
    }
    let about_table = inexact.iter().find(|inexact| {
        let name = inputs.relations.iter().find(|relation| Some(relation.oid) == inexact.table).map(|table| &table.name.name);
        name.is_some_and(|name| deviation.text.contains(name.as_str()))
    });
    if let Some(inexact) = about_table {
        return format!("{}: {}", inexact.object, inexact.reason);
    }
    if is_other_major {
        return "the twin's server is of another major version".to_owned();
    }
    match inputs.level {
        StatisticsLevel::None => return "the snapshot holds no statistics with values".to_owned(),
        StatisticsLevel::Anonymized => return "the snapshot holds pseudonyms in place of values".to_owned(),
        StatisticsLevel::Exact => {}
    }
    let lower = deviation.text.to_lowercase();
    if ["now()", "current_", "clock_timestamp", "localtime"].iter().any(|word| lower.contains(word)) {
        return "it asks for the present time, which has gone on since the capture".to_owned();
    }
    "the source changed while it was captured, or the snapshot misses something".to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use pgtailor_model::planner::Locale;
    use pgtailor_twin::Shape;

    use super::*;

    fn deviation(text: &str, twin_cost: Option<f64>) -> Deviation {
        let (fingerprint, what) = (String::new(), String::new());
        Deviation { fingerprint, text: text.to_owned(), what, shape: Shape::Other, source_cost: 1.0, twin_cost }
    }

    #[test]
    fn the_most_certain_cause_is_said() {
        let inputs = PlannerInputs {
            level: StatisticsLevel::Exact,
            locale: Locale::default(),
            settings: BTreeMap::new(),
            search_path: Vec::new(),
            schema: Vec::new(),
            relations: Vec::new(),
            statistics: Vec::new(),
            extended: Vec::new(),
            extremes: Vec::new(),
            types: BTreeMap::new(),
            labels: BTreeMap::new(),
            plans: Vec::new(),
            inexact: Vec::new(),
        };
        let of = |text: &str, cost, other| cause(&deviation(text, cost), &inputs, &[], other);
        assert!(of("SELECT 1", None, true).contains("not in the twin"));
        assert!(of("SELECT 1", Some(2.0), true).contains("major version"));
        assert!(of("SELECT now()", Some(2.0), false).contains("present time"));
        let none = PlannerInputs { level: StatisticsLevel::None, ..inputs.clone() };
        assert!(cause(&deviation("SELECT now()", Some(2.0)), &none, &[], false).contains("no statistics"));
    }
}

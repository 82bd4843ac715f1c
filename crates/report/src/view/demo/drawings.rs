//! The drawings of the demo: medians as pairs of bars, and how the executions are distributed.

use pgtailor_model::measurement::CategoryMeasurement;

use super::gain;
use crate::document::{Chart, Curves, Pair, Pairs};
use crate::number::reduction_words;

pub(super) fn pairs(categories: &[CategoryMeasurement]) -> Option<Chart> {
    let pairs: Vec<Pair> = categories
        .iter()
        .filter_map(|category| {
            let gain = gain(&category.before, &category.after)?;
            Some(Pair {
                label: category.name.clone(),
                first: category.before.median.0,
                second: category.after.median.0,
                difference: reduction_words(gain),
            })
        })
        .collect();
    (!pairs.is_empty()).then(|| {
        Chart::Pairs(Pairs {
            title: "Median latency by category".to_owned(),
            axis: "median latency in milliseconds, measured, logarithmic".to_owned(),
            legend: ("before".to_owned(), "after".to_owned()),
            pairs,
        })
    })
}

pub(super) fn curves(categories: &[CategoryMeasurement]) -> Vec<Chart> {
    let shown: Vec<&CategoryMeasurement> =
        categories.iter().filter(|category| category.before.quantiles.len() > 1 && category.after.quantiles.len() > 1).collect();
    let all = || shown.iter().flat_map(|category| category.before.quantiles.iter().chain(&category.after.quantiles).copied());
    let range = (all().fold(f64::INFINITY, f64::min), all().fold(0.0, f64::max));
    shown
        .iter()
        .map(|category| {
            Chart::Curves(Curves {
                title: category.name.clone(),
                axis: "latency in milliseconds, measured, logarithmic".to_owned(),
                legend: ("before".to_owned(), "after".to_owned()),
                first: category.before.quantiles.clone(),
                second: category.after.quantiles.clone(),
                range,
            })
        })
        .collect()
}

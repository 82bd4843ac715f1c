//! In which order a set is best made: what adds most comes first.

use std::collections::BTreeSet;

use super::Problem;
use super::options::{Bundle, Options};
use crate::cost::{Costs, Element, Set};

/// `members`, each after those that add more beside what comes before them, as far as the plans that were seen tell. `from` is there already.
///
/// Members that only gain together come one behind the other, the first of them with no gain of its own.
pub fn order<C: Costs>(costs: &C, problem: &Problem, from: &Set, members: &Set) -> Vec<Element> {
    let options = Options::of(costs, problem);
    let mut state = options.state(problem, from.clone());
    let mut left = members.clone();
    let mut order = Vec::new();
    let possible = members.union(from);
    let within = |bundle: &&Bundle| bundle.elements.is_subset_of(&possible);
    let bundles: Vec<&Bundle> = options.bundles.iter().filter(within).collect();
    // A gain changes only with what shares a question; `None` is not known.
    let mut gains: Vec<Option<f64>> = vec![None; bundles.len()];
    while !left.is_empty() {
        let mut best: Option<(f64, usize)> = None;
        for (number, bundle) in bundles.iter().enumerate() {
            let gain = *gains[number].get_or_insert_with(|| {
                let new = bundle.elements.difference(&state.chosen).iter().count();
                // Each member of a bundle gets its share, so that a small one with the same gain comes first.
                if new == 0 {
                    f64::NEG_INFINITY
                } else {
                    options.gain(&state, bundle) / f64::from(u32::try_from(new).unwrap_or(u32::MAX))
                }
            });
            if gain > best.map_or(f64::NEG_INFINITY, |(most, _)| most) {
                best = Some((gain, number));
            }
        }
        let next = best.map_or_else(|| left.clone(), |(_, number)| bundles[number].elements.difference(&state.chosen));
        for element in next.iter() {
            left.remove(element);
            order.push(element);
        }
        let added = options.bundle(next);
        options.add(problem, &mut state, &added);
        let touched: BTreeSet<usize> = added.questions().collect();
        for (gain, bundle) in gains.iter_mut().zip(&bundles) {
            if bundle.questions().any(|question| touched.contains(&question)) {
                *gain = None;
            }
        }
    }
    order
}

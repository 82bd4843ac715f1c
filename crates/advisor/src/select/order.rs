//! In which order a set is best made: what adds most comes first.

use super::Problem;
use super::options::Options;
use crate::cost::{Costs, Element, Set};

/// `members`, each after those that add more beside what comes before them, as far as the plans that were seen tell. `from` is there already.
///
/// Members that only gain together come one behind the other, the first of them with no gain of its own.
pub fn order<C: Costs>(costs: &C, problem: &Problem, from: &Set, members: &Set) -> Vec<Element> {
    let options = Options::of(costs, problem);
    let mut state = options.state(problem, from.clone());
    let mut left = members.clone();
    let mut order = Vec::new();
    while !left.is_empty() {
        let mut best: Option<(f64, Set)> = None;
        for bundle in &options.bundles {
            let new = bundle.elements.difference(&state.chosen);
            if new.is_empty() || !new.is_subset_of(&left) {
                continue;
            }
            // Each member of a bundle gets its share, so that a small one with the same gain comes first.
            let gain = options.gain(&state, bundle) / f64::from(u32::try_from(new.len()).unwrap_or(u32::MAX));
            if best.as_ref().is_none_or(|(most, _)| gain > *most) {
                best = Some((gain, new));
            }
        }
        let next = best.map_or_else(|| left.clone(), |(_, new)| new);
        for element in next.iter() {
            left.remove(element);
            order.push(element);
        }
        options.add(problem, &mut state, &options.bundle(next));
    }
    order
}

//! Members of a set that pay beside the others.

use std::collections::{BTreeMap, BTreeSet};

use super::{Problem, losses};
use crate::cost::{Costs, Element, Set};

/// Takes candidates away that gain no more than they must beside the others, the weakest first. What each that is left gains.
///
/// A member is looked at again only when one went that shares a question with it: a workload has thousands of questions and hundreds of
/// members, and each member concerns few. Members that share none go together, since going one by one would come to the same, with a batch of
/// plannings for each.
///
/// # Errors
/// When the planner cannot be asked.
pub fn paying<C: Costs>(costs: &mut C, problem: &Problem, chosen: &mut Set) -> Result<Vec<(Element, f64)>, C::Error> {
    let concerned = concerned(costs, chosen);
    let mut open: Set = chosen.clone();
    let mut gains: BTreeMap<Element, f64> = BTreeMap::new();
    loop {
        gains.extend(losses(costs, problem, chosen, &open)?);
        // How much it gains beyond what it must.
        let beyond = |(member, loss): (&Element, &f64)| (*member, loss - problem.terms(*member).map_or(0.0, |terms| terms.least));
        let mut weak: Vec<(Element, f64)> = gains.iter().map(beyond).filter(|(_, beyond)| *beyond <= 0.0).collect();
        if weak.is_empty() {
            return Ok(gains.into_iter().collect());
        }
        weak.sort_by(|one, other| one.1.total_cmp(&other.1).then(one.0.cmp(&other.0)));
        let mut touched: BTreeSet<usize> = BTreeSet::new();
        for (member, _) in weak {
            let questions = concerned.get(&member).map_or(&[][..], Vec::as_slice);
            if questions.iter().any(|question| touched.contains(question)) {
                continue;
            }
            touched.extend(questions);
            chosen.remove(member);
            gains.remove(&member);
        }
        let shared = touched.iter().flat_map(|question| costs.relevant(*question).iter());
        open = shared.filter(|element| gains.contains_key(element)).collect();
    }
}

/// By member: the questions that count and that it can change.
fn concerned<C: Costs>(costs: &C, members: &Set) -> BTreeMap<Element, Vec<usize>> {
    let mut concerned: BTreeMap<Element, Vec<usize>> = BTreeMap::new();
    for question in (0..costs.questions()).filter(|question| costs.weight(*question) > 0.0) {
        for member in costs.relevant(question).intersection(members).iter() {
            concerned.entry(member).or_default().push(question);
        }
    }
    concerned
}

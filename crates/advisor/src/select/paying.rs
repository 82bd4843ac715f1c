//! Members of a set that pay beside the others.

use std::collections::BTreeMap;

use super::{Problem, losses};
use crate::cost::{Costs, Element, Set};

/// Takes candidates away that gain no more than they must beside the others, the weakest first. What each that is left gains.
///
/// A member is looked at again only when one went that shares a question with it: a workload has thousands of questions and hundreds of
/// members, and each member concerns few.
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
        let weakest = gains.iter().map(beyond).filter(|(_, beyond)| *beyond <= 0.0);
        let Some((weakest, _)) = weakest.min_by(|one, other| one.1.total_cmp(&other.1)) else {
            return Ok(gains.into_iter().collect());
        };
        chosen.remove(weakest);
        gains.remove(&weakest);
        let questions = concerned.get(&weakest).into_iter().flatten();
        let shared = questions.flat_map(|question| costs.relevant(*question).iter());
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

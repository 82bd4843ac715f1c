//! The best set for the options that are known: greedy by gain and by gain for its size, then local search by taking some members away and
//! filling up again. Costs no planning.
//!
//! Random choices come from a fixed seed, so the same options give the same set.

use pgtailor_model::random::Random;

use super::Problem;
use super::options::{Bundle, Options, State};
use crate::cost::Set;

/// How much an element's size counts when gains are compared: not at all, by its root, in full.
const EXPONENTS: [f64; 4] = [1.0, 0.5, 0.25, 0.0];

/// Rounds of taking away and filling up that bring nothing before it is over.
const IDLE_ROUNDS: usize = 60;

/// Most rounds times options: what bounds the time for a large workload, where every round takes longer.
const MOST_WORK: usize = 1_500_000;

/// The best set that is found, at least as good as `start` as far as it is allowed.
pub(super) fn search(options: &Options, problem: &Problem, start: &Set, keep_going: &mut dyn FnMut() -> bool) -> Set {
    let existing = options.state(problem, problem.existing());
    let mut best = options.state(problem, start.clone());
    if !problem.allows(start) {
        best = existing.clone();
    }
    for exponent in EXPONENTS {
        for from in [best.clone(), existing.clone()] {
            if !keep_going() {
                return best.chosen;
            }
            let found = polished(options, problem, from, exponent);
            keep_better(&mut best, found);
        }
    }
    let mut random = Random::new(0x5E1E_C700);
    let (mut idle, mut next) = (0, 0);
    let rounds = MOST_WORK / (options.bundles.len() * 10 + 1);
    // Every bundle is forced in once beside the best, whatever it takes; in between, members are taken away at random.
    for round in 0..rounds {
        if idle >= IDLE_ROUNDS + 2 * options.bundles.len() || options.bundles.is_empty() || !keep_going() {
            break;
        }
        let mut state = best.clone();
        if round % 2 == 0 {
            force(options, problem, &mut state, &options.bundles[next]);
            next = (next + 1) % options.bundles.len();
        } else {
            ruin(options, problem, &mut state, &mut random);
        }
        let exponent = EXPONENTS[usize::try_from(random.below(4)).unwrap_or_default()];
        let found = polished(options, problem, state, exponent);
        idle = if keep_better(&mut best, found) { 0 } else { idle + 1 };
    }
    best.chosen
}

/// A set for the options that are known, found without looking for a better one: greedy by the gain for the size, and without limits by the
/// gain alone.
pub(super) fn filled(options: &Options, problem: &Problem) -> Set {
    let existing = options.state(problem, problem.existing());
    let exponent = if problem.program.limits.bytes.is_some() { 1.0 } else { 0.0 };
    polished(options, problem, existing, exponent).chosen
}

fn keep_better(best: &mut State, found: State) -> bool {
    let is_better = found.cost < best.cost * (1.0 - 1e-12);
    if is_better {
        *best = found;
    }
    is_better
}

/// Filled up, without what does not pay, as often as that changes anything.
fn polished(options: &Options, problem: &Problem, mut state: State, exponent: f64) -> State {
    for _ in 0..4 {
        let before = state.cost;
        fill(options, problem, &mut state, exponent);
        prune(options, problem, &mut state);
        if state.cost >= before * (1.0 - 1e-12) {
            break;
        }
    }
    state
}

/// Adds the bundle that gains most for its size, as long as one gains.
fn fill(options: &Options, problem: &Problem, state: &mut State, exponent: f64) {
    // A score changes only with a bundle that shares a question; `None` is not known, 0 is out of the question.
    let mut scores: Vec<Option<f64>> = vec![None; options.bundles.len()];
    loop {
        let mut best: Option<(f64, usize)> = None;
        for (number, bundle) in options.bundles.iter().enumerate() {
            let score = *scores[number].get_or_insert_with(|| score(options, problem, state, bundle, exponent));
            if score <= best.map_or(0.0, |(most, _)| most) {
                continue;
            }
            if problem.allows(&state.chosen.union(&bundle.elements)) {
                best = Some((score, number));
            } else {
                scores[number] = Some(0.0);
            }
        }
        let Some((_, number)) = best else { return };
        options.add(problem, state, &options.bundles[number]);
        for question in options.bundles[number].questions() {
            for other in &options.by_question[question] {
                scores[*other] = None;
            }
        }
    }
}

/// What the bundle gains for its size to the power of `exponent`; 0 when it does not pay.
fn score(options: &Options, problem: &Problem, state: &State, bundle: &Bundle, exponent: f64) -> f64 {
    let gain = options.gain(state, bundle);
    if gain <= 0.0 {
        return 0.0;
    }
    let new = bundle.elements.difference(&state.chosen);
    let net = gain - problem.price_of(&new);
    // No index is smaller than a page.
    if net <= 0.0 { 0.0 } else { net / problem.size(&new).max(8192.0).powf(exponent) }
}

/// Takes away what counts more than its plans gain, the worst first.
pub(super) fn prune(options: &Options, problem: &Problem, state: &mut State) {
    loop {
        let net = |element| options.loss(state, element) - problem.price(element);
        let worst = state.chosen.iter().map(|element| (net(element), element));
        // Nothing is dropped for nothing.
        let worst = worst.filter(|(net, element)| *net < 0.0 || (*net <= 0.0 && !problem.exists(*element)));
        let Some((_, element)) = worst.min_by(|one, other| one.0.total_cmp(&other.0)) else { return };
        options.remove(problem, state, element);
    }
}

/// Puts the bundle in, and takes others away, the least missed first, until the limits are kept; nothing when that cannot be.
fn force(options: &Options, problem: &Problem, state: &mut State, bundle: &Bundle) {
    if !problem.allows(&problem.existing().union(&bundle.elements)) {
        return;
    }
    options.add(problem, state, bundle);
    while !problem.allows(&state.chosen) {
        let others = state.chosen.difference(&bundle.elements);
        let missed = |element: &u32| options.loss(state, *element) - problem.price(*element);
        let candidates = others.iter().filter(|element| !problem.exists(*element));
        let Some(least) = candidates.min_by(|one, other| missed(one).total_cmp(&missed(other))) else { return };
        options.remove(problem, state, least);
    }
}

/// Takes some members away: a few at random, or all of a table.
fn ruin(options: &Options, problem: &Problem, state: &mut State, random: &mut Random) {
    let members: Vec<u32> = state.chosen.iter().filter(|element| !problem.exists(*element)).collect();
    if members.is_empty() {
        return;
    }
    let pick = |random: &mut Random| members[usize::try_from(random.below(members.len() as u64)).unwrap_or_default()];
    if random.below(4) == 0 {
        let table = |member| problem.terms(member).map(|terms| terms.table);
        let picked = table(pick(random));
        for member in members.iter().filter(|member| table(**member) == picked) {
            options.remove(problem, state, *member);
        }
        return;
    }
    for _ in 0..=random.below(3) {
        let member = pick(random);
        if state.chosen.contains(member) {
            options.remove(problem, state, member);
        }
    }
}

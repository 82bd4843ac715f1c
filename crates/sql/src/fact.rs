//! Facts: what conditions say about subjects of one reference, and how they add up to a shape.

use std::collections::BTreeSet;

use pgtailor_model::shape::{Comparison, Disjunction, Operand, Predicate, Service, Serving, Shape, Subject};

/// What one condition says about one subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fact {
    /// Position of the reference.
    pub(crate) reference: usize,
    /// As in [`crate::scope::Origin::through`].
    pub(crate) through: Vec<usize>,
    /// What is said.
    pub(crate) predicate: Predicate,
    /// Whether it surely refuses the null rows of an outer join (`coalesce(x, 0) = 0`, for one, does not).
    pub(crate) strict: bool,
}

/// What conditions say: all of it holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Said {
    /// About single subjects.
    pub(crate) facts: Vec<Fact>,
    /// That one of several things holds.
    pub(crate) ors: Vec<Or>,
}

/// An `OR` that is not about a single subject.
#[derive(Clone, Debug)]
pub(crate) struct Or {
    /// What each branch says.
    pub(crate) branches: Vec<Said>,
    /// References on whose rows it does not bear: those that an outer join keeps.
    pub(crate) not_for: Vec<usize>,
}

impl Fact {
    /// A fact whose strictness follows from its predicate.
    pub(crate) fn new(reference: usize, through: Vec<usize>, predicate: Predicate) -> Self {
        let strict = matches!(predicate.subject, Subject::Column(_))
            && !matches!(predicate.comparison, Comparison::Null | Comparison::Other);
        Self { reference, through, predicate, strict }
    }
}

impl Said {
    /// Adds what `other` says.
    pub(crate) fn add(&mut self, other: Self) {
        self.facts.extend(other.facts);
        self.ors.extend(other.ors);
    }

    /// What it says when it does not bear on the rows of `references`.
    pub(crate) fn not_for(mut self, references: &[usize]) -> Self {
        self.facts.retain(|fact| !references.contains(&fact.reference));
        for or in &mut self.ors {
            or.not_for.extend(references);
        }
        self
    }

    fn predicates_of(&self, reference: usize) -> Vec<Predicate> {
        self.facts.iter().filter(|fact| fact.reference == reference).map(|fact| fact.predicate.clone()).collect()
    }
}

impl FromIterator<Said> for Said {
    fn from_iter<I: IntoIterator<Item = Said>>(parts: I) -> Self {
        let mut all = Self::default();
        parts.into_iter().for_each(|part| all.add(part));
        all
    }
}

/// What holds when one of `branches` holds.
///
/// A subject that every branch bounds is bounded, as by `IN`; the planner then uses a bitmap scan over its index. The rest of the branches
/// is kept as it is, for a bitmap scan can serve it with several indexes.
pub(crate) fn either(branches: Vec<Said>) -> Said {
    let mut branches: Vec<Said> = branches.into_iter().flat_map(flat).collect();
    let mut said = Said { facts: take_common(&mut branches), ors: Vec::new() };
    let Some(first) = branches.first() else { return said };
    let mut folded: Vec<(usize, &Subject)> = Vec::new();
    for fact in &first.facts {
        let about = (fact.reference, &fact.predicate.subject);
        if !folded.contains(&about)
            && let Some(fact) = fold(&branches, about)
        {
            folded.push(about);
            said.facts.push(fact);
        }
    }
    let references: BTreeSet<usize> = branches.iter().flat_map(|branch| &branch.facts).map(|fact| fact.reference).collect();
    // Where the branches are about one subject, its fact says it all.
    let is_folded = |reference: &usize| {
        let mut facts = branches.iter().flat_map(|branch| &branch.facts).filter(|fact| fact.reference == *reference);
        let n_subjects = folded.iter().filter(|(of, _)| of == reference).count();
        n_subjects == 1 && facts.all(|fact| folded.contains(&(*reference, &fact.predicate.subject)))
    };
    let not_for: Vec<usize> = references.iter().copied().filter(is_folded).collect();
    if not_for.len() < references.len() {
        said.ors.push(Or { branches, not_for });
    }
    said
}

/// Takes out what every branch says in the same words: `(a AND b) OR (a AND c)` is `a AND (b OR c)` (`find_duplicate_ors` in `prepqual.c`).
fn take_common(branches: &mut [Said]) -> Vec<Fact> {
    let Some((first, others)) = branches.split_first() else { return Vec::new() };
    let is_common = |fact: &&Fact| others.iter().all(|branch| branch.facts.contains(fact));
    let common: Vec<Fact> = first.facts.iter().filter(is_common).cloned().collect();
    for branch in branches {
        branch.facts.retain(|fact| !common.contains(fact));
    }
    common
}

/// An `OR` inside an `OR` adds its branches. One inside an `AND` is left out, which makes its branch say less, not something wrong.
fn flat(mut branch: Said) -> Vec<Said> {
    match branch.ors.pop() {
        Some(or) if branch.facts.is_empty() && branch.ors.is_empty() => or.branches,
        _ => {
            branch.ors.clear();
            vec![branch]
        }
    }
}

/// The fact that every one of `branches` implies about a subject, if an index could serve it.
fn fold(branches: &[Said], (reference, subject): (usize, &Subject)) -> Option<Fact> {
    let of = |branch: &'_ Said| -> Vec<Fact> {
        let about = branch.facts.iter().filter(|fact| fact.reference == reference && fact.predicate.subject == *subject);
        about.filter(|fact| matches!(fact.predicate.service, Service::By(_))).cloned().collect()
    };
    let facts: Vec<Vec<Fact>> = branches.iter().map(of).collect();
    let firsts: Vec<&Fact> = facts.iter().map(|facts| facts.first()).collect::<Option<_>>()?;
    let mut ways: Vec<Serving> = firsts[0].predicate.service.methods().cloned().collect();
    ways.retain(|way| firsts.iter().all(|fact| fact.predicate.service.methods().any(|other| other == way)));
    let comparison = common(&firsts)?;
    if ways.is_empty() {
        return None;
    }
    let operator =
        if comparison == Comparison::OneOf { "=" } else { firsts.iter().find_map(|fact| operator_of(fact, comparison))? };
    let operand = all_of(facts.iter().flatten().map(|fact| &fact.predicate.operand));
    let predicate =
        Predicate { subject: subject.clone(), comparison, operator: operator.to_owned(), operand, service: Service::By(ways) };
    let strict = firsts.iter().all(|fact| fact.strict);
    Some(Fact { reference, through: firsts[0].through.clone(), predicate, strict })
}

fn operator_of(fact: &Fact, comparison: Comparison) -> Option<&str> {
    (fact.predicate.comparison == comparison).then_some(fact.predicate.operator.as_str())
}

/// The comparison that covers all of `facts`.
fn common(facts: &[&Fact]) -> Option<Comparison> {
    use Comparison::{Equal, Null, OneOf, Prefix, Range};
    let all = |wanted: &[Comparison]| facts.iter().all(|fact| wanted.contains(&fact.predicate.comparison));
    let first = facts[0].predicate.comparison;
    if all(&[Null]) {
        Some(Null)
    } else if all(&[Equal, OneOf, Null]) {
        Some(OneOf)
    } else if all(&[Equal, OneOf, Null, Range]) {
        Some(Range)
    } else if all(&[first]) && first != Comparison::Join {
        Some(first)
    } else if all(&[Prefix, Comparison::Pattern]) {
        Some(Comparison::Pattern)
    } else {
        None
    }
}

fn all_of<'a>(operands: impl Iterator<Item = &'a Operand>) -> Operand {
    let mut parameters = Vec::new();
    let mut plain = true;
    for operand in operands {
        match operand {
            Operand::Parameters(numbers) => parameters.extend(numbers),
            Operand::Nothing => {}
            Operand::Computed(numbers) => {
                parameters.extend(numbers);
                plain = false;
            }
            _ => plain = false,
        }
    }
    parameters.dedup();
    if plain && !parameters.is_empty() { Operand::Parameters(parameters) } else { Operand::Computed(parameters) }
}

/// Writes what `said` tells of each reference into its shape; `holds` is whether conditions pass the common table expressions between.
pub(crate) fn record(shapes: &mut [Shape], said: Said, holds: &impl Fn(&[usize]) -> bool) {
    for or in &said.ors {
        let references: BTreeSet<usize> =
            or.branches.iter().flat_map(|branch| &branch.facts).map(|fact| fact.reference).collect();
        for reference in references {
            let facts = || or.branches.iter().flat_map(|branch| &branch.facts).filter(|fact| fact.reference == reference);
            if or.not_for.contains(&reference) || !facts().all(|fact| holds(&fact.through)) {
                continue;
            }
            let branches = or.branches.iter().map(|branch| branch.predicates_of(reference)).collect();
            shapes[reference].disjunctions.push(Disjunction { branches });
        }
    }
    for fact in said.facts.into_iter().filter(|fact| holds(&fact.through)) {
        shapes[fact.reference].predicates.push(fact.predicate);
    }
    for shape in shapes {
        keep_first(&mut shape.predicates);
        keep_first(&mut shape.disjunctions);
    }
}

/// Takes out what was said before.
fn keep_first<T: Ord>(things: &mut Vec<T>) {
    let mut seen = BTreeSet::new();
    let is_new: Vec<bool> = things.iter().map(|thing| seen.insert(thing)).collect();
    let mut is_new = is_new.into_iter();
    things.retain(|_| is_new.next().unwrap_or(true));
}

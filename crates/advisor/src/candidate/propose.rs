//! All generators over all statements: what exists is left out, what guards refuse is kept apart, and each index is there once.

use std::collections::{BTreeMap, BTreeSet};

use pgtailor_model::catalog::Table;
use pgtailor_model::index::{Direction, IndexDefinition};
use pgtailor_model::shape::Shape;
use pgtailor_model::what_if::CandidateIndex;

use super::keys::column;
use super::{Candidates, Context, Refused, Subject, Support, generator, guard, spelling};

/// Most proposals for one statement. Generators are asked in the order of their list, so what is left out is the least promising.
///
/// A planner's time for one statement grows by half with a hundred indexes more than it needs, and eightfold with a thousand (measured on
/// TPC-H); a statement with many joins has hundreds of plausible ones.
pub const MOST_PER_STATEMENT: usize = 60;

/// What could be made for the statements of `context`, and what must not be.
///
/// The same context gives the same candidates. An index that is another one read backwards is the one that was proposed first.
pub fn propose(context: &Context<'_>) -> Candidates {
    let mut collection = Collection { context, verdicts: BTreeMap::new(), found: Candidates::default() };
    for (position, query) in context.workload.queries.iter().enumerate() {
        let mut of_query = BTreeSet::new();
        for generator in generator::ALL {
            let mut own = Candidates::default();
            generator.propose(context, query, position, &mut own);
            collection.found.refused.append(&mut own.refused);
            for (subject, support) in own.proposed {
                collection.take(subject, support, &mut of_query);
            }
        }
    }
    collection.merge_siblings();
    collection.guarded()
}

/// What became of a subject that was seen before.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    Proposed,
    Exists,
    Refused,
}

struct Collection<'a> {
    context: &'a Context<'a>,
    verdicts: BTreeMap<Subject, Verdict>,
    found: Candidates,
}

impl Collection<'_> {
    /// Keeps `subject` with what speaks for it, when there is room for one more of the statement.
    fn take(&mut self, subject: Subject, support: Support, of_query: &mut BTreeSet<Subject>) {
        let subject = self.spelled(subject);
        match self.verdict(&subject) {
            Verdict::Exists | Verdict::Refused => return,
            Verdict::Proposed => {}
        }
        if !of_query.contains(&subject) {
            if of_query.len() == MOST_PER_STATEMENT {
                return;
            }
            of_query.insert(subject.clone());
        }
        let known = self.found.proposed.entry(subject).or_default();
        known.reasons.extend(support.reasons);
        known.queries.extend(support.queries);
    }

    /// In the spelling that it is known in.
    fn spelled(&self, subject: Subject) -> Subject {
        let Subject::Index(index) = subject else { return subject };
        let table = index.table;
        let definition = spelling::canonical(index.definition);
        let other = spelling::reversed(&definition).map(|definition| Subject::Index(CandidateIndex { table, definition }));
        let subject = Subject::Index(CandidateIndex { table, definition });
        if self.verdicts.contains_key(&subject) {
            return subject;
        }
        other.filter(|other| self.verdicts.contains_key(other)).unwrap_or(subject)
    }

    fn verdict(&mut self, subject: &Subject) -> Verdict {
        if let Some(known) = self.verdicts.get(subject) {
            return known.clone();
        }
        let verdict = if self.exists(subject) {
            Verdict::Exists
        } else if let Some(reason) = guard::refusal(self.context, subject, None) {
            self.found.refused.insert(Refused { subject: subject.clone(), reason });
            Verdict::Refused
        } else {
            Verdict::Proposed
        };
        self.verdicts.insert(subject.clone(), verdict.clone());
        verdict
    }

    fn exists(&self, subject: &Subject) -> bool {
        match subject {
            Subject::Index(index) => self.table(subject).is_some_and(|table| spelling::exists(&index.definition, table)),
            Subject::Statistics(statistics) => {
                let extended = self.context.snapshot.planner.iter().flat_map(|planner| &planner.extended);
                let wanted: BTreeSet<&String> = statistics.columns.iter().collect();
                extended
                    .filter(|known| known.table == statistics.table)
                    .any(|known| known.columns.values().collect::<BTreeSet<_>>() == wanted)
            }
        }
    }

    fn table(&self, subject: &Subject) -> Option<&Table> {
        self.context.snapshot.catalog.table_by_oid(subject.table())
    }

    /// Makes one of two indexes that differ in the direction of their last key, when no statement of one of them cares for it. The
    /// descending one stays when there is a choice: somebody asked for it.
    fn merge_siblings(&mut self) {
        let ascending =
            |definition: &IndexDefinition| definition.keys.last().is_some_and(|key| key.direction == Direction::Ascending);
        let subjects: Vec<Subject> = self.found.proposed.keys().cloned().collect();
        for one in subjects {
            let Subject::Index(CandidateIndex { table, definition }) = &one else { continue };
            let Some(definition) = spelling::sibling(definition).filter(|_| ascending(definition)) else { continue };
            let other = Subject::Index(CandidateIndex { table: *table, definition });
            if !self.found.proposed.contains_key(&other) {
                continue;
            }
            let (from, to) = match (self.may_turn(&one), self.may_turn(&other)) {
                (true, _) => (one, other),
                (false, true) => (other, one),
                (false, false) => continue,
            };
            if let Some(support) = self.found.proposed.remove(&from) {
                let kept = self.found.proposed.entry(to).or_default();
                kept.reasons.extend(support.reasons);
                kept.queries.extend(support.queries);
            }
        }
    }

    /// Whether each statement that the index was proposed for compares all of its keys but the last for equality.
    fn may_turn(&self, subject: &Subject) -> bool {
        let (Subject::Index(index), Some(support)) = (subject, self.found.proposed.get(subject)) else { return false };
        let Some((_, first)) = index.definition.keys.split_last() else { return false };
        let compares = |position: &usize| {
            let shapes = self.context.workload.queries.get(*position).into_iter().flat_map(|query| &query.shapes);
            let mut equal = shapes.filter(|shape| shape.table == index.table).map(Shape::equality);
            equal.any(|equal| first.iter().all(|key| column(key).is_some_and(|name| equal.contains(&name))))
        };
        support.queries.iter().all(compares)
    }

    /// Without what is refused for what all statements together do.
    fn guarded(self) -> Candidates {
        let Candidates { proposed, mut refused } = self.found;
        let mut kept = BTreeMap::new();
        for (subject, support) in proposed {
            match guard::refusal(self.context, &subject, Some(&support)) {
                Some(reason) => {
                    refused.insert(Refused { subject, reason });
                }
                None => {
                    kept.insert(subject, support);
                }
            }
        }
        Candidates { proposed: kept, refused }
    }
}

#[cfg(test)]
mod tests {
    use pgtailor_model::shape::Comparison::{Equal, Range};

    use super::super::fixture::{Fixture, order_key};
    use super::*;

    fn org_and_time() -> Fixture {
        Fixture::new().table("t", &["org", "at", "body text"]).width("t", "body", 500)
    }

    #[test]
    fn bounds_are_read_in_the_direction_that_somebody_sorts_by() {
        let fixture = org_and_time().asks("t", &[("org", Equal), ("at", Range)]);
        let fixture = fixture.asks_with("t", &[("org", Equal)], |shape| {
            shape.order_by = vec![order_key("at", Direction::Descending)];
        });
        let proposed = fixture.proposed();
        assert!(proposed.contains(&"(org, at DESC)".to_owned()), "{proposed:?}");
        assert!(!proposed.contains(&"(org, at)".to_owned()), "{proposed:?}");
    }

    #[test]
    fn two_orders_of_which_neither_is_free_stay_two() {
        let sorted = |direction| {
            move |shape: &mut Shape| {
                shape.order_by = vec![order_key("org", Direction::Ascending), order_key("at", direction)];
            }
        };
        let fixture = org_and_time().asks_with("t", &[], sorted(Direction::Ascending));
        let proposed = fixture.asks_with("t", &[], sorted(Direction::Descending)).proposed();
        assert!(proposed.contains(&"(org, at)".to_owned()) && proposed.contains(&"(org, at DESC)".to_owned()), "{proposed:?}");
    }

    #[test]
    fn an_index_read_backwards_is_the_one_that_came_first() {
        let sorted = |direction| {
            move |shape: &mut Shape| {
                shape.order_by = vec![order_key("org", direction), order_key("at", direction)];
            }
        };
        let fixture = org_and_time().asks_with("t", &[], sorted(Direction::Descending));
        assert_eq!(fixture.asks_with("t", &[], sorted(Direction::Ascending)).proposed(), ["(org DESC, at DESC)"]);
    }

    #[test]
    fn behind_the_keys_of_a_unique_index_nothing_follows() {
        let unique = IndexDefinition { unique: true, ..IndexDefinition::btree(["org"]) };
        let fixture = org_and_time().index("t", unique);
        let fixture = fixture.asks("t", &[("org", pgtailor_model::shape::Comparison::Join), ("at", Equal)]);
        assert_eq!(fixture.proposed(), ["(at)", "(at) INCLUDE (org)", "(at, org)", "(org) INCLUDE (at)"]);
    }
}

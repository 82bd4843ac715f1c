//! An `OR`: one index for each branch, which a bitmap scan puts together. When one branch has none, none of the others helps.

use pgtailor_model::index::{IndexDefinition, IndexKey};
use pgtailor_model::shape::{Comparison, Predicate};
use pgtailor_model::workload::Query;

use super::super::columns::{ascending, shared_first};
use super::super::keys::Keys;
use super::super::site::{Site, sites};
use super::super::{Candidates, Context, Generator, text};

/// Branches beyond which a bitmap of all of them is no gain over one scan.
const MOST_BRANCHES: usize = 6;

pub(super) struct Disjunction;

impl Generator for Disjunction {
    fn name(&self) -> &'static str {
        "disjunction"
    }

    fn propose(&self, context: &Context<'_>, query: &Query, position: usize, candidates: &mut Candidates) {
        for site in sites(context, query, position) {
            let around = ascending(shared_first(&site, &site.pinned()));
            for disjunction in &site.shape.disjunctions {
                let of_branches: Option<Vec<IndexDefinition>> =
                    disjunction.branches.iter().map(|branch| of_branch(&site, branch)).collect();
                for definition in of_branches.filter(|found| found.len() <= MOST_BRANCHES).into_iter().flatten() {
                    let because = format!("a branch of its OR filters by {}", text::keys(&definition.keys));
                    if definition.method == "btree" && !around.is_empty() {
                        let keys = Keys::new(&site, &[&around, &definition.keys], because.clone());
                        site.add(candidates, self.name(), keys.btree(), keys.because);
                    }
                    site.add(candidates, self.name(), definition, because);
                }
            }
        }
    }
}

/// An index for one branch: a B-tree of its equalities and one range, else the first access method that serves any of its conditions.
fn of_branch(site: &Site<'_>, branch: &[Predicate]) -> Option<IndexDefinition> {
    let keys = |wanted: &dyn Fn(Comparison) -> bool| -> Vec<IndexKey> {
        branch.iter().filter(|one| wanted(one.comparison)).filter_map(|one| site.key(one, "btree")).collect()
    };
    let equal = keys(&|one| matches!(one, Comparison::Equal | Comparison::OneOf | Comparison::Null | Comparison::Join));
    let mut bounded = keys(&|one| matches!(one, Comparison::Range | Comparison::Prefix));
    bounded.truncate(1);
    let keys = Keys::new(site, &[&equal, &bounded], "");
    if !keys.keys.is_empty() {
        return Some(keys.btree());
    }
    branch.iter().find_map(|predicate| {
        let methods = predicate.service.methods().map(|way| way.method.as_str()).filter(|method| *method != "btree");
        methods.into_iter().find_map(|method| {
            let keys = vec![site.key(predicate, method)?];
            Some(IndexDefinition { method: method.to_owned(), keys, ..IndexDefinition::btree::<String>([]) })
        })
    })
}

#[cfg(test)]
mod tests {
    use pgtailor_model::shape::Comparison::{Equal, Range};
    use pgtailor_model::shape::{self, Service};

    use super::super::super::fixture::Fixture;
    use super::*;

    fn proposed(change: impl FnOnce(&mut Vec<Vec<Predicate>>)) -> Vec<String> {
        let fixture = Fixture::new().table("t", &["a", "b", "c", "org"]);
        let of = |conditions: &[(&str, Comparison)]| fixture.shape("t", conditions).predicates;
        let mut branches = vec![of(&[("a", Equal), ("c", Range)]), of(&[("b", Equal)])];
        change(&mut branches);
        let or = shape::Disjunction { branches };
        fixture.asks_with("t", &[("org", Equal)], |shape| shape.disjunctions = vec![or]).by(&Disjunction)
    }

    #[test]
    fn each_branch_has_an_index_with_and_without_what_is_common() {
        assert_eq!(proposed(|_| {}), ["(a, c)", "(b)", "(org, a, c)", "(org, b)"]);
    }

    #[test]
    fn a_branch_that_nothing_serves_spoils_the_others() {
        assert_eq!(proposed(|branches| branches.push(Vec::new())), Vec::<String>::new());
        assert_eq!(proposed(|branches| branches[1][0].service = Service::nothing("<>")), Vec::<String>::new());
    }
}

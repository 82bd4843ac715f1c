//! Patterns with a wildcard first, `ILIKE`, regular expressions and similarity: a GIN index of trigrams, when `pg_trgm` is there.
//!
//! Where it is not, the index is refused with what to do: an extension is the owner's decision.

use pgtailor_model::index::{IndexDefinition, IndexKey};
use pgtailor_model::shape::{Comparison, Predicate};
use pgtailor_model::what_if::CandidateIndex;
use pgtailor_model::workload::Query;

use super::super::site::{Site, part, sites};
use super::super::{Candidates, Context, Generator, Refused, Subject, text};

pub(super) struct Trigram;

impl Generator for Trigram {
    fn name(&self) -> &'static str {
        "trigram"
    }

    fn propose(&self, context: &Context<'_>, query: &Query, position: usize, candidates: &mut Candidates) {
        for site in sites(context, query, position) {
            let is_text = |predicate: &&Predicate| {
                matches!(predicate.comparison, Comparison::Pattern | Comparison::Similarity)
                    && predicate.service.methods().any(|serving| serving.operator_class.as_deref() == Some("gin_trgm_ops"))
            };
            let mut keys: Vec<IndexKey> = Vec::new();
            for predicate in site.conditions().filter(is_text) {
                let Some(part) = part(&predicate.subject) else { continue };
                let class = site.class_named("gin", "gin_trgm_ops");
                let is_there = class.is_some();
                let key = IndexKey { part, operator_class: class, ..IndexKey::column("") };
                if is_there {
                    keys.push(key.clone());
                    let because = format!("its rows are filtered by patterns in {}", text::keys(std::slice::from_ref(&key)));
                    site.add(candidates, self.name(), gin(vec![key]), because);
                } else {
                    missing(&site, key, candidates);
                }
            }
            keys.dedup();
            // One index for patterns over several columns, of which any may be asked.
            if keys.len() > 1 {
                let because = format!("its rows are filtered by patterns in {}", text::keys(&keys));
                site.add(candidates, self.name(), gin(keys), because);
            }
        }
    }
}

fn gin(keys: Vec<IndexKey>) -> IndexDefinition {
    IndexDefinition { method: "gin".to_owned(), keys, ..IndexDefinition::btree::<String>([]) }
}

fn missing(site: &Site<'_>, key: IndexKey, candidates: &mut Candidates) {
    let operator_class = Some("gin_trgm_ops".to_owned());
    let definition = gin(vec![IndexKey { operator_class, ..key }]);
    let subject = Subject::Index(CandidateIndex { table: site.oid(), definition });
    let capabilities = &site.context.snapshot.capabilities;
    let reason = if capabilities.available_extensions.contains_key("pg_trgm") {
        "it needs the extension pg_trgm, which is not installed in this database: `CREATE EXTENSION pg_trgm` would do it"
    } else {
        "it needs the extension pg_trgm, which this server does not have"
    };
    candidates.refused.insert(Refused { subject, reason: reason.to_owned() });
}

#[cfg(test)]
mod tests {
    use pgtailor_model::shape::Comparison::Pattern;
    use pgtailor_model::shape::{Service, Serving, Shape};

    use super::super::super::fixture::Fixture;
    use super::*;

    fn served(shape: &mut Shape) {
        for predicate in &mut shape.predicates {
            predicate.service = Service::By(vec![Serving::with("gin", "gin_trgm_ops"), Serving::with("gist", "gist_trgm_ops")]);
        }
    }

    #[test]
    fn each_column_has_its_own_and_both_together_one() {
        let fixture = Fixture::new().table("t", &["name text", "note text"]);
        let fixture = fixture.asks_with("t", &[("name", Pattern), ("note", Pattern)], served);
        let (one, other) = ("name public.gin_trgm_ops", "note public.gin_trgm_ops");
        assert_eq!(
            fixture.by(&Trigram),
            [format!("USING gin ({one})"), format!("USING gin ({one}, {other})"), format!("USING gin ({other})")]
        );
    }

    #[test]
    fn without_the_extension_the_index_is_refused_with_what_to_do() {
        let mut fixture = Fixture::new().table("t", &["name text"]).asks_with("t", &[("name", Pattern)], served);
        fixture.snapshot.catalog.operator_classes.clear();
        fixture.snapshot.capabilities.available_extensions.insert("pg_trgm".to_owned(), "1.6".to_owned());
        let candidates = fixture.all();
        assert!(candidates.proposed.is_empty());
        assert!(candidates.refused.iter().any(|refused| refused.reason.contains("CREATE EXTENSION pg_trgm")));
    }
}

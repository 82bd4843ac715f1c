//! Full text search: GIN over the `tsvector` column, or over `to_tsvector('config', …)` as the statement writes it.

use pgtailor_model::index::IndexDefinition;
use pgtailor_model::shape::Comparison;
use pgtailor_model::workload::Query;

use super::super::site::sites;
use super::super::{Candidates, Context, Generator, text};

pub(super) struct FullText;

impl Generator for FullText {
    fn name(&self) -> &'static str {
        "full-text"
    }

    fn propose(&self, context: &Context<'_>, query: &Query, position: usize, candidates: &mut Candidates) {
        for site in sites(context, query, position) {
            for predicate in site.conditions().filter(|predicate| predicate.comparison == Comparison::FullText) {
                let Some(key) = site.key(predicate, "gin") else { continue };
                let because = format!("its rows are searched by the words of {}", text::keys(std::slice::from_ref(&key)));
                let keys = vec![key];
                let definition = IndexDefinition { method: "gin".to_owned(), keys, ..IndexDefinition::btree::<String>([]) };
                site.add(candidates, self.name(), definition, because);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use pgtailor_model::shape::{Service, Serving, Subject};

    use super::super::super::fixture::Fixture;
    use super::*;

    #[test]
    fn the_expression_is_indexed_as_it_is_written() {
        let fixture = Fixture::new().table("t", &["body text"]);
        let fixture = fixture.asks_with("t", &[("body", Comparison::FullText)], |shape| {
            let sql = "to_tsvector('english', body)".to_owned();
            shape.predicates[0].subject = Subject::Expression { sql, columns: vec!["body".to_owned()] };
            shape.predicates[0].service = Service::By(vec![Serving::of("gin"), Serving::of("gist")]);
        });
        assert_eq!(fixture.by(&FullText), ["USING gin ((to_tsvector('english', body)))"]);
    }
}

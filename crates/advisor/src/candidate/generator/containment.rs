//! Containment and existence in documents, arrays and hstore: a GIN index over their elements.
//!
//! Of a `jsonb` column the smaller class with paths serves `@>`, `@?` and `@@`, the default one `?` as well: a statement that asks for both
//! gets the one that serves both.

use pgtailor_model::index::{IndexDefinition, IndexKey};
use pgtailor_model::shape::{Comparison, Predicate};
use pgtailor_model::workload::Query;

use super::super::site::{part, sites};
use super::super::{Candidates, Context, Generator, text};

pub(super) struct Containment;

impl Generator for Containment {
    fn name(&self) -> &'static str {
        "containment"
    }

    fn propose(&self, context: &Context<'_>, query: &Query, position: usize, candidates: &mut Candidates) {
        for site in sites(context, query, position) {
            let of_kind: Vec<&Predicate> = site.conditions().filter(|predicate| is_containment(predicate)).collect();
            for predicate in &of_kind {
                let Some(part) = part(&predicate.subject) else { continue };
                let same = || of_kind.iter().filter(|other| other.subject == predicate.subject);
                // The first class that serves every condition on it.
                let serves_all = |class: &Option<String>| {
                    same().all(|other| other.service.methods().any(|way| way.method == "gin" && way.operator_class == *class))
                };
                let classes = predicate.service.methods().filter(|way| way.method == "gin").map(|way| &way.operator_class);
                let Some(class) = classes.filter(|class| serves_all(class)).find_map(|class| match class {
                    None => Some(None),
                    Some(name) => site.class_named("gin", name).map(Some),
                }) else {
                    continue;
                };
                let key = IndexKey { part, operator_class: class, ..IndexKey::column("") };
                let because = format!("its rows are filtered by what is in {}", text::keys(std::slice::from_ref(&key)));
                let keys = vec![key];
                let definition = IndexDefinition { method: "gin".to_owned(), keys, ..IndexDefinition::btree::<String>([]) };
                site.add(candidates, self.name(), definition, because);
            }
        }
    }
}

fn is_containment(predicate: &Predicate) -> bool {
    // Equality of arrays has GIN as its last way; only what looks into them is meant here.
    predicate.comparison == Comparison::Containment && predicate.service.methods().any(|way| way.method == "gin")
}

#[cfg(test)]
mod tests {
    use pgtailor_model::shape::{Service, Serving};

    use super::super::super::fixture::Fixture;
    use super::*;

    fn paths() -> Service {
        Service::By(vec![Serving::with("gin", "jsonb_path_ops"), Serving::of("gin")])
    }

    fn proposed(services: &[Service]) -> Vec<String> {
        let conditions = vec![("document", Comparison::Containment); services.len()];
        let fixture = Fixture::new().table("t", &["document jsonb"]).asks_with("t", &conditions, |shape| {
            for (predicate, service) in shape.predicates.iter_mut().zip(services) {
                predicate.service = service.clone();
            }
        });
        fixture.by(&Containment)
    }

    #[test]
    fn paths_serve_containment_and_the_default_class_existence_too() {
        assert_eq!(proposed(&[paths()]), ["USING gin (document jsonb_path_ops)"]);
        assert_eq!(proposed(&[paths(), Service::By(vec![Serving::of("gin")])]), ["USING gin (document)"]);
    }
}

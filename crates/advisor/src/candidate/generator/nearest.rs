//! The order by a distance: a GiST index gives the nearest rows first, without looking at the others.

use pgtailor_model::index::{IndexDefinition, IndexKey};
use pgtailor_model::workload::Query;

use super::super::site::{Class, Site, part, sites};
use super::super::{Candidates, Context, Generator, text};

pub(super) struct Nearest;

impl Generator for Nearest {
    fn name(&self) -> &'static str {
        "nearest"
    }

    fn propose(&self, context: &Context<'_>, query: &Query, position: usize, candidates: &mut Candidates) {
        for site in sites(context, query, position).filter(|site| site.shape.limited) {
            for order in site.shape.order_by.iter().take(1).filter(|order| order.distance.as_deref() == Some("<->")) {
                let Some(part) = part(&order.subject) else { continue };
                let column = order.subject.columns().first().and_then(|name| site.column(name));
                let Some(class) = column.and_then(|column| class(&site, &column.type_name)) else { continue };
                let key = IndexKey { part, operator_class: class.sql(), ..IndexKey::column("") };
                let because = format!("the rows with the nearest {} are wanted", text::keys(std::slice::from_ref(&key)));
                let keys = vec![key];
                let definition = IndexDefinition { method: "gist".to_owned(), keys, ..IndexDefinition::btree::<String>([]) };
                site.add(candidates, self.name(), definition, because);
            }
        }
    }
}

/// The operator class whose ordering operator `<->` is; `None` for types without one in the server or the extensions known here.
fn class(site: &Site<'_>, type_name: &str) -> Option<Class> {
    let base = type_name.split('(').next().unwrap_or(type_name);
    match base.rsplit('.').next().unwrap_or(base) {
        "point" | "box" | "circle" | "polygon" | "geometry" | "geography" => Some(Class::Default),
        "text" | "character varying" => site.class_named("gist", "gist_trgm_ops").map(Class::Named),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use pgtailor_model::index::Direction;

    use super::super::super::fixture::{Fixture, order_key};
    use super::*;

    fn proposed(column: &str, limited: bool) -> Vec<String> {
        let fixture = Fixture::new().table("t", &["place point", "n"]).asks_with("t", &[], |shape| {
            let mut key = order_key(column, Direction::Ascending);
            key.distance = Some("<->".to_owned());
            shape.order_by = vec![key];
            shape.limited = limited;
        });
        fixture.by(&Nearest)
    }

    #[test]
    fn the_nearest_rows_come_first() {
        assert_eq!(proposed("place", true), ["USING gist (place)"]);
    }

    #[test]
    fn who_wants_all_rows_or_has_no_places_gains_nothing() {
        assert_eq!(proposed("place", false), Vec::<String>::new());
        assert_eq!(proposed("n", true), Vec::<String>::new());
    }
}

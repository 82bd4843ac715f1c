//! Indexes that could serve a statement, each to be tried with the planner before anybody is told of it.
//!
//! Few and plausible: whoever asks has a statement that reads too much and wants the index that cures it, not the best set for a workload.
//! Nothing here says that one helps.

use pgtailor_model::index::{Direction, IndexDefinition, IndexKey, KeyPart};
use pgtailor_model::name::Oid;
use pgtailor_model::shape::{Comparison, Predicate, Shape, Subject};
use pgtailor_model::workload::Query;

use crate::serving::{Need, need, picks_rows};

/// Indexes that could serve `query`, by table, the most promising of each table first; each once.
///
/// For each reference to a table: a B-tree with the columns of equality and then the order, else a range; the same without the
/// order where there is a range as well; a B-tree over each computed subject; and, for what no B-tree serves, the access method
/// that does.
pub fn candidates(query: &Query) -> Vec<(Oid, IndexDefinition)> {
    let mut found: Vec<(Oid, IndexDefinition)> = Vec::new();
    for (position, shape) in query.shapes.iter().enumerate() {
        for definition in of_shape(shape, picks_rows(query, position)) {
            let candidate = (shape.table, definition);
            if !found.contains(&candidate) {
                found.push(candidate);
            }
        }
    }
    found
}

fn of_shape(shape: &Shape, is_selective: bool) -> Vec<IndexDefinition> {
    let mut found = Vec::new();
    if let Some(need) = need(shape, is_selective) {
        found.extend(btree(shape, &need, !need.order.is_empty()));
        if !need.order.is_empty() && !need.range.is_empty() {
            found.extend(btree(shape, &need, false));
        }
    }
    let predicates = || shape.predicates.iter().chain(shape.disjunctions.iter().flat_map(|or| or.branches.iter().flatten()));
    // Of a disjunction each branch needs an index of its own.
    let branches = shape.disjunctions.iter().flat_map(|or| or.branches.iter().flatten());
    found.extend(branches.filter(|predicate| predicate.is_served_by_btree()).filter_map(|predicate| alone(predicate, "btree")));
    let is_computed = |predicate: &&Predicate| matches!(predicate.subject, Subject::Expression { .. });
    let computed = predicates().filter(is_computed).filter(|predicate| predicate.is_served_by_btree());
    found.extend(computed.filter_map(|predicate| {
        let mut definition = alone(predicate, "btree")?;
        definition.keys.extend(shape.equality().into_iter().map(IndexKey::column));
        Some(definition)
    }));
    let others = predicates().filter(|predicate| !predicate.is_served_by_btree() || is_pattern(predicate));
    found.extend(others.filter_map(|predicate| {
        let method = predicate.service.methods().map(|serving| serving.method.as_str()).find(|method| *method != "btree")?;
        alone(predicate, method)
    }));
    found
}

/// Whether only a known beginning makes a B-tree serve it.
fn is_pattern(predicate: &Predicate) -> bool {
    matches!(predicate.comparison, Comparison::Pattern | Comparison::Prefix)
}

/// A B-tree with the columns of equality first, and then the order or the first range.
fn btree(shape: &Shape, need: &Need, with_order: bool) -> Option<IndexDefinition> {
    let mut keys: Vec<IndexKey> = need.equality.iter().map(IndexKey::column).collect();
    if with_order {
        for key in &need.order {
            if key.distance.is_some() {
                return None;
            }
            let part = part(&key.subject)?;
            keys.push(IndexKey { part, direction: key.direction, nulls: key.nulls, ..IndexKey::column("") });
        }
    } else if let Some(column) = need.range.first() {
        let is_it = |predicate: &&Predicate| predicate.subject == Subject::Column(column.clone()) && is_pattern(predicate);
        let operator_class = shape.predicates.iter().find(is_it).and_then(|predicate| class(predicate, "btree"));
        keys.push(IndexKey { operator_class, ..IndexKey::column(column) });
    }
    // A column that is compared and sorted by stands once.
    let mut seen = Vec::new();
    keys.retain(|key| {
        let is_new = !seen.contains(&key.part);
        seen.push(key.part.clone());
        is_new
    });
    // A single key is read both ways: one spelling for both, so that it serves other statements as well.
    if let [key] = keys.as_mut_slice()
        && key.direction == Direction::Descending
    {
        *key = key.reversed();
    }
    (!keys.is_empty()).then(|| IndexDefinition { keys, ..IndexDefinition::btree::<String>([]) })
}

/// An index of `method` over the predicate's subject alone.
fn alone(predicate: &Predicate, method: &str) -> Option<IndexDefinition> {
    let key = IndexKey { part: part(&predicate.subject)?, operator_class: class(predicate, method), ..IndexKey::column("") };
    Some(IndexDefinition { method: method.to_owned(), keys: vec![key], ..IndexDefinition::btree::<String>([]) })
}

fn class(predicate: &Predicate, method: &str) -> Option<String> {
    predicate.service.methods().find(|serving| serving.method == method)?.operator_class.clone()
}

/// The subject as a key; `None` when a constant in it is not known.
fn part(subject: &Subject) -> Option<KeyPart> {
    match subject {
        Subject::Column(column) => Some(KeyPart::Column(column.clone())),
        Subject::Expression { sql, .. } if sql.contains('$') => None,
        Subject::Expression { sql, .. } => Some(KeyPart::Expression(sql.clone())),
    }
}

#[cfg(test)]
mod tests {
    use pgtailor_model::shape::{Service, Serving};

    use super::*;
    use crate::fixture::{order_key, shape};

    fn written(shape: Shape) -> Vec<String> {
        let query = Query { shapes: vec![shape], ..Query::default() };
        candidates(&query).into_iter().map(|(_, definition)| definition.to_string()).collect()
    }

    #[test]
    fn equality_comes_first_and_then_the_order_or_a_range() {
        let filtered = shape(Oid(1), &[("at", Comparison::Range), ("org", Comparison::Equal)]);
        assert_eq!(written(filtered.clone()), ["(org, at)"]);
        let order_by = vec![order_key("total", Direction::Descending)];
        let page = Shape { order_by, limited: true, ..filtered };
        assert_eq!(written(page), ["(org, total DESC)", "(org, at)"]);
    }

    #[test]
    fn a_single_key_has_one_spelling() {
        let order_by = vec![order_key("total", Direction::Descending)];
        assert_eq!(written(Shape { order_by, limited: true, ..Shape::of(Oid(1)) }), ["(total)"]);
    }

    #[test]
    fn what_is_computed_and_what_no_btree_serves_have_their_own() {
        let mut lower = shape(Oid(1), &[("email", Comparison::Equal)]);
        lower.predicates[0].subject = Subject::Expression { sql: "lower(email)".to_owned(), columns: vec!["email".to_owned()] };
        assert_eq!(written(lower), ["((lower(email)))"]);
        let mut tags = shape(Oid(1), &[("tags", Comparison::Containment)]);
        tags.predicates[0].service = Service::By(vec![Serving::of("gin")]);
        assert_eq!(written(tags), ["USING gin (tags)"]);
    }

    #[test]
    fn an_expression_with_an_unknown_constant_cannot_be_indexed() {
        let mut document = shape(Oid(1), &[("payload", Comparison::Equal)]);
        document.predicates[0].subject =
            Subject::Expression { sql: "payload ->> $1".to_owned(), columns: vec!["payload".to_owned()] };
        assert_eq!(written(document), Vec::<String>::new());
    }
}

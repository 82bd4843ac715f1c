//! Statements that would grow without end if everything in them were written out.

mod common;
use common::{catalog, recorded, understand};
use pgtailor_model::catalog::View;
use pgtailor_model::name::QualifiedName;

/// Whether `sql` is understood: that it comes to an end is the point.
#[track_caller]
fn ends(sql: &str) {
    let workload = understand(&[recorded(sql, 1, 1.0)]);
    assert_eq!(workload.queries.len(), 1, "{:?}", workload.skipped);
}

/// `first`, and then `n` common table expressions made by `next` of the one before.
fn chain(first: &str, n: usize, next: impl Fn(&str) -> String) -> String {
    let steps = (1..n).map(|number| format!(", c{number} AS ({})", next(&format!("c{}", number - 1))));
    format!("WITH c0 AS ({first}){} SELECT * FROM c{} WHERE id = 1", steps.collect::<String>(), n - 1)
}

#[test]
fn columns_that_double_at_each_step_come_to_an_end() {
    ends(&chain("SELECT * FROM orders", 60, |before| format!("SELECT a.*, b.* FROM {before} a, {before} b")));
    ends(&chain("SELECT * FROM orders", 60, |before| format!("SELECT * FROM {before} a NATURAL JOIN {before} b")));
}

#[test]
fn origins_that_double_at_each_step_come_to_an_end() {
    ends(&chain("SELECT id FROM orders", 60, |before| format!("SELECT id FROM {before} UNION ALL SELECT id FROM {before}")));
}

#[test]
fn expressions_that_double_at_each_step_come_to_an_end() {
    ends(&chain("SELECT id FROM orders", 60, |before| format!("SELECT id + id AS id FROM {before}")));
    ends(&chain("SELECT id FROM orders", 60, |before| format!("SELECT coalesce(id, id, id) AS id FROM {before} ORDER BY id")));
}

#[test]
fn long_lists_come_to_an_end() {
    let many = |n: usize, part: &dyn Fn(usize) -> String, between: &str| (0..n).map(part).collect::<Vec<_>>().join(between);
    let orders = |condition: String| ends(&format!("SELECT FROM orders WHERE {condition}"));
    orders(format!("id IN ({})", many(50_000, &|n| n.to_string(), ", ")));
    orders(many(20_000, &|n| format!("id <> {n}"), " AND "));
    orders(many(20_000, &|n| format!("id = {n}"), " OR "));
    orders(many(5_000, &|n| format!("(id = {n} OR total > {n})"), " AND "));
    orders(many(5_000, &|n| format!("(id = {n} AND total > {n})"), " OR "));
    ends(&format!("INSERT INTO orders (id, status) VALUES {}", many(20_000, &|n| format!("({n}, 'x')"), ", ")));
    ends(&format!("SELECT {} FROM orders", many(3_000, &|n| format!("lower(status) AS c{n}"), ", ")));
    ends(&format!("SELECT FROM {}", many(500, &|n| format!("orders o{n}"), ", ")));
}

#[test]
fn the_deepest_nesting_that_is_read_has_room() {
    let nested = |n: usize| {
        let mut sql = "SELECT id FROM orders WHERE lower(status) = 'x'".to_owned();
        for _ in 0..n {
            sql = format!("SELECT id FROM orders WHERE id IN ({sql})");
        }
        sql
    };
    let deepest = (1..60).rev().find(|n| understand(&[recorded(&nested(*n), 1, 1.0)]).queries.len() == 1);
    assert!(deepest.is_some_and(|n| n >= 10), "{deepest:?}");
    let concatenated = |n: usize| format!("SELECT id FROM orders WHERE {}status{} = 'x'", "lower(".repeat(n), ")".repeat(n));
    let deepest = (1..60).rev().find(|n| understand(&[recorded(&concatenated(*n), 1, 1.0)]).queries.len() == 1);
    assert!(deepest.is_some_and(|n| n >= 20), "{deepest:?}");
}

#[test]
fn views_of_views_come_to_an_end() {
    let mut catalog = catalog();
    let mut add = |name: String, definition: String| {
        let name = QualifiedName::new("public", name);
        catalog.views.push(View { name, columns: vec!["id".to_owned()], definition: Some(definition) });
    };
    for number in 0..200 {
        let before = if number == 0 { "orders".to_owned() } else { format!("chain{:03}", number - 1) };
        let nested = (0..15).fold(format!("SELECT id FROM public.{before}"), |inner, _| format!("SELECT id FROM ({inner}) x"));
        add(format!("chain{number:03}"), nested);
        let before = if number == 0 { "orders".to_owned() } else { format!("pair{:03}", number - 1) };
        add(format!("pair{number:03}"), format!("SELECT a.id FROM public.{before} a JOIN public.{before} b ON a.id = b.id"));
    }
    catalog.views.sort_by(|one, other| one.name.cmp(&other.name));
    let path = ["public".to_owned()];
    for (name, is_read) in [("chain001", true), ("chain199", false), ("pair003", true), ("pair199", false)] {
        let workload = pgtailor_sql::understand(&[recorded(&format!("SELECT * FROM {name}"), 1, 1.0)], &catalog, &path);
        assert_eq!(workload.queries.len() == 1, is_read, "{name}");
    }
}

//! Statements together: merging, order, and what is skipped.

mod common;
use common::{recorded, understand};
use proptest::prelude::*;

fn reason(text: &str) -> String {
    let workload = understand(&[recorded(text, 3, 7.0)]);
    assert!(workload.queries.is_empty(), "{text}");
    assert_eq!(workload.skipped.len(), 1);
    assert_eq!(workload.skipped[0].calls, 3);
    workload.skipped[0].reason.clone()
}

#[test]
fn statements_that_differ_in_literals_are_one() {
    let statements = [
        recorded("SELECT * FROM orders WHERE id = 1", 2, 10.0),
        recorded("SELECT * FROM customers WHERE id = $1", 1, 25.0),
        recorded("select *  from orders o where id = $1", 5, 20.0),
    ];
    let workload = understand(&statements);
    let seen: Vec<(u64, f64)> = workload.queries.iter().map(|query| (query.calls, query.total_time.0)).collect();
    assert_eq!(seen, [(7, 30.0), (1, 25.0)]);
    assert_eq!(workload.queries[0].text, "select * from orders o where id = $1");
    let reversed: Vec<_> = statements.iter().rev().cloned().collect();
    assert_eq!(understand(&reversed), workload);
}

#[test]
fn literals_that_the_server_forgot_to_replace_are_replaced() {
    let workload = understand(&[recorded("SELECT * FROM customers WHERE email = 'eve@example.org'", 1, 1.0)]);
    assert_eq!(workload.queries[0].text, "SELECT * FROM customers WHERE email = $1");
}

#[test]
fn everything_else_is_skipped_with_its_reason() {
    assert_eq!(reason("VACUUM orders"), "it is a utility statement");
    assert_eq!(reason("SELECT 1"), "it reads no table of this database");
    assert_eq!(reason("SELECT * FROM generate_series(1, 3)"), "it reads no table of this database");
    assert_eq!(reason("SELECT * FROM pg_class c JOIN pg_catalog.pg_index i ON true"), "it reads only system tables");
    assert!(reason("SELECT * FROM nowhere").starts_with("relation nowhere is not known"));
    assert!(reason("SELECT * FROM order_view").starts_with("order_view is a view"));
    assert!(reason("SELECT * FROM orders WHERE (").contains("cut off"));
    assert!(reason("<insufficient privilege>").contains("pg_read_all_stats"));
}

#[test]
fn what_cannot_be_read_is_not_repeated() {
    let workload = understand(&[
        recorded("SELECT 1", 1, 1.0),
        recorded("ALTER ROLE r PASSWORD 'S3cret!'", 1, 9.0),
        recorded("selec 'S3cret!'", 1, 8.0),
    ]);
    let shown: Vec<&str> = workload.skipped.iter().map(|skipped| skipped.statement.as_str()).collect();
    assert_eq!(shown, ["statement 2 (query id 42)", "statement 3 (query id 42)", "SELECT $1"]);
}

const STATEMENTS: &[&str] = &[
    "SELECT o.id, c.name FROM orders o LEFT JOIN customers c ON c.id = o.customer_id WHERE o.status IN ('a', 'b') ORDER BY 1 DESC LIMIT 5",
    "WITH RECURSIVE t(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM t WHERE n < 100) SELECT sum(n) FROM t, LATERAL (SELECT * FROM items WHERE order_id = n) x",
    "INSERT INTO orders (id) VALUES ($1) ON CONFLICT (id) DO UPDATE SET (status, total) = (SELECT 'x', 1) RETURNING *",
    "UPDATE orders SET total = DEFAULT FROM items WHERE items.order_id = orders.id AND NOT (is_paid OR paid_at IS NULL)",
    "MERGE INTO orders USING items ON orders.id = order_id WHEN MATCHED AND quantity > 3 THEN DELETE WHEN NOT MATCHED THEN DO NOTHING",
    "SELECT count(*) FILTER (WHERE is_paid), max(total) OVER (PARTITION BY status ORDER BY id) FROM orders GROUP BY ROLLUP (status) HAVING count(*) > 1",
    "SELECT * FROM orders a NATURAL JOIN (orders b CROSS JOIN items) AS j (x, y) WHERE (a.id, x) > ROW ($1, $2) AND EXISTS (TABLE items)",
    "SELECT v.number, p.email_key FROM open_orders v JOIN people p ON p.id = v.customer_id WHERE lower(p.label) LIKE 'a%' OR v.status IN ('a') ORDER BY p.email_key",
    "UPDATE recent SET at = now() - interval '1 day' WHERE number = ANY ($1) AND at BETWEEN $2 AND $3 RETURNING *",
    "SELECT DISTINCT ON (payload ->> 'kind') tags[1], place <-> point '(0,0)' AS far FROM docs WHERE payload @> '{}' AND to_tsvector('english', body) @@ to_tsquery($1) AND $2 = ANY (tags) ORDER BY payload ->> 'kind', far",
    "WITH d AS (SELECT coalesce(body, 'x') AS b, local_at::date AS day FROM docs) SELECT day, count(*) FROM d WHERE b ILIKE '%y%' OR d.day > date '2024-01-01' GROUP BY day",
    "DELETE FROM items USING orders WHERE order_id = ANY (SELECT id FROM orders WHERE created_at BETWEEN now() - interval '1 day' AND now())",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Words of statements cut, repeated and swapped: mostly wrong, often enough right in unexpected ways.
    #[test]
    fn no_text_makes_it_panic(first in 0..STATEMENTS.len(), second in 0..STATEMENTS.len(), edits in prop::collection::vec((0..4u8, any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..6)) {
        let mut words: Vec<&str> = STATEMENTS[first].split(' ').collect();
        let others: Vec<&str> = STATEMENTS[second].split(' ').collect();
        for (edit, at, from) in &edits {
            let position = at.index(words.len());
            match edit {
                0 if words.len() > 1 => { words.remove(position); }
                1 => words.insert(position, others[from.index(others.len())]),
                2 => words[position] = others[from.index(others.len())],
                _ => { let other = from.index(words.len()); words.swap(position, other); }
            }
        }
        let text = words.join(" ");
        let workload = understand(&[recorded(&text, 1, 1.0)]);
        prop_assert_eq!(workload.queries.len() + workload.skipped.len(), 1);
    }

    #[test]
    fn no_bytes_make_it_panic(text in "\\PC{0,80}|[A-Za-z0-9_ ,.()*='\"$<>;:-]{0,80}") {
        let workload = understand(&[recorded(&text, 1, 1.0)]);
        prop_assert_eq!(workload.queries.len() + workload.skipped.len(), 1);
    }
}

//! What the grammar shows of a statement beyond the shapes of its tables.

mod common;
use common::{check, constructs};

/// Checks the constructs of one statement, apart from the missing limit.
#[track_caller]
fn shows(sql: &str, expected: &[&str]) {
    let mut found = constructs(sql);
    found.retain(|construct| !construct.starts_with("unlimited") && !construct.starts_with("whole"));
    assert_eq!(found, expected, "{sql}");
}

#[test]
fn an_offset_is_paging_and_a_fence_is_none() {
    shows("SELECT id FROM orders ORDER BY id LIMIT $1 OFFSET $2", &["offset $2"]);
    shows("SELECT id FROM orders ORDER BY id LIMIT 10 OFFSET ($1 - 1) * 10", &["offset"]);
    shows("SELECT id FROM orders ORDER BY id LIMIT 20 OFFSET 4000", &["offset $1"]);
    shows("SELECT id FROM (SELECT id FROM orders OFFSET 0) o WHERE id = $1", &[]);
    shows("SELECT id FROM orders ORDER BY id LIMIT 20", &[]);
}

#[test]
fn what_conditions_or_parameters_connect_is_no_product() {
    let connected = |rest: &str| shows(&format!("SELECT o.id FROM {rest}"), &[]);
    connected("orders o, items i WHERE i.order_id = o.id");
    connected("orders o JOIN items USING (id)");
    connected("orders o NATURAL JOIN items i");
    connected("orders o JOIN items i ON i.order_id = o.id JOIN customers c ON c.id = o.customer_id");
    connected("orders o, items i WHERE o.id = $1 AND i.order_id = $1");
    connected("orders o, items i WHERE coalesce(o.status, i.product) = $1");
    connected("orders o, items i WHERE o.created_at < now() AND o.id + i.order_id = $1");
    connected("orders o, LATERAL (SELECT product FROM items i WHERE i.order_id = o.id) l");
    connected("orders o, generate_series(1, 3) AS n");
    connected("orders o, (SELECT max(quantity) AS most FROM items) m WHERE o.status = $1");
    connected("orders o, (VALUES (1), (2)) AS v (n)");
    connected("orders o, somewhere_else s WHERE s.x = o.id");
    connected("orders o, items i WHERE EXISTS (SELECT 1 FROM customers c WHERE c.id = o.customer_id AND c.name = i.product)");
    connected("customers o WHERE EXISTS (SELECT 1 FROM orders a, items b WHERE a.customer_id = o.id AND b.order_id = o.id)");
    connected("orders o, docs d WHERE o.ctid IS NOT NULL AND d.id > $1");
}

#[test]
fn what_nothing_connects_is_a_product() {
    shows("SELECT o.id FROM orders o, items i WHERE o.status = $1", &["unconnected [[0], [1]]"]);
    shows("SELECT o.id FROM orders o CROSS JOIN items i", &["unconnected [[0], [1]]"]);
    shows("SELECT o.id FROM orders o LEFT JOIN items i ON o.status = $1", &["unconnected [[0], [1]]"]);
    let forgotten = "SELECT o.id FROM orders o, items i, customers c WHERE c.id = o.customer_id AND i.product = $1";
    shows(forgotten, &["unconnected [[0, 2], [1]]"]);
    shows("UPDATE orders o SET status = $1 FROM items i WHERE i.product = $2", &["unconnected [[0], [1]]"]);
    shows("SELECT 1 FROM customers c WHERE c.id IN (SELECT o.customer_id FROM orders o, items i)", &["unconnected [[1], [2]]"]);
}

#[test]
fn an_or_across_tables_becomes_a_statement_for_each_branch() {
    shows(
        "SELECT o.id, c.name FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.is_paid AND (o.status = $1 OR c.region = $2) \
         ORDER BY id",
        &[
            "or [0, 1]: SELECT o.id, c.name FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.is_paid AND o.status = $1 \
           UNION ALL SELECT o.id, c.name FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.is_paid AND c.region = $2 AND \
           o.status = $1 IS NOT TRUE ORDER BY id",
        ],
    );
    // What binds weaker than IS is put in parentheses.
    let branches = "(NOT o.is_paid) OR (c.region = $1 AND c.is_active) OR c.name LIKE $2";
    let whole = constructs(&format!("SELECT o.id FROM orders o JOIN customers c ON c.id = o.customer_id WHERE {branches}"));
    let last = "c.name LIKE $2 AND (NOT o.is_paid OR (c.region = $1 AND c.is_active)) IS NOT TRUE";
    assert!(whole.iter().any(|construct| construct.contains(last)), "{whole:?}");
    let second = "(c.region = $1 AND c.is_active) AND (NOT o.is_paid) IS NOT TRUE";
    assert!(whole.iter().any(|construct| construct.contains(second)), "{whole:?}");
    let or = "SELECT o.id FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.status = $1 OR c.region = $2";
    for end in ["LIMIT 3", "GROUP BY o.id", "ORDER BY c.name", "FOR UPDATE OF o"] {
        shows(&format!("{or} {end}"), &["or [0, 1]"]);
    }
    shows(&or.replace("$1", "$1 AND random() < 0.5"), &["or [0, 1]"]);
    shows("SELECT id FROM orders WHERE status = $1 OR is_paid", &[]);
    shows("SELECT o.id FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.id = $1 OR (o.id = $2 AND c.id = $3)", &[]);
}

#[test]
fn not_in_becomes_not_exists_where_nothing_is_null() {
    shows(
        "SELECT name FROM customers c WHERE region = $1 AND id NOT IN (SELECT DISTINCT customer_id FROM orders WHERE status = $2 OR is_paid)",
        &[
            "not-in 0.id 1.customer_id: SELECT name FROM customers c WHERE region = $1 AND NOT EXISTS (SELECT 1 FROM orders WHERE \
           (status = $2 OR is_paid) AND customer_id = c.id)",
        ],
    );
    shows(
        "DELETE FROM customers WHERE id NOT IN (SELECT customer_id FROM orders)",
        &[
            "not-in 0.id 1.customer_id: DELETE FROM customers WHERE NOT EXISTS (SELECT 1 FROM orders WHERE customer_id = customers.id)",
        ],
    );
}

#[test]
fn not_in_stays_where_a_null_or_a_name_is_in_the_way() {
    let not_in = |test: &str, sub_select: &str, expected: &str| {
        shows(&format!("SELECT c.name FROM customers c WHERE {test} NOT IN ({sub_select})"), &[expected]);
    };
    not_in("c.name", "SELECT customer_id::text FROM orders", "not-in 0.name ? maybe null");
    not_in("c.id", "SELECT order_id FROM items", "not-in 0.id 1.order_id maybe null");
    not_in("c.id", "SELECT c.id FROM orders c", "not-in 0.id 1.id");
    not_in("c.id", "SELECT customer_id FROM orders LIMIT 3", "not-in 0.id 1.customer_id");
    let filled = "SELECT o.customer_id FROM items i LEFT JOIN orders o ON o.id = i.order_id";
    not_in("c.id", filled, "not-in 0.id 2.customer_id maybe null");
    not_in("c.id", "SELECT customer_id FROM open_orders", "not-in 0.id 1.customer_id maybe null");
    shows("SELECT 1 FROM customers WHERE id = $1 OR id NOT IN (SELECT customer_id FROM orders)", &["not-in 0.id 1.customer_id"]);
}

#[test]
fn no_literal_reaches_a_statement_that_is_written_otherwise() {
    let found = constructs("SELECT name FROM customers WHERE id NOT IN (SELECT customer_id FROM orders WHERE status = 'S3cret')");
    assert!(found.iter().any(|construct| construct.contains("NOT EXISTS")), "{found:?}");
    assert!(!found.iter().any(|construct| construct.contains("S3cret")), "{found:?}");
}

#[test]
fn a_cast_of_the_column_is_noted_and_no_index_serves() {
    shows("SELECT id FROM orders WHERE customer_id = $1::numeric", &["cast 0.customer_id to numeric"]);
    check(
        "SELECT id FROM orders WHERE customer_id = $1::numeric",
        &["orders: no customer_id: compared as numeric, to which the column is cast"],
    );
    shows("SELECT id FROM orders WHERE customer_id BETWEEN 1.5 AND 2", &["cast 0.customer_id to numeric"]);
    shows("SELECT id FROM orders WHERE customer_id = ANY ($1::float8[])", &["cast 0.customer_id to float8"]);
    shows("SELECT id FROM customers WHERE email = $1::citext", &["cast 0.email to citext"]);
    shows("SELECT d.id FROM docs d WHERE code = $1::text", &["cast 0.code to text"]);
    shows("SELECT i.id FROM items i JOIN orders o ON o.total = i.order_id", &["cast 0.order_id to numeric"]);
    for fine in
        ["customer_id = $1::int", "customer_id = 12345678901", "total = $1::int", "status = $1::varchar", "created_at > $1::date"]
    {
        shows(&format!("SELECT id FROM orders WHERE {fine}"), &[]);
    }
}

#[test]
fn stars_and_missing_limits_are_of_the_statement_itself() {
    assert_eq!(constructs("SELECT * FROM orders"), ["whole [0]", "unlimited, everything"]);
    assert_eq!(constructs("SELECT o.*, c.name FROM orders o JOIN customers c ON c.id = o.customer_id LIMIT 3"), ["whole [0]"]);
    assert_eq!(constructs("SELECT id FROM orders WHERE EXISTS (SELECT * FROM items)"), ["unlimited"]);
    assert_eq!(constructs("SELECT count(*) FROM orders"), Vec::<String>::new());
    assert_eq!(constructs("SELECT status, count(*) FROM orders GROUP BY status"), ["unlimited, everything"]);
    assert_eq!(constructs("DELETE FROM orders"), Vec::<String>::new());
}

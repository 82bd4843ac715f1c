//! Which table's column a name is.

mod common;
use common::check;

#[test]
fn aliases_schemas_and_unqualified_names_lead_to_their_table() {
    check("SELECT 1 FROM orders o WHERE o.id = $1", &["orders: = id"]);
    check("SELECT 1 FROM archive.orders WHERE archive.orders.id = $1", &["archive.orders: = id"]);
    check(
        "SELECT 1 FROM orders o, customers c WHERE region = $1 AND status = $2 AND o.customer_id = c.id",
        &["orders: = status; join customer_id", "customers: = region; join id"],
    );
    // The only table of that name, though its schema is not in the search path.
    check("SELECT 1 FROM leads WHERE owner = $1", &["sales.leads: = owner"]);
}

#[test]
fn joins_bind_both_sides() {
    check(
        "SELECT 1 FROM orders o JOIN customers c ON c.id = o.customer_id WHERE c.region = $1",
        &["orders: join customer_id", "customers: = region; join id"],
    );
    check("SELECT 1 FROM orders JOIN items USING (id)", &["orders: join id", "items: join id"]);
    check("SELECT 1 FROM orders NATURAL JOIN items WHERE id = $1", &["orders: = id; join id", "items: = id; join id"]);
    check("SELECT 1 FROM orders a JOIN orders b ON a.id = b.customer_id", &["orders: join id", "orders: join customer_id"]);
    check(
        "SELECT 1 FROM items i JOIN (orders o JOIN customers c ON o.customer_id = c.id) ON i.order_id = o.id",
        &["items: join order_id", "orders: join customer_id id", "customers: join id"],
    );
    check("SELECT 1 FROM orders o JOIN unnest($1::bigint[]) AS wanted(id) ON o.id = wanted.id", &["orders: join id"]);
}

#[test]
fn an_outer_join_does_not_filter_the_side_that_it_keeps() {
    check(
        "SELECT 1 FROM orders o LEFT JOIN items i ON i.order_id = o.id AND o.status = $1 AND i.product = $2",
        &["orders:", "items: = product; join order_id"],
    );
    check(
        "SELECT 1 FROM orders o LEFT JOIN items i ON i.order_id = o.id WHERE i.product = $1",
        &["orders: join id", "items: = product; join order_id"],
    );
    check(
        "SELECT 1 FROM orders o LEFT JOIN items i ON i.order_id = o.id WHERE i.id IS NULL",
        &["orders:", "items: = id; join order_id"],
    );
}

#[test]
fn sub_selects_join_or_filter() {
    check(
        "SELECT 1 FROM customers c WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = c.id AND o.status = $1)",
        &["customers: join id", "orders: = status; join customer_id"],
    );
    check(
        "SELECT 1 FROM customers c WHERE NOT EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = c.id)",
        &["customers:", "orders: join customer_id"],
    );
    check(
        "SELECT 1 FROM customers WHERE id IN (SELECT customer_id FROM orders WHERE status = $1)",
        &["customers: join id", "orders: = status; join customer_id"],
    );
    check(
        "SELECT 1 FROM customers WHERE id NOT IN (SELECT customer_id FROM orders)",
        &["customers: no id: NOT IN (sub-select)", "orders:"],
    );
    check(
        "SELECT (SELECT count(*) FROM items i WHERE i.order_id = o.id) FROM orders o WHERE o.status = $1",
        &["orders: = status", "items: join order_id"],
    );
    check(
        "SELECT 1 FROM orders o WHERE total = (SELECT max(quantity) FROM items i WHERE i.order_id = o.id)",
        &[
            "orders: no total: compared with an expression of the same table; no id: a sub-select over the column",
            "items: join order_id; by quantity desc; limit",
        ],
    );
}

#[test]
fn conditions_pass_through_derived_tables_where_the_planner_passes_them() {
    check("SELECT 1 FROM (SELECT id, status AS s FROM orders) d WHERE d.s = $1", &["orders: = status"]);
    check("SELECT 1 FROM (SELECT * FROM orders LIMIT 10) d WHERE d.status = $1", &["orders: limit"]);
    check(
        "SELECT 1 FROM (SELECT id FROM orders UNION ALL SELECT id FROM items) d WHERE id = $1",
        &["orders: = id", "items: = id"],
    );
    check("WITH d AS (SELECT * FROM orders) SELECT 1 FROM d WHERE status = $1", &["orders: = status"]);
    check("WITH d AS MATERIALIZED (SELECT * FROM orders) SELECT 1 FROM d WHERE status = $1", &["orders:"]);
    check("WITH d AS (SELECT * FROM orders) SELECT 1 FROM d a JOIN d b ON a.id = b.id WHERE a.status = $1", &["orders:"]);
    check("WITH orders AS (SELECT * FROM items) SELECT 1 FROM orders WHERE product = $1", &["items: = product"]);
    check(
        "WITH RECURSIVE tree AS (SELECT id FROM orders WHERE id = $1 UNION ALL SELECT o.id FROM orders o JOIN tree t ON o.customer_id = t.id) \
         SELECT 1 FROM tree WHERE id = $2",
        &["orders: = id", "orders: join customer_id"],
    );
    check(
        "SELECT 1 FROM (orders JOIN items USING (id)) AS j WHERE j.id = $1",
        &["orders: = id; join id", "items: = id; join id"],
    );
}

#[test]
fn lateral_sub_selects_see_their_neighbours() {
    check(
        "SELECT 1 FROM customers c CROSS JOIN LATERAL \
         (SELECT * FROM orders o WHERE o.customer_id = c.id ORDER BY o.created_at DESC LIMIT 1) latest WHERE c.region = $1",
        &["customers: = region", "orders: join customer_id; by created_at desc; limit"],
    );
}

#[test]
fn orders_and_limits_belong_to_the_table_of_all_sort_columns() {
    check("SELECT id, status FROM orders ORDER BY 2, id DESC LIMIT 5", &["orders: by status, id desc; limit"]);
    check("SELECT created_at AS at FROM orders ORDER BY at DESC NULLS LAST", &["orders: by created_at desc nulls last"]);
    check("SELECT * FROM orders ORDER BY created_at FETCH FIRST 3 ROWS ONLY", &["orders: by created_at; limit"]);
    check("SELECT * FROM orders ORDER BY lower(status), id", &["orders: by lower(status), id"]);
    check(
        "SELECT o.id FROM orders o JOIN customers c ON c.id = o.customer_id ORDER BY c.name, o.id LIMIT 5",
        &["orders: join customer_id; limit", "customers: join id; limit"],
    );
    check("SELECT status, count(*) FROM orders GROUP BY status ORDER BY count(*) LIMIT 5", &["orders:"]);
    check("SELECT max(created_at) FROM orders WHERE customer_id = $1", &["orders: = customer_id; by created_at desc; limit"]);
    check("SELECT count(*) FROM orders LIMIT ALL", &["orders:"]);
    check("SELECT * FROM (SELECT * FROM orders) d ORDER BY d.id LIMIT 1", &["orders: by id; limit"]);
}

#[test]
fn writes_name_what_they_change() {
    check(
        "INSERT INTO orders (id, status) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET status = excluded.status",
        &["orders: writes all"],
    );
    check(
        "INSERT INTO archive.orders SELECT id, customer_id FROM orders WHERE status = $1",
        &["archive.orders: writes all", "orders: = status"],
    );
    check("UPDATE orders SET status = $1, total = total + 1 WHERE id = $2", &["orders: = id; writes status total"]);
    check(
        "UPDATE orders o SET status = $1 FROM customers c WHERE c.id = o.customer_id AND c.region = $2",
        &["orders: join customer_id; writes status", "customers: = region; join id"],
    );
    check(
        "UPDATE orders SET (status, total) = (SELECT product, quantity FROM items WHERE order_id = $1) WHERE id = $1",
        &["orders: = id; writes status total", "items: = order_id"],
    );
    check(
        "DELETE FROM items USING orders o WHERE order_id = o.id AND o.status = $1",
        &["items: join order_id; writes all", "orders: = status; join id"],
    );
    check(
        "WITH gone AS (DELETE FROM orders WHERE status = $1 RETURNING *) INSERT INTO archive.orders SELECT id, customer_id FROM gone",
        &["orders: = status; writes all", "archive.orders: writes all"],
    );
    check(
        "MERGE INTO orders o USING items i ON o.id = i.order_id WHEN MATCHED THEN UPDATE SET total = i.quantity",
        &["orders: join id; writes total", "items: join order_id"],
    );
    check(
        "MERGE INTO orders o USING items i ON o.id = i.order_id WHEN MATCHED THEN UPDATE SET total = 1 WHEN NOT MATCHED THEN INSERT (id) VALUES (i.order_id)",
        &["orders: join id; writes all", "items: join order_id"],
    );
}

#[test]
fn tables_in_unusual_places_are_found() {
    check("SELECT 1 FROM orders TABLESAMPLE system (1) WHERE status = $1", &["orders: = status"]);
    check(
        "SELECT CASE WHEN EXISTS (SELECT 1 FROM items WHERE product = $1) THEN 1 END FROM orders",
        &["orders:", "items: = product"],
    );
    check(
        "SELECT 1 FROM customers ORDER BY (SELECT max(id) FROM orders o WHERE o.customer_id = customers.id)",
        &["customers:", "orders: join customer_id; by id desc; limit"],
    );
}

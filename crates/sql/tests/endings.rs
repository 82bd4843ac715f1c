//! Order, grouping, limits, the columns that are needed, and writes.

mod common;
use common::{needed, says, words};

#[test]
fn orders_can_be_of_expressions_and_distances() {
    says("SELECT * FROM orders ORDER BY lower(status) DESC, id LIMIT 5", &["by lower(status) desc, id", "limit"]);
    says("SELECT lower(status) AS s FROM orders ORDER BY s", &["by lower(status)"]);
    says("SELECT lower(status) FROM orders ORDER BY 1", &["by lower(status)"]);
    says("SELECT * FROM docs ORDER BY place <-> $1 LIMIT 5", &["by place <->", "limit"]);
    says("SELECT * FROM docs ORDER BY point '(0,0)' <-> place, id LIMIT 5", &["by place <->, id", "limit"]);
    // What no index can hold gives no order.
    says("SELECT * FROM docs ORDER BY at::date", &[]);
    says("SELECT * FROM docs ORDER BY at::date, id", &[]);
}

#[test]
fn groups_and_distinct_rows_name_their_keys() {
    says("SELECT status, count(*) FROM orders GROUP BY status", &["group status"]);
    says("SELECT status, count(*) FROM orders GROUP BY 1 ORDER BY 1", &["by status", "group status"]);
    says("SELECT date_trunc('day', local_at) AS day FROM docs GROUP BY day", &["group date_trunc('day', local_at)"]);
    // An input column goes before an output column of the same name.
    says("SELECT lower(status) AS status FROM orders GROUP BY status", &["group status"]);
    says("SELECT status FROM orders GROUP BY ROLLUP (status, total)", &[]);
    says("SELECT DISTINCT status, total FROM orders", &["distinct status, total"]);
    says(
        "SELECT DISTINCT ON (customer_id) customer_id, total FROM orders ORDER BY customer_id, created_at DESC",
        &["by customer_id, created_at desc", "distinct customer_id"],
    );
    says("SELECT o.status, c.region FROM orders o, customers c GROUP BY o.status, c.region", &[]);
}

#[test]
fn windows_order_when_nothing_else_does() {
    says("SELECT rank() OVER (PARTITION BY status ORDER BY total DESC) FROM orders", &["by status, total desc"]);
    says("SELECT rank() OVER w FROM orders WINDOW w AS (PARTITION BY status ORDER BY total)", &["by status, total"]);
    says("SELECT rank() OVER (ORDER BY total) FROM orders ORDER BY id", &["by id"]);
}

#[test]
fn limits_reach_the_rows_that_are_returned_as_they_are() {
    says("SELECT * FROM orders FOR UPDATE SKIP LOCKED LIMIT 1", &["limit"]);
    says("SELECT DISTINCT status FROM orders LIMIT 3", &["distinct status"]);
    says("SELECT min(total) FROM orders", &["by total", "limit"]);
}

#[test]
fn needed_columns_are_those_whose_values_are_used() {
    assert_eq!(needed("SELECT count(*) FROM orders"), "");
    assert_eq!(needed("SELECT FROM orders WHERE status = $1"), "status");
    assert_eq!(needed("SELECT id FROM orders WHERE lower(status) = $1 ORDER BY total"), "id status total");
    assert_eq!(needed("SELECT * FROM items"), "id order_id product quantity");
    assert_eq!(needed("SELECT i.* FROM items i, orders o"), "id order_id product quantity");
    assert_eq!(needed("SELECT row_to_json(i) FROM items i"), "id order_id product quantity");
    assert_eq!(needed("SELECT FROM items JOIN orders USING (id)"), "id");
    assert_eq!(needed("SELECT d.id FROM (SELECT * FROM items) d WHERE d.product = $1"), "id product");
    assert_eq!(needed("SELECT FROM orders WHERE EXISTS (SELECT * FROM items WHERE order_id = orders.id)"), "id");
    assert_eq!(needed("SELECT FROM items WHERE id IN (SELECT * FROM items)"), "id");
    assert_eq!(needed("WITH d AS (SELECT * FROM items) SELECT id FROM d"), "id");
    assert_eq!(needed("WITH d AS (SELECT * FROM items) SELECT a.id FROM d a, d b"), "id order_id product quantity");
    assert_eq!(needed("SELECT id FROM items UNION SELECT id FROM orders"), "id");
    assert_eq!(needed("SELECT sum(quantity) OVER (PARTITION BY product) FROM items"), "product quantity");
    assert_eq!(needed("DELETE FROM items WHERE id = $1 RETURNING product"), "id product");
    assert_eq!(needed("UPDATE items SET quantity = quantity + 1 WHERE id = $1"), "id quantity");
    assert_eq!(needed("INSERT INTO items (id) VALUES ($1)"), "");
}

#[test]
fn writes_have_their_kind() {
    let all = "id order_id product quantity";
    says("INSERT INTO items (id) VALUES ($1)", &[&format!("insert {all}")]);
    says("INSERT INTO items (id) VALUES ($1) ON CONFLICT DO NOTHING", &[&format!("insert {all}")]);
    says(
        "INSERT INTO items (id) VALUES ($1) ON CONFLICT (id) DO UPDATE SET product = excluded.product",
        &[&format!("upsert {all}")],
    );
    says("UPDATE items SET product = $1, quantity = $2", &["update product quantity"]);
    says("DELETE FROM ONLY items", &[&format!("delete {all}")]);
    says(
        "MERGE INTO items i USING orders o ON i.order_id = o.id WHEN MATCHED THEN UPDATE SET quantity = 1",
        &["join order_id = 1.id by btree, hash", "merge quantity"],
    );
    says("SELECT * FROM items FOR UPDATE", &[]);
    says("COPY items (id, product) FROM STDIN", &[&format!("copy {all}")]);
    assert_eq!(
        words("WITH gone AS (DELETE FROM items WHERE id = $1 RETURNING *) SELECT * FROM gone"),
        [["equal id = $1 by btree, hash", "delete id order_id product quantity"]]
    );
}

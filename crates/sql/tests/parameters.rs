//! Parameters: what each of them is for.

mod common;
use common::roles;

#[track_caller]
fn check(sql: &str, expected: &[&str]) {
    assert_eq!(roles(sql), expected, "{sql}");
}

#[test]
fn compared_with_a_column() {
    check("SELECT FROM orders WHERE status = $1 AND $2 < total", &["$1 orders.status =", "$2 orders.total >"]);
    check(
        "SELECT FROM orders WHERE id = $1::int AND created_at > date $2",
        &["$1::int4 orders.id =", "$2::date orders.created_at >"],
    );
    check("SELECT FROM orders WHERE status <> $1 AND NOT total < $2", &["$1 orders.status <>", "$2 orders.total >="]);
    check("SELECT FROM orders WHERE is_paid = true", &["$1 orders.is_paid ="]);
    check("SELECT FROM customers WHERE email::text = $1", &["$1 customers.email ="]);
    check("SELECT FROM docs WHERE tags @> $1 AND $2 = ANY (tags)", &["$1 docs.tags @>", "$2 docs.tags = ANY"]);
}

#[test]
fn lists_bounds_and_rows() {
    check("SELECT FROM orders WHERE status IN ($1, 'x')", &["$1 orders.status =", "$2 orders.status ="]);
    check("SELECT FROM orders WHERE status NOT IN ($1, $2)", &["$1 orders.status <>", "$2 orders.status <>"]);
    check(
        "SELECT FROM orders WHERE id = ANY ($1) OR id = ANY ($2::bigint[])",
        &["$1 orders.id = array", "$2::int8[] orders.id = array"],
    );
    check("SELECT FROM orders WHERE id = ANY (ARRAY[$1, $2])", &["$1 orders.id =", "$2 orders.id ="]);
    check("SELECT FROM orders WHERE total BETWEEN $1 AND $2", &["$1 orders.total >=", "$2 orders.total <="]);
    check("SELECT FROM orders WHERE (created_at, id) < ($1, $2)", &["$1 orders.created_at <", "$2 orders.id <"]);
    check("SELECT FROM orders WHERE (id, status) IN (($1, $2))", &["$1 orders.id =", "$2 orders.status ="]);
}

#[test]
fn compared_with_what_is_made_of_a_column() {
    check("SELECT FROM orders WHERE lower(status) = $1", &["$1 orders.status = as lower(status)"]);
    check("SELECT FROM orders WHERE lower(status) = lower($1)", &["$1 orders.status ="]);
    check("SELECT FROM orders WHERE created_at::date = $1", &["$1 orders.created_at = as created_at::date"]);
    check("SELECT FROM docs WHERE payload ->> 'a' = $1", &["$1 docs.payload = as payload ->> 'a'", "$2 key in docs.payload"]);
    check("SELECT count(*) FILTER (WHERE status = $1) FROM orders", &["$1 orders.status ="]);
    check("SELECT CASE WHEN total > $1 THEN 'a' END FROM orders", &["$1 orders.total >", "$2 free"]);
}

#[test]
fn patterns() {
    check("SELECT FROM orders WHERE status LIKE $1", &["$1 pattern ~~ of orders.status"]);
    check("SELECT FROM orders WHERE status NOT ILIKE $1", &["$1 pattern ~~* of orders.status"]);
    check("SELECT FROM orders WHERE status ~* 'x'", &["$1 pattern ~* of orders.status"]);
    check("SELECT FROM orders WHERE status SIMILAR TO $1", &["$1 pattern SIMILAR TO of orders.status"]);
    check("SELECT FROM orders WHERE status LIKE $1 ESCAPE '!'", &["$1 pattern ~~ of orders.status", "$2 free"]);
    check("SELECT FROM orders WHERE lower(status) LIKE lower($1)", &["$1 pattern ~~ of orders.status"]);
}

#[test]
fn offsets_and_intervals() {
    check("SELECT FROM orders WHERE created_at > now() - $1", &["$1 offset of orders.created_at"]);
    check("SELECT FROM orders WHERE created_at > now() - interval '1 day'", &["$1::interval offset of orders.created_at"]);
    check("SELECT FROM orders WHERE created_at + interval '1 day' > now()", &["$1::interval offset of orders.created_at"]);
    check("SELECT now() - interval '1 day' FROM orders", &["$1::interval interval"]);
    check(
        "SELECT FROM orders WHERE created_at > $1::timestamptz - ($2 || $3)::interval",
        &["$1::timestamptz offset of orders.created_at", "$2 free", "$3 free"],
    );
}

#[test]
fn limits() {
    check("SELECT FROM orders LIMIT $1 OFFSET $2", &["$1 rowlimit", "$2 rowoffset"]);
    check("SELECT FROM orders FETCH FIRST 5 ROWS ONLY", &["$1 rowlimit"]);
    check("SELECT FROM orders UNION SELECT FROM items LIMIT $1", &["$1 rowlimit"]);
}

#[test]
fn assigned_values() {
    check(
        "INSERT INTO items (product, id) VALUES ($1, $2), ($3, $4)",
        &["$1 to items.product", "$2 to items.id", "$3 to items.product", "$4 to items.id"],
    );
    check("INSERT INTO items VALUES ($1, $2)", &["$1 to items.id", "$2 to items.order_id"]);
    check("INSERT INTO items (product) SELECT $1 FROM orders WHERE id = $2", &["$1 to items.product", "$2 orders.id ="]);
    check("UPDATE items SET product = $1, quantity = quantity + $2", &["$1 to items.product", "$2 offset of items.quantity"]);
    check(
        "UPDATE items SET (product, quantity) = ($1, $2::int) WHERE id = $3",
        &["$1 to items.product", "$2::int4 to items.quantity", "$3 items.id ="],
    );
    check(
        "INSERT INTO items (id) VALUES ($1) ON CONFLICT (id) DO UPDATE SET product = $2",
        &["$1 to items.id", "$2 to items.product"],
    );
    check(
        "MERGE INTO items i USING orders o ON i.order_id = o.id WHEN MATCHED THEN UPDATE SET product = $1 WHEN NOT MATCHED THEN INSERT (quantity) VALUES ($2)",
        &["$1 to items.product", "$2 to items.quantity"],
    );
}

#[test]
fn documents_and_texts() {
    check("SELECT payload -> $1 -> $2 FROM docs", &["$1 key in docs.payload", "$2 key in docs.payload"]);
    check("SELECT FROM docs WHERE payload #>> $1 = $2", &["$1 key in docs.payload", "$2 docs.payload = as payload #>> $1"]);
    check("SELECT payload['a'] FROM docs", &["$1 key in docs.payload"]);
    check("SELECT FROM docs WHERE payload @> $1::jsonb", &["$1::jsonb docs.payload @>"]);
    check("SELECT FROM docs WHERE search @@ to_tsquery('english', $1)", &["$1 fulltext", "$2 free"]);
    check("SELECT FROM docs WHERE search @@ $1", &["$1 fulltext"]);
    check("SELECT ts_rank(search, websearch_to_tsquery($1)) FROM docs", &["$1 fulltext"]);
}

#[test]
fn gaps_and_the_rest_are_free() {
    check("SELECT FROM orders WHERE id = $3", &["$1 free", "$2 free", "$3 orders.id ="]);
    check("SELECT status FROM orders GROUP BY status HAVING count(*) > $1 AND sum(total) > $2", &["$1 free", "$2 free"]);
    check("SELECT $1 || status FROM orders", &["$1 free"]);
    check("SELECT status FROM orders WHERE $1 = $2", &["$1 free", "$2 free"]);
}

#[test]
fn a_column_is_that_of_the_table_it_comes_from() {
    check("SELECT FROM (SELECT status AS s FROM orders LIMIT $1) d WHERE d.s = $2", &["$1 rowlimit", "$2 orders.status ="]);
    check(
        "WITH RECURSIVE t AS (SELECT id FROM orders UNION ALL SELECT o.id FROM orders o JOIN t ON o.customer_id = t.id) SELECT id FROM t WHERE id = $1",
        &["$1 orders.id ="],
    );
    check("SELECT id FROM orders WHERE $1 IN (SELECT product FROM items)", &["$1 items.product ="]);
}

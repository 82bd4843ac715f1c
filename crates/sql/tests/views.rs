//! Views: their tables, their conditions, and writing through them.

mod common;
use common::{needed, recorded, roles, says, understand, words};

#[test]
fn a_view_is_the_sub_select_of_its_definition() {
    says(
        "SELECT number FROM open_orders v WHERE v.customer_id = $1 ORDER BY at DESC LIMIT 5",
        &[
            "null paid_at by btree",
            "other status <> computed() no: <>",
            "equal customer_id = $1 by btree, hash",
            "by created_at desc",
            "limit",
            "through open_orders",
        ],
    );
    assert_eq!(needed("SELECT number FROM open_orders WHERE customer_id = $1"), "customer_id id paid_at status");
}

#[test]
fn views_can_be_made_of_views() {
    says(
        "SELECT * FROM recent WHERE number = $1",
        &[
            "null paid_at by btree",
            "other status <> computed() no: <>",
            "range created_at > computed() by btree, brin",
            "equal id = $1 by btree, hash",
            "through recent open_orders",
        ],
    );
}

#[test]
fn expressions_of_views_keep_the_schemas_constants() {
    says("SELECT id FROM people WHERE email_key = $1", &["equal lower(email::text) = $1 by btree, hash", "through people"]);
    says(
        "SELECT id FROM people WHERE label = 'Eve'",
        &["equal COALESCE(name, 'nobody'::text) = $1 by btree, hash", "through people"],
    );
    says(
        "SELECT id FROM people WHERE upper(label) = 'Eve'",
        &["equal upper(COALESCE(name, 'nobody'::text)) = $1 by btree, hash", "through people"],
    );
    assert_eq!(
        roles("SELECT id FROM people WHERE email_key = 'x' AND id > $1"),
        ["$1 customers.id >", "$2 customers.email = as lower(email::text)"]
    );
}

#[test]
fn conditions_on_groups_pass_to_the_table() {
    assert_eq!(
        words("SELECT n FROM order_totals WHERE region = $1 AND n > $2"),
        [
            vec!["join customer_id = 1.id by btree, hash", "through order_totals"],
            vec!["join id = 0.customer_id by btree, hash", "equal region = $1 by btree, hash", "through order_totals"]
        ]
    );
}

#[test]
fn writes_reach_the_table_of_a_simple_view() {
    says(
        "UPDATE open_orders SET status = $1 WHERE number = $2",
        &[
            "null paid_at by btree",
            "other status <> computed() no: <>",
            "equal id = $2 by btree, hash",
            "update status",
            "through open_orders",
        ],
    );
    says(
        "INSERT INTO open_orders (number, status) VALUES ($1, $2)",
        &["insert id customer_id status total created_at is_paid paid_at", "through open_orders"],
    );
    assert_eq!(roles("INSERT INTO open_orders (number, status) VALUES ($1, $2)"), ["$1 to orders.id", "$2 to orders.status"]);
    assert!(words("DELETE FROM recent WHERE number = $1")[0].contains(&"through recent open_orders".to_owned()));
}

#[test]
fn what_cannot_be_read_has_its_reason() {
    let reason = |sql: &str| understand(&[recorded(sql, 1, 1.0)]).skipped[0].reason.clone();
    assert!(reason("SELECT * FROM hidden").starts_with("hidden is a view"));
    assert!(reason("SELECT * FROM broken").starts_with("broken is a view"));
    assert!(reason("SELECT * FROM loop_a").starts_with("loop_a is a view"));
    assert!(reason("UPDATE order_totals SET n = 1").starts_with("order_totals is a view that is more than a selection"));
    // Beside a table it is something with unknown columns.
    says("SELECT * FROM orders o JOIN hidden h ON h.id = o.id WHERE h.status = $1", &["join id = elsewhere by btree, hash"]);
}

#[test]
fn a_view_inside_a_sub_select_does_not_correlate_it() {
    says("SELECT FROM orders WHERE total = (SELECT max(n) FROM order_totals)", &["equal total = computed() by btree, hash"]);
}

//! Conditions on one table: which of them an index could serve.

mod common;
use common::check;

#[track_caller]
fn orders(condition: &str, expected: &str) {
    check(&format!("SELECT * FROM orders WHERE {condition}"), &[&format!("orders: {expected}")]);
}

#[test]
fn constants_parameters_and_stable_functions_are_equalities() {
    orders("id = $1", "= id");
    orders("$1 = id", "= id");
    orders("id = 7 AND status = $2::text", "= id status");
    orders("customer_id IN ($1, $2, $3)", "= customer_id");
    orders("customer_id = ANY ($1)", "= customer_id");
    orders("paid_at IS NULL", "= paid_at");
    orders("created_at = now()", "= created_at");
    orders("(customer_id, status) = ($1, $2)", "= customer_id status");
    orders("(customer_id, status) IN (($1, $2), ($3, $4))", "= customer_id status");
    orders("total = (SELECT max(quantity) FROM generate_series(1, 2) AS quantity)", "= total");
}

#[test]
fn bounds_are_ranges() {
    orders("created_at >= now() - interval $1", "< created_at");
    orders("created_at > $1 AND created_at <= $2", "< created_at");
    orders("total BETWEEN $1 AND $2", "< total");
    orders("NOT (total < $1)", "< total");
    orders("status LIKE 'ne%'", "< status");
    orders("status LIKE 'new'", "= status");
    // A comparison of rows bounds the first part only.
    orders("(created_at, id) < ($1, $2)", "< created_at");
    orders("id = $1 AND id > $2", "= id");
}

#[test]
fn boolean_columns_alone_are_equalities() {
    orders("is_paid", "= is_paid");
    orders("NOT is_paid", "= is_paid");
    orders("is_paid IS TRUE AND status = $1", "= is_paid status");
    orders("is_paid IS NOT TRUE", "no is_paid: a negated test of truth");
}

#[test]
fn what_no_btree_serves_has_its_reason() {
    orders("status LIKE $1", "pattern status; no status: LIKE with a pattern that is not known before it runs");
    orders("status LIKE '%new'", "no status: LIKE with a wildcard first");
    orders("status NOT LIKE 'new%'", "no status: NOT LIKE");
    orders("status ILIKE 'new%'", "no status: ILIKE");
    orders("status ~ $1", "pattern status; no status: ~ with a pattern that is not known before it runs");
    orders("status ~ 'new'", "no status: operator ~, which a B-tree does not serve");
    orders("lower(status) = $1", "no status: it is hidden in the expression lower(status)");
    orders(
        "created_at::date = $1",
        "no created_at: a cast to date, which is not immutable (it depends on a setting or the catalog), so no index can hold it",
    );
    orders("total + 1 > $1", "no total: it is hidden in the expression total + 1");
    orders("status <> $1", "no status: <>");
    orders("status NOT IN ($1, $2)", "no status: NOT IN");
    orders("total NOT BETWEEN $1 AND $2", "no total: NOT BETWEEN");
    orders("paid_at IS NOT NULL", "no paid_at: IS NOT NULL, which suits the predicate of a partial index, not a key");
    orders("id = random()", "no id: compared with the volatile function random()");
    orders(
        "paid_at = created_at",
        "no paid_at: compared with another column of the same table; no created_at: compared with another column of the same table",
    );
    check(
        "SELECT * FROM customers WHERE tags @> $1 AND tags ->> $2 = $3",
        &[
            "customers: no tags: operator @>, which a B-tree does not serve; no tags: an expression with a constant that is not shown, and no index can be made of it without",
        ],
    );
}

#[test]
fn casts_that_change_nothing_do_not_hide_the_column() {
    check("SELECT * FROM customers WHERE email::text = $1", &["customers: = email"]);
    orders("id::bigint = $1 AND id::text = $2", "= id; no id: it is hidden in the expression id::text");
}

#[test]
fn or_bounds_a_column_only_when_every_branch_does() {
    orders("status = $1 OR status = $2", "= status");
    orders("paid_at IS NULL OR paid_at > $1", "< paid_at");
    orders("customer_id = $1 OR status = $2", "or [customer_id | status]");
    orders("$1 IS NULL OR status = $2", "or [ | status]");
    orders(
        "(customer_id = $1 AND status = $2) OR (customer_id = $3 AND is_paid)",
        "= customer_id; or [customer_id status | customer_id is_paid]",
    );
    orders("NOT (status = $1 OR customer_id = $2)", "no status: <>; no customer_id: <>");
    orders("NOT (status <> $1 OR customer_id <> $2)", "= status customer_id");
    check(
        "SELECT * FROM customers WHERE name ILIKE $1 OR email ILIKE $1",
        &["customers: or [name | email]; no name: ILIKE; no email: ILIKE"],
    );
}

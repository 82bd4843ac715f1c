//! `OR`: what folds into one predicate, and what stays as branches.

mod common;
use common::{says, words};

#[track_caller]
fn orders(condition: &str, expected: &[&str]) {
    says(&format!("SELECT FROM orders WHERE {condition}"), expected);
}

#[test]
fn branches_on_one_subject_fold() {
    orders("status = $1 OR status = $2", &["oneof status = $1,$2 by btree, hash"]);
    orders("status = $1 OR status IN ($2, $3)", &["oneof status = $1,$2,$3 by btree, hash"]);
    orders("paid_at IS NULL OR paid_at > $1", &["range paid_at > $1 by btree"]);
    orders("total < $1 OR total > $2", &["range total < $1,$2 by btree, brin"]);
    orders("lower(status) = $1 OR lower(status) = $2", &["oneof lower(status) = $1,$2 by btree, hash"]);
    orders(
        "status LIKE 'a%' OR status LIKE 'b%'",
        &["prefix status ~~ $1,$2 by btree text_pattern_ops, spgist, gin gin_trgm_ops"],
    );
    orders("status LIKE 'a%' OR status LIKE '%b'", &["pattern status ~~ $1,$2 by gin gin_trgm_ops"]);
}

#[test]
fn branches_on_several_subjects_stay() {
    orders("customer_id = $1 OR status = $2", &["or [equal customer_id = $1 by btree, hash | equal status = $2 by btree, hash]"]);
    orders(
        "customer_id = $1 OR (status = $2 AND is_paid) OR total > $3",
        &[
            "or [equal customer_id = $1 by btree, hash | equal status = $2 by btree, hash and equal is_paid true by btree, hash | range total > $3 by btree, brin]",
        ],
    );
    orders(
        "customer_id = $1 OR (status = $2 OR total = $3)",
        &["or [equal customer_id = $1 by btree, hash | equal status = $2 by btree, hash | equal total = $3 by btree, hash]"],
    );
    // Patterns that share no way of serving them are a union of two scans.
    orders(
        "status = $1 OR status ILIKE $2",
        &["or [equal status = $1 by btree, hash | pattern status ~~* $2 by gin gin_trgm_ops, gist gist_trgm_ops]"],
    );
}

#[test]
fn what_every_branch_says_holds_of_the_whole() {
    orders(
        "(customer_id = $1 AND status = $2) OR (customer_id = $3 AND is_paid)",
        &[
            "oneof customer_id = $1,$3 by btree, hash",
            "or [equal customer_id = $1 by btree, hash and equal status = $2 by btree, hash | equal customer_id = $3 by btree, hash and equal is_paid true by btree, hash]",
        ],
    );
}

#[test]
fn what_every_branch_says_in_the_same_words_is_said_once() {
    orders(
        "(customer_id = $1 AND status = $2) OR (customer_id = $1 AND total > $3)",
        &["equal customer_id = $1 by btree, hash", "or [equal status = $2 by btree, hash | range total > $3 by btree, brin]"],
    );
    assert_eq!(
        words(
            "SELECT FROM orders o, items i WHERE (i.order_id = o.id AND o.status = $1) OR (i.order_id = o.id AND o.total > $2)"
        )[0],
        ["join id = 1.order_id by btree, hash", "or [equal status = $1 by btree, hash | range total > $2 by btree, brin]"]
    );
}

#[test]
fn a_branch_that_says_nothing_of_the_table_is_empty() {
    orders("$1 IS NULL OR status = $2", &["or [ | equal status = $2 by btree, hash]"]);
    assert_eq!(
        words("SELECT FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.status = $1 OR c.region = $2"),
        [
            ["join customer_id = 1.id by btree, hash", "or [equal status = $1 by btree, hash | ]"],
            ["join id = 0.customer_id by btree, hash", "or [ | equal region = $2 by btree, hash]"]
        ]
    );
}

#[test]
fn negation_turns_or_and_and_around() {
    orders("NOT (status <> $1 OR total < $2)", &["equal status = $1 by btree, hash", "range total >= $2 by btree, brin"]);
    orders(
        "NOT (status <> $1 AND customer_id <> $2)",
        &["or [equal status = $1 by btree, hash | equal customer_id = $2 by btree, hash]"],
    );
}

#[test]
fn an_or_does_not_filter_the_side_that_an_outer_join_keeps() {
    assert_eq!(
        words("SELECT FROM orders o LEFT JOIN items i ON i.order_id = o.id AND (o.status = $1 OR i.product = $2)"),
        [vec![], vec!["join order_id = 0.id by btree, hash", "or [ | equal product = $2 by btree, hash]"]]
    );
}

#[test]
fn a_sub_select_below_or_is_no_join() {
    assert_eq!(
        words("SELECT FROM orders WHERE status = $1 OR id IN (SELECT order_id FROM items WHERE product = $2)"),
        [
            vec!["or [equal status = $1 by btree, hash | other id no: IN (sub-select) below OR, which is no join]"],
            vec!["equal product = $2 by btree, hash"]
        ]
    );
}

//! The queries of TPC-H: all are understood, and some by hand.

mod common;
#[path = "schema/mod.rs"]
mod schema;
#[path = "script/mod.rs"]
mod script;

use common::{recorded, words_of};
use pgtailor_model::shape::Shape;
use schema::Schema;

/// The shapes of each query, in the order of the specification, with the name of their table.
fn queries() -> Vec<Vec<(String, Shape)>> {
    let mut schema = Schema::default();
    for statement in script::statements(include_str!("tpch/schema.sql")) {
        schema.apply(&tree(&statement));
    }
    let (catalog, search_path) = schema.catalog();
    let of = |sql: &String| {
        let workload = pgtailor_sql::understand(&[recorded(sql, 1, 1.0)], &catalog, &search_path);
        assert!(workload.skipped.is_empty(), "{sql}\n{:?}", workload.skipped);
        let named = |shape: &Shape| (catalog.table_by_oid(shape.table).expect("a table").name.name.clone(), shape.clone());
        workload.queries[0].shapes.iter().map(named).collect()
    };
    script::statements(include_str!("tpch/queries.sql")).iter().map(of).collect()
}

fn tree(sql: &str) -> pg_query::NodeEnum {
    let parsed = pg_query::parse(sql, 0).expect("valid SQL").protobuf.stmts.remove(0);
    parsed.stmt.and_then(|statement| statement.node).expect("a statement")
}

/// What is said of the table `name` in query `number`, at its first reference.
fn says(number: usize, name: &str) -> Vec<String> {
    let shapes = &queries()[number - 1];
    words_of(&shapes.iter().find(|(table, _)| table == name).expect("a reference to the table").1)
}

#[test]
fn every_query_has_a_shape_for_each_reference() {
    let counts: Vec<usize> = queries().iter().map(Vec::len).collect();
    assert_eq!(counts, [1, 9, 3, 2, 6, 1, 6, 8, 6, 4, 6, 2, 2, 2, 2, 3, 3, 4, 2, 5, 6, 3]);
}

#[test]
fn scans_have_their_bounds_and_order() {
    assert_eq!(
        says(1, "lineitem"),
        [
            "range l_shipdate <= computed($4,$5) by btree, brin",
            "by l_returnflag, l_linestatus",
            "group l_returnflag, l_linestatus"
        ]
    );
    assert_eq!(
        says(6, "lineitem"),
        [
            "range l_shipdate >= $1 by btree, brin",
            "range l_shipdate < computed($2,$3) by btree, brin",
            "range l_discount BETWEEN computed($4,$5,$6,$7) by btree, brin",
            "range l_quantity < $8 by btree, brin"
        ]
    );
}

#[test]
fn only_the_columns_that_are_used_are_needed() {
    let queries = queries();
    assert_eq!(queries[5][0].1.needed, ["l_discount", "l_extendedprice", "l_quantity", "l_shipdate"]);
    // EXISTS (SELECT * …) returns nothing.
    assert_eq!(queries[3][1].1.needed, ["l_commitdate", "l_orderkey", "l_receiptdate"]);
}

#[test]
fn an_or_of_two_tables_bounds_each() {
    assert_eq!(says(7, "nation"), ["join n_nationkey = 0.s_nationkey by btree, hash", "oneof n_name = $3,$5 by btree, hash"]);
}

#[test]
fn the_join_in_every_branch_of_an_or_is_a_join() {
    let words = says(19, "part");
    assert_eq!(
        words[..4],
        [
            "join p_partkey = 0.l_partkey by btree, hash",
            "oneof p_brand = $2,$15,$28 by btree, hash",
            "oneof p_container = $3,$4,$5,$6,$16,$17,$18,$19,$29,$30,$31,$32 by btree, hash",
            "range p_size BETWEEN $10,$11,$23,$24,$36,$37 by btree, brin"
        ]
    );
    assert!(
        words[4].starts_with("or [equal p_brand = $2 by btree, hash and oneof p_container = $3,$4,$5,$6 by btree, hash and ")
    );
}

#[test]
fn patterns_and_expressions_have_their_classes() {
    assert_eq!(
        says(20, "part"),
        [
            "prefix p_name ~~ $1 by btree varchar_pattern_ops, spgist, gin gin_trgm_ops",
            "join p_partkey = 2.ps_partkey by btree, hash"
        ]
    );
    assert_eq!(says(9, "part")[1], "pattern p_name ~~ $3 by gin gin_trgm_ops, gist gist_trgm_ops");
    assert_eq!(
        says(22, "customer"),
        [
            "oneof SUBSTRING(c_phone FROM 1 FOR 2) = $5,$6,$7,$8,$9,$10,$11 by btree, hash",
            "range c_acctbal > computed($12,$13,$14,$15,$16,$17,$18,$19,$20,$21) by btree, brin",
            "by SUBSTRING(c_phone FROM 1 FOR 2)",
            "group SUBSTRING(c_phone FROM 1 FOR 2)"
        ]
    );
}

//! Operators: how each compares, and which access method and operator class could be searched for it.

mod common;
use common::says;

#[track_caller]
fn docs(condition: &str, expected: &str) {
    says(&format!("SELECT FROM docs WHERE {condition}"), &[expected]);
}

#[track_caller]
fn orders(condition: &str, expected: &str) {
    says(&format!("SELECT FROM orders WHERE {condition}"), &[expected]);
}

#[test]
fn equality_is_served_by_btree_and_hash() {
    orders("status = $1", "equal status = $1 by btree, hash");
    orders("status IN ($1, $2)", "oneof status = $1,$2 by btree, hash");
    orders("status = ANY ($1)", "oneof status = $1 by btree, hash");
    orders("status = ANY (ARRAY[$1, $2])", "oneof status = $1,$2 by btree, hash");
    orders("is_paid", "equal is_paid true by btree, hash");
    orders("NOT is_paid", "equal is_paid false by btree, hash");
    orders("is_paid = false", "equal is_paid = false by btree, hash");
    orders("paid_at IS NULL", "null paid_at by btree");
    docs("mood = 'happy'", "equal mood = $1 by btree, hash");
    docs("tags = $1", "equal tags = $1 by btree, hash, gin");
    docs("place = $1", "equal place = $1 no: equality of geometric types, which no index serves");
    docs("raw = $1", "equal raw = $1 no: a type without equality");
}

#[test]
fn bounds_are_served_by_btree_and_brin() {
    orders("created_at > $1", "range created_at > $1 by btree, brin");
    orders("$1 > created_at", "range created_at < $1 by btree, brin");
    orders("NOT created_at > $1", "range created_at <= $1 by btree, brin");
    orders("total BETWEEN $1 AND $2", "range total BETWEEN $1,$2 by btree, brin");
    orders("total > ANY ($1)", "range total > $1 by btree, brin");
    orders("total BETWEEN SYMMETRIC $1 AND $2", "range total BETWEEN $1,$2 by btree, brin");
    orders("created_at > now() - interval '1 day'", "range created_at > computed($1) by btree, brin");
    orders("created_at > current_date", "range created_at > computed() by btree, brin");
    orders("(created_at, id) > ($1, $2)", "range created_at > $1 by btree");
    orders("total < (SELECT max(quantity) FROM items WHERE product = $1)", "range total < computed($1) by btree, brin");
}

#[test]
fn an_enumeration_has_no_brin_class() {
    docs("mood > $1", "range mood > $1 by btree");
}

#[test]
fn a_parameter_between_two_columns_bounds_both() {
    says(
        "SELECT FROM orders WHERE $1 BETWEEN created_at AND paid_at",
        &["range created_at <= $1 by btree, brin", "range paid_at >= $1 by btree, brin"],
    );
}

#[test]
fn a_prefix_is_served_in_the_order_of_bytes() {
    let patterns = "by btree text_pattern_ops, spgist, gin gin_trgm_ops";
    orders("status LIKE 'ne%'", &format!("prefix status ~~ $1 {patterns}"));
    orders("status ^@ 'ne'", "prefix status ^@ $1 by btree text_pattern_ops, spgist");
    orders("starts_with(status, 'ne')", "prefix status ^@ $1 by btree text_pattern_ops, spgist");
    orders("status ~ '^new'", &format!("prefix status ~ $1 {patterns}, gist gist_trgm_ops"));
    orders("status LIKE 'new'", "equal status ~~ $1 by btree, hash");
    docs("code LIKE 'ne%'", "prefix code ~~ $1 by btree bpchar_pattern_ops");
    says(
        "SELECT FROM customers WHERE email LIKE 'eve%'",
        &["prefix email ~~ $1 by btree varchar_pattern_ops, spgist, gin gin_trgm_ops"],
    );
}

#[test]
fn other_patterns_are_served_by_trigrams() {
    let trigrams = "by gin gin_trgm_ops, gist gist_trgm_ops";
    orders("status LIKE '%new%'", &format!("pattern status ~~ $1 {trigrams}"));
    orders("status ILIKE 'new%'", &format!("pattern status ~~* $1 {trigrams}"));
    orders("status ~ 'new'", &format!("pattern status ~ $1 {trigrams}"));
    orders("status ~* '^new'", &format!("pattern status ~* $1 {trigrams}"));
    orders("status SIMILAR TO 'new|old'", &format!("pattern status ~ $1 {trigrams}"));
    orders("status LIKE ANY (ARRAY['a%', 'b%'])", &format!("pattern status ~~ $1,$2 {trigrams}"));
    orders("status % 'new'", &format!("similarity status % $1 {trigrams}"));
    orders("'new' <% status", &format!("similarity status %> $1 {trigrams}"));
    docs("code LIKE '%ne%'", "pattern code ~~ $1 no: a pattern over a type that pads with spaces");
    orders("status NOT LIKE 'new%'", "other status no: NOT LIKE");
    orders("NOT status ILIKE 'new%'", "other status no: NOT ILIKE");
    orders("status !~ 'new'", "other status no: operator !~, a negated pattern");
}

#[test]
fn a_pattern_that_is_not_known_may_begin_with_a_letter() {
    orders("status LIKE $1", "pattern status ~~ $1 by gin gin_trgm_ops, gist gist_trgm_ops, btree text_pattern_ops");
    orders(
        "status LIKE $1 || '%'",
        "pattern status ~~ computed($1,$2) by gin gin_trgm_ops, gist gist_trgm_ops, btree text_pattern_ops",
    );
}

#[test]
fn documents_are_served_by_gin() {
    docs("payload @> $1", "containment payload @> $1 by gin jsonb_path_ops, gin");
    docs("$1 <@ payload", "containment payload @> $1 by gin jsonb_path_ops, gin");
    docs("payload ? 'kind'", "containment payload ? $1 by gin");
    docs("payload ?| $1", "containment payload ?| $1 by gin");
    docs("payload @? '$.a'", "containment payload @? $1 by gin jsonb_path_ops, gin");
    docs("payload @@ '$.a == 1'", "containment payload @@ $1 by gin jsonb_path_ops, gin");
    docs("payload <@ $1", "containment payload <@ $1 no: operator <@, which no index serves over this type");
    docs("raw @> $1", "containment raw @> $1 no: operator @>, which json does not have: jsonb does");
    docs("payload -> 'a' @> $1", "containment payload -> 'a' @> $1 by gin jsonb_path_ops, gin");
    docs("labels ? 'x'", "containment labels ? $1 by gin, gist");
}

#[test]
fn arrays_ranges_and_texts_have_their_own_classes() {
    docs("tags @> $1", "containment tags @> $1 by gin");
    docs("tags && ARRAY['a', 'b']", "containment tags && $1,$2 by gin");
    docs(
        "$1 = ANY (tags)",
        "containment tags = ANY $1 no: = ANY over the elements of a column; write column @> ARRAY[value], which GIN serves",
    );
    docs("during && $1", "containment during && $1 by gist, spgist");
    docs("during @> now()", "containment during @> computed() by gist, spgist");
    docs("at <@ $1", "containment at <@ $1 no: an element within a range; write it as two bounds");
    docs("search @@ to_tsquery('english', 'x')", "fulltext search @@ computed($1,$2) by gin, gist");
    docs("to_tsvector('english', body) @@ $1", "fulltext to_tsvector('english', body) @@ $1 by gin, gist");
}

#[test]
fn addresses_and_places_are_served_by_gist() {
    docs("address <<= $1", "containment address <<= $1 by gist inet_ops, spgist, btree");
    docs("address && $1", "containment address && $1 by gist inet_ops, spgist");
    docs("place <@ box '((0,0),(1,1))'", "containment place <@ $1 by gist, spgist");
    docs("area @> $1", "containment area @> $1 by gist, spgist");
    docs("shape && $1", "containment shape && $1 by gist");
    docs("shape ~ $1", "containment shape ~ $1 by gist");
    docs("st_dwithin(shape, $1, $2)", "containment shape computed($1,$2) by gist");
    docs("st_contains($1, shape)", "containment shape computed($1) by gist");
}

#[test]
fn what_no_index_serves_has_its_reason() {
    orders("status <> $1", "other status <> $1 no: <>");
    orders("status NOT IN ($1, $2)", "other status no: NOT IN");
    orders("status <> ALL ($1)", "other status no: <> ALL");
    orders("total > ALL ($1)", "other total no: > ALL");
    orders("total NOT BETWEEN $1 AND $2", "other total no: NOT BETWEEN");
    orders("status IS DISTINCT FROM $1", "other status no: IS [NOT] DISTINCT FROM");
    orders("status IS NOT DISTINCT FROM $1", "other status no: IS [NOT] DISTINCT FROM");
    orders("paid_at IS NOT NULL", "notnull paid_at no: IS NOT NULL, which suits the predicate of a partial index, not a key");
    orders("is_paid IS NOT TRUE", "other is_paid no: a negated test of truth");
    orders("id = tick()", "equal id = computed() no: compared with the volatile function tick()");
    orders("id = random()::bigint", "equal id = computed() no: compared with the volatile function random()");
    orders("status = $1 COLLATE \"C\"", "equal status = $1 no: compared in another collation than the column's own");
    orders("status COLLATE \"C\" = $1 COLLATE \"C\"", "equal status COLLATE \"C\" = $1 by btree, hash");
    docs(
        "body @@ 'x'",
        "fulltext body @@ $1 no: @@ over text, which parses each row with a setting's configuration; write to_tsvector('english', …) @@ …",
    );
    says(
        "SELECT FROM orders WHERE (created_at, paid_at) OVERLAPS ($1, $2)",
        &[
            "other created_at no: OVERLAPS, which no index serves; a range type and && would be served",
            "other paid_at no: OVERLAPS, which no index serves; a range type and && would be served",
        ],
    );
}

#[test]
fn joins_name_the_other_side() {
    let sql = "SELECT FROM orders o JOIN customers c ON c.id = o.customer_id WHERE c.region = $1";
    assert_eq!(
        common::words(sql),
        [
            vec!["join customer_id = 1.id by btree, hash"],
            vec!["join id = 0.customer_id by btree, hash", "equal region = $1 by btree, hash"]
        ]
    );
    let sql = "SELECT FROM docs d JOIN items i ON d.tags @> ARRAY[i.product]";
    assert_eq!(
        common::words(sql),
        [vec!["containment tags @> elsewhere by gin"], vec!["containment ARRAY[product] <@ 0.tags by gin"]]
    );
    says(
        "SELECT FROM orders o JOIN customers c ON lower(o.status) = lower(c.name)",
        &["join lower(status) = elsewhere by btree, hash"],
    );
    says(
        "SELECT FROM orders o, customers c WHERE o.id < c.id",
        &["other id < 1.id no: compared by < with a column of another table"],
    );
    says("SELECT FROM items JOIN orders USING (id)", &["join id = 1.id by btree, hash"]);
    says("SELECT FROM items i, docs d WHERE i.product = ANY (d.tags)", &["join product = elsewhere by btree, hash"]);
}

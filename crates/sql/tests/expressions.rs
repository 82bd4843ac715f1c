//! Expressions as subjects: how they are written, which constants they show, and which of them no index can hold.

mod common;
use common::{says, words};

#[track_caller]
fn docs(condition: &str, expected: &str) {
    says(&format!("SELECT FROM docs d WHERE {condition}"), &[expected]);
}

#[test]
fn an_expression_is_written_as_an_index_could_have_it() {
    docs("lower(d.body) = 'x'", "equal lower(body) = $1 by btree, hash");
    docs("lower(d.body) LIKE 'x%'", "prefix lower(body) ~~ $1 by btree text_pattern_ops, spgist, gin gin_trgm_ops");
    docs("d.id % 10 = 3", "equal id % 10 = $2 by btree, hash");
    docs("coalesce(d.local_at, d.at) IS NULL", "null COALESCE(local_at, at) by btree");
    docs("slug(d.body) > $1", "range slug(body) > $1 by btree, brin");
    docs("date_trunc('day', local_at) = $1", "equal date_trunc('day', local_at) = $1 by btree, hash");
    docs("local_at::date = $1", "equal local_at::date = $1 by btree, hash");
    docs("d.body COLLATE \"C\" > $1", "range body COLLATE \"C\" > $1 by btree, brin");
    docs("extract(year FROM local_at) = 2024", "equal extract ('year' FROM local_at) = $2 by btree, hash");
    docs("(d.at AT TIME ZONE 'UTC')::date = $1", "equal (at AT TIME ZONE 'UTC')::date = $1 by btree, hash");
    docs("CASE WHEN d.id > 5 THEN true ELSE false END", "equal CASE WHEN id > 5 THEN true ELSE false END true by btree, hash");
    docs("slug(d.body)", "equal slug(body) true by btree, hash");
}

#[test]
fn keys_of_documents_stay() {
    docs("d.payload ->> 'kind' = 'x'", "equal payload ->> 'kind' = $2 by btree, hash");
    docs("(d.payload ->> 'n')::int > 5", "range (payload ->> 'n')::int > $2 by btree, brin");
    docs("d.payload #>> '{a,b}' = $1", "equal payload #>> '{a,b}' = $1 by btree, hash");
    docs("d.payload -> 'a' ->> 'b' ILIKE '%x%'", "pattern payload -> 'a' ->> 'b' ~~* $3 by gin gin_trgm_ops, gist gist_trgm_ops");
    docs("jsonb_extract_path_text(d.payload, 'a') = $1", "equal jsonb_extract_path_text(payload, 'a') = $1 by btree, hash");
    docs("d.payload['a'] = '1'", "equal payload['a'] = $2 by btree, hash");
    docs("d.raw ->> 'kind' = $1", "equal raw ->> 'kind' = $1 by btree, hash");
    docs("d.tags[1] = $1", "equal tags[1] = $1 by btree, hash");
}

#[test]
fn other_constants_are_hidden() {
    let unknown = "no: an expression with a constant that is not shown, and no index can be made of it without";
    docs("coalesce(d.body, 'eve@example.org') = $1", &format!("equal COALESCE(body, $2) = $1 {unknown}"));
    docs("d.payload ->> $1 = $2", &format!("equal payload ->> $1 = $2 {unknown}"));
    docs("d.id + 123456 = $1", &format!("equal id + $2 = $1 {unknown}"));
    docs("split_part(d.body, '@', 2) = $1", &format!("equal split_part(body, $2, 2) = $1 {unknown}"));
    docs("d.body || 'secret' = $1", &format!("equal body || $2 = $1 {unknown}"));
    for sql in [
        "SELECT FROM docs WHERE replace(body, 'eve', 'x') = 'eve' OR substr(body, 1) IN ('eve')",
        "SELECT FROM docs ORDER BY body = 'eve'",
        "SELECT FROM docs WHERE CASE body WHEN 'eve' THEN true END GROUP BY body || 'eve'",
    ] {
        assert!(!format!("{:?}", words(sql)).contains("eve"), "{sql}");
    }
}

#[test]
fn blanks_and_short_numbers_stay() {
    docs(
        "to_tsvector('english', coalesce(d.body, '') || ' ' || coalesce(d.code, '')) @@ $1",
        "fulltext to_tsvector('english', COALESCE(body, '') || ' ' || COALESCE(code, '')) @@ $1 by gin, gist",
    );
    docs("d.id / 100 = $1", "equal id / 100 = $1 by btree, hash");
}

#[test]
fn no_index_holds_what_is_not_immutable() {
    let cast = "which is not immutable (it depends on a setting or the catalog), so no index can hold it";
    docs("d.at::date = $1", &format!("equal at::date = $1 no: a cast to date, {cast}"));
    docs("d.mood::text = $1", &format!("equal mood::text = $1 no: a cast to text, {cast}"));
    let function = "which is not immutable, so no index can hold it";
    docs("date_trunc('day', d.at) = $1", &format!("equal date_trunc('day', at) = $1 no: function date_trunc(...), {function}"));
    docs("to_char(d.at, 'YYYY') = $1", &format!("equal to_char(at, $2) = $1 no: function to_char(...), {function}"));
    docs("to_tsvector(d.body) @@ $1", &format!("fulltext to_tsvector(body) @@ $1 no: function to_tsvector(...), {function}"));
    docs("unaccent(d.body) = $1", &format!("equal unaccent(body) = $1 no: function unaccent(...), {function}"));
    docs(
        "date_trunc('day', d.local_at::date) = $1",
        &format!("equal date_trunc('day', local_at::date) = $1 no: function date_trunc(...), {function}"),
    );
    docs("age(d.at) > $1", &format!("range age(at) > $1 no: function age(...), {function}"));
    docs("tick(d.id) = $1", &format!("equal tick(id) = $1 no: function tick(...), {function}"));
    docs("now() - d.at > $1", &format!("range now() - at > $1 no: function now(...), {function}"));
    docs(
        "mystery(d.id) = $1",
        "equal mystery(id) = $1 no: function mystery(...), which is not known to be immutable, so no index can hold it",
    );
    docs(
        "d.at + d.local_at::time > $1",
        "range at + local_at::time > $1 no: operator +, which is not immutable over these types, so no index can hold it",
    );
}

#[test]
fn an_expression_over_several_tables_hides_its_columns() {
    assert_eq!(
        words("SELECT FROM orders o, items i WHERE o.total + i.quantity > $1"),
        [["other total no: operator + applied to the column"], ["other quantity no: operator + applied to the column"]]
    );
    says(
        "SELECT FROM orders WHERE total + id > customer_id",
        &[
            "other total no: operator + applied to the column",
            "other id no: operator + applied to the column",
            "other customer_id no: compared with an expression of the same table",
        ],
    );
}

#[test]
fn computed_columns_of_sub_selects_are_their_expressions() {
    says("SELECT FROM (SELECT lower(status) AS s FROM orders) d WHERE d.s = $1", &["equal lower(status) = $1 by btree, hash"]);
    says(
        "SELECT FROM (SELECT lower(status) AS s FROM orders) d WHERE upper(d.s) = $1",
        &["equal upper(lower(status)) = $1 by btree, hash"],
    );
    says(
        "WITH d AS (SELECT payload ->> 'a' AS a FROM docs) SELECT FROM d WHERE a = $1",
        &["equal payload ->> 'a' = $1 by btree, hash"],
    );
    // Grouped, limited or made of many rows: the condition stays above.
    says("SELECT FROM (SELECT count(*) AS n FROM orders) d WHERE d.n > $1", &[]);
    says("SELECT FROM (SELECT lower(status) AS s FROM orders LIMIT 5) d WHERE d.s = $2", &["limit"]);
    says("SELECT FROM (SELECT unnest(tags) AS tag FROM docs) d WHERE d.tag = $1", &[]);
    says("SELECT FROM (SELECT row_number() OVER (ORDER BY id) AS n FROM orders) d WHERE n < $1", &["by id"]);
}

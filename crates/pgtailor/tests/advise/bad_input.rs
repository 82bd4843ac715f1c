//! Databases and statements that nothing good can be said of: the answer is valid and says so.

use pgtailor::Error;
use pgtailor::model::advice::{Advice, Loss, Rejected};
use pgtailor::model::unit::Bytes;

use super::support::{Source, Statements, made, told};

async fn advised(source: &Source, statements: &[(&str, u64, &str)]) -> Advice {
    let snapshot = source.captured().await;
    let statements = Statements::of(statements);
    pgtailor::advise_snapshot(&snapshot, &statements.options()).await.expect("advice")
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_were_never_analyzed_or_are_empty_get_an_answer() {
    let source = Source::unanalyzed(
        "CREATE TABLE fresh (id integer, org integer, note text);
         INSERT INTO fresh SELECT n, n % 3000, repeat('n', 100) FROM generate_series(1, 50000) n;
         CREATE TABLE empty (id integer, org integer);",
    );
    let statements = [("fresh", 100, "SELECT * FROM fresh WHERE org = 5"), ("empty", 100, "SELECT * FROM empty WHERE org = 5")];
    let advice = advised(&source, &statements).await;
    assert!(made(&advice).iter().all(|index| !index.starts_with("empty ")), "{}", told(&advice));
    assert_eq!(advice.statements.len(), 2, "{}", told(&advice));
    assert!(advice.notes.iter().any(|note| note.contains("no statistics") && note.contains("ANALYZE")), "{}", told(&advice));
    let is_refused =
        |one: &&Rejected| matches!(&one.reason, Loss::Refused { because } if because.contains("no statistics of org"));
    assert!(advice.rejected.iter().filter(|one| one.table.name == "fresh").any(|one| is_refused(&one)), "{}", told(&advice));
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_that_cannot_be_planned_are_named_and_do_not_disturb_others() {
    let source = Source::with(
        "CREATE TABLE orders (id integer, org integer, at timestamptz, note text);
         INSERT INTO orders SELECT n, n % 3000, now(), repeat('n', 100) FROM generate_series(1, 50000) n;
         CREATE SEQUENCE orders_org_idx;
         CREATE VIEW orders_org_idx1 AS SELECT 1 AS one;",
    );
    let advice = advised(
        &source,
        &[
            ("good", 100, "SELECT id, at, note FROM orders WHERE org = 5"),
            ("nonsense", 7, "SELECT FROM WHERE"),
            ("no-column", 8, "SELECT id FROM orders WHERE colour = 5"),
            ("no-table", 9, "SELECT id FROM orderz WHERE org = 5"),
            ("wrong-type", 1, "SELECT id FROM orders WHERE at = 'soon or later'"),
            ("sometimes-wrong", 10, "SELECT id, org FROM orders WHERE at < 'soon or later'"),
        ],
    )
    .await;
    for (part, calls) in [("nonsense.sql", 7), ("colour", 8), ("orderz", 9), ("at =", 1)] {
        let skipped = advice.skipped.iter().find(|skipped| skipped.calls == calls && skipped.statement.contains(part));
        let skipped = skipped.unwrap_or_else(|| panic!("{part}: {}", told(&advice)));
        assert!(!skipped.reason.is_empty() && !skipped.reason.contains("soon or later"), "{}", skipped.reason);
    }
    // What cannot be planned with one value is judged by others, and told; nothing is told twice.
    assert!(
        advice.notes.iter().any(|note| note.contains("without 1 of its") && !note.contains("soon or later")),
        "{}",
        told(&advice)
    );
    let judged: Vec<u64> = advice.statements.iter().map(|statement| statement.calls).collect();
    assert_eq!(judged, [100, 10], "{}", told(&advice));
    // The name that it would have is a sequence's, and the next one a view's.
    let made = advice.recommendations.iter().map(|one| one.sql.as_str()).collect::<Vec<_>>();
    assert_eq!(made[0], "CREATE INDEX CONCURRENTLY orders_org_idx2 ON public.orders (org)", "{}", told(&advice));
    source.server.sql("postgres", made[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_below_any_index_leaves_nothing_and_says_what_would_not_fit() {
    let source = Source::with(
        "CREATE TABLE orders (id integer, org integer, note text);
         INSERT INTO orders SELECT n, n % 3000, repeat('n', 100) FROM generate_series(1, 50000) n;",
    );
    let snapshot = source.captured().await;
    let statements = Statements::of(&[("orders", 100, "SELECT * FROM orders WHERE org = 5")]);
    let mut options = statements.options();
    options.limits.budget = Some(Bytes(8192));
    let advice = pgtailor::advise_snapshot(&snapshot, &options).await.expect("advice");
    assert!(advice.recommendations.is_empty(), "{}", told(&advice));
    let on_org = advice.rejected.iter().find(|one| one.definition == "(org)").unwrap_or_else(|| panic!("{}", told(&advice)));
    assert!(
        matches!(&on_org.reason, Loss::Limit { limit, gain } if limit.contains("budget") && *gain > 0.0),
        "{:?}",
        on_org.reason
    );
    let (before, after) = (advice.cost_before, advice.cost_after);
    assert!((before - after).abs() < 1e-9, "{before} {after}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_five_hundred_columns_is_advised_like_another() {
    let columns: Vec<String> = (1..=500).map(|number| format!("c{number} integer")).collect();
    let values: Vec<String> = (1..=500).map(|number| format!("n % {}", number + 5)).collect();
    let source = Source::with(&format!(
        "CREATE TABLE wide ({}); INSERT INTO wide SELECT {} FROM generate_series(1, 2000) n;",
        columns.join(", "),
        values.join(", ")
    ));
    let conditions: Vec<String> = (1..=500).map(|number| format!("c{number} = 3")).collect();
    let all = format!("SELECT * FROM wide WHERE {}", conditions.join(" AND "));
    let any = format!("SELECT * FROM wide WHERE {}", conditions.join(" OR "));
    let advice =
        advised(&source, &[("one", 10, "SELECT c7 FROM wide WHERE c499 = 3"), ("all", 10, &all), ("any", 10, &any)]).await;
    assert_eq!(advice.statements.len(), 3, "{}", told(&advice));
    assert!(made(&advice).iter().any(|index| index.contains("c499")), "{}", told(&advice));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_to_go_by_is_an_error_of_one_sentence() {
    let source = Source::with("CREATE TABLE orders (id integer, org integer)");
    let mut snapshot = source.captured().await;
    let one = Statements::of(&[("orders", 100, "SELECT * FROM orders WHERE org = 5")]);
    let none = Statements::of(&[]);
    let error = pgtailor::advise_snapshot(&snapshot, &none.options()).await.expect_err("no statement");
    assert!(matches!(error, Error::NoStatements { .. }), "{error}");
    let nonsense = Statements::of(&[("nonsense", 1, "SELECT FROM WHERE")]);
    let advice = pgtailor::advise_snapshot(&snapshot, &nonsense.options()).await.expect("an empty answer");
    assert!(advice.recommendations.is_empty() && advice.skipped.len() == 1, "{}", told(&advice));
    snapshot.planner = None;
    let error = pgtailor::advise_snapshot(&snapshot, &one.options()).await.expect_err("nothing to plan with");
    assert!(error.hint().is_some() && !error.to_string().contains('\n'), "{error}");
}

//! Plans that mean to stop early: what is asked for lies at the end of the walk, which no statistics tell.

use pgtailor::model::advice::AdvisedStatement;

use super::support::{Source, Statements, made, say, told};

/// What ran long ago has ended, so those that run are the last by time of start; and an index by that time is there.
const EXECUTIONS: &str = "
    CREATE TABLE executions (id integer PRIMARY KEY, status text NOT NULL, started_at timestamptz NOT NULL, worker integer NOT NULL);
    INSERT INTO executions SELECT n, CASE WHEN n > 119000 THEN 'running' ELSE 'done' END,
      timestamptz '2025-01-01' + n * interval '1 minute', n * 7919 % 20011 FROM generate_series(1, 120000::bigint) n;
    CREATE INDEX executions_started_at_idx ON executions (started_at);
    CREATE TABLE workers (id integer PRIMARY KEY, badge integer NOT NULL);
    INSERT INTO workers SELECT n, n * 31 % 12007 FROM generate_series(1, 12000) n;";

const OLDEST_RUNNING: &str = "SELECT id, worker FROM executions WHERE status = 'running' ORDER BY started_at LIMIT 20";
const NEWEST: &str = "SELECT id, status FROM executions ORDER BY started_at DESC LIMIT 20";
const WORKER: &str = "SELECT id FROM workers WHERE badge = 17";

/// Rows that `sql` reads in vain when it is executed.
fn read_in_vain(source: &Source, sql: &str) -> u64 {
    let plan = source.server.sql("postgres", &format!("EXPLAIN (ANALYZE, TIMING off, SUMMARY off) {sql}"));
    let removed = plan.lines().filter_map(|line| line.trim().strip_prefix("Rows Removed by Filter: "));
    removed.filter_map(|rows| rows.parse::<u64>().ok()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_walk_that_may_end_late_is_priced_and_weighed_against_other_gains() {
    let source = Source::with(EXECUTIONS);
    let snapshot = source.captured().await;
    // Each once, so that its own values are all that counts.
    let statements = Statements::of(&[("oldest-running", 1, OLDEST_RUNNING), ("newest", 1, NEWEST), ("worker", 1, WORKER)]);
    let mut options = statements.options();
    options.limits.indexes = Some(1);
    let advice = pgtailor::advise_snapshot(&snapshot, &options).await.expect("advice");
    say(&told(&advice));
    let of = |needle: &str| -> &AdvisedStatement {
        advice.statements.iter().find(|one| one.text.contains(needle)).unwrap_or_else(|| panic!("{}", told(&advice)))
    };
    let (walk, newest, worker) = (of("ORDER BY started_at LIMIT"), of("DESC"), of("badge"));

    // What the planner alone sees is told beside the price, and a walk without a filter has none.
    let planned = walk.before - walk.early_stop_before;
    let real = source.cost(OLDEST_RUNNING);
    assert!((planned / real - 1.0).abs() < 0.01, "{planned} {real}\n{}", told(&advice));
    assert!(walk.early_stop_before > planned && newest.early_stop_before == 0.0, "{}", told(&advice));
    let stops = advice.early_stops.expect("a plan stops early");
    assert_eq!(stops.statements, 1);
    assert!((stops.before - walk.early_stop_before).abs() < 1e-6 * stops.before && stops.after == 0.0, "{stops:?}");

    // To the planner the other index gains more.
    assert!(planned < worker.before / 2.0, "{}", told(&advice));
    let indexes = made(&advice);
    assert!(indexes.len() == 1 && indexes[0].contains("status"), "{indexes:#?}\n{}", told(&advice));

    assert!(read_in_vain(&source, OLDEST_RUNNING) > 100_000);
    source.server.sql("postgres", &advice.recommendations[0].sql);
    assert_eq!(read_in_vain(&source, OLDEST_RUNNING), 0);
}

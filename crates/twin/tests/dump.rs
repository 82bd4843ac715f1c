//! A statistics dump of PostgreSQL 18 stands in for values that a capture left behind; older servers refuse it in one sentence.

mod support;

use pgtailor_model::planner::StatisticsLevel;
use pgtailor_twin::{RaiseOptions, Twin, TwinError};
use support::Source;

const DATA: &str = "
    CREATE TABLE t (a int PRIMARY KEY, b text, c int);
    INSERT INTO t SELECT i, 'b' || (random() ^ 4 * 50)::int, (random() ^ 3 * 900)::int FROM generate_series(1, 20000) i;
    CREATE INDEX ON t (c);
    ANALYZE t";

/// The calls as `pg_dump` writes them, made by the source itself: its packages for tests have no `pg_dump`.
const CALLS: &str = "
    SELECT format(E'SELECT * FROM pg_catalog.pg_restore_relation_stats(\\n\\t''version'', ''180000''::integer,\\n\\t''schemaname'', %L,\\n\\t''relname'', %L,\\n\\t''relpages'', %L::integer,\\n\\t''reltuples'', %L::real,\\n\\t''relallvisible'', %L::integer\\n);',
                  'public', relname, relpages, reltuples, relallvisible) FROM pg_class WHERE relname = 't'
    UNION ALL
    SELECT format(E'SELECT * FROM pg_catalog.pg_restore_attribute_stats(\\n\\t''version'', ''180000''::integer,\\n\\t''schemaname'', ''public'',\\n\\t''relname'', ''t'',\\n\\t''attname'', %L,\\n\\t''inherited'', ''f''::boolean,\\n\\t''null_frac'', %L::real,\\n\\t''avg_width'', %L::integer,\\n\\t''n_distinct'', %L::real%s%s%s\\n);',
                  attname, null_frac, avg_width, n_distinct,
                  CASE WHEN most_common_vals IS NOT NULL THEN format(E',\\n\\t''most_common_vals'', %L::text,\\n\\t''most_common_freqs'', %L::real[]', most_common_vals::text, most_common_freqs) END,
                  CASE WHEN histogram_bounds IS NOT NULL THEN format(E',\\n\\t''histogram_bounds'', %L::text', histogram_bounds::text) END,
                  CASE WHEN correlation IS NOT NULL THEN format(E',\\n\\t''correlation'', %L::real', correlation) END)
      FROM pg_stats WHERE tablename = 't'";

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_brings_back_what_a_capture_left_behind() {
    let source = Source::with(DATA).await;
    let snapshot = source.captured(StatisticsLevel::None).await;
    let texts = [
        "SELECT * FROM t WHERE b = 'b0'",
        "SELECT * FROM t WHERE c = 5",
        "SELECT * FROM t WHERE c BETWEEN 300 AND 500 AND b <> 'b1'",
    ];
    let plans = source.plans(&texts.map(str::to_owned)).await;
    let without = Twin::raise(&snapshot, &RaiseOptions::default()).await.expect("a twin").twin;
    let test = without.compare(&plans).await.expect("compared");
    assert!(test.identical < plans.len(), "without values some plans are others");

    // Not so at the ends of a column: the smallest and the largest value are in no dump.
    let calls = source.rows(CALLS).await;
    let dump: String = calls
        .into_iter()
        .filter_map(|row| row.into_iter().next()?)
        .map(|call| format!("--\n-- A comment.\n--\n\n{call}\n"))
        .collect::<Vec<_>>()
        .concat();
    let outcome = Twin::raise(&snapshot, &RaiseOptions { statistics_dump: Some(dump), ..RaiseOptions::default() }).await;
    if snapshot.server.version < 180_000 {
        let refused = outcome.err().expect("there are no such files before version 18");
        assert!(matches!(refused, TwinError::NoDumps { .. }), "{refused}");
        return;
    }
    let test = outcome.expect("a twin").twin.compare(&plans).await.expect("compared");
    assert_eq!((test.identical, test.deviations), (plans.len(), Vec::new()));
}

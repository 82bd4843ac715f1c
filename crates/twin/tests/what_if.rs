//! What-if against the truth: candidates of every kind, asked of a twin, and really built on the source.

mod support;

use std::collections::BTreeSet;
use std::io::Write as _;

use pgtailor_model::index::KeyPart;
use pgtailor_model::planner::{PlanNode, SourcePlan, StatisticsLevel};
use pgtailor_model::unit::count_as_f64;
use pgtailor_model::what_if::{CandidateIndex, Configuration, Planned, Question};
use pgtailor_twin::{RaiseOptions, Twin, TwinWhatIf};
use support::candidates::{STATEMENTS, candidates, table_of};
use support::{SAAS, Source, inputs};

/// Of pairs of candidate and statement where the index is used: half are this near in cost, and nine of ten this near.
const MEDIAN: f64 = 0.001;
const P90: f64 = 0.02;

/// "Would it be used" is right for at least this share of all pairs.
const USE: f64 = 0.99;

/// Of sizes: half within this factor, and nine of ten within this.
const SIZE_MEDIAN: f64 = 1.1;
const SIZE_P90: f64 = 1.5;

/// What the source says with the index really there.
struct Truth {
    plans: Vec<SourcePlan>,
    pages: u64,
}

/// Builds `candidate` on the source, plans everything, and takes it away again; the planner's counters of the table are put back, since
/// building changes them.
async fn truth(source: &Source, candidate: &CandidateIndex, table: &str) -> Option<Truth> {
    let name = pgtailor_model::name::QualifiedName::new("public", table);
    let sql = candidate.definition.create_sql("pgtailor_truth", &name, pgtailor_model::index::Build::Blocking);
    source
        .run("SET allow_system_table_mods = on; CREATE TABLE kept AS SELECT oid, relpages, reltuples, relallvisible FROM pg_class WHERE relkind IN ('r', 'm', 'p')")
        .await;
    source.run(&sql).await;
    if candidate.definition.keys.iter().any(|key| matches!(key.part, KeyPart::Expression(_))) {
        analyze_expressions(source, table).await;
    }
    source
        .run("SET allow_system_table_mods = on; UPDATE pg_class c SET relpages = k.relpages, reltuples = k.reltuples, relallvisible = k.relallvisible FROM kept k WHERE k.oid = c.oid; DROP TABLE kept")
        .await;
    let texts: Vec<String> = STATEMENTS.iter().map(|text| (*text).to_owned()).collect();
    let plans = source.plans(&texts).await;
    let pages = source
        .rows("WITH RECURSIVE f (oid) AS (SELECT 'pgtailor_truth'::regclass::oid UNION ALL SELECT inhrelid FROM pg_inherits JOIN f ON inhparent = f.oid) SELECT (sum(pg_relation_size(oid)) / 8192)::int8::text FROM f")
        .await;
    source.run("DROP INDEX pgtailor_truth").await;
    let pages = pages.first()?.first()?.as_deref()?.parse().ok()?;
    (plans.len() == texts.len()).then_some(Truth { plans, pages })
}

/// Statistics of the new expression alone: those that were there before are put back, since another sample would change every plan.
async fn analyze_expressions(source: &Source, table: &str) {
    let before = format!(
        "SET allow_system_table_mods = on; CREATE TABLE kept_columns (LIKE pg_statistic);
         INSERT INTO kept_columns SELECT s.* FROM pg_statistic s
          WHERE s.starelid = '{table}'::regclass OR s.starelid IN (SELECT indexrelid FROM pg_index WHERE indrelid = '{table}'::regclass);
         CREATE TABLE kept_extended AS SELECT d.* FROM pg_statistic_ext_data d JOIN pg_statistic_ext e ON e.oid = d.stxoid
          WHERE e.stxrelid = '{table}'::regclass"
    );
    source.run(&before).await;
    source.run(&format!("ANALYZE {table}")).await;
    source
        .run(
            "SET allow_system_table_mods = on;
             DELETE FROM pg_statistic s WHERE s.starelid IN (SELECT starelid FROM kept_columns);
             INSERT INTO pg_statistic SELECT * FROM kept_columns;
             DELETE FROM pg_statistic_ext_data d WHERE d.stxoid IN (SELECT stxoid FROM kept_extended);
             INSERT INTO pg_statistic_ext_data SELECT * FROM kept_extended;
             DROP TABLE kept_columns; DROP TABLE kept_extended",
        )
        .await;
}

fn percentile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let at = pgtailor_model::unit::f64_as_count(count_as_f64(u64::try_from(last).expect("few")) * share);
    sorted.get(usize::try_from(at).expect("few")).copied().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn candidates_cost_what_really_built_indexes_cost() {
    let source = Source::with(SAAS).await;
    let snapshot = source.captured(StatisticsLevel::Exact).await;
    let candidates = candidates(inputs(&snapshot));
    let twin = Twin::raise(&snapshot, &RaiseOptions::default()).await.expect("a twin").twin;
    let mut what_if = TwinWhatIf::open(twin, 2).await.expect("sessions");
    let questions: Vec<Question<'_>> = STATEMENTS.iter().map(|text| Question { text, types: &[], binding: None }).collect();

    let existing: BTreeSet<String> = inputs(&snapshot).relations.iter().map(|relation| relation.name.name.clone()).collect();
    let (mut errors, mut sizes) = (Vec::new(), Vec::new());
    let (mut pairs, mut right, mut used_pairs, mut exact) = (0_u32, 0_u32, 0_u32, 0_u32);
    for (at, candidate) in candidates.iter().enumerate() {
        let truth = truth(&source, candidate, table_of(at)).await.expect("every statement is planned on the source");
        let configuration = Configuration { indexes: [candidate.clone()].into(), ..Configuration::default() };
        let answers = what_if.plan(&configuration, &questions).await.expect("the twin answers");
        let size = what_if.size(candidate).await.expect("the twin answers").expect("every candidate can be made");
        let factor = count_as_f64(size.pages.0) / count_as_f64(truth.pages);
        sizes.push(factor.max(1.0 / factor));
        let name = format!("{} {}", table_of(at), candidate.definition);
        let _ = writeln!(std::io::stdout(), "{name}: {} pages, really {} ({factor:.3})", size.pages.0, truth.pages);
        for ((statement, real), answer) in STATEMENTS.iter().zip(&truth.plans).zip(answers) {
            let Planned { cost, candidates, .. } = answer.expect("every statement is planned in the twin");
            // The indexes of partitions have names of the server's choice.
            let used =
                |node: &PlanNode| node.what.split(" using ").nth(1).and_then(|rest| rest.split(' ').next()).map(str::to_owned);
            let is_used = real.nodes.iter().filter_map(used).any(|name| !existing.contains(&name));
            let would_be = !candidates.is_empty();
            pairs += 1;
            right += u32::from(is_used == would_be);
            let real_cost = real.nodes[0].total_cost;
            if is_used {
                used_pairs += 1;
                let error = (cost - real_cost).abs() / real_cost;
                exact += u32::from(error == 0.0);
                if error > 0.01 {
                    let _ = writeln!(std::io::stdout(), "    {:.2} %: {statement}: {cost} instead of {real_cost}", error * 100.0);
                }
                errors.push(error);
            }
            if is_used != would_be {
                let _ =
                    writeln!(std::io::stdout(), "    used: {is_used}, said {would_be}: {statement}: {cost}, really {real_cost}");
            }
        }
    }
    errors.sort_by(f64::total_cmp);
    sizes.sort_by(f64::total_cmp);
    let share = f64::from(right) / f64::from(pairs);
    let _ = writeln!(
        std::io::stdout(),
        "{} candidates, {pairs} pairs, used in {used_pairs}: exact {exact}, median {:.4} %, p90 {:.3} %, max {:.1} %; use right {:.2} %; sizes median {:.3}, p90 {:.3}, max {:.2}",
        candidates.len(),
        percentile(&errors, 0.5) * 100.0,
        percentile(&errors, 0.9) * 100.0,
        percentile(&errors, 1.0) * 100.0,
        share * 100.0,
        percentile(&sizes, 0.5),
        percentile(&sizes, 0.9),
        percentile(&sizes, 1.0),
    );
    assert!(candidates.len() >= 40 && used_pairs >= 40, "enough to judge by");
    assert!(percentile(&errors, 0.5) < MEDIAN);
    assert!(percentile(&errors, 0.9) < P90);
    assert!(share >= USE);
    assert!(percentile(&sizes, 0.5) <= SIZE_MEDIAN && percentile(&sizes, 0.9) <= SIZE_P90);
}

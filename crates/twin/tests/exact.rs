//! A twin plans exactly like its source: every node of every plan, over a schema that has everything, and statements at random.

mod support;

use pgtailor_model::planner::StatisticsLevel;
use support::fuzz::Fuzz;
use support::{SAAS, Source, assert_identical, raised};

#[tokio::test(flavor = "multi_thread")]
async fn every_node_of_every_random_statement_is_the_same() {
    let source = Source::with(SAAS).await;
    let (twin, inexact) = raised(&source.captured(StatisticsLevel::Exact).await).await;
    let statements = Fuzz::over(&source).await.statements(1_500, 42);
    let plans = source.plans(&statements).await;
    println!("{} of {} statements planned on the source", plans.len(), statements.len());
    assert!(plans.len() > 1_000, "most statements are right");
    assert_identical("random statements", &twin, &plans).await;
    assert!(inexact.is_empty(), "{inexact:?}");
}

//! A twin of TPC-H, with the generator's data, its keys and a few more indexes, plans its queries exactly like the source.

mod support;

use pgtailor_model::planner::StatisticsLevel;
use support::fuzz::Fuzz;
use support::tpch::{queries, tpch};
use support::{assert_identical, raised};

#[tokio::test(flavor = "multi_thread")]
async fn all_queries_of_tpch_and_random_ones_are_planned_alike() {
    let source = tpch().await;
    let (twin, inexact) = raised(&source.captured(StatisticsLevel::Exact).await).await;
    let queries = source.plans(&queries()).await;
    assert_eq!(queries.len(), 22);
    assert_identical("the queries", &twin, &queries).await;
    let random = source.plans(&Fuzz::over(&source).await.statements(1_020, 7)).await;
    assert!(random.len() >= 1_000, "{} statements were planned", random.len());
    assert_identical("random statements", &twin, &random).await;
    assert!(inexact.is_empty(), "{inexact:?}");
}

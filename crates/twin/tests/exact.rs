//! A twin plans exactly like its source: every node of every plan, over a schema that has everything, and statements at random.

mod support;

use pgtailor_model::planner::StatisticsLevel;
use pgtailor_twin::{RaiseOptions, Raised, SelfTest, Twin};
use support::fuzz::Fuzz;
use support::{SAAS, Source};

fn check(what: &str, test: &SelfTest) {
    println!("{what}: {} of {} plans identical", test.identical, test.asked);
    for deviation in test.deviations.iter().take(12) {
        println!("  {:.3}x {}\n      {}", deviation.factor(), deviation.text, deviation.what);
    }
    assert_eq!(test.identical, test.asked, "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_node_of_every_random_statement_is_the_same() {
    let source = Source::with(SAAS).await;
    let snapshot = source.captured(StatisticsLevel::Exact).await;
    let Raised { twin, inexact } = Twin::raise(&snapshot, &RaiseOptions::default()).await.expect("a twin");
    for inexact in &inexact {
        println!("inexact: {}: {}", inexact.object, inexact.reason);
    }
    let statements = Fuzz::over(&source).await.statements(1_500, 42);
    let plans = source.plans(&statements).await;
    println!("{} of {} statements planned on the source", plans.len(), statements.len());
    assert!(plans.len() > 1_000, "most statements are right");
    check("random statements", &twin.compare(&plans).await.expect("compared"));
    assert!(inexact.is_empty(), "{inexact:?}");
}

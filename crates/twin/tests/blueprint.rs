//! A twin of the built-in blueprint plans every recorded statement, with all of its bindings, exactly like the source.

#![expect(clippy::print_stdout, reason = "the figures of a test that ran are worth reading")]

mod support;

use std::time::Duration;

use jiff::Timestamp;
use pgtailor_blueprint::{Blueprint, builtin};
use pgtailor_model::activity::Statements;
use pgtailor_model::planner::StatisticsLevel;
use pgtailor_postgres::bench::{DriveOptions, Filling, drive, load, record_statements};
use pgtailor_postgres::planning::{BindOptions, Question, bind};
use pgtailor_postgres::session::ReadOnlySession;
use support::fuzz::Fuzz;
use support::{Source, assert_identical, public, raised};
use tokio_util::sync::CancellationToken;

/// Rows of the blueprint, as a share of what it states.
const SCALE: f64 = 0.05;

/// A server on which the blueprint's workload ran and was recorded.
async fn driven() -> Source {
    let source = Source::start(&[("shared_preload_libraries", "pg_stat_statements")]);
    let blueprint = Blueprint::from_texts(&builtin::find("dreflowpro").expect("it is built in").texts()).expect("it is right");
    let filling = Filling { scale: SCALE, seed: 1, now: Timestamp::now() };
    load(&source.database, &blueprint, filling, |_| {}).await.expect("it loads");
    assert!(record_statements(&source.database).await.expect("recording"), "pg_stat_statements is part of the server's packages");
    let options = DriveOptions {
        clients: 2,
        duration: Duration::from_secs(5),
        warmup: Duration::ZERO,
        seed: 7,
        salt: 1,
        statement_limit: Duration::from_secs(20),
    };
    drive(&source.database, &blueprint, filling, options, |_| {}, &CancellationToken::new()).await.expect("it drives");
    source.run("CHECKPOINT").await;
    source
}

#[tokio::test(flavor = "multi_thread")]
async fn all_statements_with_all_their_bindings_are_planned_alike() {
    let source = driven().await;
    let snapshot = source.captured(StatisticsLevel::Exact).await;
    let Statements::Recorded { statements, .. } = &snapshot.activity.statements else { panic!("nothing recorded") };
    let mut workload = pgtailor_sql::understand(statements, &snapshot.catalog, &public());
    let mut session = ReadOnlySession::connect(&source.database).await.expect("connected");
    let report = bind(&mut session, &mut workload, &snapshot.catalog, &public(), &BindOptions::default()).await.expect("bound");
    let mut questions = Vec::new();
    for query in &workload.queries {
        let Some(statement) = report.prepared.get(&query.fingerprint) else { continue };
        questions.push(Question { statement, binding: None });
        questions.extend(query.bindings.iter().map(|binding| Question { statement, binding: Some(binding) }));
    }
    let plans = source.plans_of(&questions).await;
    println!("{} statements, {} questions, {} planned", report.prepared.len(), questions.len(), plans.len());
    assert!(report.prepared.len() > 50, "most of the blueprint's statements were recorded");
    assert_eq!(plans.len(), questions.len());

    let (twin, inexact) = raised(&snapshot).await;
    assert_identical("the workload", &twin, &plans).await;
    let random = source.plans(&Fuzz::over(&source).await.statements(1_250, 7)).await;
    assert!(random.len() >= 1_000, "{} statements were planned", random.len());
    assert_identical("random statements", &twin, &random).await;
    assert!(inexact.is_empty(), "{inexact:?}");
}

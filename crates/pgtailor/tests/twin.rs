//! Twins from a recorded workload, as the use cases make them: captured at every level of statistics, raised, and compared with the source.

use std::io::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use pgtailor::blueprint::{Blueprint, builtin};
use pgtailor::lab::{Lab, LabOptions};
use pgtailor::model::planner::{StatisticColumn, StatisticsLevel};
use pgtailor::model::snapshot::Snapshot;
use pgtailor::{CancellationToken, Database, ForeignCode, RaiseOptions, Raised, SelfTest, Twin, TwinCapture, WantedTables};
use pgtailor_postgres::bench::{DriveOptions, Filling, drive, load, record_statements};

/// Rows of the blueprint, as a share of what it states.
const SCALE: f64 = 0.02;

async fn driven() -> (Lab, Database) {
    let options = LabOptions::new().with_setting("shared_preload_libraries", "pg_stat_statements");
    let lab = Lab::start(&options).expect("a PostgreSQL server is installed");
    let database = Database::from_url(&lab.url("postgres")).expect("a lab's URL is right");
    let blueprint = Blueprint::from_texts(&builtin::find("dreflowpro").expect("it is built in").texts()).expect("it is right");
    let filling = Filling { scale: SCALE, seed: 1, now: Timestamp::now() };
    load(&database, &blueprint, filling, |_| {}).await.expect("it loads");
    assert!(record_statements(&database).await.expect("recording"), "pg_stat_statements is part of the server's packages");
    let options = DriveOptions {
        clients: 2,
        duration: Duration::from_secs(6),
        warmup: Duration::ZERO,
        seed: 7,
        salt: 1,
        statement_limit: Duration::from_secs(20),
    };
    drive(&database, &blueprint, filling, options, |_| {}, &CancellationToken::new()).await.expect("it drives");
    (lab, database)
}

async fn captured(database: &Database, level: StatisticsLevel, tables: WantedTables) -> Snapshot {
    let options = TwinCapture { level, tables, foreign_code: ForeignCode::Refuse };
    pgtailor::capture_for_twin(database, &options).await.expect("captured")
}

async fn tested(database: &Database, level: StatisticsLevel, tables: WantedTables) -> (SelfTest, usize) {
    let snapshot = captured(database, level, tables).await;
    let inputs = snapshot.planner.as_ref().expect("it was asked for");
    let tables = inputs.relations.iter().filter(|relation| relation.oid == relation.table).count();
    let Raised { twin, inexact } = Twin::raise(&snapshot, &RaiseOptions::default()).await.expect("a twin");
    let test = twin.self_test().await.expect("tested");
    let _ = writeln!(
        std::io::stdout(),
        "{level:?}: {} of {} identical, {} alike, {} tables",
        test.identical,
        test.asked,
        test.alike,
        tables
    );
    for deviation in test.deviations.iter().take(8) {
        let _ = writeln!(std::io::stdout(), "  {:.3}x {}\n      {}", deviation.factor(), deviation.text, deviation.what);
    }
    for inexact in &inexact {
        let _ = writeln!(std::io::stdout(), "  inexact: {}: {}", inexact.object, inexact.reason);
    }
    (test, tables)
}

/// Addresses in the statistics of the column.
fn emails(snapshot: &Snapshot) -> Vec<String> {
    let inputs = snapshot.planner.as_ref().expect("it was asked for");
    let of_email = inputs.statistics.iter().filter(|statistic| statistic.column == StatisticColumn::Name("email".to_owned()));
    let slots = of_email.flat_map(|statistic| &statistic.numbers.slots);
    let texts = slots.filter_map(|slot| Some(slot.values.as_ref()?.text.trim_matches(['{', '}']).to_owned()));
    texts.flat_map(|text| text.split(',').map(str::to_owned).collect::<Vec<_>>()).filter(|text| text.contains('@')).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_workload_plans_alike_at_the_level_that_was_captured() {
    let (_lab, database) = driven().await;
    let (exact, all) = tested(&database, StatisticsLevel::Exact, WantedTables::All).await;
    assert!(exact.asked > 200, "{} statements with their values", exact.asked);
    assert_eq!(exact.identical, exact.asked);
    let (used, few) =
        tested(&database, StatisticsLevel::Exact, WantedTables::Named(vec!["users".to_owned(), "public.pipe*".to_owned()])).await;
    assert!(few < all && used.identical > 0 && used.identical == used.asked);
    let (used, _) = tested(&database, StatisticsLevel::Exact, WantedTables::Used).await;
    assert_eq!(used.identical, used.asked);
    let (anonymized, _) = tested(&database, StatisticsLevel::Anonymized, WantedTables::All).await;
    let shape = anonymized.identical + anonymized.alike;
    assert!(shape * 100 >= anonymized.asked * 90, "{shape} of {}", anonymized.asked);
    let emails = emails(&captured(&database, StatisticsLevel::Exact, WantedTables::All).await);
    let file =
        serde_json::to_string(&captured(&database, StatisticsLevel::Anonymized, WantedTables::All).await).expect("it serializes");
    assert!(emails.len() > 50 && emails.iter().all(|email| !file.contains(email.as_str())), "addresses of people are not in it");
    let (none, _) = tested(&database, StatisticsLevel::None, WantedTables::All).await;
    assert!(none.asked > 50, "statements without values");
}

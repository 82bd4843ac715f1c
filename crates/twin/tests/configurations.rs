//! Configurations of a twin beyond new indexes: indexes left out, settings, extended statistics, partitioned tables; and the way back.

mod support;

use std::collections::BTreeSet;

use pgtailor_model::index::IndexDefinition;
use pgtailor_model::name::{Oid, QualifiedName};
use pgtailor_model::planner::{PlannerInputs, StatisticsLevel};
use pgtailor_model::what_if::{CandidateIndex, CandidateStatistics, Configuration, Dependency, Planned, Question};
use pgtailor_twin::{RaiseOptions, Twin, TwinWhatIf};
use support::{SAAS, Source, inputs};

fn relation(inputs: &PlannerInputs, name: &str) -> Oid {
    let name = QualifiedName::new("public", name);
    inputs.relations.iter().find(|relation| relation.name == name).expect("it is captured").oid
}

async fn planned(what_if: &mut TwinWhatIf, configuration: &Configuration, text: &str) -> Planned {
    let question = Question { text, types: &[], binding: None };
    let mut answers = what_if.plan(configuration, &[question]).await.expect("the twin answers");
    answers.pop().expect("one answer").expect("it is planned")
}

async fn cost_on(source: &Source, text: &str) -> f64 {
    source.plans(&[text.to_owned()]).await.first().expect("it is planned").nodes[0].total_cost
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_changed_is_planned_as_on_a_source_that_was_changed_so() {
    let source = Source::with(SAAS).await;
    let snapshot = source.captured(StatisticsLevel::Exact).await;
    let known = inputs(&snapshot).clone();
    let twin = Twin::raise(&snapshot, &RaiseOptions::default()).await.expect("a twin").twin;
    let mut what_if = TwinWhatIf::open(twin, 2).await.expect("sessions");
    let as_it_is = Configuration::default();

    // An index left out, and the source without it.
    let by_tenant = "SELECT * FROM users WHERE tenant_id = 700 ORDER BY joined DESC LIMIT 10";
    let before = planned(&mut what_if, &as_it_is, by_tenant).await;
    let index = relation(&known, "users_tenant");
    assert!(before.existing.contains(&index));
    let without = Configuration { without: BTreeSet::from([index]), ..Configuration::default() };
    let after = planned(&mut what_if, &without, by_tenant).await;
    source.run("SET allow_system_table_mods = on; UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'users_tenant'::regclass").await;
    let truth = cost_on(&source, by_tenant).await;
    source
        .run(
            "SET allow_system_table_mods = on; UPDATE pg_index SET indisvalid = true WHERE indexrelid = 'users_tenant'::regclass",
        )
        .await;
    assert!((after.cost - truth).abs() < 1e-9 && after.cost > before.cost, "{} {truth} {}", after.cost, before.cost);

    // Settings.
    let sorted = "SELECT * FROM orders ORDER BY note";
    let settings = [("work_mem".to_owned(), "256MB".to_owned()), ("max_parallel_workers_per_gather".to_owned(), "0".to_owned())];
    let configuration = Configuration { settings: settings.into(), ..Configuration::default() };
    let after = planned(&mut what_if, &configuration, sorted).await;
    source
        .run("ALTER DATABASE postgres SET work_mem = '256MB'; ALTER DATABASE postgres SET max_parallel_workers_per_gather = 0")
        .await;
    let truth = cost_on(&source, sorted).await;
    source.run("ALTER DATABASE postgres RESET ALL").await;
    assert!((after.cost - truth).abs() < 1e-9, "{} {truth}", after.cost);

    // Extended statistics: the same numbers by hand as the source's ANALYZE writes are the same to the planner.
    let pair = "SELECT region, n, count(*) FROM shards_us GROUP BY region, n";
    let statistics = CandidateStatistics {
        table: relation(&known, "shards_us"),
        columns: vec!["n".to_owned(), "region".to_owned()],
        combinations: Some(123),
        dependencies: BTreeSet::from([Dependency { from: "n".to_owned(), to: "region".to_owned(), per_mille: 1000 }]),
    };
    let plain = planned(&mut what_if, &as_it_is, pair).await;
    let configuration = Configuration { statistics: BTreeSet::from([statistics]), ..Configuration::default() };
    let with = planned(&mut what_if, &configuration, pair).await;
    assert!((with.nodes[0].rows - 123.0).abs() < 1e-9, "{:?}", with.nodes[0]);
    let both = "SELECT * FROM shards_us WHERE n = 5 AND region = 'us'";
    let dependent = planned(&mut what_if, &configuration, both).await;
    let alone = planned(&mut what_if, &configuration, "SELECT * FROM shards_us WHERE n = 5").await;
    assert!((dependent.nodes[0].rows - alone.nodes[0].rows).abs() < 1e-9, "region follows from n");

    // A partitioned table gets the index on every partition.
    let definition = IndexDefinition::btree(["kind", "at"]);
    let on_events = CandidateIndex { table: relation(&known, "events"), definition };
    let configuration = Configuration { indexes: BTreeSet::from([on_events.clone()]), ..Configuration::default() };
    let of_kind = "SELECT * FROM events WHERE kind = 'kind7' AND at > '2024-01-25' AND at < '2024-02-05'";
    let with_index = planned(&mut what_if, &configuration, of_kind).await;
    assert_eq!(with_index.candidates, BTreeSet::from([on_events]));
    assert!(with_index.cost < planned(&mut what_if, &as_it_is, of_kind).await.cost);

    // Impossible things are reasons, and nothing of all that stays.
    let nonsense = CandidateIndex { table: relation(&known, "users"), definition: IndexDefinition::btree(["no_such_column"]) };
    let configuration = Configuration { indexes: BTreeSet::from([nonsense]), ..Configuration::default() };
    let question = Question { text: by_tenant, types: &[], binding: None };
    let answers = what_if.plan(&configuration, &[question, question]).await.expect("the twin answers");
    assert!(answers.len() == 2 && answers.iter().all(|answer| answer.as_ref().is_err_and(|reason| !reason.is_empty())));
    assert_eq!(planned(&mut what_if, &as_it_is, pair).await, plain);
    assert_eq!(planned(&mut what_if, &as_it_is, by_tenant).await, before);
    let texts: Vec<String> = support::candidates::STATEMENTS.iter().map(|text| (*text).to_owned()).collect();
    let plans = source.plans(&texts).await;
    let test = what_if.close().await.expect("closed").compare(&plans).await.expect("compared");
    assert_eq!((test.identical, test.deviations), (texts.len(), Vec::new()));
}

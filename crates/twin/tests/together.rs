//! Many at once are answered as one by one: candidates that are made together, statements that are planned in a page.

mod support;

use std::collections::{BTreeMap, BTreeSet};

use pgtailor_model::binding::{Binding, BindingOrigin, Literal};
use pgtailor_model::index::IndexDefinition;
use pgtailor_model::planner::StatisticsLevel;
use pgtailor_model::what_if::{CandidateIndex, Configuration, Planned, Question};
use pgtailor_postgres::planning::{self, PlanOptions, Prepared, Server, plans_under};
use pgtailor_twin::{RaiseOptions, Twin, TwinWhatIf, nodes};
use support::candidates::{STATEMENTS, candidates};
use support::{SAAS, Source, inputs, public};

#[tokio::test(flavor = "multi_thread")]
async fn candidates_that_are_made_together_are_as_if_made_alone() {
    let source = Source::with(SAAS).await;
    let snapshot = source.captured(StatisticsLevel::Exact).await;
    drop(source);
    let open = async || {
        let twin = Twin::raise(&snapshot, &RaiseOptions::default()).await.expect("a twin").twin;
        TwinWhatIf::open(twin, 1).await.expect("sessions")
    };
    let (mut together, mut alone) = (open().await, open().await);
    let good = candidates(inputs(&snapshot));
    let unmade = |key: &str, method: &str| CandidateIndex {
        table: good[0].table,
        definition: IndexDefinition { method: method.to_owned(), ..IndexDefinition::btree([key]) },
    };
    // One whose size nobody can tell, one that the server refuses, and one twice.
    let too_many = CandidateIndex { table: good[0].table, definition: IndexDefinition::btree(["id"; 33]) };
    let mut all = vec![unmade("no_such_column", "btree"), too_many, unmade("active", "gist")];
    all.extend(good.iter().cloned());
    all.push(good[0].clone());
    let sizes = together.make_all(&all).await.expect("the twin answers");
    assert_eq!(sizes.iter().filter(|size| size.is_ok()).count(), good.len() + 1);
    let questions: Vec<Question<'_>> = STATEMENTS.iter().map(|text| Question { text, types: &[], binding: None }).collect();
    for (candidate, size) in all.iter().zip(&sizes) {
        assert_eq!(alone.size(candidate).await.expect("the twin answers"), *size, "{}", candidate.definition);
        let only = Configuration { indexes: BTreeSet::from([candidate.clone()]), ..Configuration::default() };
        let plans = together.plan(&only, &questions).await.expect("the twin answers");
        assert_eq!(
            named(plans),
            named(alone.plan(&only, &questions).await.expect("the twin answers")),
            "{}",
            candidate.definition
        );
    }
}

/// Without the candidates' names in the twin, which are numbered in the order of making.
fn named(answers: Vec<Result<Planned, String>>) -> Vec<Result<Planned, String>> {
    let without = |what: &str| match what.split_once(" using ") {
        Some((before, after)) => format!("{before}{}", after.split_once(' ').map_or("", |(_, rest)| rest)),
        None => what.to_owned(),
    };
    let mut answers = answers;
    for node in answers.iter_mut().flatten().flat_map(|answer| &mut answer.nodes) {
        node.what = without(&node.what);
    }
    answers
}

fn bound(values: &[Option<&str>]) -> Binding {
    let values = values.iter().map(|value| value.map(Literal::new)).collect();
    Binding { values, weight: 1.0, origin: BindingOrigin::Observed }
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_of_a_page_are_planned_as_each_alone_whatever_is_beside_them() {
    let source = Source::with(SAAS).await;
    let snapshot = source.captured(StatisticsLevel::Exact).await;
    drop(source);
    let twin = Twin::raise(&snapshot, &RaiseOptions::default()).await.expect("a twin").twin;
    let types = |names: &[&str]| -> Vec<String> { names.iter().map(|name| (*name).to_owned()).collect() };
    let with_values: Vec<(&str, Vec<String>, Option<Binding>)> = vec![
        ("SELECT * FROM users WHERE email = $1", types(&["text"]), Some(bound(&[Some("O'Brien\\@a.org")]))),
        ("SELECT * FROM users WHERE email = $1", types(&["text"]), Some(bound(&[Some("'); DROP TABLE users; --")]))),
        ("SELECT * FROM users WHERE email = $1", types(&["text"]), Some(bound(&[None]))),
        ("SELECT * FROM users WHERE email = $1", types(&["text"]), None),
        (
            "SELECT * FROM users WHERE tenant_id = ANY ($2)",
            types(&["int4", "int4[]"]),
            Some(bound(&[Some("1"), Some("{1,2,700}")])),
        ),
        (
            "SELECT * FROM orders WHERE state = $1 AND total > $2",
            types(&["mood", "amount"]),
            Some(bound(&[Some("gone"), Some("9")])),
        ),
        (
            "SELECT * FROM users WHERE joined > $1 LIMIT $2",
            types(&["timestamptz", "int8"]),
            Some(bound(&[Some("2025-01-01"), Some("5")])),
        ),
        ("UPDATE users SET score = $1 WHERE id = $2", types(&["float4", "int8"]), Some(bound(&[Some("1"), Some("7")]))),
        // What is refused: by its values, by their number, by its text.
        ("SELECT * FROM users WHERE tenant_id = $1", types(&["int4"]), Some(bound(&[Some("seven")]))),
        ("SELECT * FROM users WHERE tenant_id = $1", types(&["int4"]), Some(bound(&[]))),
        ("SELECT no_such_column FROM users", Vec::new(), None),
        ("SELECT 1; DROP TABLE users", Vec::new(), None),
        ("DROP TABLE users", Vec::new(), None),
        ("SELECT 1 WHERE joined > $1", types(&["timestamptz"]), Some(bound(&[Some("x\0y")]))),
        ("SELECT * FROM users WHERE joined > timestamptz '2025-01-01 00:00'", Vec::new(), None),
    ];
    let plain = STATEMENTS.iter().map(|text| Question { text, types: &[], binding: None });
    let others = with_values.iter().map(|(text, types, binding)| Question { text, types, binding: binding.as_ref() });
    let questions: Vec<Question<'_>> = plain.chain(others).collect();
    let candidates = candidates(inputs(&snapshot));
    let setting = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
    let settings = [
        BTreeMap::new(),
        setting("enable_seqscan", "off"),
        setting("work_mem", "64kB"),
        setting("timezone", "Asia/Tokyo"),
        setting("random_page_cost", "nonsense"),
        BTreeMap::new(),
    ];
    let mut reference = twin.session().await.expect("a session");
    let mut what_if = TwinWhatIf::open(twin, 2).await.expect("sessions");
    let prepared: Vec<Prepared> = questions.iter().map(Prepared::of).collect();
    let asked: Vec<planning::Question<'_>> = prepared
        .iter()
        .zip(&questions)
        .map(|(statement, question)| planning::Question { statement, binding: question.binding })
        .collect();
    let mut planned = 0;
    // Three times the same, so that the later ones find what the earlier ones left; with more and more indexes in between.
    for (round, settings) in settings.into_iter().enumerate() {
        let indexes = candidates[..candidates.len() * round / 5].iter().cloned().collect();
        let configuration = Configuration { indexes, settings, ..Configuration::default() };
        let answers = what_if.plan(&configuration, &questions).await.expect("the twin answers");
        let options = PlanOptions { server: Server::Own, ..PlanOptions::default() };
        let truth = plans_under(&mut reference, &asked, &public(), &configuration.settings, options).await.expect("planned");
        for ((question, answer), truth) in questions.iter().zip(answers).zip(truth) {
            planned += usize::from(answer.is_ok());
            let said = answer.map(|plan| plan.nodes);
            assert_eq!(said, truth.map(|plan| nodes(&plan)).map_err(|refusal| refusal.reason), "{}", question.text);
        }
    }
    assert_eq!(planned, 5 * (questions.len() - 6), "all but the six that are wrong, and none with a wrong setting");
}

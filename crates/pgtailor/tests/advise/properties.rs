//! What holds of every answer: each member pays, limits are kept by what is really built, the same question has the same answer, and writes
//! have their price.

use std::time::Duration;

use pgtailor::model::advice::{Advice, Loss, Rejected};
use pgtailor::model::snapshot::Snapshot;
use pgtailor::model::unit::Bytes;
use pgtailor::model::what_if::{Configuration, Question};
use pgtailor::{RaiseOptions, Raised, Twin};
use pgtailor_twin::TwinWhatIf;

use super::shapes::{ASKED, configuration, size_of_built};
use super::support::{SERVICE, Source, Statements, made, say, told};

/// Far longer than the search takes: an answer that a clock ended is not the same twice.
const LONG: Duration = Duration::from_mins(20);

/// Every statement once, so that its own values are all that counts, and without what writes.
fn each_once() -> Statements {
    let once: Vec<(&str, u64, &str)> =
        ASKED.iter().filter(|(_, _, text)| text.starts_with("SELECT")).map(|(name, _, text)| (*name, 1, *text)).collect();
    Statements::of(&once)
}

#[tokio::test(flavor = "multi_thread")]
async fn members_pay_budgets_are_kept_and_answers_repeat() {
    let source = Source::with(SERVICE);
    let snapshot = source.captured().await;
    let statements = each_once();
    let mut options = statements.options();
    options.time_limit = LONG;
    let advice = pgtailor::advise_snapshot(&snapshot, &options).await.expect("advice");
    say(&told(&advice));
    assert!(advice.recommendations.len() > 5, "{}", told(&advice));

    let again = pgtailor::advise_snapshot(&snapshot, &options).await.expect("advice");
    assert_eq!(without_seconds(&advice), without_seconds(&again));

    every_member_pays(&snapshot, &statements, &advice).await;
    every_member_is_worth_its_size(&snapshot, &advice);

    options.time_limit = Duration::ZERO;
    let hurried = pgtailor::advise_snapshot(&snapshot, &options).await.expect("advice");
    assert!(hurried.effort.out_of_time);
    assert!(hurried.cost_after <= hurried.cost_before && hurried.bound.lower <= hurried.cost_after, "{}", told(&hurried));
    say(&format!("without time: {} indexes, {:.3}", hurried.recommendations.len(), hurried.cost_after / hurried.cost_before));

    options.time_limit = LONG;
    let budget = Bytes(advice.size.0 / 3);
    options.limits.budget = Some(budget);
    let small = pgtailor::advise_snapshot(&snapshot, &options).await.expect("advice");
    assert!(small.size <= budget && !small.recommendations.is_empty(), "{}", told(&small));
    assert!(small.cost_after > advice.cost_after && small.cost_after < small.cost_before, "{}", told(&small));
    let is_limited = |one: &Rejected| matches!(&one.reason, Loss::Limit { limit, .. } if limit.contains("budget"));
    assert!(small.rejected.iter().any(is_limited), "{}", told(&small));
    for one in &small.recommendations {
        source.server.sql("postgres", &one.sql);
    }
    let built = size_of_built(&source, &small);
    say(&format!("budget {}, estimated {}, built {built}", budget.0, small.size.0));
    assert!(built <= budget.as_f64() * 1.1, "{built} bytes of {budget:?}");
}

/// The record without the one number that a clock gives.
fn without_seconds(advice: &Advice) -> String {
    let mut advice = advice.clone();
    advice.effort.seconds = 0.0;
    pgtailor::report::record::write(&advice)
}

/// Plans everything without each of the indexes in turn.
async fn every_member_pays(snapshot: &Snapshot, statements: &Statements, advice: &Advice) {
    let texts: Vec<&str> = statements.texts.values().map(|(text, _)| text.as_str()).filter(|text| *text != "SELECT 1").collect();
    let questions: Vec<Question<'_>> = texts.iter().map(|text| Question { text, types: &[], binding: None }).collect();
    let Raised { twin, .. } = Twin::raise(snapshot, &RaiseOptions::default()).await.expect("a twin");
    let mut what_if = TwinWhatIf::open(twin, 2).await.expect("it answers");
    let all = configuration(snapshot, advice);
    let with_all = sum(&mut what_if, &all, &questions).await;
    assert!((with_all / advice.cost_after - 1.0).abs() < 1e-6, "{with_all} planned, {} told", advice.cost_after);
    for index in &all.indexes {
        let mut fewer = all.clone();
        fewer.indexes.remove(index);
        let without = sum(&mut what_if, &fewer, &questions).await;
        assert!(without > with_all, "{} gains nothing: {with_all} with it, {without} without", index.definition);
    }
}

/// The least gain is told as a part of what is left; it was set when nearly that was left.
fn every_member_is_worth_its_size(snapshot: &Snapshot, advice: &Advice) {
    let block = u64::from(snapshot.server.block_size);
    let mut there = 0.0;
    for table in &snapshot.catalog.tables {
        there += table.size.unwrap_or_else(|| table.pages.bytes(block)).as_f64();
        there += table.indexes.iter().filter_map(|index| index.size).map(Bytes::as_f64).sum::<f64>();
    }
    let least = |size: Bytes| advice.cost_after * (advice.limits.minimal_gain + 0.25 * size.as_f64() / there);
    for one in &advice.recommendations {
        assert!(one.loss_without > 0.9 * least(one.size), "{} gains {}\n{}", one.sql, one.loss_without, told(advice));
    }
    let too_large = advice.rejected.iter().filter_map(|one| match one.reason {
        Loss::Size { gain, least } => Some((one, gain, least)),
        _ => None,
    });
    let too_large: Vec<(&Rejected, f64, f64)> = too_large.collect();
    assert!(!too_large.is_empty(), "{}", told(advice));
    for (one, gain, must) in too_large {
        let size = one.size.expect("it was predicted");
        assert!(gain <= must && must > 0.9 * least(size) && must < 1.2 * least(size), "{one:?}\n{}", told(advice));
    }
}

async fn sum(what_if: &mut TwinWhatIf, configuration: &Configuration, questions: &[Question<'_>]) -> f64 {
    let planned = what_if.plan(configuration, questions).await.expect("the twin answers");
    planned.into_iter().map(|planned| planned.expect("it was planned before").cost).sum()
}

const COUNTED: &str = "
    CREATE TABLE articles (id integer PRIMARY KEY, views integer NOT NULL, author integer NOT NULL, body text NOT NULL);
    INSERT INTO articles SELECT n, n * 7919 % 50000, n % 900, repeat('b', 200) FROM generate_series(1, 50000::bigint) n;";

#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_is_written_all_the_time_is_not_indexed_or_the_price_is_told() {
    let source = Source::with(COUNTED);
    let snapshot = source.captured().await;
    let most_viewed = "SELECT id FROM articles WHERE views = 4711";
    let by_author = "SELECT count(*) FROM articles WHERE author = 5";
    let viewed = "UPDATE articles SET views = views + 1 WHERE id = 17";
    let asked = |updates| {
        Statements::of(&[("most-viewed", 100, most_viewed), ("by-author", 5_000, by_author), ("viewed", updates, viewed)])
    };
    // Nothing says how many of these updates are HOT, so that no guard stands in the way.
    let advice = pgtailor::advise_snapshot(&snapshot, &asked(100_000_000).options()).await.expect("advice");
    assert!(made(&advice).iter().all(|index| !index.contains("views")), "{}", told(&advice));
    let on_views = advice.rejected.iter().find(|one| one.definition == "(views)").expect("it was tried");
    assert!(matches!(on_views.reason, Loss::Upkeep { gain, upkeep } if upkeep > gain), "{}", told(&advice));

    let advice = pgtailor::advise_snapshot(&snapshot, &asked(10_000).options()).await.expect("advice");
    let on_views =
        advice.recommendations.iter().find(|one| one.sql.contains("(views)")).unwrap_or_else(|| panic!("{}", told(&advice)));
    assert!(on_views.upkeep.cost > 0.0 && on_views.upkeep.entries > 0.0, "{:?}", on_views.upkeep);
    let lost: Vec<&str> = on_views.upkeep.hot_lost.iter().map(|(column, _)| column.as_str()).collect();
    assert_eq!(lost, ["views"]);
}

//! Each shape of question gets the index that an expert would make, and what is better refused is refused; the planner's costs with these
//! indexes really there are those that were promised.

use std::collections::BTreeSet;

use pgtailor::model::advice::{Advice, Loss, Recommendation};
use pgtailor::model::change::Change;
use pgtailor::model::index::IndexDefinition;
use pgtailor::model::snapshot::Snapshot;
use pgtailor::model::what_if::{CandidateIndex, Configuration, Question};
use pgtailor::{RaiseOptions, Raised, Twin};
use pgtailor_twin::TwinWhatIf;

use super::support::{SERVICE, Source, Statements, created, made, say, told};

/// Name, executions, text.
pub const ASKED: &[(&str, u64, &str)] = &[
    // The last rows of an organization.
    (
        "orders-of-org",
        5_000,
        "SELECT id, status, total FROM orders WHERE org = 417 AND status = 'open' ORDER BY created_at DESC LIMIT 20",
    ),
    ("orders-page", 8_000, "SELECT * FROM orders WHERE org = 523 ORDER BY created_at DESC LIMIT 20"),
    // A rare state; few rows that are not deleted.
    ("disputes", 400, "SELECT id, org, total FROM orders WHERE status = 'disputed' ORDER BY created_at LIMIT 50"),
    ("kept-orders", 900, "SELECT id, note FROM orders WHERE deleted_at IS NULL AND customer = 777"),
    // A key of another table that no index serves.
    ("lines", 6_000, "SELECT l.product, l.quantity FROM orders o JOIN order_lines l ON l.order_id = o.id WHERE o.id = 4711"),
    // What a tenant used.
    (
        "usage",
        2_000,
        "SELECT sum(quantity) FROM usage WHERE tenant = 42 AND kind = 'kind 3' AND day >= '2025-03-01' AND day < '2025-05-01'",
    ),
    // A day of what is appended to all the time.
    ("telemetry", 250, "SELECT kind, avg(value) FROM telemetry WHERE at >= '2025-01-12' AND at < '2025-01-14' GROUP BY kind"),
    ("telemetry-insert", 4_000_000, "INSERT INTO telemetry (id, at, kind, value, payload) VALUES (1, now(), 3, 0.5, 'p')"),
    // Documents by what is in them.
    ("documents-with", 700, "SELECT id, title FROM documents WHERE payload @> '{\"tags\": [\"t5\"]}'"),
    ("documents-by-source", 900, "SELECT id, title FROM documents WHERE payload ->> 'source' = 's77'"),
    ("documents-search", 300, "SELECT id FROM documents WHERE body ILIKE '%c4ca4238%'"),
    // One state of all that is asked for; a boolean that is seldom true.
    ("jobs-waiting", 20_000, "SELECT id, arguments FROM jobs WHERE status = 'waiting' ORDER BY run_at LIMIT 10"),
    ("jobs-paused", 500, "SELECT id, arguments FROM jobs WHERE is_paused AND queue = 1"),
    // Either of two.
    ("inbox", 3_000, "SELECT id, body FROM messages WHERE sender = 17 OR recipient = 17"),
    // How a text begins, and what is in it.
    ("products-by-sku", 2_000, "SELECT id, name FROM products WHERE sku LIKE '1f0e3dad%'"),
    ("products-search", 500, "SELECT id FROM products WHERE name ILIKE '%c81e728d9d%'"),
    // The newest runs of an organization that had none for long, beside an index by time alone.
    ("runs-of-org", 1_000, "SELECT id, outcome FROM runs WHERE org = 950 ORDER BY at DESC LIMIT 5"),
    // Rows to which others refer: no plan shows that they are looked for.
    ("close-account", 200, "DELETE FROM accounts WHERE id = 17"),
    // What needs no index.
    ("plan", 90_000, "SELECT price FROM plans WHERE code = 'plan 7'"),
    ("login", 70_000, "SELECT id, name FROM customers WHERE email = 'person7@example.org'"),
    ("seen", 70_000, "UPDATE customers SET last_seen = now() WHERE id = 7"),
    ("lately-seen", 3, "SELECT id, name FROM customers WHERE last_seen > '2025-03-04 10:00:00+00'"),
    ("ping", 900_000, "SELECT 1"),
];

/// Asserts that some new index on `table` is as wanted.
#[track_caller]
fn gets(advice: &Advice, table: &str, wanted: impl Fn(&str, &IndexDefinition) -> bool) {
    let of_table = advice.recommendations.iter().filter(|one| one.table.name == table).filter_map(created);
    let is_there = of_table.clone().any(|definition| wanted(&definition.to_string(), definition));
    let there: Vec<String> = of_table.map(ToString::to_string).collect();
    assert!(is_there, "of {table}: {there:#?}\n{}", told(advice));
}

#[track_caller]
fn gets_nothing(advice: &Advice, table: &str) {
    let there: Vec<String> = made(advice).into_iter().filter(|index| index.starts_with(&format!("{table} "))).collect();
    assert!(there.is_empty(), "{there:#?}\n{}", told(advice));
}

/// Why the index of which the definition begins like this is refused.
#[track_caller]
fn refusal<'a>(advice: &'a Advice, table: &str, beginning: &str) -> &'a str {
    let of_index = advice.rejected.iter().filter(|one| one.table.name == table && one.definition.starts_with(beginning));
    let because = of_index.filter_map(|one| match &one.reason {
        Loss::Refused { because } => Some(because.as_str()),
        _ => None,
    });
    let because: Vec<&str> = because.collect();
    assert!(!because.is_empty(), "{table} {beginning} is not refused\n{}", told(advice));
    because[0]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_shape_of_question_gets_its_index_and_costs_what_was_promised() {
    let source = Source::with(SERVICE);
    // Counters of updates that are nearly all HOT, as those of such a table are.
    source.server.sql("postgres", "UPDATE customers SET last_seen = last_seen + interval '1 second' WHERE id % 20 = 0");
    let statements = Statements::of(ASKED);
    let snapshot = source.captured().await;
    let advice = pgtailor::advise_snapshot(&snapshot, &statements.options()).await.expect("advice");
    say(&told(&advice));

    gets(&advice, "orders", |text, _| text.starts_with("(org, created_at"));
    gets(&advice, "orders", |text, _| text.contains("status = 'disputed'") || text.starts_with("(status, created_at"));
    gets(&advice, "orders", |text, _| text.starts_with("(customer)"));
    gets(&advice, "order_lines", |text, _| text.starts_with("(order_id)"));
    gets(&advice, "usage", |text, index| {
        let first_two = text.starts_with("(tenant, kind") || text.starts_with("(kind, tenant");
        let reads_nothing_else =
            ["tenant", "kind", "day", "quantity"].iter().all(|column| index.include.contains(*column) || text.contains(column));
        first_two && reads_nothing_else
    });
    gets(&advice, "telemetry", |text, index| index.method == "brin" && text.contains("(at"));
    gets(&advice, "documents", |text, index| index.method == "gin" && text.contains("(payload"));
    gets(&advice, "documents", |text, _| text.contains("payload ->> 'source'"));
    gets(&advice, "documents", |text, _| text.contains("body") && text.contains("gin_trgm_ops"));
    gets(&advice, "jobs", |text, _| {
        text.starts_with("(run_at") && text.contains("status = 'waiting'") || text.starts_with("(status, run_at")
    });
    gets(&advice, "jobs", |text, _| text.starts_with("(is_paused") || text.contains("WHERE is_paused"));
    gets(&advice, "messages", |text, _| text.starts_with("(sender"));
    gets(&advice, "messages", |text, _| text.starts_with("(recipient"));
    gets(&advice, "products", |text, index| index.method == "btree" && text.starts_with("(sku"));
    gets(&advice, "products", |text, _| text.contains("name") && text.contains("gin_trgm_ops"));
    gets(&advice, "runs", |text, _| text.starts_with("(org, at"));

    gets(&advice, "sessions", |text, _| text == "(account)");
    let closing = advice.statements.iter().find(|statement| statement.text.contains("accounts")).expect("it is considered");
    assert!(closing.before > 100.0 * closing.after && closing.calls == 200, "{closing:?}");

    gets_nothing(&advice, "plans");
    assert!(refusal(&advice, "plans", "(code)").contains("1 page"));
    gets_nothing(&advice, "customers");
    assert!(refusal(&advice, "customers", "(last_seen)").contains("HOT"));
    let skipped = advice.skipped.iter().find(|skipped| skipped.statement.contains("SELECT $1")).expect("SELECT 1 is skipped");
    assert_eq!(skipped.reason, "it reads no table of this database");

    costs_what_was_promised(&source, &snapshot, &statements, &advice).await;
}

/// Builds what is recommended, and compares each statement's cost with what the twin said it would be.
async fn costs_what_was_promised(source: &Source, snapshot: &Snapshot, statements: &Statements, advice: &Advice) {
    let texts: Vec<&str> = statements.texts.values().map(|(text, _)| text.as_str()).collect();
    let questions: Vec<Question<'_>> = texts.iter().map(|text| Question { text, types: &[], binding: None }).collect();
    let Raised { twin, .. } = Twin::raise(snapshot, &RaiseOptions::default()).await.expect("a twin");
    let mut what_if = TwinWhatIf::open(twin, 2).await.expect("it answers");
    let promised = what_if.plan(&configuration(snapshot, advice), &questions).await.expect("planned");
    for one in &advice.recommendations {
        source.server.sql("postgres", &one.sql);
    }
    // An expression has statistics from the next analysis on; of this table every row is sampled, so that all others stay as they are.
    source.server.sql("postgres", "ANALYZE documents");
    let mut off: Vec<f64> = Vec::new();
    let mut worse: Vec<String> = Vec::new();
    for (text, promised) in texts.iter().zip(promised) {
        let promised = promised.expect("it was planned before").cost;
        let real = source.cost(text);
        off.push((real / promised - 1.0).abs());
        say(&format!("{promised:>12.2} {real:>12.2} {:>8.4} {text}", real / promised));
        if real > promised * 1.1 {
            worse.push(format!("{promised} promised, {real} with the indexes: {text}"));
        }
    }
    off.sort_by(f64::total_cmp);
    assert!(off[off.len() / 2] <= 0.02, "{off:?}");
    assert!(worse.is_empty(), "{worse:#?}");
    let size = size_of_built(source, advice);
    let factor = size / advice.size.as_f64();
    say(&format!("built {size} bytes, estimated {}: {factor}", advice.size.0));
    assert!((0.9..=1.1).contains(&factor), "{factor}");
}

/// Bytes of the indexes that `advice` recommends, which are there.
pub fn size_of_built(source: &Source, advice: &Advice) -> f64 {
    let name = |one: &Recommendation| match &one.change {
        Change::CreateIndex { name, .. } => Some(format!("'{name}'")),
        _ => None,
    };
    let names: Vec<String> = advice.recommendations.iter().filter_map(name).collect();
    let size = format!("SELECT sum(pg_relation_size(oid)) FROM pg_class WHERE relname IN ({})", names.join(", "));
    source.server.sql("postgres", &size).parse().expect("a sum")
}

/// Everything that `advice` recommends to make.
pub fn configuration(snapshot: &Snapshot, advice: &Advice) -> Configuration {
    let index = |one: &Recommendation| {
        let table = snapshot.catalog.tables.iter().find(|table| table.name == one.table)?.oid;
        Some(CandidateIndex { table, definition: created(one)?.clone() })
    };
    let indexes: BTreeSet<CandidateIndex> = advice.recommendations.iter().filter_map(index).collect();
    Configuration { indexes, ..Configuration::default() }
}

//! The built-in blueprint: complete, consistent, and made of rows that fit together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use pgtailor_blueprint::draw::Deck;
use pgtailor_blueprint::generate::Generator;
use pgtailor_blueprint::{Blueprint, Parameter, builtin};
use pgtailor_model::index::KeyPart;

const SCALE: f64 = 0.005;

fn blueprint() -> Blueprint {
    builtin::find("dreflowpro").expect("it is built in").blueprint()
}

fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().expect("an instant")
}

fn generator(blueprint: &Blueprint) -> Arc<Generator> {
    Arc::new(blueprint.generator(SCALE, 1, now()).expect("the description is right"))
}

type Row = BTreeMap<String, Option<String>>;

/// All rows of a table, as COPY text read back.
fn rows(generator: &Generator, name: &str) -> Vec<Row> {
    let position = generator.tables().iter().position(|table| table.name().name == name).expect("the table is there");
    let sql = generator.copy_sql(position);
    let columns: Vec<&str> = sql[sql.find('(').expect("a list") + 1..sql.find(')').expect("its end")].split(", ").collect();
    let mut out = Vec::new();
    generator.write_copy(position, 0..u64::MAX, &mut out);
    let text = String::from_utf8(out).expect("text");
    text.lines()
        .map(|line| {
            let cells: Vec<&str> = line.split('\t').collect();
            assert_eq!(cells.len(), columns.len(), "{line}");
            let cell = |cell: &str| (cell != "\\N").then(|| cell.to_owned());
            columns.iter().zip(cells).map(|(column, text)| ((*column).to_owned(), cell(text))).collect()
        })
        .collect()
}

fn values(rows: &[Row], column: &str) -> Vec<String> {
    rows.iter().filter_map(|row| row[column].clone()).collect()
}

fn share(rows: &[Row], column: &str, value: &str) -> f64 {
    let hits = rows.iter().filter(|row| row[column].as_deref() == Some(value)).count();
    f64::from(u32::try_from(hits).expect("few")) / f64::from(u32::try_from(rows.len()).expect("few"))
}

#[test]
fn both_catalogs_are_complete() {
    let blueprint = blueprint();
    let count = |group: &str| blueprint.catalog.iter().filter(|entry| entry.group == group).count();
    assert_eq!((count("model-level"), count("strategic"), blueprint.catalog.len()), (32, 38, 70));
    assert!(blueprint.catalog.iter().all(|entry| !entry.description.is_empty()));
    let single = |entry: &&pgtailor_model::declared::DeclaredIndex| entry.group == "model-level";
    for entry in blueprint.catalog.iter().filter(single) {
        let [key] = &entry.keys[..] else { panic!("{} has one column", entry.name) };
        let KeyPart::Column(column) = &key.part else { panic!("{} has a column", entry.name) };
        assert_eq!(entry.name, format!("ix_{}_{column}", entry.table.name));
    }
}

#[test]
fn every_category_has_statements_and_the_promises_are_the_guides() {
    let blueprint = blueprint();
    let promises: BTreeMap<&str, (f64, f64)> =
        blueprint.categories.iter().filter_map(|category| Some((category.name.as_str(), category.promise?))).collect();
    assert_eq!(promises["user lookups"], (0.80, 0.95));
    assert_eq!(promises["OAuth authentication"], (0.90, 0.99));
    assert_eq!(promises.len(), 5);
    let used: BTreeSet<&str> = blueprint.workload.statements().iter().map(|statement| statement.category.as_str()).collect();
    assert_eq!(used.len(), blueprint.categories.len());
}

#[test]
fn every_shape_of_the_ten_tables_is_there() {
    let shapes: BTreeSet<u32> = blueprint().workload.statements().iter().map(|statement| statement.shape).collect();
    let wanted = (1..=12).chain(14..=18).chain([21, 22, 26, 27, 28, 32, 35, 36]);
    for shape in wanted.chain(101..=120).chain(201..=210) {
        assert!(shapes.contains(&shape), "shape {shape}");
    }
}

#[test]
fn scale_one_is_a_million_executions_and_three_million_rows() {
    let generator = blueprint().generator(1.0, 1, now()).expect("the description is right");
    let count = |name: &str| generator.tables().iter().find(|table| table.name().name == name).map(|table| table.rows().0);
    assert_eq!(count("pipeline_executions"), Some(1_000_000));
    let all: u64 = generator.tables().iter().map(|table| table.rows().0).sum();
    assert!((2_900_000..3_100_000).contains(&all), "{all}");
}

#[test]
fn the_same_seed_gives_the_same_bytes_whatever_the_pieces() {
    let blueprint = blueprint();
    let write = |seed: u64, pieces: u64| {
        let generator = blueprint.generator(SCALE, seed, now()).expect("the description is right");
        let mut out = Vec::new();
        for (position, table) in generator.tables().iter().enumerate() {
            for piece in 0..pieces {
                let (start, end) = (table.rows().0 * piece / pieces, table.rows().0 * (piece + 1) / pieces);
                generator.write_copy(position, start..end, &mut out);
            }
        }
        out
    };
    assert!(write(1, 1) == write(1, 7));
    assert!(write(1, 1) != write(2, 1));
}

#[test]
fn every_reference_finds_its_row_and_every_key_is_unique() {
    let blueprint = blueprint();
    let generator = generator(&blueprint);
    let constraints = blueprint.constraints_sql.lines();
    let mut foreign = 0;
    for line in constraints.filter(|line| line.starts_with("ALTER TABLE")) {
        let words: Vec<&str> = line.split([' ', '(', ')']).filter(|word| !word.is_empty()).collect();
        let table = rows(&generator, words[2]);
        if let Some(position) = words.iter().position(|word| *word == "REFERENCES") {
            let keys: BTreeSet<String> = values(&rows(&generator, words[position + 1]), "id").into_iter().collect();
            let column = words[position - 1];
            assert!(values(&table, column).iter().all(|key| keys.contains(key)), "{line}");
            assert!(!values(&table, column).is_empty(), "{line}");
            foreign += 1;
        } else {
            let column = words[words.len() - 2];
            let all = values(&table, column);
            assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "{line}");
        }
    }
    assert_eq!(foreign, 12);
}

#[test]
fn creators_belong_to_the_organization_and_steps_are_numbered() {
    let blueprint = blueprint();
    let generator = generator(&blueprint);
    let home: BTreeMap<String, Option<String>> = rows(&generator, "users")
        .into_iter()
        .map(|user| (user["id"].clone().expect("a key"), user["organization_id"].clone()))
        .collect();
    for pipeline in rows(&generator, "etl_pipelines") {
        if let Some(creator) = &pipeline["created_by_id"] {
            assert_eq!(home[creator], pipeline["organization_id"]);
        }
    }
    let mut orders: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for step in rows(&generator, "pipeline_steps") {
        let order = step["step_order"].as_deref().expect("a number").parse().expect("a number");
        orders.entry(step["pipeline_id"].clone().expect("an owner")).or_default().push(order);
    }
    for mut numbers in orders.into_values() {
        numbers.sort_unstable();
        assert!((2..=5).contains(&numbers.len()));
        assert!((1..).zip(&numbers).all(|(wanted, number)| wanted == *number));
    }
}

#[test]
fn executions_are_skewed_as_in_a_real_service() {
    let blueprint = blueprint();
    let executions = rows(&generator(&blueprint), "pipeline_executions");
    assert!((0.85..0.91).contains(&share(&executions, "status", "completed")));
    assert!((0.06..0.10).contains(&share(&executions, "status", "failed")));
    let running = share(&executions, "status", "running");
    assert!((0.001..0.006).contains(&running), "{running}");
    for execution in &executions {
        let status = execution["status"].as_deref().expect("a status");
        assert_eq!(execution["completed_at"].is_none(), matches!(status, "running" | "pending"));
        if let (Some(start), Some(end)) = (&execution["started_at"], &execution["completed_at"]) {
            assert!(start <= end && end.as_str() <= "2026-03-01 12:00:00.000000+00", "{start} {end}");
        }
        if status == "running" {
            assert!(execution["created_at"].as_deref() >= Some("2026-02-28 00:00:00"));
        }
    }
    let created = values(&executions, "created_at");
    assert!(created.is_sorted());
    let recent = created.iter().filter(|at| at.as_str() > "2025-03-01").count();
    // The second of two years holds 1 - 0.5^3 of the rows.
    assert!((0.85..0.90).contains(&(f64::from(u32::try_from(recent).expect("few")) / 5_000.0)), "{recent}");
}

#[test]
fn a_few_tenants_hold_a_large_part() {
    let blueprint = blueprint();
    let users = rows(&generator(&blueprint), "users");
    let mut sizes: BTreeMap<String, usize> = BTreeMap::new();
    for organization in values(&users, "organization_id") {
        *sizes.entry(organization).or_default() += 1;
    }
    let mut sizes: Vec<usize> = sizes.into_values().collect();
    sizes.sort_unstable();
    let (largest, middle) = (sizes[sizes.len() - 1], sizes[sizes.len() / 2]);
    assert!(largest > 10 * middle && middle >= 5, "{largest} {middle}");
}

#[test]
fn draws_are_typed_repeatable_and_mostly_of_rows_that_exist() {
    let blueprint = blueprint();
    let generator = generator(&blueprint);
    let deck = Deck::new(&blueprint.workload, &generator).expect("every name is known");
    let (mut one, mut two, mut other) = (deck.drawer(5, 1), deck.drawer(5, 1), deck.drawer(5, 2));
    for (position, statement) in blueprint.workload.statements().iter().enumerate() {
        let (first, second) = (deck.draw(position, &mut one), deck.draw(position, &mut two));
        assert_eq!(first, second, "{}", statement.name);
        assert_eq!(first.len(), statement.n_parameters());
        let salted = deck.draw(position, &mut other);
        // Only what is inserted differs between runs, and what is done to it later.
        let inserted = matches!(statement.shape, 201..=204 | 208);
        assert_eq!(first == salted, !inserted, "{}", statement.name);
    }
    let position = |name: &str| blueprint.workload.statements().iter().position(|statement| statement.name == name);
    let by_email = position("social-account-by-email").expect("it is there");
    let known: BTreeSet<String> = values(&rows(&generator, "social_accounts"), "provider_account_email").into_iter().collect();
    let drawn: Vec<Parameter> = (0..500).flat_map(|_| deck.draw(by_email, &mut one)).collect();
    let found = drawn.iter().filter(|email| email.text().is_some_and(|email| known.contains(&email))).count();
    assert!((400..490).contains(&found), "{found}");
}

#[test]
fn what_is_remembered_is_used_by_later_statements() {
    let blueprint = blueprint();
    let generator = generator(&blueprint);
    let deck = Deck::new(&blueprint.workload, &generator).expect("every name is known");
    let mut drawer = deck.drawer(9, 1);
    let position = |name: &str| blueprint.workload.statements().iter().position(|statement| statement.name == name);
    let mut draw = |name: &str| deck.draw(position(name).expect("it is there"), &mut drawer)[0].clone();
    let inserted = draw("insert-execution");
    assert_eq!(draw("start-execution"), inserted);
    assert_eq!(draw("progress-of-execution"), inserted);
    assert_eq!(draw("finish-execution"), inserted);
    assert_ne!(draw("finish-execution"), inserted);
}

#[test]
fn statements_are_drawn_by_weight() {
    let blueprint = blueprint();
    let generator = generator(&blueprint);
    let deck = Deck::new(&blueprint.workload, &generator).expect("every name is known");
    let mut drawer = deck.drawer(3, 1);
    let statements = blueprint.workload.statements();
    let mut counts = vec![0_u32; statements.len()];
    for _ in 0..50_000 {
        counts[deck.next_statement(&mut drawer)] += 1;
    }
    let total: f64 = statements.iter().map(|statement| statement.weight).sum();
    for (statement, count) in statements.iter().zip(counts) {
        let expected = 50_000.0 * statement.weight / total;
        assert!((f64::from(count) - expected).abs() < 6.0 * expected.sqrt() + 5.0, "{}: {count} for {expected}", statement.name);
    }
}

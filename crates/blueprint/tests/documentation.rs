//! The example of `docs/blueprints.md` is a blueprint, and mistakes in one are told with file and place.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use pgtailor_blueprint::draw::Deck;
use pgtailor_blueprint::{Blueprint, Error};

const PAGE: &str = include_str!("../../../docs/blueprints.md");

/// The files of the worked example: each a heading with the file's name, then a fenced text.
fn example() -> BTreeMap<String, String> {
    let (_, example) = PAGE.split_once("## A worked example").expect("the page has an example");
    example
        .split("\n### ")
        .skip(1)
        .map(|section| {
            let (name, rest) = section.split_once('\n').expect("a heading");
            let text = rest.split("```").nth(1).expect("a fenced text");
            let (_, text) = text.split_once('\n').expect("a language");
            (name.to_owned(), text.to_owned())
        })
        .collect()
}

fn error_with(file: &str, old: &str, new: &str) -> Error {
    let mut texts = example();
    let text = texts.get_mut(file).expect("the example has the file");
    assert!(text.contains(old), "{file} has {old}");
    *text = text.replacen(old, new, 1);
    Blueprint::from_texts(&texts).expect_err("it is wrong now")
}

#[test]
fn the_example_is_a_blueprint_that_makes_rows_and_draws_statements() {
    let blueprint = Blueprint::from_texts(&example()).expect("the example is right");
    assert_eq!((blueprint.name.as_str(), blueprint.catalog.len(), blueprint.workload.statements().len()), ("shop", 2, 4));
    let generator = Arc::new(blueprint.generator(0.01, 3, Timestamp::UNIX_EPOCH).expect("names were checked"));
    let mut out = Vec::new();
    for table in 0..generator.tables().len() {
        generator.write_copy(table, 0..u64::MAX, &mut out);
    }
    let lines = u64::try_from(String::from_utf8_lossy(&out).lines().count()).expect("few");
    assert_eq!(lines, generator.tables().iter().map(|table| table.rows().0).sum::<u64>());
    assert_eq!(generator.copy_sql(0), "COPY public.customers (country, created_at, email, id) FROM STDIN");
    let deck = Deck::new(&blueprint.workload, &generator).expect("names were checked");
    let mut drawer = deck.drawer(1, 1);
    for (position, statement) in blueprint.workload.statements().iter().enumerate() {
        assert_eq!(deck.draw(position, &mut drawer).len(), statement.n_parameters());
    }
}

#[test]
fn mistakes_are_told_with_file_and_place() {
    let cases = [
        ("data.toml", "\"owner\"", "\"ownr\"", "data.toml:18: "),
        ("data.toml", "rows = 5_000", "", "table `customers`: write rows"),
        ("data.toml", "table = \"customers\"", "table = \"clients\"", "`orders` is owned by `clients`"),
        (
            "data.toml",
            "column = \"status\"",
            "column = \"state\"",
            "table `orders`: column `paid_at`: table `orders` has no column `state`",
        ),
        ("data.toml", "within = \"2d\"", "within = \"2\"", "`2` is not a length of time"),
        ("data.toml", "${row}", "${raw}", "column `email`"),
        ("data.toml", "{ choice = { DE = 60, FR = 30, PT = 10 } }", "{ column = \"country\" }", "copy of itself"),
        ("data.toml", "mean = \"3h\"", "mean = \"3h\", lost = 1", "data.toml:"),
        (
            "workload.toml",
            "order.customer_id",
            "order.client_id",
            "statement `orders-of-customer`: $1: table `orders` has no column `client_id`",
        ),
        ("workload.toml", "\"order.id\"", "\"ordre.id\"", "begins with no row"),
        ("workload.toml", "category = \"writes\"", "category = \"reads\"", "workload.toml:19: statement `new-order`"),
        ("workload.toml", "name = \"pay-order\"", "name = \"new-order\"", "is there twice"),
        ("catalog.toml", "ix_order_lines_order", "ix_orders_customer_created", "catalog.toml:7: "),
        ("blueprint.toml", "[0.70, 0.90]", "[0.90, 0.70]", "blueprint.toml:4: "),
    ];
    for (file, old, new, said) in cases {
        let message = error_with(file, old, new).to_string();
        assert!(message.starts_with(file) && message.contains(said), "{old} -> {new}: {message}");
    }
}

#[test]
fn columns_in_a_circle_are_refused() {
    let error = error_with("data.toml", "column = \"created_at\", within", "column = \"paid_at\", within").to_string();
    assert!(error.contains("depends on itself"), "{error}");
}

#[test]
fn a_missing_file_is_named_and_the_optional_ones_may_be_missing() {
    let mut texts = example();
    texts.remove("catalog.toml");
    texts.remove("constraints.sql");
    assert!(Blueprint::from_texts(&texts).is_ok());
    texts.remove("data.toml");
    assert_eq!(Blueprint::from_texts(&texts).map(|_| ()), Err(Error::Missing("data.toml".to_owned())));
}

#[test]
fn a_scale_must_be_a_number_above_nothing() {
    let blueprint = Blueprint::from_texts(&example()).expect("the example is right");
    for scale in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(blueprint.generator(scale, 1, Timestamp::UNIX_EPOCH).is_err(), "{scale}");
    }
}

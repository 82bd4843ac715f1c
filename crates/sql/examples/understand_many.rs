//! Prints how long it takes to fingerprint and understand 100,000 distinct statements, on one core.

#![expect(clippy::disallowed_methods, reason = "a program that measures has a clock and prints; the crate does not")]

use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Instant;

use pgtailor_model::catalog::{Catalog, Column, Table};
use pgtailor_model::name::{Oid, QualifiedName};
use pgtailor_model::unit::{Milliseconds, Pages, Rows};
use pgtailor_sql::{Collector, Kind, Observation, Values};

const STATEMENTS: usize = 100_000;
const TABLES: usize = 200;
const COLUMNS: usize = 30;

fn main() -> Result<(), Box<dyn Error>> {
    let catalog = catalog()?;
    let texts: Vec<String> = (0..STATEMENTS).map(text).collect();
    let begun = Instant::now();
    let mut collector = Collector::default();
    collector.fill(|filling| {
        for text in &texts {
            filling.add(
                Kind::Log,
                &Observation {
                    text,
                    values: Values::Known(&|| Some(Vec::new())),
                    calls: 1,
                    total_time: Milliseconds(1.0),
                    spread: None,
                    rows: None,
                    planning_time: None,
                    wal: None,
                    blocks_read: None,
                    temp_written: None,
                    tags: None,
                    place: &String::new,
                },
            );
        }
    });
    let workload = collector.understand(&catalog, &["public".to_owned()]);
    let seconds = begun.elapsed().as_secs_f64();
    if workload.queries.len() != STATEMENTS {
        return Err(format!("{} of {STATEMENTS} statements were told apart", workload.queries.len()).into());
    }
    writeln!(std::io::stdout(), "{seconds:.1}")?;
    Ok(())
}

/// A statement like those of applications: a join, a few conditions, an order, a limit. Every number makes another one.
fn text(number: usize) -> String {
    let (table, other) = (number % TABLES, number / 7 % TABLES);
    let column = |shift: usize| (number / TABLES + shift * (1 + number / 6000)) % COLUMNS;
    let mut text = format!(
        "SELECT a.c{}, a.c{}, b.c1 FROM t{table} a JOIN t{other} b ON b.c0 = a.c{} WHERE a.c{} = {number} AND b.c{} IN ('x', 'y', 'z')",
        column(0),
        column(1),
        column(2),
        column(3),
        column(4)
    );
    // The bits of the number, as conditions that are there or not: no two statements are alike.
    for bit in (0..17).filter(|bit| number >> bit & 1 == 1).take(3) {
        let _ = write!(text, " AND a.c{bit} > {bit}");
    }
    let _ = write!(
        text,
        " AND lower(a.c{}) LIKE 'n{number}%' ORDER BY a.c{} DESC LIMIT 20 OFFSET {}",
        number / TABLES % COLUMNS,
        number % COLUMNS,
        number % 3
    );
    for bit in 0..17 {
        if number >> bit & 1 == 1 {
            text.insert_str(7, &format!("a.c{bit} AS x{bit}, "));
        }
    }
    text
}

fn catalog() -> Result<Catalog, Box<dyn Error>> {
    let mut tables = Vec::with_capacity(TABLES);
    for number in 0..TABLES {
        let mut columns = Vec::with_capacity(COLUMNS);
        for column in 0..COLUMNS {
            columns.push(Column::new(i16::try_from(column + 1)?, format!("c{column}"), "text"));
        }
        tables.push(Table {
            estimated_rows: Some(Rows(1_000_000)),
            pages: Pages(10_000),
            columns,
            ..Table::new(Oid(u32::try_from(number + 1)?), QualifiedName::new("public", format!("t{number}")))
        });
    }
    tables.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(Catalog { tables, ..Catalog::default() })
}

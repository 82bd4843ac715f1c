//! Statements at random over the tables of a source: predicates, joins, groups, orders, limits; constants from the data and beyond them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use pgtailor_model::name::{quote_identifier, quote_literal};
use pgtailor_model::random::Random;

use super::Source;

/// A column with values of its own.
struct Column {
    name: String,
    type_name: String,
    values: Vec<String>,
}

/// Tables with their columns, and pairs of columns of one type that a join can compare.
pub struct Fuzz {
    tables: Vec<(String, Vec<Column>)>,
}

/// Types that sort, and for which a constant far outside is known.
const BEYOND: &[(&str, &str, &str)] = &[
    ("integer", "-5000", "99999999"),
    ("bigint", "-5000", "99999999999"),
    ("numeric", "-1", "1e12"),
    ("double precision", "-1e9", "1e12"),
    ("real", "-1e9", "1e12"),
    ("date", "1900-01-01", "2099-01-01"),
    ("timestamp without time zone", "1999-01-01", "2099-01-01"),
    ("timestamp with time zone", "1999-01-01", "2099-01-01"),
    ("text", "!", "zzzz"),
    ("character varying", "!", "zzzz"),
];

impl Fuzz {
    /// Reads the tables of schema `public` with some values of each column.
    pub async fn over(source: &Source) -> Self {
        let columns = source
            .rows(
                "SELECT c.oid::regclass::text, a.attname, format_type(a.atttypid, NULL) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
                  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'm', 'v') AND a.attnum > 0 AND NOT a.attisdropped
                  ORDER BY c.relname, a.attnum",
            )
            .await;
        let mut tables: BTreeMap<String, Vec<Column>> = BTreeMap::new();
        for row in columns {
            let [table, name, type_name] = row.try_into().expect("three columns");
            let (table, name) = (table.expect("a name"), name.expect("a name"));
            let quoted = quote_identifier(&name);
            let sql = format!(
                "SELECT v::text FROM (SELECT {quoted} AS v FROM {table} LIMIT 4000) x WHERE v IS NOT NULL ORDER BY md5(v::text) LIMIT 12"
            );
            let values = source.rows(&sql).await.into_iter().filter_map(|row| row.into_iter().next()?).collect();
            tables.entry(table).or_default().push(Column { name, type_name: type_name.expect("a type"), values });
        }
        Self { tables: tables.into_iter().collect() }
    }

    /// `count` statements; the same for the same seed.
    pub fn statements(&self, count: usize, seed: u64) -> Vec<String> {
        let mut random = Random::new(seed);
        (0..count).map(|_| self.statement(&mut random)).collect()
    }

    fn statement(&self, random: &mut Random) -> String {
        let (table, columns) = pick(random, &self.tables);
        let mut from = format!("{table} a");
        let mut conditions: Vec<String> = Vec::new();
        let mut aliases = vec![("a", columns)];
        if chance(random, 40) {
            let own = pick(random, columns);
            let others: Vec<(&String, &Vec<Column>, &Column)> = self
                .tables
                .iter()
                .flat_map(|(name, columns)| columns.iter().map(move |column| (name, columns, column)))
                .filter(|(.., column)| family(&column.type_name) == family(&own.type_name) && family(&own.type_name).is_some())
                .collect();
            if !others.is_empty() {
                let (other, other_columns, column) = pick(random, &others);
                let kind = pick(random, &["JOIN", "JOIN", "LEFT JOIN"]);
                add(
                    &mut from,
                    format_args!(" {kind} {other} b ON a.{} = b.{}", quote_identifier(&own.name), quote_identifier(&column.name)),
                );
                aliases.push(("b", other_columns));
            }
        }
        for _ in 0..below(random, 4) {
            let (alias, columns) = pick(random, &aliases);
            let column = pick(random, columns);
            conditions.extend(condition(random, alias, column));
        }
        let mut sql = String::new();
        let sortable: Vec<&Column> = columns.iter().filter(|column| family(&column.type_name).is_some()).collect();
        let grouped = chance(random, 20) && !sortable.is_empty();
        if grouped {
            let key = format!("a.{}", quote_identifier(&pick(random, &sortable).name));
            add(&mut sql, format_args!("SELECT {key}, count(*) FROM {from}"));
            push_conditions(&mut sql, &conditions);
            add(&mut sql, format_args!(" GROUP BY {key}"));
        } else {
            let what = pick(random, &["*", "count(*)", "DISTINCT"]);
            match (*what, sortable.as_slice()) {
                ("DISTINCT", [_, ..]) => {
                    add(
                        &mut sql,
                        format_args!("SELECT DISTINCT a.{} FROM {from}", quote_identifier(&pick(random, &sortable).name)),
                    );
                }
                ("count(*)", _) => add(&mut sql, format_args!("SELECT count(*) FROM {from}")),
                _ => add(&mut sql, format_args!("SELECT a.* FROM {from}")),
            }
            push_conditions(&mut sql, &conditions);
            if sql.starts_with("SELECT a.*") && chance(random, 50) && !sortable.is_empty() {
                let direction = pick(random, &["", " DESC", " DESC NULLS LAST"]);
                add(&mut sql, format_args!(" ORDER BY a.{}{direction}", quote_identifier(&pick(random, &sortable).name)));
            }
        }
        if chance(random, 30) {
            add(&mut sql, format_args!(" LIMIT {}", 1 + below(random, 60)));
        }
        sql
    }
}

fn add(sql: &mut String, more: std::fmt::Arguments<'_>) {
    sql.write_fmt(more).expect("a string takes everything");
}

fn push_conditions(sql: &mut String, conditions: &[String]) {
    if !conditions.is_empty() {
        sql.push_str(" WHERE ");
        sql.push_str(&conditions.join(" AND "));
    }
}

fn condition(random: &mut Random, alias: &str, column: &Column) -> Option<String> {
    let name = format!("{alias}.{}", quote_identifier(&column.name));
    if chance(random, 8) {
        return Some(format!("{name} IS {}NULL", pick(random, &["", "NOT "])));
    }
    let type_name = column.type_name.as_str();
    let value = |random: &mut Random| -> Option<String> {
        if let Some((_, low, high)) = BEYOND.iter().find(|(name, ..)| *name == type_name)
            && chance(random, 15)
        {
            return Some(quote_literal(if chance(random, 50) { low } else { high }));
        }
        (!column.values.is_empty()).then(|| quote_literal(pick::<String>(random, &column.values)))
    };
    let first = value(random)?;
    Some(match (type_name, family(type_name)) {
        ("boolean", _) => name,
        ("text[]", _) => format!("{name} {} {first}::text[]", pick(random, &["@>", "&&", "<@"])),
        ("jsonb", _) => format!("{name} @> {first}::jsonb"),
        ("tsvector", _) => format!("{name} @@ plainto_tsquery('simple', {first})"),
        ("tstzrange" | "floatrange", _) => format!("{name} {} {first}::{type_name}", pick(random, &["&&", "@>", "<@", "<<"])),
        ("point", _) => format!("{name} <@ box '((10,10),(30,40))'"),
        ("inet", _) => format!("{name} {} {first}::inet", pick(random, &["=", "<<=", "<"])),
        ("text", _) if chance(random, 20) => {
            let pattern =
                quote_literal(&format!("{}%", first.trim_matches(['\'', 'E', '%']).chars().take(3).collect::<String>()));
            format!("{name} LIKE {pattern}")
        }
        ("text", _) if chance(random, 10) => format!("lower({name}) = {first}"),
        (_, Some(_)) if chance(random, 15) => {
            let more: Vec<String> = (0..3).filter_map(|_| value(random)).collect();
            format!("{name} IN ({first}, {})", more.join(", "))
        }
        (_, Some(_)) if chance(random, 20) => format!("{name} BETWEEN {first} AND {}", value(random)?),
        (_, Some(_)) => format!("{name} {} {first}", pick(random, &["=", "=", "<", "<=", ">", ">=", "<>"])),
        (_, None) => format!("{name} = {first}"),
    })
}

/// Types that can be compared with one another; `None` for those without an order that anybody asks for.
fn family(type_name: &str) -> Option<&'static str> {
    Some(match type_name {
        "integer" | "bigint" | "numeric" | "real" | "double precision" | "amount" => "number",
        "text" | "character varying" => "text",
        "character" => "character",
        "date" | "timestamp without time zone" | "timestamp with time zone" => "time",
        "uuid" => "uuid",
        "mood" => "mood",
        "interval" => "interval",
        _ => return None,
    })
}

fn below(random: &mut Random, limit: usize) -> usize {
    usize::try_from(random.below(u64::try_from(limit).expect("small"))).expect("small")
}

fn chance(random: &mut Random, percent: usize) -> bool {
    below(random, 100) < percent
}

fn pick<'a, T>(random: &mut Random, among: &'a [T]) -> &'a T {
    &among[below(random, among.len())]
}

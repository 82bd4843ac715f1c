//! A small catalog, and shapes as text: what a B-tree of columns could serve ([`check`]: `orders: = customer_id; < created_at; by created_at
//! desc; limit`), or everything that is known ([`words`]).
#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::BTreeMap;

use pgtailor_model::activity::StatementActivity;
use pgtailor_model::binding::Role;
use pgtailor_model::catalog::{Catalog, Column, Table, View, Volatility};
use pgtailor_model::construct::{ColumnOf, Construct};
use pgtailor_model::index::{Direction, Nulls};
use pgtailor_model::name::{Oid, QualifiedName};
use pgtailor_model::shape::{Comparison, Operand, OrderKey, Predicate, Service, Shape, Subject};
use pgtailor_model::unit::{Bytes, Milliseconds, Pages, Rows};
use pgtailor_model::workload::Workload;

/// A schema, a table's name, and its columns with their types.
type TableText = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const TABLES: &[TableText] = &[
    ("archive", "orders", &[("id", "bigint"), ("customer_id", "bigint")]),
    (
        "public",
        "customers",
        &[
            ("id", "bigint"),
            ("email", "character varying(255)"),
            ("name", "text"),
            ("region", "text"),
            ("is_active", "boolean"),
            ("tags", "jsonb"),
        ],
    ),
    (
        "public",
        "docs",
        &[
            ("id", "bigint"),
            ("payload", "jsonb"),
            ("raw", "json"),
            ("tags", "text[]"),
            ("labels", "public.hstore"),
            ("during", "tstzrange"),
            ("search", "tsvector"),
            ("body", "text"),
            ("code", "character(8)"),
            ("address", "inet"),
            ("place", "point"),
            ("area", "polygon"),
            ("shape", "public.geometry(Point,4326)"),
            ("mood", "public.mood"),
            ("at", "timestamp with time zone"),
            ("local_at", "timestamp without time zone"),
        ],
    ),
    ("public", "items", &[("id", "bigint"), ("order_id", "bigint"), ("product", "text"), ("quantity", "integer")]),
    (
        "public",
        "orders",
        &[
            ("id", "bigint"),
            ("customer_id", "bigint"),
            ("status", "text"),
            ("total", "numeric(10,2)"),
            ("created_at", "timestamp with time zone"),
            ("is_paid", "boolean"),
            ("paid_at", "timestamp with time zone"),
        ],
    ),
    ("sales", "leads", &[("id", "bigint"), ("owner", "text")]),
];

/// Columns that refuse nulls, in every table.
const NOT_NULL: [&str; 2] = ["id", "customer_id"];

/// A view's name, its columns, and its definition as `pg_get_viewdef` writes it with an empty search path.
type ViewText = (&'static str, &'static [&'static str], Option<&'static str>);

const VIEWS: &[ViewText] = &[
    ("broken", &["id"], Some("SELECT (")),
    ("hidden", &["id", "status"], None),
    ("loop_a", &["id"], Some("SELECT loop_b.id FROM public.loop_b;")),
    ("loop_b", &["id"], Some("SELECT loop_a.id FROM public.loop_a;")),
    (
        "open_orders",
        &["number", "customer_id", "status", "at"],
        Some(
            "SELECT orders.id AS number, orders.customer_id, orders.status, orders.created_at AS at FROM public.orders \
             WHERE orders.paid_at IS NULL AND orders.status <> 'gone'::text;",
        ),
    ),
    (
        "order_totals",
        &["customer_id", "region", "n", "email_key"],
        Some(
            "SELECT o.customer_id, c.region, count(*) AS n, COALESCE(c.name, 'nobody'::text) AS email_key \
             FROM public.orders o JOIN public.customers c ON c.id = o.customer_id GROUP BY o.customer_id, c.region, c.name;",
        ),
    ),
    (
        "people",
        &["id", "email_key", "label"],
        Some(
            "SELECT customers.id, lower(customers.email::text) AS email_key, COALESCE(customers.name, 'nobody'::text) AS label FROM public.customers;",
        ),
    ),
    (
        "recent",
        &["number", "at"],
        Some("SELECT open_orders.number, open_orders.at FROM public.open_orders WHERE open_orders.at > '2020-01-01'::date;"),
    ),
];

pub fn catalog() -> Catalog {
    let tables: Vec<Table> = TABLES
        .iter()
        .zip(1..)
        .map(|((schema, name, columns), number)| Table {
            estimated_rows: Some(Rows(1000)),
            pages: Pages(10),
            columns: columns
                .iter()
                .zip(1..)
                .map(|((name, type_name), number)| Column {
                    not_null: NOT_NULL.contains(name),
                    ..Column::new(number, (*name).to_owned(), (*type_name).to_owned())
                })
                .collect(),
            ..Table::new(Oid(number), QualifiedName::new(*schema, *name))
        })
        .collect();
    let mut relation_names: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for table in &tables {
        relation_names.entry(table.name.schema.clone()).or_default().push(table.name.name.clone());
    }
    relation_names.entry("public".to_owned()).or_default().push("order_view".to_owned());
    let views = VIEWS.iter().map(|(name, columns, definition)| View {
        name: QualifiedName::new("public", *name),
        columns: columns.iter().map(|column| (*column).to_owned()).collect(),
        definition: definition.map(str::to_owned),
    });
    let functions = BTreeMap::from([
        ("slug".to_owned(), Volatility::Immutable),
        ("unaccent".to_owned(), Volatility::Stable),
        ("tick".to_owned(), Volatility::Volatile),
    ]);
    Catalog { tables, views: views.collect(), functions, relation_names, ..Catalog::default() }
}

pub fn recorded(text: &str, calls: u64, total_time: f64) -> StatementActivity {
    StatementActivity {
        query_id: 42,
        text: text.to_owned(),
        calls,
        total_time: Milliseconds(total_time),
        rows: Rows(1),
        spread: None,
        blocks_accessed: Bytes(8192),
        blocks_read: Bytes(0),
        temp_written: Bytes(0),
        planning_time: None,
        wal: None,
        tags: BTreeMap::new(),
    }
}

pub fn understand(statements: &[StatementActivity]) -> Workload {
    pgtailor_sql::understand(statements, &catalog(), &["public".to_owned()])
}

/// The shapes of one statement, one line each.
pub fn shapes(sql: &str) -> Vec<String> {
    let workload = understand(&[recorded(sql, 1, 1.0)]);
    assert!(workload.skipped.is_empty(), "{sql}\n{:?}", workload.skipped);
    workload.queries[0].shapes.iter().map(line).collect()
}

/// Everything that is said about each table of one statement: a line for each predicate (`equal status = $1 by btree, hash`), each `OR`
/// (`or [equal … | …]`), and what else the shape holds.
pub fn words(sql: &str) -> Vec<Vec<String>> {
    let workload = understand(&[recorded(sql, 1, 1.0)]);
    assert!(workload.skipped.is_empty(), "{sql}\n{:?}", workload.skipped);
    workload.queries[0].shapes.iter().map(words_of).collect()
}

/// Checks what is said of the first table of one statement.
#[track_caller]
pub fn says(sql: &str, expected: &[&str]) {
    assert_eq!(words(sql)[0], expected, "{sql}");
}

pub fn words_of(shape: &Shape) -> Vec<String> {
    let mut lines: Vec<String> = shape.predicates.iter().map(predicate).collect();
    for disjunction in &shape.disjunctions {
        let branch = |predicates: &Vec<Predicate>| predicates.iter().map(predicate).collect::<Vec<_>>().join(" and ");
        lines.push(format!("or [{}]", disjunction.branches.iter().map(branch).collect::<Vec<_>>().join(" | ")));
    }
    let subjects = |subjects: &[Subject]| subjects.iter().map(Subject::text).collect::<Vec<_>>().join(", ");
    if !shape.order_by.is_empty() {
        lines.push(order(&shape.order_by));
    }
    if !shape.group_by.is_empty() {
        lines.push(format!("group {}", subjects(&shape.group_by)));
    }
    if !shape.distinct.is_empty() {
        lines.push(format!("distinct {}", subjects(&shape.distinct)));
    }
    if shape.limited {
        lines.push("limit".to_owned());
    }
    if let Some(write) = &shape.write {
        lines.push(format!("{:?} {}", write.kind, write.columns.join(" ")).to_lowercase());
    }
    if !shape.through.is_empty() {
        lines.push(format!("through {}", shape.through.join(" ")));
    }
    lines
}

fn predicate(predicate: &Predicate) -> String {
    let Predicate { subject, comparison, operator, operand, service } = predicate;
    let operand = match operand {
        Operand::Nothing => String::new(),
        Operand::Parameters(numbers) => numbers.iter().map(|number| format!("${number}")).collect::<Vec<_>>().join(","),
        Operand::Boolean(value) => value.to_string(),
        Operand::Column { shape, column } => format!("{shape}.{column}"),
        Operand::Computed(numbers) => {
            format!("computed({})", numbers.iter().map(|number| format!("${number}")).collect::<Vec<_>>().join(","))
        }
        Operand::Elsewhere => "elsewhere".to_owned(),
    };
    let service = match service {
        Service::Nothing(reason) => format!("no: {reason}"),
        Service::By(ways) => {
            let way = |way: &pgtailor_model::shape::Serving| match &way.operator_class {
                Some(class) => format!("{} {class}", way.method),
                None => way.method.clone(),
            };
            format!("by {}", ways.iter().map(way).collect::<Vec<_>>().join(", "))
        }
    };
    let comparison = format!("{comparison:?}").to_lowercase();
    let parts = [comparison.as_str(), subject.text(), operator.as_str(), operand.as_str(), service.as_str()];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// What the grammar shows of one statement beyond its shapes, one line each.
pub fn constructs(sql: &str) -> Vec<String> {
    let workload = understand(&[recorded(sql, 1, 1.0)]);
    assert!(workload.skipped.is_empty(), "{sql}\n{:?}", workload.skipped);
    let column = |column: &ColumnOf| format!("{}.{}", column.shape, column.column);
    let written = |rewritten: &Option<String>| rewritten.as_ref().map(|sql| format!(": {sql}")).unwrap_or_default();
    let word = |construct: &Construct| match construct {
        Construct::Offset { parameter } => parameter.map_or("offset".to_owned(), |number| format!("offset ${number}")),
        Construct::NotIn { compared, returned, may_be_null, rewritten } => {
            let side = |side: &Option<ColumnOf>| side.as_ref().map_or("?".to_owned(), column);
            let nulls = if *may_be_null { " maybe null" } else { "" };
            format!("not-in {} {}{nulls}{}", side(compared), side(returned), written(rewritten))
        }
        Construct::Unconnected { parts } => format!("unconnected {parts:?}"),
        Construct::WholeRows { shapes } => format!("whole {shapes:?}"),
        Construct::Unlimited { filtered } => (if *filtered { "unlimited" } else { "unlimited, everything" }).to_owned(),
        Construct::OrAcrossTables { shapes, rewritten } => format!("or {shapes:?}{}", written(rewritten)),
        Construct::ColumnCast { column: cast, to } => format!("cast {} to {to}", column(cast)),
    };
    workload.queries[0].constructs.iter().map(word).collect()
}

/// What each parameter of one statement is for: `$1 orders.status =`, with `::type` when the text casts it.
pub fn roles(sql: &str) -> Vec<String> {
    let workload = understand(&[recorded(sql, 1, 1.0)]);
    assert!(workload.skipped.is_empty(), "{sql}\n{:?}", workload.skipped);
    let catalog = catalog();
    let name =
        |table: &Oid, column: &str| format!("{}.{column}", catalog.table_by_oid(*table).expect("a table of the catalog").name);
    let role = |role: &Role| match role {
        Role::Compared { table, column, operator, array, expression } => {
            let array = if *array { " array" } else { "" };
            let made = expression.as_ref().map(|sql| format!(" as {sql}")).unwrap_or_default();
            format!("{} {operator}{array}{made}", name(table, column))
        }
        Role::Pattern { table, column, operator } => format!("pattern {operator} of {}", name(table, column)),
        Role::Offset { table, column } => format!("offset of {}", name(table, column)),
        Role::Assigned { table, column } => format!("to {}", name(table, column)),
        Role::DocumentKey { table, column } => format!("key in {}", name(table, column)),
        other => format!("{other:?}").to_lowercase(),
    };
    let text = |parameter: &pgtailor_model::binding::Parameter| {
        let cast = parameter.cast.as_ref().map(|cast| format!("::{cast}")).unwrap_or_default();
        format!("${}{cast} {}", parameter.number, role(&parameter.role))
    };
    workload.queries[0].parameters.iter().map(text).collect()
}

/// The columns that the first table's values are needed of.
pub fn needed(sql: &str) -> String {
    let workload = understand(&[recorded(sql, 1, 1.0)]);
    workload.queries[0].shapes[0].needed.join(" ")
}

fn order(keys: &[OrderKey]) -> String {
    let key = |key: &OrderKey| {
        let direction = if key.direction == Direction::Descending { " desc" } else { "" };
        let nulls = match key.nulls {
            nulls if nulls == Nulls::default_for(key.direction) => "",
            Nulls::First => " nulls first",
            Nulls::Last => " nulls last",
        };
        let distance = key.distance.as_ref().map(|operator| format!(" {operator}")).unwrap_or_default();
        format!("{}{distance}{direction}{nulls}", key.subject.text())
    };
    format!("by {}", keys.iter().map(key).collect::<Vec<_>>().join(", "))
}

fn line(shape: &Shape) -> String {
    let catalog = catalog();
    let table = catalog.table_by_oid(shape.table).expect("shapes name tables of the catalog");
    let mut parts = Vec::new();
    for (sign, columns) in [
        ("=", shape.equality()),
        ("<", shape.range()),
        ("join", shape.join()),
        ("writes", shape.written().iter().map(String::as_str).collect()),
    ] {
        if !columns.is_empty() {
            let all = columns.len() == table.columns.len();
            parts.push(format!("{sign} {}", if all && sign == "writes" { "all".to_owned() } else { columns.join(" ") }));
        }
    }
    // Served by an index on the order of bytes, if the pattern turns out to begin with a letter.
    let patterns = shape.predicates.iter().filter(|predicate| predicate.comparison == Comparison::Pattern);
    for predicate in patterns.filter(|predicate| predicate.is_served_by_btree()) {
        parts.push(format!("pattern {}", predicate.subject.text()));
    }
    for disjunction in &shape.disjunctions {
        let branch =
            |branch: &Vec<Predicate>| branch.iter().map(|predicate| predicate.subject.text()).collect::<Vec<_>>().join(" ");
        parts.push(format!("or [{}]", disjunction.branches.iter().map(branch).collect::<Vec<_>>().join(" | ")));
    }
    parts.extend(shape.not_sargable().iter().map(|(column, reason)| format!("no {column}: {reason}")));
    if !shape.order_by.is_empty() {
        parts.push(order(&shape.order_by));
    }
    if shape.limited {
        parts.push("limit".to_owned());
    }
    format!("{}: {}", table.name, parts.join("; ")).trim_end().to_owned()
}

/// Checks the shapes of one statement.
#[track_caller]
pub fn check(sql: &str, expected: &[&str]) {
    assert_eq!(shapes(sql), expected, "{sql}");
}

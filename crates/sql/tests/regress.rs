//! Every statement of PostgreSQL's regression scripts: what is not understood has its reason, and what is understood holds together.
//!
//! The scripts come with the crate `pg_parse`, which is fetched for them and never built.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the crate is pure, its tests read the scripts and ask cargo where they are"
)]

#[path = "schema/mod.rs"]
mod schema;
#[path = "script/mod.rs"]
mod script;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use pg_query::NodeEnum;
use pgtailor_model::activity::StatementActivity;
use pgtailor_model::binding::{Parameter, Role};
use pgtailor_model::catalog::{Catalog, Table};
use pgtailor_model::shape::{Operand, Predicate, Service, Shape, Subject};
use pgtailor_model::unit::{Bytes, Milliseconds, Rows};
use pgtailor_model::workload::Query;

use schema::Schema;

/// Scripts whose tables others use.
const SHARED: &[&str] = &[
    "test_setup",
    "create_misc",
    "box",
    "circle",
    "date",
    "inet",
    "interval",
    "line",
    "lseg",
    "path",
    "point",
    "polygon",
    "time",
    "timestamp",
    "timestamptz",
    "timetz",
    "varchar",
];

/// What became of the statements that read or write tables.
#[derive(Default)]
struct Counts {
    scripts: usize,
    statements: usize,
    understood: usize,
    shapes: usize,
    predicates: usize,
    served: usize,
    disjunctions: usize,
    expressions: usize,
    through_views: usize,
    parameters: usize,
    with_role: usize,
    /// Statements whose normalized text is none.
    only_with_constants: usize,
    skipped: BTreeMap<String, usize>,
}

#[test]
fn every_statement_of_the_regression_scripts_is_understood_or_has_its_reason() {
    let folder = scripts();
    let mut paths: Vec<PathBuf> =
        fs::read_dir(&folder).expect("the folder of the scripts").map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let mut common = Schema::default();
    for name in SHARED {
        read(&folder.join(format!("{name}.sql")), &mut common, None);
    }
    let mut counts = Counts::default();
    for path in &paths {
        read(path, &mut common.for_others(), Some(&mut counts));
    }

    let report = counts.report();
    let skipped: usize = counts.skipped.values().sum();
    assert_eq!(counts.statements, counts.understood + skipped, "{report}");
    // As measured, rounded down: who loses understanding finds out here.
    let floors = [
        ("scripts", counts.scripts, 233),
        ("statements", counts.statements, 25_000),
        ("understood", counts.understood, 12_680),
        ("shapes", counts.shapes, 14_250),
        ("shapes through views", counts.through_views, 770),
        ("predicates", counts.predicates, 5_300),
        ("served predicates", counts.served, 4_500),
        ("predicates of expressions", counts.expressions, 310),
        ("disjunctions", counts.disjunctions, 60),
        ("parameters with a role", counts.with_role, 16_900),
    ];
    for (what, count, floor) in floors {
        assert!(count >= floor, "{what}: {count} is less than {floor}\n{report}");
    }
}

impl Counts {
    fn report(&self) -> String {
        let mut lines = vec![format!(
            "{} scripts, {} statements, {} understood, {} shapes ({} through views), {} predicates ({} served, {} of expressions), \
             {} disjunctions, {} parameters ({} with a role)",
            self.scripts,
            self.statements,
            self.understood,
            self.shapes,
            self.through_views,
            self.predicates,
            self.served,
            self.expressions,
            self.disjunctions,
            self.parameters,
            self.with_role
        )];
        lines.extend(self.skipped.iter().map(|(reason, count)| format!("{count:6} {reason}")));
        lines.join("\n")
    }
}

/// Reads one script, adding what it creates to `schema` as psql would, and checks its statements when they are to be counted.
fn read(path: &Path, schema: &mut Schema, mut counts: Option<&mut Counts>) {
    if let Some(counts) = counts.as_deref_mut() {
        counts.scripts += 1;
    }
    // Some scripts are in other encodings; what matters here is in ASCII.
    let text = String::from_utf8_lossy(&fs::read(path).expect("a script")).into_owned();
    let mut known: Option<(Catalog, Vec<String>)> = None;
    for statement in script::statements(&text) {
        // Meant to be wrong, or nothing but a comment.
        let Some(tree) = pg_query::parse(&statement, 0).ok().and_then(|parsed| {
            let mut statements = parsed.protobuf.stmts;
            if statements.len() == 1 { statements.pop()?.stmt?.node } else { None }
        }) else {
            continue;
        };
        let reads = matches!(
            tree,
            NodeEnum::SelectStmt(_)
                | NodeEnum::InsertStmt(_)
                | NodeEnum::UpdateStmt(_)
                | NodeEnum::DeleteStmt(_)
                | NodeEnum::MergeStmt(_)
        );
        if let (true, Some(counts)) = (reads, counts.as_deref_mut()) {
            let (catalog, search_path) = known.get_or_insert_with(|| schema.catalog());
            check(&statement, catalog, search_path, counts);
        }
        if schema.apply(&tree) {
            known = None;
        }
    }
}

fn check(statement: &str, catalog: &Catalog, search_path: &[String], counts: &mut Counts) {
    counts.statements += 1;
    let workload = pgtailor_sql::understand(&[recorded(statement)], catalog, search_path);
    assert_eq!(workload.queries.len() + workload.skipped.len(), 1, "{statement}");
    for skipped in &workload.skipped {
        assert!(!skipped.reason.is_empty(), "{statement}");
        // Without the name of the relation.
        let kind = match skipped.reason.split_once(" is ") {
            Some((_, rest)) if !skipped.reason.starts_with("it ") => format!("… is {rest}"),
            _ => skipped.reason.clone(),
        };
        *counts.skipped.entry(kind).or_default() += 1;
    }
    for query in &workload.queries {
        holds_together(statement, query, catalog);
        as_recorded(query, catalog, search_path, counts);
        counts.understood += 1;
        counts.shapes += query.shapes.len();
        counts.parameters += query.parameters.len();
        counts.with_role += query.parameters.iter().filter(|parameter| parameter.role != Role::Free).count();
        for shape in &query.shapes {
            counts.disjunctions += shape.disjunctions.len();
            counts.through_views += usize::from(!shape.through.is_empty());
            for predicate in predicates(shape) {
                counts.predicates += 1;
                counts.served += usize::from(matches!(predicate.service, Service::By(_)));
                counts.expressions += usize::from(matches!(predicate.subject, Subject::Expression { .. }));
            }
        }
    }
}

/// The text as `pg_stat_statements` would have it leads to the same tables and parameters, though patterns and keys are hidden there.
fn as_recorded(query: &Query, catalog: &Catalog, search_path: &[String], counts: &mut Counts) {
    // Where the grammar wants a constant (`normalize(b, NFC)`), a text without constants is no statement any more.
    if pg_query::parse(&query.text, 0).is_err() {
        counts.only_with_constants += 1;
        return;
    }
    let workload = pgtailor_sql::understand(&[recorded(&query.text)], catalog, search_path);
    let again = workload.queries.first().unwrap_or_else(|| panic!("{}\n{:?}", query.text, workload.skipped));
    let tables = |query: &Query| query.shapes.iter().map(|shape| (shape.table, shape.needed.clone())).collect::<Vec<_>>();
    assert_eq!(tables(again), tables(query), "{}", query.text);
    assert_eq!(plain(&again.parameters), plain(&query.parameters), "{}", query.text);
    holds_together(&query.text, again, catalog);
}

/// Without the expressions, which show the constants that a text shows.
fn plain(parameters: &[Parameter]) -> Vec<Parameter> {
    let mut parameters = parameters.to_vec();
    for parameter in &mut parameters {
        if let Role::Compared { expression, .. } = &mut parameter.role {
            *expression = None;
        }
    }
    parameters
}

/// Whatever is said is about something that exists, and can be said in SQL.
fn holds_together(statement: &str, query: &Query, catalog: &Catalog) {
    assert!(!query.shapes.is_empty(), "{statement}");
    let numbers: Vec<u32> = query.parameters.iter().map(|parameter| parameter.number).collect();
    assert!(numbers.iter().copied().eq((1..).take(numbers.len())), "{statement}\n{numbers:?}");
    let table = |shape: &Shape| -> &Table { catalog.table_by_oid(shape.table).expect("a table of the catalog") };
    let most = query.parameters.len();
    for shape in &query.shapes {
        let here = table(shape);
        let is_known = |column: &str| here.column(column).is_some();
        assert!(shape.needed.iter().all(|column| is_known(column)), "{statement}\n{shape:?}");
        assert!(shape.needed.is_sorted(), "{statement}\n{shape:?}");
        assert!(shape.written().iter().all(|column| is_known(column)), "{statement}\n{shape:?}");
        let subjects = predicates(shape)
            .map(|predicate| &predicate.subject)
            .chain(shape.order_by.iter().map(|key| &key.subject))
            .chain(&shape.group_by)
            .chain(&shape.distinct);
        for subject in subjects {
            assert!(subject.columns().iter().all(|column| is_known(column)), "{statement}\n{subject:?}");
            if let Subject::Expression { sql, columns } = subject {
                assert!(!columns.is_empty(), "{statement}\n{sql}");
                assert!(!shape.through.is_empty() || shows_names_only(sql), "{statement}\n{sql}");
                let index = format!("CREATE INDEX ON t (({sql}))");
                assert!(pg_query::parse(&index, 0).is_ok(), "{statement}\n{sql}");
            }
        }
        for predicate in predicates(shape) {
            match &predicate.operand {
                Operand::Parameters(numbers) | Operand::Computed(numbers) => {
                    assert!(
                        numbers.iter().all(|number| (1..=most).contains(&usize::try_from(*number).expect("a small number"))),
                        "{statement}\n{predicate:?}"
                    );
                }
                Operand::Column { shape, column } => {
                    let other = query.shapes.get(*shape).map(table);
                    assert!(other.is_some_and(|other| other.column(column).is_some()), "{statement}\n{predicate:?}");
                }
                _ => {}
            }
        }
    }
}

/// Whether every text constant in `sql` is a key of a document, a unit or a configuration, or blank.
fn shows_names_only(sql: &str) -> bool {
    let pieces: Vec<&str> = sql.split('\'').collect();
    let named = |before: &str| {
        let before = before.trim_end();
        ["->", "->>", "#>", "#>>", "[", "extract (", "date_trunc(", "to_tsvector(", "AT TIME ZONE"]
            .iter()
            .any(|end| before.ends_with(end))
    };
    pieces.iter().enumerate().skip(1).step_by(2).all(|(at, text)| text.trim().is_empty() || named(pieces[at - 1]))
}

fn predicates(shape: &Shape) -> impl Iterator<Item = &Predicate> {
    shape.predicates.iter().chain(shape.disjunctions.iter().flat_map(|or| or.branches.iter().flatten()))
}

fn recorded(text: &str) -> StatementActivity {
    StatementActivity {
        query_id: 1,
        text: text.to_owned(),
        calls: 1,
        total_time: Milliseconds(1.0),
        rows: Rows(1),
        spread: None,
        blocks_accessed: Bytes(0),
        blocks_read: Bytes(0),
        temp_written: Bytes(0),
        planning_time: None,
        wal: None,
        tags: BTreeMap::new(),
    }
}

/// The folder of the scripts, in cargo's copy of the sources of `pg_parse`.
fn scripts() -> PathBuf {
    let folder = folder().join("lib/libpg_query/test/sql/postgres_regress");
    if !folder.is_dir() {
        // No build wants the crate, so it is missing until somebody asks for everything.
        let fetched = Command::new(env!("CARGO")).args(["fetch", "--locked"]).status();
        assert!(fetched.is_ok_and(|status| status.success()), "cargo fetch --locked gets the regression scripts, and failed");
    }
    folder
}

/// The folder of the sources of `pg_parse`: beside those of `pg_query`, which was built from there.
fn folder() -> PathBuf {
    let arguments = ["metadata", "--format-version", "1", "--offline", "--locked", "--filter-platform", "host-tuple"];
    let output = Command::new(env!("CARGO")).args(arguments).output().expect("cargo runs");
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let parser = packages.iter().find(|package| package["name"] == "pg_query").expect("pg_query is a dependency");
    let manifest = Path::new(parser["manifest_path"].as_str().expect("a path"));
    let sources = manifest.parent().and_then(Path::parent).expect("a folder of sources");
    let lock = include_str!("../../../Cargo.lock");
    let version = lock.split("name = \"pg_parse\"\nversion = \"").nth(1).and_then(|rest| rest.split('"').next());
    sources.join(format!("pg_parse-{}", version.expect("pg_parse is locked")))
}

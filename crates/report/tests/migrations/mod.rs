//! A migration of every tool, against committed snapshots and against what would read it.

use std::io::Write as _;

use pgtailor_model::advice::Advice;
use pgtailor_report::migration::{self, Migration, Script};
use pgtailor_report::{AdviceReport, Report as _, sql_text};

use crate::fixture::{HOSTILE, advised, time};

fn script(advice: &Advice, after: Option<&str>) -> Script {
    Script::new(advice, time("2025-11-23T06:59:58Z"), after).expect("something to do")
}

fn write(tool: &str, advice: &Advice, after: Option<&str>) -> Migration {
    migration::by_name(tool).expect("a tool").write(&script(advice, after))
}

/// What both directions of `advice` run, in order, as one line each; characters in `special` are not in quotes.
fn expected(advice: &Advice, special: &[char]) -> Vec<String> {
    let statements = AdviceReport { advice }.sql();
    statements.iter().map(|statement| sql_text::one_line_without(&statement.sql, special)).collect()
}

/// The statements of a migration's files of SQL, without those that only take back.
fn statements(migration: &Migration) -> Vec<String> {
    let files = migration.files.iter().filter(|(path, _)| is_sql(path) && !path.contains("down.sql") && !path.starts_with('U'));
    let lines = files.flat_map(|(_, text)| text.lines()).filter(|line| !line.is_empty() && !line.starts_with("--"));
    lines.map(|line| line.strip_suffix(';').expect("a whole statement on a line").to_owned()).collect()
}

fn is_sql(path: &str) -> bool {
    std::path::Path::new(path).extension().is_some_and(|extension| extension == "sql")
}

#[test]
fn every_tool_writes_as_recorded() {
    let advice = advised::advice();
    for tool in migration::ALL {
        let migration = tool.write(&script(&advice, None));
        let files: Vec<String> = migration.files.iter().map(|(path, text)| format!("=== {path}\n{text}")).collect();
        let hints: Vec<String> = migration.hints.iter().map(|hint| format!("hint: {hint}\n")).collect();
        insta::assert_snapshot!(tool.name(), files.concat() + &hints.concat());
    }
}

#[test]
fn a_migration_that_is_told_names_the_one_before() {
    let advice = advised::advice();
    let alembic = write("alembic", &advice, Some("1975ea83b712"));
    assert!(alembic.files[0].1.contains("down_revision = \"1975ea83b712\"") && alembic.hints.is_empty());
    let django = write("django", &advice, Some("shop.0041_orders"));
    assert!(django.files[0].0.starts_with("0042_") && django.hints.is_empty());
    assert!(django.files[0].1.contains("dependencies = [(\"shop\", \"0041_orders\")]"));
    let accepts = |tool: &str, after: &str| migration::by_name(tool).expect("a tool").accepts_after(after).is_ok();
    assert!(accepts("django", "shop.0041_orders") && !accepts("django", "0041_orders") && !accepts("rails", "20250101000000"));
}

#[test]
fn nothing_to_do_is_no_migration() {
    assert!(Script::new(&advised::nothing(), time("2025-11-23T06:14:00Z"), None).is_none());
}

#[test]
fn paths_are_safe_whatever_the_database_is_called() {
    for advice in [advised::advice(), advised::hostile_advice()] {
        for tool in migration::ALL {
            let migration = tool.write(&script(&advice, None));
            let mut paths: Vec<&str> = migration.files.iter().map(|(path, _)| path.as_str()).collect();
            for path in &paths {
                let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
                assert!(path.chars().all(is_plain) && !path.contains("..") && !path.starts_with('/'), "{path}");
                assert!(path.split('/').all(|part| part.len() < 120), "{path}");
            }
            let count = paths.len();
            paths.sort_unstable();
            paths.dedup();
            assert_eq!(paths.len(), count, "{}: a path twice", tool.name());
        }
    }
}

#[test]
fn a_name_cannot_leave_its_line() {
    for tool in migration::ALL {
        for (path, text) in tool.write(&script(&advised::hostile_advice(), None)).files {
            let bad = text.chars().find(|c| (c.is_control() && *c != '\n') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2028}'));
            assert_eq!(bad, None, "{path}");
            assert!(text.ends_with('\n'), "{path}");
        }
    }
}

#[test]
fn files_of_sql_hold_the_statements_and_nothing_else() {
    for advice in [advised::advice(), advised::hostile_advice()] {
        for (tool, special) in [("sqlx", &[][..]), ("diesel", &[]), ("prisma", &[]), ("flyway", &['$'])] {
            assert_eq!(statements(&write(tool, &advice, None)), expected(&advice, special), "{tool}");
        }
        // Between goose's marks stands one statement each, upwards first.
        let goose = statements(&write("goose", &advice, None));
        let forward = expected(&advice, &[]);
        assert_eq!(goose[..forward.len()], forward);
        assert!(goose.len() > forward.len(), "and those that take it back");
    }
}

#[test]
fn what_is_sent_as_one_message_is_one_statement() {
    for tool in ["sqlx", "diesel", "prisma"] {
        for (path, text) in write(tool, &advised::hostile_advice(), None).files.iter().filter(|(path, _)| is_sql(path)) {
            assert_eq!(text.lines().filter(|line| !line.starts_with("--")).count(), 1, "{path}");
        }
    }
    let sqlx = write("sqlx", &advised::advice(), None);
    assert!(sqlx.files.iter().all(|(_, text)| text.starts_with("-- no-transaction\n")));
}

#[test]
fn no_placeholder_is_left_for_a_tool_to_replace() {
    let advice = advised::advice();
    assert!(expected(&advice, &[]).iter().any(|sql| sql.contains("${y}")), "there is one to begin with");
    for tool in ["flyway", "liquibase"] {
        assert!(write(tool, &advice, None).files.iter().all(|(_, text)| !text.contains("${")), "{tool}");
    }
}

#[test]
fn what_takes_back_comes_in_the_opposite_order() {
    let advice = advised::advice();
    let rails = write("rails", &advice, None).files.remove(0).1;
    let (_, down) = rails.split_once("def down").expect("both directions");
    let undone: Vec<&str> = down.lines().filter_map(|line| line.trim().strip_prefix("execute '")).collect();
    let expected = [
        "CREATE INDEX CONCURRENTLY orders_customer_idx ON public.orders (customer_id)'",
        "DROP INDEX public.events_account_idx'",
        "DROP INDEX CONCURRENTLY public.customers_email_idx'",
        "DROP INDEX CONCURRENTLY public.orders_latest_idx'",
    ];
    assert_eq!(undone, expected);
}

/// Runs what Python makes of `text` with stand-ins for the tools' modules, and prints what is executed upwards and downwards.
const PYTHON: &str = r#"
import ast, contextlib, json, re, sys, types

ran = []
op = types.ModuleType("alembic.op")
op.execute = ran.append
class Context:
    @contextlib.contextmanager
    def autocommit_block(self):
        yield
op.get_context = Context
alembic = types.ModuleType("alembic")
alembic.op = op
class RunSQL:
    noop = ""
    def __init__(self, sql, reverse_sql):
        self.sql, self.reverse_sql = sql, reverse_sql
migrations = types.SimpleNamespace(Migration=object, RunSQL=RunSQL)
db = types.ModuleType("django.db")
db.migrations = migrations
sys.modules.update({"alembic": alembic, "alembic.op": op, "django": types.ModuleType("django"), "django.db": db})

text = sys.stdin.read()
tree = ast.parse(text)
strings = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
assert all(ast.literal_eval(ast.unparse(node)) == node.value for node in strings)
names = {}
exec(compile(tree, "migration.py", "exec"), names)
if "upgrade" in names:
    names["upgrade"]()
    up = list(ran)
    ran.clear()
    names["downgrade"]()
    down = list(ran)
    # What text() of SQLAlchemy would take for a bound value.
    assert not [sql for sql in up + down if re.search(r"(?<![:\w\\]):(\w+)(?!:)", sql)]
else:
    operations = names["Migration"].operations
    assert names["Migration"].atomic is False
    up = [operation.sql for operation in operations]
    down = [operation.reverse_sql for operation in reversed(operations) if operation.reverse_sql]
print(json.dumps([up, down]))
"#;

#[test]
#[expect(clippy::disallowed_types, reason = "only Python knows what Python reads; the crate itself starts nothing")]
fn python_runs_what_was_meant() {
    for advice in [advised::advice(), advised::hostile_advice()] {
        for (tool, special) in [("alembic", &[':'][..]), ("django", &[])] {
            let after = format!("{HOSTILE}.{HOSTILE}");
            let text = write(tool, &advice, Some(&sql_text::one_line(&after))).files.remove(0).1;
            let mut python = std::process::Command::new("python3")
                .args(["-c", PYTHON])
                .stdin(std::process::Stdio::piped())
                .stdout(std::process::Stdio::piped())
                .spawn()
                .expect("this test needs python3");
            python.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("read to its end");
            let output = python.wait_with_output().expect("it ends");
            assert!(output.status.success(), "{tool}: {text}");
            let ran: Vec<Vec<String>> = serde_json::from_slice(&output.stdout).expect("two lists");
            assert_eq!(ran[0], expected(&advice, special), "{tool}");
            assert_eq!(ran[1].len(), 4, "{tool}: {:?}", ran[1]);
        }
    }
}

#[test]
fn a_question_mark_of_an_operator_survives_knex() {
    let mut advice = advised::advice();
    for recommendation in &mut advice.recommendations {
        recommendation.sql = recommendation.sql.replace("note <> ", "tags ? ");
    }
    let text = write("knex", &advice, None).files.remove(0).1;
    let lines = text.lines().filter_map(|line| line.trim().strip_prefix("await knex.raw(")?.strip_suffix(");"));
    let strings: Vec<String> = lines.map(|literal| serde_json::from_str(literal).expect("a string of JSON")).collect();
    // `positionBindings`: with an odd count of backslashes before it, it is a plain question mark; else a bound value.
    let sent: Vec<String> = strings.iter().map(|sql| sql.replace("\\?", "?")).collect();
    assert!(
        strings.iter().any(|sql| sql.contains("tags \\? "))
            && strings.iter().all(|sql| sql.matches('?').count() == sql.matches("\\?").count())
    );
    assert_eq!(sent[..expected(&advice, &['?']).len()], expected(&advice, &['?']));
}

//! A rollout through a file: decided here, looked at by somebody, carried out later.

use pgtailor_testkit::program::Program;
use pgtailor_testkit::server::Server;
use serde_json::Value;

struct Fixture {
    server: Server,
    folder: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        let server = Server::start();
        server.sql("postgres", "CREATE TABLE t (a int, b int); INSERT INTO t SELECT g, g FROM generate_series(1, 1000) g");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let catalog = "[[index]]\nname = \"by_a\"\ntable = \"t\"\ncolumns = [\"a\"]\n\n[[index]]\nname = \"by_b\"\ntable = \"t\"\ncolumns = [\"b\"]\n";
        std::fs::write(folder.path().join("indexes.toml"), catalog).expect("the folder is ours");
        Self { server, folder }
    }

    fn program(&self) -> Program {
        self.program_on("postgres")
    }

    fn program_on(&self, database: &str) -> Program {
        Program::new(env!("CARGO_BIN_EXE_pgtailor")).on(&self.server.lab.url(database))
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Writes the rollout and returns its path.
    fn decided(&self) -> String {
        let path = self.path("rollout.json");
        let arguments = ["optimize", "--dry-run", "--catalog", &self.path("indexes.toml"), "--output", &path];
        self.program().run(&arguments).expect_code(0);
        path
    }

    fn edit(&self, path: &str, edit: impl FnOnce(&mut Value)) -> String {
        let mut file: Value = serde_json::from_slice(&std::fs::read(path).expect("it was written")).expect("JSON");
        edit(&mut file);
        let edited = self.path("edited.json");
        std::fs::write(&edited, file.to_string()).expect("the folder is ours");
        edited
    }

    fn indexes(&self) -> String {
        self.server
            .sql("postgres", "SELECT string_agg(indexname, ' ' ORDER BY indexname) FROM pg_indexes WHERE schemaname = 'public'")
    }
}

#[test]
fn what_a_dry_run_wrote_is_carried_out_and_taken_back() {
    let fixture = Fixture::new();
    let path = fixture.decided();
    assert_eq!(fixture.indexes(), "", "a dry run changes nothing");
    fixture.program().run(&["apply", &path, "--dry-run"]).expect_code(0);
    fixture.program().run(&["apply", &path, "--yes"]).expect_code(0);
    assert_eq!(fixture.indexes(), "by_a by_b");
    let again = fixture.program().run(&["apply", &path, "--yes"]).expect_code(0);
    assert!(again.out.contains("same definition"), "{}", again.out);
    fixture.program().run(&["undo", "--all", "--yes"]).expect_code(0);
    assert_eq!(fixture.indexes(), "");
}

#[test]
fn steps_may_be_left_out_of_the_file() {
    let fixture = Fixture::new();
    let path = fixture.decided();
    let edited = fixture.edit(&path, |file| {
        file["rollout"]["steps"].as_array_mut().expect("steps").retain(|step| step["change"]["name"] != "by_a");
    });
    fixture.program().run(&["apply", &edited, "--yes"]).expect_code(0);
    assert_eq!(fixture.indexes(), "by_b");
}

#[test]
fn an_edited_statement_is_refused() {
    let fixture = Fixture::new();
    let path = fixture.decided();
    for (part, what) in [("sql", "statement"), ("lock", "lock or limits")] {
        let edited = fixture.edit(&path, |file| {
            let value = if part == "sql" { "DROP TABLE t" } else { "access-exclusive" };
            file["rollout"]["steps"][1][part] = value.into();
        });
        let words = format!("step 2 of the rollout was edited: its {what}");
        fixture.program().run(&["apply", &edited, "--yes"]).expect_error(&[&words]);
    }
    assert_eq!(fixture.indexes(), "");
}

#[test]
fn another_database_is_not_touched() {
    let fixture = Fixture::new();
    let path = fixture.decided();
    fixture.server.create_database("copy");
    fixture.program_on("copy").run(&["apply", &path, "--yes"]).expect_error(&["made for database postgres"]);
}

#[test]
fn a_column_that_is_gone_takes_its_steps_along_only() {
    let fixture = Fixture::new();
    let path = fixture.decided();
    fixture.server.sql("postgres", "ALTER TABLE t DROP COLUMN a");
    let run = fixture.program().run(&["apply", &path, "--yes"]).expect_code(2);
    assert!(run.out.contains("table t has no column a"), "{}", run.out);
    assert_eq!(fixture.indexes(), "by_b");
    assert_eq!(fixture.server.invalid_indexes("postgres"), "");
}

#[test]
fn another_format_says_so_whatever_else_it_holds() {
    let fixture = Fixture::new();
    let path = fixture.path("future.json");
    std::fs::write(&path, r#"{"rollout_version": 2, "steps": "elsewhere"}"#).expect("the folder is ours");
    fixture.program().run(&["apply", &path, "--yes"]).expect_error(&["format 2", "carries out format 1", "make it again"]);
}

#[test]
fn something_else_is_no_rollout() {
    let fixture = Fixture::new();
    let path = fixture.path("indexes.toml");
    fixture.program().run(&["apply", &path, "--yes"]).expect_error(&["indexes.toml, line 1", "not a rollout"]);
    fixture.program().run(&["apply", &fixture.path("none.json"), "--yes"]).expect_error(&["cannot read", "none.json"]);
}

//! `pgtailor twin`: started, found, stopped, and what stands in its way.

use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::{Command, Stdio};

use pgtailor_testkit::program::{Program, Run};
use pgtailor_testkit::server::Server;
use serde_json::Value;

const PGTAILOR: &str = env!("CARGO_BIN_EXE_pgtailor");

const SCHEMA: &str = "
    CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint, total numeric);
    CREATE TABLE notes (id bigint PRIMARY KEY, note text);
    INSERT INTO orders SELECT g, g % 500, g FROM generate_series(1, 20000) g;
    INSERT INTO notes SELECT g, 'note ' || g FROM generate_series(1, 500) g;
    CREATE EXTENSION pg_stat_statements";

/// A folder in which the labs of one test are, and a snapshot.
struct Place {
    folder: tempfile::TempDir,
    server: Server,
}

impl Place {
    fn new() -> Self {
        let server = Server::with_settings(&[("shared_preload_libraries", "pg_stat_statements")]);
        server.sql("postgres", SCHEMA);
        server.sql("postgres", "VACUUM ANALYZE");
        server.sql("postgres", "SELECT count(*) FROM orders WHERE customer_id = 7; SELECT note FROM notes WHERE id = 5");
        let folder = tempfile::tempdir().expect("a folder");
        // Run as root, the server is another user's, who must get through.
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).expect("it is ours");
        let place = Self { folder, server };
        place.program().on(&place.server.lab.url("postgres")).run(&["capture", "-o", &place.file("a.snapshot")]).expect_code(0);
        place
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().expect("UTF-8").to_owned()
    }

    fn program(&self) -> Program {
        Program::new(PGTAILOR).env("TMPDIR", self.folder.path().to_str().expect("UTF-8"))
    }

    fn run(&self, arguments: &[&str]) -> Run {
        self.program().run(arguments)
    }

    /// Folders of labs here, caches aside.
    fn labs(&self) -> usize {
        let entries = std::fs::read_dir(self.folder.path()).expect("the folder");
        let names = entries.filter_map(Result::ok).map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| name.starts_with("pgtailor-lab-")).count()
    }

    /// The snapshot with its text changed.
    fn edited(&self, name: &str, edit: impl FnOnce(String) -> String) -> String {
        let unpacked = Command::new("gzip").args(["-dc", &self.file("a.snapshot")]).output().expect("gzip is installed").stdout;
        let text = edit(String::from_utf8(unpacked).expect("JSON"));
        let mut packing =
            Command::new("gzip").arg("-c").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("gzip is installed");
        packing.stdin.take().expect("piped").write_all(text.as_bytes()).expect("written");
        let packed = packing.wait_with_output().expect("packed").stdout;
        std::fs::write(self.file(name), packed).expect("written");
        self.file(name)
    }
}

/// Nothing that a test started goes on.
impl Drop for Place {
    fn drop(&mut self) {
        self.run(&["twin", "stop", "--all"]);
    }
}

fn json(run: Run) -> Value {
    serde_json::from_str(&run.expect_code(0).out).expect("JSON")
}

/// Runs a command as a person would paste it.
fn pasted(command: &str, sql: &str) -> String {
    let script = format!("{command} -X -A -t -c \"$SQL\"");
    let output = Command::new("sh").args(["-c", &script]).env("SQL", sql).output().expect("a shell");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() || sql.contains("COPY"), "{command}\n{error}");
    format!("{}{error}", String::from_utf8_lossy(&output.stdout))
}

#[test]
fn a_twin_goes_on_until_it_is_stopped_and_explains_as_the_source_does() {
    let place = Place::new();
    let snapshot = place.file("a.snapshot");
    let started = place.run(&["twin", "start", &snapshot]).expect_code(0);
    assert!(started.out.lines().all(|line| line.chars().count() <= 80), "{}", started.out);
    let words = started.out.split_whitespace().collect::<Vec<_>>().join(" ");
    for said in ["identically to the source", "pgtailor twin stop", "no password and no network"] {
        assert!(words.contains(said), "{said} in\n{}", started.out);
    }
    // What is copied from the screen runs, even when it takes two lines.
    let command: Vec<&str> = started.out.lines().skip_while(|line| !line.contains("psql")).collect();
    let end = command.iter().position(|line| !line.ends_with('\\')).expect("it ends");
    let copied = command[..=end].join("\n");
    let copied = copied.trim_start_matches("connect").trim();
    let explain = "EXPLAIN SELECT * FROM orders WHERE customer_id = 7 AND total > 100";
    assert_eq!(pasted(copied, explain).trim_end(), place.server.sql("postgres", explain));
    let said = pasted(copied, "COPY orders TO PROGRAM 'true'");
    assert!(said.contains("must be superuser") || said.contains("denied"), "its role has no right outside: {said}");

    // Two at once, the second with a part of the tables.
    let second = json(place.run(&["twin", "start", &snapshot, "--tables", "notes", "--format", "json"]));
    assert_eq!(second["fidelity"]["exactness"], "identical", "{second:#}");
    let only =
        pasted(second["twin"]["command"].as_str().expect("a command"), "SELECT count(*) FROM pg_class WHERE relname = 'orders'");
    assert_eq!(only.trim(), "0");
    let host = Path::new(second["twin"]["host"].as_str().expect("a folder"));
    assert_eq!(std::fs::metadata(host).expect("the folder").mode() & 0o077, 0, "nobody else may enter");

    let listed = json(place.run(&["twin", "list", "--format", "json"]));
    assert_eq!(listed["twins"].as_array().map(Vec::len), Some(2), "{listed:#}");
    let id = second["twin"]["id"].as_str().expect("an id");
    place.run(&["twin", "stop", "nothing"]).expect_error(&["no twin called `nothing`", "hint:", id]);
    place.run(&["twin", "stop", id]).expect_code(0);
    assert!(!host.exists());
    place.run(&["twin", "stop", "--all"]).expect_code(0);
    assert_eq!(place.labs(), 0);
    let none = place.run(&["twin", "list"]).expect_code(0);
    assert!(none.out.starts_with("0 twins run"), "{}", none.out);
}

#[test]
fn what_stands_in_the_way_is_said_in_a_sentence() {
    let place = Place::new();
    let empty = tempfile::tempdir().expect("a folder");
    let empty = empty.path().to_str().expect("UTF-8");
    let truncated = std::fs::read(place.file("a.snapshot")).expect("the file");
    std::fs::write(place.file("half.snapshot"), &truncated[..truncated.len() / 2]).expect("written");
    let version = place.server.lab.version().major * 10_000 + place.server.lab.version().minor;
    let (was, other) = (format!("\"version\":{version}"), "\"version\":990000");
    let statement = place.file("one.sql");
    std::fs::write(&statement, "SELECT * FROM orders WHERE customer_id = $1").expect("written");
    let planner = |text: String| {
        let mut snapshot: Value = serde_json::from_str(&text).expect("JSON");
        snapshot.as_object_mut().expect("an object").remove("planner");
        snapshot.to_string()
    };
    let cases = [
        (place.edited("old.snapshot", planner), &["holds nothing for a twin", "hint: capture again"][..]),
        (place.file("half.snapshot"), &["half.snapshot", "ends too early"]),
        (place.edited("newer.snapshot", |text| text.replacen("\"snapshot_version\":", "\"snapshot_version\":9", 1)), &["newer"]),
        (
            place.edited("page.snapshot", |text| text.replacen("\"block_size\":8192", "\"block_size\":16384", 1)),
            &["pages of 16384 bytes"],
        ),
        (
            place.edited("99.snapshot", |text| text.replacen(&was, other, 1)),
            &["PostgreSQL 99", "there are only", "postgresql-99", "--other-major"],
        ),
        (place.file("none.snapshot"), &["cannot read", "none.snapshot"]),
    ];
    for (snapshot, words) in &cases {
        place.run(&["twin", "start", snapshot]).expect_error(words);
        place.run(&["check", snapshot, "--plans", "--workload", &statement]).expect_error(words);
    }
    let good = place.file("a.snapshot");
    place.run(&["twin", "start", &good, "--server", empty]).expect_error(&[empty]);
    place.run(&["twin", "start", &good, "--tables", "nowhere"]).expect_error(&["no table `nowhere`", "hint:"]);
    assert_eq!(place.labs(), 0, "nothing is left of what failed");

    // Another version is allowed where it is asked for, and said.
    let run = place.run(&["twin", "start", &place.file("99.snapshot"), "--other-major"]).expect_code(0);
    assert!(run.out.contains("plans are approximate") && run.out.contains("99"), "{}", run.out);
}

#[test]
fn an_interrupted_start_leaves_nothing() {
    let place = Place::new();
    let before = place.labs();
    let running = place.program().start(&["twin", "start", &place.file("a.snapshot")]);
    pgtailor_testkit::wait_until("the server's folder is there", || place.labs() > before);
    running.signal("INT");
    let run = running.ended();
    assert_eq!(run.code, Some(2), "{}\n{}", run.out, run.err);
    pgtailor_testkit::wait_until("the server's folder is gone", || place.labs() == before);
}

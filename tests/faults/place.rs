//! Where a test takes place: a database of its own on the suite's server, the program as a user runs it, an application that must not
//! notice, and the invariants, checked at the end.
//!
//! One server serves all tests that cannot disturb each other: what a concurrent build waits for are transactions of its own database.
//! A test that stops, starves or replaces its server has one of its own.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use pgtailor::model::catalog::{Index, Table};
use pgtailor::model::change::{Change, ChangeClass};
use pgtailor::model::rollout::Estimate;
use pgtailor::model::snapshot::Snapshot;
use pgtailor::{Database, DropEvidence, Request, Rules, plan};
use pgtailor_testkit::big;
use pgtailor_testkit::blocker::{self, Blocker, wait_for};
use pgtailor_testkit::invariants::{self, Allowed, Invariants};
use pgtailor_testkit::probe::Probe;
use pgtailor_testkit::program::{Program, Run, Running};
use pgtailor_testkit::server::Server;
use pgtailor_testkit::session::Session;
use serde_json::Value;

const PGTAILOR: &str = env!("CARGO_BIN_EXE_pgtailor");

/// When this is set, the suite runs as the role of `pgtailor doctor --role apply` in place of the superuser.
const LEAST_ROLE: &str = "PGTAILOR_FAULTS_LEAST_ROLE";

/// The server that most tests share. Its guardian removes it when the test process ends.
static SHARED: LazyLock<Server> = LazyLock::new(|| server(&[]));

/// A server for the suite, with `settings` beside those that it needs.
pub fn server(settings: &[(&str, &str)]) -> Server {
    let mut all = invariants::SETTINGS.to_vec();
    all.extend([("max_prepared_transactions", "20"), ("max_connections", "200")]);
    all.extend_from_slice(settings);
    let server = Server::with_settings(&all);
    big::prepare(&server);
    server
}

/// The suite's server.
pub fn shared() -> &'static Server {
    &SHARED
}

/// A database, and everything around a test in it.
pub struct Place<'a> {
    pub server: &'a Server,
    pub database: String,
    pub url: String,
    pub pgtailor: Program,
    folder: tempfile::TempDir,
    before: Invariants,
    runs: Vec<Run>,
}

impl Place<'static> {
    /// A database of this name on the shared server.
    pub fn new(name: &str) -> Self {
        Self::on(shared(), name)
    }
}

impl<'a> Place<'a> {
    /// A database of this name on `server`, with the tables of [`big`].
    pub fn on(server: &'a Server, name: &str) -> Self {
        let url = big::create(server, name);
        let url = if std::env::var_os(LEAST_ROLE).is_some() { least_role(server, name, &url) } else { url };
        Self::at(server, name, &url)
    }

    /// An existing database, asked at `url`.
    pub fn at(server: &'a Server, name: &str, url: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let before = Invariants::of(server, name);
        let pgtailor = Program::new(PGTAILOR).on(url);
        Self { server, database: name.to_owned(), url: url.to_owned(), pgtailor, folder, before, runs: Vec::new() }
    }

    /// Runs SQL as the superuser.
    pub fn sql(&self, sql: &str) -> String {
        self.server.sql(&self.database, sql)
    }

    /// Runs SQL and returns what the server refused it with, or nothing.
    pub fn refusal(&self, sql: &str) -> String {
        let output = self.server.try_sql(&self.server.lab.url(&self.database), sql);
        if output.status.success() { String::new() } else { String::from_utf8_lossy(&output.stderr).into_owned() }
    }

    /// Takes the invariants again: everything until now was the test's own preparation.
    pub fn begin(&mut self) {
        self.before = Invariants::of(self.server, &self.database);
    }

    /// The program as one of the suite's roles.
    pub fn as_role(&self, role: &str) -> Program {
        Program::new(PGTAILOR).on(&big::url_of(self.server, &self.database, role))
    }

    /// A path in the test's own folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a catalog of these entries, and returns its path.
    pub fn catalog(&self, entries: &[String]) -> String {
        let path = self.path(&format!("catalog-{}.toml", entries.len()));
        std::fs::write(&path, entries.join("\n")).expect("the folder is ours");
        text(&path)
    }

    /// The arguments that build what one catalog declares.
    pub fn building(&self, entries: &[String]) -> Vec<String> {
        ["optimize", "--yes", "--catalog", &self.catalog(entries)].map(str::to_owned).to_vec()
    }

    /// Builds `idx_a` on `big (a)` and expects success.
    pub fn build_a(&mut self) -> Run {
        self.run(&self.building(&[index_a()])).expect_code(0)
    }

    /// Runs the program to its end; its outputs are looked at for secrets later.
    pub fn run<S: AsRef<str>>(&mut self, arguments: &[S]) -> Run {
        let run = self.pgtailor.run(&words(arguments));
        self.runs.push(run.clone());
        run
    }

    /// The same with another program (another role, another environment).
    pub fn run_by<S: AsRef<str>>(&mut self, program: &Program, arguments: &[S]) -> Run {
        let run = program.run(&words(arguments));
        self.runs.push(run.clone());
        run
    }

    /// Starts the program.
    pub fn start<S: AsRef<str>>(&self, arguments: &[S]) -> Running {
        self.pgtailor.start(&words(arguments))
    }

    /// Waits for the end of a run.
    pub fn ended(&mut self, running: Running) -> Run {
        let run = running.ended();
        self.runs.push(run.clone());
        run
    }

    /// Begins a build of `idx_a` that `blocker` holds.
    pub fn held(&self, blocker: Blocker) -> (Running, Session) {
        self.held_build(blocker, &[index_a()])
    }

    /// Begins a build of `entries` that `blocker` holds.
    pub fn held_build(&self, blocker: Blocker, entries: &[String]) -> (Running, Session) {
        let session = self.hold(blocker);
        let mut running = self.start(&self.building(entries));
        if let Some(phase) = blocker.phase() {
            reaches(&mut running, "the wanted phase", phase, || self.phase());
        } else {
            blocker.wait_until_it_holds(self.server, &self.database);
        }
        (running, session)
    }

    /// Leaves an index that is ready and not valid: two interruptions end the program, and a reader keeps it from cleaning up before.
    pub fn leave_a_leftover(&mut self) {
        let mut reader = self.hold(Blocker::Reader);
        let (running, mut snapshot) = self.held(Blocker::Snapshot);
        running.signal("INT");
        running.signal("INT");
        self.ended(running).expect_code(2);
        self.wait_until_sessions_are_gone();
        snapshot.sql("COMMIT");
        reader.sql("COMMIT");
        let left = self.indexes_of("big");
        assert!(left.contains("idx_a 011") || left.contains("_pgt_drop_"), "{left}");
    }

    /// A session that holds what `blocker` says.
    pub fn hold(&self, blocker: Blocker) -> Session {
        blocker.hold(self.server, &self.database)
    }

    /// A session in this database.
    pub fn session(&self) -> Session {
        Session::open(self.server, &self.database)
    }

    /// The application at work.
    pub fn application(&self) -> Probe {
        Probe::begin(self.server, &self.database, big::APPLICATION)
    }

    /// The phase of the build that runs here.
    pub fn phase(&self) -> String {
        blocker::phase(self.server, &self.database)
    }

    /// Ends the builder's session as an administrator would.
    pub fn end_builder(&self, how: &str) {
        self.sql(&format!(
            "SELECT {how}(pid) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' \
             AND application_name LIKE 'pgtailor: builder%'"
        ));
    }

    /// Waits until no session of ours is left here.
    pub fn wait_until_sessions_are_gone(&self) {
        wait_for("our sessions are gone", "0", || {
            self.sql(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'pgtailor%'",
            )
        });
    }

    /// The ledger's states, oldest first.
    pub fn states(&self) -> String {
        self.sql("SELECT coalesce(string_agg(state, ' ' ORDER BY id), '') FROM pgtailor.change")
    }

    /// The indexes of `table`, each with its state as `valid ready live`.
    pub fn indexes_of(&self, table: &str) -> String {
        self.sql(&format!(
            "SELECT c.relname || ' ' || concat_ws('', i.indisvalid::int, i.indisready::int, i.indislive::int) FROM pg_index i \
             JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = '{table}'::regclass ORDER BY 1"
        ))
    }

    /// Whether an index of this name is there and usable.
    pub fn is_valid(&self, index: &str) -> bool {
        self.sql(&format!(
            "SELECT count(*) FROM pg_index WHERE indexrelid = to_regclass('{index}') AND indisvalid AND indisready AND indislive"
        )) == "1"
    }

    /// A rollout, written by a dry run, of what `entries` declare.
    pub fn rollout(&mut self, entries: &[String]) -> (String, Value) {
        let path = text(&self.path("rollout.json"));
        let catalog = self.catalog(entries);
        self.run(&["optimize", "--dry-run", "--catalog", &catalog, "--output", &path]).expect_code(0);
        let value = serde_json::from_slice(&std::fs::read(&path).expect("it was written")).expect("JSON");
        (path, value)
    }

    /// Writes a rollout of what `make` makes of the database as it is, as a library would, and returns its path and what is left out.
    pub fn planned(&self, make: impl FnOnce(&Snapshot) -> Vec<Change>) -> (String, Vec<String>) {
        let path = self.path("planned.json");
        let left_out = planned(&self.server.lab.url(&self.database), &path, make);
        (text(&path), left_out)
    }

    /// A rollout that drops an existing index, or why there is none.
    pub fn rollout_that_drops(&self, index: &str) -> Result<String, String> {
        let (path, left_out) = self.planned(|snapshot| vec![drop_of(snapshot, index)]);
        left_out.into_iter().next().map_or(Ok(path), Err)
    }

    /// A rollout that rebuilds an existing index.
    pub fn rollout_that_rebuilds(&self, index: &str) -> String {
        self.planned(|snapshot| vec![rebuild_of(snapshot, index)]).0
    }

    /// Checks every invariant.
    pub fn holds(&self) {
        self.holds_but(&Allowed::default());
    }

    /// Checks every invariant but for what the test did itself.
    pub fn holds_but(&self, allowed: &Allowed<'_>) {
        self.before.check(self.server, allowed, &self.runs);
    }

    /// Another run completes what the first could not: `idx_a` is there, and nothing else is.
    pub fn next_run_completes(&mut self) {
        self.build_a();
        assert!(self.is_valid("idx_a"), "{}", self.indexes_of("big"));
        self.holds();
    }
}

/// First number of the advisory lock that holds the ledger; not pgtailor's.
const HOLD: i32 = 4711;
/// Whether somebody waits for that lock in this database.
pub const IS_HELD: &str = "SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND classid = 4711 AND NOT granted \
                           AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

/// Makes every move of the ledger of `database` wait for whoever holds it: the program has no hook for that, its ledger has a trigger.
pub fn make_holdable(server: &Server, database: &str) {
    server.sql(
        database,
        &format!(
            "CREATE OR REPLACE FUNCTION public.hold() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
                 PERFORM pg_catalog.set_config('lock_timeout', '0', true); \
                 PERFORM pg_catalog.pg_advisory_xact_lock_shared({HOLD}, pg_catalog.hashtext(NEW.change_id || ' ' || NEW.to_state)); \
                 RETURN NEW; END $$; \
             CREATE OR REPLACE TRIGGER hold BEFORE INSERT ON pgtailor.event FOR EACH ROW EXECUTE FUNCTION public.hold()"
        ),
    );
}

/// Lets entry `entry` of a holdable ledger not enter `state`, until the session is dropped.
pub fn hold_before(server: &Server, database: &str, state: &str, entry: u32) -> Session {
    let mut session = Session::open(server, database);
    session.sql(&format!("SELECT pg_advisory_lock({HOLD}, hashtext('{entry} {state}'))"));
    session
}

/// Waits until the answer is `wanted`, and fails at once, with what it said, when the program ends before.
pub fn reaches(running: &mut Running, what: &str, wanted: &str, mut seen: impl FnMut() -> String) {
    wait_for(what, wanted, || {
        let answer = seen();
        assert!(answer == wanted || running.is_running(), "it ended before {what}, {wanted:?}:\n{}", running.said());
        answer
    });
}

/// Writes a rollout of what `make` makes of the database at `url` to `path`, and returns why changes are left out of it.
pub fn planned(url: &str, path: &Path, make: impl FnOnce(&Snapshot) -> Vec<Change>) -> Vec<String> {
    let database = Database::from_url(url).expect("an address");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let snapshot = runtime.block_on(pgtailor::capture(&database)).expect("a snapshot");
    let request = |change| Request { change, reason: "a test wants it".to_owned(), estimate: Estimate::default() };
    let requests: Vec<Request> = make(&snapshot).into_iter().map(request).collect();
    let evidence = DropEvidence { unused_for: Duration::ZERO, ..DropEvidence::default() };
    let rollout = plan(&requests, &snapshot, &Rules { evidence, ..Rules::allowing(ChangeClass::ALL.into()) });
    pgtailor::write_rollout(&rollout, &snapshot, path).expect("the folder is ours");
    rollout.left_out.into_iter().map(|left| left.reason).collect()
}

/// The arguments that carry out a rollout of any class.
pub fn applying(path: &str) -> Vec<String> {
    let all = ChangeClass::ALL.map(ChangeClass::name).join(",");
    ["apply", path, "--yes", "--allow", &all, "--unused-for", "1ms"].map(str::to_owned).to_vec()
}

/// Dropping an index as it is.
fn drop_of(snapshot: &Snapshot, name: &str) -> Change {
    let (table, index) = found(snapshot, name);
    Change::DropIndex {
        table: table.name.clone(),
        table_oid: table.oid,
        name: name.to_owned(),
        index_oid: index.oid,
        definition: index.definition.clone().expect("it was read"),
        carries: index.carries.clone(),
    }
}

/// Rebuilding an index as it is.
pub fn rebuild_of(snapshot: &Snapshot, name: &str) -> Change {
    let (table, index) = found(snapshot, name);
    Change::RebuildIndex {
        table: table.name.clone(),
        table_oid: table.oid,
        name: name.to_owned(),
        index_oid: index.oid,
        definition: index.definition.clone().expect("it was read"),
        size: index.size,
    }
}

fn found<'a>(snapshot: &'a Snapshot, name: &str) -> (&'a Table, &'a Index) {
    let named = |table: &'a Table| Some((table, table.indexes.iter().find(|index| index.name == name)?));
    snapshot.catalog.tables.iter().find_map(named).expect("the index is there")
}

/// A catalog's entry for an index on columns, as TOML writes them.
pub fn entry(name: &str, table: &str, columns: &str) -> String {
    format!("[[index]]\nname = \"{name}\"\ntable = \"{table}\"\ncolumns = {columns}\n")
}

/// `idx_a` on `big (a)`.
pub fn index_a() -> String {
    entry("idx_a", "big", r#"["a"]"#)
}

/// A report wraps its lines; for looking up a sentence they are joined.
pub fn unwrapped(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a run printed, both ways, in one line.
pub fn printed(run: &Run) -> String {
    unwrapped(&format!("{}\n{}", run.out, run.err))
}

/// Makes the role that `doctor` says is enough for applying, by its script and nothing else, and returns the URL for it.
pub fn least_role(server: &Server, database: &str, url: &str) -> String {
    const ROLE: &str = "pgtailor_apply";
    let script = Program::new(PGTAILOR).on(url).run(&["doctor", "--role", "apply"]).expect_code(0).out;
    let statements = script.lines().filter(|line| line.ends_with(';') && !line.starts_with("--"));
    // What psql asks a person for, and more sessions than one instance needs: some tests start ten.
    let by_hand = format!("ALTER ROLE {ROLE} PASSWORD '{ROLE}' CONNECTION LIMIT -1");
    let mut session = Session::open(server, database);
    // The role is there already when another test has made it; an error of the server is an answer here.
    for statement in statements.chain([by_hand.as_str()]) {
        session.sql(statement);
    }
    big::url_of(server, database, ROLE)
}

fn text(path: &Path) -> String {
    path.to_str().expect("UTF-8").to_owned()
}

fn words<S: AsRef<str>>(arguments: &[S]) -> Vec<&str> {
    arguments.iter().map(AsRef::as_ref).collect()
}

//! The crash matrix: every way to die, at every arrow of the state machine, alone and among six, in a random order that can be repeated.
//!
//! A case is a point, a blow and a number of instances. The point is held by a blocker, where the server waits for others, or by a
//! trigger on the ledger that waits for the test before a state is entered; the program knows nothing of either. After the blow
//! everything is let go, whoever still lives may end, and runs are repeated until one succeeds. Then all invariants must hold.
//!
//! `PGTAILOR_CHAOS_RUNS` says how many cases, `PGTAILOR_CHAOS_SEED` in which order, and `PGTAILOR_CHAOS_ONLY` picks the one that failed.
//! Start reading at [`Case::run`].

use std::env;
use std::io::Write as _;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use pgtailor::model::random::Random;
use pgtailor_lab::{LabOptions, Shutdown};
use pgtailor_testkit::big;
use pgtailor_testkit::blocker::{Blocker, wait_for};
use pgtailor_testkit::invariants::{Allowed, Invariants, SETTINGS};
use pgtailor_testkit::program::{Program, Run, Running};
use pgtailor_testkit::server::Server;
use pgtailor_testkit::session::Session;
use pgtailor_testkit::wire::Wire;

use crate::place::{index_a, server};

/// How many cases an ordinary test run tries.
const USUAL_RUNS: usize = 24;
/// How often the program is run again until it succeeds. Each open entry takes one run at most.
const TRIES: usize = 6;
/// First number of the advisory lock that the trigger waits for; not pgtailor's.
const HOLD: i32 = 4711;
/// The database that all cases are copies of.
const PREPARED: &str = "chaos";
const PGTAILOR: &str = env!("CARGO_BIN_EXE_pgtailor");

/// What is done when the blow falls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    Build,
    /// A build that somebody cancelled, on its way to being cleaned up.
    FailedBuild,
    Undo,
}

/// Where it is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// In a phase of the server's statement.
    Blocked(Blocker),
    /// Before the ledger enters this state.
    Before(&'static str),
}

/// Every arrow, and every phase in which the server can be held.
const POINTS: &[(Work, At)] = &[
    (Work::Build, At::Before("intent")),
    (Work::Build, At::Before("running")),
    (Work::Build, At::Blocked(Blocker::Sue)),
    (Work::Build, At::Blocked(Blocker::Writer)),
    (Work::Build, At::Blocked(Blocker::Snapshot)),
    (Work::Build, At::Before("verifying")),
    (Work::Build, At::Before("applied")),
    (Work::FailedBuild, At::Before("reconciling")),
    (Work::FailedBuild, At::Before("cleanup-pending")),
    (Work::FailedBuild, At::Before("failed")),
    (Work::Undo, At::Before("intent")),
    (Work::Undo, At::Before("running")),
    (Work::Undo, At::Blocked(Blocker::Reader)),
    (Work::Undo, At::Before("verifying")),
    (Work::Undo, At::Before("applied")),
    (Work::Undo, At::Before("rolled-back")),
];

/// How it is hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blow {
    /// The program is killed.
    Kill,
    /// The session that builds is terminated.
    EndBuilder,
    /// The session that watches is terminated.
    EndWatchdog,
    /// The server stops as in a crash and comes back.
    Crash,
    /// The standby becomes the primary, and the address leads to it.
    Promote,
    /// Both sides are told that the connection is gone.
    Cut,
    /// Nothing arrives any more, the program dies, and the server is not told.
    Silence,
    /// The program stands still for as long as everything is held, another run looks in, and then it goes on.
    Stop,
    /// Ctrl-C.
    Interrupt,
}

const BLOWS: &[Blow] = &[
    Blow::Kill,
    Blow::EndBuilder,
    Blow::EndWatchdog,
    Blow::Crash,
    Blow::Promote,
    Blow::Cut,
    Blow::Silence,
    Blow::Stop,
    Blow::Interrupt,
];

#[derive(Clone, Copy, Debug)]
struct Case {
    work: Work,
    at: At,
    blow: Blow,
    instances: usize,
}

/// How many sessions of ours there are.
const OURS: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'pgtailor%'";

/// A database under attack, and the wire that leads to it.
struct Scene {
    database: String,
    primary: Server,
    standby: Option<Server>,
    wire: Wire,
    pgtailor: Program,
    build: Vec<String>,
    runs: Vec<Run>,
    before: Option<Invariants>,
}

#[test]
fn whatever_happens_at_any_moment_the_next_run_puts_it_right() {
    let number = |name: &str| env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| u64::from(since.subsec_nanos()));
    let seed = number("PGTAILOR_CHAOS_SEED").unwrap_or(clock);
    let runs = number("PGTAILOR_CHAOS_RUNS").map_or(USUAL_RUNS, |runs| usize::try_from(runs).expect("a number of runs"));
    let only = number("PGTAILOR_CHAOS_ONLY").map(|only| usize::try_from(only).expect("a number of a run"));
    let cases = shuffled(seed);
    let mut server = None;
    for (position, case) in cases.iter().cycle().take(runs).enumerate() {
        if only.is_none_or(|only| only == position) {
            // Shown when the test fails, or with `--nocapture`: which case it was, and how to have it again.
            let again = format!("PGTAILOR_CHAOS_SEED={seed} PGTAILOR_CHAOS_RUNS={} PGTAILOR_CHAOS_ONLY={position}", position + 1);
            say(&format!("{again}: {case:?}"));
            let begun = Instant::now();
            server = case.run(server.take().unwrap_or_else(prepared), position);
            say(&format!("  measured: {:.1} s", begun.elapsed().as_secs_f64()));
        }
    }
    say(&format!("{runs} cases of {} with seed {seed}", cases.len()));
}

/// Every case, in an order that follows from the seed.
fn shuffled(seed: u64) -> Vec<Case> {
    let mut cases = Vec::new();
    for &(work, at) in POINTS {
        for &blow in BLOWS {
            cases.extend([1, 6].map(|instances| Case { work, at, blow, instances }));
        }
    }
    let mut random = Random::new(seed);
    for last in (1..cases.len()).rev() {
        let other = usize::try_from(random.below(u64::try_from(last + 1).expect("small"))).expect("small");
        cases.swap(last, other);
    }
    cases
}

impl Case {
    /// From a fresh database to the check of all invariants. Gives back the server, where it can serve another case.
    fn run(self, server: Server, position: usize) -> Option<Server> {
        let mut scene = Scene::new(server, position, self.blow == Blow::Promote);
        if self.work == Work::Undo {
            scene.once(&scene.build.clone()).expect_code(0);
        }
        scene.catch_up();
        scene.before = Some(Invariants::of(scene.server(), &scene.database));
        let hold = self.hold(&scene);
        let arguments = match self.work {
            Work::Build | Work::FailedBuild => scene.build.clone(),
            Work::Undo => undo(),
        };
        let mut running: Vec<Running> = (0..self.instances).map(|_| scene.start(&arguments)).collect();
        self.reach(&scene);
        let hold = self.hit(&mut scene, &mut running, hold);
        drop(hold);
        for running in running {
            let run = ended(running);
            scene.runs.push(run);
        }
        scene.settle(&arguments);
        self.check(&scene);
        scene.standby.is_none().then_some(scene.primary)
    }

    /// What keeps the program at the point, until it is dropped.
    fn hold(self, scene: &Scene) -> Session {
        match self.at {
            At::Blocked(blocker) => blocker.hold(&scene.primary, &scene.database),
            At::Before(state) => {
                let mut session = Session::open(&scene.primary, &scene.database);
                session.sql(&format!("SELECT pg_advisory_lock({HOLD}, hashtext('{state}'))"));
                session
            }
        }
    }

    /// Waits until the program is at the point.
    fn reach(self, scene: &Scene) {
        if self.work == Work::FailedBuild {
            let mut blocker = Blocker::Snapshot.hold(&scene.primary, &scene.database);
            Blocker::Snapshot.wait_until_it_holds(&scene.primary, &scene.database);
            end_session(scene, "builder", "pg_cancel_backend");
            blocker.sql("COMMIT");
        }
        match self.at {
            At::Blocked(blocker) => blocker.wait_until_it_holds(&scene.primary, &scene.database),
            At::Before(_) => {
                let waits =
                    format!("SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND classid = {HOLD} AND NOT granted");
                wait_for("the ledger is held", "t", || scene.sql(&waits));
            }
        }
    }

    /// The blow. Gives back the hold where it has survived.
    fn hit(self, scene: &mut Scene, running: &mut [Running], hold: Session) -> Option<Session> {
        match self.blow {
            Blow::Kill => signal_all(running, "KILL"),
            Blow::Interrupt => signal_all(running, "INT"),
            Blow::EndBuilder => end_session(scene, "builder", "pg_terminate_backend"),
            Blow::EndWatchdog => end_session(scene, "watchdog", "pg_terminate_backend"),
            Blow::Cut => scene.wire.cut(),
            Blow::Crash => {
                scene.primary.lab.restart(Shutdown::Immediate).expect("it comes back");
                drop(hold);
                return None;
            }
            Blow::Promote => {
                scene.promote();
                drop(hold);
                return None;
            }
            Blow::Silence => {
                scene.wire.silence();
                signal_all(running, "KILL");
                drop(hold);
                // What the server was doing, it does to its end, for nobody; then it is told that nobody is there.
                wait_for("the server has ended its statement", "0", || scene.sql(&format!("{OURS} AND state = 'active'")));
                scene.wire.cut();
                scene.wire.speak();
                return None;
            }
            Blow::Stop => {
                signal_all(running, "STOP");
                let looked_in = scene.once(&scene.build.clone());
                assert!(matches!(looked_in.code, Some(0 | 2)), "{}\n{}", looked_in.out, looked_in.err);
                drop(hold);
                signal_all(running, "CONT");
                return None;
            }
        }
        Some(hold)
    }

    fn check(self, scene: &Scene) {
        let server = scene.server();
        let expected = match self.work {
            Work::Build | Work::FailedBuild => "idx_a 1",
            Work::Undo => "",
        };
        let found = server.sql(
            &scene.database,
            "SELECT c.relname || ' ' || (i.indisvalid AND i.indisready AND i.indislive)::int FROM pg_index i \
             JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = 'big'::regclass AND c.relname NOT IN ('big_pkey', 'bystander')",
        );
        assert_eq!(found, expected, "{self:?}\n{}", scene.told());
        let allowed = Allowed { indexes: if self.work == Work::Undo { &["idx_a"] } else { &[] }, ..Allowed::default() };
        scene.before.as_ref().expect("they were taken").check(server, &allowed, &scene.runs);
    }
}

impl Scene {
    /// A database of its own, and a standby where one is to take over.
    fn new(primary: Server, position: usize, with_standby: bool) -> Self {
        let database = format!("chaos {position}");
        primary.sql("postgres", &format!("CREATE DATABASE \"{database}\" TEMPLATE {PREPARED}"));
        let wire = Wire::to(primary.lab.port());
        let url = wire.url(&primary.lab.url(&database), primary.lab.port());
        let mut scene = Self {
            database,
            wire,
            pgtailor: Program::new(PGTAILOR).on(&url),
            build: building(&primary),
            runs: Vec::new(),
            before: None,
            standby: None,
            primary,
        };
        if with_standby {
            let needed = [("max_prepared_transactions", "20"), ("max_connections", "200"), ("fsync", "off")];
            let options = SETTINGS
                .iter()
                .chain(&needed)
                .fold(LabOptions::new(), |options, (name, value)| options.with_setting(*name, *value));
            scene.standby = Some(Server { lab: scene.primary.lab.standby(&options).expect("a standby can be started here") });
        }
        scene
    }

    fn sql(&self, sql: &str) -> String {
        self.primary.sql(&self.database, sql)
    }

    /// The server that is asked in the end.
    fn server(&self) -> &Server {
        self.standby.as_ref().unwrap_or(&self.primary)
    }

    /// Waits until the standby, if there is one, has all that the primary has written.
    fn catch_up(&self) {
        let Some(standby) = &self.standby else { return };
        let written = self.primary.sql("postgres", "SELECT pg_current_wal_lsn()");
        wait_for("the standby has caught up", "t", || {
            standby.sql("postgres", &format!("SELECT pg_last_wal_replay_lsn() >= '{written}'::pg_lsn"))
        });
    }

    fn promote(&mut self) {
        self.catch_up();
        let standby = self.standby.as_mut().expect("a promotion has a standby");
        standby.lab.promote().expect("it can be promoted");
        self.wire.lead_to(standby.lab.port());
    }

    fn start(&self, arguments: &[String]) -> Running {
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.pgtailor.start(&words)
    }

    fn once(&mut self, arguments: &[String]) -> Run {
        let run = ended(self.start(arguments));
        self.runs.push(run.clone());
        run
    }

    /// Runs again until all is done; what is in the way for a moment (a session that is about to end) may make a run fail.
    fn settle(&mut self, arguments: &[String]) {
        for _ in 0..TRIES {
            wait_for("sessions of ours are gone", "0", || self.server().sql(&self.database, OURS));
            if self.once(arguments).code == Some(0) {
                return;
            }
        }
        panic!("{TRIES} runs did not put it right:\n{}", self.told());
    }

    /// What every run said, and what the ledger says.
    fn told(&self) -> String {
        let ledger = self
            .server()
            .sql(&self.database, "SELECT string_agg(concat_ws(' ', id, state, note), E'\\n' ORDER BY id) FROM pgtailor.change");
        let runs: Vec<String> = self.runs.iter().map(|run| format!("--- {:?}\n{}\n{}", run.code, run.out, run.err)).collect();
        format!("{ledger}\n{}", runs.join("\n"))
    }
}

/// A server with a database that has the tables and a ledger, whose every move can be held.
fn prepared() -> Server {
    let server = server(&[("autovacuum", "off"), ("synchronous_commit", "on")]);
    let url = big::create(&server, PREPARED);
    let pgtailor = Program::new(PGTAILOR).on(&url);
    for arguments in [building(&server), undo()] {
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        pgtailor.run(&words).expect_code(0);
    }
    server.sql(
        PREPARED,
        &format!(
            "TRUNCATE pgtailor.change, pgtailor.event RESTART IDENTITY; \
             CREATE FUNCTION public.hold() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
                 PERFORM pg_catalog.set_config('lock_timeout', '0', true); \
                 PERFORM pg_catalog.pg_advisory_xact_lock_shared({HOLD}, pg_catalog.hashtext(NEW.to_state)); RETURN NEW; END $$; \
             CREATE TRIGGER hold BEFORE INSERT ON pgtailor.event FOR EACH ROW EXECUTE FUNCTION public.hold()"
        ),
    );
    wait_for("nobody is in the original", "0", || {
        server.sql("postgres", &format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{PREPARED}'"))
    });
    server
}

/// The arguments that build `idx_a`, with a catalog that lies beside the server and is gone with it.
fn building(server: &Server) -> Vec<String> {
    let path = server.lab.folder().join("indexes.toml");
    std::fs::write(&path, index_a()).expect("the lab's folder is ours");
    ["optimize", "--yes", "--catalog", path.to_str().expect("UTF-8")].map(str::to_owned).to_vec()
}

fn undo() -> Vec<String> {
    ["undo", "--all", "--yes"].map(str::to_owned).to_vec()
}

fn signal_all(running: &mut [Running], name: &str) {
    for one in running {
        // Those that found the lock taken have ended already.
        if one.is_running() {
            one.signal(name);
        }
    }
}

fn end_session(scene: &Scene, which: &str, how: &str) {
    let name = format!("pgtailor: {which}");
    scene.sql(&format!(
        "SELECT {how}(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = '{name}'"
    ));
}

/// Waits for the end of a run, and says what it said when there is none.
fn ended(mut running: Running) -> Run {
    let begun = Instant::now();
    while running.is_running() {
        assert!(begun.elapsed() < pgtailor_testkit::LIMIT, "the program hangs:\n{}", running.said());
        std::thread::sleep(Duration::from_millis(10));
    }
    running.ended()
}

fn say(line: &str) {
    // The harness shows what a failed test printed by the macro, and only that.
    let _ = writeln!(std::io::stderr(), "chaos: {line}");
}

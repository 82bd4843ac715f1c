//! Where a case takes place: a database of its own, the wire that leads to it, perhaps a standby, and what holds the program there.
//!
//! Knows no case. Start reading at [`Scene`], and at [`prepared`] for what all cases begin with.

use std::time::{Duration, Instant};

use pgtailor::model::change::Change;
use pgtailor::model::snapshot::Snapshot;
use pgtailor_lab::LabOptions;
use pgtailor_testkit::big;
use pgtailor_testkit::blocker::{phase, wait_for, waits_of_the_builder};
use pgtailor_testkit::invariants::{Invariants, SETTINGS};
use pgtailor_testkit::program::{Program, Run, Running};
use pgtailor_testkit::server::Server;
use pgtailor_testkit::session::Session;
use pgtailor_testkit::wire::Wire;

use super::matrix::{Holder, Kind};
use crate::extensions::set;
use crate::partitioned;
use crate::place::{IS_HELD, applying, hold_before, index_a, make_holdable, planned, rebuild_of, server};

/// How often the program is run again until it succeeds. Each open entry takes one run at most.
const TRIES: usize = 6;
/// The database that all cases are copies of.
const PREPARED: &str = "chaos";
const PGTAILOR: &str = env!("CARGO_BIN_EXE_pgtailor");

/// How many sessions of ours there are.
pub const OURS: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'pgtailor%'";

/// A database under attack, and the wire that leads to it.
pub struct Scene {
    pub database: String,
    pub primary: Server,
    pub standby: Option<Server>,
    pub wire: Wire,
    pgtailor: Program,
    /// What makes the change.
    pub arguments: Vec<String>,
    pub runs: Vec<Run>,
    pub before: Option<Invariants>,
    /// What [`Scene::carried`] was before.
    pub carried: String,
    /// The OID of the index that a rebuild replaces.
    pub bystander: String,
}

impl Scene {
    /// A database of its own, and a standby where one is to take over.
    pub fn new(primary: Server, position: usize, kind: Kind, with_standby: bool) -> Self {
        let database = format!("chaos {position}");
        primary.sql("postgres", &format!("CREATE DATABASE \"{database}\" TEMPLATE {PREPARED}"));
        let wire = Wire::to(primary.lab.port());
        let url = wire.url(&primary.lab.url(&database), primary.lab.port());
        let mut scene = Self {
            wire,
            pgtailor: Program::new(PGTAILOR).on(&url),
            arguments: making(kind, &primary, &database),
            runs: Vec::new(),
            before: None,
            carried: String::new(),
            bystander: String::new(),
            standby: None,
            database,
            primary,
        };
        scene.bystander = scene.oid_of_bystander();
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

    pub fn sql(&self, sql: &str) -> String {
        self.primary.sql(&self.database, sql)
    }

    /// The server that is asked in the end.
    pub fn server(&self) -> &Server {
        self.standby.as_ref().unwrap_or(&self.primary)
    }

    /// Waits until the standby, if there is one, has all that the primary has written.
    pub fn catch_up(&self) {
        let Some(standby) = &self.standby else { return };
        let written = self.primary.sql("postgres", "SELECT pg_current_wal_lsn()");
        wait_for("the standby has caught up", "t", || {
            standby.sql("postgres", &format!("SELECT pg_last_wal_replay_lsn() >= '{written}'::pg_lsn"))
        });
    }

    pub fn promote(&mut self) {
        self.catch_up();
        let standby = self.standby.as_mut().expect("a promotion has a standby");
        standby.lab.promote().expect("it can be promoted");
        self.wire.lead_to(standby.lab.port());
    }

    /// A session in this database that is in the way.
    pub fn hold(&self, holder: Holder) -> Session {
        let mut session = Session::open(&self.primary, &self.database);
        session.sql(holder.sql);
        session
    }

    /// Waits until the builder's statement is held by this.
    pub fn wait_until_it_holds(&self, holder: Holder) {
        match holder.phase {
            Some(wanted) => wait_for("a statement is held", wanted, || phase(&self.primary, &self.database)),
            None => wait_for("a statement is held", "Lock", || waits_of_the_builder(&self.primary, &self.database)),
        }
    }

    /// Lets entry `entry` of the ledger not enter `state`, until it is dropped.
    pub fn hold_before(&self, state: &str, entry: u32) -> Session {
        hold_before(&self.primary, &self.database, state, entry)
    }

    /// Waits until somebody waits for that.
    pub fn wait_until_the_ledger_is_held(&self, running: &mut [Running]) {
        wait_for("the ledger is held", "t", || {
            let is_held = self.sql(IS_HELD);
            let is_over = is_held != "t" && running.iter_mut().all(|one| !one.is_running());
            assert!(!is_over, "all have ended before:\n{}", running.iter().map(Running::said).collect::<Vec<_>>().join("\n"));
            is_held
        });
    }

    /// Ends a session of ours as an administrator would.
    pub fn end_session(&self, which: &str, how: &str) {
        let name = format!("pgtailor: {which}");
        self.sql(&format!(
            "SELECT {how}(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = '{name}'"
        ));
    }

    /// The indexes of a table that were made here, each with its being usable and what it is attached to.
    pub fn indexes_of(&self, table: &str) -> String {
        let made = format!(
            "SELECT coalesce(string_agg(c.relname || ' ' || (i.indisvalid AND i.indisready AND i.indislive)::int \
                 || coalesce(' of ' || inhparent::regclass, ''), ', ' ORDER BY c.relname), '') \
             FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid LEFT JOIN pg_inherits ON inhrelid = c.oid \
             WHERE i.indrelid = '{table}'::regclass AND NOT (c.relname IN ('big_pkey', 'bystander') AND i.indisvalid)"
        );
        self.server().sql(&self.database, &made)
    }

    /// All of the index `bystander` but its OID.
    pub fn carried(&self) -> String {
        const CARRIED: &str = "SELECT concat_ws('|', pg_get_indexdef(oid), reloptions, obj_description(oid, 'pg_class'), \
                 (SELECT string_agg(attstattarget::text, ',' ORDER BY attnum) FROM pg_attribute WHERE attrelid = c.oid)) \
             FROM pg_class c WHERE oid = 'bystander'::regclass";
        self.server().sql(&self.database, CARRIED)
    }

    pub fn oid_of_bystander(&self) -> String {
        self.server().sql(&self.database, "SELECT 'bystander'::regclass::oid")
    }

    pub fn start(&self, arguments: &[String]) -> Running {
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.pgtailor.start(&words)
    }

    pub fn once(&mut self, arguments: &[String]) -> Run {
        let run = ended(self.start(arguments));
        self.runs.push(run.clone());
        run
    }

    /// Runs again until all is done; what is in the way for a moment (a session that is about to end) may make a run fail.
    pub fn settle(&mut self, arguments: &[String]) {
        for _ in 0..TRIES {
            wait_for("sessions of ours are gone", "0", || self.server().sql(&self.database, OURS));
            if self.once(arguments).code == Some(0) {
                return;
            }
        }
        panic!("{TRIES} runs did not put it right:\n{}", self.told());
    }

    /// What every run said, and what the ledger says.
    pub fn told(&self) -> String {
        let ledger = self
            .server()
            .sql(&self.database, "SELECT string_agg(concat_ws(' ', id, state, note), E'\\n' ORDER BY id) FROM pgtailor.change");
        let runs: Vec<String> = self.runs.iter().map(|run| format!("--- {:?}\n{}\n{}", run.code, run.out, run.err)).collect();
        format!("{ledger}\n{}", runs.join("\n"))
    }
}

/// A server with a database that has the tables and a ledger, whose every move can be held.
pub fn prepared() -> Server {
    let server = server(&[("autovacuum", "off"), ("synchronous_commit", "on")]);
    let url = big::create(&server, PREPARED);
    let pgtailor = Program::new(PGTAILOR).on(&url);
    for arguments in [building(&server), undo()] {
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        pgtailor.run(&words).expect_code(0);
    }
    server.sql(PREPARED, "TRUNCATE pgtailor.change, pgtailor.event RESTART IDENTITY");
    make_holdable(&server, PREPARED);
    server.sql(PREPARED, partitioned::MEASURED);
    wait_for("nobody is in the original", "0", || {
        server.sql("postgres", &format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{PREPARED}'"))
    });
    server
}

/// The arguments that build `idx_a`, with a catalog that lies beside the server and is gone with it.
pub fn building(server: &Server) -> Vec<String> {
    let path = server.lab.folder().join("indexes.toml");
    std::fs::write(&path, index_a()).expect("the lab's folder is ours");
    ["optimize", "--yes", "--catalog", path.to_str().expect("UTF-8")].map(str::to_owned).to_vec()
}

/// The arguments that make a change of this kind. The rollout lies beside the server, too.
fn making(kind: Kind, server: &Server, database: &str) -> Vec<String> {
    let path = server.lab.folder().join(format!("{database}.json"));
    let plan = |make: &dyn Fn(&Snapshot) -> Change| {
        let left_out = planned(&server.lab.url(database), &path, |snapshot| vec![make(snapshot)]);
        assert!(left_out.is_empty(), "{left_out:?}");
        applying(path.to_str().expect("UTF-8"))
    };
    match kind {
        Kind::Build | Kind::Undo => building(server),
        Kind::Rebuild => plan(&|snapshot| rebuild_of(snapshot, "bystander")),
        Kind::Whole => plan(&partitioned::index_on_whole),
        Kind::Setting => plan(&|_| set("work_mem", None, Some("16MB"))),
    }
}

pub fn undo() -> Vec<String> {
    ["undo", "--all", "--yes"].map(str::to_owned).to_vec()
}

/// Waits for the end of a run, and says what it said when there is none.
pub fn ended(mut running: Running) -> Run {
    let begun = Instant::now();
    while running.is_running() {
        assert!(begun.elapsed() < pgtailor_testkit::LIMIT, "the program hangs:\n{}", running.said());
        std::thread::sleep(Duration::from_millis(10));
    }
    running.ended()
}

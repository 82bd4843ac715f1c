//! The crash matrix: every way to die, at every arrow of the state machine, alone and among six, in a random order that can be repeated.
//!
//! A case is a point, a blow and a number of instances ([`matrix`]). The point is held by a session in whose way the server's statement
//! is, or by a trigger on the ledger that waits for the test before a state is entered; the program knows nothing of either. After the
//! blow everything is let go, whoever still lives may end, and runs are repeated until one succeeds. Then all invariants must hold.
//!
//! `PGTAILOR_CHAOS_RUNS` says how many cases, `PGTAILOR_CHAOS_SEED` in which order, and `PGTAILOR_CHAOS_ONLY` picks the one that failed.
//! Start reading at [`Case::run`].

mod matrix;
mod scene;

use std::env;
use std::io::Write as _;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use pgtailor_lab::Shutdown;
use pgtailor_testkit::blocker::wait_for;
use pgtailor_testkit::invariants::{Allowed, Invariants};
use pgtailor_testkit::program::Running;
use pgtailor_testkit::server::Server;
use pgtailor_testkit::session::Session;

use self::matrix::{At, Blow, Case, Kind, Prelude, Work, shuffled};
use self::scene::{OURS, Scene, building, ended, prepared, undo};

/// How many cases an ordinary test run tries.
const USUAL_RUNS: usize = 24;

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

impl Case {
    /// From a fresh database to the check of all invariants. Gives back the server, where it can serve another case.
    fn run(self, server: Server, position: usize) -> Option<Server> {
        let mut scene = Scene::new(server, position, self.work.kind(), self.blow == Blow::Promote);
        scene.catch_up();
        scene.before = Some(Invariants::of(scene.server(), &scene.database));
        scene.carried = scene.carried();
        let made = scene.arguments.clone();
        let in_the_way = self.prepare(&mut scene, &made);
        scene.catch_up();
        let hold = self.hold(&scene);
        let arguments = if self.work.prelude() == Prelude::Done { undo() } else { made };
        let mut running: Vec<Running> = (0..self.instances).map(|_| scene.start(&arguments)).collect();
        if let (Prelude::Cancelled(holder), Some(in_the_way)) = (self.work.prelude(), in_the_way) {
            scene.wait_until_it_holds(holder);
            scene.end_session("builder", "pg_cancel_backend");
            drop(in_the_way);
        }
        self.reach(&scene, &mut running);
        let hold = self.hit(&mut scene, &mut running, &arguments, hold);
        drop(hold);
        for running in running {
            let run = ended(running);
            scene.runs.push(run);
        }
        scene.settle(&arguments);
        self.check(&mut scene);
        scene.standby.is_none().then_some(scene.primary)
    }

    /// What has happened before; gives back what is to be in the way of the statement until it is cancelled.
    fn prepare(self, scene: &mut Scene, made: &[String]) -> Option<Session> {
        match self.work.prelude() {
            Prelude::Nothing => None,
            Prelude::Done => {
                scene.once(made).expect_code(0);
                None
            }
            Prelude::Cancelled(holder) => Some(scene.hold(holder)),
            Prelude::Killed(state) => {
                let hold = scene.hold_before(state, 1);
                let mut running = scene.start(made);
                scene.wait_until_the_ledger_is_held(std::slice::from_mut(&mut running));
                running.signal("KILL");
                let run = ended(running);
                scene.runs.push(run);
                drop(hold);
                wait_for("its sessions are gone", "0", || scene.sql(OURS));
                None
            }
        }
    }

    /// What keeps the program at the point, until it is dropped.
    fn hold(self, scene: &Scene) -> Session {
        match self.at {
            At::Held(holder) => scene.hold(holder),
            At::Before(state, entry) => scene.hold_before(state, entry),
        }
    }

    /// Waits until the program is at the point.
    fn reach(self, scene: &Scene, running: &mut [Running]) {
        match self.at {
            At::Held(holder) => scene.wait_until_it_holds(holder),
            At::Before(..) => scene.wait_until_the_ledger_is_held(running),
        }
    }

    /// The blow. Gives back the hold where it has survived.
    fn hit(self, scene: &mut Scene, running: &mut [Running], arguments: &[String], hold: Session) -> Option<Session> {
        match self.blow {
            Blow::Kill => signal_all(running, "KILL"),
            Blow::Interrupt => signal_all(running, "INT"),
            Blow::EndBuilder => scene.end_session("builder", "pg_terminate_backend"),
            Blow::EndWatchdog => scene.end_session("watchdog", "pg_terminate_backend"),
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
                // Whoever undoes an index meets somebody who wants it.
                let wants = if self.work == Work::Undo { building(&scene.primary) } else { arguments.to_vec() };
                let looked_in = scene.once(&wants);
                assert!(matches!(looked_in.code, Some(0 | 2)), "{}\n{}", looked_in.out, looked_in.err);
                drop(hold);
                signal_all(running, "CONT");
                return None;
            }
        }
        Some(hold)
    }

    /// That the change is there, or is taken back, and nothing else has changed.
    fn check(self, scene: &mut Scene) {
        let is_undone = self.work.prelude() == Prelude::Done;
        let (found, expected) = match self.work.kind() {
            Kind::Build | Kind::Undo => (scene.indexes_of("big"), if is_undone { "" } else { "idx_a 1" }.to_owned()),
            Kind::Rebuild => (scene.indexes_of("big"), String::new()),
            Kind::Whole => {
                let found = ["measured", "measured_1", "measured_2"].map(|table| scene.indexes_of(table)).join("; ");
                let all = "idx_v 1; measured_1_idx_v 1 of idx_v; measured_2_idx_v 1 of idx_v";
                (found, if is_undone { "; ; " } else { all }.to_owned())
            }
            Kind::Setting => {
                let found = scene.server().sql(&scene.database, "SHOW work_mem");
                (found, if is_undone { "4MB" } else { "16MB" }.to_owned())
            }
        };
        assert_eq!(found, expected, "{self:?}\n{}", scene.told());
        assert_eq!(scene.carried(), scene.carried, "the index of somebody else is what it was, whoever rebuilt it");
        let before = scene.before.take().expect("they were taken");
        let mut allowed: &[&str] = &[];
        match self.work.kind() {
            Kind::Build | Kind::Undo => {}
            Kind::Rebuild => {
                assert_ne!(scene.oid_of_bystander(), scene.bystander, "it is rebuilt\n{}", scene.told());
                allowed = &["bystander"];
            }
            // Taken back, they leave nothing: neither for the next case nor in the file of settings.
            Kind::Whole | Kind::Setting => scene.settle(&undo()),
        }
        before.check(scene.server(), &Allowed { indexes: allowed, ..Allowed::default() }, &scene.runs);
    }
}

fn signal_all(running: &mut [Running], name: &str) {
    for one in running {
        // Those that found the lock taken have ended already.
        if one.is_running() {
            one.signal(name);
        }
    }
}

fn say(line: &str) {
    // The harness shows what a failed test printed by the macro, and only that.
    let _ = writeln!(std::io::stderr(), "chaos: {line}");
}

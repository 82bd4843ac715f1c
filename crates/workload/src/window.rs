//! What happened between two captures: differences of counters that survive their reset, and entries that were forgotten and came back.

use std::collections::BTreeMap;

use jiff::Timestamp;
use pgtailor_model::activity::{Rest, StatementActivity, Statements};
use pgtailor_model::snapshot::Snapshot;
use pgtailor_model::spread::{Executions, Spread};
use pgtailor_model::unit::{Milliseconds, Rows};

/// The recorded statements of a period.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// What ran in it.
    pub statements: Vec<StatementActivity>,
    /// Utility statements in it.
    pub utility: Rest,
    /// Recorded statements whose text could not be kept.
    pub unseen: Rest,
    /// Time that sessions spent executing statements in it, or why that is not known, as a sentence without a period.
    pub active_time: Result<Milliseconds, &'static str>,
    /// Entries that were forgotten in it; `None` when nobody says.
    pub evicted: Option<u64>,
    /// Its beginning, when that is known.
    pub since: Option<Timestamp>,
    /// Its end.
    pub until: Timestamp,
    /// What it could not see.
    pub notes: Vec<String>,
}

const NO_ACTIVE_TIME: &str = "servers before 14 do not say how long sessions were active";
const OTHER_PERIOD: &str =
    "the database's own counters began after those of the statements; two captures make a window in which both are known";

/// Everything that `snapshot` counted, since its counters began.
pub fn whole(snapshot: &Snapshot) -> Window {
    let activity = &snapshot.activity;
    let mut window = Window {
        statements: Vec::new(),
        utility: Rest::default(),
        unseen: Rest::default(),
        active_time: activity.active_time.ok_or(NO_ACTIVE_TIME),
        evicted: None,
        since: None,
        until: snapshot.captured_at,
        notes: Vec::new(),
    };
    if let Statements::Recorded { statements, evicted, since, utility, unseen } = &activity.statements {
        window.statements.clone_from(statements);
        (window.utility, window.unseen, window.evicted, window.since) = (*utility, *unseen, *evicted, *since);
    }
    // Counters of the database that are older make the whole too large and the share a lower bound still; younger ones do not compare.
    // Where the database's were never reset, the capture has the server's start, and both began then or before.
    let was_reset = activity.since != snapshot.server.started_at;
    if was_reset && activity.since.zip(window.since).is_some_and(|(database, statements)| database > statements) {
        window.active_time = Err(OTHER_PERIOD);
    }
    window
}

/// What was counted after `earlier` and until `later`, two captures of one database.
pub fn between(earlier: &Snapshot, later: &Snapshot) -> Window {
    let mut window = whole(later);
    if let Some(reason) = not_comparable(earlier, later) {
        window.notes.push(format!("the earlier capture is not used: {reason}"));
        return window;
    }
    if window.since.is_some_and(|since| since > earlier.captured_at) {
        // All counters began anew: what they show happened in the window, and what happened before the reset is lost.
        window.notes.push(
            "pg_stat_statements was reset after the earlier capture; what ran between that capture and the reset is not seen"
                .to_owned(),
        );
        return window;
    }
    let before = whole(earlier);
    let gone = subtract(&mut window.statements, &before.statements);
    if gone > 0 {
        window.notes.push(format!(
            "{gone} statements were forgotten after the earlier capture for want of room, some of them to be recorded again; what they did \
             before that is not seen; raise pg_stat_statements.max"
        ));
    }
    window.utility = rest(window.utility, before.utility);
    window.unseen = rest(window.unseen, before.unseen);
    window.evicted = window.evicted.zip(before.evicted).and_then(|(later, earlier)| later.checked_sub(earlier));
    window.since = Some(earlier.captured_at);
    window.active_time = match (later.activity.active_time, earlier.activity.active_time) {
        (Some(later), Some(earlier)) if later.0 >= earlier.0 => Ok(Milliseconds(later.0 - earlier.0)),
        (Some(_), Some(_)) => Err("the database's own counters were reset after the earlier capture"),
        _ => Err(NO_ACTIVE_TIME),
    };
    window
}

fn not_comparable(earlier: &Snapshot, later: &Snapshot) -> Option<String> {
    if let Statements::Unavailable { reason, .. } = &earlier.activity.statements {
        return Some(format!("it has no statements ({reason})"));
    }
    let (one, other) = (&earlier.server, &later.server);
    let is_other_server =
        one.system_identifier.is_some() && other.system_identifier.is_some() && one.system_identifier != other.system_identifier;
    if is_other_server || one.database_oid != other.database_oid {
        return Some("it is of another database".to_owned());
    }
    (earlier.captured_at > later.captured_at).then(|| "it is younger than the later one".to_owned())
}

/// Takes the counters of `before` from `statements`; how many entries were forgotten in between, for good or for a while.
fn subtract(statements: &mut Vec<StatementActivity>, before: &[StatementActivity]) -> usize {
    let mut before: BTreeMap<i64, &StatementActivity> = before.iter().map(|statement| (statement.query_id, statement)).collect();
    let mut returned = 0;
    for statement in statements.iter_mut() {
        let Some(before) = before.remove(&statement.query_id) else { continue };
        if statement.calls < before.calls || statement.total_time.0 < before.total_time.0 {
            // Forgotten and recorded again: its counters began in the window.
            returned += 1;
        } else {
            *statement = difference(statement, before);
        }
    }
    statements.retain(|statement| statement.calls > 0);
    before.len() + returned
}

fn difference(later: &StatementActivity, earlier: &StatementActivity) -> StatementActivity {
    let planning = |time: Milliseconds| Milliseconds((time.0 - earlier.planning_time.unwrap_or_default().0).max(0.0));
    StatementActivity {
        calls: later.calls - earlier.calls,
        total_time: Milliseconds(later.total_time.0 - earlier.total_time.0),
        rows: Rows(later.rows.0.saturating_sub(earlier.rows.0)),
        spread: spread(later, earlier),
        blocks_accessed: later.blocks_accessed - earlier.blocks_accessed,
        blocks_read: later.blocks_read - earlier.blocks_read,
        temp_written: later.temp_written - earlier.temp_written,
        planning_time: later.planning_time.map(planning),
        wal: later.wal.map(|wal| wal - earlier.wal.unwrap_or_default()),
        ..later.clone()
    }
}

fn spread(later: &StatementActivity, earlier: &StatementActivity) -> Option<Spread> {
    let of = |statement: &StatementActivity| {
        let StatementActivity { calls, total_time, spread, .. } = *statement;
        Some(Executions { calls, total_time, spread: spread? })
    };
    Spread::of_rest(&of(later)?, &of(earlier)?)
}

fn rest(later: Rest, earlier: Rest) -> Rest {
    Rest {
        calls: later.calls.saturating_sub(earlier.calls),
        total_time: Milliseconds((later.total_time.0 - earlier.total_time.0).max(0.0)),
    }
}

#[cfg(test)]
mod tests {
    use pgtailor_model::activity::Activity;
    use pgtailor_model::catalog::Catalog;
    use pgtailor_model::snapshot::{Capabilities, SNAPSHOT_VERSION, Server};
    use pgtailor_model::unit::Bytes;

    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(minute * 60).expect("an early minute")
    }

    fn statement(query_id: i64, calls: u64, total_time: f64) -> StatementActivity {
        StatementActivity {
            query_id,
            text: format!("SELECT {query_id}"),
            calls,
            total_time: Milliseconds(total_time),
            rows: Rows(calls),
            spread: None,
            blocks_accessed: Bytes(calls),
            blocks_read: Bytes(0),
            temp_written: Bytes(0),
            planning_time: None,
            wal: Some(Bytes(calls)),
            tags: BTreeMap::new(),
        }
    }

    /// A capture at `minute`, with counters of the statements since `since` and of the database since minute 0.
    fn captured(minute: i64, since: i64, active_time: f64, evicted: u64, statements: Vec<StatementActivity>) -> Snapshot {
        Snapshot {
            snapshot_version: SNAPSHOT_VERSION,
            captured_at: at(minute),
            server: Server {
                version: 150_018,
                version_text: "15.18".to_owned(),
                database: "shop".to_owned(),
                database_oid: 5,
                system_identifier: Some("1".to_owned()),
                block_size: 8192,
                in_recovery: false,
                started_at: Some(at(0)),
            },
            capabilities: Capabilities {
                role: "r".to_owned(),
                superuser: false,
                create_in_database: false,
                read_all_stats: true,
                read_all_settings: true,
                create_in_schemas: Vec::new(),
                extensions: BTreeMap::new(),
                available_extensions: BTreeMap::new(),
            },
            settings: BTreeMap::new(),
            catalog: Catalog::default(),
            activity: Activity {
                since: Some(at(0)),
                active_time: Some(Milliseconds(active_time)),
                statements: Statements::Recorded {
                    statements,
                    evicted: Some(evicted),
                    since: Some(at(since)),
                    utility: Rest { calls: calls(minute), total_time: Milliseconds(0.0) },
                    unseen: Rest::default(),
                },
                ..Activity::default()
            },
            planner: None,
            not_examined: Vec::new(),
        }
    }

    fn calls(minute: i64) -> u64 {
        u64::try_from(minute).expect("a late minute")
    }

    fn seen(window: &Window) -> Vec<(i64, u64, f64)> {
        window.statements.iter().map(|statement| (statement.query_id, statement.calls, statement.total_time.0)).collect()
    }

    #[test]
    fn counters_are_subtracted_and_idle_statements_left_out() {
        let earlier = captured(10, 1, 1000.0, 2, vec![statement(1, 100, 50.0), statement(2, 7, 7.0)]);
        let later = captured(20, 1, 1500.0, 2, vec![statement(1, 130, 80.0), statement(2, 7, 7.0), statement(3, 4, 2.0)]);
        let window = between(&earlier, &later);
        assert_eq!(seen(&window), [(1, 30, 30.0), (3, 4, 2.0)]);
        assert_eq!((window.active_time, window.evicted, window.since), (Ok(Milliseconds(500.0)), Some(0), Some(at(10))));
        assert_eq!((window.utility.calls, window.notes.len()), (10, 0));
        assert_eq!((window.statements[0].rows, window.statements[0].wal), (Rows(30), Some(Bytes(30))));
    }

    #[test]
    fn an_entry_that_was_forgotten_and_came_back_counts_from_its_return() {
        let earlier = captured(10, 1, 0.0, 0, vec![statement(1, 100, 50.0), statement(2, 9, 9.0)]);
        let later = captured(20, 1, 0.0, 50, vec![statement(1, 3, 2.0)]);
        let window = between(&earlier, &later);
        assert_eq!(seen(&window), [(1, 3, 2.0)]);
        assert_eq!(window.evicted, Some(50));
        assert!(window.notes[0].starts_with("2 statements were forgotten"), "{:?}", window.notes);
    }

    #[test]
    fn a_reset_begins_the_window_anew() {
        let earlier = captured(10, 1, 900.0, 7, vec![statement(1, 100, 50.0)]);
        let later = captured(20, 15, 1000.0, 0, vec![statement(1, 120, 60.0)]);
        let window = between(&earlier, &later);
        assert_eq!(seen(&window), [(1, 120, 60.0)]);
        assert_eq!((window.since, window.evicted), (Some(at(15)), Some(0)));
        assert!(window.notes[0].contains("was reset after the earlier capture"));
    }

    #[test]
    fn captures_of_other_databases_are_refused() {
        let earlier = captured(10, 1, 0.0, 0, vec![statement(1, 100, 50.0)]);
        let mut later = captured(20, 1, 0.0, 0, vec![statement(1, 120, 60.0)]);
        later.server.database_oid = 6;
        let window = between(&earlier, &later);
        assert_eq!(seen(&window), [(1, 120, 60.0)]);
        assert!(window.notes[0].contains("another database"));
    }

    #[test]
    fn a_database_whose_counters_are_younger_has_no_whole() {
        let mut snapshot = captured(20, 5, 100.0, 3, Vec::new());
        assert!(whole(&snapshot).active_time.is_ok());
        snapshot.activity.since = Some(at(6));
        assert_eq!(whole(&snapshot).active_time, Err(OTHER_PERIOD));
    }
}

//! The statements that `pg_stat_statements` recorded for this database, or the one reason why there are none.

use jiff::Timestamp;
use pgtailor_model::activity::{Rest, StatementActivity, Statements};
use pgtailor_model::name::quote_identifier;
use pgtailor_model::snapshot::{Capabilities, Extension, NotExamined, Server, Setting};
use pgtailor_model::spread::Spread;
use pgtailor_model::unit::{Bytes, Milliseconds, Rows};
use std::collections::BTreeMap;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tokio_postgres::{Row, Transaction};

use super::query::{attempt, count};
use super::statement_text::{MARKER, kept_text};
use crate::error::Error;

const EXTENSION: &str = "pg_stat_statements";

/// What the server shows in place of a text that this role may not read.
const HIDDEN: &str = "<insufficient privilege>";

/// Reads at most `limit` statements by total time. Which columns there are depends on the extension's version, not on the server's.
pub(super) async fn read_statements(
    transaction: &mut Transaction<'_>,
    server: &Server,
    capabilities: &Capabilities,
    settings: &BTreeMap<String, Setting>,
    limit: usize,
    not_examined: &mut Vec<NotExamined>,
) -> Result<Statements, Error> {
    let Some(extension) = capabilities.extensions.get(EXTENSION) else { return Ok(not_installed(capabilities, settings)) };
    let version = Version::parse(&extension.version);
    let mut found = Found::default();
    let parameters: &[(&(dyn tokio_postgres::types::ToSql + Sync), Type)] = &[(&server.database_oid, Type::OID)];
    let outcome = attempt(transaction, "read the recorded statements", &query(extension, version), parameters, |row| {
        let entries = count(row, "entries");
        let (calls, total_time) = (count(row, "calls"), Milliseconds(row.get("total_time")));
        let bytes = |blocks: &str| Bytes(count(row, blocks).saturating_mul(u64::from(server.block_size)));
        let text: Option<&str> = row.get("text");
        let query_id: Option<i64> = row.get("query_id");
        let rest = match (query_id, text) {
            (_, Some(HIDDEN)) | (None, _) => {
                found.hidden += entries;
                &mut found.unseen
            }
            (_, None) => {
                found.lost += entries;
                &mut found.unseen
            }
            // What we ask ourselves is no work of the application's.
            (_, Some(text)) if text.contains(MARKER) => return,
            (Some(query_id), Some(text)) => match kept_text(text) {
                None => &mut found.utility,
                Some(_) if found.statements.len() >= limit => &mut found.unseen,
                Some(kept) => {
                    found.statements.push(StatementActivity {
                        query_id,
                        text: kept,
                        calls,
                        total_time,
                        rows: Rows(count(row, "rows")),
                        spread: spread(row),
                        blocks_accessed: bytes("blocks"),
                        blocks_read: bytes("blocks_read"),
                        temp_written: bytes("temp_written"),
                        planning_time: row.get::<_, Option<f64>>("planning_time").map(Milliseconds),
                        wal: row.get::<_, Option<i64>>("wal").and_then(|bytes| u64::try_from(bytes).ok()).map(Bytes),
                        tags: pgtailor_sql::tags(text),
                    });
                    return;
                }
            },
        };
        rest.calls += calls;
        rest.total_time.0 += total_time.0;
    })
    .await?;
    if let Err(state) = outcome {
        return Ok(refused(&state, extension, capabilities));
    }
    if let Some(why) = why_nothing(&found, capabilities, settings) {
        return Ok(why);
    }
    not_examined.extend(left_out(&found, capabilities));
    let (evicted, since) = read_info(transaction, extension, version).await?;
    Ok(Statements::Recorded { statements: found.statements, evicted, since, utility: found.utility, unseen: found.unseen })
}

#[derive(Default)]
struct Found {
    statements: Vec<StatementActivity>,
    /// Entries of other roles.
    hidden: u64,
    /// Entries whose text the server could not keep.
    lost: u64,
    /// Statements that are dropped.
    utility: Rest,
    /// Statements that could not be kept.
    unseen: Rest,
}

/// Major and minor version of the extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Version(u32, u32);

impl Version {
    fn parse(text: &str) -> Self {
        let mut numbers = text.split('.').map(|part| part.parse().unwrap_or(0));
        Self(numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
    }
}

/// How the times of executions differ. The longest is 0 after a reset of the extremes alone (version 1.11), when nothing ran since.
fn spread(row: &Row) -> Option<Spread> {
    let deviation = row.get::<_, Option<f64>>("deviation").map(Milliseconds)?;
    Some(Spread { deviation, longest: row.get::<_, Option<f64>>("longest").map(Milliseconds) })
}

/// One row a `queryid`: the same statement of several roles, or called within functions as well, is one statement here. Entries without
/// the right to see have no `queryid` and are one row, too. Deviations are pooled: the mean of squares less the square of the mean.
fn query(extension: &Extension, version: Version) -> String {
    let time = if version >= Version(1, 8) { "exec_time" } else { "time" };
    // Planning is counted only while `track_planning` is on, and then it is never nothing.
    let (planning_time, wal) = if version >= Version(1, 8) {
        ("nullif(sum(s.total_plan_time), 0)::float8", "least(sum(s.wal_bytes), 9223372036854775807)::int8")
    } else {
        ("NULL::float8", "NULL::int8")
    };
    format!(
        "SELECT /* pgtailor */ s.queryid AS query_id, min(s.query) AS text, count(*) AS entries, sum(s.calls)::int8 AS calls,
       sum(s.total_{time})::float8 AS total_time, sum(s.rows)::int8 AS rows, nullif(max(s.max_{time}), 0)::float8 AS longest,
       CASE WHEN sum(s.calls) > 0 THEN sqrt(greatest(0, sum(s.calls * (s.stddev_{time} ^ 2 + s.mean_{time} ^ 2)) / sum(s.calls)::float8
         - (sum(s.total_{time}) / sum(s.calls)::float8) ^ 2)) END::float8 AS deviation,
       sum(s.shared_blks_hit + s.shared_blks_read)::int8 AS blocks, sum(s.shared_blks_read)::int8 AS blocks_read,
       sum(s.temp_blks_written)::int8 AS temp_written, {planning_time} AS planning_time, {wal} AS wal
  FROM {}.pg_stat_statements s
 WHERE s.dbid = $1
 GROUP BY s.queryid
 ORDER BY sum(s.total_{time}) DESC, s.queryid",
        quote_identifier(&extension.schema)
    )
}

/// How many entries were evicted, and since when; the view came with 1.9. What it does not say stays unknown.
async fn read_info(
    transaction: &mut Transaction<'_>,
    extension: &Extension,
    version: Version,
) -> Result<(Option<u64>, Option<Timestamp>), Error> {
    if version < Version(1, 9) {
        return Ok((None, None));
    }
    let sql = format!(
        "SELECT /* pgtailor */ i.dealloc AS evicted, i.stats_reset AS since FROM {}.pg_stat_statements_info i",
        quote_identifier(&extension.schema)
    );
    let mut info = (None, None);
    let outcome = attempt(transaction, "read since when statements are recorded", &sql, &[], |row| {
        info = (Some(count(row, "evicted")), row.get("since"));
    })
    .await?;
    Ok(if outcome.is_ok() { info } else { (None, None) })
}

fn unavailable(reason: impl Into<String>, remedy: impl Into<String>) -> Statements {
    Statements::Unavailable { reason: reason.into(), remedy: remedy.into() }
}

fn not_installed(capabilities: &Capabilities, settings: &BTreeMap<String, Setting>) -> Statements {
    if !capabilities.available_extensions.contains_key(EXTENSION) {
        return unavailable(
            "pg_stat_statements is not installed on the server's machine",
            "install the server's contrib package, add pg_stat_statements to shared_preload_libraries, restart the server, and run \
             CREATE EXTENSION pg_stat_statements",
        );
    }
    let preloaded = settings.get("shared_preload_libraries").map(|setting| setting.value.contains(EXTENSION));
    let remedy = match preloaded {
        Some(true) => "run CREATE EXTENSION pg_stat_statements in this database",
        Some(false) => {
            "add pg_stat_statements to shared_preload_libraries, restart the server, and run CREATE EXTENSION pg_stat_statements in \
             this database"
        }
        None => {
            "run CREATE EXTENSION pg_stat_statements in this database; it must also be in shared_preload_libraries, which this role \
             cannot see"
        }
    };
    unavailable("the extension pg_stat_statements is not installed in this database", remedy)
}

fn refused(state: &SqlState, extension: &Extension, capabilities: &Capabilities) -> Statements {
    let schema = quote_identifier(&extension.schema);
    let role = quote_identifier(&capabilities.role);
    if *state == SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE {
        unavailable(
            "pg_stat_statements is installed but not loaded by the server",
            "add pg_stat_statements to shared_preload_libraries and restart the server",
        )
    } else if *state == SqlState::INSUFFICIENT_PRIVILEGE {
        unavailable(
            format!("the role {role} may not read {schema}.pg_stat_statements"),
            format!("GRANT USAGE ON SCHEMA {schema} TO {role}; GRANT SELECT ON {schema}.pg_stat_statements TO {role}"),
        )
    } else if *state == SqlState::QUERY_CANCELED {
        unavailable(
            "reading pg_stat_statements took longer than the time limit for one statement",
            "allow more time for one statement, or lower pg_stat_statements.max",
        )
    } else {
        unavailable(
            format!("pg_stat_statements {} refuses to be read, with SQLSTATE {}", extension.version, state.code()),
            "run ALTER EXTENSION pg_stat_statements UPDATE",
        )
    }
}

/// Why no statement can be shown, when none can.
fn why_nothing(found: &Found, capabilities: &Capabilities, settings: &BTreeMap<String, Setting>) -> Option<Statements> {
    if !found.statements.is_empty() {
        return None;
    }
    let set_to = |name: &str, value: &str| settings.get(name).is_some_and(|setting| setting.value == value);
    if found.hidden > 0 {
        let role = quote_identifier(&capabilities.role);
        return Some(unavailable(
            format!("the role {role} may not see the statements of other roles ({} entries)", found.hidden),
            format!("GRANT pg_read_all_stats TO {role}"),
        ));
    }
    Some(if found.lost > 0 {
        unavailable(
            format!("the server has lost the texts of its {} recorded statements", found.lost),
            "lower pg_stat_statements.max or free space on the server's disk, and run SELECT pg_stat_statements_reset()",
        )
    } else if set_to("compute_query_id", "off") {
        unavailable("compute_query_id is off, so that no statement is recorded", "set compute_query_id to auto")
    } else if set_to("pg_stat_statements.track", "none") {
        unavailable("pg_stat_statements.track is none, so that no statement is recorded", "set pg_stat_statements.track to top")
    } else {
        unavailable(
            "pg_stat_statements has recorded no statement of an application in this database yet",
            "let the application run for a while and capture again",
        )
    })
}

fn left_out(found: &Found, capabilities: &Capabilities) -> Vec<NotExamined> {
    let mut left_out = Vec::new();
    if found.hidden > 0 {
        left_out.push(NotExamined {
            object: format!("{} recorded statements", found.hidden),
            reason: format!(
                "they belong to other roles; `GRANT pg_read_all_stats TO {}` would help",
                quote_identifier(&capabilities.role)
            ),
        });
    }
    if found.lost > 0 {
        left_out.push(NotExamined {
            object: format!("{} recorded statements", found.lost),
            reason: "the server has lost their texts".to_owned(),
        });
    }
    left_out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_follow_the_version_of_the_extension() {
        let extension = |version: &str| Extension { schema: "My Schema".to_owned(), version: version.to_owned() };
        let old = query(&extension("1.7"), Version::parse("1.7"));
        assert!(old.contains("s.total_time") && !old.contains("total_exec_time"));
        let new = query(&extension("1.10"), Version::parse("1.10"));
        assert!(new.contains("s.total_exec_time") && new.contains("\"My Schema\".pg_stat_statements"));
        assert!(Version::parse("1.10") > Version::parse("1.9"));
    }
    #[test]
    fn each_cause_has_its_own_words() {
        let capabilities = Capabilities {
            role: "Re ader".to_owned(),
            superuser: false,
            create_in_database: false,
            read_all_stats: false,
            read_all_settings: false,
            create_in_schemas: Vec::new(),
            extensions: BTreeMap::new(),
            available_extensions: BTreeMap::new(),
        };
        let found = |hidden, lost| Found { hidden, lost, ..Found::default() };
        let mut settings = BTreeMap::new();
        let Some(Statements::Unavailable { reason, remedy }) = why_nothing(&found(7, 1), &capabilities, &settings) else {
            panic!("nothing was found")
        };
        assert!(reason.contains("statements of other roles (7 entries)"), "{reason}");
        assert_eq!(remedy, "GRANT pg_read_all_stats TO \"Re ader\"");
        let why = |found: &Found, settings: &_| format!("{:?}", why_nothing(found, &capabilities, settings));
        assert!(why(&found(0, 3), &settings).contains("lost the texts of its 3"));
        assert!(why(&found(0, 0), &settings).contains("no statement of an application"));
        let set = |value: &str| Setting { value: value.to_owned(), unit: None, source: "default".to_owned() };
        settings.insert("pg_stat_statements.track".to_owned(), set("none"));
        assert!(why(&found(0, 0), &settings).contains("track is none"));
        settings.insert("compute_query_id".to_owned(), set("off"));
        assert!(why(&found(0, 0), &settings).contains("compute_query_id is off"));
    }
}

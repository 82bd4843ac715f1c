//! Real executions that `pg_qualstats` remembers: one example of each statement, with its constants.
//!
//! One execution is a lottery where values are skewed, and says what nothing else does: which state is asked for, how long a page is,
//! whether a pattern begins with a wildcard. The examples are personal data as they come: they go to the collector, which takes the values
//! out, and nowhere else.
//!
//! Limits: an example of a statement that was sent with parameters holds `$n` and no values; the extension keeps no examples of
//! statements that it forgot (`pg_qualstats.max`), and cuts long ones.

use pgtailor_model::name::{printable, quote_identifier};
use pgtailor_model::unit::Milliseconds;
use pgtailor_sql::{Collector, Kind, Observation, Values, fingerprint};

use crate::error::Error;
use crate::session::ReadOnlySession;

/// Schemas of the two extensions; no row when one of them is not there.
const EXTENSIONS: &str = "\
SELECT /* pgtailor */ q.nspname::text AS examples_schema, s.nspname::text AS statements_schema
  FROM pg_extension e JOIN pg_namespace q ON q.oid = e.extnamespace,
       pg_extension f JOIN pg_namespace s ON s.oid = f.extnamespace
 WHERE e.extname = 'pg_qualstats' AND f.extname = 'pg_stat_statements'";

/// What there was of examples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Examples {
    /// `pg_qualstats` and `pg_stat_statements` are not both installed in this database.
    NotInstalled,
    /// They are, and the server refused: why, as a sentence without a period.
    Refused(String),
    /// So many statements got an example.
    Added(usize),
}

/// Adds the examples of this database's recorded statements to `collector`, as executions that count for nothing but their values.
///
/// # Errors
/// [`Error`] when the session is lost.
pub async fn add_examples(session: &ReadOnlySession, collector: &mut Collector) -> Result<Examples, Error> {
    const DOING: &str = "read the examples of pg_qualstats";
    let client = &session.client;
    let failed = |error| Error::query(DOING, error);
    let Some(row) = client.query_typed_opt(EXTENSIONS, &[]).await.map_err(failed)? else { return Ok(Examples::NotInstalled) };
    let (examples, statements): (&str, &str) = (row.get("examples_schema"), row.get("statements_schema"));
    // Examples are of all databases; those of this one are known by the statements' counters.
    let sql = format!(
        "SELECT /* pgtailor */ q.query FROM {}.pg_qualstats_example_queries() q
          WHERE q.query IS NOT NULL AND q.queryid IN
                (SELECT s.queryid FROM {}.pg_stat_statements(false) s, pg_database d
                  WHERE d.datname = current_database() AND s.dbid = d.oid)",
        quote_identifier(examples),
        quote_identifier(statements)
    );
    let rows = match client.query_typed(&sql, &[]).await {
        Ok(rows) => rows,
        Err(error) => match error.code() {
            Some(state) => {
                let reason = format!("the examples of pg_qualstats cannot be read (SQLSTATE {})", state.code());
                return Ok(Examples::Refused(printable(&reason)));
            }
            None => return Err(failed(error)),
        },
    };
    // Cut texts and utility statements are no examples; to leave them out here keeps them from being counted as unreadable.
    let texts: Vec<&str> =
        rows.iter().filter_map(|row| row.try_get::<_, &str>(0).ok()).filter(|text| fingerprint(text).is_some()).collect();
    collector.fill(|filling| {
        for text in &texts {
            let observation = Observation {
                text,
                values: Values::Known(&|| Some(Vec::new())),
                calls: 0,
                total_time: Milliseconds(0.0),
                spread: None,
                rows: None,
                planning_time: None,
                wal: None,
                blocks_read: None,
                temp_written: None,
                tags: None,
                place: &|| "an example of pg_qualstats".to_owned(),
            };
            filling.add(Kind::Sampling, &observation);
        }
    });
    Ok(Examples::Added(texts.len()))
}

//! Values for the parameters of every statement of a workload.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use pgtailor_model::binding::{Parameter, Role};
use pgtailor_model::catalog::Catalog;
use pgtailor_model::name::Oid;
use pgtailor_model::unit::count_as_f64;
use pgtailor_model::workload::{Query, Workload};
use pgtailor_workload::draw::{Columns, DrawOptions, Request, draw};

use super::refusal::Refusal;
use super::trust::{ForeignCode, Trust};
use super::types::{Prepared, Typed, tables, typed};
use super::{path, values};
use crate::error::Error;
use crate::session::ReadOnlySession;

/// How to bind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BindOptions {
    /// How many values to draw for each statement.
    pub draw: DrawOptions,
    /// What to do with statements that could call code from outside `pg_catalog` while they are read, in a session with power over others.
    /// Only texts with string constants can, and normalized ones have none.
    pub foreign_code: ForeignCode,
    /// What `now()` was when the workload was recorded; `None` for the server's clock.
    pub now: Option<Timestamp>,
}

/// What became of the statements of a workload; each is in exactly one of `prepared` and `refused`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BindReport {
    /// By fingerprint, the statements as the server accepts them.
    pub prepared: BTreeMap<String, Prepared>,
    /// Fingerprints of statements that the server does not accept, with the reason, in the order of the workload.
    pub refused: Vec<(String, Refusal)>,
    /// Fingerprints of statements that the server accepts and that have no bindings, with the reason: only their generic plans are known.
    pub unbound: Vec<(String, String)>,
    /// What was not there for the workload as a whole, each with what to do, as sentences without a period.
    pub notes: Vec<String>,
}

/// Fills the bindings of `workload`'s queries.
///
/// Bindings that were observed stay, with most of the weight; the others are replaced by draws from the statistics of the columns that the
/// parameters are compared with. Nothing is planned. `search_path` holds the schemas in which the statements' names were found, as
/// `current_schemas(false)` lists them. A call that is dropped half-way leaves them in the session: then drop the session as well.
///
/// # Errors
/// [`Error`] when the session is lost, or does not hold a setting. What the server says about a single statement is in the report.
pub async fn bind(
    session: &mut ReadOnlySession,
    workload: &mut Workload,
    catalog: &Catalog,
    search_path: &[String],
    options: &BindOptions,
) -> Result<BindReport, Error> {
    let version = session.version();
    let client = &session.client;
    let tables = tables(catalog);
    let statements: Vec<(&str, &[Parameter])> =
        workload.queries.iter().map(|query| (query.text.as_str(), query.parameters.as_slice())).collect();
    let trust = Trust::read(client, options.foreign_code).await?;
    let typed = path::under(client, search_path, typed(client, version, &trust, &statements, &tables)).await?;
    client.clear_type_cache();
    let wanted = workload.queries.iter().flat_map(|query| &query.parameters).filter_map(|parameter| column_of(&parameter.role));
    let values = values::read(client, &wanted.collect::<BTreeSet<_>>(), &tables).await?;
    let now = match options.now {
        Some(now) => now,
        None => server_time(client).await?,
    };

    let mut report = BindReport { notes: notes(&values, workload), ..BindReport::default() };
    for (query, typed) in workload.queries.iter_mut().zip(typed) {
        match typed {
            Ok(typed) => fill(query, typed, &values.columns, now, options.draw, &mut report),
            Err(refusal) => report.refused.push((query.fingerprint.clone(), refusal)),
        }
    }
    Ok(report)
}

fn fill(query: &mut Query, typed: Typed, columns: &Columns, now: Timestamp, options: DrawOptions, report: &mut BindReport) {
    let parameters = complete(&query.parameters, typed.types.len());
    let request = Request {
        fingerprint: &query.fingerprint,
        parameters: &parameters,
        types: &typed.types,
        columns,
        rows_per_call: query.rows.filter(|_| query.calls > 0).map(|rows| rows.as_f64() / count_as_f64(query.calls)),
        now,
        observed: &query.bindings,
    };
    match draw(&request, options) {
        Ok(bindings) => query.bindings = bindings,
        Err(nothing) => {
            query.bindings.clear();
            let reason = format!("no usual value of type {} is known for ${}", nothing.type_name, nothing.parameter);
            report.unbound.push((query.fingerprint.clone(), reason));
        }
    }
    report.prepared.insert(query.fingerprint.clone(), typed.prepared);
}

/// As many parameters as the server counts, `$1` first; what the text did not tell is free.
fn complete(known: &[Parameter], count: usize) -> Vec<Parameter> {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    let free = |number| Parameter { number, role: Role::Free, cast: None };
    (1..=count).map(|number| known.iter().find(|known| known.number == number).cloned().unwrap_or_else(|| free(number))).collect()
}

/// The column whose values a parameter may get.
fn column_of(role: &Role) -> Option<(Oid, String)> {
    match role {
        Role::Compared { table, column, .. }
        | Role::Pattern { table, column, .. }
        | Role::Assigned { table, column }
        | Role::DocumentKey { table, column } => Some((*table, column.clone())),
        _ => None,
    }
}

/// What the statistics did not give of columns whose values matter; what is written to a column does not.
fn notes(values: &values::Values, workload: &Workload) -> Vec<String> {
    let parameters = || workload.queries.iter().flat_map(|query| &query.parameters);
    let matters = |parameter: &&Parameter| !matches!(parameter.role, Role::Assigned { .. });
    let asked: BTreeSet<(Oid, String)> =
        parameters().filter(matters).filter_map(|parameter| column_of(&parameter.role)).collect();
    let (hidden, unknown) = (asked.intersection(&values.hidden).count(), asked.intersection(&values.unknown).count());
    let mut notes = Vec::new();
    if hidden > 0 {
        notes.push(format!(
            "values of {hidden} columns are assumed, because this role may not read their statistics; grant it pg_read_all_data, or \
             SELECT on their tables"
        ));
    }
    if unknown > 0 {
        notes.push(format!(
            "values of {unknown} columns are assumed, because they have no statistics; ANALYZE their tables, unless their type has none"
        ));
    }
    notes
}

async fn server_time(client: &tokio_postgres::Client) -> Result<Timestamp, Error> {
    let row = client.query_typed_one("SELECT /* pgtailor */ now()", &[]).await;
    row.and_then(|row| row.try_get(0)).map_err(|error| Error::query("read the server's clock", error))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use pgtailor_lab::{Lab, LabOptions};

    use super::*;
    use crate::connect::{ConnectionInput, Database};
    use crate::planning::{PlanOptions, Question, plan_costs};
    use crate::session;

    #[tokio::test]
    async fn nothing_stays_in_the_session() {
        let lab = Lab::start(&LabOptions::new()).expect("a local server");
        let input = ConnectionInput {
            database: Some(lab.url("postgres")),
            environment: BTreeMap::new(),
            home: None,
            local_user: String::new(),
        };
        let database = Database::resolve(&input).expect("the lab's URL is valid");
        let mut session = ReadOnlySession::connect(&database).await.expect("a session");
        let text = "SELECT relname FROM pg_class WHERE relname = $1 OR relname = $2::nothing";
        let good = "SELECT relname FROM pg_class WHERE relname = $1";
        let query = |text: &str| Query { fingerprint: text.to_owned(), text: text.to_owned(), ..Query::default() };
        let mut workload = Workload { queries: vec![query(text), query(good)], ..Workload::default() };
        let path = ["public".to_owned(), "pg_temp".to_owned()];
        let report = bind(&mut session, &mut workload, &Catalog::default(), &path, &BindOptions::default()).await.expect("bound");
        assert_eq!((report.refused.len(), report.prepared.len()), (1, 1));
        let binding = workload.queries[1].bindings.first();
        let question = |binding| Question { statement: &report.prepared[good], binding };
        let costs = plan_costs(&mut session, &[question(binding), question(None)], &path, PlanOptions::default()).await;
        assert!(costs.expect("planned").iter().all(Result::is_ok));

        assert_eq!(session::show(&session.client, "search_path").await.expect("shown"), "pg_catalog, pg_temp");
        assert_eq!(session::show(&session.client, "plan_cache_mode").await.expect("shown"), "auto");
        let left = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%relname%' OR name LIKE 'pgtailor%'";
        let count: i64 = session.client.query_typed_one(left, &[]).await.expect("counted").get(0);
        assert_eq!(count, 0);
    }
}

//! Data of extended statistics that nobody collected: number of combinations and functional dependencies, as whoever asks knows them.
//!
//! Layouts as in `statistics_ext`: `mvdistinct.c` and `dependencies.c`.

use std::collections::BTreeMap;

use pgtailor_model::name::{Oid, quote_literal};
use pgtailor_model::unit::count_as_f64;
use pgtailor_model::what_if::CandidateStatistics;
use pgtailor_postgres::lab_session::LabSession;

use crate::error::TwinError;
use crate::statistics_ext::hex;

/// `STATS_NDISTINCT_MAGIC`, `STATS_DEPS_MAGIC` and their types in `statistics.h`.
const DISTINCT: [u32; 2] = [0xA352_BFA4, 1];
const DEPENDENCIES: [u32; 2] = [0xB454_9A2C, 1];

/// Writes the data of `candidate` for the object `oid`.
pub(crate) async fn fill(
    superuser: &LabSession,
    server_version: u32,
    oid: Oid,
    candidate: &CandidateStatistics,
) -> Result<Result<(), String>, TwinError> {
    let doing = "write candidate statistics";
    let names: Vec<String> = candidate.columns.iter().map(|name| quote_literal(name)).collect();
    let found = superuser
        .rows(
            doing,
            &format!(
                "SELECT a.attname, a.attnum::text FROM pg_catalog.pg_statistic_ext s JOIN pg_catalog.pg_attribute a ON a.attrelid = s.stxrelid
                  WHERE s.oid = {} AND a.attname IN ({})",
                oid.0,
                names.join(", ")
            ),
        )
        .await?;
    let numbers: BTreeMap<&str, i16> =
        found.iter().filter_map(|row| Some((row.first()?.as_deref()?, row.get(1)?.as_deref()?.parse().ok()?))).collect();
    let Some((distinct, dependencies)) = data(candidate, &numbers) else {
        return Ok(Err("the statistics name a column that the twin does not have".to_owned()));
    };
    empty(superuser, oid).await?;
    let value = |bytes: Option<Vec<u8>>, of: &str| {
        bytes.map_or("NULL".to_owned(), |bytes| format!("decode('{}', 'hex')::{of}", hex(&bytes)))
    };
    let (inherit_name, inherit_value) = if server_version >= 150_000 { (", stxdinherit", ", false") } else { ("", "") };
    let sql = format!(
        "BEGIN; CREATE CAST (bytea AS pg_ndistinct) WITHOUT FUNCTION; CREATE CAST (bytea AS pg_dependencies) WITHOUT FUNCTION;
         INSERT INTO pg_catalog.pg_statistic_ext_data (stxoid, stxdndistinct, stxddependencies{inherit_name}) VALUES ({}, {}, {}{inherit_value});
         DROP CAST (bytea AS pg_ndistinct); DROP CAST (bytea AS pg_dependencies); COMMIT",
        oid.0,
        value(distinct, "pg_ndistinct"),
        value(dependencies, "pg_dependencies")
    );
    superuser.run(doing, &sql).await?;
    refresh(superuser, oid).await?;
    Ok(Ok(()))
}

/// Takes the data of the object away.
pub(crate) async fn empty(superuser: &LabSession, oid: Oid) -> Result<(), TwinError> {
    let sql = format!("DELETE FROM pg_catalog.pg_statistic_ext_data WHERE stxoid = {}", oid.0);
    superuser.run("take candidate statistics away", &sql).await?;
    refresh(superuser, oid).await
}

/// Sessions learn of a table's extended statistics when its row in `pg_class` changes.
async fn refresh(superuser: &LabSession, oid: Oid) -> Result<(), TwinError> {
    let sql = format!(
        "UPDATE pg_catalog.pg_class c SET relpages = c.relpages FROM pg_catalog.pg_statistic_ext s WHERE s.oid = {} AND c.oid = s.stxrelid",
        oid.0
    );
    Ok(superuser.run("announce candidate statistics", &sql).await?)
}

/// The binary lists; `None` when a column is not known.
type Data = (Option<Vec<u8>>, Option<Vec<u8>>);

fn data(candidate: &CandidateStatistics, numbers: &BTreeMap<&str, i16>) -> Option<Data> {
    let mut all = candidate.columns.iter().map(|name| numbers.get(name.as_str()).copied()).collect::<Option<Vec<i16>>>()?;
    all.sort_unstable();
    let distinct = candidate.combinations.map(|combinations| {
        let mut bytes = header(DISTINCT, 1);
        bytes.extend(count_as_f64(combinations).to_le_bytes());
        bytes.extend(u32::try_from(all.len()).unwrap_or_default().to_le_bytes());
        bytes.extend(all.iter().flat_map(|number| number.to_le_bytes()));
        bytes
    });
    if candidate.dependencies.is_empty() {
        return Some((distinct, None));
    }
    let mut bytes = header(DEPENDENCIES, u32::try_from(candidate.dependencies.len()).ok()?);
    for dependency in &candidate.dependencies {
        bytes.extend((f64::from(dependency.per_mille) / 1000.0).to_le_bytes());
        bytes.extend(2_i16.to_le_bytes());
        for name in [&dependency.from, &dependency.to] {
            bytes.extend(numbers.get(name.as_str())?.to_le_bytes());
        }
    }
    Some((distinct, Some(bytes)))
}

fn header(kind: [u32; 2], items: u32) -> Vec<u8> {
    [kind[0], kind[1], items].iter().flat_map(|number| number.to_le_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use pgtailor_model::what_if::Dependency;

    use super::*;

    #[test]
    fn columns_stand_in_the_order_of_their_numbers() {
        let candidate = CandidateStatistics {
            table: Oid(1),
            columns: vec!["b".to_owned(), "a".to_owned()],
            combinations: Some(7),
            dependencies: BTreeSet::from([Dependency { from: "b".to_owned(), to: "a".to_owned(), per_mille: 500 }]),
        };
        let numbers = BTreeMap::from([("a", 1), ("b", 4)]);
        let (distinct, dependencies) = data(&candidate, &numbers).expect("both columns are known");
        let distinct = distinct.expect("combinations are known");
        assert_eq!(&distinct[12..20], 7.0_f64.to_le_bytes());
        assert_eq!(&distinct[20..], [2, 0, 0, 0, 1, 0, 4, 0]);
        assert_eq!(&dependencies.expect("there is one")[20..], [2, 0, 4, 0, 1, 0]);
        assert_eq!(data(&candidate, &BTreeMap::from([("a", 1)])), None);
    }
}

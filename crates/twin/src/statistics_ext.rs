//! `pg_statistic_ext_data` of the twin. The lists are the server's own binary form, in which two kinds of numbers are the source's: those of
//! columns, which dropped columns shift, and identifiers of types and enum labels.
//!
//! Layouts: `statext_ndistinct_serialize` (`mvdistinct.c`), `statext_dependencies_serialize` (`dependencies.c`), `statext_mcv_serialize`
//! (`mcv.c`); the same in 13 to 18, little-endian.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use pgtailor_model::name::{Oid, quote_literal};
use pgtailor_model::planner::{ExtendedStatistic, Inexact, PlannerInputs};
use pgtailor_postgres::lab_session::LabSession;

use crate::error::TwinError;
use crate::statistics::{number_columns, slot_declarations, slot_expressions};

/// First identifier that is not the server's own (`FirstNormalObjectId` in `transam.h`).
const FIRST_OWN: u32 = 16_384;

/// Numbers of the twin for those of the source.
pub(crate) struct Renumbering<'a> {
    /// Columns of the object's table.
    columns: BTreeMap<i16, i16>,
    /// Types and labels of the whole database.
    oids: &'a BTreeMap<Oid, u32>,
}

/// Writes the data of extended statistics; their objects must be there.
pub(crate) async fn write(
    superuser: &LabSession,
    server_version: u32,
    inputs: &PlannerInputs,
    inexact: &mut Vec<Inexact>,
) -> Result<(), TwinError> {
    if inputs.extended.is_empty() {
        return Ok(());
    }
    let doing = "write extended statistics";
    let casts = ["pg_ndistinct", "pg_dependencies", "pg_mcv_list"]
        .map(|name| format!("CREATE CAST (bytea AS {name}) WITHOUT FUNCTION"))
        .join(";");
    superuser.run(doing, &casts).await?;
    let oids = own_oids(superuser, inputs).await?;
    for extended in &inputs.extended {
        if let Err(error) = write_one(superuser, server_version, extended, &oids).await? {
            inexact.push(Inexact {
                object: format!("extended statistics {}", extended.name),
                table: Some(extended.table),
                reason: error,
            });
        }
    }
    let drops = ["pg_ndistinct", "pg_dependencies", "pg_mcv_list"].map(|name| format!("DROP CAST (bytea AS {name})")).join(";");
    Ok(superuser.run(doing, &drops).await?)
}

/// The twin's identifiers of the source's types and enum labels.
async fn own_oids(superuser: &LabSession, inputs: &PlannerInputs) -> Result<BTreeMap<Oid, u32>, TwinError> {
    let doing = "find types";
    let mut oids = BTreeMap::new();
    let names =
        superuser.rows(doing, "SELECT t.oid::text, t.oid::regtype::text FROM pg_catalog.pg_type t WHERE t.oid >= 16384").await?;
    let by_name: BTreeMap<&str, u32> =
        names.iter().filter_map(|row| Some((row.get(1)?.as_deref()?, row.first()?.as_deref()?.parse().ok()?))).collect();
    oids.extend(inputs.types.iter().filter_map(|(oid, name)| Some((*oid, *by_name.get(name.as_str())?))));
    let sql = "SELECT e.oid::text, e.enumtypid::regtype::text, e.enumlabel FROM pg_catalog.pg_enum e";
    let labels = superuser.rows(doing, sql).await?;
    let by_label: BTreeMap<(&str, &str), u32> = labels
        .iter()
        .filter_map(|row| Some(((row.get(1)?.as_deref()?, row.get(2)?.as_deref()?), row.first()?.as_deref()?.parse().ok()?)))
        .collect();
    for (oid, label) in &inputs.labels {
        let of = inputs.types.get(&label.of).map(String::as_str).unwrap_or_default();
        oids.extend(by_label.get(&(of, label.label.as_str())).map(|own| (*oid, *own)));
    }
    Ok(oids)
}

async fn write_one(
    superuser: &LabSession,
    server_version: u32,
    extended: &ExtendedStatistic,
    oids: &BTreeMap<Oid, u32>,
) -> Result<Result<(), String>, TwinError> {
    let doing = "write extended statistics";
    let name = quote_literal(&extended.name.name);
    let schema = quote_literal(&extended.name.schema);
    let sql = format!(
        "SELECT s.oid::text, a.attnum::text, a.attname FROM pg_catalog.pg_statistic_ext s
           JOIN pg_catalog.pg_namespace n ON n.oid = s.stxnamespace
           LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = s.stxrelid AND a.attnum = ANY (s.stxkeys)
          WHERE s.stxname = {name} AND n.nspname = {schema}"
    );
    let found = superuser.rows(doing, &sql).await?;
    let Some(oid) = found.first().and_then(|row| row.first().cloned().flatten()) else {
        return Ok(Err("the object is not in the twin".to_owned()));
    };
    let numbers: BTreeMap<&str, i16> =
        found.iter().filter_map(|row| Some((row.get(2)?.as_deref()?, row.get(1)?.as_deref()?.parse().ok()?))).collect();
    let columns = extended.columns.iter().filter_map(|(number, name)| Some((*number, *numbers.get(name.as_str())?))).collect();
    let renumbering = Renumbering { columns, oids };

    let value = |bytes: Option<Vec<u8>>, of: &str| match bytes {
        Some(bytes) => format!("decode('{}', 'hex')::{of}", hex(&bytes)),
        None => "NULL".to_owned(),
    };
    let read = |text: &Option<String>| text.as_deref().map(|text| unhex(text).ok_or("its data are damaged"));
    let renumbered =
        |text: &Option<String>, how: fn(&mut [u8], &Renumbering<'_>) -> Option<()>| -> Result<Option<Vec<u8>>, String> {
            let Some(bytes) = read(text).transpose()? else { return Ok(None) };
            let mut bytes = bytes;
            how(&mut bytes, &renumbering).ok_or("its data name columns or types that the twin does not have")?;
            Ok(Some(bytes))
        };
    let parts = (|| {
        Ok::<_, String>([
            value(renumbered(&extended.distinct, distinct)?, "pg_ndistinct"),
            value(renumbered(&extended.dependencies, dependencies)?, "pg_dependencies"),
            value(renumbered(&extended.most_common, most_common)?, "pg_mcv_list"),
        ])
    })();
    let [distinct, dependencies, most_common] = match parts {
        Ok(parts) => parts,
        Err(reason) => return Ok(Err(reason)),
    };
    let expressions = expressions_sql(extended);
    let (stage, expressions) = match &expressions {
        Some(rows) => (
            format!(
                "CREATE TEMPORARY TABLE s (place int4, null_fraction float4, width int4, n_distinct float4 {}) ON COMMIT DROP; INSERT INTO s VALUES {rows};",
                slot_declarations()
            ),
            format!(
                "(SELECT array_agg(ROW(0::oid, 0::int2, false, s.null_fraction, s.width, s.n_distinct, {})::pg_catalog.pg_statistic ORDER BY s.place) FROM s)",
                slot_expressions()
            ),
        ),
        None => (String::new(), "NULL".to_owned()),
    };
    let (inherit_name, inherit_value) =
        if server_version >= 150_000 { (", stxdinherit", format!(", {}", extended.inherited)) } else { ("", String::new()) };
    let (expression_name, expression_value) =
        if server_version >= 140_000 { (", stxdexpr", format!(", {expressions}")) } else { ("", String::new()) };
    let sql = format!(
        "BEGIN; SET LOCAL allow_system_table_mods = on; {stage}
         DELETE FROM pg_catalog.pg_statistic_ext_data WHERE stxoid = {oid} {};
         INSERT INTO pg_catalog.pg_statistic_ext_data (stxoid, stxdndistinct, stxddependencies, stxdmcv{inherit_name}{expression_name})
         VALUES ({oid}, {distinct}, {dependencies}, {most_common}{inherit_value}{expression_value}); COMMIT",
        if server_version >= 150_000 { format!("AND stxdinherit = {}", extended.inherited) } else { String::new() }
    );
    if let Err(error) = superuser.run(doing, &sql).await {
        if error.is_connection_lost() {
            return Err(error.into());
        }
        superuser.run(doing, "ROLLBACK").await?;
        return Ok(Err(format!("the twin's server could not read its data (SQLSTATE {})", error.sqlstate().unwrap_or_default())));
    }
    Ok(Ok(()))
}

/// The rows of the expressions' statistics; `None` without any.
fn expressions_sql(extended: &ExtendedStatistic) -> Option<String> {
    let row = |(place, numbers): (usize, &_)| {
        let columns = number_columns(numbers);
        let values: Vec<String> =
            columns.into_iter().map(|column| column.map_or("NULL".to_owned(), |text| quote_literal(&text))).collect();
        format!("({place}, {})", values.join(", "))
    };
    let rows: Vec<String> = extended.expressions.iter().enumerate().map(row).collect();
    (!rows.is_empty()).then(|| rows.join(", "))
}

/// `magic, type, count, {ndistinct f64, columns i32, attnum i16 …} …`.
fn distinct(data: &mut [u8], renumbering: &Renumbering<'_>) -> Option<()> {
    let items = get(data, 8)?;
    let mut at = 12;
    for _ in 0..items {
        let columns = get(data, at + 8)?;
        at += 12;
        for _ in 0..columns {
            renumber_column(data, at, renumbering)?;
            at += 2;
        }
    }
    Some(())
}

/// `magic, type, count, {degree f64, columns i16, attnum i16 …} …`.
fn dependencies(data: &mut [u8], renumbering: &Renumbering<'_>) -> Option<()> {
    let items = get(data, 8)?;
    let mut at = 12;
    for _ in 0..items {
        let columns = i16::from_le_bytes(data.get(at + 8..at + 10)?.try_into().ok()?);
        at += 10;
        for _ in 0..columns {
            renumber_column(data, at, renumbering)?;
            at += 2;
        }
    }
    Some(())
}

/// `magic, type, items u32, dimensions u16, type u32 …, {values i32, bytes i32, aligned i32, typlen i32, byval u8, 3 spare} …`, then each
/// dimension's values: plain bytes for types of fixed length.
fn most_common(data: &mut [u8], renumbering: &Renumbering<'_>) -> Option<()> {
    let dimensions = usize::from(u16::from_le_bytes(data.get(12..14)?.try_into().ok()?));
    let types = 14;
    let infos = types + 4 * dimensions;
    let mut at = infos + 20 * dimensions;
    for dimension in 0..dimensions {
        let of = get(data, types + 4 * dimension)?;
        let info = infos + 20 * dimension;
        let (values, bytes) = (get(data, info)?, usize::try_from(get(data, info + 4)?).ok()?);
        if of >= FIRST_OWN {
            put(data, types + 4 * dimension, *renumbering.oids.get(&Oid(of))?)?;
        }
        // Labels of an enum are identifiers.
        let is_labels = of >= FIRST_OWN && get(data, info + 12)? == 4 && usize::try_from(values).ok()?.checked_mul(4)? == bytes;
        let own = |number: u32| renumbering.oids.get(&Oid(number)).copied();
        let numbers: Vec<usize> = (0..bytes / 4).map(|n| at + 4 * n).collect();
        if is_labels && numbers.iter().all(|place| get(data, *place).is_some_and(|number| own(number).is_some())) {
            for place in numbers {
                let number = get(data, place)?;
                put(data, place, own(number)?)?;
            }
        }
        at += bytes;
    }
    Some(())
}

/// Expressions have negative numbers, which stay.
fn renumber_column(data: &mut [u8], at: usize, renumbering: &Renumbering<'_>) -> Option<()> {
    let number = i16::from_le_bytes(data.get(at..at + 2)?.try_into().ok()?);
    if number > 0 {
        data[at..at + 2].copy_from_slice(&renumbering.columns.get(&number)?.to_le_bytes());
    }
    Some(())
}

fn get(data: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(data.get(at..at + 4)?.try_into().ok()?))
}

fn put(data: &mut [u8], at: usize, value: u32) -> Option<()> {
    data.get_mut(at..at + 4)?.copy_from_slice(&value.to_le_bytes());
    Some(())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_get_the_twins_numbers_and_expressions_keep_theirs() {
        let oids = BTreeMap::new();
        let renumbering = Renumbering { columns: BTreeMap::from([(3, 2)]), oids: &oids };
        let mut data = unhex("a352bfa40100000001000000").expect("even");
        data.extend(7.0_f64.to_le_bytes());
        data.extend(2_i32.to_le_bytes());
        data.extend((-1_i16).to_le_bytes());
        data.extend(3_i16.to_le_bytes());
        distinct(&mut data, &renumbering).expect("two columns");
        assert_eq!(&data[24..], [0xff, 0xff, 2, 0]);
        let nothing = Renumbering { columns: BTreeMap::new(), oids: &oids };
        assert_eq!(distinct(&mut data, &nothing), None);
        data.truncate(20);
        assert_eq!(distinct(&mut data, &renumbering), None);
    }

    #[test]
    fn hexadecimal_digits_are_read_and_written() {
        assert_eq!(unhex("00ff1a").map(|bytes| hex(&bytes)).as_deref(), Some("00ff1a"));
        assert_eq!(unhex("0"), None);
        assert_eq!(unhex("zz"), None);
    }
}

//! Statistics of a candidate's expressions, made from those of the column that they are computed from.
//!
//! The source would have them after `ANALYZE`. Here the expression is computed, by the owner, for every value that the column's statistics
//! know: most common values keep their shares and are added up where they become equal, bounds of the histogram stay bounds. Right for
//! expressions over one column; over several, or none, the planner's defaults stay.

use std::collections::BTreeMap;

use pgtailor_model::index::{IndexDefinition, KeyPart};
use pgtailor_model::name::{Oid, quote_identifier, quote_literal};
use pgtailor_model::planner::{Relation, StatisticColumn, StatisticNumbers, slot_kind};
use pgtailor_postgres::lab_session::{LabSession, TextRow};
use pgtailor_postgres::sizing::mentions;

use crate::error::TwinError;
use crate::raise::Twin;

/// Writes the statistics of each expression of `definition` for the index `index` over `table`.
pub(crate) async fn write(
    superuser: &LabSession,
    owner: &LabSession,
    twin: &Twin,
    table: &Relation,
    index: Oid,
    definition: &IndexDefinition,
) -> Result<(), TwinError> {
    for (at, key) in definition.keys.iter().enumerate() {
        let KeyPart::Expression(text) = &key.part else { continue };
        let own = twin.inputs.statistics.iter().filter(|statistic| statistic.relation == table.oid && !statistic.inherited);
        let columns: Vec<(&str, &StatisticNumbers)> = own
            .filter_map(|statistic| match &statistic.column {
                StatisticColumn::Name(name) => Some((name.as_str(), &statistic.numbers)),
                StatisticColumn::Number(_) => None,
            })
            .filter(|(name, _)| mentions(text, name))
            .collect();
        let [(column, numbers)] = columns.as_slice() else { continue };
        let Some(computed) = compute(owner, text, column, numbers, f64::from(table.tuples.max(1.0))).await? else { continue };
        let number = i16::try_from(at + 1).unwrap_or_default();
        let outcome = superuser.run("write statistics of an expression", &insertion(index, number, &computed)).await;
        if let Err(error) = outcome
            && error.is_connection_lost()
        {
            return Err(error.into());
        }
    }
    Ok(())
}

/// What the expression is for the column's values.
#[derive(Clone, Debug, PartialEq)]
struct Computed {
    /// The expression's type, as `regtype` writes it.
    type_name: String,
    null_fraction: f64,
    width: u32,
    distinct: f64,
    /// Values by their share.
    common: Vec<(String, f64)>,
    /// Ascending, as the server sorts them.
    bounds: Vec<String>,
}

async fn compute(
    owner: &LabSession,
    text: &str,
    column: &str,
    numbers: &StatisticNumbers,
    rows_of_table: f64,
) -> Result<Option<Computed>, TwinError> {
    let slot = |kind: i16| numbers.slots.iter().find(|slot| slot.kind == kind && slot.values.is_some());
    let (common, histogram) = (slot(slot_kind::MOST_COMMON), slot(slot_kind::HISTOGRAM));
    let Some(first) = common.or(histogram).and_then(|slot| slot.values.as_ref()) else { return Ok(None) };
    if first.element_type.ends_with("[]") {
        return Ok(None);
    }
    let source = |slot: Option<&pgtailor_model::planner::StatisticSlot>| match slot.and_then(|slot| slot.values.as_ref()) {
        Some(values) => format!("unnest({}::text[])", quote_literal(&values.text)),
        None => "unnest('{}'::text[])".to_owned(),
    };
    let name = quote_identifier(column);
    let computed = |slot, order: &str| {
        format!(
            "SELECT e::text, pg_catalog.pg_typeof(e)::text, pg_catalog.pg_column_size(e)::text
               FROM (SELECT ({text}\n) AS e, n FROM (SELECT v::{} AS {name}, n FROM {} WITH ORDINALITY AS u (v, n)) AS t) AS x ORDER BY {order}",
            first.element_type,
            source(slot)
        )
    };
    let rows = async |sql: String| -> Result<Option<Vec<TextRow>>, TwinError> {
        match owner.rows("compute an expression for the values in statistics", &sql).await {
            Ok(rows) => Ok(Some(rows)),
            Err(error) if error.is_connection_lost() => Err(error.into()),
            // An expression that fails for some value has no statistics here.
            Err(_) => Ok(None),
        }
    };
    let (Some(common_rows), Some(bound_rows)) = (rows(computed(common, "n")).await?, rows(computed(histogram, "e")).await?)
    else {
        return Ok(None);
    };
    let shares: Vec<f64> = common.and_then(|slot| slot.numbers.as_deref()).map(floats).unwrap_or_default();
    Ok(Some(assemble(&common_rows, &shares, &bound_rows, numbers, rows_of_table)))
}

/// `rows` is how many the table has.
fn assemble(common: &[TextRow], shares: &[f64], bounds: &[TextRow], numbers: &StatisticNumbers, rows: f64) -> Computed {
    let text = |row: &TextRow, at: usize| row.get(at).cloned().flatten();
    let mut by_value: BTreeMap<String, f64> = BTreeMap::new();
    let mut null_fraction = f64::from(numbers.null_fraction);
    for (row, share) in common.iter().zip(shares) {
        match text(row, 0) {
            Some(value) => *by_value.entry(value).or_default() += share,
            None => null_fraction += share,
        }
    }
    let rest = (1.0 - f64::from(numbers.null_fraction) - shares.iter().sum::<f64>()).max(0.0);
    let n_bounds = count(bounds.len());
    let mut steps: Vec<String> = bounds.iter().filter_map(|row| text(row, 0)).collect();
    let n_steps = count(steps.len());
    if n_bounds > 0.0 {
        null_fraction += rest * (1.0 - n_steps / n_bounds);
    }
    // A value that fills several bounds is common: each bound stands for an equal part of the rows that are not common.
    let mut repeated: BTreeMap<String, f64> = BTreeMap::new();
    for step in &steps {
        *repeated.entry(step.clone()).or_default() += 1.0;
    }
    for (value, times) in &repeated {
        if *times > 1.0 || by_value.contains_key(value) {
            *by_value.entry(value.clone()).or_default() += rest * times / n_bounds.max(1.0);
        }
    }
    steps.retain(|step| !by_value.contains_key(step));
    if steps.len() < 2 {
        steps.clear();
    }
    let sizes: Vec<f64> = common.iter().chain(bounds).filter_map(|row| text(row, 2)?.parse().ok()).collect();
    let n_sizes = count(sizes.len().max(1));
    let type_name = common.iter().chain(bounds).find_map(|row| text(row, 1)).unwrap_or_else(|| "text".to_owned());
    let n_values = count(by_value.len());
    let once = count(repeated.values().filter(|times| **times <= 1.0).count());
    let distinct = n_values + distinct_rest(steps.is_empty(), n_bounds, count(repeated.len()), once, rest * rows, numbers, rows);
    let mut common: Vec<(String, f64)> = by_value.into_iter().collect();
    common.sort_by(|one, other| other.1.total_cmp(&one.1));
    let width = u32::try_from(pgtailor_model::unit::f64_as_count(sizes.iter().sum::<f64>() / n_sizes)).unwrap_or_default();
    Computed { type_name, null_fraction: null_fraction.min(1.0), width, distinct, common, bounds: steps }
}

/// Distinct values among the rows that have no common value, from the bounds as a sample of them: the estimator by which `ANALYZE` itself goes
/// on (Haas and Stokes, `compute_scalar_stats` in `analyze.c`), and no more than the column has.
fn distinct_rest(
    is_all_common: bool,
    sample: f64,
    different: f64,
    once: f64,
    rows: f64,
    numbers: &StatisticNumbers,
    rows_of_table: f64,
) -> f64 {
    if sample == 0.0 || is_all_common {
        return 0.0;
    }
    let estimate = sample * different / (sample - once + once * sample / rows.max(sample));
    let of_column = f64::from(numbers.distinct);
    estimate.min(if of_column < 0.0 { -of_column * rows_of_table } else { of_column })
}

fn count(count: usize) -> f64 {
    pgtailor_model::unit::count_as_f64(u64::try_from(count).unwrap_or_default())
}

/// Operators and collation are those of the type, as `ANALYZE` takes them (`std_typanalyze` in `analyze.c`).
fn insertion(index: Oid, number: i16, computed: &Computed) -> String {
    let array = |values: Vec<&str>| {
        let texts: Vec<String> = values.into_iter().map(quote_literal).collect();
        // Written by the server itself, so that quotes and backslashes are its own affair.
        format!("array_in(textout(ARRAY[{}]::text[]::text), t.oid, -1)", texts.join(", "))
    };
    let shares: Vec<String> = computed.common.iter().map(|(_, share)| share.to_string()).collect();
    let (common_kind, common, shares) = if computed.common.is_empty() {
        (0, "NULL".to_owned(), "NULL".to_owned())
    } else {
        let values = computed.common.iter().map(|(value, _)| value.as_str()).collect();
        (slot_kind::MOST_COMMON, array(values), format!("ARRAY[{}]::float4[]", shares.join(", ")))
    };
    let (bound_kind, bounds) = if computed.bounds.is_empty() {
        (0, "NULL".to_owned())
    } else {
        (slot_kind::HISTOGRAM, array(computed.bounds.iter().map(String::as_str).collect()))
    };
    let operator = |strategy: u16| {
        format!(
            "coalesce((SELECT p.amopopr FROM pg_catalog.pg_opclass c JOIN pg_catalog.pg_amop p ON p.amopfamily = c.opcfamily
                        WHERE c.opcmethod = 403 AND c.opcdefault AND c.opcintype = b.oid AND p.amopstrategy = {strategy}
                          AND p.amoplefttype = b.oid AND p.amoprighttype = b.oid), 0)"
        )
    };
    let (equal, less) = (operator(3), operator(1));
    let on = |kind: i16, what: &str| if kind == 0 { "0".to_owned() } else { what.to_owned() };
    format!(
        "INSERT INTO pg_catalog.pg_statistic
           (starelid, staattnum, stainherit, stanullfrac, stawidth, stadistinct, stakind1, stakind2, stakind3, stakind4, stakind5,
            staop1, staop2, staop3, staop4, staop5, stacoll1, stacoll2, stacoll3, stacoll4, stacoll5, stanumbers1, stavalues1, stavalues2)
         SELECT {}, {number}, false, {}, {}, {}, {common_kind}, {bound_kind}, 0, 0, 0, {}, {}, 0, 0, 0, {}, {}, 0, 0, 0, {shares}, {common}, {bounds}
           FROM pg_catalog.pg_type t,
                LATERAL (SELECT CASE t.typtype WHEN 'e' THEN 'anyenum'::regtype::oid
                                               ELSE CASE WHEN t.oid = 'varchar'::regtype THEN 'text'::regtype::oid ELSE t.oid END END AS oid) b
          WHERE t.oid = {}::regtype",
        index.0,
        computed.null_fraction,
        computed.width,
        computed.distinct,
        on(common_kind, &equal),
        on(bound_kind, &less),
        on(common_kind, "t.typcollation"),
        on(bound_kind, "t.typcollation"),
        quote_literal(&computed.type_name),
    )
}

/// The numbers of an array's text.
fn floats(text: &str) -> Vec<f64> {
    text.trim_matches(['{', '}']).split(',').filter_map(|number| number.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_become_equal_add_up() {
        let row = |value: &str| vec![Some(value.to_owned()), Some("text".to_owned()), Some("2".to_owned())];
        let numbers = StatisticNumbers { null_fraction: 0.0, width: 4, distinct: 100.0, slots: Vec::new() };
        let common = [row("a"), row("b"), row("a")];
        let bounds = [row("c"), row("d"), row("d"), row("e")];
        let computed = assemble(&common, &[0.3, 0.2, 0.1], &bounds, &numbers, 1000.0);
        assert_eq!(computed.common[0].0, "a");
        assert!((computed.common[0].1 - 0.4).abs() < 1e-9);
        let of_d = computed.common.iter().find(|(value, _)| value == "d").expect("it fills two of four bounds").1;
        assert!((of_d - 0.2).abs() < 1e-9);
        assert_eq!(computed.bounds, ["c", "e"]);
        // a, b and d are common; c, d and e are three of four bounds, two of them seen once: 4 * 3 / (4 - 2 + 2 * 4 / 400).
        assert!((computed.distinct - (3.0 + 12.0 / 2.02)).abs() < 1e-9, "{}", computed.distinct);
    }
}

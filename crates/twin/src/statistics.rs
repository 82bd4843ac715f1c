//! `pg_statistic` and `pg_class` of the twin, written by its superuser.
//!
//! Rows come in by `COPY` and go to the catalog by one statement a page. Values are read by `array_in` with the element's type: at that point no
//! code of the source's authors can be called by it, since conditions of domains are made later and functions of ranges never.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use pgtailor_model::name::{Oid, QualifiedName};
use pgtailor_model::planner::{
    ColumnStatistic, Inexact, PlannerInputs, Relation, StatisticColumn, StatisticNumbers, StatisticSlot,
};
use pgtailor_postgres::lab_session::{LabSession, copy_line};

use crate::error::TwinError;

/// Slots of a row.
pub(crate) const SLOTS: usize = 5;

/// Rows that go to the catalog by one statement; one that is refused costs as many as there are.
const PAGE: usize = 2_000;

/// Columns of one slot in the staging tables.
pub(crate) fn slot_declarations() -> String {
    (1..=SLOTS).fold(String::new(), |mut sql, n| {
        let _ = write!(sql, ", kind{n} int2, operator{n} text, collation{n} text, numbers{n} text, values{n} text, type{n} text");
        sql
    })
}

/// The slots' columns as `pg_statistic` has them, from a staging row `s`, in the order of the catalog's columns.
pub(crate) fn slot_expressions() -> String {
    let all = |expression: &dyn Fn(usize) -> String| (1..=SLOTS).map(expression).collect::<Vec<_>>().join(", ");
    [
        all(&|n| format!("coalesce(s.kind{n}, 0)")),
        all(&|n| format!("coalesce(s.operator{n}::regoperator::oid, 0)")),
        all(&|n| format!("coalesce(s.collation{n}::regcollation::oid, 0)")),
        all(&|n| format!("s.numbers{n}::float4[]")),
        all(&|n| format!("CASE WHEN s.values{n} IS NOT NULL THEN array_in(textout(s.values{n}), s.type{n}::regtype, -1) END")),
    ]
    .join(", ")
}

/// The catalog's columns of the slots, in the order of [`slot_expressions`].
fn slot_names() -> String {
    let names = ["stakind", "staop", "stacoll", "stanumbers", "stavalues"];
    names.iter().flat_map(|name| (1..=SLOTS).map(move |n| format!("{name}{n}"))).collect::<Vec<_>>().join(", ")
}

/// The numbers of a statistic as columns of a line of `COPY`; `numbers` are null fraction, width, distinct values, then the slots.
pub(crate) fn number_columns(numbers: &StatisticNumbers) -> Vec<Option<String>> {
    let mut columns =
        vec![Some(numbers.null_fraction.to_string()), Some(numbers.width.to_string()), Some(numbers.distinct.to_string())];
    for at in 0..SLOTS {
        let slot: Option<&StatisticSlot> = numbers.slots.get(at);
        columns.extend([
            slot.map(|slot| slot.kind.to_string()),
            slot.and_then(|slot| slot.operator.clone()),
            slot.and_then(|slot| slot.collation.as_ref()).map(QualifiedName::sql),
            slot.and_then(|slot| slot.numbers.clone()),
            slot.and_then(|slot| slot.values.as_ref()).map(|values| values.text.clone()),
            slot.and_then(|slot| slot.values.as_ref()).map(|values| values.element_type.clone()),
        ]);
    }
    columns
}

/// Writes the column statistics.
pub(crate) async fn write(superuser: &LabSession, inputs: &PlannerInputs, inexact: &mut Vec<Inexact>) -> Result<(), TwinError> {
    let names: BTreeMap<Oid, &QualifiedName> = inputs.relations.iter().map(|relation| (relation.oid, &relation.name)).collect();
    take_conditions_off(superuser, inexact).await?;
    let known: Vec<&ColumnStatistic> =
        inputs.statistics.iter().filter(|statistic| names.contains_key(&statistic.relation)).collect();
    for page in known.chunks(PAGE) {
        if let Err(error) = write_page(superuser, page, &names).await {
            if error.is_connection_lost() {
                return Err(error.into());
            }
            for statistic in page {
                if let Err(error) = write_page(superuser, std::slice::from_ref(statistic), &names).await {
                    let column = match &statistic.column {
                        StatisticColumn::Name(name) => name.clone(),
                        StatisticColumn::Number(number) => format!("expression {number}"),
                    };
                    let relation = names.get(&statistic.relation).map(ToString::to_string).unwrap_or_default();
                    let state = error.sqlstate().unwrap_or_default();
                    inexact.push(Inexact {
                        object: format!("statistics of {column} of {relation}"),
                        table: Some(statistic.relation),
                        reason: format!("the twin's server could not read them (SQLSTATE {state})"),
                    });
                }
            }
        }
    }
    Ok(())
}

/// Reading a value of a domain runs its conditions, here with all rights. A snapshot of ours brings them later; one that was tampered with may
/// have them in any definition.
async fn take_conditions_off(superuser: &LabSession, inexact: &mut Vec<Inexact>) -> Result<(), TwinError> {
    let doing = "take conditions off domains";
    let conditions =
        "SELECT format('ALTER DOMAIN %s DROP CONSTRAINT %I', k.contypid::regtype, k.conname), k.contypid::regtype::text
           FROM pg_catalog.pg_constraint k
           JOIN pg_catalog.pg_type t ON t.oid = k.contypid
           JOIN pg_catalog.pg_roles r ON r.oid = t.typowner
          WHERE k.contype = 'c' AND NOT r.rolsuper";
    for row in superuser.rows(doing, conditions).await? {
        let [Some(statement), Some(domain)] = row.as_slice() else { continue };
        superuser.run(doing, statement).await?;
        inexact.push(Inexact {
            object: format!("domain constraint of {domain}"),
            table: None,
            reason: "it was made before its time, so the snapshot is not as it was written".to_owned(),
        });
    }
    Ok(())
}

async fn write_page(
    superuser: &LabSession,
    page: &[&ColumnStatistic],
    names: &BTreeMap<Oid, &QualifiedName>,
) -> Result<(), pgtailor_postgres::error::Error> {
    let doing = "write the statistics of columns";
    let stage = format!(
        "BEGIN; SET LOCAL allow_system_table_mods = on; SET LOCAL DateStyle = iso; SET LOCAL IntervalStyle = postgres; SET LOCAL TimeZone = 'UTC';
         CREATE TEMPORARY TABLE s (schema text, relation text, name text, number int2, inherited bool, null_fraction float4, width int4,
                                   n_distinct float4 {}) ON COMMIT DROP",
        slot_declarations()
    );
    let mut rows = String::new();
    for statistic in page {
        let Some(relation) = names.get(&statistic.relation) else { continue };
        let (name, number) = match &statistic.column {
            StatisticColumn::Name(name) => (Some(name.clone()), None),
            StatisticColumn::Number(number) => (None, Some(number.to_string())),
        };
        let inherited = if statistic.inherited { "t" } else { "f" };
        let mut columns =
            vec![Some(relation.schema.clone()), Some(relation.name.clone()), name, number, Some(inherited.to_owned())];
        columns.extend(number_columns(&statistic.numbers));
        rows.push_str(&copy_line(&columns.iter().map(Option::as_deref).collect::<Vec<_>>()));
    }
    let move_in = format!(
        "INSERT INTO pg_catalog.pg_statistic (starelid, staattnum, stainherit, stanullfrac, stawidth, stadistinct, {})
         SELECT a.attrelid, a.attnum, s.inherited, s.null_fraction, s.width, s.n_distinct, {}
           FROM s JOIN pg_catalog.pg_namespace n ON n.nspname = s.schema
                  JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = s.relation
                  JOIN pg_catalog.pg_attribute a
                    ON a.attrelid = c.oid AND NOT a.attisdropped AND CASE WHEN s.number IS NULL THEN a.attname = s.name ELSE a.attnum = s.number END; COMMIT",
        slot_names(),
        slot_expressions()
    );
    let outcome = async {
        superuser.run(doing, &stage).await?;
        superuser.copy_in(doing, "COPY s FROM STDIN", rows.into_bytes()).await?;
        superuser.run(doing, &move_in).await
    }
    .await;
    if outcome.is_err() {
        superuser.run(doing, "ROLLBACK").await?;
    }
    outcome
}

/// Writes the planner's counters of `relations` to `pg_class`.
///
/// Making an index overwrites those of its table (`index_update_stats` in `index.c`), so this comes after all of them, and again later.
pub(crate) async fn write_counters(superuser: &LabSession, relations: &[Relation]) -> Result<(), TwinError> {
    let mut rows = String::new();
    for relation in relations {
        let (pages, tuples, visible) =
            (relation.pages.to_string(), relation.tuples.to_string(), relation.all_visible.to_string());
        let columns = [&relation.name.schema, &relation.name.name, &pages, &tuples, &visible].map(|column| Some(column.as_str()));
        rows.push_str(&copy_line(&columns));
    }
    let doing = "write the counters of tables and indexes";
    superuser
        .run(
            doing,
            "BEGIN; SET LOCAL allow_system_table_mods = on;
             CREATE TEMPORARY TABLE k (schema text, name text, pages int4, tuples float4, visible int4) ON COMMIT DROP",
        )
        .await?;
    superuser.copy_in(doing, "COPY k FROM STDIN", rows.into_bytes()).await?;
    let update = "UPDATE pg_catalog.pg_class c SET relpages = k.pages, reltuples = k.tuples, relallvisible = k.visible
                    FROM k JOIN pg_catalog.pg_namespace n ON n.nspname = k.schema
                   WHERE c.relnamespace = n.oid AND c.relname = k.name; COMMIT";
    Ok(superuser.run(doing, update).await?)
}

//! What a row takes on its page, from the planner's statistics.

use pgtailor_model::catalog::{Column, Table};

/// Bytes of a page's header (`SizeOfPageHeaderData` in `bufpage.h`).
pub(crate) const PAGE_HEADER: f64 = 24.0;

/// `MAXALIGN(SizeofHeapTupleHeader)` and `sizeof(ItemIdData)` (`htup_details.h`, `itemid.h`), in bytes.
const ROW_HEADER: f64 = 24.0;
const LINE_POINTER: f64 = 4.0;

/// A row with its line pointer, in bytes, on average; `None` when a column has no statistics.
///
/// Columns in their order, each aligned as its type wants (`heap_compute_data_size` in `heaptuple.c`); of values of varying length half
/// of the alignment that the next fixed one may need is charged. The bitmap of nulls fits into the header's padding up to eight columns.
pub(crate) fn row_size(table: &Table) -> Option<f64> {
    let mut offset = 0.0_f64;
    let mut has_nulls = false;
    for column in &table.columns {
        let statistics = column.statistics?;
        has_nulls |= statistics.null_fraction > 0.0;
        let present = 1.0 - statistics.null_fraction;
        let alignment = alignment(column);
        let padding = if offset.fract() == 0.0 && is_fixed_so_far(table, column) {
            (alignment - offset % alignment) % alignment
        } else {
            (alignment - 1.0) / 2.0
        };
        offset += present * (padding + f64::from(statistics.average_width));
    }
    let columns = u32::try_from(table.columns.len()).unwrap_or(u32::MAX);
    let bitmap = if has_nulls && columns > 8 { aligned(f64::from(columns.div_ceil(8)) - 1.0) } else { 0.0 };
    Some(LINE_POINTER + ROW_HEADER + bitmap + aligned(offset))
}

/// `MAXALIGN`, to 8 bytes.
fn aligned(bytes: f64) -> f64 {
    (bytes / 8.0).ceil() * 8.0
}

/// Whether every column before `column` has a fixed width and no nulls, so that its place is known.
fn is_fixed_so_far(table: &Table, column: &Column) -> bool {
    let before = table.columns.iter().take_while(|other| other.number < column.number);
    before.into_iter().all(|other| {
        let has_no_nulls = other.statistics.is_some_and(|statistics| statistics.null_fraction == 0.0);
        has_no_nulls && fixed_alignment(&other.type_name).is_some()
    })
}

fn alignment(column: &Column) -> f64 {
    // Short values of varying length have a header of one byte and no alignment.
    fixed_alignment(&column.type_name).unwrap_or(1.0)
}

/// `typalign` of types of fixed width, in bytes; enums are like integers, which are what is unknown here most often.
fn fixed_alignment(type_name: &str) -> Option<f64> {
    let bare = type_name.find('(').map_or(type_name, |at| type_name[..at].trim_end());
    match bare {
        "boolean" | "uuid" | "\"char\"" | "macaddr" => Some(1.0),
        "smallint" => Some(2.0),
        "integer" | "real" | "date" | "oid" => Some(4.0),
        "bigint"
        | "double precision"
        | "timestamp"
        | "time"
        | "interval"
        | "timestamp with time zone"
        | "timestamp without time zone"
        | "time without time zone"
        | "money"
        | "point" => Some(8.0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use pgtailor_model::catalog::ColumnStatistics;
    use pgtailor_model::name::{Oid, QualifiedName};

    use super::*;

    fn bytes(columns: &[(&str, u32)]) -> f64 {
        let columns = columns.iter().zip(1..).map(|(&(type_name, average_width), number)| Column {
            statistics: Some(ColumnStatistics { average_width, ..ColumnStatistics::default() }),
            ..Column::new(number, "c", type_name)
        });
        let table = Table { columns: columns.collect(), ..Table::new(Oid(1), QualifiedName::new("public", "t")) };
        row_size(&table).expect("all columns have statistics")
    }

    #[test]
    fn columns_are_aligned_in_their_order() {
        let is = |columns: &[(&str, u32)], expected: f64| {
            assert!((bytes(columns) - expected).abs() < 1e-9, "{columns:?}: {}", bytes(columns));
        };
        is(&[("integer", 4), ("integer", 4)], 36.0);
        is(&[("integer", 4), ("bigint", 8)], 44.0);
        is(&[("bigint", 8), ("integer", 4), ("smallint", 2)], 44.0);
        is(&[("boolean", 1), ("timestamp with time zone", 8)], 44.0);
        is(&[("text", 100)], 28.0 + 104.0);
    }
}

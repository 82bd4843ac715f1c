//! How wide the values of a type are in an index entry, and on which boundary they begin.

use pgtailor_model::catalog::{Column, ColumnStatistics};

/// `MAXIMUM_ALIGNOF` on every 64-bit platform, in bytes.
const MAXIMUM_ALIGNMENT: u64 = 8;

/// Longest value that is stored with a one-byte header, and then on no boundary (`VARATT_SHORT_MAX` in `varatt.h`), in bytes.
const LONGEST_SHORT_VALUE: u32 = 127;

/// How values of one column are stored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Values {
    /// Mean width, in bytes.
    width: f64,
    /// Whether every value has that width.
    fixed: bool,
    /// The boundary on which one begins, in bytes.
    alignment: u64,
}

/// Fixed-width types as `format_type` writes them: width and alignment (`typlen` and `typalign` in `pg_type.dat`).
const FIXED: &[(&str, u32, u64)] = &[
    ("\"char\"", 1, 1),
    ("bigint", 8, 8),
    ("boolean", 1, 1),
    ("date", 4, 4),
    ("double precision", 8, 8),
    ("integer", 4, 4),
    ("interval", 16, 8),
    ("macaddr", 6, 4),
    ("macaddr8", 8, 4),
    ("money", 8, 8),
    ("oid", 4, 4),
    ("pg_lsn", 8, 8),
    ("real", 4, 4),
    ("smallint", 2, 2),
    ("time with time zone", 12, 8),
    ("time without time zone", 8, 8),
    ("timestamp with time zone", 8, 8),
    ("timestamp without time zone", 8, 8),
    ("uuid", 16, 1),
];

/// Types of variable width that are known by name; what is in neither list and four bytes wide is an enum.
const VARIABLE: &[&str] = &[
    "text",
    "bytea",
    "numeric",
    "json",
    "jsonb",
    "inet",
    "cidr",
    "bit",
    "bit varying",
    "character",
    "character varying",
    "name",
];

/// Types whose equal values may differ in bytes, so that a B-tree never merges them (no `btequalimage` support function in
/// `pg_amproc.dat`; since version 17 for intervals, too).
const NEVER_MERGED: &[&str] = &["numeric", "real", "double precision", "jsonb", "interval"];

impl Values {
    /// The values of `column`; the width of a type of variable width is its mean width in the statistics.
    pub(super) fn of(column: &Column, statistics: &ColumnStatistics) -> Self {
        let name = without_modifier(&column.type_name);
        let width = statistics.average_width;
        if let Some((_, width, alignment)) = FIXED.iter().find(|(fixed, ..)| *fixed == name) {
            return Self { width: f64::from(*width), fixed: true, alignment: *alignment };
        }
        let is_array = name.ends_with("[]");
        if width == 4 && !is_array && !VARIABLE.contains(&name.as_str()) {
            return Self { width: 4.0, fixed: true, alignment: 4 };
        }
        let alignment = if width <= LONGEST_SHORT_VALUE { 1 } else { 4 };
        Self { width: f64::from(width), fixed: false, alignment }
    }
}

/// Whether a B-tree may store equal values of the column's type once.
pub(super) fn can_be_merged(column: &Column) -> bool {
    let name = without_modifier(&column.type_name);
    !(NEVER_MERGED.contains(&name.as_str()) || name.ends_with("[]") || name.ends_with("range"))
}

/// Mean size of an index entry with these values, in bytes, header and final alignment included.
///
/// `index_form_tuple` in `indextuple.c`: eight bytes of `IndexTupleData` (`itup.h`), and a null bitmap that takes the header to
/// sixteen when any value is null. After a value of variable width the position is unknown, and half the padding is charged.
pub(super) fn entry_bytes<'a>(present: impl IntoIterator<Item = &'a Values>, has_null: bool) -> f64 {
    const HEADER: f64 = 8.0;
    const HEADER_WITH_NULLS: f64 = 16.0;
    let mut end = Position { bytes: if has_null { HEADER_WITH_NULLS } else { HEADER }, remainder: Some(0) };
    for values in present {
        end = end.aligned(values.alignment);
        end.bytes += values.width;
        end.remainder = end.remainder.filter(|_| values.fixed).map(|remainder| {
            // Fixed widths are small whole numbers.
            (remainder + pgtailor_model::unit::f64_as_count(values.width)) % MAXIMUM_ALIGNMENT
        });
    }
    end.aligned(MAXIMUM_ALIGNMENT).bytes
}

/// A position in an entry: its mean, and its remainder by eight where that is the same in every entry.
struct Position {
    bytes: f64,
    remainder: Option<u64>,
}

impl Position {
    fn aligned(self, boundary: u64) -> Self {
        match self.remainder {
            Some(remainder) => {
                let padding = (boundary - remainder % boundary) % boundary;
                let bytes = self.bytes + pgtailor_model::unit::count_as_f64(padding);
                Self { bytes, remainder: Some((remainder + padding) % MAXIMUM_ALIGNMENT) }
            }
            None => Self {
                bytes: self.bytes + pgtailor_model::unit::count_as_f64(boundary - 1) / 2.0,
                remainder: (boundary == MAXIMUM_ALIGNMENT).then_some(0),
            },
        }
    }
}

/// `character varying(255)` is `character varying`; `timestamp(3) with time zone` is `timestamp with time zone`.
fn without_modifier(type_name: &str) -> String {
    match type_name.split_once('(') {
        Some((head, rest)) => format!("{head}{}", rest.split_once(')').map_or("", |(_, tail)| tail)),
        None => type_name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(type_name: &str, average_width: u32) -> Values {
        let statistics = ColumnStatistics { null_fraction: 0.0, average_width, distinct: 1.0 };
        let column =
            Column { number: 1, name: "c".to_owned(), type_name: type_name.to_owned(), not_null: false, statistics: None };
        Values::of(&column, &statistics)
    }

    fn check(types: &[(&str, u32)], has_null: bool, expected: f64) {
        let values: Vec<Values> = types.iter().map(|(name, width)| values(name, *width)).collect();
        assert!((entry_bytes(&values, has_null) - expected).abs() < 1e-9, "{types:?}: {}", entry_bytes(&values, has_null));
    }

    #[test]
    fn entries_are_padded_as_the_server_pads_them() {
        check(&[("integer", 4)], false, 16.0);
        check(&[("uuid", 16)], false, 24.0);
        check(&[("smallint", 2), ("bigint", 8)], false, 24.0);
        check(&[("timestamp(3) with time zone", 8), ("boolean", 1)], false, 24.0);
        check(&[("user_role", 4), ("user_role", 4)], false, 16.0);
        check(&[], true, 16.0);
        check(&[("text", 24)], false, 8.0 + 24.0 + 3.5);
        check(&[("character varying(255)", 24), ("bigint", 8)], false, 8.0 + 24.0 + 3.5 + 8.0);
    }

    #[test]
    fn what_compares_equal_with_other_bytes_is_not_merged() {
        let column = |type_name: &str| Column {
            number: 1,
            name: "c".to_owned(),
            type_name: type_name.to_owned(),
            not_null: false,
            statistics: None,
        };
        for (name, expected) in
            [("numeric(12,2)", false), ("text[]", false), ("int8range", false), ("text", true), ("uuid", true)]
        {
            assert_eq!(can_be_merged(&column(name)), expected, "{name}");
        }
    }
}

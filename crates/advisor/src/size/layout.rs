//! How wide the values of a type are in an index entry, and on which boundary they begin; what all methods' pages have in common.

use pgtailor_model::catalog::{Column, ColumnStatistics};
use pgtailor_model::unit::count_as_f64;

/// `SizeOfPageHeaderData` in `bufpage.h`, in bytes.
pub(super) const PAGE_HEADER: f64 = 24.0;
/// `sizeof(ItemIdData)` in `itemid.h`: one for each entry of a page, in bytes.
pub(super) const LINE_POINTER: f64 = 4.0;

/// `MAXIMUM_ALIGNOF` on every 64-bit platform, in bytes.
const MAXIMUM_ALIGNMENT: u64 = 8;

/// Longest value that is stored with a one-byte header, and then on no boundary (`VARATT_SHORT_MAX` in `varatt.h`), in bytes.
const LONGEST_SHORT_VALUE: u32 = 127;

/// How values of one column are stored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Values {
    /// Mean width with the length word of a value of variable width, in bytes.
    width: f64,
    /// Shares of the values by their width's remainder by eight, which padding depends on.
    remainders: Remainders,
    /// The boundary on which one begins, in bytes.
    alignment: u64,
}

/// Shares by remainder by eight; they add up to one.
type Remainders = [f64; 8];

/// Nothing is known of the width but its mean: half of the padding will be charged.
const EVEN: Remainders = [0.125; 8];

/// Fixed-width types as `format_type` writes them: width and alignment (`typlen` and `typalign` in `pg_type.dat`).
const FIXED: &[(&str, u32, u32)] = &[
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
    /// Values of `width` bytes each that begin on a multiple of `alignment` bytes (`typlen` and `typalign` in `pg_type`).
    pub fn fixed(width: u32, alignment: u32) -> Self {
        Self { width: f64::from(width), remainders: certain(width), alignment: within_entry(alignment) }
    }

    /// Values of a type of variable width, `width` bytes on average with their length word; `alignment` is that of long ones.
    pub fn variable(width: f64, alignment: u32) -> Self {
        Self::distributed(width, EVEN, alignment)
    }

    /// The same, with the shares of the values whose width leaves a remainder of 0, 1 … 7 by eight.
    pub fn distributed(width: f64, remainders: [f64; 8], alignment: u32) -> Self {
        let total: f64 = remainders.iter().sum();
        let remainders = if total > 0.0 { remainders.map(|share| share / total) } else { EVEN };
        let alignment = if width <= f64::from(LONGEST_SHORT_VALUE) { 1 } else { within_entry(alignment) };
        Self { width, remainders, alignment }
    }

    /// Mean width, in bytes.
    pub fn width(&self) -> f64 {
        self.width
    }

    /// The same values with `bytes` fewer on average, as far as there are as many.
    pub(super) fn without(self, bytes: f64) -> Self {
        Self { width: (self.width - bytes).max(1.0), remainders: EVEN, ..self }
    }

    /// The values of `column`; the width of a type of variable width is its mean width in the statistics.
    pub(super) fn of(column: &Column, statistics: &ColumnStatistics) -> Self {
        let name = without_modifier(&column.type_name);
        let width = statistics.average_width;
        if let Some((_, width, alignment)) = FIXED.iter().find(|(fixed, ..)| *fixed == name) {
            return Self::fixed(*width, *alignment);
        }
        let is_array = name.ends_with("[]");
        if width == 4 && !is_array && !VARIABLE.contains(&name.as_str()) {
            return Self::fixed(4, 4);
        }
        if name == "numeric" {
            return Self::numeric(width);
        }
        Self::variable(f64::from(width), 4)
    }

    /// Numbers of `width` bytes on average, cut to a whole number as `ANALYZE` cuts it (`stawidth` in `analyze.c`).
    ///
    /// One has an odd width: a length byte, two bytes of header and two for each four decimal digits (`NumericShort` in `numeric.c`). Most
    /// have about as many digits as the mean, so the two odd widths around it are taken, in the shares that make the mean.
    fn numeric(width: u32) -> Self {
        let below = if width % 2 == 1 { width } else { width.saturating_sub(1) };
        let mean = f64::from(width) + 0.5;
        let above = ((mean - f64::from(below)) / 2.0).clamp(0.0, 1.0);
        let remainders =
            std::array::from_fn(|place| (1.0 - above) * certain(below)[place] + above * certain(below.saturating_add(2))[place]);
        Self::distributed(mean, remainders, 4)
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
/// sixteen when any value is null. The widths of several columns are taken as independent.
pub(super) fn entry_bytes<'a>(present: impl IntoIterator<Item = &'a Values>, has_null: bool) -> f64 {
    const HEADER: f64 = 8.0;
    const HEADER_WITH_NULLS: f64 = 16.0;
    let mut end = Position { bytes: if has_null { HEADER_WITH_NULLS } else { HEADER }, remainders: certain(0) };
    for values in present {
        end = end.aligned(values.alignment).moved(values);
    }
    end.aligned(MAXIMUM_ALIGNMENT).bytes
}

/// Share of a page that a build leaves free, by the fill factor in percent.
pub(super) fn free_share(given: Option<u32>, default: u32) -> f64 {
    1.0 - f64::from(given.unwrap_or(default).clamp(10, 100)) / 100.0
}

/// `MAXALIGN_DOWN` in `c.h`.
pub(super) fn aligned_down(bytes: f64) -> f64 {
    let boundary = count_as_f64(MAXIMUM_ALIGNMENT);
    (bytes / boundary).floor() * boundary
}

/// A position in entries: its mean, and the shares of entries by its remainder by eight.
struct Position {
    bytes: f64,
    remainders: Remainders,
}

impl Position {
    /// The next multiple of `boundary`, which divides eight.
    fn aligned(self, boundary: u64) -> Self {
        let mut next = Self { bytes: self.bytes, remainders: [0.0; 8] };
        for (remainder, share) in (0..).zip(self.remainders) {
            let padding = (boundary - remainder % boundary) % boundary;
            next.bytes += share * count_as_f64(padding);
            next.add(remainder + padding, share);
        }
        next
    }

    /// Behind a value.
    fn moved(self, values: &Values) -> Self {
        let mut next = Self { bytes: self.bytes + values.width, remainders: [0.0; 8] };
        for (before, share) in (0..).zip(self.remainders) {
            for (width, of_values) in (0..).zip(values.remainders) {
                next.add(before + width, share * of_values);
            }
        }
        next
    }

    fn add(&mut self, remainder: u64, share: f64) {
        let place = usize::try_from(remainder % MAXIMUM_ALIGNMENT).expect("less than eight");
        self.remainders[place] += share;
    }
}

/// Every width leaves the same remainder.
fn certain(width: u32) -> Remainders {
    let mut remainders = [0.0; 8];
    remainders[usize::try_from(width % 8).expect("less than eight")] = 1.0;
    remainders
}

fn within_entry(alignment: u32) -> u64 {
    u64::from(alignment).clamp(1, MAXIMUM_ALIGNMENT)
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
        let statistics = ColumnStatistics { average_width, distinct: 1.0, ..ColumnStatistics::default() };
        Values::of(&Column::new(1, "c", type_name), &statistics)
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
        // A quarter of them seven bytes wide, the others nine.
        check(&[("numeric(12,2)", 8)], false, 0.25 * 16.0 + 0.75 * 24.0);
        check(&[("character varying(255)", 24), ("bigint", 8)], false, 8.0 + 24.0 + 3.5 + 8.0);
    }

    #[test]
    fn what_compares_equal_with_other_bytes_is_not_merged() {
        for (name, expected) in
            [("numeric(12,2)", false), ("text[]", false), ("int8range", false), ("text", true), ("uuid", true)]
        {
            assert_eq!(can_be_merged(&Column::new(1, "c", name)), expected, "{name}");
        }
    }
}

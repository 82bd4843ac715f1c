//! Which parts of an expression are not immutable, so that no index can hold the expression.
//!
//! PostgreSQL's `pg_proc.provolatile`, for the functions that conditions are made of; those of the database itself come with the catalog.
//! What is not known is not taken for immutable. The types of arguments matter: what depends on the time zone is stable over
//! `timestamp with time zone` and immutable over `timestamp`.

use pg_query::protobuf::{FuncCall, Node, TypeName};
use pgtailor_model::catalog::{Catalog, Volatility};

use crate::function;
use crate::types::Type;
use crate::walker::{string, strings};

/// Volatile ones that might stand in a condition: their value differs from row to row.
const VOLATILE: &[&str] = &[
    "clock_timestamp",
    "currval",
    "gen_random_bytes",
    "gen_random_uuid",
    "lastval",
    "nextval",
    "random",
    "random_normal",
    "setval",
    "timeofday",
    "uuid_generate_v1",
    "uuid_generate_v4",
    "uuidv4",
    "uuidv7",
];

/// Immutable ones, whatever their arguments.
const IMMUTABLE: &[&str] = &[
    "abs",
    "acos",
    "array_append",
    "array_cat",
    "array_dims",
    "array_length",
    "array_lower",
    "array_ndims",
    "array_position",
    "array_prepend",
    "array_remove",
    "array_replace",
    "array_upper",
    "ascii",
    "asin",
    "atan",
    "atan2",
    "bit_count",
    "bit_length",
    "box",
    "btrim",
    "cardinality",
    "cbrt",
    "ceil",
    "ceiling",
    "center",
    "char_length",
    "character_length",
    "chr",
    "circle",
    "cos",
    "cot",
    "date_bin",
    "decode",
    "degrees",
    "diameter",
    "div",
    "encode",
    "exp",
    "factorial",
    "family",
    "floor",
    "gcd",
    "get_bit",
    "get_byte",
    "hashtext",
    "height",
    "host",
    "hostmask",
    "initcap",
    "int4range",
    "int8range",
    "isempty",
    "isfinite",
    "json_array_length",
    "json_extract_path",
    "json_extract_path_text",
    "json_typeof",
    "jsonb_array_length",
    "jsonb_extract_path",
    "jsonb_extract_path_text",
    "jsonb_path_exists",
    "jsonb_path_match",
    "jsonb_path_query_array",
    "jsonb_path_query_first",
    "jsonb_set",
    "jsonb_strip_nulls",
    "jsonb_typeof",
    "justify_days",
    "justify_hours",
    "justify_interval",
    "lcm",
    "left",
    "length",
    "like_escape",
    "ln",
    "log",
    "log10",
    "lower",
    "lower_inc",
    "lower_inf",
    "lpad",
    "ltrim",
    "make_date",
    "make_interval",
    "make_time",
    "make_timestamp",
    "masklen",
    "md5",
    "mod",
    "netmask",
    "network",
    "normalize",
    "numrange",
    "octet_length",
    "overlay",
    "pi",
    "point",
    "polygon",
    "position",
    "power",
    "radians",
    "radius",
    "range_merge",
    "regexp_count",
    "regexp_like",
    "regexp_match",
    "regexp_replace",
    "regexp_split_to_array",
    "regexp_substr",
    "repeat",
    "replace",
    "reverse",
    "right",
    "round",
    "rpad",
    "rtrim",
    "setweight",
    "sha224",
    "sha256",
    "sha384",
    "sha512",
    "sign",
    "similar_to_escape",
    "sin",
    "split_part",
    "sqrt",
    "starts_with",
    "string_to_array",
    "strip",
    "strpos",
    "substr",
    "substring",
    "tan",
    "to_hex",
    "translate",
    "trim_array",
    "trim_scale",
    "trunc",
    "tsrange",
    "upper",
    "upper_inc",
    "upper_inf",
    "width_bucket",
];

/// Immutable ones, unless an argument has a time zone.
const IMMUTABLE_WITHOUT_ZONE: &[&str] = &["date", "date_part", "date_trunc", "extract", "overlaps", "timezone"];

/// Immutable ones when they have as many arguments as this; the shorter way of calling them takes something from a setting.
const IMMUTABLE_IN_FULL: &[(&str, usize)] = &[
    ("age", 2),
    ("phraseto_tsquery", 2),
    ("plainto_tsquery", 2),
    ("to_tsquery", 2),
    ("to_tsvector", 2),
    ("websearch_to_tsquery", 2),
];

/// Whether a call gives another value for each row.
pub(crate) fn is_volatile(call: &FuncCall, catalog: &Catalog) -> bool {
    let name = function::name(call);
    VOLATILE.binary_search(&name).is_ok() || catalog.functions.get(name) == Some(&Volatility::Volatile)
}

/// Why no index can hold a call over arguments of these families, if so.
pub(crate) fn refusal_of_call(call: &FuncCall, arguments: &[Type], catalog: &Catalog) -> Option<String> {
    let name = function::name(call);
    if function::is_aggregate(call) || call.over.is_some() {
        return Some(format!("{name}(...), which is computed over many rows"));
    }
    let is_immutable = IMMUTABLE.binary_search(&name).is_ok()
        || (IMMUTABLE_WITHOUT_ZONE.contains(&name) && !depends_on_zone(name, arguments))
        || IMMUTABLE_IN_FULL.contains(&(name, arguments.len()))
        || (name == "to_timestamp" && arguments.len() == 1)
        || (catalog.functions.get(name) == Some(&Volatility::Immutable));
    (!is_immutable).then(|| {
        let known = VOLATILE.contains(&name) || IMMUTABLE_WITHOUT_ZONE.contains(&name) || catalog.functions.contains_key(name);
        let verb = if known || is_in_full(name) { "is" } else { "is not known to be" };
        let not = if verb == "is" { " not" } else { "" };
        format!("function {name}(...), which {verb}{not} immutable, so no index can hold it")
    })
}

/// Why no index can hold a cast from one family to `to`, if so: its text form depends on a setting (`DateStyle`, the time zone) or on the
/// catalog (labels of an enumeration).
pub(crate) fn refusal_of_cast(from: Type, to: &TypeName) -> Option<String> {
    use Type::{Array, Char, Date, Interval, Multirange, Other, Range, Text, Time, Timestamp, Timestamptz, Varchar};
    let target = Type::of_cast(to);
    let depends = matches!(
        (from, target),
        (Timestamptz, Date | Timestamp | Time)
            | (Timestamp | Date, Timestamptz)
            | (Text | Varchar | Char, Date | Timestamp | Timestamptz | Time | Interval | Other)
            | (Date | Timestamp | Timestamptz | Other | Array | Range | Multirange, Text | Varchar | Char)
    );
    depends.then(|| {
        let name = to.names.last().and_then(string).unwrap_or("another type");
        format!("a cast to {name}, which is not immutable (it depends on a setting or the catalog), so no index can hold it")
    })
}

/// Why no index can hold `left operator right`, if so.
pub(crate) fn refusal_of_operator(name: &[Node], left: Type, right: Type) -> Option<String> {
    let operator = strings(name).last().copied().unwrap_or_default();
    let depends = match operator {
        // Adding a day or a month to an instant takes the time zone; the difference of two instants does not.
        "+" | "-" => {
            (left == Type::Timestamptz && right != Type::Timestamptz) || (right == Type::Timestamptz && left == Type::Interval)
        }
        // `textanycat`
        "||" => {
            let plain = |family| matches!(family, Type::Text | Type::Varchar | Type::Char | Type::Unknown);
            let text = |family: Type| family.is_text();
            (text(left) && !plain(right)) || (text(right) && !plain(left))
        }
        _ => false,
    };
    depends.then(|| format!("operator {operator}, which is not immutable over these types, so no index can hold it"))
}

/// Whether one of [`IMMUTABLE_WITHOUT_ZONE`] takes the session's time zone over these arguments, or over what might be such.
fn depends_on_zone(name: &str, arguments: &[Type]) -> bool {
    use Type::{Date, Time, Timestamptz, Unknown};
    match (name, arguments) {
        ("date" | "overlaps", [time, ..]) => matches!(time, Timestamptz | Unknown),
        // A date becomes a `timestamp with time zone` first.
        ("date_trunc", [_, time]) => matches!(time, Date | Timestamptz | Unknown),
        // `AT TIME ZONE` names the zone.
        ("timezone", [_, time]) => matches!(time, Date | Time | Unknown),
        ("date_part" | "extract", [_, time]) => matches!(time, Timestamptz | Unknown),
        _ => true,
    }
}

fn is_in_full(name: &str) -> bool {
    IMMUTABLE_IN_FULL.iter().any(|(known, _)| *known == name)
        || matches!(name, "now" | "to_char" | "concat" | "concat_ws" | "format" | "to_date" | "to_timestamp" | "to_number")
}

#[cfg(test)]
mod tests {
    #[test]
    fn lists_are_sorted_for_the_search() {
        assert!(super::VOLATILE.is_sorted());
        assert!(super::IMMUTABLE.is_sorted());
    }
}

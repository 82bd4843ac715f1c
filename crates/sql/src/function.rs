//! What is known of built-in functions by their names alone: which are aggregates, and what their arguments and results are.

use pg_query::NodeEnum;
use pg_query::protobuf::FuncCall;

/// Built-in aggregates of common use; a call that is written as only an aggregate may be is known without this list.
const AGGREGATES: &[&str] = &[
    "any_value",
    "array_agg",
    "avg",
    "bit_and",
    "bit_or",
    "bool_and",
    "bool_or",
    "corr",
    "count",
    "covar_pop",
    "covar_samp",
    "every",
    "json_agg",
    "json_object_agg",
    "jsonb_agg",
    "jsonb_object_agg",
    "max",
    "min",
    "range_agg",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "string_agg",
    "sum",
    "var_pop",
    "var_samp",
    "variance",
    "xmlagg",
];

/// The function's name without its schema.
pub(crate) fn name(call: &FuncCall) -> &str {
    match call.funcname.last().and_then(|part| part.node.as_ref()) {
        Some(NodeEnum::String(name)) => &name.sval,
        _ => "",
    }
}

/// Whether it is an aggregate, as far as can be told.
pub(crate) fn is_aggregate(call: &FuncCall) -> bool {
    let written_as_one =
        call.agg_star || call.agg_distinct || call.agg_within_group || call.agg_filter.is_some() || !call.agg_order.is_empty();
    call.over.is_none() && (written_as_one || AGGREGATES.binary_search(&name(call)).is_ok())
}

/// Whether the argument at `position` names a unit, a configuration, an encoding or the key of a document: part of what is computed, and
/// nobody's data.
pub(crate) fn names_something(function: &str, position: usize) -> bool {
    match function {
        "date_trunc" => position != 1,
        "date_part" | "extract" | "to_tsvector" | "timezone" => position == 0,
        "encode" | "decode" | "convert_from" | "convert_to" | "digest" | "setweight" | "normalize" => position > 0,
        _ => is_extraction(function) && position > 0,
    }
}

/// Whether it takes a part out of a document.
pub(crate) fn is_extraction(function: &str) -> bool {
    matches!(function, "jsonb_extract_path" | "jsonb_extract_path_text" | "json_extract_path" | "json_extract_path_text")
}

/// Whether the operator's right side is a key of, or a path in, the document on its left.
pub(crate) fn takes_key(operator: &str) -> bool {
    matches!(operator, "->" | "->>" | "#>" | "#>>")
}

/// Whether it makes several rows of one, so that nothing that is asked of its result can be asked of the row.
pub(crate) fn returns_set(function: &str) -> bool {
    matches!(
        function,
        "unnest"
            | "generate_series"
            | "generate_subscripts"
            | "json_array_elements"
            | "json_array_elements_text"
            | "json_each"
            | "json_each_text"
            | "json_object_keys"
            | "json_populate_recordset"
            | "jsonb_array_elements"
            | "jsonb_array_elements_text"
            | "jsonb_each"
            | "jsonb_each_text"
            | "jsonb_object_keys"
            | "jsonb_path_query"
            | "regexp_matches"
            | "regexp_split_to_table"
            | "string_to_table"
    )
}

/// Whether its last argument is a full text query.
pub(crate) fn reads_text_query(function: &str) -> bool {
    matches!(function, "to_tsquery" | "plainto_tsquery" | "phraseto_tsquery" | "websearch_to_tsquery")
}

#[cfg(test)]
mod tests {
    #[test]
    fn lists_are_sorted_for_the_search() {
        assert!(super::AGGREGATES.is_sorted());
    }
}

//! What is known of functions by their names alone. The catalog does not hold functions, so this covers the built-in ones only.

use pg_query::NodeEnum;
use pg_query::protobuf::FuncCall;

/// Built-in functions that are volatile and might stand in a condition (`pg_proc.provolatile` v): their value differs from row to
/// row, so no index can be searched for it. All other functions are taken for stable.
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

/// Whether it gives another value for each row.
pub(crate) fn is_volatile(call: &FuncCall) -> bool {
    VOLATILE.binary_search(&name(call)).is_ok()
}

/// Whether it is an aggregate, as far as can be told.
pub(crate) fn is_aggregate(call: &FuncCall) -> bool {
    let written_as_one =
        call.agg_star || call.agg_distinct || call.agg_within_group || call.agg_filter.is_some() || !call.agg_order.is_empty();
    call.over.is_none() && (written_as_one || AGGREGATES.binary_search(&name(call)).is_ok())
}

#[cfg(test)]
mod tests {
    #[test]
    fn lists_are_sorted_for_the_search() {
        assert!(super::VOLATILE.is_sorted());
        assert!(super::AGGREGATES.is_sorted());
    }
}

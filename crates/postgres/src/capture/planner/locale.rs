//! How the database sorts and encodes, and the settings that plans depend on.

use std::collections::BTreeMap;

use pgtailor_model::planner::Locale;
use tokio_postgres::Transaction;

use super::super::query::{row, rows};
use crate::error::Error;

/// Settings that the planner reads (`GUC_EXPLAIN` in `guc.c` of version 14), for servers that do not tell.
const UNTIL_14: &[&str] = &[
    "constraint_exclusion",
    "cpu_index_tuple_cost",
    "cpu_operator_cost",
    "cpu_tuple_cost",
    "cursor_tuple_fraction",
    "effective_cache_size",
    "effective_io_concurrency",
    "enable_async_append",
    "enable_bitmapscan",
    "enable_gathermerge",
    "enable_hashagg",
    "enable_hashjoin",
    "enable_incremental_sort",
    "enable_indexonlyscan",
    "enable_indexscan",
    "enable_material",
    "enable_memoize",
    "enable_mergejoin",
    "enable_nestloop",
    "enable_parallel_append",
    "enable_parallel_hash",
    "enable_partition_pruning",
    "enable_partitionwise_aggregate",
    "enable_partitionwise_join",
    "enable_seqscan",
    "enable_sort",
    "enable_tidscan",
    "force_parallel_mode",
    "from_collapse_limit",
    "geqo",
    "geqo_effort",
    "geqo_generations",
    "geqo_pool_size",
    "geqo_seed",
    "geqo_selection_bias",
    "geqo_threshold",
    "hash_mem_multiplier",
    "jit",
    "jit_above_cost",
    "jit_inline_above_cost",
    "jit_optimize_above_cost",
    "join_collapse_limit",
    "maintenance_io_concurrency",
    "max_parallel_workers",
    "max_parallel_workers_per_gather",
    "min_parallel_index_scan_size",
    "min_parallel_table_scan_size",
    "parallel_leader_participation",
    "parallel_setup_cost",
    "parallel_tuple_cost",
    "random_page_cost",
    "seq_page_cost",
    "temp_buffers",
    "work_mem",
];

/// What a value's text means.
const FORMATS: &[&str] = &["DateStyle", "IntervalStyle", "TimeZone", "default_text_search_config"];

/// The database's row.
pub(super) async fn read_locale(transaction: &Transaction<'_>, version: u32) -> Result<Locale, Error> {
    let provider = if version >= 150_000 { "d.datlocprovider" } else { "'c'::\"char\"" };
    let locale = match version {
        170_000.. => "d.datlocale",
        150_000.. => "d.daticulocale",
        _ => "NULL::text",
    };
    let rules = if version >= 160_000 { "d.daticurules" } else { "NULL::text" };
    let collation_version = if version >= 150_000 { "d.datcollversion" } else { "NULL::text" };
    let sql = format!(
        "SELECT /* pgtailor */ pg_encoding_to_char(d.encoding)::text AS encoding, d.datcollate::text AS collate, d.datctype::text AS ctype,
                {provider} AS provider, {locale} AS locale, {rules} AS rules, {collation_version} AS version
           FROM pg_catalog.pg_database d WHERE d.datname = current_database()"
    );
    let found = row(transaction, "read the database's locale", &sql).await?;
    Ok(Locale {
        encoding: found.get("encoding"),
        provider: match found.get::<_, i8>("provider").cast_unsigned() {
            b'i' => "icu",
            b'b' => "builtin",
            _ => "libc",
        }
        .to_owned(),
        collate: found.get("collate"),
        ctype: found.get("ctype"),
        locale: found.get("locale"),
        rules: found.get("rules"),
        version: found.get("version"),
    })
}

/// Settings that differ from the built-in ones. `reset_val` is what a session begins with: this one has pinned some for itself.
pub(super) async fn read_settings(transaction: &Transaction<'_>, version: u32) -> Result<BTreeMap<String, String>, Error> {
    let is_read = if version >= 150_000 {
        "'EXPLAIN' = ANY (pg_settings_get_flags(s.name))".to_owned()
    } else {
        format!("s.name = ANY ('{{{}}}'::text[])", UNTIL_14.join(","))
    };
    let sql = format!(
        "SELECT /* pgtailor */ s.name, s.reset_val AS value FROM pg_catalog.pg_settings s
          WHERE ({is_read} OR s.name = ANY ('{{{}}}'::text[])) AND s.name <> 'search_path'
            AND s.reset_val IS DISTINCT FROM s.boot_val",
        FORMATS.join(",")
    );
    let found = rows(transaction, "read the planner's settings", &sql, &[]).await?;
    Ok(found.iter().map(|row| (row.get("name"), row.get::<_, Option<String>>("value").unwrap_or_default())).collect())
}

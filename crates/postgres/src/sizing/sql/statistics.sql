-- The numbers of the statistics of columns. Reads catalogs only; no value leaves the server.
-- $1 relation, $2 columns.
SELECT /* pgtailor */ s.attname::text AS name, s.null_frac::float8 AS nulls, s.avg_width::float8 AS width,
       s.n_distinct::float8 AS distinct_values, s.most_common_freqs::float8[] AS common,
       (s.most_common_elem_freqs::float8[])[1:array_length(s.most_common_elems::text::text[], 1)] AS common_elements,
       (SELECT avg(octet_length(e))::float8 FROM unnest(s.most_common_elems::text::text[]) e) AS element_width,
       s.elem_count_histogram[array_length(s.elem_count_histogram, 1)]::float8 AS elements
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname
WHERE c.oid = $1 AND s.attname = ANY ($2::text[]) AND NOT s.inherited

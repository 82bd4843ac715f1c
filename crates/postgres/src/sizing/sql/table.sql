-- The table itself: its name, its pages now, and how the server would build. Reads catalogs and file sizes.
SELECT /* pgtailor */ n.nspname::text AS schema, c.relname::text AS name,
       pg_catalog.pg_relation_size(c.oid) AS bytes, c.reltuples::float8 AS rows_then,
       pg_catalog.current_setting('block_size')::int8 AS block_size,
       (SELECT s.setting::int8 * 1024 FROM pg_catalog.pg_settings s WHERE s.name = 'maintenance_work_mem') AS memory
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = $1 AND c.relkind IN ('r', 'm')

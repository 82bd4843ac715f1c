-- Expressions of the table's indexes that have statistics. Reads catalogs only.
SELECT /* pgtailor */ i.indexrelid AS relation, a.attname::text AS name, pg_catalog.pg_get_indexdef(i.indexrelid, a.attnum, false) AS text
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indexrelid AND i.indkey[a.attnum - 1] = 0
JOIN pg_catalog.pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = a.attname
WHERE i.indrelid = $1 AND i.indpred IS NULL
ORDER BY i.indexrelid, a.attnum

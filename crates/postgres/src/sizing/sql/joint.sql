-- Distinct combinations of columns as extended statistics of a table count them. The view shows them to the table's owner and to superusers.
-- Statistics of a table with its children are marked since 15.
SELECT /* pgtailor */ j.key AS columns, j.value::float8 AS joint
FROM pg_catalog.pg_stats_ext s
JOIN pg_catalog.pg_namespace n ON n.nspname = s.schemaname
JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = s.tablename
CROSS JOIN LATERAL json_each_text(s.n_distinct::text::json) AS j (key, value)
WHERE c.oid = $1 AND to_jsonb(s) ->> 'inherited' IS DISTINCT FROM 'true'

-- Indexes that a failed build left behind; not those being built now, and not parents of partitioned indexes, which are invalid by design
-- until every partition has one. Servers 13 and later; no privilege; locks nothing.
SELECT /* pgtailor */ n.nspname::text AS schema, c.relname::text AS name
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT i.indisvalid
  AND c.relkind = 'i'
  AND n.nspname !~ '^pg_toast'
  AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index p WHERE p.index_relid = i.indexrelid)
ORDER BY 1, 2

-- The two extensions that matter: installed where, which version, installable. Servers 13 and later; no privilege; locks nothing.
SELECT /* pgtailor */ a.name::text AS name,
       a.default_version AS default_version,
       e.extversion AS version,
       n.nspname::text AS schema,
       has_schema_privilege(n.oid, 'USAGE') AS may_use_schema
FROM pg_available_extensions a
LEFT JOIN pg_extension e ON e.extname = a.name
LEFT JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE a.name IN ('pg_stat_statements', 'hypopg')

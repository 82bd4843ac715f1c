-- Tables by schema and owner, and what this role may do with them. Servers 13 and later; no privilege; locks nothing.
SELECT /* pgtailor */ n.nspname::text AS schema,
       o.rolname::text AS owner,
       pg_has_role(o.oid, 'USAGE') AS acts_as_owner,
       has_schema_privilege(n.oid, 'USAGE') AS may_use_schema,
       has_schema_privilege(n.oid, 'CREATE') AS may_create,
       count(*) AS tables,
       count(*) FILTER (WHERE has_table_privilege(c.oid, 'SELECT')) AS readable
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_roles o ON o.oid = c.relowner
WHERE c.relkind IN ('r', 'p', 'm')
  AND c.relpersistence <> 't'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pgtailor')
  AND n.nspname !~ '^pg_toast'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
GROUP BY 1, 2, 3, 4, 5
ORDER BY 1, 2

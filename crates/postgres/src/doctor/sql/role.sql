-- Server, database and role of this session. Servers 13 and later; no privilege; locks nothing.
SELECT /* pgtailor */ current_setting('server_version') AS version_text,
       pg_catalog.pg_is_in_recovery() AS is_standby,
       pg_catalog.current_database()::text AS database,
       current_user::text AS role,
       r.rolsuper AS is_superuser,
       has_database_privilege(pg_catalog.current_database(), 'CREATE') AS may_create_schema,
       (SELECT coalesce(obj_description(n.oid, 'pg_namespace'), '') FROM pg_namespace n WHERE n.nspname = 'pgtailor') AS ledger_comment,
       (SELECT has_schema_privilege(n.oid, 'USAGE') FROM pg_namespace n WHERE n.nspname = 'pgtailor') AS may_use_ledger,
       pg_has_role('pg_read_all_stats', 'USAGE') AS reads_all_stats,
       pg_has_role('pg_read_all_settings', 'USAGE') AS reads_all_settings,
       current_setting('max_prepared_transactions')::int AS max_prepared_transactions,
       (SELECT s.version FROM pg_stat_ssl s WHERE s.pid = pg_backend_pid() AND s.ssl) AS tls_version
FROM pg_roles r
WHERE r.rolname = current_user

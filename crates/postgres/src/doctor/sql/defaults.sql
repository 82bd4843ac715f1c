-- Settings that this role or this database carries into every session (ALTER ROLE … SET, ALTER DATABASE … SET). Servers 13 and later; no privilege.
SELECT /* pgtailor */ CASE WHEN s.setrole = 0 THEN 'database' ELSE 'role' END AS carrier, entry::text AS entry
FROM pg_db_role_setting s
CROSS JOIN unnest(s.setconfig) AS entry
WHERE s.setdatabase IN (0, (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()))
  AND s.setrole IN (0, (SELECT r.oid FROM pg_roles r WHERE r.rolname = current_user))
ORDER BY 1, 2

-- What the session could do to others if somebody else's code ran in it: roles that it is or may become, with what makes each powerful.
-- Servers 13 and later; no privilege; locks nothing. The session's user counts, not the current one: RESET ROLE is open to all.
SELECT /* pgtailor */ r.rolname::text AS role,
       CASE WHEN r.rolsuper THEN 'a superuser'
            WHEN r.rolcreaterole THEN 'may create roles'
            WHEN r.rolreplication THEN 'may replicate'
            WHEN r.rolbypassrls THEN 'passes row-level security'
            ELSE 'may use the server''s files, programs or sessions'
       END AS power
  FROM pg_roles r
 WHERE pg_has_role(session_user, r.oid, 'MEMBER')
   AND (r.rolsuper OR r.rolcreaterole OR r.rolreplication OR r.rolbypassrls
        OR r.rolname IN ('pg_execute_server_program', 'pg_write_server_files', 'pg_read_server_files', 'pg_signal_backend',
                         'pg_write_all_data', 'pg_create_subscription'))
 ORDER BY r.rolsuper DESC, r.rolname
 LIMIT 1

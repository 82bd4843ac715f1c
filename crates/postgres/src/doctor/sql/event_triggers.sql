-- Event triggers that run at index changes. Servers 13 and later; no privilege; locks nothing.
SELECT /* pgtailor */ t.evtname::text AS name, t.evtevent::text AS event
FROM pg_event_trigger t
WHERE t.evtenabled <> 'D'
  AND t.evtevent IN ('ddl_command_start', 'ddl_command_end', 'sql_drop')
  AND (t.evttags IS NULL OR t.evttags && ARRAY['CREATE INDEX', 'DROP INDEX', 'REINDEX', 'CREATE SCHEMA', 'CREATE TABLE'])
ORDER BY 1

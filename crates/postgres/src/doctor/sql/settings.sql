-- Settings that decide whether statements are counted. A setting that this role may not read is absent. Servers 13 and later; locks nothing.
SELECT /* pgtailor */ s.name::text AS name, s.setting::text AS value
FROM pg_settings s
WHERE s.name IN ('compute_query_id', 'pg_stat_statements.track', 'shared_preload_libraries')

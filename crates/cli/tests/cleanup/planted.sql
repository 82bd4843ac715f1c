-- Faults, each on a table of its own that is called like the check that finds it. `---` ends a session, so that what was counted in it is
-- known to what follows.
CREATE EXTENSION pg_stat_statements;

CREATE TABLE missing_index (id int PRIMARY KEY, owner int, filler text);
INSERT INTO missing_index SELECT i, i % 5000, repeat('x', 100) FROM generate_series(1, 20000) i;

CREATE TABLE slow_statement (id int PRIMARY KEY, note text);
INSERT INTO slow_statement SELECT i, 'note' FROM generate_series(1, 100) i;

CREATE TABLE function_on_column (id int PRIMARY KEY, email text);
INSERT INTO function_on_column SELECT i, 'c' || i || '@example.org' FROM generate_series(1, 40000) i;

CREATE TABLE offset_paging (id int PRIMARY KEY, note text);
INSERT INTO offset_paging SELECT i, repeat('x', 100) FROM generate_series(1, 60000) i;

CREATE TABLE unbounded_result (id int PRIMARY KEY, note text);
INSERT INTO unbounded_result SELECT i, 'note ' || i FROM generate_series(1, 30000) i;

CREATE TABLE unindexed_parent (id int PRIMARY KEY);
INSERT INTO unindexed_parent SELECT generate_series(1, 1000);
CREATE TABLE unindexed_foreign_key (id int PRIMARY KEY, parent int CONSTRAINT unindexed_reference REFERENCES unindexed_parent, filler text);
INSERT INTO unindexed_foreign_key SELECT i, i % 900 + 1, repeat('x', 50) FROM generate_series(1, 20000) i;

CREATE COLLATION outdated (provider = icu, locale = 'de');
CREATE TABLE outdated_collation (id int PRIMARY KEY, name text COLLATE outdated);
INSERT INTO outdated_collation SELECT i, 'name ' || i FROM generate_series(1, 500) i;
CREATE INDEX outdated_name ON outdated_collation (name);
UPDATE pg_collation SET collversion = '1' WHERE collname = 'outdated';

CREATE TABLE invalid_index (id int PRIMARY KEY, a int);
CREATE INDEX invalid_a ON invalid_index (a);
CREATE INDEX invalid_a_ccnew ON invalid_index (a);
UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'invalid_a_ccnew'::regclass;

CREATE TABLE unselective_index (id int PRIMARY KEY, state int, owner int, filler text);
INSERT INTO unselective_index SELECT i, i % 3, i % 700, repeat('x', 250) FROM generate_series(1, 30000) i;
CREATE INDEX unselective_state ON unselective_index (state);

CREATE TABLE low_cardinality_index (id int PRIMARY KEY, done bool);
INSERT INTO low_cardinality_index SELECT i, i % 100 > 0 FROM generate_series(1, 200000) i;
CREATE INDEX low_cardinality_done ON low_cardinality_index (done);

CREATE TABLE unused_index (id int PRIMARY KEY, note text);
INSERT INTO unused_index SELECT i, 'note ' || i FROM generate_series(1, 50000) i;
CREATE INDEX unused_note ON unused_index (note);

CREATE TABLE duplicate_index (id int PRIMARY KEY, a int, b text);
CREATE INDEX duplicate_one ON duplicate_index (lower(b), a) WHERE a > 0;
CREATE INDEX duplicate_other ON duplicate_index (lower((b)::text), a) WHERE (a > 0);

CREATE TABLE redundant_index (id int PRIMARY KEY, a int, b int);
INSERT INTO redundant_index SELECT i, i, i FROM generate_series(1, 20000) i;
CREATE INDEX redundant_narrow ON redundant_index (a);
CREATE INDEX redundant_wide ON redundant_index (a, b);
COMMENT ON INDEX redundant_narrow IS 'comes back with its comment';

CREATE TABLE hot_blocking_index (id int PRIMARY KEY, seen int) WITH (fillfactor = 40);
INSERT INTO hot_blocking_index SELECT i, i FROM generate_series(1, 2500) i;
CREATE INDEX hot_blocking_seen ON hot_blocking_index (seen);

CREATE TABLE many_indexes (id int PRIMARY KEY, a int, b int, c int, d int, e int, f int, g int);
CREATE INDEX ON many_indexes (a); CREATE INDEX ON many_indexes (b); CREATE INDEX ON many_indexes (c); CREATE INDEX ON many_indexes (d);
CREATE INDEX ON many_indexes (e); CREATE INDEX ON many_indexes (f); CREATE INDEX ON many_indexes (g);
INSERT INTO many_indexes SELECT i, i, i, i, i, i, i, i FROM generate_series(1, 12000) i;

CREATE TABLE bloated_index (a int CONSTRAINT bloated_key PRIMARY KEY);
INSERT INTO bloated_index SELECT generate_series(1, 60000);
DELETE FROM bloated_index WHERE a % 5 > 0;

CREATE TABLE dead_rows (id int PRIMARY KEY, note text);
INSERT INTO dead_rows SELECT i, 'note' FROM generate_series(1, 20000) i;

CREATE TABLE no_primary_key (at timestamptz NOT NULL, line text);
INSERT INTO no_primary_key SELECT now(), 'line ' || i FROM generate_series(1, 1000) i;

CREATE TABLE mismatched_parent (id bigint PRIMARY KEY);
CREATE TABLE mismatched_foreign_key (id int PRIMARY KEY, parent int CONSTRAINT mismatched_reference REFERENCES mismatched_parent);
CREATE INDEX ON mismatched_foreign_key (parent);

CREATE TABLE unvalidated_parent (id int PRIMARY KEY);
CREATE TABLE unvalidated_foreign_key (id int PRIMARY KEY, parent int);
CREATE INDEX ON unvalidated_foreign_key (parent);
ALTER TABLE unvalidated_foreign_key ADD CONSTRAINT unvalidated_reference FOREIGN KEY (parent) REFERENCES unvalidated_parent NOT VALID;

CREATE TABLE exhausted_sequence (id serial PRIMARY KEY);
SELECT setval('exhausted_sequence_id_seq', 1700000000);
INSERT INTO exhausted_sequence DEFAULT VALUES;

CREATE TABLE disabled_autovacuum (id int PRIMARY KEY, b int) WITH (autovacuum_enabled = off);
INSERT INTO disabled_autovacuum SELECT i, 0 FROM generate_series(1, 2000) i;

CREATE TABLE late_autovacuum (id int PRIMARY KEY, b int);
INSERT INTO late_autovacuum SELECT i, 0 FROM generate_series(1, 1000000) i;
UPDATE late_autovacuum SET b = 1 WHERE id <= 110000;

CREATE TABLE unfrozen_rows (id int PRIMARY KEY) WITH (autovacuum_freeze_max_age = 100000);
INSERT INTO unfrozen_rows SELECT generate_series(1, 2000);

CREATE TABLE bloated_table (id int PRIMARY KEY, note text);
INSERT INTO bloated_table SELECT i, repeat('x', 450) FROM generate_series(1, 20000) i;
DELETE FROM bloated_table WHERE id % 10 <> 0;

CREATE TABLE crowded_pages (id int PRIMARY KEY, beat int);
INSERT INTO crowded_pages SELECT i, 0 FROM generate_series(1, 12000) i;

-- Two hundred values, each a little rarer than the one before.
CREATE TABLE low_statistics_target (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, site int);
INSERT INTO low_statistics_target (site) SELECT i FROM generate_series(1, 200) i, generate_series(1, 10000 / i);
ALTER TABLE low_statistics_target ALTER site SET STATISTICS 10;

CREATE TABLE correlated_columns (id int PRIMARY KEY, city int, country int);
INSERT INTO correlated_columns SELECT i, i % 100, i % 100 / 2 FROM generate_series(1, 20000) i;

CREATE TABLE json_column (id int PRIMARY KEY, payload json);
INSERT INTO json_column SELECT i, '{"kind": "click"}' FROM generate_series(1, 100) i;

CREATE TABLE random_uuid_key (id uuid PRIMARY KEY DEFAULT gen_random_uuid());
INSERT INTO random_uuid_key SELECT FROM generate_series(1, 280000);
---
VACUUM ANALYZE;
---
DELETE FROM dead_rows WHERE id <= 12000;

CREATE TABLE missing_statistics (id int PRIMARY KEY, a int);
INSERT INTO missing_statistics SELECT i, i FROM generate_series(1, 20000) i;

CREATE TABLE unvacuumed_inserts (id int PRIMARY KEY, b text);
INSERT INTO unvacuumed_inserts SELECT i, repeat('x', 130) FROM generate_series(1, 70000) i;

UPDATE disabled_autovacuum SET b = 1 WHERE id <= 600;

-- A transaction number for each turn, of which unfrozen_rows shall not see more than 100,000 unfrozen.
DO $$ BEGIN FOR i IN 1..130000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$;
---
ANALYZE dead_rows, unvacuumed_inserts;

-- What is large is used, but for the one index that is not.
SET enable_seqscan = off;
SELECT format('SELECT count(filler) FROM unselective_index WHERE state = 1 AND owner = %s', i) FROM generate_series(1, 110) i \gexec
SELECT count(*) FROM low_cardinality_index WHERE NOT done;
SELECT format('SELECT total FROM orders_%s WHERE customer_id = 7 ORDER BY created_at DESC LIMIT 5', n) FROM unnest(ARRAY[17, 33, 50]) n \gexec
SELECT format('SELECT total FROM orders_%s WHERE created_at = timestamptz ''2024-01-02''', n) FROM unnest(ARRAY[17, 33, 50]) n \gexec
SELECT format('SELECT count(*) FROM orders_%s WHERE state = ''open'' AND created_at < timestamptz ''2024-01-02''', n)
  FROM unnest(ARRAY[17, 33, 50]) n \gexec
SELECT format('SELECT amount FROM item_%s WHERE product = 5', n) FROM unnest(ARRAY[17, 33, 50]) n \gexec
SELECT pg_stat_statements_reset();
---
SELECT 'SELECT id FROM missing_index WHERE owner = ' || i FROM generate_series(1, 12) i \gexec
SELECT 'SELECT id, pg_sleep(0.11) FROM slow_statement WHERE id = ' || i FROM generate_series(1, 12) i \gexec
SELECT format('SELECT id FROM function_on_column WHERE lower(email) = ''c%s@example.org''', i) FROM generate_series(1, 8) i \gexec
SELECT format('SELECT id, note FROM offset_paging ORDER BY id LIMIT 20 OFFSET %s', i * 6000) FROM generate_series(1, 9) i \gexec
SELECT 'SELECT id, note FROM unbounded_result' FROM generate_series(1, 12) \gexec
DELETE FROM unindexed_parent WHERE id > 990;
UPDATE hot_blocking_index SET seen = seen + 1;
UPDATE hot_blocking_index SET seen = seen + 1;
UPDATE hot_blocking_index SET seen = seen + 1;
UPDATE hot_blocking_index SET seen = seen + 1;
UPDATE hot_blocking_index SET seen = seen + 1;
UPDATE crowded_pages SET beat = beat + 1;
SELECT count(*) FROM low_statistics_target WHERE site = 11;
SELECT id FROM correlated_columns WHERE city = 7 AND country = 3;
SELECT id FROM json_column WHERE payload ->> 'kind' = 'click';
---
VACUUM ANALYZE hot_blocking_index, crowded_pages;

-- The counters began forty days ago: that is all that this database says otherwise than it is.
SET allow_system_table_mods = on;
DO $$ BEGIN
    EXECUTE 'CREATE OR REPLACE VIEW pg_catalog.pg_stat_database AS ' || regexp_replace(pg_get_viewdef('pg_catalog.pg_stat_database'::regclass),
        'pg_stat_get_db_stat_reset_time\(([a-z.]+)\)',
        'coalesce(pg_stat_get_db_stat_reset_time(\1), pg_postmaster_start_time()) - interval ''40 days''');
END $$;

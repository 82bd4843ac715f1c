//! Faults of tables and of what is known about them.

use super::{CASE, Case};

/// In the order of the manual.
pub const CASES: &[Case] = &[
    Case {
        check: "missing-statistics",
        schema: "CREATE TABLE t (a int)",
        planted: "INSERT INTO t SELECT i FROM generate_series(1, 50000) i",
        healthy: "INSERT INTO t SELECT i FROM generate_series(1, 50000) i --- ANALYZE t",
        traffic: "SELECT count(*) FROM t",
        ..CASE
    },
    Case {
        check: "dead-rows",
        schema: "CREATE TABLE t (a int, b int); INSERT INTO t SELECT i, 0 FROM generate_series(1, 20000) i",
        planted: "UPDATE t SET b = 1; UPDATE t SET b = 2 --- ANALYZE t",
        healthy: "UPDATE t SET b = 1 WHERE a < 1000 --- ANALYZE t",
        ..CASE
    },
    Case {
        check: "disabled-autovacuum",
        schema: "CREATE TABLE t (a int, b int); INSERT INTO t SELECT i, 0 FROM generate_series(1, 2000) i",
        planted: "ALTER TABLE t SET (autovacuum_enabled = off)",
        traffic: "UPDATE t SET b = b + 1",
        ..CASE
    },
    Case {
        // As a million rows with the default of 0.2.
        check: "late-autovacuum",
        schema: "CREATE TABLE t (a int, b int); INSERT INTO t SELECT i, 0 FROM generate_series(1, 50000) i --- ANALYZE t",
        healthy: "ALTER TABLE t SET (autovacuum_vacuum_scale_factor = 0.05)",
        traffic: "UPDATE t SET b = b + 1 WHERE a % 5 = 0",
        settings: &[("autovacuum_vacuum_scale_factor", "5")],
        ..CASE
    },
    Case {
        check: "unvacuumed-inserts",
        schema: "CREATE TABLE t (a int, b text); INSERT INTO t SELECT i, repeat('x', 100) FROM generate_series(1, 100000) i",
        planted: "ANALYZE t",
        healthy: "VACUUM ANALYZE t",
        ..CASE
    },
    Case {
        // Four thousand transactions, each with a number of its own, against a limit of a thousand.
        check: "unfrozen-rows",
        schema: "CREATE TABLE t (a int); INSERT INTO t SELECT i FROM generate_series(1, 2000) i;
                 DO $$ BEGIN FOR i IN 1..4000 LOOP BEGIN INSERT INTO t VALUES (i); EXCEPTION WHEN others THEN NULL; END; END LOOP; END $$",
        healthy: "VACUUM (FREEZE) t",
        settings: &[("autovacuum_freeze_max_age", "1000")],
        ..CASE
    },
    Case {
        check: "bloated-table",
        schema: "CREATE TABLE t (id int PRIMARY KEY, note text);
                 INSERT INTO t SELECT i, repeat('x', 150) FROM generate_series(1, 60000) i",
        planted: "DELETE FROM t WHERE id % 10 <> 0 --- VACUUM ANALYZE t",
        healthy: "DELETE FROM t WHERE id % 10 = 0 --- VACUUM ANALYZE t",
        ..CASE
    },
    Case {
        check: "crowded-pages",
        schema: "CREATE TABLE t (id int PRIMARY KEY, beat int);",
        planted: "INSERT INTO t SELECT i, 0 FROM generate_series(1, 30000) i",
        healthy: "ALTER TABLE t SET (fillfactor = 45); INSERT INTO t SELECT i, 0 FROM generate_series(1, 30000) i",
        traffic: "UPDATE t SET beat = beat + 1",
        ..CASE
    },
    Case {
        check: "exhausted-sequence",
        schema: "CREATE TABLE t (id serial PRIMARY KEY)",
        planted: "SELECT setval('t_id_seq', 1700000000)",
        healthy: "SELECT setval('t_id_seq', 1000000000)",
        traffic: "INSERT INTO t DEFAULT VALUES",
        ..CASE
    },
    Case {
        // A tenth of the values is nothing to speak of, but the rate is.
        check: "exhausted-sequence",
        schema: "CREATE TABLE t (id smallserial PRIMARY KEY)",
        planted: "INSERT INTO t SELECT nextval('t_id_seq') FROM generate_series(1, 5000)",
        healthy: "INSERT INTO t SELECT i FROM generate_series(1, 5000) i",
        traffic: "INSERT INTO t (id) VALUES (DEFAULT) ON CONFLICT DO NOTHING",
        days_later: 30,
        ..CASE
    },
    Case {
        check: "no-primary-key",
        planted: "CREATE TABLE t (a int NOT NULL); CREATE INDEX ON t (a)",
        healthy: "CREATE TABLE t (a int NOT NULL); CREATE UNIQUE INDEX ON t (a)",
        traffic: "INSERT INTO t SELECT max(a) + 1 FROM (SELECT a FROM t UNION ALL SELECT 0) known (a)",
        times: 3,
        ..CASE
    },
    Case {
        check: "mismatched-foreign-key",
        schema: "CREATE TABLE parent (id bigint PRIMARY KEY, code varchar(10) UNIQUE)",
        planted: "CREATE TABLE t (parent int REFERENCES parent)",
        healthy: "CREATE TABLE t (parent bigint REFERENCES parent, code text REFERENCES parent (code))",
        ..CASE
    },
    Case {
        check: "unvalidated-foreign-key",
        schema: "CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE t (parent int)",
        planted: "ALTER TABLE t ADD FOREIGN KEY (parent) REFERENCES parent NOT VALID",
        healthy: "ALTER TABLE t ADD FOREIGN KEY (parent) REFERENCES parent",
        ..CASE
    },
    Case {
        // Two hundred values, each a little rarer than the one before.
        check: "low-statistics-target",
        schema: "CREATE TABLE t (site int);
                 INSERT INTO t SELECT i FROM generate_series(1, 200) i, generate_series(1, 20000 / i)",
        planted: "ALTER TABLE t ALTER site SET STATISTICS 10; ANALYZE t",
        healthy: "ALTER TABLE t ALTER site SET STATISTICS 200; ANALYZE t",
        traffic: "SELECT count(*) FROM t WHERE site = 11",
        ..CASE
    },
    Case {
        check: "correlated-columns",
        schema: "CREATE TABLE t (id int, city int, country int)",
        planted: "INSERT INTO t SELECT i, i % 100, i % 100 / 2 FROM generate_series(1, 20000) i; ANALYZE t",
        healthy: "INSERT INTO t SELECT i, i % 100, i / 100 % 50 FROM generate_series(1, 20000) i; ANALYZE t",
        traffic: "SELECT id FROM t WHERE city = 7 AND country = 3",
        times: 3,
        ..CASE
    },
    Case {
        check: "json-column",
        planted: "CREATE TABLE t (id int, payload json)",
        healthy: "CREATE TABLE t (id int, payload jsonb)",
        schema: "",
        traffic: "SELECT id FROM t WHERE payload ->> 'kind' = 'click'",
        ..CASE
    },
    Case {
        check: "random-uuid-key",
        planted: "CREATE TABLE t (id uuid PRIMARY KEY DEFAULT gen_random_uuid())",
        healthy: "CREATE TABLE t (id uuid PRIMARY KEY DEFAULT ('00000000-0000-0000-0000-' || lpad(to_hex(nextval('n')), 12, '0'))::uuid)",
        schema: "CREATE SEQUENCE n",
        traffic: "INSERT INTO t SELECT FROM generate_series(1, 70000)",
        times: 4,
        ..CASE
    },
];

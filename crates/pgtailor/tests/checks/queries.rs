//! Faults of statements. The fault is the statement, so it is planted: psql's `\gexec` sends each row of what is before it as a statement.

use super::{CASE, Case};

/// Two tables that are worth an index, with a foreign key.
const SHOP: &str = "CREATE TABLE customers (id int PRIMARY KEY, email text, region int);
    INSERT INTO customers SELECT i, 'c' || i || '@example.org', i % 50 FROM generate_series(1, 20000) i;
    CREATE TABLE t (id int PRIMARY KEY, customer_id int REFERENCES customers, number int, at timestamptz, kind int, note text);
    INSERT INTO t SELECT i, i % 20000 + 1, i, now() - i * interval '1 minute', i % 400, repeat('x', 200) FROM generate_series(1, 60000) i;
    CREATE INDEX ON t (at); CREATE INDEX ON t (number); CREATE INDEX ON customers (email);
    ANALYZE";

/// In the order of the manual.
pub const CASES: &[Case] = &[
    Case {
        check: "slow-statement",
        schema: SHOP,
        planted: r"SELECT 'SELECT id, pg_sleep(0.15) FROM t WHERE id = ' || i FROM generate_series(1, 12) i \gexec",
        healthy: r"SELECT 'SELECT id, note FROM t WHERE id = ' || i FROM generate_series(1, 12) i \gexec",
        ..CASE
    },
    Case {
        check: "n-plus-one",
        table: "customers",
        schema: "CREATE TABLE customers (id int PRIMARY KEY, region int); INSERT INTO customers SELECT i, i FROM generate_series(1, 500) i;
                 CREATE TABLE t (id int, customer_id int REFERENCES customers, kind int);
                 INSERT INTO t SELECT i, i % 500 + 1, i % 40 FROM generate_series(1, 2000) i; ANALYZE",
        planted: r"SELECT 'SELECT id, customer_id FROM t WHERE kind = ' || i FROM generate_series(0, 39) i \gexec
                   SELECT 'SELECT region FROM customers WHERE id = ' || i FROM generate_series(1, 2000) i \gexec",
        healthy: r"SELECT 'SELECT id, customer_id FROM t WHERE kind = ' || i FROM generate_series(0, 39) i \gexec
                   SELECT 'SELECT id, region FROM customers WHERE id = ANY (ARRAY[' || i || ', 7, 8, 9])' FROM generate_series(1, 40) i \gexec",
        ..CASE
    },
    Case {
        check: "offset-paging",
        schema: SHOP,
        planted: r"SELECT format('SELECT id, note FROM t ORDER BY id LIMIT 20 OFFSET %s', i * 1500) FROM generate_series(1, 30) i \gexec",
        healthy: r"SELECT format('SELECT id, note FROM t WHERE id > %s ORDER BY id LIMIT 20', i * 1500) FROM generate_series(1, 30) i \gexec",
        ..CASE
    },
    Case {
        check: "not-in-subquery",
        schema: "CREATE TABLE t (customer_id int, region int); INSERT INTO t SELECT i, i % 9 FROM generate_series(1, 30000) i;
                 CREATE TABLE customers (id int PRIMARY KEY); INSERT INTO customers SELECT i FROM generate_series(1, 20000) i; ANALYZE",
        planted: r"SELECT 'SELECT id FROM customers WHERE id NOT IN (SELECT customer_id FROM t WHERE region < ' || i || ')'
                     FROM generate_series(1, 12) i \gexec",
        healthy: r"SELECT 'SELECT id FROM customers c WHERE NOT EXISTS (SELECT 1 FROM t WHERE customer_id = c.id AND region < ' || i || ')'
                     FROM generate_series(1, 12) i \gexec",
        ..CASE
    },
    Case {
        check: "cartesian-product",
        table: "customers",
        schema: SHOP,
        planted: r"SELECT 'SELECT count(*) FROM t, customers c WHERE t.kind = ' || i || ' AND c.region = 7' FROM generate_series(1, 12) i \gexec",
        healthy: r"SELECT 'SELECT count(*) FROM t, customers c WHERE t.kind = ' || i || ' AND c.id = t.customer_id'
                     FROM generate_series(1, 12) i \gexec",
        ..CASE
    },
    Case {
        check: "function-on-column",
        table: "customers",
        schema: SHOP,
        planted: "SELECT 1",
        healthy: "CREATE INDEX ON customers (lower(email)); ANALYZE customers",
        traffic: "SELECT id FROM customers WHERE lower(email) = 'c77@example.org'",
        times: 40,
        ..CASE
    },
    Case {
        check: "implicit-cast",
        schema: SHOP,
        planted: r"SELECT 'SELECT note FROM t WHERE id = ''' || i || '''::numeric' FROM generate_series(1, 30) i \gexec",
        healthy: r"SELECT 'SELECT note FROM t WHERE id = ''' || i || '''::bigint' FROM generate_series(1, 3000) i \gexec",
        ..CASE
    },
    Case {
        check: "select-star",
        schema: "CREATE TABLE t (device int, at int, note text, more text);
                 INSERT INTO t SELECT i % 20, i, repeat('x', 200), repeat('y', 100) FROM generate_series(1, 40000) i;
                 CREATE INDEX ON t (device, at); VACUUM ANALYZE t",
        planted: r"SELECT 'SELECT * FROM t WHERE device = ' || i || ' ORDER BY at' FROM generate_series(1, 19) i \gexec",
        healthy: r"SELECT 'SELECT device, at FROM t WHERE device = ' || i || ' ORDER BY at' FROM generate_series(1, 19) i \gexec",
        ..CASE
    },
    Case {
        check: "unbounded-result",
        schema: SHOP,
        planted: r"SELECT 'SELECT id, note FROM t' FROM generate_series(1, 12) i \gexec",
        healthy: r"SELECT 'SELECT id, note FROM t ORDER BY id LIMIT 20000' FROM generate_series(1, 12) i \gexec",
        ..CASE
    },
    Case {
        check: "or-across-tables",
        schema: SHOP,
        planted: r"SELECT format('SELECT t.id FROM t JOIN customers c ON c.id = t.customer_id WHERE t.number = %s OR c.email = ''c%s@example.org''', i, i)
                     FROM generate_series(1, 20) i \gexec",
        healthy: r"SELECT format('SELECT t.id FROM t JOIN customers c ON c.id = t.customer_id WHERE t.number = %s OR t.id = %s', i, i)
                     FROM generate_series(1, 20) i \gexec",
        ..CASE
    },
    Case {
        check: "early-stop",
        schema: SHOP,
        planted: "SELECT 1",
        healthy: "CREATE INDEX ON t (kind, at DESC); ANALYZE t",
        traffic: "SELECT id FROM t WHERE kind = 390 AND note > 'a' ORDER BY at DESC LIMIT 40",
        times: 60,
        ..CASE
    },
    Case {
        check: "temp-spill",
        schema: SHOP,
        planted: r"ALTER DATABASE :DBNAME SET work_mem = '64kB'
                   --- SELECT 'SELECT note, id FROM t ORDER BY note, customer_id OFFSET 59990' FROM generate_series(1, 12) i \gexec",
        healthy: r"ALTER DATABASE :DBNAME SET work_mem = '256MB'
                   --- SELECT 'SELECT note, id FROM t ORDER BY note, customer_id OFFSET 59990' FROM generate_series(1, 12) i \gexec",
        ..CASE
    },
];

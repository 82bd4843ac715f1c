//! Faults of indexes, and indexes that are missing.

use super::{CASE, Case};

/// In the order of the manual.
pub const CASES: &[Case] = &[
    Case {
        check: "missing-index",
        schema: "CREATE TABLE t (id int PRIMARY KEY, owner int, filler text);
                 INSERT INTO t SELECT i, i % 5000, repeat('x', 100) FROM generate_series(1, 50000) i",
        planted: "ANALYZE t",
        healthy: "ANALYZE t; CREATE INDEX ON t (owner)",
        traffic: "SELECT id FROM t WHERE owner = 7",
        times: 12,
        ..CASE
    },
    Case {
        check: "invalid-index",
        schema: "CREATE TABLE t (a int); INSERT INTO t SELECT 1 FROM generate_series(1, 10)",
        planted: "CREATE INDEX t_a ON t (a); UPDATE pg_index SET indisvalid = false WHERE indexrelid = 't_a'::regclass",
        healthy: "CREATE INDEX t_a ON t (a)",
        ..CASE
    },
];

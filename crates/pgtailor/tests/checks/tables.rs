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
];

//! A database of TPC-H, with the generator's data, its keys and a few more indexes.

use pgtailor_testkit::tpch as data;

use super::{Source, script};

/// The share of the smallest database of the specification: 60,175 rows in `lineitem`.
const SCALE: f64 = 0.01;

/// Indexes of each kind that one would add.
const INDEXES: &str = "
    CREATE INDEX ON lineitem (l_shipdate);
    CREATE INDEX ON lineitem (l_partkey, l_suppkey) INCLUDE (l_quantity);
    CREATE INDEX ON lineitem USING brin (l_receiptdate);
    CREATE INDEX ON orders (o_custkey, o_orderdate DESC);
    CREATE INDEX ON customer (c_mktsegment) WHERE c_acctbal > 0;
    CREATE INDEX ON part (p_name text_pattern_ops);
    VACUUM ANALYZE";

/// The source.
pub async fn tpch() -> Source {
    let source = Source::with(data::SCHEMA).await;
    for (table, lines) in data::tables(SCALE) {
        let mut rows = String::new();
        for line in lines {
            rows.push_str(&line);
            rows.push('\n');
        }
        source.copy(&format!("COPY {table} FROM STDIN (DELIMITER '|')"), rows).await;
    }
    for statement in script::statements(data::KEYS).iter().chain(&script::statements(INDEXES)) {
        source.run(statement).await;
    }
    source
}

/// The queries of the specification.
pub fn queries() -> Vec<String> {
    data::queries().into_iter().map(|(_, text)| text.to_owned()).collect()
}

//! A database of TPC-H, with the generator's data, its keys and a few more indexes.

#[path = "../../../sql/tests/script/mod.rs"]
mod script;

use std::fmt::{Display, Write as _};

use tpchgen::generators::{
    CustomerGenerator, LineItemGenerator, NationGenerator, OrderGenerator, PartGenerator, PartSuppGenerator, RegionGenerator,
    SupplierGenerator,
};

use super::Source;

const SCHEMA: &str = include_str!("../../../sql/tests/tpch/schema.sql");
const QUERIES: &str = include_str!("../../../sql/tests/tpch/queries.sql");

/// The share of the smallest database of the specification: 60,175 rows in `lineitem`.
const SCALE: f64 = 0.01;

/// The keys of the specification (clause 1.4.2), and indexes of each kind that one would add.
const KEYS: &str = "
    ALTER TABLE region ADD PRIMARY KEY (r_regionkey);
    ALTER TABLE nation ADD PRIMARY KEY (n_nationkey), ADD FOREIGN KEY (n_regionkey) REFERENCES region;
    ALTER TABLE part ADD PRIMARY KEY (p_partkey);
    ALTER TABLE supplier ADD PRIMARY KEY (s_suppkey), ADD FOREIGN KEY (s_nationkey) REFERENCES nation;
    ALTER TABLE customer ADD PRIMARY KEY (c_custkey), ADD FOREIGN KEY (c_nationkey) REFERENCES nation;
    ALTER TABLE partsupp ADD PRIMARY KEY (ps_partkey, ps_suppkey), ADD FOREIGN KEY (ps_partkey) REFERENCES part,
      ADD FOREIGN KEY (ps_suppkey) REFERENCES supplier;
    ALTER TABLE orders ADD PRIMARY KEY (o_orderkey), ADD FOREIGN KEY (o_custkey) REFERENCES customer;
    ALTER TABLE lineitem ADD PRIMARY KEY (l_orderkey, l_linenumber), ADD FOREIGN KEY (l_orderkey) REFERENCES orders,
      ADD FOREIGN KEY (l_partkey, l_suppkey) REFERENCES partsupp;
    CREATE INDEX ON lineitem (l_shipdate);
    CREATE INDEX ON lineitem (l_partkey, l_suppkey) INCLUDE (l_quantity);
    CREATE INDEX ON lineitem USING brin (l_receiptdate);
    CREATE INDEX ON orders (o_custkey, o_orderdate DESC);
    CREATE INDEX ON customer (c_mktsegment) WHERE c_acctbal > 0;
    CREATE INDEX ON part (p_name text_pattern_ops);
    VACUUM ANALYZE";

/// Rows as the specification's own generator writes them: a bar behind each column.
async fn fill<T: Display>(source: &Source, table: &str, rows: impl Iterator<Item = T>) {
    let mut lines = String::new();
    for row in rows {
        let row = row.to_string();
        writeln!(lines, "{}", row.trim_end_matches('|')).expect("a string takes everything");
    }
    source.copy(&format!("COPY {table} FROM STDIN (DELIMITER '|')"), lines).await;
}

/// The source.
pub async fn tpch() -> Source {
    let source = Source::with(SCHEMA).await;
    fill(&source, "region", RegionGenerator::new(SCALE, 1, 1).iter()).await;
    fill(&source, "nation", NationGenerator::new(SCALE, 1, 1).iter()).await;
    fill(&source, "part", PartGenerator::new(SCALE, 1, 1).iter()).await;
    fill(&source, "supplier", SupplierGenerator::new(SCALE, 1, 1).iter()).await;
    fill(&source, "partsupp", PartSuppGenerator::new(SCALE, 1, 1).iter()).await;
    fill(&source, "customer", CustomerGenerator::new(SCALE, 1, 1).iter()).await;
    fill(&source, "orders", OrderGenerator::new(SCALE, 1, 1).iter()).await;
    fill(&source, "lineitem", LineItemGenerator::new(SCALE, 1, 1).iter()).await;
    for statement in script::statements(KEYS) {
        source.run(&statement).await;
    }
    source
}

/// The queries of the specification.
pub fn queries() -> Vec<String> {
    script::statements(QUERIES)
}

//! TPC-H: its tables, keys and queries, and its rows at any scale, line by line as `COPY` takes them.

use std::fmt::Display;

use tpchgen::generators::{
    CustomerGenerator, LineItemGenerator, NationGenerator, OrderGenerator, PartGenerator, PartSuppGenerator, RegionGenerator,
    SupplierGenerator,
};

/// The eight tables, without keys.
pub const SCHEMA: &str = include_str!("../../sql/tests/tpch/schema.sql");

/// The 22 queries, each behind a comment `-- 7: its name`.
const QUERIES: &str = include_str!("../../sql/tests/tpch/queries.sql");

/// Primary and foreign keys.
pub const KEYS: &str = "
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
";

/// Rows of one table, each a line without its end, columns parted by `|`.
pub type Lines = Box<dyn Iterator<Item = String>>;

/// The tables at `scale`, in an order in which foreign keys hold.
pub fn tables(scale: f64) -> [(&'static str, Lines); 8] {
    [
        ("region", lines(RegionGenerator::new(scale, 1, 1).iter())),
        ("nation", lines(NationGenerator::new(scale, 1, 1).iter())),
        ("part", lines(PartGenerator::new(scale, 1, 1).iter())),
        ("supplier", lines(SupplierGenerator::new(scale, 1, 1).iter())),
        ("partsupp", lines(PartSuppGenerator::new(scale, 1, 1).iter())),
        ("customer", lines(CustomerGenerator::new(scale, 1, 1).iter())),
        ("orders", lines(OrderGenerator::new(scale, 1, 1).iter())),
        ("lineitem", lines(LineItemGenerator::new(scale, 1, 1).iter())),
    ]
}

/// The queries by number, without the semicolon.
pub fn queries() -> Vec<(usize, &'static str)> {
    let parts = QUERIES.split("\n-- ").filter_map(|part| {
        let (head, text) = part.split_once('\n')?;
        Some((head.split_once(':')?.0.parse().ok()?, text.trim().trim_end_matches(';')))
    });
    parts.collect()
}

fn lines<T: Display + 'static>(rows: impl Iterator<Item = T> + 'static) -> Lines {
    Box::new(rows.map(|row| row.to_string().trim_end_matches('|').to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_queries_are_found_with_their_numbers() {
        let numbers: Vec<usize> = queries().into_iter().map(|(number, _)| number).collect();
        assert_eq!(numbers, (1..=22).collect::<Vec<_>>());
    }
}

//! A schema, an index catalog, a workload and a data generator that belong together.

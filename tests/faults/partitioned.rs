//! F: partitioned tables.

use crate::place::{Place, entry, printed};

fn partitioned(name: &str) -> Place<'static> {
    let mut place = Place::new(name);
    place.sql(
        "CREATE TABLE measured (id int, at date, v int) PARTITION BY RANGE (at); \
         CREATE TABLE measured_1 PARTITION OF measured FOR VALUES FROM ('2024-01-01') TO ('2024-07-01'); \
         CREATE TABLE measured_2 PARTITION OF measured FOR VALUES FROM ('2024-07-01') TO ('2025-01-01'); \
         INSERT INTO measured SELECT g, DATE '2024-01-01' + g % 360, g % 50 FROM generate_series(1, 5000) g; ANALYZE measured",
    );
    place.begin();
    place
}

fn index_v() -> String {
    entry("idx_v", "measured", r#"["v"]"#)
}

/// `CONCURRENTLY` is impossible on the parent, and a plain build would stop every write: either the whole dance, or nothing.
#[test]
fn f58_a_partitioned_table_is_indexed_without_blocking_or_not_at_all() {
    let mut place = partitioned("f58");
    let application = pgtailor_testkit::probe::Probe::begin(
        place.server,
        "f58",
        &[
            "INSERT INTO measured SELECT 1, '2024-03-03', 1 WHERE false",
            "UPDATE measured SET v = v WHERE id = 7",
            "SELECT count(*) FROM measured",
        ],
    );
    let run = place.run(&place.building(&[index_v()]));
    let parents = "SELECT count(*) FROM pg_index WHERE indrelid = 'measured'::regclass AND indisvalid";
    if run.code == Some(0) {
        assert_eq!(place.sql(parents), "1");
        assert_eq!(place.sql("SELECT count(*) FROM pg_inherits WHERE inhparent = 'idx_v'::regclass"), "2");
    } else {
        assert_eq!(run.code, Some(2), "{}\n{}", run.out, run.err);
        assert!(printed(&run).contains("partition"), "{}", run.out);
        place.holds();
    }
    assert_eq!(application.waits(place.server), Vec::<String>::new());
}

/// An index of the parent that is not valid yet is somebody's work in progress, not a leftover.
#[test]
fn f63_an_unfinished_parent_index_is_left_alone() {
    let mut place = partitioned("f63");
    place.sql("CREATE INDEX theirs ON ONLY measured (v); CREATE INDEX theirs_1 ON measured_1 (v); ALTER INDEX theirs ATTACH PARTITION theirs_1");
    place.begin();
    place.run(&["check"]);
    place.build_a();
    place.run(&["optimize", "--yes", "--advise", "never"]);
    place.run(&["undo", "--all", "--yes"]).expect_code(0);
    assert_eq!(place.sql("SELECT indisvalid FROM pg_index WHERE indexrelid = 'theirs'::regclass"), "f");
    place.holds();
}

//! The estimated bloat of B-trees beside what a rebuild really frees.
//!
//! Each index is made and worn in its own way, then the tables are analyzed, and a snapshot says what a fresh build would take. Then the
//! index is rebuilt. The share that `pgstatindex` suggests, from how full leaves are, stands beside both; it does not count pages without
//! any entry. `--nocapture` shows the table.

use std::fmt::Write as _;
use std::io::Write as _;

use pgtailor::Database;
use pgtailor::model::unit::{Bytes, count_as_f64};
use pgtailor_testkit::server::Server;

/// How far the estimated share may be from the real one, as a fraction of the index's size.
const TOLERANCE: f64 = 0.10;

/// Statistics of single columns do not show that one follows from another. The estimate is then larger than the index itself, by more than
/// this factor, so that it can be told from a good one.
const CONTRADICTED: f64 = 1.15;

/// A case of which that is true.
const DEPENDENT: &str = "columns that follow from one another, scattered";

/// The rows of `numbered`, in an order that has nothing to do with `n`; hash functions, so that every run has the same.
const ROWS: &str = "CREATE TABLE numbered AS SELECT n::int, abs(hashint8(n))::bigint AS h, abs(hashint8(n + 1000000))::bigint AS k \
    FROM generate_series(1, 60000::bigint) n ORDER BY hashint8(n)";

/// An index: its name, the table's columns, what it is over, and everything that happens to it, in which `$` is the table.
struct Case {
    name: &'static str,
    columns: &'static str,
    /// What the columns are filled with, from `numbered`.
    values: &'static str,
    /// What follows `ON table`; `UNIQUE` first for a unique one.
    index: &'static str,
    /// Whether the index is there when rows come, in which order, and what happens then.
    life: Life,
}

enum Life {
    /// Built over rows that are there.
    Built,
    /// Filled row by row, in the order of `n`.
    Grown,
    /// Filled row by row, in no order.
    Scattered,
    /// As [`Life::Built`], then these statements.
    Worn(&'static [&'static str]),
    /// As [`Life::Scattered`], then these statements.
    ScatteredAndWorn(&'static [&'static str]),
}

use Life::{Built, Grown, Scattered, ScatteredAndWorn, Worn};

const HALF_GOES: &[&str] = &["DELETE FROM $ WHERE id % 2 = 0", "VACUUM $"];
const OLD_GO: &[&str] = &["DELETE FROM $ WHERE id <= 42000", "VACUUM $"];
const MOST_GO_AND_COME: &[&str] =
    &["DELETE FROM $ WHERE id % 10 < 8", "VACUUM $", "INSERT INTO $ SELECT * FROM $ WHERE id % 20 = 9"];

const fn case(name: &'static str, columns: &'static str, values: &'static str, index: &'static str, life: Life) -> Case {
    Case { name, columns, values, index, life }
}

const CASES: &[Case] = &[
    case("serial, grown", "a bigint", "n", "(a)", Grown),
    case("serial, oldest deleted", "a bigint", "n", "(a)", Worn(OLD_GO)),
    case("integer, scattered", "a int", "h % 2000000000", "(a)", Scattered),
    case("integer, half deleted", "a int", "h % 2000000000", "(a)", Worn(HALF_GOES)),
    case("uuid, scattered", "a uuid", "md5(h::text)::uuid", "(a)", Scattered),
    case("uuid unique, half deleted", "a uuid", "md5(n::text)::uuid", "UNIQUE (a)", ScatteredAndWorn(HALF_GOES)),
    case(
        "moments, each updated thrice",
        "a timestamptz",
        "timestamptz '2025-01-01' + n * interval '1 second'",
        "(a)",
        Worn(&[
            "UPDATE $ SET a = a + interval '1 day'",
            "VACUUM $",
            "UPDATE $ SET a = a + interval '1 day'",
            "VACUUM $",
            "UPDATE $ SET a = a + interval '1 day' WHERE id % 3 = 0",
            "VACUUM $",
        ]),
    ),
    case("ten values, built", "a int", "h % 10", "(a)", Built),
    case("ten values, scattered", "a int", "h % 10", "(a)", Scattered),
    case("ten values, not merged, half deleted", "a int", "h % 10", "(a) WITH (deduplicate_items = off)", Worn(HALF_GOES)),
    case("2000 values, scattered", "a int", "h % 2000", "(a)", Scattered),
    case(
        "2000 values, moved twice",
        "a int",
        "h % 2000",
        "(a)",
        Worn(&["UPDATE $ SET a = (a + 700) % 2000", "VACUUM $", "UPDATE $ SET a = (a + 700) % 2000", "VACUUM $"]),
    ),
    case(
        "skewed values, most replaced",
        "a int",
        "floor(1000 * ((h % 60000) / 60000.0) ^ 4)::int",
        "(a)",
        ScatteredAndWorn(MOST_GO_AND_COME),
    ),
    case("texts, scattered", "a text", "repeat(md5(h::text), 1 + (k % 3)::int)", "(a)", Scattered),
    case("texts, half deleted", "a text", "left(md5(h::text), 5 + (k % 25)::int)", "(a)", ScatteredAndWorn(HALF_GOES)),
    case(
        "customer and moment, scattered",
        "a int, b timestamptz",
        "h % 3000, timestamptz '2025-01-01' + n * interval '1 minute'",
        "(a, b DESC)",
        Scattered,
    ),
    case("text and integer, most replaced", "a text, b int", "'customer ' || h % 500, k % 40", "(a, b)", Worn(MOST_GO_AND_COME)),
    case("fill factor 70, built", "a bigint", "h", "(a) WITH (fillfactor = 70)", Built),
    case(
        "fill factor 70, scattered and half deleted",
        "a bigint",
        "h",
        "(a) WITH (fillfactor = 70)",
        ScatteredAndWorn(HALF_GOES),
    ),
    case("mostly null, half deleted", "a bigint", "CASE WHEN k % 5 = 0 THEN h END", "(a)", Worn(HALF_GOES)),
    case("mostly null, scattered", "a bigint, b int", "CASE WHEN k % 5 = 0 THEN h END, h % 7", "(a, b)", Scattered),
    case("numeric, scattered", "a numeric(12,2)", "(h % 10000000) / 100.0", "(a)", Scattered),
    case("texts of one length, scattered", "a text", "md5(h::text)", "(a)", Scattered),
    case(DEPENDENT, "a int, b int", "h % 3000, h % 300", "(a, b)", Scattered),
    case("not null only, half deleted", "a bigint", "CASE WHEN k % 3 = 0 THEN h END", "(a) WHERE a IS NOT NULL", Worn(HALF_GOES)),
    case(
        "including a column, updated",
        "a int, b int",
        "h % 2000000000, k % 100",
        "(a) INCLUDE (b)",
        Worn(&["UPDATE $ SET b = b + 1 WHERE id % 2 = 0", "VACUUM $"]),
    ),
];

impl Case {
    fn table(number: usize) -> String {
        format!("t{number}")
    }

    fn live(&self, number: usize, server: &Server) {
        let table = Self::table(number);
        let unique = if self.index.starts_with("UNIQUE") { "UNIQUE " } else { "" };
        let index = format!("CREATE {unique}INDEX i{number} ON {table} {}", self.index.trim_start_matches("UNIQUE "));
        let names: Vec<&str> = self.columns.split(", ").filter_map(|column| column.split(' ').next()).collect();
        let order = if matches!(self.life, Grown) { " ORDER BY n" } else { "" };
        let fill = format!("INSERT INTO {table} (id, {}) SELECT n, {} FROM numbered{order}", names.join(", "), self.values);
        let create = format!("CREATE TABLE {table} (id int, {})", self.columns);
        let (mut statements, then) = match self.life {
            Built => (vec![create, fill, index], &[][..]),
            Worn(then) => (vec![create, fill, index], then),
            Grown | Scattered => (vec![create, index, fill], &[][..]),
            ScatteredAndWorn(then) => (vec![create, index, fill], then),
        };
        statements.extend(then.iter().map(|statement| statement.replace('$', &table)));
        statements.push(format!("ANALYZE {table}"));
        for statement in statements {
            server.sql("postgres", &statement);
        }
    }
}

/// An index beside what a rebuild makes of it; shares are fractions of its size.
struct Compared {
    name: &'static str,
    size: u64,
    rebuilt: u64,
    estimated: f64,
    /// From `avg_leaf_density`: how much less its leaves would take at the fill factor.
    by_density: f64,
}

impl Compared {
    fn real_share(&self) -> f64 {
        1.0 - count_as_f64(self.rebuilt) / count_as_f64(self.size)
    }

    fn estimated_share(&self) -> f64 {
        1.0 - self.estimated / count_as_f64(self.size)
    }

    fn error(&self) -> f64 {
        self.estimated_share() - self.real_share()
    }
}

fn number(text: &str) -> f64 {
    text.parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_estimated_bloat_is_within_ten_points_of_what_a_rebuild_frees() {
    let server = Server::with_settings(&[("autovacuum", "off"), ("maintenance_work_mem", "256MB")]);
    server.sql("postgres", ROWS);
    server.sql("postgres", "CREATE EXTENSION pgstattuple");
    for (position, case) in CASES.iter().enumerate() {
        case.live(position, &server);
    }
    let database = Database::from_url(&server.lab.url("postgres")).expect("a lab's URL is right");
    let snapshot = pgtailor::capture(&database).await.expect("captured");
    let fresh = pgtailor::fresh_sizes(&snapshot);

    let mut compared = Vec::new();
    for (position, case) in CASES.iter().enumerate() {
        let name = format!("i{position}");
        let (_, index) = snapshot.catalog.indexes().find(|(_, index)| index.name == name).expect("it was captured");
        let density = number(&server.sql("postgres", &format!("SELECT avg_leaf_density FROM pgstatindex('{name}')")));
        let fillfactor = if case.index.contains("fillfactor = 70") { 70.0 } else { 90.0 };
        server.sql("postgres", &format!("REINDEX INDEX {name}"));
        let rebuilt = number(&server.sql("postgres", &format!("SELECT pg_relation_size('{name}')")));
        compared.push(Compared {
            name: case.name,
            size: index.size.expect("its size is known").0,
            rebuilt: pgtailor::model::unit::f64_as_count(rebuilt),
            estimated: fresh.get(&index.oid).map_or(0.0, |size| size.value),
            by_density: 1.0 - density / fillfactor,
        });
    }
    let mut table = format!(
        "{:48} {:>9} {:>9} {:>6} {:>9} {:>6} {:>8}\n",
        "index", "size", "rebuilt", "real", "estimated", "error", "density"
    );
    for one in &compared {
        let _ = writeln!(
            table,
            "{:48} {:>9} {:>9} {:>5.1}% {:>8.1}% {:>+6.1} {:>7.1}%",
            one.name,
            Bytes(one.size).to_string(),
            Bytes(one.rebuilt).to_string(),
            one.real_share() * 100.0,
            one.estimated_share() * 100.0,
            one.error() * 100.0,
            one.by_density * 100.0
        );
    }
    let _ = writeln!(std::io::stdout(), "{table}");
    let (dependent, told): (Vec<&Compared>, Vec<&Compared>) = compared.iter().partition(|one| one.name == DEPENDENT);
    assert!(dependent.iter().all(|one| one.estimated > CONTRADICTED * count_as_f64(one.size)), "{table}");
    for one in told {
        assert!(one.error().abs() <= TOLERANCE, "{}: {:+.3}\n{table}", one.name, one.error());
    }
}

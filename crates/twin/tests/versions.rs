//! What only some major versions of the server have is carried to a twin, and orders of texts other than the system's.

#![expect(clippy::print_stdout, reason = "the figures of a test that ran are worth reading")]

mod support;

use pgtailor_model::name::quote_literal;
use pgtailor_model::planner::StatisticsLevel;
use support::fuzz::Fuzz;
use support::{Source, assert_identical, captured, public, raised};

/// For every version: what is changed after it was made, whose order in the catalogs is then another.
const ALL: &str = "
    CREATE TABLE kinds (id int PRIMARY KEY, name text UNIQUE);
    INSERT INTO kinds SELECT i, 'kind ' || i FROM generate_series(1, 50) i;
    CREATE TYPE grade AS ENUM ('low', 'high');
    ALTER TYPE grade ADD VALUE 'middle' BEFORE 'high';
    CREATE TABLE parts (id int, kind int, grade grade, half numeric, day date, words text) PARTITION BY RANGE (id);
    CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10000);
    CREATE TABLE parts_2 (extra int, words text, day date, half numeric, grade grade, kind int, id int);
    ALTER TABLE parts_2 DROP COLUMN extra;
    ALTER TABLE parts ATTACH PARTITION parts_2 FOR VALUES FROM (10000) TO (20001);
    ALTER TABLE parts ADD CONSTRAINT parts_kind FOREIGN KEY (kind) REFERENCES kinds, ADD PRIMARY KEY (id);
    CREATE INDEX ON parts (kind, day);
    CREATE STATISTICS parts_of_grade (mcv, ndistinct, dependencies) ON grade, kind, half FROM parts_2;
    INSERT INTO parts SELECT i, 1 + i % 50, (ARRAY['low', 'middle', 'high']::grade[])[1 + i % 3], (i % 50) / 2.0,
           date '2024-01-01' + i % 400, 'word ' || i % 300 FROM generate_series(1, 20000) i;
    CREATE TABLE wide (few int, many int, text_c text COLLATE \"C\", CONSTRAINT many_is_positive CHECK (many > 0) NO INHERIT,
                       EXCLUDE USING gist (int4range(many, many + 1) WITH &&));
    INSERT INTO wide SELECT i % 4, i, 'text' || i FROM generate_series(1, 15000) i;
    CREATE INDEX wide_late ON wide (many);
    ALTER TABLE wide ADD PRIMARY KEY (many);
    CREATE INDEX ON wide (few, many);
    CREATE INDEX ON wide (text_c DESC);
    ALTER TABLE wide ADD CONSTRAINT few_is_small CHECK (few < 100) NOT VALID";

/// By the first major version that has it.
const SINCE: &[(u32, &str)] = &[
    (
        14,
        "CREATE TABLE spans (id int, at datemultirange, label text, n int);
         INSERT INTO spans SELECT i, datemultirange(daterange(date '2024-01-01' + i % 300, date '2024-01-05' + i % 300)), 'L' || i % 40, i % 90
           FROM generate_series(1, 12000) i;
         CREATE INDEX ON spans USING gist (at);
         CREATE STATISTICS spans_of_label ON lower(label), (n % 10) FROM spans;
         CREATE STATISTICS spans_one ON (n + id) FROM spans;
         CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql IMMUTABLE BEGIN ATOMIC; SELECT $1 * 2; END;
         CREATE INDEX ON spans (twice(n));
         ALTER TABLE spans ALTER COLUMN label SET COMPRESSION pglz",
    ),
    (
        15,
        "CREATE TABLE single (id int, a int, b int REFERENCES kinds ON DELETE SET NULL (b), UNIQUE NULLS NOT DISTINCT (a, id));
         INSERT INTO single SELECT i, NULLIF(i % 9, 0), 1 + i % 50 FROM generate_series(1, 9000) i;
         CREATE VIEW seen WITH (security_invoker) AS SELECT id, a FROM single WHERE a > 3",
    ),
    (17, "ALTER TABLE parts ADD EXCLUDE USING btree (id WITH =); ALTER TABLE single ALTER COLUMN a SET STATISTICS DEFAULT"),
    (
        18,
        "CREATE TABLE made (id int, a int, twice int GENERATED ALWAYS AS (a * 2) VIRTUAL, b text, during daterange,
                            PRIMARY KEY (id, during WITHOUT OVERLAPS), kind int CONSTRAINT made_kind NOT NULL NO INHERIT,
                            CHECK (a < 1000) NOT ENFORCED, FOREIGN KEY (a) REFERENCES kinds NOT ENFORCED);
         INSERT INTO made (id, a, b, during, kind) SELECT i, i % 300, 'b' || i % 70, daterange(date '2024-01-01', date '2024-06-01'), 1 + i % 50
           FROM generate_series(1, 10000) i;
         CREATE INDEX ON made (a, b);
         ALTER TABLE made ADD CONSTRAINT made_b NOT NULL b NOT VALID;
         CREATE TABLE made_of (id int, during daterange, FOREIGN KEY (id, PERIOD during) REFERENCES made (id, PERIOD during));
         INSERT INTO made_of SELECT i, daterange(date '2024-02-01', date '2024-03-01') FROM generate_series(1, 3000) i;
         ALTER TABLE parts ADD CONSTRAINT parts_again FOREIGN KEY (kind) REFERENCES kinds NOT VALID",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn what_each_version_adds_is_planned_alike() {
    let source = Source::with("CREATE EXTENSION IF NOT EXISTS btree_gist").await;
    let major = source.lab.version().major;
    for (_, sql) in [(13, ALL)].iter().chain(SINCE).filter(|(since, _)| *since <= major) {
        for statement in support::script::statements(sql) {
            source.run(&statement).await;
        }
    }
    source.run("ANALYZE").await;
    source.run("UPDATE wide SET few = few WHERE many < 900; CHECKPOINT").await;
    let (twin, inexact) = raised(&source.captured(StatisticsLevel::Exact).await).await;
    let mut statements = Fuzz::over(&source).await.statements(700, 11);
    // Where one statistic or another of several columns, or an expression, makes the number of rows; and skip scans of 18.
    statements.extend(
        [
            "SELECT * FROM parts_2 WHERE grade = 'middle' AND kind = 3",
            "SELECT * FROM parts_2 WHERE grade = 'low' AND kind = 3 AND half = 1",
            "SELECT grade, kind FROM parts_2 GROUP BY grade, kind",
            "SELECT * FROM wide WHERE many = 77",
            "SELECT many FROM wide WHERE many > 14900",
            "SELECT * FROM wide WHERE few < 0",
            "SELECT * FROM parts JOIN kinds ON parts.kind = kinds.id WHERE kinds.name = 'kind 3'",
        ]
        .map(str::to_owned),
    );
    let later = [
        (14, "SELECT * FROM spans WHERE lower(label) = 'l3' AND n % 10 = 3"),
        (14, "SELECT lower(label), n % 10 FROM spans GROUP BY 1, 2"),
        (14, "SELECT * FROM spans WHERE n + id < 100"),
        (14, "SELECT * FROM spans WHERE twice(n) = 100"),
        (14, "SELECT * FROM spans WHERE at && daterange('2024-03-01', '2024-04-01')"),
        (15, "SELECT * FROM seen WHERE id = 4"),
        (18, "SELECT * FROM made WHERE twice = 20"),
        (18, "SELECT * FROM made WHERE b IS NULL AND kind IS NULL"),
        (18, "SELECT * FROM made JOIN kinds ON made.a = kinds.id"),
        (18, "SELECT * FROM made_of JOIN made USING (id, during)"),
        (18, "SELECT * FROM made WHERE a >= 1000"),
    ];
    statements.extend(later.iter().filter(|(since, _)| *since <= major).map(|(_, sql)| (*sql).to_owned()));
    let plans = source.plans(&statements).await;
    println!("{} of {} statements planned on the source", plans.len(), statements.len());
    assert!(plans.len() > 500, "most statements are right");
    assert_identical("statements", &twin, &plans).await;
    assert!(inexact.is_empty(), "{inexact:?}");
}

/// Ways to make a database whose texts sort by another provider, by the first major version that has them.
const ORDERS: &[(u32, &str, &str)] = &[
    (13, "C", "LC_COLLATE 'C' LC_CTYPE 'C'"),
    (15, "ICU", "LOCALE_PROVIDER icu ICU_LOCALE 'de-u-co-phonebk' LC_COLLATE 'C' LC_CTYPE 'C'"),
    (16, "ICU with rules", "LOCALE_PROVIDER icu ICU_LOCALE 'en' ICU_RULES '& z < a' LC_COLLATE 'C' LC_CTYPE 'C'"),
    (17, "built in", "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LC_COLLATE 'C' LC_CTYPE 'C'"),
    (18, "built in, Unicode", "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'PG_UNICODE_FAST' LC_COLLATE 'C' LC_CTYPE 'C'"),
];

#[tokio::test(flavor = "multi_thread")]
async fn texts_sort_as_in_the_source() {
    let mut source = Source::start(&[]);
    let major = source.lab.version().major;
    let has_icu = source.rows("SELECT 1 FROM pg_collation WHERE collprovider = 'i' LIMIT 1").await.len() == 1;
    let own = source.database.clone();
    for (number, (since, what, clauses)) in ORDERS.iter().enumerate() {
        if *since > major || (what.starts_with("ICU") && !has_icu) {
            continue;
        }
        source.database = own.clone();
        source.run(&format!("CREATE DATABASE \"order {number}\" TEMPLATE template0 ENCODING 'UTF8' {clauses}")).await;
        source.database = support::resolve(source.lab.url(&format!("order {number}")));
        let mut statements = vec![
            "CREATE TABLE words (id int PRIMARY KEY, word text)".to_owned(),
            "INSERT INTO words SELECT i, chr(65 + i % 26) || chr(97 + i % 13) || CASE i % 3 WHEN 0 THEN 'ä' WHEN 1 THEN 'Z' ELSE 'a' END || i
               FROM generate_series(1, 8000) i"
                .to_owned(),
            "CREATE INDEX ON words (word)".to_owned(),
        ];
        if has_icu {
            statements.push("CREATE COLLATION german (PROVIDER = icu, LOCALE = 'de-u-co-phonebk')".to_owned());
            statements
                .push("CREATE COLLATION plain (PROVIDER = icu, LOCALE = 'und-u-ks-level2', DETERMINISTIC = false)".to_owned());
            statements
                .push("ALTER TABLE words ADD COLUMN german text COLLATE german, ADD COLUMN plain text COLLATE plain".to_owned());
            statements.push("UPDATE words SET german = word, plain = lower(word)".to_owned());
            statements.push("CREATE INDEX ON words (german)".to_owned());
        }
        if major >= 17 {
            statements.push("CREATE COLLATION bytes (PROVIDER = builtin, LOCALE = 'C.UTF-8')".to_owned());
            statements.push("CREATE INDEX words_bytes ON words (word COLLATE bytes)".to_owned());
        }
        for statement in &statements {
            source.run(statement).await;
        }
        source.run("VACUUM ANALYZE words").await;
        let asked: Vec<String> = source
            .rows("SELECT word FROM words WHERE id % 160 = 0 ORDER BY id")
            .await
            .into_iter()
            .filter_map(|row| row.into_iter().next()?)
            .flat_map(|word| {
                let word = quote_literal(&word);
                let german = if has_icu { format!(" OR german < {word} OR plain = {word}") } else { String::new() };
                [
                    format!("SELECT * FROM words WHERE word < {word}"),
                    format!("SELECT * FROM words WHERE word >= {word} ORDER BY word LIMIT 5"),
                    format!("SELECT * FROM words WHERE word = {word}{german}"),
                ]
            })
            .collect();
        let mut snapshot = captured(&source.database, StatisticsLevel::Exact).await;
        snapshot.planner.as_mut().expect("it was asked for").search_path = public();
        let (twin, inexact) = raised(&snapshot).await;
        let plans = source.plans(&asked).await;
        assert_eq!(plans.len(), 150, "{what}");
        assert_identical(what, &twin, &plans).await;
        assert!(inexact.is_empty(), "{what}: {inexact:?}");
    }
}

//! Candidates for real statements over real tables: the right kinds are proposed, the server can make each of them, and what it made is known
//! again.

#[path = "../../sql/tests/script/mod.rs"]
mod script;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;

use jiff::Timestamp;
use pgtailor::blueprint::{Blueprint, builtin};
use pgtailor::model::index::{Build, IndexDefinition, KeyPart};
use pgtailor::model::name::quote_identifier;
use pgtailor::model::planner::StatisticsLevel;
use pgtailor::model::snapshot::Snapshot;
use pgtailor::model::unit::Milliseconds;
use pgtailor::model::what_if::CandidateIndex;
use pgtailor::model::workload::Workload;
use pgtailor::{Database, ForeignCode, TwinCapture, WantedTables};
use pgtailor_advisor::candidate::{Candidates, Context, MOST_PER_STATEMENT, Subject, propose};
use pgtailor_postgres::bench::{Filling, load};
use pgtailor_sql::{Collector, Kind, Observation, Values};
use pgtailor_testkit::server::Server;
use pgtailor_testkit::tpch;

/// Most keys of a candidate.
const MAX_COLUMNS: usize = 4;

/// A server whose tables are all visible after a `VACUUM`: a lab's commits are asynchronous, and a row whose commit is not flushed yet is
/// not taken for visible to all (`heap_page_is_all_visible` in `vacuumlazy.c`).
fn quiet() -> Server {
    Server::with_settings(&[("autovacuum", "off"), ("synchronous_commit", "on")])
}

/// A database, what it is asked, and what is proposed.
struct Advised {
    server: Server,
    database: Database,
    snapshot: Snapshot,
    workload: Workload,
    candidates: Candidates,
}

impl Advised {
    async fn of(server: Server, statements: &[String]) -> Self {
        let database = Database::from_url(&server.lab.url("postgres")).expect("a lab's URL is right");
        let snapshot = captured(&database).await;
        let workload = understood(statements, &snapshot);
        let candidates = proposed(&snapshot, &workload);
        Self { server, database, snapshot, workload, candidates }
    }

    /// Proposed indexes as SQL with the name of their table: `orders (a, b)`.
    fn indexes(&self) -> BTreeSet<String> {
        self.candidates.proposed.keys().filter_map(index).map(|index| self.written(index)).collect()
    }

    /// What is refused, the same with the reason.
    fn refused(&self) -> Vec<(String, &str)> {
        let index = |refused: &'_ pgtailor_advisor::candidate::Refused| index(&refused.subject).map(|index| self.written(index));
        self.candidates.refused.iter().filter_map(|refused| Some((index(refused)?, refused.reason.as_str()))).collect()
    }

    fn written(&self, index: &CandidateIndex) -> String {
        let table = self.snapshot.catalog.table_by_oid(index.table).expect("a table of the catalog");
        format!("{} {}", table.name, index.definition)
    }

    #[track_caller]
    fn proposes(&self, wanted: &[&str]) {
        let all = self.indexes();
        for index in wanted {
            let table = index.split(' ').next().unwrap_or_default();
            let near: Vec<&String> = all.iter().filter(|other| other.starts_with(&format!("{table} "))).collect();
            assert!(all.contains(*index), "{index} is not among {near:#?}");
        }
    }

    #[track_caller]
    fn never_proposes(&self, is_unwanted: impl Fn(&str) -> bool) {
        let unwanted: Vec<String> = self.indexes().into_iter().filter(|index| is_unwanted(index)).collect();
        assert!(unwanted.is_empty(), "{unwanted:#?}");
    }

    /// Makes every candidate, and checks that the server wrote predicates as they are and that none is proposed again, save those over
    /// expressions: the server may write an expression in other words, and whoever compares those asks it.
    async fn all_can_be_made_and_are_known_again(&self) {
        let mut sql = String::new();
        let mut definitions: BTreeMap<String, &IndexDefinition> = BTreeMap::new();
        for (subject, number) in self.candidates.proposed.keys().zip(1..) {
            let table = self.snapshot.catalog.table_by_oid(subject.table()).expect("a table of the catalog");
            let name = format!("candidate_{number}");
            match subject {
                Subject::Index(index) => {
                    sql.push_str(&index.definition.create_sql(&name, &table.name, Build::Blocking));
                    definitions.insert(name, &index.definition);
                }
                Subject::Statistics(statistics) => {
                    let columns: Vec<String> = statistics.columns.iter().map(|column| quote_identifier(column)).collect();
                    let _ = write!(sql, "CREATE STATISTICS {name} ON {} FROM {}", columns.join(", "), table.name.sql());
                }
            }
            sql.push_str(";\n");
        }
        self.server.sql("postgres", &sql);
        let after = captured(&self.database).await;
        for (_, index) in after.catalog.indexes() {
            let (Some(made), Some(wanted)) = (&index.definition, definitions.get(&index.name)) else { continue };
            assert_eq!(made.predicate, wanted.predicate, "{}", index.name);
            assert_eq!((&made.method, &made.include), (&wanted.method, &wanted.include), "{}", index.name);
        }
        let again = proposed(&after, &self.workload);
        let is_of_columns =
            |index: &&CandidateIndex| index.definition.keys.iter().all(|key| matches!(key.part, KeyPart::Column(_)));
        let again: Vec<String> =
            again.proposed.keys().filter_map(index).filter(is_of_columns).map(|index| self.written(index)).collect();
        let made = self.indexes();
        let twice: Vec<&String> = again.iter().filter(|index| made.contains(*index)).collect();
        assert!(twice.is_empty(), "{twice:#?}");
    }

    /// Says how many there are, by generator.
    fn tell(&self, what: &str) {
        let mut by_generator: BTreeMap<&str, usize> = BTreeMap::new();
        for reason in self.candidates.proposed.values().flat_map(|support| &support.reasons) {
            *by_generator.entry(reason.generator).or_default() += 1;
        }
        let per_statement =
            |position| self.candidates.proposed.values().filter(|support| support.queries.contains(&position)).count();
        let most = (0..self.workload.queries.len()).map(per_statement).max();
        let (proposed, refused) = (self.candidates.proposed.len(), self.candidates.refused.len());
        let statements = self.workload.queries.len();
        let _ = writeln!(
            std::io::stdout(),
            "{what}: {statements} statements, {proposed} proposed, {refused} refused, at most {most:?} a statement; reasons {by_generator:?}"
        );
        assert!(most.is_some_and(|most| most <= MOST_PER_STATEMENT));
    }
}

fn index(subject: &Subject) -> Option<&CandidateIndex> {
    match subject {
        Subject::Index(index) => Some(index),
        Subject::Statistics(_) => None,
    }
}

async fn captured(database: &Database) -> Snapshot {
    let options = TwinCapture { level: StatisticsLevel::Exact, tables: WantedTables::All, foreign_code: ForeignCode::Refuse };
    pgtailor::capture_for_twin(database, &options).await.expect("captured")
}

/// Each statement executed a hundred times with the constants in it; parameters have no values.
fn understood(statements: &[String], snapshot: &Snapshot) -> Workload {
    let mut collector = Collector::default();
    collector.fill(|filling| {
        for text in statements {
            let values = if text.contains('$') { Values::Unknown } else { Values::Known(&|| Some(Vec::new())) };
            let observation = Observation {
                text,
                values,
                calls: 100,
                total_time: Milliseconds(100.0),
                spread: None,
                rows: None,
                planning_time: None,
                wal: None,
                blocks_read: None,
                temp_written: None,
                tags: None,
                place: &|| text.clone(),
            };
            filling.add(Kind::File, &observation);
        }
    });
    let workload = collector.understand(&snapshot.catalog, &["public".to_owned()]);
    let is_expected = |reason: &str| reason == "it reads no table of this database";
    assert!(workload.skipped.iter().all(|skipped| is_expected(&skipped.reason)), "{:#?}", workload.skipped);
    workload
}

fn proposed(snapshot: &Snapshot, workload: &Workload) -> Candidates {
    propose(&Context { snapshot, workload, max_columns: MAX_COLUMNS })
}

/// The share of the smallest database of TPC-H's specification: 60,175 rows in `lineitem`.
const TPCH_SCALE: f64 = 0.01;

/// Primary keys of the specification (clause 1.4.2): what every installation has.
const TPCH_KEYS: &str = "
    ALTER TABLE region ADD PRIMARY KEY (r_regionkey); ALTER TABLE nation ADD PRIMARY KEY (n_nationkey);
    ALTER TABLE part ADD PRIMARY KEY (p_partkey); ALTER TABLE supplier ADD PRIMARY KEY (s_suppkey);
    ALTER TABLE customer ADD PRIMARY KEY (c_custkey); ALTER TABLE partsupp ADD PRIMARY KEY (ps_partkey, ps_suppkey);
    ALTER TABLE orders ADD PRIMARY KEY (o_orderkey); ALTER TABLE lineitem ADD PRIMARY KEY (l_orderkey, l_linenumber)";

fn tpch_server() -> Server {
    let server = quiet();
    let mut data = tpch::SCHEMA.to_owned();
    for (table, lines) in tpch::tables(TPCH_SCALE) {
        let _ = writeln!(data, "COPY {table} FROM STDIN (DELIMITER '|');");
        for line in lines {
            data.push_str(&line);
            data.push('\n');
        }
        data.push_str("\\.\n");
    }
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(data.as_bytes()).expect("written");
    let output = server.run_file("postgres", file.path());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    server.sql("postgres", TPCH_KEYS);
    server.sql("postgres", "VACUUM ANALYZE");
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn joins_of_tpch_are_looked_up_covered_and_narrowed() {
    let advised = Advised::of(tpch_server(), &script::statements(include_str!("../../sql/tests/tpch/queries.sql"))).await;
    advised.tell("TPC-H");
    advised.proposes(&[
        // Keys of joins, alone and with what filters.
        "lineitem (l_partkey)",
        "lineitem (l_suppkey)",
        "lineitem (l_orderkey, l_shipdate)",
        "orders (o_custkey)",
        "orders (o_custkey, o_orderdate)",
        "customer (c_nationkey)",
        "partsupp (ps_suppkey)",
        "lineitem (l_shipdate)",
        "orders (o_orderdate)",
        // All that a statement needs: Q6, Q17, Q13.
        "lineitem (l_shipdate) INCLUDE (l_discount, l_extendedprice, l_quantity)",
        "lineitem (l_partkey) INCLUDE (l_quantity)",
        "orders (o_custkey) INCLUDE (o_comment, o_orderkey)",
        // Values of states and kinds: Q3, Q10, Q21.
        "customer (c_custkey) WHERE c_mktsegment = 'BUILDING'::bpchar",
        "lineitem (l_orderkey) WHERE l_returnflag = 'R'::bpchar",
        // An expression that cannot fail: Q22.
        "customer ((SUBSTRING(c_phone FROM 1 FOR 2)))",
        // A beginning: Q20.
        "part (p_name varchar_pattern_ops)",
    ]);
    advised.never_proposes(|index| index.starts_with("nation ") || index.starts_with("region "));
    let tiny =
        advised.refused().iter().filter(|(index, reason)| index.starts_with("nation ") && reason.contains("1 page")).count();
    assert!(tiny > 0, "tables of one page are refused with their size");
    advised.all_can_be_made_and_are_known_again().await;
}

/// Rows of the blueprint, as a share of what it states.
const BLUEPRINT_SCALE: f64 = 0.05;

#[tokio::test(flavor = "multi_thread")]
async fn the_blueprint_gets_what_it_lacks_and_nothing_that_it_has() {
    let server = quiet();
    let database = Database::from_url(&server.lab.url("postgres")).expect("a lab's URL is right");
    let blueprint = Blueprint::from_texts(&builtin::find("dreflowpro").expect("it is built in").texts()).expect("it is right");
    let filling = Filling { scale: BLUEPRINT_SCALE, seed: 1, now: Timestamp::now() };
    server.sql("postgres", "CREATE EXTENSION pg_trgm");
    load(&database, &blueprint, filling, |_| {}).await.expect("it loads");
    server.sql("postgres", "VACUUM ANALYZE");
    let statements: Vec<String> = blueprint.workload.statements().iter().map(|statement| statement.sql.clone()).collect();
    let advised = Advised::of(server, &statements).await;
    advised.tell("blueprint");
    advised.proposes(&[
        // Equality and order: shapes 2, 6, 7.
        "etl_pipelines (organization_id, created_at DESC)",
        "etl_pipelines (created_by_id, created_at DESC)",
        "pipeline_executions (pipeline_id, created_at DESC)",
        "pipeline_steps (pipeline_id, step_order)",
        // An order without any filter, and the same behind a state: shape 15.
        "pipeline_executions (created_at)",
        "pipeline_executions (status, created_at DESC)",
        // Patterns: shape 2.
        "etl_pipelines USING gin (name public.gin_trgm_ops)",
        "etl_pipelines USING gin (description public.gin_trgm_ops)",
        // Of active rows only: shape 14; of one state.
        "users (organization_id) WHERE is_active",
        "etl_pipelines (next_run) WHERE is_scheduled",
        // All that a count by group needs: shapes 16 to 18.
        "users (created_at) INCLUDE (auth_method)",
        "pipeline_executions (started_at) INCLUDE (pipeline_id, status)",
        // Foreign keys that statements use: shapes 22, 27.
        "pipeline_steps (source_connector_id)",
        "social_accounts (user_id)",
        "social_accounts (provider_account_id)",
    ]);
    // Of a table of some pages nothing is proposed: shape 32. The largest table is read by time, in the order of which it was written.
    advised.never_proposes(|index| index.starts_with("transformation_templates "));
    assert!(
        advised
            .refused()
            .iter()
            .any(|(index, reason)| index.starts_with("transformation_templates (") && reason.contains("pages"))
    );
    assert!(advised.indexes().iter().any(|index| index.starts_with("pipeline_executions USING brin (")));
    // Unique indexes find these: shapes 26, 28.
    advised.never_proposes(|index| index.starts_with("users (email") || index.starts_with("api_keys (key_hash"));
    advised.never_proposes(|index| index.starts_with("users (id,") || index.starts_with("etl_pipelines (id,"));
    advised.all_can_be_made_and_are_known_again().await;
}

/// A table for each kind of index, with rows enough that every kind is worth trying.
const KINDS: &str = "
    CREATE EXTENSION pg_trgm;
    CREATE TYPE mood AS ENUM ('happy', 'sad', 'angry');
    CREATE FUNCTION slug(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS 'SELECT lower($1)';
    CREATE TABLE event (id bigint PRIMARY KEY, at timestamptz NOT NULL, kind varchar(20) NOT NULL, actor integer NOT NULL, note text);
    INSERT INTO event SELECT n, timestamptz '2024-01-01' + n * interval '1 minute', 'kind ' || n % 7, n % 1000,
      repeat('x', 100) FROM generate_series(1, 80000) n;
    CREATE TABLE document (id bigint PRIMARY KEY, payload jsonb NOT NULL, tags text[], body text, search tsvector, during tstzrange,
      place point, mood mood, level smallint, email text, deleted_at timestamptz, is_paid boolean NOT NULL, \"Odd name\" integer);
    INSERT INTO document SELECT n, jsonb_build_object('kind', n % 9, 'n', n), ARRAY['t' || n % 5], 'body of ' || n,
      to_tsvector('english', 'word' || n % 50), tstzrange(now(), now() + interval '1 hour'), point(n, n),
      (ARRAY['happy', 'happy', 'happy', 'sad', 'angry'])[1 + n % 5]::mood, -1 + n % 4, 'u' || n || '@example.org',
      CASE WHEN n % 10 = 0 THEN now() END, n % 20 <> 0, n % 300 FROM generate_series(1, 20000) n;
    CREATE TABLE line (document bigint REFERENCES document, number integer, amount numeric);
    INSERT INTO line SELECT n % 20000 + 1, n, n FROM generate_series(1, 40000) n;
    CREATE TABLE part_of (id bigint, at date NOT NULL, owner integer) PARTITION BY RANGE (at);
    CREATE TABLE part_2024 PARTITION OF part_of FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
    INSERT INTO part_of SELECT n, date '2024-01-01' + n % 300, n % 500 FROM generate_series(1, 20000) n;
    CREATE INDEX line_document ON line (amount);";

const ASKED_OF_KINDS: &[&str] = &[
    "SELECT count(*) FROM event WHERE at >= '2024-02-01' AND at < '2024-02-02'",
    "SELECT id FROM document WHERE payload @> '{\"kind\": 3}'",
    "SELECT id FROM document WHERE payload ->> 'kind' = '3'",
    "SELECT id FROM document WHERE (payload ->> 'n')::int = 7",
    "SELECT id FROM document WHERE tags && ARRAY['t1']",
    "SELECT id FROM document WHERE search @@ to_tsquery('english', 'word7')",
    "SELECT id FROM document WHERE to_tsvector('english', body) @@ to_tsquery('english', 'word7')",
    "SELECT id FROM document WHERE during && tstzrange('2024-01-01', '2024-02-01')",
    "SELECT id FROM document ORDER BY place <-> point(1, 2) LIMIT 5",
    "SELECT id FROM document WHERE mood = 'sad' AND deleted_at IS NULL ORDER BY id DESC LIMIT 10",
    "SELECT id FROM document WHERE level = -1 AND \"Odd name\" = 5",
    "SELECT id FROM document WHERE lower(email) = 'u1@example.org'",
    "SELECT id FROM document WHERE slug(email) = 'u1@example.org'",
    "SELECT id FROM document WHERE email LIKE 'u12%'",
    "SELECT id FROM document WHERE body ILIKE '%of 77%'",
    "SELECT id FROM document WHERE NOT is_paid",
    "SELECT id FROM document WHERE \"Odd name\" = 5 OR mood = 'angry' AND level = 2",
    "SELECT amount FROM line JOIN document d ON d.id = line.document WHERE d.email = 'u5@example.org'",
    "SELECT number FROM line WHERE amount = 5 AND number > 3",
    "DELETE FROM document WHERE id = 7",
    "SELECT id FROM part_of WHERE owner = 3 ORDER BY at DESC LIMIT 3",
    "SELECT kind, count(*) FROM event GROUP BY kind",
    "SELECT max(at) FROM event WHERE actor = 5",
];

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_condition_has_its_kind_of_index() {
    let server = quiet();
    server.sql("postgres", KINDS);
    server.sql("postgres", "VACUUM ANALYZE");
    let statements: Vec<String> = ASKED_OF_KINDS.iter().map(|text| (*text).to_owned()).collect();
    let advised = Advised::of(server, &statements).await;
    advised.tell("kinds");
    advised.proposes(&[
        "event USING brin (at)",
        "event (kind)",
        "event (actor, at DESC)",
        "document USING gin (payload jsonb_path_ops)",
        "document ((payload ->> 'kind'))",
        "document USING gin (tags)",
        "document USING gin (search)",
        "document USING gin ((to_tsvector('english', body)))",
        "document USING gist (during)",
        "document USING gist (place)",
        "document (id) WHERE (deleted_at IS NULL) AND (mood = 'sad'::public.mood)",
        "document (\"Odd name\") WHERE level = '-1'::integer",
        "document ((lower(email)))",
        "document (email text_pattern_ops)",
        "document USING gin (body public.gin_trgm_ops)",
        "document (id) WHERE NOT is_paid",
        "document (\"Odd name\")",
        "document (mood, level)",
        "line (document)",
        "line (amount, number)",
        "part_of (owner, at DESC)",
    ]);
    let reasons: Vec<&str> =
        advised.candidates.proposed.values().flat_map(|support| &support.reasons).map(|reason| reason.because.as_str()).collect();
    assert!(reasons.iter().any(|because| because.contains("deletes rows of document to which document refers")), "{reasons:#?}");
    assert!(reasons.iter().any(|because| because.contains("line_document, which this would replace")));
    // What could make an insert fail is refused, with what it is.
    let refused = advised.refused();
    let is_refused = |part: &str, why: &str| refused.iter().any(|(index, reason)| index.contains(part) && reason.contains(why));
    assert!(is_refused("::int", "cast"), "{refused:#?}");
    assert!(is_refused("slug(email)", "not known to have a value"), "{refused:#?}");
    advised.never_proposes(|index| index.contains("::int)") || index.contains("slug("));
    advised.all_can_be_made_and_are_known_again().await;
    // With all of them in place, rows that no expression was made for can be written.
    advised.server.sql("postgres", ODD_ROWS);
}

/// Rows with nothing in them, with a long body, and with documents of another form.
const ODD_ROWS: &str = "
    INSERT INTO document (id, payload, is_paid) VALUES (-1, 'null', false);
    INSERT INTO document (id, payload, tags, body, search, during, email, is_paid)
      VALUES (-2, '[1, \"x\"]', '{}', '', '', 'empty', '', false), (-3, '{\"n\": \"many\", \"kind\": {\"a\": []}}', '{NULL}',
        repeat('word ', 20000), to_tsvector('english', 'a'), tstzrange(NULL, NULL), 'e', true);
    INSERT INTO line VALUES (NULL, NULL, 'NaN')";

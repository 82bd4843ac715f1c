//! Faults of indexes, and indexes that are missing.

use jiff::ToSpan;
use pgtailor::checks::{Subject, run};
use pgtailor::model::change::{Change, ChangeClass};
use pgtailor::model::disuse::Counters;
use pgtailor::model::rollout::Estimate;
use pgtailor::model::workload::Workload;
use pgtailor::{Database, DropEvidence, Request, Rules, capture, plan};
use pgtailor_testkit::server::Server;

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
    Case {
        check: "invalid-index",
        schema: "CREATE TABLE t (a int); INSERT INTO t SELECT 1 FROM generate_series(1, 10); CREATE INDEX t_a ON t (a)",
        planted: "CREATE INDEX t_a_ccold ON t (a); UPDATE pg_index SET indisvalid = false WHERE indexrelid = 't_a_ccold'::regclass",
        healthy: "REINDEX INDEX CONCURRENTLY t_a",
        ..CASE
    },
    Case {
        check: "unindexed-foreign-key",
        schema: "CREATE TABLE p (id int PRIMARY KEY); INSERT INTO p SELECT generate_series(1, 1000);
                 CREATE TABLE t (id int PRIMARY KEY, p_id int REFERENCES p, filler text);
                 INSERT INTO t SELECT i, i % 900 + 1, repeat('x', 50) FROM generate_series(1, 20000) i; ANALYZE p, t",
        planted: "CREATE INDEX ON t (p_id) WHERE id > 10000; CREATE INDEX ON t (id, p_id)",
        healthy: "CREATE INDEX ON t (p_id) WHERE p_id IS NOT NULL",
        traffic: "DELETE FROM p WHERE id = (SELECT max(id) FROM p)",
        times: 12,
        ..CASE
    },
    Case {
        check: "unindexed-foreign-key",
        schema: "CREATE TABLE p (a int, b int, PRIMARY KEY (a, b)); INSERT INTO p SELECT i, 1 FROM generate_series(1, 1000) i;
                 CREATE TABLE t (id int PRIMARY KEY, a int, b int, filler text, FOREIGN KEY (a, b) REFERENCES p);
                 INSERT INTO t SELECT i, i % 900 + 1, 1, repeat('x', 50) FROM generate_series(1, 20000) i; ANALYZE p, t",
        planted: "CREATE INDEX ON t (b)",
        healthy: "CREATE INDEX ON t (b, a)",
        traffic: "DELETE FROM p WHERE a = (SELECT max(a) FROM p)",
        times: 12,
        ..CASE
    },
    Case {
        check: "outdated-collation",
        schema: "CREATE TABLE t (a text COLLATE \"en-x-icu\"); CREATE TABLE other (a text COLLATE \"de-x-icu\", b int); CREATE INDEX ON other (a)",
        planted: "CREATE INDEX ON t (a); UPDATE pg_collation SET collversion = '1' WHERE collname = 'en-x-icu'",
        healthy: "CREATE INDEX ON t (a COLLATE \"C\"); UPDATE pg_collation SET collversion = '1' WHERE collname = 'en-x-icu'",
        ..CASE
    },
    Case {
        check: "unselective-index",
        schema: "CREATE TABLE t (id int PRIMARY KEY, state int, owner int, filler text);
                 INSERT INTO t SELECT i, i % 3, i % 700, repeat('x', 130) FROM generate_series(1, 60000) i; ANALYZE t",
        planted: "CREATE INDEX ON t (state)",
        healthy: "CREATE INDEX ON t (state, owner)",
        traffic: "SET enable_seqscan = off; SELECT count(filler) FROM t WHERE state = 1 AND owner = 7",
        times: 110,
        ..CASE
    },
    Case {
        check: "low-cardinality-index",
        schema: "CREATE TABLE t (id int PRIMARY KEY, done bool, kind int);
                 INSERT INTO t SELECT i, i % 100 > 0, i % 5 FROM generate_series(1, 200000) i; ANALYZE t",
        planted: "CREATE INDEX ON t (done)",
        healthy: "CREATE INDEX ON t (id) WHERE NOT done; CREATE INDEX ON t (kind); CREATE INDEX ON t (done, id)",
        ..CASE
    },
    Case {
        check: "low-cardinality-index",
        schema: "CREATE TABLE t (id int PRIMARY KEY, deleted_at timestamptz);
                 INSERT INTO t SELECT i, CASE WHEN i % 50 = 0 THEN now() - i * interval '1 minute' END FROM generate_series(1, 200000) i; ANALYZE t",
        planted: "CREATE INDEX ON t (deleted_at)",
        healthy: "CREATE INDEX ON t (deleted_at) WHERE deleted_at IS NOT NULL",
        ..CASE
    },
    Case {
        check: "unused-index",
        schema: "CREATE TABLE t (id int PRIMARY KEY, note text); INSERT INTO t SELECT i, 'note ' || i FROM generate_series(1, 50000) i; ANALYZE t",
        planted: "CREATE INDEX t_note ON t (note)",
        healthy: "CREATE INDEX t_note ON t (note); SET enable_seqscan = off; SELECT id FROM t WHERE note = 'note 7'",
        days_later: 10,
        ..CASE
    },
    Case {
        check: "unused-index",
        schema: "CREATE TABLE t (id int PRIMARY KEY, note text); INSERT INTO t SELECT i, 'note ' || i FROM generate_series(1, 50000) i; ANALYZE t",
        planted: "CREATE INDEX t_note ON t (note)",
        healthy: "CREATE UNIQUE INDEX t_note ON t (note)",
        traffic: "INSERT INTO t SELECT max(id) + 1, 'another ' || max(id) FROM t",
        times: 20,
        days_later: 40,
        ..CASE
    },
    Case {
        check: "duplicate-index",
        schema: "CREATE TABLE t (id int PRIMARY KEY, a int, b text)",
        planted: "CREATE INDEX one ON t (lower(b), a) WHERE a > 0; CREATE INDEX other ON t (lower((b)::text), a) WHERE (a > 0);
                  CREATE INDEX again ON t (lower(b), a) WHERE a > 0",
        healthy: "CREATE INDEX ON t (a); CREATE INDEX ON t (a DESC NULLS LAST); CREATE INDEX ON t (a) WHERE a > 0; CREATE UNIQUE INDEX ON t (a);
                  CREATE INDEX ON t (b); CREATE INDEX ON t (b text_pattern_ops); CREATE INDEX ON t (b COLLATE \"C\"); CREATE INDEX ON t USING hash (a)",
        ..CASE
    },
    Case {
        check: "redundant-index",
        schema: "CREATE TABLE t (id int PRIMARY KEY, a int, b int, c int);
                 INSERT INTO t SELECT i, i, i, i FROM generate_series(1, 20000) i; ANALYZE t",
        planted: "CREATE INDEX ON t (a); CREATE INDEX ON t (a, b)",
        healthy: "CREATE UNIQUE INDEX ON t (a); CREATE INDEX ON t (a, b DESC); CREATE INDEX ON t (b, a); CREATE INDEX ON t (a, b) WHERE c > 0;
                  CREATE INDEX ON t (c) INCLUDE (a); CREATE INDEX ON t (c, b)",
        ..CASE
    },
    Case {
        check: "hot-blocking-index",
        schema: "CREATE TABLE t (id int PRIMARY KEY, seen int, agent int) WITH (fillfactor = 40);
                 INSERT INTO t SELECT i, i, i FROM generate_series(1, 2500) i; CREATE INDEX ON t (agent); ANALYZE t",
        planted: "CREATE INDEX ON t (seen)",
        healthy: "SELECT 1",
        traffic: "UPDATE t SET seen = seen + 1",
        times: 5,
        ..CASE
    },
    Case {
        check: "many-indexes",
        schema: "CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a int, b int, c int, d int, e int, f int, g int)",
        planted: "CREATE INDEX ON t (a); CREATE INDEX ON t (b); CREATE INDEX ON t (c); CREATE INDEX ON t (d); CREATE INDEX ON t (e);
                  CREATE INDEX ON t (f); CREATE INDEX ON t (g)",
        healthy: "CREATE INDEX ON t (a); CREATE INDEX ON t (b)",
        traffic: "INSERT INTO t (a, b, c, d, e, f, g) SELECT i, i, i, i, i, i, i FROM generate_series(1, 2000) i",
        times: 6,
        days_later: 10,
        ..CASE
    },
    Case {
        check: "bloated-index",
        schema: "CREATE TABLE t (a int); INSERT INTO t SELECT generate_series(1, 100000); CREATE INDEX t_a ON t (a)",
        planted: "DELETE FROM t WHERE a % 5 > 0; VACUUM t --- ANALYZE t",
        healthy: "DELETE FROM t WHERE a % 5 = 0; VACUUM t --- ANALYZE t",
        ..CASE
    },
];

/// Indexes of every kind that a check says is superfluous, beside those that it tells and does not propose to drop.
const SUPERFLUOUS: &str = "
    CREATE TABLE t (id int PRIMARY KEY, a int, b int, note text);
    INSERT INTO t SELECT i, i, i % 7, 'note ' || i FROM generate_series(1, 50000) i;
    CREATE INDEX unused ON t (note);
    CREATE INDEX one ON t (a); CREATE INDEX same ON t (a);
    CREATE INDEX narrow ON t (b); CREATE INDEX wide ON t (b, note);
    CREATE UNIQUE INDEX distinct_a ON t (a); CREATE UNIQUE INDEX distinct_again ON t (a);
    CREATE INDEX t_note_ccnew ON t (note); UPDATE pg_index SET indisvalid = false WHERE indexrelid = 't_note_ccnew'::regclass;
    ANALYZE t";

#[tokio::test(flavor = "multi_thread")]
async fn a_drop_that_a_check_proposes_is_one_that_the_rollout_carries_out() {
    let server = Server::with_settings(&[("autovacuum", "off")]);
    server.sql("postgres", SUPERFLUOUS);
    let database = Database::from_url(&server.lab.url("postgres")).expect("a lab's address is well formed");
    let now = capture(&database).await.expect("a snapshot");
    // That nobody scans an index says nothing of one that may have been built yesterday: an earlier capture shows that it was not.
    // A much wider substitute replaces a narrow one that was seen to be unused for a week only.
    let at_once = &["one", "same", "t_note_ccnew"][..];
    let superfluous = &["narrow", "one", "same", "t_note_ccnew"][..];
    let with_unused = &["narrow", "one", "same", "t_note_ccnew", "unused", "wide"][..];
    let earlier = || DropEvidence { earlier: vec![Counters::of(&now)], ..DropEvidence::default() };
    for (days, evidence, expected) in
        [(3, earlier(), at_once), (40, DropEvidence::default(), superfluous), (40, earlier(), with_unused)]
    {
        let mut snapshot = now.clone();
        snapshot.captured_at = snapshot.captured_at.checked_add((days * 24).hours()).expect("a date of our time");
        let workload = Workload::default();
        let subject = Subject { drop_evidence: &evidence, ..Subject::new(&snapshot, &workload) };
        let findings = run(&subject).findings;
        let remedies = findings.into_iter().filter_map(|finding| Some((finding.remedy?, finding.problem)));
        let requests: Vec<Request> = remedies
            .filter(|(change, _)| matches!(change, Change::DropIndex { .. }))
            .map(|(change, reason)| Request { change, reason, estimate: Estimate::default() })
            .collect();
        let mut names: Vec<&str> = requests.iter().filter_map(|request| request.change.index_name()).collect();
        names.sort_unstable();
        assert_eq!(names, expected, "after {days} days");
        let rollout = plan(&requests, &snapshot, &Rules { evidence, ..Rules::allowing(ChangeClass::ALL.into()) });
        assert!(rollout.left_out.is_empty(), "after {days} days: {:?}", rollout.left_out);
        assert_eq!(rollout.steps.len(), names.len());
    }
}
